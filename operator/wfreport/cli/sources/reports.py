"""Finds the reports of a namespace, or of all namespaces."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, Final

import msgspec

from wfreport.api.argo import LABEL_CRON_WORKFLOW, Instant, Struct
from wfreport.api.names import API_VERSION, PLURAL_REPORTS
from wfreport.cli.problems import UnusableInput
from wfreport.cli.sources.cluster import CHUNK, Cluster
from wfreport.kube.client import join_path
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import ListMeta

NO_REPORTS_KIND: Final = "this cluster knows no WorkflowReports; install the operator and its CRD first"
_BASE: Final = f"/apis/{API_VERSION}"


class _RefRow(Struct, frozen=True):
    name: str = ""


class _SpecRow(Struct, frozen=True):
    workflow_ref: _RefRow = _RefRow()


class _ObservedRow(Struct, frozen=True):
    uid: str = ""
    phase: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""


class _FailureRow(Struct, frozen=True):
    display_name: str = ""
    owner: str = ""


class _CountsRow(Struct, frozen=True):
    total: int | None = None
    failed: int = 0
    errored: int = 0


class _StatusRow(Struct, frozen=True):
    observed_workflow: _ObservedRow = _ObservedRow()
    summary: str = ""
    failure_class: str = ""
    failures: tuple[_FailureRow, ...] = ()
    counts: _CountsRow = _CountsRow()


class _MetadataRow(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    creation_timestamp: Instant | None = None


class ReportRow(Struct, frozen=True):
    """The fields of a report that a list shows or filters by."""

    metadata: _MetadataRow = _MetadataRow()
    spec: _SpecRow = _SpecRow()
    status: _StatusRow = _StatusRow()

    @property
    def started_at(self) -> datetime | None:
        """When the run started; before it has, when the report was made."""
        return self.status.observed_workflow.started_at or self.metadata.creation_timestamp

    @property
    def leading_failure(self) -> _FailureRow:
        """What the run failed of; empty where that is nothing."""
        return self.status.failures[0] if self.status.failure_class and self.status.failures else _FailureRow()


class _ReportList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] = ()


_decode_page = msgspec.json.Decoder(_ReportList).decode
_decode_report = msgspec.json.Decoder(ReportRow).decode


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

    head: ReportRow
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


def newest_first(found: Iterable[ListedReport]) -> list[ListedReport]:
    """By the start of the run; by name where runs started in the same second."""
    by_name = sorted(found, key=lambda report: (report.head.metadata.namespace, report.head.metadata.name))
    return sorted(by_name, key=lambda report: _seconds(report.head.started_at), reverse=True)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
