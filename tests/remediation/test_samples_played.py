"""The ready-made policies, applied as they are but for their mode, over an API server in memory."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.manifests.test_samples import SAMPLES
from tests.remediation.fake_operator import NS, status_of, workflow
from tests.remediation.test_played import Play, played

EXIT_1 = "main: Error (exit code 1)"


def sample(name: str) -> dict[str, Any]:
    """The policy, let act."""
    found = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    found["metadata"]["namespace"] = NS
    found["spec"]["mode"] = "Enforce"
    return found  # type: ignore[no-any-return]


async def fail(play: Play, name: str, message: str, labels: dict[str, str] | None = None) -> None:
    """A run that fails with these words of Argo's, in a pod."""
    made = workflow(name, clock=play.clock)
    made["metadata"]["labels"] |= {"workflows.argoproj.io/completed": "true"} | (labels or {})
    play.api.create("workflows", NS, made)
    status = status_of(name, "Failed", play.clock, message)
    status["nodes"][name]["type"] = "Pod"
    play.api.put("workflows", NS, name, status=status)
    await play.rounds()


async def answered(policy: str, message: str) -> tuple[list[str], str]:
    """What is done about a run that fails so, and why it is held, when all waits are over."""
    play = Play(sample(policy))
    await play.begin()
    await fail(play, "etl", message)
    await play.rounds(8, 150)
    (report,) = [found for found in play.api.all("workflowreports") if found["spec"]["workflowRef"]["name"] == "etl"]
    held = report["status"]["remediation"].get("held", {}).get("reason", "")
    return [found["spec"]["action"] for found in play.acts()], held


@pytest.mark.parametrize(
    ("policy", "message", "acts"),
    [
        ("infrastructure-failures", "pod deleted", ["Resubmit"]),
        ("infrastructure-failures", EXIT_1, []),
        ("oom-ladder", "main: OOMKilled (exit code 137)", ["RaiseMemory"]),
        ("oom-ladder", EXIT_1, []),
        ("flaky-exit-codes", EXIT_1, ["Resubmit"]),
        ("flaky-exit-codes", "main: Error (exit code 75)", ["Resubmit"]),
        ("flaky-exit-codes", "main: Error (exit code 42)", []),
        ("flaky-exit-codes", "main: Error (exit code 3)", []),
        ("notify-only", EXIT_1, ["Notify"]),
        ("stuck-workflows", EXIT_1, []),
    ],
)
def test_a_ready_made_policy_does_what_it_says(policy: str, message: str, acts: list[str]) -> None:
    @played
    async def scene() -> None:
        assert (await answered(policy, message))[0] == acts

    scene()


@played
async def test_a_cron_storm_asks_a_person_once() -> None:
    play = Play(sample("cron-storm"))
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 3 * * *"]},
    }
    play.api.create("cronworkflows", NS, cron)
    await play.begin()
    for number in range(3):
        await fail(play, f"nightly-{number}", EXIT_1, {"workflows.argoproj.io/cron-workflow": "nightly"})
        play.clock.pass_by(60)
    await play.rounds(4, 30)
    (asked,) = play.acts("SuspendCron")
    assert asked["spec"]["target"]["name"] == "nightly-2"
    assert asked["spec"]["approvalRequired"] is True
    assert not play.api.objects["cronworkflows", NS, "nightly"]["spec"].get("suspend", False)
    assert len(play.acts("Notify")) == 1


@played
async def test_a_stuck_workflow_is_stopped() -> None:
    play = Play(sample("stuck-workflows"))
    await play.begin()
    made = workflow("etl", "Running", clock=play.clock)
    made["metadata"]["labels"]["workflows.argoproj.io/completed"] = "false"
    play.api.create("workflows", NS, made)
    await play.rounds()
    assert play.acts() == []
    play.clock.pass_by(86_400)
    await play.rounds(6, 60)
    assert [found["spec"]["action"] for found in play.acts()] == ["Stop"]
    assert play.api.objects["workflows", NS, "etl"]["spec"]["shutdown"] == "Stop"
