"""Runs that hang, by an operator with only its shipped permissions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, Cluster, condition

pytestmark = pytest.mark.cluster


def stalled_reason(report: dict[str, Any]) -> str | None:
    reason: str | None = report.get("status", {}).get("stalled", {}).get("reason")
    return reason


def test_a_step_whose_pod_is_gone_is_reported_until_the_run_goes_on(world: Cluster) -> None:
    operator = world.start_operator(**FAST, stalled_grace_seconds=2)
    world.create_workflow("etl", phase="Running", nodes=1)
    report = eventually(
        lambda: world.report_of("etl"), lambda report: stalled_reason(report) == "PodGone", timeout_seconds=60
    )
    assert condition(report, "RunStalled") == ("True", "PodGone")
    assert condition(report, "Ready") == ("True", "ReportCurrent")
    assert (report["status"]["reason"], report["status"]["step"]) == ("PodGone", "step-0")
    assert operator.metric("wfreport_stalled_runs", reason="PodGone") == 1
    (event,) = [one for one in world.events_about(report["metadata"]["name"]) if one["reason"] == "PodGone"]
    assert event["type"] == "Warning"
    world.update_workflow("etl", phase="Succeeded", nodes=1)
    ended = eventually(
        lambda: world.report_of("etl"), lambda report: stalled_reason(report) is None, timeout_seconds=60
    )
    assert "RunStalled" not in [one["type"] for one in ended["status"]["conditions"]]
    assert operator.metric("wfreport_stalled_runs") == 0
