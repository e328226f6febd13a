"""``wfreport list``: the reports of a namespace, or of all, newest first."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final

import click
import msgspec

from wfreport.api.argo import LABEL_CRON_WORKFLOW, Instant, Struct
from wfreport.api.names import API_VERSION, GROUP, PLURAL_REPORTS
from wfreport.cli.cluster import CHUNK, Cluster, Target, run_connected
from wfreport.cli.looks import one_line
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.clock import now as clock_now
from wfreport.core.durations import short_duration
from wfreport.kube.client import join_path
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import ListMeta

NO_REPORTS_KIND: Final = "this cluster knows no WorkflowReports; install the operator and its CRD first"
_BASE: Final = f"/apis/{API_VERSION}"


class _Ref(Struct, frozen=True):
    name: str = ""


class _Spec(Struct, frozen=True):
    workflow_ref: _Ref = _Ref()


class _Observed(Struct, frozen=True):
    uid: str = ""
    phase: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""


class _Failure(Struct, frozen=True):
    display_name: str = ""
    owner: str = ""


class _Counts(Struct, frozen=True):
    total: int | None = None
    failed: int = 0
    errored: int = 0


class _Status(Struct, frozen=True):
    observed_workflow: _Observed = _Observed()
    summary: str = ""
    failure_class: str = ""
    failures: tuple[_Failure, ...] = ()
    counts: _Counts = _Counts()


class _Metadata(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    creation_timestamp: Instant | None = None


class _Report(Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def started_at(self) -> datetime | None:
        """When the run started; before it has, when the report was made."""
        return self.status.observed_workflow.started_at or self.metadata.creation_timestamp

    @property
    def leading_failure(self) -> _Failure:
        """What the run failed of; empty where that is nothing."""
        return self.status.failures[0] if self.status.failure_class and self.status.failures else _Failure()


class _Page(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] = ()


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_report = msgspec.json.Decoder(_Report).decode


@dataclass(frozen=True, slots=True)
class Filters:
    """Which reports are wanted; empty and None: all.

    Attributes:
        classes: failure classes, any of which will do.
        phases: phases of the run, likewise.
        cron: the CronWorkflow that made it.
        selector: a label selector, as kubectl takes it.
        workflow: the name of the Workflow.
        owner: who can do something about the first failure.
        since_seconds: runs that started within this time.
    """

    classes: Sequence[str] = ()
    phases: Sequence[str] = ()
    cron: str | None = None
    selector: str | None = None
    workflow: str | None = None
    owner: str | None = None
    since_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report of a list: what a row shows of it, and the object as the server sent it."""

    head: _Report
    raw: msgspec.Raw

    @property
    def object(self) -> dict[str, Any]:
        """The object."""
        return readable_object(self.raw)


def readable_object(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """An object as kubectl prints it: without what only the API server needs."""
    found: dict[str, Any] = msgspec.json.decode(raw)
    found.get("metadata", {}).pop("managedFields", None)
    return found


def run_list(target: Target, filters: Filters, *, everywhere: bool, output: str, color: str) -> int:
    """Print the reports, and return the exit code.

    Raises:
        UnusableInput: the cluster cannot be reached or refuses us.
    """

    async def act(cluster: Cluster) -> int:
        namespace = None if everywhere else cluster.namespace
        now = clock_now()
        selected = [report async for report in find_reports(cluster, namespace, filters)]
        found = newest_first(report for report in selected if _passes(report.head, filters, now))
        _print(found, output=output, color=color, everywhere=everywhere, now=now)
        if not found and output in ("table", "wide"):
            click.echo(f"No reports found{'' if everywhere else f' in namespace {cluster.namespace}'}.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, act)


async def find_reports(cluster: Cluster, namespace: str | None, filters: Filters) -> AsyncIterator[ListedReport]:
    """The reports that the API server selects: all filters but ``owner`` and ``since_seconds`` are its own.

    A field selector knows no "or": each pair of class and phase is a list of its own, and none is in two of them.

    Raises:
        UnusableInput: the cluster has no such kind.
        ApiError: a request failed.
    """
    path = join_path(_BASE, namespace, PLURAL_REPORTS)
    for failure_class, phase in product(filters.classes or ("",), filters.phases or ("",)):
        params = _selectors(filters, failure_class, phase)
        try:
            async for page in cluster.client.pages(PLURAL_REPORTS, path, _decode_page, limit=CHUNK, params=params):
                for raw in page.items:
                    yield ListedReport(_decode_report(raw), raw)
        except NotFoundError as error:
            raise UnusableInput("API server", NO_REPORTS_KIND) from error


def _selectors(filters: Filters, failure_class: str, phase: str) -> dict[str, str]:
    fields = {
        "status.failureClass": failure_class,
        "status.observedWorkflow.phase": phase,
        "spec.workflowRef.name": filters.workflow,
    }
    labels = [f"{LABEL_CRON_WORKFLOW}={filters.cron}" if filters.cron else "", filters.selector or ""]
    found = {
        "fieldSelector": ",".join(f"{field}={value}" for field, value in fields.items() if value),
        "labelSelector": ",".join(filter(None, labels)),
    }
    return {name: selector for name, selector in found.items() if selector}


def _passes(report: _Report, filters: Filters, now: datetime) -> bool:
    if filters.owner and report.leading_failure.owner != filters.owner:
        return False
    if filters.since_seconds is None:
        return True
    return report.started_at is not None and report.started_at >= now - timedelta(seconds=filters.since_seconds)


def newest_first(found: Iterable[ListedReport]) -> list[ListedReport]:
    """By the start of the run; by name where runs started in the same second."""
    by_name = sorted(found, key=lambda report: (report.head.metadata.namespace, report.head.metadata.name))
    return sorted(by_name, key=lambda report: _seconds(report.head.started_at), reverse=True)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _print(found: Sequence[ListedReport], *, output: str, color: str, everywhere: bool, now: datetime) -> None:
    if output == "name":
        for report in found:
            click.echo(f"{PLURAL_REPORTS.removesuffix('s')}.{GROUP}/{report.head.metadata.name}")
    elif output in ("json", "yaml"):
        from wfreport.cli.output import as_list, print_object  # noqa: PLC0415

        print_object(as_list([report.object for report in found]), output)
    elif found:
        _print_table(found, color=color, everywhere=everywhere, wide=output == "wide", now=now)


def _print_table(found: Sequence[ListedReport], *, color: str, everywhere: bool, wide: bool, now: datetime) -> None:
    from rich.text import Text  # noqa: PLC0415

    from wfreport.cli.console import report_console  # noqa: PLC0415
    from wfreport.cli.table import Column, look_of, phase_cell, print_table  # noqa: PLC0415

    console = report_console(color, sys.stdout)
    look = look_of(console)

    def plain(cell: Callable[[_Report], str], style: str = "") -> Callable[[_Report], Text]:
        return lambda report: Text(one_line(cell(report)), style=style)

    cells: list[tuple[Column, Callable[[_Report], Text], bool]] = [
        (Column("NAMESPACE", least=8), plain(lambda report: report.metadata.namespace), everywhere),
        (Column("WORKFLOW", least=12), plain(lambda report: report.spec.workflow_ref.name, "bold"), True),
        (Column("PHASE"), lambda report: phase_cell(look, report.status.observed_workflow.phase), True),
        (Column("CLASS"), plain(lambda report: report.status.failure_class, "yellow"), True),
        (Column("OWNER"), plain(lambda report: report.leading_failure.owner), wide),
        (Column("STEP", least=8), plain(lambda report: report.leading_failure.display_name), True),
        (Column("PROGRESS"), plain(lambda report: report.status.observed_workflow.progress), wide),
        (Column("FAILED"), plain(_failed), wide),
        (Column("DURATION"), plain(lambda report: _duration(report, now)), True),
        (Column("AGE"), plain(lambda report: _age(report, now)), True),
        (Column("REPORT", least=16), plain(lambda report: report.metadata.name), wide),
        (Column("SUMMARY", 24, optional=True, share=2), plain(lambda report: report.status.summary, "dim"), True),
    ]
    shown = [(column, cell) for column, cell, wanted in cells if wanted]
    rows = [[cell(report.head) for _, cell in shown] for report in found]
    print_table([column for column, _ in shown], rows, console)


def _failed(report: _Report) -> str:
    counts = report.status.counts
    return "" if counts.total is None else f"{counts.failed + counts.errored}/{counts.total}"


def _duration(report: _Report, now: datetime) -> str:
    observed = report.status.observed_workflow
    if observed.started_at is None:
        return ""
    return short_duration(((observed.finished_at or now) - observed.started_at).total_seconds())


def _age(report: _Report, now: datetime) -> str:
    return short_duration((now - report.started_at).total_seconds()) if report.started_at else ""
