"""Lists the reports of one namespace or of all namespaces."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

import click
import msgspec
from msgspec import structs

from wfreport.api.argo import LABEL_CRON_WORKFLOW, UNFINISHED_PHASES, Instant, Struct
from wfreport.api.classes import CLASS_OF_WAIT
from wfreport.api.nesting import json_decoder
from wfreport.api.reasons import ORDINARY_WAITS
from wfreport.api.run import WorkflowSource
from wfreport.api.wire import field_path
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster
from wfreport.core.compare.origin import origin_of
from wfreport.kube.errors import NotFoundError
from wfreport.kube.kinds import REPORT
from wfreport.kube.resource import Resource

_WAITED_FOR: Final = frozenset(CLASS_OF_WAIT.values())
NO_REPORTS_KIND: Final = "the cluster has no WorkflowReport kind; install the operator and its CRD first"


class _RowWorkflowRef(Struct, frozen=True):
    name: str = ""


class _RowSpec(Struct, frozen=True):
    workflow_ref: _RowWorkflowRef = _RowWorkflowRef()


class _RowWorkflow(Struct, frozen=True):
    uid: str = ""
    phase: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""


class _RowFailure(Struct, frozen=True):
    display_name: str = ""
    owner: str = ""


class _RowWait(Struct, frozen=True):
    display_name: str = ""
    reason: str = ""


class _RowStalled(Struct, frozen=True):
    reason: str = ""


class _RowCounts(Struct, frozen=True):
    total: int | None = None
    failed: int = 0
    errored: int = 0
    retried_attempts: int = 0


class HeldRow(Struct, frozen=True):
    """Why a policy does not act on a run."""

    policy_name: str = ""
    rule: str | None = None
    reason: str = ""
    message: str | None = None
    recheck_at: Instant | None = None


class _RowRemediation(Struct, frozen=True):
    root_uid: str = ""
    held: HeldRow | None = None


class _RowStatus(Struct, frozen=True):
    observed_workflow: _RowWorkflow = _RowWorkflow()
    summary: str = ""
    failure_class: str = ""
    reason: str = ""
    step: str = ""
    failures: tuple[_RowFailure, ...] = ()
    waiting: tuple[_RowWait, ...] = ()
    stalled: _RowStalled | None = None
    counts: _RowCounts = _RowCounts()
    step_counts: _RowCounts = _RowCounts()
    workflow_source: WorkflowSource | None = None
    remediation: _RowRemediation = _RowRemediation()


class _RowMetadata(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: Instant | None = None


class ReportRow(Struct, frozen=True):
    """The fields of a report that a list shows or filters by."""

    metadata: _RowMetadata = _RowMetadata()
    spec: _RowSpec = _RowSpec()
    status: _RowStatus = _RowStatus()

    @property
    def started_at(self) -> datetime | None:
        """The start of the run, or the creation of the report if the run has not started."""
        return self.status.observed_workflow.started_at or self.metadata.creation_timestamp

    @property
    def leading_failure(self) -> _RowFailure:
        """The failure that made the run fail; an empty one if it did not fail."""
        return self.status.failures[0] if self.status.failure_class and self.status.failures else _RowFailure()

    @property
    def reason(self) -> str:
        """Why the run failed, or what it waits for; reports of an older operator lack the field."""
        return self.status.reason or self.status.failure_class or self._leading_wait.reason

    @property
    def step(self) -> str:
        """Display name of the step that the reason is about."""
        return self.status.step or self.leading_failure.display_name or self._leading_wait.display_name

    @property
    def origin(self) -> str:
        """What the run has in common with comparable ones, such as ``CronWorkflow/etl``."""
        return origin_of(self.status.workflow_source, self.spec.workflow_ref.name)

    def is_of_class(self, classes: Sequence[str]) -> bool:
        """Whether the run failed with one of the classes, or waits for what would fail it with one."""
        if self.status.failure_class:
            return self.status.failure_class in classes
        return any(CLASS_OF_WAIT.get(wait.reason) in classes for wait in self.status.waiting)

    @property
    def is_stuck(self) -> bool:
        """Whether the run hangs, or waits for something that does not come by itself."""
        waits = [wait.reason for wait in self.status.waiting]
        return self.status.stalled is not None or any(reason not in ORDINARY_WAITS for reason in waits)

    @property
    def _leading_wait(self) -> _RowWait:
        return self.status.waiting[0] if self.status.waiting else _RowWait()


class _RowName(Struct, frozen=True):
    metadata: _RowMetadata = _RowMetadata()


_decode_row = json_decoder(ReportRow)
_decode_name = json_decoder(_RowName)


class Filters(msgspec.Struct, frozen=True):
    """Filters of a list of reports; an empty one matches all.

    Attributes:
        classes: failure classes; one of them must match.
        phases: phases of the run; one of them must match.
        cron: name of the CronWorkflow that created the run.
        selector: label selector in kubectl's syntax.
        workflow: name of the Workflow.
        owner: party that must fix the leading failure.
        since_seconds: how long ago the run may have started.
        stuck: whether only runs that hang or wait in vain match.
    """

    classes: Sequence[str] = ()
    phases: Sequence[str] = ()
    cron: str | None = None
    selector: str | None = None
    workflow: str | None = None
    owner: str | None = None
    since_seconds: float | None = None
    stuck: bool = False


class ListedReport(msgspec.Struct, frozen=True):
    """A report of a list: the fields of its row, and the object as the server sent it."""

    row: ReportRow
    raw: msgspec.Raw

    @property
    def object(self) -> dict[str, Any]:
        """The object."""
        return readable_object(self.raw)


def readable_object(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """Decode an object without ``managedFields``, as kubectl prints it."""
    document: dict[str, Any] = msgspec.json.decode(raw)
    document.get("metadata", {}).pop("managedFields", None)
    return document


async def find_reports(cluster: Cluster, namespace: str | None, filters: Filters) -> AsyncIterator[ListedReport]:
    """Yield the reports that match all filters except ``owner``, ``since_seconds`` and ``stuck``.

    The API server selects them.

    A field selector has no "or": each pair of class and phase is a list of its own, and no report is in two of them.
    A run that waits has no class yet, so those that go on are listed as well if a class is wanted. A report that this
    version cannot decode is named on stderr and left out.

    Raises:
        UnusableInput: the cluster has no WorkflowReport kind.
        ApiError: a request failed.
    """
    label_selector, _ = selectors_of(filters)
    for failure_class, phase in product(filters.classes or ("",), filters.phases or ("",)):
        field_selector = _field_selector(filters.workflow, failure_class, phase)
        async for raw in raw_reports(cluster, namespace, label_selector=label_selector, field_selector=field_selector):
            listed = decode_or_name(raw)
            if listed:
                yield listed
    if not _WAITED_FOR.isdisjoint(filters.classes):
        phases = [phase for phase in UNFINISHED_PHASES if not filters.phases or phase in filters.phases]
        async for listed in find_reports(cluster, namespace, structs.replace(filters, classes=(), phases=phases)):
            if phases and not listed.row.status.failure_class and listed.row.is_of_class(filters.classes):
                yield listed


async def raw_reports(
    cluster: Cluster,
    namespace: str | None,
    *,
    label_selector: str = "",
    field_selector: str = "",
) -> AsyncIterator[msgspec.Raw]:
    """Yield reports as the server sent them, page by page.

    Raises:
        UnusableInput: the cluster has no WorkflowReport kind.
        ApiError: a request failed.
    """
    reports = Resource(cluster.client, REPORT, msgspec.Raw)
    try:
        async for raw in reports.list(namespace, label_selector=label_selector, field_selector=field_selector):
            yield raw
    except NotFoundError as error:
        raise UnusableInput("API server", NO_REPORTS_KIND) from error


def selectors_of(filters: Filters) -> tuple[str, str]:
    """Return the label selector and the field selector of a watch, which cannot have several classes or phases."""
    labels = [f"{LABEL_CRON_WORKFLOW}={filters.cron}" if filters.cron else "", filters.selector or ""]
    return ",".join(filter(None, labels)), _field_selector(filters.workflow, "", "")


def decode_listed(raw: msgspec.Raw) -> ListedReport:
    """Decode the fields of a list."""
    return ListedReport(_decode_row(raw), raw)


def decode_or_name(raw: msgspec.Raw) -> ListedReport | None:
    """Decode the fields of a list; None, and a line on stderr, for a report that this version cannot decode."""
    try:
        return decode_listed(raw)
    except msgspec.ValidationError as error:
        name = one_line(name_of(raw)[1])
        click.echo(f"{left_out(name, error)}; update wfreport, or use kubectl get wfr {name}", err=True)
        return None


def left_out(name: str, error: msgspec.ValidationError) -> str:
    """Return the line about a report that this version cannot decode."""
    return f"left out: report {one_line(name)}: this version of wfreport cannot read {field_path(error)}"


def name_of(raw: msgspec.Raw) -> tuple[str, str]:
    """Return namespace and name of an object of which only these can be decoded."""
    metadata = _decode_name(raw).metadata
    return metadata.namespace, metadata.name


def _field_selector(workflow: str | None, failure_class: str, phase: str) -> str:
    fields = {
        "status.failureClass": failure_class,
        "status.observedWorkflow.phase": phase,
        "spec.workflowRef.name": workflow,
    }
    return ",".join(f"{field}={value}" for field, value in fields.items() if value)


def newest_first(reports: Iterable[ListedReport]) -> list[ListedReport]:
    """Sort by the start of the run, then by namespace and name if runs started in the same second."""
    by_name = sorted(reports, key=lambda report: (report.row.metadata.namespace, report.row.metadata.name))
    return sorted(by_name, key=lambda report: _epoch_seconds(report.row.started_at), reverse=True)


def _epoch_seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
