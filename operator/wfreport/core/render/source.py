"""Finds the origin of a Workflow, and links to other views of it."""

from datetime import datetime
from typing import Final

from wfreport.api import argo
from wfreport.api.argo import Workflow
from wfreport.api.names import ANNOTATION_CREATOR, ANNOTATION_CREATOR_EMAIL, ANNOTATION_CREATOR_USERNAME
from wfreport.api.run import Links, WorkflowSource
from wfreport.api.wire import SHORT, TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.text import TextSanitizer, clip

_AT: Final = ".at."
"""How Argo writes the sign of an e-mail address in a label (workflow/creator/creator.go)."""


def find_source(workflow: Workflow) -> WorkflowSource | None:
    """Return template, CronWorkflow, predecessor and creator, from spec, labels, annotations and owner."""
    labels, ref = workflow.metadata.labels, workflow.spec.workflow_template_ref
    owner = next((o.name for o in workflow.metadata.owner_references if o.kind == "CronWorkflow"), None)
    own = ref.name if ref and not ref.cluster_scope else None
    cluster = ref.name if ref and ref.cluster_scope else None
    source = WorkflowSource(
        workflow_template=clip(own or labels.get(argo.LABEL_WORKFLOW_TEMPLATE)),
        cluster_workflow_template=clip(cluster or labels.get(argo.LABEL_CLUSTER_WORKFLOW_TEMPLATE)),
        cron_workflow=clip(labels.get(argo.LABEL_CRON_WORKFLOW) or owner),
        scheduled_at=_scheduled_at(workflow),
        resubmitted_from=clip(labels.get(argo.LABEL_RESUBMITTED_FROM)),
        generate_name=clip(workflow.metadata.generate_name),
        creator=clip(_creator(workflow), SHORT),
    )
    return source if source.dump() else None


def _creator(workflow: Workflow) -> str | None:
    """Return who submitted it, by the name that people know: with single sign-on, Argo's label has only an id.

    A resubmission by this operator has annotations about the user who submitted the first run.
    """
    labels, annotations = workflow.metadata.labels, workflow.metadata.annotations
    names = (
        labels.get(argo.LABEL_CREATOR_USERNAME),
        labels.get(argo.LABEL_CREATOR_EMAIL, "").replace(_AT, "@"),
        labels.get(argo.LABEL_CREATOR),
        annotations.get(ANNOTATION_CREATOR_USERNAME),
        annotations.get(ANNOTATION_CREATOR_EMAIL, "").replace(_AT, "@"),
        annotations.get(ANNOTATION_CREATOR),
    )
    return next(filter(None, names), None)


def _scheduled_at(workflow: Workflow) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(workflow.metadata.annotations.get(argo.ANNOTATION_SCHEDULED_TIME, ""))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def find_links(workflow: Workflow, sanitizer: TextSanitizer, ui_url_template: str) -> Links | None:
    """Return the links to Argo's UI, if its URL is configured, and to the trace, if there is one."""
    metadata = workflow.metadata
    ui = (
        ui_url_template.format(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid)
        if ui_url_template
        else None
    )
    trace = sanitizer.text(metadata.annotations.get(argo.ANNOTATION_TRACE_ID))
    return Links(ui=cut(ui, TEXT) if ui else None, trace=trace) if ui or trace else None
