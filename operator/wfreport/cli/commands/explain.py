"""``wfreport explain``: Workflows from a file, their reports out, by the same core as the operator's."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wfreport.api.argo import GROUP, LABEL_WORKFLOW, Workflow
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.report import ReportSpec
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.output import as_list, print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.documents import STDIN, Document, read_documents
from wfreport.clock import now
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import NotAnObject, NotAWorkflow, decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.identity import new_report
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot

_FIRST_GENERATION: Final = 1
_HINTS: Final = {
    "Pod": "give pods with --pods, and the Workflow as FILE",
    "Event": "give events with --events, and the Workflow as FILE",
    "CronWorkflow": "explain one of its runs: kubectl get wf -l workflows.argoproj.io/cron-workflow=NAME",
    "WorkflowTemplate": "explain one of its runs: kubectl get wf -l workflows.argoproj.io/workflow-template=NAME",
    "WorkflowReport": "it is a report already; give the Workflow that it is about",
}

Report = dict[str, Any]


def explain(
    path: str, *, pods_path: str | None, events_path: str | None, output: str, color: str, everything: bool
) -> ExitCode:
    """Print the reports of all Workflows in a file; those that cannot be used are named on stderr.

    Raises:
        UnusableInput: nothing in the file, or the evidence, can be used.
    """
    if [path, pods_path, events_path].count(STDIN) > 1:
        raise UnusableInput("stdin", "it can be read once only; put the other input into a file")
    documents = read_documents(path)
    if not documents:
        raise UnusableInput("stdin" if path == STDIN else path, "the list in it is empty; no Workflow to explain")
    evidence = EvidenceOfPods(_pods(pods_path), _events(events_path))
    reports, problems = _reports(documents, evidence)
    _print(reports, is_list=len(documents) > 1, output=output, color=color, everything=everything)
    for problem in problems:
        problem.show()
    return ExitCode.UNUSABLE if problems else ExitCode.SUCCEEDED


def _reports(documents: Iterable[Document], evidence: "EvidenceOfPods") -> tuple[list[Report], list[UnusableInput]]:
    reports, problems = [], []
    for document in documents:
        try:
            snapshot = _snapshot(document)
            reports.append(report_of(snapshot, evidence.of(snapshot.workflow)))
        except UnusableInput as problem:
            problems.append(problem)
    return reports, problems


def _snapshot(document: Document) -> Snapshot:
    value = _object(document, "Workflow")
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


def _object(document: Document, wanted: str) -> Mapping[str, Any]:
    """The document as an object of the wanted kind; where none is named, what it looks like must not contradict."""
    value, kind = document.value, one_line(document.kind)
    if not isinstance(value, Mapping):
        raise UnusableInput(document.origin, f"expected a {wanted}, found {_worded(value)}")
    if isinstance(value.get("workflow"), Mapping) and "pods" in value:
        raise UnusableInput(
            document.origin,
            "this is a recording; split it: .workflow into FILE, .pods for --pods, .events for --events "
            "(jq .workflow, jq .pods, jq .events)",
        )
    if "object" in value and "type" in value and isinstance(value["object"], Mapping):
        raise UnusableInput(document.origin, "this is a watch event, not an object; give what is under .object")
    if not kind:
        raise UnusableInput(document.origin, f"it has no kind; expected a {wanted} as kubectl prints it")
    if kind != wanted:
        hint = _HINTS.get(kind, f"give a {wanted}") if wanted == "Workflow" else f"give a {wanted} or a list of them"
        raise UnusableInput(document.origin, f"it is a {kind}, not a {wanted}; {hint}")
    return value


def _worded(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a text" if isinstance(value, str) else f"a {type(value).__name__}"


def report_of(snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> Report:
    """The report that the operator would write of a Workflow it sees for the first time."""
    report = new_report(snapshot.workflow)
    if not snapshot.workflow.metadata.uid:
        # A file that never saw an API server: without a uid there is nothing to bind to.
        del report["spec"]["workflowRef"]["uid"]
    status = render_status(
        snapshot,
        stored=None,
        spec=ReportSpec.model_validate(report["spec"]),
        generation=_FIRST_GENERATION,
        evidence=evidence,
        options=RenderOptions(),
        redactor=Redactor(),
        now=now(),
    )
    return {**report, "status": status.dump()}


class EvidenceOfPods:
    """Pods and Events of a file, given out to the Workflows they belong to."""

    def __init__(self, pods: Sequence[Pod], events: Sequence[Event]) -> None:
        self._pods = sorted(pods, key=lambda pod: (_created(pod), pod.metadata.uid))
        self._events = [event for event in events if event.involved_object.kind == "Pod"]

    def of(self, workflow: Workflow) -> dict[str, PodEvidence]:
        """Evidence by pod name; of two pods of one name the newer counts, as it does for Argo.

        Events outlive their pod, and tell why it never started or what became of its machine.
        """
        told = [event for event in self._events if event.involved_object.namespace == workflow.metadata.namespace]
        names = {event.involved_object.name for event in told}
        gone = {name: PodEvidence(None, [e for e in told if e.involved_object.name == name]) for name in names}
        mine = [pod for pod in self._pods if _belongs(pod, workflow)]
        return gone | {pod.metadata.name: PodEvidence(pod, [e for e in told if _is_about(e, pod)]) for pod in mine}


def _created(pod: Pod) -> float:
    created = pod.metadata.creation_timestamp
    return created.timestamp() if created else 0.0


def _is_about(event: Event, pod: Pod) -> bool:
    about, metadata = event.involved_object, pod.metadata
    same_uid = not about.uid or not metadata.uid or about.uid == metadata.uid
    return about.name == metadata.name and about.namespace == metadata.namespace and same_uid


def _belongs(pod: Pod, workflow: Workflow) -> bool:
    owner = next((owner.uid for owner in pod.metadata.owner_references if owner.kind == "Workflow"), "")
    if pod.metadata.namespace != workflow.metadata.namespace:
        return False
    if owner and workflow.metadata.uid:
        return owner == workflow.metadata.uid
    return pod.metadata.labels.get(LABEL_WORKFLOW, workflow.metadata.name) == workflow.metadata.name


def _pods(path: str | None) -> list[Pod]:
    return [_decoded(document, "Pod", decode_pod) for document in read_documents(path)] if path else []


def _events(path: str | None) -> list[Event]:
    return [_decoded(document, "Event", decode_event) for document in read_documents(path)] if path else []


def _decoded(document: Document, kind: str, decode: Any) -> Any:
    value = document.value
    if not document.kind and isinstance(value, Mapping) and "metadata" in value:
        # Items of a plain array often lack kind; the option says what they are.
        document = Document(document.origin, value, kind)
    try:
        return decode(_object(document, kind))
    except NotAnObject as error:
        raise UnusableInput(document.origin, one_line(str(error))) from error


def _print(reports: Sequence[Report], *, is_list: bool, output: str, color: str, everything: bool) -> None:
    if output == "tree":
        _print_trees(reports, color=color, everything=everything)
    elif reports:
        print_object(as_list(reports) if is_list else reports[0], output)


def _print_trees(reports: Sequence[Report], *, color: str, everything: bool) -> None:
    # rich takes a tenth of a second to import, and -o json does without it.
    from wfreport.cli.render.console import report_console  # noqa: PLC0415
    from wfreport.cli.render.report_page import print_report  # noqa: PLC0415

    console = report_console(color, sys.stdout)
    for number, report in enumerate(reports):
        if number:
            console.print("\n")
        print_report(report, console, everything=everything)
