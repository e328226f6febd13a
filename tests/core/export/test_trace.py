"""A trace has one span for each step of the report, nested as people see them, in OpenTelemetry's own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import cicd_attributes
from tests.core.hostile import cpu_seconds
from tests.core.test_recordings import report_of
from tests.recorded import Recording, chosen_recordings, recording

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.report import Failure, ObservedWorkflow, ReportStatus, Step
from wfreport.api.run import Links, WorkflowSource
from wfreport.api.timing import Timing
from wfreport.core.export.results import PipelineResult, result_of
from wfreport.core.export.trace import Span, Trace, trace_of
from wfreport.core.step_outline import OutlineEntry, outline_steps

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CONVENTIONS = {getattr(cicd_attributes, name) for name in dir(cicd_attributes) if name.startswith("CICD_")}
RESULTS = {value.value for value in cicd_attributes.CicdPipelineResultValues}

Nested = tuple[str, tuple["Nested", ...]]


def trace_of_case(case: Recording) -> Trace | None:
    meta = case.final["workflow"]["metadata"]
    return trace_of(meta["namespace"], meta["name"], report_of(case))


def nested_steps(entry: OutlineEntry) -> Nested:
    return entry.step.node_id, tuple(sorted(map(nested_steps, entry.inside)))


def nested_spans(trace: Trace) -> tuple[Nested, ...]:
    """Return the spans of steps as a tree, waits left out."""
    inside: dict[str, list[Span]] = {}
    for span in trace.spans:
        inside.setdefault(span.parent_id, []).append(span)

    def below(span: Span) -> tuple[Nested, ...]:
        steps = [child for child in inside.get(span.span_id, []) if "cicd.pipeline.task.run.id" in child.attributes]
        return tuple(sorted((str(step.attributes["cicd.pipeline.task.run.id"]), below(step)) for step in steps))

    (run,) = inside[""]
    return below(run)


@pytest.mark.parametrize("case", chosen_recordings(), ids=lambda case: case.name)
def test_the_spans_are_the_tree_of_the_report(case: Recording) -> None:
    trace, status = trace_of_case(case), report_of(case)
    run = status.observed_workflow
    if trace is None:
        assert run is None or not (run.started_at and run.finished_at)
        return
    outline = outline_steps(status.steps or (), case.final["workflow"]["metadata"]["name"])
    tops = (*outline.main, *outline.exit_handlers)
    assert nested_spans(trace) == tuple(sorted(map(nested_steps, tops)))
    assert len({span.span_id for span in trace.spans}) == len(trace.spans)
    assert {span.parent_id for span in trace.spans[1:]} <= {span.span_id for span in trace.spans}
    assert all(span.started_at <= span.ended_at for span in trace.spans)
    names = {name for span in trace.spans for name in (*span.attributes, *trace.resource) if name.startswith("cicd.")}
    assert names <= CONVENTIONS
    results = {span.attributes.get("cicd.pipeline.task.run.result") for span in trace.spans} - {None}
    assert results <= RESULTS


def test_the_same_run_has_the_same_trace_and_a_retried_run_another() -> None:
    first, again = trace_of_case(recording("evicted")), trace_of_case(recording("evicted"))
    assert first == again
    status = report_of(recording("evicted"))
    assert status.observed_workflow
    later = status.observed_workflow.model_copy(update={"started_at": T0})
    retried = trace_of("c", "evicted", status.changed(observed_workflow=later))
    assert first
    assert retried
    assert not {span.span_id for span in first.spans} & {span.span_id for span in retried.spans}


def a_status(*steps: Step, phase: str = "Succeeded", **fields: Any) -> ReportStatus:
    run = ObservedWorkflow(uid="u", phase=phase, started_at=T0, finished_at=T0 + 10 * MINUTE, resource_version="1")
    return ReportStatus(observed_workflow=run, steps=list(steps), **fields)


def a_step(name: str, **fields: Any) -> Step:
    times = {"started_at": T0, "finished_at": T0 + 5 * MINUTE}
    known = {"node_id": name, "type": "Pod", "phase": "Succeeded", **times}
    return Step(display_name=name, **{**known, **fields})


def spans_of(status: ReportStatus) -> dict[str, Span]:
    trace = trace_of("team-a", "wf", status)
    assert trace
    return {span.name: span for span in trace.spans}


def test_waits_are_spans_of_their_own() -> None:
    step = a_step("load", started_at=T0 + 4 * MINUTE, wait_seconds=60, queued_seconds=90)
    trace = trace_of("team-a", "wf", a_status(step, timing=Timing(queued_seconds=30)))
    assert trace
    run, queued, load, waiting, in_queue = trace.spans
    assert (run.started_at, run.ended_at) == (T0 - timedelta(seconds=30), T0 + 10 * MINUTE)
    assert (queued.name, queued.parent_id, queued.ended_at) == ("queued", run.span_id, T0)
    assert (waiting.name, waiting.parent_id) == ("waiting for load", run.span_id)
    assert (waiting.started_at, waiting.ended_at) == (T0 + 3 * MINUTE, load.started_at)
    assert (in_queue.name, in_queue.parent_id) == ("queued", load.span_id)
    assert in_queue.ended_at == load.ended_at, "a wait ends with its step at the latest"


def test_a_run_is_named_after_its_pipeline() -> None:
    assert "RUN wf" in spans_of(a_status())
    assert "RUN wf" in spans_of(a_status(workflow_source=WorkflowSource(creator="me")))
    assert "RUN etl" in spans_of(a_status(workflow_source=WorkflowSource(generate_name="etl-")))
    assert "RUN nightly" in spans_of(a_status(workflow_source=WorkflowSource(cron_workflow="nightly")))


def test_links_lead_to_the_run_and_to_argos_own_trace() -> None:
    links = Links(ui="https://argo/workflows/team-a/wf", trace="0af7651916cd43dd8448eb211c80319c")
    trace = trace_of("team-a", "wf", a_status(a_step("load"), links=links))
    assert trace
    assert trace.argo_trace_id == links.trace
    assert trace.resource["cicd.pipeline.run.url.full"] == links.ui
    assert trace.spans[1].attributes["cicd.pipeline.task.run.url.full"] == f"{links.ui}?nodeId=load"
    odd = trace_of("team-a", "wf", a_status(links=Links(trace="https://tempo/trace/1")))
    assert odd
    assert odd.argo_trace_id == ""


def a_failure(**fields: Any) -> Failure:
    known: dict[str, Any] = {"role": Role.ROOT_CAUSE, "failure_class": FailureClass.EXIT_CODE, "owner": Owner.USER}
    known |= {"retryable": False, "confidence": Confidence.HIGH}
    return Failure(**{**known, **fields})


def test_a_failed_step_says_what_happened_and_where() -> None:
    failure = a_failure(
        node_id="load", failure_class=FailureClass.OOM_KILLED, log_line="boom", host_node_name="m1", container="main"
    )
    status = a_status(
        a_step("load", phase="Failed", exit_code=137, pod_name="wf-load-1"),
        a_step("other", phase="Failed", message="exit code 1"),
        a_step("third", phase="Error"),
        phase="Failed",
        failures=[failure],
        failure_class=FailureClass.OOM_KILLED,
        summary="load: OOMKilled",
    )
    spans = spans_of(status)
    run, load = spans["RUN wf"], spans["load"]
    assert (run.error, run.attributes["error.type"]) == ("load: OOMKilled", "OOMKilled")
    assert (load.error, load.attributes["error.type"], load.attributes["process.exit.code"]) == (
        "boom",
        "OOMKilled",
        137,
    )
    assert (load.attributes["k8s.node.name"], load.attributes["k8s.pod.name"]) == ("m1", "wf-load-1")
    assert (spans["other"].error, spans["other"].attributes["error.type"]) == ("exit code 1", "_OTHER")
    assert spans["third"].error == "Error"


def test_steps_without_times_stay_within_the_run() -> None:
    omitted = a_step("omitted", phase="Omitted", started_at=None, finished_at=None)
    left = a_step("left", phase="Running", finished_at=None)
    spans = spans_of(a_status(omitted, left))
    assert spans["omitted"].started_at == spans["omitted"].ended_at == T0
    assert spans["left"].ended_at == T0 + 10 * MINUTE
    assert spans["left"].attributes["cicd.pipeline.task.run.result"] == "cancellation"


@pytest.mark.parametrize(
    ("phase", "failure", "expected"),
    [
        ("Succeeded", None, PipelineResult.SUCCESS),
        ("Failed", None, PipelineResult.FAILURE),
        ("Error", None, PipelineResult.ERROR),
        ("Skipped", None, PipelineResult.SKIP),
        ("Running", None, PipelineResult.CANCELLATION),
        (None, None, PipelineResult.CANCELLATION),
        ("Succeeded", a_failure(), PipelineResult.SUCCESS),
        ("Error", a_failure(), PipelineResult.FAILURE),
        ("Failed", a_failure(owner=Owner.INFRASTRUCTURE), PipelineResult.ERROR),
        ("Failed", a_failure(failure_class=FailureClass.TIMEOUT), PipelineResult.TIMEOUT),
        ("Failed", a_failure(failure_class=FailureClass.CANCELLED), PipelineResult.CANCELLATION),
    ],
)
def test_the_owner_decides_between_failure_and_error(
    phase: str | None, failure: Failure | None, expected: PipelineResult
) -> None:
    assert result_of(phase, failure) == expected


def test_a_run_whose_times_are_unknown_has_no_trace() -> None:
    assert trace_of("team-a", "wf", ReportStatus()) is None
    assert trace_of("team-a", "wf", ReportStatus(observed_workflow=ObservedWorkflow(started_at=T0))) is None


def test_a_long_chain_of_groups_whose_ids_match_nothing_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        groups = [
            a_step(f"group-{n}" * 5, node_id=f"wf-{n}", type="DAG", children=[n + 1] if n + 1 < count else None)
            for n in range(count)
        ]
        status = a_status(*groups)
        return cpu_seconds(lambda: trace_of("team-a", "wf", status))

    assert seconds(4_000) <= 8 * max(seconds(1_000), 0.01)
