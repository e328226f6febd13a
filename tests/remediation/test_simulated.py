"""What the operator did over hours is what a simulation on its reports says, decision by decision."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.remediation.fake_api import Json
from tests.remediation.fake_operator import NS, RESUBMIT, end, policy, workflow
from tests.remediation.test_played import HOOK, Play, played

from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.decide.replay import Replay, replay
from wfreport.core.decide.validity import read_policy

DAY = timedelta(days=1)
Done = tuple[str, str, int, bool | None]


def simulated(play: Play, began: datetime) -> Replay:
    """A simulation on the reports that are there now, with the policy as it was applied."""
    reports = [WorkflowReport.model_validate(found) for found in play.api.all("workflowreports")]
    bare = {key: value for key, value in play.policy().items() if key != "status"}
    return replay(reports, [read_policy(bare)], since=began, until=play.clock(), limits=OperatorLimits())


def done(play: Play) -> list[Done]:
    """What the operator did, by its records."""
    return sorted(map(_done, play.acts()), key=str)


def _done(found: Json) -> Done:
    conditions = {each["type"]: each for each in found["status"]["conditions"]}
    assert conditions["Executed"]["status"] == "True"
    spec = found["spec"]
    # Of a notification, Succeeded says that people were told how it ended.
    outcome = conditions.get("Succeeded", {}).get("status", "") if spec["action"] == "Resubmit" else ""
    return spec["target"]["uid"], spec["action"], spec["attempt"], {"True": True, "False": False}.get(outcome)


def said(found: Replay) -> list[Done]:
    """The same, by the simulation."""
    return sorted(((act.workflow_uid, str(act.type), act.attempt, act.has_helped) for act in found.actions), key=str)


def held(found: Replay) -> dict[str, str]:
    """Why each run was left alone in the end, by the simulation."""
    return {
        judged.decision.run.uid: str(judged.decision.reason)
        for judged in found.decisions
        if judged.decision.lock == LockClass.MUTATE
    }


async def work_through(play: Play, phases: dict[str, list[str]]) -> None:
    """End each run, and each of its resubmissions, as the script says; one a few minutes after the other."""
    for name, script in phases.items():
        play.api.create("workflows", NS, workflow(name, clock=play.clock))
        play.clock.pass_by(30)
        end(play.api, name, script[0], play.clock)
        for phase in script[1:]:
            before = set(play.new_runs())
            await play.rounds(25, 10)
            for new in sorted(set(play.new_runs()) - before):
                play.clock.pass_by(7)
                end(play.api, new, phase, play.clock)
        await play.rounds(25, 10)


@played
async def test_a_simulation_makes_the_decisions_that_the_operator_made() -> None:
    rule: dict[str, Any] = {**RESUBMIT, "notify": HOOK}
    play = Play(policy(rule, limits={"maxAttempts": 2}, circuitBreaker={"failurePercentAtMost": 100}))
    await play.begin()
    began = play.clock()
    script = {
        "helped-at-once": ["Failed", "Succeeded"],
        "fine": ["Succeeded"],
        "helped-later": ["Failed", "Failed", "Succeeded"],
        "never": ["Failed", "Failed", "Failed"],
        "an-error": ["Error", "Succeeded"],
    }
    await work_through(play, script)
    found = simulated(play, began)
    assert len(done(play)) == 6 + 7
    assert said(found) == done(play)
    assert sorted(held(found).values()).count("AttemptsExhausted") == 1


@played
async def test_a_simulation_finds_the_storm_that_the_operator_lived_through() -> None:
    breaker = {"cooldownSeconds": 600, "windowSeconds": 1800}
    play = Play(policy(RESUBMIT, circuitBreaker=breaker))
    await play.begin()
    began = play.clock()
    for number in range(40):
        play.api.create("workflows", NS, workflow(f"wf-{number}", clock=play.clock))
    for number in range(40):
        end(play.api, f"wf-{number}", "Failed" if number % 2 else "Succeeded", play.clock)
    await play.rounds(8, 60)
    play.clock.pass_by(1800)
    await play.rounds()
    play.clock.pass_by(600)
    await play.rounds(12, 60)
    (trial,) = play.acts()
    found = simulated(play, began)
    (act,) = found.actions
    executed_at = datetime.fromisoformat(trial["status"]["executedAt"])
    assert timedelta(0) <= executed_at - act.at < timedelta(minutes=10)
    assert [reason for reason in held(found).values() if reason == "BreakerOpen"]
