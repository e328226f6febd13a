"""Reports as users may write them, statuses as administrators may forge them, and runs that end outside of time.

None of them ends the operator, keeps it from starting, or delays a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, REPORTS, WORKFLOWS, Cluster, RunningOperator, condition, observed

from controlplane import ApiError

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
SETTINGS: Final = {**FAST, "resync_interval_seconds": 1}
YEAR_0, YEAR_9999 = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
_WORDS: Final = "x" * 1024
_ODD: Final = "\u202egnp\u200b\x00\x1b[31m" * 40


def _failures() -> Json:
    texts = {"displayName": _ODD[:200], "message": _WORDS, "nodeId": "n", "podName": "p" * 253}
    failure = texts | {"class": "OOMKilled", "role": "RootCause", "owner": "User", "retryable": True}
    failures = [failure | {"confidence": "High", "finishedAt": YEAR_0}] * 100
    return {"failures": failures, "failureClass": "OOMKilled", "summary": _ODD}


def _conditions(number: int) -> Json:
    one = {"status": "True", "reason": "R", "message": _WORDS, "lastTransitionTime": YEAR_0}
    return {"conditions": [one | {"type": f"C{n}"} for n in range(number)]}


def _run(**fields: Any) -> Json:
    return {"observedWorkflow": {"phase": "Failed", **fields}}


LARGEST: Final = 2**63 - 1
FORGED: Final[Mapping[str, Callable[[], Json]]] = {
    "year 0": lambda: _run(finishedAt=YEAR_0),
    "year 9999": lambda: _run(startedAt="9999-12-31T23:59:59-14:00", finishedAt=YEAR_9999),
    "odd times": lambda: _run(startedAt="2026-11-29T12:00:00+99:99", finishedAt="2026-11-29T12:00:00ZTlater"),
    "numbers": lambda: {
        "timing": {"durationSeconds": LARGEST, "queuedSeconds": LARGEST},
        "observedGeneration": LARGEST,
        "resources": {"cpuSeconds": LARGEST},
        **_run(startedAt=YEAR_9999, finishedAt=YEAR_9999),
    },
    "failures": _failures,
    "an unknown class": lambda: {"failureClass": "Melted", **_run(phase="Melted")},
    "some conditions": lambda: _conditions(5),
    "all conditions": lambda: _conditions(16),
    "abandoned": lambda: {
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "ReconcileAbandoned",
                "message": "",
                "lastTransitionTime": YEAR_9999,
            }
        ]
    },
}
"""Statuses that the API server accepts, of a report that describes another run."""


def forge(world: Cluster, name: str, status: Json) -> None:
    """Replace a report's status, as somebody may who has the right to."""

    def replace() -> bool:
        path = f"{REPORTS.format(world.namespace)}/{name}"
        try:
            world.plane.api.put(f"{path}/status", world.plane.api.get(path) | {"status": status})
        except ApiError as error:
            if error.reason != "Conflict":
                raise
            return False  # the operator has written in between
        return True

    eventually(replace)


def is_right(world: Cluster, name: str) -> bool:
    """Return whether a report describes its run, which failed with exit code 1."""
    report = world.plane.api.get(f"{REPORTS.format(world.namespace)}/{name}")
    status = report.get("status", {})
    failures = [failure["class"] for failure in status.get("failures", ())]
    return (observed(report).get("phase"), failures, status.get("failureClass"), condition(report, "Ready")) == (
        "Failed",
        ["ExitCode"],
        "ExitCode",
        ("True", "ReportCurrent"),
    )


def assert_alive(world: Cluster, operator: RunningOperator, neighbour: str) -> None:
    """Assert that resyncs go on, and that a new run is reported."""
    done = operator.metric("wfreport_resyncs_total", controller="report", result="ok")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report", result="ok") >= done + 2)
    world.create_workflow(neighbour, phase="Succeeded")
    eventually(lambda: world.phase_of(neighbour), lambda phase: phase == "Succeeded")
    assert operator.answer("/healthz") == "ok\n"
    assert operator.metric("wfreport_reconcile_errors_total", error="Bug") == 0


def test_a_forged_status_keeps_no_operator_from_starting_and_is_written_anew(world: Cluster) -> None:
    names = {f"forged-{number}": status() for number, status in enumerate(FORGED.values())}
    for name, status in names.items():
        world.apply_report(name, f"of-{name}")
        forge(world, name, status)
        world.create_workflow(f"of-{name}", phase="Failed", failed=True)
    operator = world.start_operator(**SETTINGS)
    eventually(lambda: [name for name in names if not is_right(world, name)], lambda wrong: not wrong)
    for name, status in names.items():
        forge(world, name, status)
    eventually(lambda: [name for name in names if not is_right(world, name)], lambda wrong: not wrong)
    assert_alive(world, operator, "neighbour")


def test_a_run_that_ended_in_the_year_9999_and_was_deleted_ends_no_resync(world: Cluster) -> None:
    operator = world.start_operator(**SETTINGS, retention='[{"keep": "7d"}]')
    ends = {"late": YEAR_9999, "early": "0001-01-01T00:00:00Z"}
    for name, end in ends.items():
        world.create_workflow(name, phase="Failed", failed=True)
        path = f"{WORKFLOWS.format(world.namespace)}/{name}"
        found = world.plane.api.get(path)
        found["status"] |= {"startedAt": end, "finishedAt": end}
        found["status"]["nodes"][f"{name}-2"] |= {"startedAt": end, "finishedAt": end}
        world.plane.api.put(path, found)
    eventually(lambda: {name: observed(world.report_of(name)).get("finishedAt") for name in ends}, ends.__eq__)
    world.delete_workflow("late")
    world.delete_workflow("early")
    eventually(lambda: world.reports_of("early"), lambda reports: not reports)
    assert_alive(world, operator, "neighbour")
    assert len(world.reports_of("late")) == 1


def test_reports_of_users_at_the_limits_of_their_kind_disturb_nobody(world: Cluster) -> None:
    operator = world.start_operator(**SETTINGS)
    labels = {f"{'p' * 200}.example.com/{n}-{'k' * 50}": "v" * 63 for n in range(2_000)}
    annotations = {"a": "\u202e\x00" * 20_000}
    specs: dict[str, Json] = {
        "n" * 253: {"workflowRef": {"name": "w" * 253}},
        "limits": {
            "workflowRef": {"name": "etl", "uid": "00000000-0000-0000-0000-000000000000"},
            "ttlSecondsAfterFinished": 3_153_600_000,
            "logTailLines": 1000,
            "source": "Archive",
        },
        "large": {"workflowRef": {"name": "etl"}, "pinned": True},
    }
    head = {"apiVersion": "wfreport.dev/v1alpha1", "kind": "WorkflowReport"}
    for name, spec in specs.items():
        meta = {"name": name, "labels": labels if name == "large" else {}, "annotations": annotations}
        world.plane.api.post(REPORTS.format(world.namespace), head | {"metadata": meta, "spec": spec})
    world.plane.api.post(
        REPORTS.format(world.namespace),
        head | {"metadata": {"generateName": "g" * 247}, "spec": {"workflowRef": {"name": "etl"}}},
    )
    eventually(
        lambda: [condition(report, "Ready")[0] for report in world.reports()],
        lambda found: len(found) == 4 and all(found),
    )
    world.create_workflow("etl", phase="Failed", failed=True)
    large = f"{REPORTS.format(world.namespace)}/large"
    eventually(lambda: observed(world.plane.api.get(large)).get("phase"), lambda phase: phase == "Failed")
    assert world.plane.api.get(large)["metadata"]["labels"] == labels
    (event,) = eventually(lambda: world.events_about("n" * 253))
    assert event["reason"] == "WorkflowNotFound"
    assert_alive(world, operator, "neighbour")
