"""``wfreport explain``: computes the reports of Workflows from a file."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.api.report import WorkflowReport
from wfreport.cli.group import Command
from wfreport.cli.options import output_option, page_options
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.output import PAGE_FORMATS, print_reports
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.computed_reports import EVERY_STEP, ORDINARY, Report, SuppliedEvidence, compute_report
from wfreport.cli.sources.documents import STDIN, Document, read_documents
from wfreport.cli.sources.workflow_documents import object_of, snapshot_of
from wfreport.core.snapshot.decode import NotAnObject, decode_event, decode_pod
from wfreport.core.snapshot.model import RenderOptions

if TYPE_CHECKING:
    from wfreport.cli.render.live_details import LiveDetails

_ObjectT = TypeVar("_ObjectT")


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, also for a failed Workflow",
        ExitCode.UNUSABLE: "some of the input cannot be used",
    },
    examples=(
        "kubectl get wf etl-x7k2p -o yaml | %(prog)s explain -",
        "%(prog)s explain failed.json.gz --pods pods.json --events events.json",
        "%(prog)s explain failed.json -o html > failed.html",
        "%(prog)s explain failed.json --before good.json -o markdown",
        "kubectl get wf -A -o json | %(prog)s explain - -o json | jq '.items[].status.summary'",
    ),
)
@click.argument("file")
@click.option("--pods", "pods_path", metavar="FILE", help="Pods of the run; they hold details that Argo leaves out.")
@click.option("--events", "events_path", metavar="FILE", help="Kubernetes Events about these pods.")
@click.option(
    "--before",
    "before_path",
    metavar="FILE",
    help="An earlier run that succeeded: a Workflow. What differs from it is shown as what changed.",
)
@output_option(
    "tree",
    "json",
    "yaml",
    *PAGE_FORMATS,
    description="json and yaml: the WorkflowReport that the operator would write; html: one page, markdown: a ticket.",
)
@page_options
@click.pass_context
def explain(
    context: click.Context,
    file: str,
    pods_path: str | None,
    events_path: str | None,
    before_path: str | None,
    output: str,
    color: str,
    *,
    everything: bool,
) -> int:
    """Print what happened to the Workflows in FILE, and why.

    FILE is JSON or YAML, plain or compressed with gzip; - is stdin. It holds a Workflow, several documents, or a list
    as printed by kubectl. On a terminal the report is fitted to the width; in a pipe nothing is cut.
    """
    if [file, pods_path, events_path, before_path].count(STDIN) > 1:
        raise UnusableInput("stdin", "it can be read only once; put the other input into a file")
    evidence = SuppliedEvidence(_read_pods(pods_path), _read_events(events_path))
    documents = read_documents(file)
    if not documents:
        raise UnusableInput("stdin" if file == STDIN else file, "it is an empty list; there is no Workflow to explain")
    options = EVERY_STEP if output in PAGE_FORMATS else ORDINARY
    reports, problems = _compute_reports(documents, evidence, options)
    if before_path is not None:
        reports = _with_earlier_run(reports, before_path, options, problems)
    if pods_path is None and output in ("tree", *PAGE_FORMATS):
        for report in reports:
            _name_missing_option(report)
    is_page = output in ("tree", *PAGE_FORMATS)
    details = _details(reports, context.find_root().command_path) if is_page else ()
    print_reports(
        reports, is_list=len(documents) > 1, output=output, color=color, everything=everything, details=details
    )
    for problem in problems:
        problem.show()
    return ExitCode.UNUSABLE if problems else ExitCode.SUCCEEDED


def _details(reports: Iterable[Report], program: str) -> list["LiveDetails"]:
    """Suggest the next commands for each run. The cluster is that of the reader's current context."""
    from wfreport.cli.render.next_steps import details_without_cluster  # noqa: PLC0415 - only for pages

    return [details_without_cluster(report, program) for report in map(WorkflowReport.model_validate, reports)]


def _name_missing_option(report: Report) -> None:
    """Replace the operator's message that pods were deleted too early: here, nobody gave them."""
    for condition in report["status"].get("conditions", ()):
        if condition["reason"] == Reason.POD_NOT_CAPTURED:
            condition["message"] = "no pods were given; add --pods"


def _compute_reports(
    documents: Iterable[Document], evidence: SuppliedEvidence, options: RenderOptions
) -> tuple[list[Report], list[UnusableInput]]:
    reports, problems = [], []
    for document in documents:
        try:
            snapshot = snapshot_of(document)
            reports.append(compute_report(snapshot, evidence.for_workflow(snapshot.workflow), options))
        except UnusableInput as problem:
            problems.append(problem)
    return reports, problems


def _with_earlier_run(
    reports: list[Report], path: str, options: RenderOptions, problems: list[UnusableInput]
) -> list[Report]:
    from wfreport.cli.sources.compared_runs import (  # noqa: PLC0415 - only for this option
        read_successful_run,
        with_earlier_run,
    )

    if len(reports) > 1:
        raise UnusableInput("--before", f"it is compared with one Workflow, and these are {len(reports)}; give one")
    earlier = read_successful_run(path, options)
    compared = [(report, with_earlier_run(report, earlier)) for report in reports]
    problems += [
        UnusableInput(
            "--before", f"{one_line(report['spec']['workflowRef']['name'])} has not ended; only then is it compared"
        )
        for report, with_comparison in compared
        if with_comparison is None
    ]
    return [with_comparison or report for report, with_comparison in compared]


def _read_pods(path: str | None) -> list[Pod]:
    return [_decode(document, "Pod", decode_pod) for document in read_documents(path)] if path else []


def _read_events(path: str | None) -> list[Event]:
    return [_decode(document, "Event", decode_event) for document in read_documents(path)] if path else []


def _decode(document: Document, kind: str, decode: Callable[[Mapping[str, Any]], _ObjectT]) -> _ObjectT:
    value = document.value
    if not document.kind and isinstance(value, Mapping) and "metadata" in value:
        # Items of a plain array often lack their kind; the option implies it.
        document = Document(document.origin, value, kind)
    try:
        return decode(object_of(document, kind))
    except NotAnObject as error:
        raise UnusableInput(document.origin, one_line(str(error))) from error
