"""Finds the ServiceAccount with which the pods of a run call the API server."""

from collections.abc import Iterable
from typing import Final

from wfreport.api.argo import Template, Workflow, WorkflowSpec
from wfreport.imports import lazy_pattern

_DEFAULT: Final = "default"
_NAME: Final = lazy_pattern(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LOST_RESULT: Final = lazy_pattern(r"\{\{(?:steps|tasks)\.([^{}\s]{1,512}?)\.outputs\.")


def step_of_lost_result(message: str) -> str | None:
    """Return the display name of the step whose result a message misses; None if it names none."""
    match = _LOST_RESULT.search(message)
    return match[1] if match else None


def reporting_account(workflow: Workflow, templates: Iterable[Template]) -> str | None:
    """Return the ServiceAccount with which Argo's containers of a step report its result.

    None unless it is certain: the spec that was run may be that of a template that Argo has not stored yet, the step's
    template may be unknown, or one of several of its name, and the name of the account may have parameters.

    Args:
        workflow: the Workflow.
        templates: every template with the name of the one that the step calls.
    """
    spec = workflow.status.stored_workflow_template_spec
    if spec is None and workflow.spec.workflow_template_ref:
        return None
    run = spec or workflow.spec
    accounts = {_account(run, template) for template in templates}
    account = accounts.pop() if len(accounts) == 1 else ""
    return account if _NAME.fullmatch(account) else None


def _account(spec: WorkflowSpec, template: Template) -> str:
    """Return the account of a template, into which Argo merges the defaults of the spec's templates."""
    merged = [one for one in (template, spec.template_defaults) if one]
    executors = (*(one.executor for one in merged), spec.executor)
    named = [name for one in executors if one and isinstance(name := one.get("serviceAccountName"), str)]
    own = (one.service_account_name for one in merged)
    return next(filter(None, (*named, *own, spec.service_account_name)), _DEFAULT)
