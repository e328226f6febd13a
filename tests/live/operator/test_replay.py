"""A recorded run gives the same report at any speed, with lost, doubled or late events, and across restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.eventually import eventually_async
from tests.live.operator.harness import FAST, Cluster, condition, observed
from tests.recorded import recording

from controlplane.recording import RecordedEvent, load_recording
from controlplane.replay import replay
from wfreport.cli.main import cli

pytestmark = pytest.mark.cluster
CASES = (
    "retry-exhausted-varied",
    "evicted",
    "onexit-handler-fails",
    "retried-by-hand-ok",
    "compressed-zstd",
    "deadline-workflow",
    "ttl-deleted",
    "steps-parallel-fail",
)
DELETED = "ttl-deleted"
"""Its Workflow is deleted at the end, so `explain` has nothing to read."""

PACE = FAST | {
    "coalesce_seconds": 0.2,
    "resync_interval_seconds": 1,
}
DISTURBED = """
import asyncio, random
from wfreport.watch.enqueue import EventHandlers

rng = random.Random({seed})

def disturbed(handle):
    def call(self, *event):
        for _ in range(rng.choice((0, 0, 1, 2))):  # lost, once, twice
            asyncio.get_running_loop().call_later(rng.uniform(0, 1.5), handle, self, *event)  # in any order
    return call

for name in ("workflow_changed", "pod_failed", "report_changed"):
    setattr(EventHandlers, name, disturbed(getattr(EventHandlers, name)))
"""


async def play(
    world: Cluster,
    speed: float,
    after_event: Callable[[RecordedEvent], Awaitable[None]] | None = None,
    cases: tuple[str, ...] = CASES,
) -> None:
    """Replay the recordings concurrently."""
    async with world.plane.api.session() as api:
        await asyncio.gather(
            *(
                replay(
                    api,
                    load_recording(recording(case).stream_path),
                    speed=speed,
                    namespace=world.namespace,
                    after_event=after_event,
                )
                for case in cases
            )
        )


@pytest.mark.parametrize("speed", [1, 5, 0])
async def test_the_speed_of_a_run_does_not_change_its_report(world: Cluster, speed: float) -> None:
    world.start_operator(**PACE)
    # at full speed, a run that is deleted at its end is gone before it could be read
    cases = CASES if speed == 1 else tuple(case for case in CASES if case != DELETED)
    await play(world, speed, cases=cases)
    await check(world, cases)


@pytest.mark.parametrize("seed", [1, 2])
async def test_lost_doubled_or_late_events_do_not_change_the_report(world: Cluster, seed: int) -> None:
    operator = world.start_operator(DISTURBED.format(seed=seed), **PACE)
    cases = tuple(case for case in CASES if case != DELETED)
    await play(world, 2, cases=cases)
    await check(world, cases)
    assert operator.process.poll() is None


async def test_a_kill_in_the_middle_does_not_change_the_report(world: Cluster) -> None:
    event_count = 0

    async def count(_: RecordedEvent) -> None:
        nonlocal event_count
        event_count += 1

    async def kill_and_restart() -> None:
        for killed_at, restarted_at in ((60, 110), (180, 220)):
            await eventually_async(lambda at=killed_at: event_count >= at)  # type: ignore[misc]
            world.started[-1].kill()
            await eventually_async(lambda at=restarted_at: event_count >= at)  # type: ignore[misc]
            await asyncio.to_thread(world.start_operator, **PACE)

    world.start_operator(**PACE)
    cases = tuple(case for case in CASES if case != DELETED)
    await asyncio.gather(play(world, 1, count, cases), kill_and_restart())
    await check(world, cases)


async def check(world: Cluster, cases: tuple[str, ...]) -> None:
    """Check every report against the recording, and against `wfreport explain` of what the API server has."""
    for case in cases:
        report = await eventually_async(
            lambda case=case: world.report_of(case),  # type: ignore[misc]
            lambda report, case=case: is_final(world, case, report),  # type: ignore[misc]
        )
        expected = recording(case).expected
        content = content_of(report)
        assert content["phase"] == expected["phase"]
        assert content["counts"] == (
            expected["nodes"],
            expected["omitted"],
            expected["skipped"],
            expected["superseded_attempts"],
        )
        assert sorted(content["causes"]) == sorted(
            (leaf["displayName"], leaf["podName"], leaf["exitCode"]) for leaf in expected["failed_leaves"]
        )
        if case != DELETED:
            assert content == content_of(explained(world, case))


def is_final(world: Cluster, case: str, report: dict[str, Any]) -> bool:
    """Return whether the report is about the present version of the Workflow, with what its pods have shown."""
    if case == DELETED:
        return condition(report, "Succeeded")[0] == "False"
    version: str = world.workflow(case)["metadata"]["resourceVersion"]
    reported: str | None = observed(report).get("resourceVersion")
    return reported == version and condition(report, "EvidenceComplete")[0] != "Unknown"


def content_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a report without resourceVersions, evidence of deleted pods, and earlier runs."""
    status = report["status"]
    counts = status["counts"]
    failures = status.get("failures", [])
    return {
        "phase": observed(report)["phase"],
        "counts": tuple(counts[name] for name in ("total", "omitted", "skipped", "retriedAttempts")),
        "causes": [
            (failure.get("displayName"), failure.get("podName"), failure.get("exitCode"))
            for failure in failures
            if failure["role"] in {"RootCause", "ExitHandler"}
        ],
        "failures": [(failure.get("nodeId"), failure["role"], failure["class"]) for failure in failures],
        "class": status.get("failureClass"),
        "summary": status["summary"],
        "steps": [(step["displayName"], step["phase"]) for step in status.get("steps", [])],
        "conditions": [condition(report, kind) for kind in ("Ready", "Succeeded", "NodesAvailable")],
        "uid": observed(report)["uid"],
        "times": [observed(report).get(name) for name in ("startedAt", "finishedAt")],
    }


def explained(world: Cluster, case: str) -> dict[str, Any]:
    """Run `wfreport explain` on a Workflow, its pods and their Events as the API server has them now."""
    files = {"workflow": world.workflow(case)}
    for kind in ("pods", "events"):
        files[kind] = world.plane.api.get(f"/api/v1/namespaces/{world.namespace}/{kind}")
    paths = {}
    for name, content in files.items():
        paths[name] = world.folder / f"{case}-{name}.json"
        Path(paths[name]).write_text(json.dumps(content))
    arguments = [str(paths["workflow"]), "--pods", str(paths["pods"]), "--events", str(paths["events"])]
    result = CliRunner().invoke(cli, ["explain", *arguments, "-o", "json"])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report
