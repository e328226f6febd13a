"""Finished runs reach a collector as traces: once, later if it is down, and never at the cost of anything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from tests.eventually import eventually_async
from tests.tracing.receiver import Answer, Received, otlp_receiver

from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ObservedWorkflow, ReportSpec, ReportStatus, Step, WorkflowRef
from wfreport.api.run import Links
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import ReportHead, Reports, StoredReport
from wfreport.metrics import Metrics
from wfreport.runtime.tasks import cancel_all
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue
from wfreport.settings import InvalidSettingsError, load_settings
from wfreport.tracing.collector import connected_collector
from wfreport.tracing.exporter import MAX_AGE, TraceExporter

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ARGO_TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_report(
    name: str = "etl", *, ended_ago: timedelta = timedelta(minutes=1), steps: int = 2, **fields: Any
) -> StoredReport:
    run = ObservedWorkflow(
        uid=f"uid-{name}",
        resource_version="1",
        phase="Succeeded",
        started_at=NOW - ended_ago - timedelta(minutes=5),
        finished_at=NOW - ended_ago,
    )
    listed = [
        Step(display_name=f"s{n}", node_id=f"{name}-{n}", type="Pod", phase="Succeeded", started_at=run.started_at)
        for n in range(steps)
    ]
    status = ReportStatus(**{"observed_workflow": run, "steps": listed, "links": Links(trace=ARGO_TRACE), **fields})
    head = ReportHead(metadata=ObjectMeta(namespace="team-a", name=name))
    return StoredReport(head, ReportSpec(workflow_ref=WorkflowRef(name=name)), status, status.dump_json(), NOW)


class StoredReports:
    """The reports at the API server."""

    def __init__(self) -> None:
        self.by_name: dict[str, StoredReport] = {}

    async def get(self, namespace: str, name: str) -> StoredReport:
        try:
            return self.by_name[name]
        except KeyError:
            raise NotFoundError(f"{namespace}/{name}", status=404) from None


@dataclass
class World:
    """An exporter with one worker, and the receiver that it sends to."""

    received: Received
    stored: StoredReports
    exporter: TraceExporter
    metrics: Metrics
    queue: WorkQueue

    def write(self, report: StoredReport) -> None:
        self.stored.by_name[report.head.metadata.name] = report
        self.exporter.report_written(report)

    def traces(self, result: str) -> float:
        return float(self.metrics.traces.labels(result)._value.get())


@pytest.fixture
def received() -> Iterator[Received]:
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture
async def world(received: Received) -> AsyncIterator[World]:
    metrics, stored = Metrics(), StoredReports()
    queue = WorkQueue(QueueLimits(), clock=time.monotonic, jitter=lambda: 0.001)
    url = load_settings(otlp_endpoint=received.url).otlp_endpoint
    async with connected_collector(url, {"authorization": "Bearer x"}) as collector:
        assert collector
        exporter = TraceExporter(cast("Reports", stored), collector, queue, metrics=metrics, clock=lambda: NOW)
        worker = Worker(queue, exporter.export, metrics=metrics, clock=time.monotonic, controller="tracing")
        running = asyncio.create_task(worker.run())
        yield World(received, stored, exporter, metrics, queue)
        queue.shut_down()
        await cancel_all({running})


async def test_a_finished_run_is_one_request_with_its_spans(world: World) -> None:
    world.write(a_report())
    await eventually_async(lambda: world.traces("exported") == 1)
    run, *steps = world.received.spans()
    assert (run.name, run.kind, run.parent_span_id) == ("RUN etl", run.SPAN_KIND_SERVER, b"")
    assert [step.name for step in steps] == ["s0", "s1"]
    assert {step.parent_span_id for step in steps} == {run.span_id}
    assert [link.trace_id.hex() for link in run.links] == [ARGO_TRACE]
    assert run.end_time_unix_nano - run.start_time_unix_nano == 300 * 10**9
    (headers,), (path,) = world.received.headers, world.received.paths
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["authorization"] == "Bearer x"


async def test_a_run_is_exported_once_and_a_second_export_is_the_same(world: World, received: Received) -> None:
    report = a_report()
    world.write(report)
    await eventually_async(lambda: world.traces("exported") == 1)
    world.write(report)  # e.g. because a policy acted on it
    world.write(a_report("next"))
    await eventually_async(lambda: world.traces("exported") == 2)
    first, other = received.requests
    assert first != other
    async with connected_collector(f"{received.url}/v1/traces", {}) as collector:
        assert collector
        restarted = TraceExporter(
            cast("Reports", world.stored), collector, world.queue, metrics=world.metrics, clock=lambda: NOW
        )
        await restarted.export(Request(("team-a", "etl"), Priority.URGENT, 0))
    assert received.requests[2] == first


@pytest.mark.parametrize(
    "report",
    [
        a_report(observed_workflow=ObservedWorkflow(uid="u", phase="Running", started_at=NOW)),
        a_report(ended_ago=MAX_AGE + timedelta(seconds=1)),
        a_report(
            conditions=[
                Condition(
                    type=ConditionType.EVIDENCE_COMPLETE,
                    status="Unknown",
                    reason=Reason.CAPTURE_PENDING,
                    last_transition_time=NOW,
                )
            ]
        ),
    ],
    ids=["running", "ended long ago", "pods are being captured"],
)
async def test_other_runs_are_not_exported(world: World, report: StoredReport) -> None:
    world.write(report)
    world.write(a_report("last"))
    await eventually_async(lambda: world.traces("exported") == 1)
    assert {span.name for span in world.received.spans()} == {"RUN last", "s0", "s1"}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_collector_that_is_busy_gets_the_trace_later(world: World, received: Received, status: int) -> None:
    received.answers = [Answer(status), Answer(status, {"Retry-After": "0"})]
    world.write(a_report())
    await eventually_async(lambda: world.traces("exported") == 1)
    assert world.traces("retried") == 2
    assert len(received.requests) == 1


async def test_a_trace_that_is_refused_is_counted_and_given_up(world: World, received: Received) -> None:
    received.answers = [Answer(400), Answer(200, rejected_spans=2)]
    world.write(a_report("refused"))
    world.write(a_report("partly"))
    await eventually_async(lambda: world.traces("rejected") == 2)
    assert len(received.paths) == 2


async def test_a_report_that_is_gone_is_no_error(world: World, received: Received) -> None:
    world.exporter.report_written(a_report("gone"))
    world.write(a_report("there", steps=400))  # large: encoded in the thread
    await eventually_async(lambda: world.traces("exported") == 1)
    assert len(received.spans()) == 401


async def test_an_unreachable_collector_is_a_transient_error() -> None:
    async with connected_collector("http://127.0.0.1:1/v1/traces", {}) as collector:
        assert collector
        with pytest.raises(Exception, match="cannot be reached") as caught:
            await collector.post(b"")
    assert caught.value.transient  # type: ignore[attr-defined]


async def test_without_an_endpoint_there_is_no_collector() -> None:
    async with connected_collector("", {}) as collector:
        assert collector is None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://otel:4318", "http://otel:4318/v1/traces"),
        ("http://otel:4318/", "http://otel:4318/v1/traces"),
        ("https://otel/base/v1/traces", "https://otel/base/v1/traces"),
        ("", ""),
    ],
)
def test_the_path_of_traces_is_added_to_an_endpoint(given: str, used: str) -> None:
    assert load_settings(otlp_endpoint=given).otlp_endpoint == used


@pytest.mark.parametrize("endpoint", ["otel:4318", "grpc://otel:4317", "http://me:pw@otel", "http://otel/?a=b"])
def test_an_endpoint_that_cannot_be_used_is_named(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_OTLP_ENDPOINT", endpoint)
    with pytest.raises(InvalidSettingsError, match="WFREPORT_OTLP_ENDPOINT"):
        load_settings()


def test_headers_are_decoded_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_OTLP_HEADERS", "authorization=Bearer%20abc%2C, x-tenant=1,")
    assert load_settings().otlp_headers == (("authorization", "Bearer abc,"), ("x-tenant", "1"))
    monkeypatch.setenv("WFREPORT_OTLP_HEADERS", "authorization: s3cret")
    with pytest.raises(InvalidSettingsError, match="pair 1 is not name=value") as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)
