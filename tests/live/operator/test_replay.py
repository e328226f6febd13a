"""However a run is told, fast or slow, with events lost, twice or late, or to an operator that dies: one report."""

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
"""Its Workflow is gone at the end, and so is what `explain` could read."""

PACE = FAST | {
    "coalesce_seconds": 0.2,
    "resync_interval_seconds": 1,
}
DISTURBED = """
import asyncio, random
from wfreport.watch.enqueue import EventHandlers

chance = random.Random({seed})

def disturbed(take):
    def call(self, *event):
        for _ in range(chance.choice((0, 0, 1, 2))):  # lost, as it is, twice
            asyncio.get_running_loop().call_later(chance.uniform(0, 1.5), take, self, *event)  # and in any order
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
    """Play the recordings side by side."""
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
async def test_the_speed_of_a_run_makes_no_difference(world: Cluster, speed: float) -> None:
    world.start_operator(**PACE)
    # as fast as the server goes, a run that ends and is deleted is over before anybody could look
    cases = CASES if speed == 1 else tuple(case for case in CASES if case != DELETED)
    await play(world, speed, cases=cases)
    await check(world, cases)


@pytest.mark.parametrize("seed", [1, 2])
async def test_events_that_are_lost_doubled_or_late_make_no_difference(world: Cluster, seed: int) -> None:
    operator = world.start_operator(DISTURBED.format(seed=seed), **PACE)
    cases = tuple(case for case in CASES if case != DELETED)
    await play(world, 2, cases=cases)
    await check(world, cases)
    assert operator.process.poll() is None


async def test_nor_does_it_to_be_killed_in_the_middle(world: Cluster) -> None:
    played = 0

    async def count(_: RecordedEvent) -> None:
        nonlocal played
        played += 1

    async def kill_and_restart() -> None:
        for killed_at, restarted_at in ((60, 110), (180, 220)):
            await eventually_async(lambda at=killed_at: played >= at)  # type: ignore[misc]
            world.started[-1].kill()
            await eventually_async(lambda at=restarted_at: played >= at)  # type: ignore[misc]
            await asyncio.to_thread(world.start_operator, **PACE)

    world.start_operator(**PACE)
    cases = tuple(case for case in CASES if case != DELETED)
    await asyncio.gather(play(world, 1, count, cases), kill_and_restart())
    await check(world, cases)


async def check(world: Cluster, cases: tuple[str, ...]) -> None:
    """Every report says what was recorded, and what `wfreport explain` says of what the API server has."""
    for case in cases:
        report = await eventually_async(
            lambda case=case: world.report_of(case),  # type: ignore[misc]
            lambda report, case=case: is_final(world, case, report),  # type: ignore[misc]
        )
        expected = recording(case).expected
        said = told(report)
        assert said["phase"] == expected["phase"]
        assert said["counts"] == (
            expected["nodes"],
            expected["omitted"],
            expected["skipped"],
            expected["superseded_attempts"],
        )
        assert sorted(said["causes"]) == sorted(
            (leaf["displayName"], leaf["podName"], leaf["exitCode"]) for leaf in expected["failed_leaves"]
        )
        if case != DELETED:
            assert said == told(explained(world, case))


def is_final(world: Cluster, case: str, report: dict[str, Any]) -> bool:
    """Whether it is about the Workflow as it is now."""
    if case == DELETED:
        return condition(report, "Succeeded")[0] == "False"
    version: str = world.workflow(case)["metadata"]["resourceVersion"]
    seen: str | None = observed(report).get("resourceVersion")
    return seen == version


def told(report: dict[str, Any]) -> dict[str, Any]:
    """What a report says, but for resourceVersions, evidence of pods that are gone, and earlier runs."""
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
    """`wfreport explain` of a Workflow, its pods and their Events as the API server has them now."""
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
    found: dict[str, Any] = json.loads(result.stdout)
    return found
