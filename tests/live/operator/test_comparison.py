"""What changed since the last success, in the report of a run that failed, at a real API server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, T0, WORKFLOWS, Cluster, workflow

from wfreport.clock import now as clock_now

pytestmark = pytest.mark.cluster


def test_a_failure_names_what_changed_since_the_last_success(world: Cluster) -> None:
    def run(number: int, image: str, **status: Any) -> dict[str, Any]:
        """Let a run end, and return its report once that shows the end."""
        name = f"day-{number}"
        document = workflow(name, world.namespace)
        document["metadata"]["generateName"] = "day-"
        document["spec"]["templates"][1]["container"]["image"] = image
        world.plane.api.post(WORKFLOWS.format(world.namespace), document)
        world.update_workflow(name, started_at=T0 + timedelta(minutes=10 * number), **status)
        world.wait_until_known(name, status["phase"])
        found: dict[str, Any] = world.report_of(name)["status"]
        return found

    operator = world.start_operator(**FAST)
    run(1, "registry/etl:1", phase="Succeeded")
    assert run(2, "registry/etl:1", phase="Succeeded")["summary"] == "Succeeded in 5m00s"
    failure = run(3, "registry/etl:2", phase="Failed", failed=True)
    assert failure["comparison"]["lastSuccess"]["workflowName"] == "day-2"
    assert failure["comparison"]["failure"]["novelty"] == "New"
    assert [each["what"] for each in failure["comparison"]["changes"]] == ["Image"]
    assert failure["summary"].endswith("; first failure after 2 successes; image etl:1 → 2")

    operator.stop()  # the next operator knows the runs from their reports alone
    world.start_operator(**FAST)
    again = run(4, "registry/etl:2", phase="Failed", failed=True)
    assert again["comparison"]["lastSuccess"]["runsSince"] == 1
    assert again["summary"].endswith("; failed the same way 2 times in a row; image etl:1 → 2")


def test_a_run_that_takes_longer_than_earlier_ones_is_told_once_while_it_runs(world: Cluster) -> None:
    def start(name: str) -> None:
        document = workflow(name, world.namespace)
        document["metadata"]["generateName"] = "night-"
        world.plane.api.post(WORKFLOWS.format(world.namespace), document)

    def warnings() -> list[dict[str, Any]]:
        found = [report["status"].get("warnings", []) for report in world.reports_of("night-9") if "status" in report]
        return [warning for warning in (found[0] if found else []) if warning["reason"] == "Slow"]

    def events() -> list[dict[str, Any]]:
        listed = world.plane.api.get(f"/api/v1/namespaces/{world.namespace}/events")["items"]
        return [event for event in listed if event["reason"] == "RunSlow"]

    now = clock_now().replace(microsecond=0)
    world.start_operator(**FAST)
    for number in range(5):
        start(f"night-{number}")
        world.update_workflow(f"night-{number}", started_at=now - timedelta(days=2 + number), phase="Succeeded")
    nights = [f"night-{number}" for number in range(5)]
    for night in nights:
        world.wait_until_known(night, "Succeeded")
    start("night-9")
    world.update_workflow("night-9", started_at=now - timedelta(days=1), phase="Running")
    first = eventually(warnings, bool)
    assert first[0]["message"].startswith("takes longer than usual: 5m00s is the median of the last 5 runs")
    eventually(events, bool)
    world.update_workflow("night-9", started_at=now - timedelta(days=1), phase="Succeeded")
    eventually(lambda: world.phase_of("night-9"), lambda phase: phase == "Succeeded")
    assert len(events()) == 1
    assert warnings() == []
