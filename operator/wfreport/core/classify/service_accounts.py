"""Finds the ServiceAccount with which the pods of a run call the API server."""

from typing import Final

from wfreport.api.argo import Template, Workflow
from wfreport.imports import lazy_pattern

_DEFAULT: Final = "default"
_LOST_RESULT: Final = lazy_pattern(r"\{\{(?:steps|tasks)\.([^{}\s]{1,512}?)\.outputs\.")


def step_of_lost_result(message: str) -> str | None:
    """Return the display name of the step whose result a message misses; None if it names none."""
    match = _LOST_RESULT.search(message)
    return match[1] if match else None


def reporting_account(workflow: Workflow, template: Template | None) -> str | None:
    """Return the ServiceAccount with which Argo's containers of a step report its result.

    None if the spec that was run is unknown: it is that of a template, and Argo has not stored it yet.
    """
    spec = workflow.status.stored_workflow_template_spec
    if spec is None and workflow.spec.workflow_template_ref:
        return None
    spec = spec or workflow.spec
    executors = (template.executor if template else None, spec.executor)
    named = [name for one in executors if one and isinstance(name := one.get("serviceAccountName"), str)]
    own = template.service_account_name if template else ""
    return next(filter(None, (*named, own, spec.service_account_name)), _DEFAULT)
