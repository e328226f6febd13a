"""What a policy does over hours, played over an API server in memory: storms, crons, budgets, chains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.remediation.fake_api import Clock, FakeApi, Json
from tests.remediation.fake_operator import NS, RESUBMIT, FakeOperator, Inbox, end, fail, policy, workflow

HOOK = {"sinks": [{"name": "hook", "cloudEvents": {"url": "http://hook.invalid"}}]}


class Play:
    """A cluster and an operator, by the minute."""

    def __init__(self, *policies: Json) -> None:
        self.clock = Clock()
        self.api = FakeApi(self.clock)
        self.inbox = Inbox()
        for each in policies:
            self.api.create("remediationpolicies", NS, each)
        self.operator = FakeOperator(self.api, self.clock, inbox=self.inbox)

    async def begin(self) -> None:
        await self.operator.start()
        await self.rounds()
        self.clock.pass_by(60)

    async def rounds(self, count: int = 3, seconds: float = 6) -> None:
        for _ in range(count):
            await self.operator.look_at_workflows()
            self.operator.hear()
            await self.operator.work(5_000)
            self.clock.pass_by(seconds)

    def acts(self, action: str | None = None) -> list[Json]:
        return [found for found in self.api.all("remediations") if action in {None, found["spec"]["action"]}]

    def new_runs(self) -> list[str]:
        labels = (
            (found["metadata"]["name"], found["metadata"].get("labels", {})) for found in self.api.all("workflows")
        )
        return [name for name, found in labels if "wfreport.dev/remediation-uid" in found]

    def policy(self, name: str = "p") -> Json:
        return self.api.objects["remediationpolicies", NS, name]

    def condition(self, kind: str, name: str = "p") -> tuple[str, str]:
        conditions = self.policy(name)["status"]["conditions"]
        return next((found["status"], found["reason"]) for found in conditions if found["type"] == kind)


def played(scene: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A scene as a test."""

    def test() -> None:
        asyncio.run(scene())

    test.__name__, test.__doc__ = scene.__name__, scene.__doc__
    return test


@played
async def test_the_breaker_opens_when_half_of_40_runs_fail_and_only_tells_and_tries_one_after_the_cooldown() -> None:
    play = Play(policy({**RESUBMIT, "notify": HOOK}, circuitBreaker={"cooldownSeconds": 600, "windowSeconds": 1800}))
    await play.begin()
    for number in range(40):
        play.api.create("workflows", NS, workflow(f"wf-{number}", clock=play.clock))
    for number in range(40):
        end(play.api, f"wf-{number}", "Failed" if number % 2 else "Succeeded", play.clock)
    await play.rounds(8, 60)
    assert play.new_runs() == []
    assert play.condition("BreakerOpen") == ("True", "TooManyFailures")
    assert play.condition("RemediationAllowed") == ("False", "TooManyFailures")
    assert len({id_ for _, id_ in play.inbox.received}) == 20
    assert play.policy()["status"]["breaker"] == "Open"
    play.clock.pass_by(1800)  # the window has passed: the rate is down, and the cooldown begins
    await play.rounds()
    assert play.condition("BreakerOpen") == ("True", "BreakerCoolingDown")
    assert play.new_runs() == []
    play.clock.pass_by(600)
    await play.rounds(12, 60)
    assert len(play.new_runs()) == 1
    assert play.policy()["status"]["breaker"] == "HalfOpen"
    end(play.api, play.new_runs()[0], "Succeeded", play.clock)
    await play.rounds(6, 60)
    assert play.policy()["status"]["breaker"] == "Closed"


@played
async def test_a_cron_that_fails_three_times_in_a_row_is_suspended_once() -> None:
    streak = {"consecutiveFailures": {"atLeast": 3, "of": "CronWorkflow"}}
    play = Play(policy({"name": "storm", "match": streak, "action": {"suspendCron": {}}}))
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 3 * * *"]},
    }
    play.api.create("cronworkflows", NS, cron)
    await play.begin()
    for number, phase in enumerate(["Failed", "Failed", "Succeeded", "Failed", "Failed", "Failed", "Failed"]):
        made = workflow(f"nightly-{number}", clock=play.clock)
        made["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"] = "nightly"
        play.api.create("workflows", NS, made)
        end(play.api, f"nightly-{number}", phase, play.clock)
        await play.rounds()
        suspended = play.api.objects["cronworkflows", NS, "nightly"]["spec"].get("suspend", False)
        assert suspended == (number >= 5), number
        play.clock.pass_by(120)
    assert [found["spec"]["target"]["name"] for found in play.acts("SuspendCron")] == ["nightly-5"]


@played
async def test_a_chain_ends_when_its_attempts_are_spent_and_every_report_tells_of_all_of_it() -> None:
    play = Play(policy(RESUBMIT, limits={"maxAttempts": 2}))
    await play.begin()
    fail(play.api, "etl", play.clock)
    for _ in range(4):
        await play.rounds()
        play.clock.pass_by(60)
        for name in play.new_runs():
            if not play.api.objects["workflows", NS, name].get("status", {}).get("phase"):
                end(play.api, name, "Failed", play.clock)
    first, second = play.new_runs()
    assert (first[-3:], second[-3:]) == ("-r1", "-r2")
    assert sorted(found["spec"]["attempt"] for found in play.acts()) == [1, 2]
    held = {
        report["spec"]["workflowRef"]["name"]: report["status"]["remediation"].get("held", {}).get("reason")
        for report in play.api.all("workflowreports")
    }
    assert held == {"etl": None, first: None, second: "AttemptsExhausted"}
    for report in play.api.all("workflowreports"):
        told = report["status"]["remediation"]
        assert told["chain"] == ["etl", first, second]
        assert told["attempts"] == 2
        assert told["last"]["outcome"] == "RunFailed"
    counts = play.policy()["status"]["counts"]
    assert (counts["executed"], counts["helped"], counts["notHelped"], counts["blocked"]) == (2, 0, 2, 1)


@played
async def test_no_more_acts_are_in_flight_than_the_budget_allows() -> None:
    play = Play(policy(RESUBMIT, budget={"maxConcurrent": 2}, circuitBreaker={"minRuns": 1000}))
    tried = policy({"name": "x", "match": {}, "action": {"none": {}}}, name="tried", mode="DryRun")
    play.api.create("remediationpolicies", NS, tried)
    await play.begin()
    for number in range(5):
        fail(play.api, f"wf-{number}", play.clock)
    await play.rounds()
    assert len(play.new_runs()) == 2
    held = [report["status"]["remediation"].get("held") for report in play.api.all("workflowreports")]
    assert sum(bool(each) for each in held) == 3
    assert {(each["policyName"], each["reason"]) for each in held if each} == {("p", "BudgetExhausted")}
    end(play.api, play.new_runs()[0], "Succeeded", play.clock)
    await play.rounds(4, 60)
    assert len(play.new_runs()) == 3


@played
async def test_a_new_run_that_was_deleted_while_it_ran_has_no_outcome() -> None:
    play = Play(policy(RESUBMIT))
    await play.begin()
    fail(play.api, "etl", play.clock)
    await play.rounds()
    (new,) = play.new_runs()
    end(play.api, new, "Running", play.clock)
    await play.rounds()
    del play.api.objects["workflows", NS, new]
    await play.rounds()
    (act,) = play.acts()
    reasons = {found["type"]: found["reason"] for found in act["status"]["conditions"]}
    assert reasons["Succeeded"] == "RunDeleted"


@played
async def test_an_old_intent_without_a_trace_is_never_carried_out() -> None:
    play = Play(policy(RESUBMIT))
    await play.begin()
    fail(play.api, "etl", play.clock)
    await play.rounds()
    (new,), (act,) = play.new_runs(), play.acts()
    # as if it had been killed right after the act, and the new run had come and gone since
    del play.api.objects["workflows", NS, new]
    play.api.put("remediations", NS, act["metadata"]["name"], status={})
    for report in play.api.all("workflowreports"):
        if report["spec"]["workflowRef"]["name"] == new:
            del play.api.objects["workflowreports", NS, report["metadata"]["name"]]
    play.clock.pass_by(3600)
    play.operator = FakeOperator(play.api, play.clock)
    await play.operator.start()
    await play.rounds()
    assert play.new_runs() == []
    (act,) = play.acts()
    told = {found["type"]: (found["status"], found["reason"]) for found in act["status"]["conditions"]}
    assert told["Executed"] == ("Unknown", "TraceLost")


@played
async def test_what_was_asked_for_a_run_is_not_done_to_the_next_run_of_the_same_workflow() -> None:
    play = Play(policy(RESUBMIT, mode="Approve"))
    await play.begin()
    fail(play.api, "etl", play.clock)
    await play.rounds()
    play.clock.pass_by(300)
    end(play.api, "etl", "Failed", play.clock)  # a person retried it
    await play.rounds()
    told = {
        found["type"]: found["reason"]
        for act in play.acts()
        for found in act["status"]["conditions"]
        if act["spec"]["target"]["startedAt"] < "2026-11-25T03:05"
    }
    assert told["Executed"] == "TargetChanged"
    assert len(play.acts()) == 2
    assert play.new_runs() == []


@played
async def test_two_policies_of_the_same_priority_do_nothing_and_say_so() -> None:
    play = Play(policy(RESUBMIT), policy(RESUBMIT, name="q"))
    await play.begin()
    fail(play.api, "etl", play.clock)
    await play.rounds()
    assert play.acts() == []
    assert play.condition("Conflicted") == ("True", "SamePriority")


@played
async def test_objects_that_cannot_be_read_keep_nobody_from_theirs() -> None:
    odd = policy(RESUBMIT, name="odd", mode="Someday")
    play = Play(policy(RESUBMIT), {**odd, "status": {"conditions": "none"}})
    newer = {"metadata": {"name": "newer"}, "spec": {"action": "Teleport", "lockClass": "mutate"}}
    play.api.create("remediations", NS, newer)
    await play.begin()
    assert play.condition("Ready", "odd") == ("False", "PolicyInvalid")
    fail(play.api, "etl", play.clock)
    await play.rounds()
    assert len(play.new_runs()) == 1


@played
async def test_records_are_kept_for_as_long_as_the_settings_say() -> None:
    play = Play(policy(RESUBMIT))
    await play.begin()
    fail(play.api, "etl", play.clock)
    await play.rounds()
    end(play.api, play.new_runs()[0], "Succeeded", play.clock)
    await play.rounds()
    sweep = play.operator.part.resync()
    await sweep.resync()
    assert len(play.acts()) == 1
    play.clock.pass_by(91 * 24 * 3600)
    await sweep.resync()
    assert play.acts() == []


@played
async def test_the_sweep_alone_finds_what_no_event_told() -> None:
    play = Play()
    await play.begin()
    sweep = play.operator.part.resync()
    play.api.create("remediationpolicies", NS, policy(RESUBMIT))
    await sweep.resync()
    await play.operator.work()
    play.clock.pass_by(60)
    fail(play.api, "etl", play.clock)
    await play.operator.look_at_workflows()
    await play.operator.work()
    assert len(play.new_runs()) == 1
    del play.api.objects["remediationpolicies", NS, "p"]
    await sweep.resync()
    await play.operator.work()
    fail(play.api, "next", play.clock)
    await play.operator.look_at_workflows()
    await play.operator.work()
    assert len(play.new_runs()) == 1


@pytest.mark.parametrize("reason", ["suspended", "pauseRequests"])
def test_a_policy_that_is_paused_waits_and_goes_on(reason: str) -> None:
    async def scene() -> None:
        paused: Json = {"suspended": True} if reason == "suspended" else {"pauseRequests": ["upgrade by @ana"]}
        play = Play(policy(RESUBMIT, **paused))
        await play.begin()
        fail(play.api, "etl", play.clock)
        await play.rounds()
        assert play.acts() == []
        assert play.condition("RemediationAllowed")[0] == "False"
        found = play.policy()
        found["metadata"]["generation"] += 1
        play.api.put("remediationpolicies", NS, "p", spec={k: v for k, v in found["spec"].items() if k != reason})
        await play.rounds()
        assert len(play.new_runs()) == 1

    asyncio.run(scene())
