"""What policies do about runs that hang, in memory: approval, races with the run's own end, stops without effect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.remediation.documents import Json
from tests.remediation.in_memory import HANGS, HOOK, NS, InMemoryCluster, end, fail, hang, policy, run_async

STALLED: dict[str, Any] = {"stalled": {"forSeconds": 30}}
AGAIN = {"name": "hung", "match": STALLED, "action": {"resubmit": {}}}
STOP = {"name": "hung", "match": STALLED, "action": {"stop": {}}, "notify": HOOK}


def etl(cluster: InMemoryCluster) -> Json:
    return cluster.api.objects["workflows", NS, "etl"]


def end_run(cluster: InMemoryCluster, phase: str) -> None:
    """End the run as Argo's controller does, with the times that it had."""
    started_at = etl(cluster)["status"]["startedAt"]
    end(cluster.api, "etl", phase, cluster.clock)
    etl(cluster)["status"]["startedAt"] = started_at


def executed(cluster: InMemoryCluster, action: str) -> tuple[str, str, str]:
    """Return status, reason and message of the only Remediation of an action."""
    (found,) = cluster.remediations(action)
    return next(
        (one["status"], one["reason"], one["message"])
        for one in found["status"]["conditions"]
        if one["type"] == "Executed"
    )


def held(cluster: InMemoryCluster) -> str | None:
    (report,) = [each for each in cluster.api.all("workflowreports") if each["spec"]["workflowRef"]["name"] == "etl"]
    reason: str | None = report["status"].get("remediation", {}).get("held", {}).get("reason")
    return reason


async def hung(*rules: Json, reason: str = "PodGone", **spec: Any) -> InMemoryCluster:
    """Return a cluster in which a run hangs, after the policy has had time to answer."""
    cluster = InMemoryCluster(policy(*rules, **spec))
    await cluster.start()
    hang(cluster.api, "etl", cluster.clock, reason)
    await cluster.reconcile(6, 10)
    return cluster


@run_async
async def test_a_run_that_hangs_is_stopped_and_notified() -> None:
    cluster = await hung(STOP)
    assert etl(cluster)["spec"]["shutdown"] == "Stop"
    assert executed(cluster, "Stop")[:2] == ("True", "Executed")
    end_run(cluster, "Failed")
    await cluster.reconcile()
    assert len(cluster.remediations()) == 2, "what was stopped is not remediated again"
    assert held(cluster) is None, "and the report does not say that no rule is about a stop"
    assert [id_.rsplit("-", 1)[1] for _, id_ in cluster.inbox.received] == ["stalled", "ended"]


@pytest.mark.parametrize("reason", ["TaskResultMissing", "LockLeaked", "DeletionBlocked", "SuspendedAndTerminated"])
def test_a_run_that_no_action_helps_is_only_notified(reason: str) -> None:
    @run_async
    async def test() -> None:
        cluster = await hung(STOP, reason=reason)
        assert "shutdown" not in etl(cluster)["spec"]
        assert [each["spec"]["action"] for each in cluster.remediations()] == ["Notify"]
        assert held(cluster) == "CannotHelp"

    test()


@run_async
async def test_a_report_names_the_right_that_an_answer_lacks_until_it_is_granted() -> None:
    cluster = InMemoryCluster(policy(STOP))
    cluster.api.allowed = False
    await cluster.start()
    hang(cluster.api, "etl", cluster.clock)
    await cluster.reconcile(6, 10)
    assert held(cluster) == "RightsMissing"
    assert cluster.remediations() == []
    cluster.api.allowed = True
    await cluster.reconcile(12, 10)
    assert executed(cluster, "Stop")[:2] == ("True", "Executed")
    assert held(cluster) is None


@run_async
async def test_a_silent_controller_holds_every_policy_and_every_message() -> None:
    cluster = await hung(STOP, reason="ControllerSilent")
    assert (cluster.remediations(), cluster.inbox.received) == ([], [])
    assert "shutdown" not in etl(cluster)["spec"]


@run_async
async def test_that_a_run_hangs_and_that_it_fails_later_are_two_messages() -> None:
    failed = {"name": "failed", "match": {}, "notify": HOOK}
    cluster = await hung({"name": "hung", "match": STALLED, "notify": HOOK}, failed)
    del etl(cluster)["metadata"]["annotations"][HANGS]
    end_run(cluster, "Failed")
    await cluster.reconcile()
    assert [id_.rsplit("-", 1)[1] for _, id_ in cluster.inbox.received] == ["stalled", "failed"]


@run_async
async def test_a_run_that_goes_on_before_the_approval_is_left_alone() -> None:
    cluster = await hung(AGAIN, mode="Approve")
    assert (executed(cluster, "Resubmit")[1], held(cluster)) == ("ExecutionPending", "ApprovalMissing")
    del etl(cluster)["metadata"]["annotations"][HANGS]
    await cluster.reconcile()
    assert executed(cluster, "Resubmit")[:2] == ("False", "TargetChanged")
    assert "shutdown" not in etl(cluster)["spec"]


@run_async
async def test_a_run_that_succeeds_while_it_is_stopped_is_not_resubmitted() -> None:
    cluster = await hung(AGAIN)
    assert (executed(cluster, "Resubmit")[1], held(cluster)) == ("RunStopping", "RunStopping")
    end_run(cluster, "Succeeded")
    await cluster.reconcile()
    assert executed(cluster, "Resubmit")[:2] == ("False", "TargetChanged")
    assert cluster.new_runs() == []


@run_async
async def test_a_stop_without_effect_is_given_up_and_nothing_is_resubmitted() -> None:
    cluster = await hung(AGAIN, limits={"maxAgeSeconds": 600})
    await cluster.reconcile(3, 400)
    status, reason, message = executed(cluster, "Resubmit")
    assert (status, reason, "600 seconds" in message) == ("False", "StopIneffective", True)
    end_run(cluster, "Failed")
    await cluster.reconcile()
    assert cluster.new_runs() == []


@run_async
async def test_a_run_that_somebody_else_stops_meanwhile_is_not_resubmitted() -> None:
    cluster = await hung(AGAIN)
    etl(cluster)["metadata"]["annotations"]["wfreport.dev/remediation-uid"] = "another"
    end_run(cluster, "Failed")
    await cluster.reconcile()
    assert executed(cluster, "Resubmit")[:2] == ("False", "NotPossible")
    assert cluster.new_runs() == []


@run_async
async def test_a_policy_that_changes_between_the_steps_resubmits_nothing() -> None:
    cluster = await hung(AGAIN)
    cluster.policy()["spec"]["rules"] = [STOP]
    cluster.policy()["metadata"]["generation"] = 2
    cluster.api.put("remediationpolicies", NS, "p")
    await cluster.reconcile()
    assert executed(cluster, "Resubmit")[:2] == ("False", "SpecNotReproduced")
    end_run(cluster, "Failed")
    await cluster.reconcile()
    assert cluster.new_runs() == []


@run_async
async def test_a_resubmission_that_hangs_again_is_resubmitted_until_its_attempts_are_exhausted() -> None:
    cluster = await hung(AGAIN, limits={"maxAttempts": 1}, circuitBreaker={"minRuns": 1000})
    end_run(cluster, "Failed")
    await cluster.reconcile()
    (again,) = cluster.new_runs()
    cluster.api.objects["workflows", NS, again]["metadata"]["annotations"] = {HANGS: "PodGone"}
    end(cluster.api, again, "Running", cluster.clock)
    await cluster.reconcile(6, 10)
    assert cluster.new_runs() == [again]
    assert "shutdown" not in cluster.api.objects["workflows", NS, again]["spec"]


@run_async
async def test_a_failed_run_is_not_answered_as_one_that_hangs() -> None:
    cluster = InMemoryCluster(policy(AGAIN))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    assert cluster.remediations() == []
