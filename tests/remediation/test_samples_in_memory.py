"""The ready-made policies in memory, applied as they are except for their mode."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.manifests.test_samples import SAMPLES
from tests.remediation.in_memory import NS, InMemoryCluster, run_async, status_of, workflow

EXIT_1 = "main: Error (exit code 1)"


def sample(name: str) -> dict[str, Any]:
    """Return a ready-made policy in mode Enforce."""
    document = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    document["metadata"]["namespace"] = NS
    document["spec"]["mode"] = "Enforce"
    return document  # type: ignore[no-any-return]


async def fail(cluster: InMemoryCluster, name: str, message: str, labels: dict[str, str] | None = None) -> None:
    """Create a run whose pod fails with this message of Argo's."""
    made = workflow(name, clock=cluster.clock)
    made["metadata"]["labels"] |= {"workflows.argoproj.io/completed": "true"} | (labels or {})
    cluster.api.create("workflows", NS, made)
    status = status_of(name, "Failed", cluster.clock, message)
    status["nodes"][name]["type"] = "Pod"
    cluster.api.put("workflows", NS, name, status=status)
    await cluster.reconcile()


async def actions_on(policy: str, message: str) -> tuple[list[str], str]:
    """Return the actions on a run that fails with a message, and why it is held, after all delays."""
    cluster = InMemoryCluster(sample(policy))
    await cluster.start()
    await fail(cluster, "etl", message)
    await cluster.reconcile(8, 150)
    (report,) = [each for each in cluster.api.all("workflowreports") if each["spec"]["workflowRef"]["name"] == "etl"]
    held = report["status"]["remediation"].get("held", {}).get("reason", "")
    return [each["spec"]["action"] for each in cluster.remediations()], held


@pytest.mark.parametrize(
    ("policy", "message", "actions"),
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
def test_a_ready_made_policy_does_what_it_says(policy: str, message: str, actions: list[str]) -> None:
    @run_async
    async def run() -> None:
        assert (await actions_on(policy, message))[0] == actions

    run()


@run_async
async def test_a_cron_storm_requests_approval_once() -> None:
    cluster = InMemoryCluster(sample("cron-storm"))
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 3 * * *"]},
    }
    cluster.api.create("cronworkflows", NS, cron)
    await cluster.start()
    for number in range(3):
        await fail(cluster, f"nightly-{number}", EXIT_1, {"workflows.argoproj.io/cron-workflow": "nightly"})
        cluster.clock.advance(60)
    await cluster.reconcile(4, 30)
    (pending,) = cluster.remediations("SuspendCron")
    assert pending["spec"]["target"]["name"] == "nightly-2"
    assert pending["spec"]["approvalRequired"] is True
    assert not cluster.api.objects["cronworkflows", NS, "nightly"]["spec"].get("suspend", False)
    assert len(cluster.remediations("Notify")) == 1


@run_async
async def test_a_stuck_workflow_is_stopped() -> None:
    cluster = InMemoryCluster(sample("stuck-workflows"))
    await cluster.start()
    made = workflow("etl", "Running", clock=cluster.clock)
    made["metadata"]["labels"]["workflows.argoproj.io/completed"] = "false"
    cluster.api.create("workflows", NS, made)
    await cluster.reconcile()
    assert cluster.remediations() == []
    cluster.clock.advance(86_400)
    await cluster.reconcile(6, 60)
    assert [each["spec"]["action"] for each in cluster.remediations()] == ["Stop"]
    assert cluster.api.objects["workflows", NS, "etl"]["spec"]["shutdown"] == "Stop"
