"""Fields of a report's status that somebody writes by hand: each is written anew, whatever the operator believes of it.

The status is an input of its own next version (docs/decisions/0002), so a forged value could be believed for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import YEAR_0, Json, Path, leaves, replaced, stored
from tests.live.operator.harness import REPORTS, Cluster, condition, observed
from tests.live.operator.test_hostile_reports import assert_alive

pytestmark = pytest.mark.cluster

VALUES: Final[tuple[Any, ...]] = ("forged", "2020-01-01T00:00:00Z", 77, True)
"""Of these, each field gets the first one that the API server stores."""

_INPUTS: Final[list[Path]] = [
    *(("observedWorkflow", "uid"), ("observedWorkflow", "startedAt"), ("observedWorkflow", "resourceVersion")),
    *(("remediation", "attempts"), ("reporter",), ("conditions", 0, "type"), ("failures", 0, "exitCode")),
]
"""Fields that the next version of a status depends on."""

REMOVALS: Final[tuple[Any, ...]] = ([], {}, None)
"""What a field gets that takes none of those. Nobody can tell later that it was there."""

_ONE: Final = {"status": "True", "reason": "ReconcileAbandoned", "message": "forged", "lastTransitionTime": YEAR_0}
_CLASS: Final = {"class": "OOMKilled", "role": "RootCause", "owner": "User", "confidence": "High", "retryable": True}
_FAILURE: Final = _CLASS | {"displayName": "forged", "nodeId": "n"}
ADDED: Final[Json] = {
    "failureClass": "OOMKilled",
    "failures": [_FAILURE],
    "stalled": {"reason": "PodPending", "message": "forged", "advice": "forged"},
    "warnings": [{"displayName": "forged", "nodeId": "n", "reason": "forged", "message": "forged"}],
    "waiting": [{"displayName": "forged", "reason": "forged"}],
    "runs": [{"phase": "Failed", "summary": "forged"}],
    "step": "forged",
    "links": {"workflow": "https://forged.example.com"},
    "conditions": [_ONE | {"type": "RunStalled"}],
}
"""Fields that the report of a run that succeeded does not have."""


SETTINGS: Final = {"resync_interval_seconds": 1}


def finish(world: Cluster, names: Iterable[str], phase: str) -> dict[str, Json]:
    """Make runs that have ended, and return the statuses of their reports."""
    runs = list(names)
    for name in runs:
        world.create_workflow(name, phase=phase, failed=phase == "Failed")

    def statuses() -> dict[str, Json]:
        reports = {report["spec"]["workflowRef"]["name"]: report for report in world.reports()}
        return {name: reports[name]["status"] for name in runs if is_current(reports.get(name, {}))}

    return eventually(statuses, lambda found: len(found) == len(runs), timeout_seconds=90)


def is_current(report: Json) -> bool:
    return condition(report, "Ready") == ("True", "ReportCurrent") and "finishedAt" in observed(report)


def paths_of(world: Cluster) -> dict[str, str]:
    """Return the path of each report at the API server, by its run."""
    at = REPORTS.format(world.namespace)
    return {report["spec"]["workflowRef"]["name"]: f"{at}/{report['metadata']['name']}" for report in world.reports()}


def forge(world: Cluster, at: str, status: Json, path: Path, values: Sequence[Any]) -> bool:
    """Write a value into one field of a report's status; return whether one was stored."""
    for value in values:
        body = {"status": replaced(status, path, value)}
        # by the answer: the operator may have corrected the report before it could be read
        report = stored(world.plane.api.patch, f"{at}/status", body)
        if report and report["status"] != status:
            return True
    return False


def differing(world: Cluster, expected: dict[str, Json]) -> dict[str, Any]:
    """Return what differs from the expected statuses, by run."""
    statuses = {report["spec"]["workflowRef"]["name"]: report["status"] for report in world.reports()}
    return {
        name: {key for key in {*status, *statuses[name]} if status.get(key) != statuses[name].get(key)}
        for name, status in expected.items()
        if without_others(statuses[name]) != status
    }


def without_others(status: Json) -> Json:
    """Return a status without conditions of unknown types, which belong to somebody else."""
    conditions = [each for each in status.get("conditions", ()) if each["type"] not in VALUES]
    return status | {"conditions": conditions}


def test_each_field_that_is_forged_is_written_anew_at_once_and_after_a_restart(
    world: Cluster, electing: dict[str, Any]
) -> None:
    operator = world.start_operator(**electing)
    (model,) = finish(world, ["model"], "Failed").values()
    paths = list(leaves(model))
    fields = [path for path in paths if len(path) == 1] + [path for path in paths if len(path) > 1][::3] + _INPUTS
    names = {f"run-{number}": path for number, path in enumerate(fields)}
    real = finish(world, names, "Failed")
    at = paths_of(world)
    forged = [name for name, path in names.items() if forge(world, at[name], real[name], path, VALUES + REMOVALS)]
    assert len(forged) >= 0.9 * len(names)
    eventually(lambda: differing(world, real), lambda found: not found, timeout_seconds=90)
    operator.stop()
    changed = [name for name in forged if forge(world, at[name], real[name], names[name], VALUES)]
    assert len(differing(world, real)) >= 0.7 * len(changed) > 0.5 * len(forged)
    operator = world.start_operator(**electing, **SETTINGS)
    eventually(lambda: differing(world, real), lambda found: not found, timeout_seconds=90)
    assert_alive(world, operator, "neighbour")


def test_fields_that_are_forged_into_a_report_are_removed_at_once_and_after_a_restart(
    world: Cluster, electing: dict[str, Any]
) -> None:
    operator = world.start_operator(**electing)
    names = {f"run-{number}": field for number, field in enumerate(ADDED)}
    real = finish(world, names, "Succeeded")

    at = paths_of(world)

    def add(fields: dict[str, str]) -> None:
        for name, field in fields.items():
            forged = ADDED[field] + real[name]["conditions"] if field == "conditions" else ADDED[field]
            world.plane.api.patch(f"{at[name]}/status", {"status": {field: forged}})

    add(names)
    eventually(lambda: differing(world, real), lambda found: not found)
    operator.stop()
    add(names)
    assert len(differing(world, real)) == len(names)
    operator = world.start_operator(**electing, **SETTINGS)
    eventually(lambda: differing(world, real), lambda found: not found)
    assert_alive(world, operator, "neighbour")


def test_a_report_that_is_forged_to_be_abandoned_is_reconciled_after_a_restart(
    world: Cluster, electing: dict[str, Any]
) -> None:
    operator = world.start_operator(**electing)
    (real,) = finish(world, ["etl"], "Failed").values()
    operator.stop()
    others = [each for each in real["conditions"] if each["type"] != "Ready"]
    abandoned = {"conditions": [_ONE | {"type": "Ready", "status": "False"}, *others]}
    world.plane.api.patch(f"{paths_of(world)['etl']}/status", {"status": abandoned})
    operator = world.start_operator(**electing, **SETTINGS)
    eventually(lambda: differing(world, {"etl": real}), lambda found: not found)
    assert_alive(world, operator, "neighbour")


def test_the_forged_report_of_a_workflow_that_is_gone_is_left_as_it_is_and_written_by_nobody(
    world: Cluster, electing: dict[str, Any]
) -> None:
    operator = world.start_operator(**electing, **SETTINGS)
    finish(world, ["etl"], "Failed")
    world.apply_report("by-name", "gone")
    eventually(lambda: condition(world.report_of("gone"), "Ready"), ("True", "AwaitingWorkflow").__eq__)
    finish(world, ["gone"], "Failed")
    for name in ("etl", "gone"):
        world.delete_workflow(name)
    neighbours = iter(range(9))
    assert_alive(world, operator, f"neighbour-{next(neighbours)}")
    names = [report["metadata"]["name"] for report in world.reports() if "finishedAt" in observed(report)]
    forged = {"summary": "redacted", "observedWorkflow": {"uid": "forged", "phase": "Failed", "finishedAt": VALUES[1]}}
    at = REPORTS.format(world.namespace)
    gone = {name for name in names if not name.startswith("neighbour")}
    for name in gone:
        world.plane.api.patch(f"{at}/{name}/status", {"status": forged})
    since = world.audit_position()
    assert_alive(world, operator, f"neighbour-{next(neighbours)}")
    assert len(gone) == 2
    written = world.requests(verb="patch", resource="workflowreports/status", since=since)
    assert not gone & {event["objectRef"]["name"] for event in written}
    assert {world.plane.api.get(f"{at}/{name}")["status"]["summary"] for name in gone} == {"redacted"}
