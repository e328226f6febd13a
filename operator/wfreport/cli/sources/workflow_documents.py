"""Reads Workflows, pods and Events out of documents from files. An error names the input to give instead."""

from collections.abc import Mapping
from typing import Any, Final

from wfreport.api.argo import GROUP
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.documents import Document
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import Snapshot

_HINTS: Final = {
    "Pod": "give pods with --pods, and the Workflow as FILE",
    "Event": "give events with --events, and the Workflow as FILE",
    "CronWorkflow": "explain one of its runs: kubectl get wf -l workflows.argoproj.io/cron-workflow=NAME",
    "WorkflowTemplate": "explain one of its runs: kubectl get wf -l workflows.argoproj.io/workflow-template=NAME",
    "WorkflowReport": "it is already a report; give the Workflow that it describes",
}


def snapshot_of(document: Document) -> Snapshot:
    """Return the Workflow of a document.

    Raises:
        UnusableInput: it is something else; the message suggests what to give instead.
    """
    value = object_of(document, "Workflow")
    if not str(value.get("apiVersion", f"{GROUP}/")).startswith(f"{GROUP}/"):
        raise UnusableInput(
            document.origin, f"it is a Workflow of {one_line(str(value['apiVersion']))}, not of {GROUP}"
        )
    try:
        snapshot = decode_workflow(value)
    except NotAWorkflow as error:
        raise UnusableInput(document.origin, one_line(str(error))) from error
    if not snapshot.workflow.metadata.name:
        raise UnusableInput(
            document.origin,
            "metadata.name is missing; give a Workflow that was submitted: kubectl get wf -o yaml",
        )
    return snapshot


def object_of(document: Document, expected_kind: str) -> Mapping[str, Any]:
    """Return the document as an object of the expected kind.

    Raises:
        UnusableInput: it is something else; the message suggests what to give instead.
    """
    value, kind = document.value, one_line(document.kind)
    if not isinstance(value, Mapping):
        raise UnusableInput(document.origin, f"expected a {expected_kind}, not {_type_name(value)}")
    if isinstance(value.get("workflow"), Mapping) and "pods" in value:
        raise UnusableInput(
            document.origin,
            "this is a recording; split it: .workflow into FILE, .pods for --pods, .events for --events "
            "(jq .workflow, jq .pods, jq .events)",
        )
    if "object" in value and "type" in value and isinstance(value["object"], Mapping):
        raise UnusableInput(document.origin, "this is a watch event, not an object; give its .object")
    if not kind:
        raise UnusableInput(document.origin, f"it has no kind; expected a {expected_kind} as printed by kubectl")
    if kind != expected_kind:
        raise UnusableInput(document.origin, f"it is a {kind}, not a {expected_kind}; {_hint(kind, expected_kind)}")
    return value


def _hint(kind: str, expected_kind: str) -> str:
    if expected_kind == "Workflow":
        return _HINTS.get(kind, f"give a {expected_kind}")
    return f"give a {expected_kind} or a list of them"


def _type_name(value: Any) -> str:
    names = {type(None): "null", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "an unknown type")
