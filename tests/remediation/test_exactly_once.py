"""Killed after every single step, told twice, answered by errors: one act, and never none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from tests.remediation.fake_api import Clock, FakeApi, KilledError
from tests.remediation.fake_operator import NS, RESUBMIT, FakeOperator, Inbox, end, fail, policy

from wfreport.kube.errors import ApiError, ConflictError, ServerError, ThrottledError, UnreachableError

NOTIFY = {
    "name": "again",
    "match": {},
    "action": {"resubmit": {}},
    "notify": {"sinks": [{"name": "hook", "cloudEvents": {"url": "http://hook.invalid"}}]},
}


class Scenario:
    """A policy, a run that fails, its resubmission that succeeds; a killed operator is started again."""

    def __init__(self, rule: Any = RESUBMIT) -> None:
        self.clock = Clock()
        self.api = FakeApi(self.clock)
        self.inbox = Inbox()
        self.api.create("remediationpolicies", NS, policy(rule))
        self.operator = FakeOperator(self.api, self.clock, inbox=self.inbox)

    async def play(self) -> None:
        """From the start to the record that it helped."""
        await self.settle()
        self.clock.pass_by(60)
        fail(self.api, "etl", self.clock)
        await self.settle()
        new = self.new_runs()
        if len(new) == 1 and not self.api.objects["workflows", NS, new[0]].get("status", {}).get("phase"):
            self.clock.pass_by(60)
            end(self.api, new[0], "Succeeded", self.clock)
        await self.settle()

    async def settle(self) -> None:
        """Let the operator work, and start again whenever it was killed, until nothing is left to do."""
        for _ in range(200):
            try:
                await self.operator.start()
                for _ in range(6):
                    await self._round()
            except KilledError:
                self.operator = FakeOperator(self.api, self.clock, inbox=self.inbox)
            except ApiError:
                continue  # the operator's start, and its looks, are tried again
            else:
                return
        pytest.fail("it never settles")

    async def _round(self) -> None:
        await self.operator.look_at_workflows()
        self.operator.hear()
        await self.operator.work()
        self.clock.pass_by(10)

    def new_runs(self) -> list[str]:
        return [found["metadata"]["name"] for found in self.api.all("workflows") if found["metadata"]["name"] != "etl"]

    def created(self, plural: str) -> int:
        return sum(1 for verb, kind, _ in self.api.log if (verb, kind) == ("create", plural))

    def outcome(self) -> tuple[str, ...]:
        """What the records say: reason of Executed and of Succeeded, of each act on the run."""
        return tuple(
            condition["reason"]
            for found in self.api.all("remediations")
            if found["spec"]["lockClass"] == "mutate"
            for condition in found.get("status", {}).get("conditions", [])
            if condition["type"] in {"Executed", "Succeeded"}
        )


def steps_of(rule: Any = RESUBMIT) -> int:
    """How many requests the whole scenario makes, undisturbed."""
    count = 0

    def counted(when: str, *_: str) -> None:
        nonlocal count
        count += when == "before"

    scenario = Scenario(rule)
    scenario.api.fault = counted
    asyncio.run(scenario.play())
    assert scenario.outcome() == ("Executed", "RunSucceeded")
    return count


STEPS = steps_of()


def disturbed(step: int, when: str, raising: Callable[[], BaseException]) -> Callable[[str, str, str], None]:
    """A fault at the n-th request, before or after it was done."""
    count = 0

    def fault(at: str, *_: str) -> None:
        nonlocal count
        if at == when:
            count += 1
            if count == step:
                raise raising()

    return fault


def assert_exactly_once(scenario: Scenario, where: str) -> None:
    assert scenario.new_runs() == [scenario.new_runs()[0]], where
    assert scenario.created("workflows") == 1, where
    executed, succeeded = scenario.outcome()
    assert executed in {"Executed", "AlreadyDone"}, where
    assert succeeded == "RunSucceeded", where
    for name in ("etl", *scenario.new_runs()):
        (report,) = [
            found for found in scenario.api.all("workflowreports") if found["spec"]["workflowRef"]["name"] == name
        ]
        assert report["status"]["remediation"]["chain"] == ["etl", *scenario.new_runs()], where


def test_the_steps_of_the_scenario_are_many() -> None:
    assert STEPS > 30


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_it_is_resubmitted_once_and_recorded(when: str) -> None:
    for step in range(1, STEPS + 1):
        scenario = Scenario()
        scenario.api.fault = disturbed(step, when, KilledError)
        asyncio.run(scenario.play())
        assert_exactly_once(scenario, f"killed {when} request {step}")


def _each(faults: list[Callable[[str, str, str], None]], *at: str) -> None:
    for fault in faults:
        fault(*at)


@pytest.mark.parametrize("first", range(1, STEPS + 1, 7))
def test_killed_twice_it_is_resubmitted_once_and_recorded(first: int) -> None:
    for second in range(1, 12):
        scenario = Scenario()
        kills = [disturbed(first, "after", KilledError), disturbed(first + second, "after", KilledError)]
        scenario.api.fault = partial(_each, kills)
        asyncio.run(scenario.play())
        assert_exactly_once(scenario, f"killed after requests {first} and {first + second}")


@pytest.mark.parametrize(
    "error",
    [
        lambda: ConflictError("changed", status=409),
        lambda: ThrottledError("slow down", retry_after_seconds=1),
        lambda: ServerError("failed", status=500),
        lambda: UnreachableError("timed out"),
    ],
    ids=["409", "429", "500", "timeout"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_answered_by_an_error_at_every_other_step_it_is_resubmitted_once_and_recorded(
    when: str, error: Callable[[], ApiError]
) -> None:
    for step in range(1, STEPS + 1, 2):
        scenario = Scenario()
        scenario.api.fault = disturbed(step, when, error)
        asyncio.run(scenario.play())
        assert_exactly_once(scenario, f"an error {when} request {step}")


def test_told_twice_of_everything_nothing_is_done_twice() -> None:
    async def play() -> Scenario:
        scenario = Scenario()
        await scenario.play()
        writes = len(scenario.api.log)
        for _ in range(3):
            scenario.operator.offer_all()
            scenario.operator.hear()
            await scenario.operator.look_at_workflows()
            await scenario.operator.work()
        assert len(scenario.api.log) == writes
        return scenario

    assert_exactly_once(asyncio.run(play()), "told twice")


def test_two_replicas_that_both_believe_to_lead_resubmit_once() -> None:
    async def play() -> Scenario:
        scenario = Scenario()
        await scenario.settle()
        other = FakeOperator(scenario.api, scenario.clock, inbox=scenario.inbox)
        await other.start()
        scenario.clock.pass_by(60)
        fail(scenario.api, "etl", scenario.clock)
        for _ in range(6):
            for operator in (scenario.operator, other):
                with suppress(ApiError):
                    await operator.look_at_workflows()
                operator.hear()
                operator.offer_all()
            for _ in range(50):
                busy = [await operator._work_one() for operator in (scenario.operator, other)]
                if not any(busy):
                    break
            scenario.clock.pass_by(10)
        end(scenario.api, scenario.new_runs()[0], "Succeeded", scenario.clock)
        await scenario.settle()
        return scenario

    assert_exactly_once(asyncio.run(play()), "two replicas")


def test_people_are_told_at_least_once_with_the_same_id_whenever_it_is_killed() -> None:
    for step in range(1, steps_of(NOTIFY) + 1, 2):
        scenario = Scenario(NOTIFY)
        scenario.api.fault = disturbed(step, "after", KilledError)
        asyncio.run(scenario.play())
        uids = {id_.rsplit("-", 1)[1] for _, id_ in scenario.inbox.received}
        assert uids == {"failed", "ended"}, step
        assert len({id_ for _, id_ in scenario.inbox.received}) == 2, step
