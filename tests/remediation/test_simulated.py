"""A simulation on the operator's reports makes the same decisions as the operator did over hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.remediation.documents import RESUBMIT, Json
from tests.remediation.in_memory import HOOK, NS, InMemoryCluster, end, policy, run_async, workflow

from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.decide.replay import Replay, replay
from wfreport.core.decide.validity import read_policy

DAY = timedelta(days=1)
Done = tuple[str, str, int, bool | None]


def simulated(cluster: InMemoryCluster, began: datetime) -> Replay:
    """Replay the current reports with the policy as it was applied."""
    reports = [WorkflowReport.model_validate(document) for document in cluster.api.all("workflowreports")]
    bare = {key: value for key, value in cluster.policy().items() if key != "status"}
    return replay(reports, [read_policy(bare)], since=began, until=cluster.clock(), limits=OperatorLimits())


def done(cluster: InMemoryCluster) -> list[Done]:
    """Return what the operator did, according to its Remediations."""
    return sorted(map(_done, cluster.remediations()), key=str)


def _done(remediation: Json) -> Done:
    conditions = {each["type"]: each for each in remediation["status"]["conditions"]}
    assert conditions["Executed"]["status"] == "True"
    spec = remediation["spec"]
    # the condition Succeeded of a notification is about its follow-up
    outcome = conditions.get("Succeeded", {}).get("status", "") if spec["action"] == "Resubmit" else ""
    return spec["target"]["uid"], spec["action"], spec["attempt"], {"True": True, "False": False}.get(outcome)


def replayed(result: Replay) -> list[Done]:
    """Return the same, according to the simulation."""
    return sorted(
        ((each.workflow_uid, str(each.type), each.attempt, each.has_helped) for each in result.actions), key=str
    )


def held(result: Replay) -> dict[str, str]:
    """Return why each run was held in the end, according to the simulation."""
    return {
        each.decision.run.uid: str(each.decision.reason)
        for each in result.decisions
        if each.decision.lock == LockClass.MUTATE
    }


async def work_through(cluster: InMemoryCluster, phases: dict[str, list[str]]) -> None:
    """End each run and its resubmissions in these phases, a few minutes apart."""
    for name, script in phases.items():
        cluster.api.create("workflows", NS, workflow(name, clock=cluster.clock))
        cluster.clock.advance(30)
        end(cluster.api, name, script[0], cluster.clock)
        for phase in script[1:]:
            before = set(cluster.new_runs())
            await cluster.reconcile(25, 10)
            for new in sorted(set(cluster.new_runs()) - before):
                cluster.clock.advance(7)
                end(cluster.api, new, phase, cluster.clock)
        await cluster.reconcile(25, 10)


@run_async
async def test_a_simulation_makes_the_decisions_that_the_operator_made() -> None:
    rule: dict[str, Any] = {**RESUBMIT, "notify": HOOK}
    cluster = InMemoryCluster(policy(rule, limits={"maxAttempts": 2}, circuitBreaker={"failurePercentAtMost": 100}))
    await cluster.start()
    began = cluster.clock()
    script = {
        "helped-at-once": ["Failed", "Succeeded"],
        "fine": ["Succeeded"],
        "helped-later": ["Failed", "Failed", "Succeeded"],
        "never": ["Failed", "Failed", "Failed"],
        "an-error": ["Error", "Succeeded"],
    }
    await work_through(cluster, script)
    result = simulated(cluster, began)
    assert len(done(cluster)) == 6 + 7
    assert replayed(result) == done(cluster)
    assert sorted(held(result).values()).count("AttemptsExhausted") == 1


@run_async
async def test_a_simulation_finds_the_storm_that_the_operator_went_through() -> None:
    breaker = {"cooldownSeconds": 600, "windowSeconds": 1800}
    cluster = InMemoryCluster(policy(RESUBMIT, circuitBreaker=breaker))
    await cluster.start()
    began = cluster.clock()
    for number in range(40):
        cluster.api.create("workflows", NS, workflow(f"wf-{number}", clock=cluster.clock))
    for number in range(40):
        end(cluster.api, f"wf-{number}", "Failed" if number % 2 else "Succeeded", cluster.clock)
    await cluster.reconcile(8, 60)
    cluster.clock.advance(1800)
    await cluster.reconcile()
    cluster.clock.advance(600)
    await cluster.reconcile(12, 60)
    (trial,) = cluster.remediations()
    result = simulated(cluster, began)
    (action,) = result.actions
    executed_at = datetime.fromisoformat(trial["status"]["executedAt"])
    assert timedelta(0) <= executed_at - action.at < timedelta(minutes=10)
    assert [reason for reason in held(result).values() if reason == "BreakerOpen"]
