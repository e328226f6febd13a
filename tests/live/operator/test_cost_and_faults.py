"""The operator's requests, counted in the API server's audit log, and its behaviour under faults."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, REPORTS, T0, Cluster, condition, observed

pytestmark = pytest.mark.cluster


def test_a_whole_run_costs_a_handful_of_events_and_one_get_per_interval(world: Cluster) -> None:
    interval_seconds = 2
    operator = world.start_operator(
        poll_interval_min_seconds=interval_seconds,
        poll_interval_max_seconds=interval_seconds,
        resync_interval_seconds=600,
    )
    begun_at = eventually(lambda: operator.metric("process_start_time_seconds"))
    world.create_workflow("big")
    for done in range(200):
        world.update_workflow("big", phase="Running", nodes=200, done=done)
    world.update_workflow("big", phase="Succeeded", nodes=200)
    eventually(lambda: world.phase_of("big"), lambda phase: phase == "Succeeded")
    first, *_, last = gets = [
        event for event in world.requests(verb="get", resource="workflows") if event["objectRef"].get("name") == "big"
    ]
    duration_seconds = (at(last) - at(first)).total_seconds()
    events = sum(
        operator.metric("wfreport_stream_events_total", stream="workflows", type=kind)
        for kind in ("ADDED", "MODIFIED", "DELETED")
    )
    assert begun_at
    assert events <= 5
    assert len(gets) <= 4 + duration_seconds / (interval_seconds * 0.9)
    # After an event the watch cache is new enough. Polls read etcd: the cache can be behind.
    of_events = [event for event in gets if "resourceVersion=" in event["requestURI"]]
    assert of_events
    assert operator.metric("wfreport_projection_misses_total") == 0


def test_a_restart_with_complete_reports_reads_no_workflow_and_writes_nothing(world: Cluster) -> None:
    operator = world.start_operator(**FAST)
    for n in range(20):
        world.create_workflow(f"run-{n}", phase="Failed" if n % 2 else "Succeeded", failed=bool(n % 2))
    eventually(lambda: world.phase_of("run-1"), lambda phase: phase == "Failed")  # it has a report of its own
    world.apply_report("mine", "run-1")
    world.apply_report("early", "nothing-yet")
    eventually(
        lambda: [condition(r, "Ready")[0] for r in world.reports()],
        lambda result: result == ["True"] * 22,
    )
    eventually(
        lambda: [observed(r).get("resourceVersion") for r in world.reports()].count(None),
        lambda unfinished: unfinished == 1,
    )
    operator.stop()
    before, since = world.reports(), world.audit_position()
    second = world.start_operator(**FAST, resync_interval_seconds=1)
    eventually(lambda: second.metric("wfreport_resyncs_total", controller="report", result="ok") >= 3)
    assert world.requests(verb="get", resource="workflows", since=since) == []
    for verb in ("create", "patch", "update", "delete"):
        assert world.requests(verb=verb, resource="workflowreports", since=since) == []
        assert world.requests(verb=verb, resource="workflowreports/status", since=since) == []
    assert world.reports() == before
    assert second.metric("wfreport_resync_repairs_total") == 0


def test_a_cold_start_reads_ended_runs_in_pages_and_writes_twice_for_each(world: Cluster) -> None:
    for n in range(60):
        world.create_workflow(f"run-{n}", phase="Failed" if n % 5 == 1 else "Succeeded", failed=n % 5 == 1)
    since = world.audit_position()
    world.start_operator(**FAST)
    eventually(
        lambda: [observed(report).get("phase") for report in world.reports()],
        lambda phases: (phases.count("Succeeded"), phases.count("Failed")) == (48, 12),
        timeout_seconds=60,
    )
    assert world.requests(verb="get", resource="workflows", since=since) == []
    assert len(world.requests(verb="create", resource="workflowreports", since=since)) == 60
    written = partial(world.requests, verb="patch", resource="workflowreports/status", since=since)
    eventually(written, lambda made: len(made) >= 60)  # a status is read before the request is in the log
    assert len(written()) == 60
    listed = [event["requestURI"] for event in world.requests(verb="list", resource="workflows", since=since)]
    assert len(listed) <= 9, listed
    of_pods = [event["requestURI"] for event in world.requests(verb="list", resource="pods", since=since)]
    assert [uri for uri in of_pods if "run-" in uri] == []


def test_many_running_workflows_are_polled_by_lists(world: Cluster) -> None:
    world.start_operator(**{**FAST, "poll_interval_min_seconds": 1})
    for n in range(12):
        world.create_workflow(f"run-{n}", phase="Running")
    eventually(lambda: [observed(r).get("progress") for r in world.reports()], lambda found: found == ["0/3"] * 12)
    since = world.audit_position()
    for n in range(12):
        world.update_workflow(f"run-{n}", phase="Running", done=2)
    eventually(lambda: [observed(r).get("progress") for r in world.reports()], lambda found: found == ["2/3"] * 12)
    # not "no GET": up to four that are due apart from the others are read one by one
    eventually(lambda: world.requests(verb="list", resource="workflows", since=since))


def test_the_resync_alone_converges(world: Cluster) -> None:
    world.start_operator(**FAST, resync_interval_seconds=1, ignore_events="true")
    world.create_workflow("runs", phase="Running", done=1)
    world.create_workflow("ends", phase="Failed", failed=True)
    world.create_workflow("goes", phase="Running")
    world.apply_report("mine", "ends")
    world.apply_report("early", "late")
    eventually(
        lambda: [observed(world.report_of(name)).get("phase") for name in ("runs", "goes")],
        lambda value: value == ["Running", "Running"],
    )
    eventually(
        lambda: [observed(r).get("phase") for r in world.reports_of("ends")],
        lambda result: result == ["Failed"] * len(result) != [],
    )
    eventually(lambda: condition(world.report_of("late"), "Ready"), lambda value: value == ("True", "AwaitingWorkflow"))
    world.update_workflow("runs", phase="Succeeded")
    world.update_workflow("ends", phase="Running", started_at=T0 + timedelta(hours=1))
    world.delete_workflow("goes")
    world.create_workflow("late", phase="Succeeded")
    eventually(lambda: world.phase_of("runs"), lambda phase: phase == "Succeeded")
    eventually(lambda: {observed(r).get("phase") for r in world.reports_of("ends")}, lambda value: value == {"Running"})
    eventually(
        lambda: condition(world.report_of("goes"), "Succeeded"), lambda value: value == ("False", "WorkflowDeleted")
    )
    eventually(lambda: world.phase_of("late"), lambda phase: phase == "Succeeded")
    name = world.report_of("runs")["metadata"]["name"]
    world.plane.api.delete(f"{REPORTS.format(world.namespace)}/{name}")
    eventually(lambda: world.phase_of("runs"), lambda phase: phase == "Succeeded")


def test_a_killed_operator_continues_from_the_state_in_the_cluster(world: Cluster) -> None:
    world.create_workflow("etl")
    for n, phase in enumerate(("Running", "Running", "Failed")):
        operator = world.start_operator(**FAST)
        world.update_workflow("etl", phase=phase, done=n, failed=phase == "Failed")
        operator.kill()
    world.start_operator(**FAST)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")


def test_it_survives_a_restart_of_the_api_server(world: Cluster) -> None:
    operator = world.start_operator(**FAST)
    world.create_workflow("before", phase="Running", done=1)
    eventually(lambda: world.phase_of("before"), lambda phase: phase == "Running")
    world.plane.restart_apiserver()
    world.update_workflow("before", phase="Succeeded")
    world.create_workflow("after", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("before"), lambda phase: phase == "Succeeded", timeout_seconds=60)
    eventually(lambda: world.phase_of("after"), lambda phase: phase == "Failed", timeout_seconds=60)
    assert operator.stop() == 0


def test_no_request_is_denied(world: Cluster) -> None:
    since = world.audit_position()
    operator = world.start_operator(**FAST)
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    world.apply_report("mine", "etl")
    eventually(lambda: len([r for r in world.reports() if observed(r).get("phase")]) == 2)
    operator.stop()
    codes = {
        (event["verb"], event["responseStatus"]["code"])
        for event in world.plane.audit_events()[since:]
        if event["stage"] == "ResponseComplete"
    }
    assert not [code for code in codes if code[1] in {401, 403}]


def at(event: dict[str, object]) -> datetime:
    """Return the time of a request."""
    return datetime.fromisoformat(str(event["requestReceivedTimestamp"]))
