"""No callback of a reconcile holds the event loop for long, whatever the size and the texts of the Workflow are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.builders import REDACTOR, T0
from tests.core.hostile import UNITS, repeated
from tests.examples import steps

from bench.bounds import SHAPES, workflow_of
from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.core.snapshot.decode import decode_event, decode_pod
from wfreport.core.snapshot.model import PodEvidence, RenderOptions
from wfreport.evidence.collector import CollectedEvidence
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import ReportHead, StoredReport, stored_report
from wfreport.metrics import Metrics
from wfreport.reconcile.ownership import ReportOwnership
from wfreport.reconcile.reconciler import Reconciler
from wfreport.reconcile.renderer import StatusRenderer
from wfreport.reconcile.report_writer import ReportWriter, WriteHooks
from wfreport.runtime.workqueue import Priority, Request

pytestmark = pytest.mark.long

MAX_SECONDS = 0.25
NODES = 3_000


class FakeReports:
    """An API server with the one report of a Workflow."""

    def __init__(self) -> None:
        self.status: bytes | None = None

    async def create(self, report: dict[str, Any]) -> StoredReport:
        meta = report["metadata"] | {"uid": "r", "resourceVersion": "1", "creationTimestamp": "2026-11-01T00:00:00Z"}
        return stored_report(json.dumps(report | {"metadata": meta}).encode())

    async def apply_status(self, head: ReportHead, status: bytes) -> ObjectMeta:
        self.status = status
        return msgspec.structs.replace(head.metadata, resource_version="2")


class FakeEvents:
    """Accepts all Events."""

    async def warn(self, *_: Any) -> None:
        pass

    async def record(self, *_: Any, **__: Any) -> None:
        pass


class FakeEvidence:
    """A cluster in which all pods were deleted."""

    def with_nodes(self, snapshot: Any) -> Any:
        return snapshot

    async def collect(self, *_: Any) -> CollectedEvidence:
        return CollectedEvidence(T0)

    async def release(self, *_: Any) -> None:
        pass

    def release_archived(self, _: Any) -> None:
        pass


class FakeWorkflows:
    """An API server with one Workflow."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.read_ahead = SimpleNamespace(take=lambda *_, **__: None)

    def has_instance_id(self, _: Any) -> bool:
        return True

    async def get_json(self, *_: Any, **__: Any) -> bytes:
        return self._raw


def clock() -> datetime:
    return T0


def reconciler(raw: bytes, reports: Any) -> Reconciler:
    events: Any = FakeEvents()
    evidence: Any = FakeEvidence()
    workflows: Any = FakeWorkflows(raw)
    metrics, cache = Metrics(), ReportCache()
    ownership = ReportOwnership("", events=events, metrics=metrics, clock=clock)
    writer = ReportWriter(
        reports=reports,
        events=events,
        cache=cache,
        ownership=ownership,
        metrics=metrics,
        clock=clock,
        hooks=WriteHooks(lambda _: None, lambda _: None),
    )
    return Reconciler(
        workflows=workflows,
        reports=cache,
        running=RunningWorkflows(PollPolicy(), clock=time.monotonic),
        writer=writer,
        evidence=evidence,
        renderer=StatusRenderer(RenderOptions(), REDACTOR),
        metrics=metrics,
    )


@contextmanager
def callback_seconds() -> Iterator[list[float]]:
    """Measure the CPU time of this thread in each callback of the loop."""
    spent: list[float] = []
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        spent.append(time.thread_time() - began)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio.Handle, "_run", measured)
        yield spent


def longest_callback(raw: bytes) -> float:
    """Return the longest CPU time that the second of two reconciles holds the loop: the first compiles patterns."""
    for _ in range(2):
        reports = FakeReports()
        with callback_seconds() as spent:
            asyncio.run(reconciler(raw, reports).reconcile(Request(("ns", "wf"), Priority.PROGRESS, 0)))
        assert reports.status, "the report was written"
        assert ReportStatus.model_validate_json(reports.status).summary
    return max(spent)


@pytest.mark.parametrize("name", steps(list(SHAPES), thinned_to=3))
def test_no_callback_holds_the_loop_for_250_ms_while_a_large_workflow_is_reported(name: str) -> None:
    assert longest_callback(workflow_of(SHAPES[name](NODES))) < MAX_SECONDS


@pytest.mark.parametrize(("failures", "characters"), [(8, 900), (30, 950), (70, 10), (900, 0)])
@pytest.mark.parametrize("unit", steps(["token: ", "a-", *UNITS[::12]], thinned_to=2))
def test_no_callback_holds_the_loop_for_250_ms_while_a_workflow_below_the_bounds_is_reported(
    unit: str, failures: int, characters: int
) -> None:
    messages = [f"{i} " + repeated(unit, characters) if characters else "" for i in range(failures)]
    nodes = {f"n{i}": {"phase": "Failed", "type": "Pod", "message": text} for i, text in enumerate(messages)}
    document = {
        "kind": "Workflow",
        "metadata": {"name": "wf", "namespace": "ns", "uid": "u-1"},
        "status": {"phase": "Failed", "nodes": nodes},
    }
    assert longest_callback(json.dumps(document).encode()) < MAX_SECONDS


def test_no_callback_holds_the_loop_for_250_ms_while_long_texts_of_few_pods_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"wf-{number}" for number in range(5)]

    def texts(kind: str) -> Iterator[str]:
        return (f"{kind}{number} " + repeated("token=AbC1\n", 20_000) for number in range(3))

    def evidence_of(name: str) -> PodEvidence:
        ends = ({"exitCode": 1, "message": name + text} for text in texts("c"))
        ended = [{"name": f"c{number}", "state": {"terminated": end}} for number, end in enumerate(ends)]
        status = {"phase": "Failed", "message": name + next(texts("m")), "containerStatuses": ended}
        events = tuple(decode_event({"type": "Warning", "message": name + text}) for text in texts("e"))
        return PodEvidence(decode_pod({"metadata": {"name": name, "uid": name}, "status": status}), events)

    async def collect(*_: Any) -> CollectedEvidence:
        return CollectedEvidence(T0, by_pod={name: evidence_of(name) for name in names})

    monkeypatch.setattr(FakeEvidence, "collect", collect)
    nodes = {name: {"name": f"wf.{name}", "phase": "Failed", "type": "Pod"} for name in names}
    annotations = {"workflows.argoproj.io/pod-name-format": "v1"}
    metadata = {"name": "wf", "namespace": "ns", "uid": "u-1", "annotations": annotations}
    document = {"kind": "Workflow", "metadata": metadata, "status": {"phase": "Failed", "nodes": nodes}}
    assert longest_callback(json.dumps(document).encode()) < MAX_SECONDS
