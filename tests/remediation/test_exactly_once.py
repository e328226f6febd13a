"""An operator that is killed at any request, gets events twice or errors for answers, acts exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from tests.examples import steps
from tests.remediation.documents import RESUBMIT
from tests.remediation.fake_api import Clock, FakeApi, KilledError
from tests.remediation.in_memory import HOOK, NS, Inbox, InMemoryOperator, end, fail, hang, policy, workflow

from wfreport.kube.errors import ApiError, ConflictError, ServerError, ThrottledError, UnreachableError

pytestmark = pytest.mark.long

NOTIFY = {**RESUBMIT, "notify": HOOK}
STALLED = {"name": "hung", "match": {"stalled": {"forSeconds": 30}}, "action": {"resubmit": {}}, "notify": HOOK}


class Scenario:
    """A policy, a run that fails, and its resubmission, which succeeds. A killed operator is started again."""

    def __init__(self, rule: Any = RESUBMIT) -> None:
        self.clock = Clock()
        self.api = FakeApi(self.clock)
        self.inbox = Inbox()
        self.api.create("remediationpolicies", NS, policy(rule))
        self.operator = InMemoryOperator(self.api, self.clock, inbox=self.inbox)

    async def run(self) -> None:
        """Run from the start until the outcome is recorded."""
        await self.work_until_idle()
        self.clock.advance(60)
        fail(self.api, "etl", self.clock)
        await self.work_until_idle()
        await self.end_new_run()

    async def end_new_run(self) -> None:
        """Let the resubmission succeed, and its outcome be recorded."""
        new = self.new_runs()
        if len(new) == 1 and not self.api.objects["workflows", NS, new[0]].get("status", {}).get("phase"):
            self.clock.advance(60)
            end(self.api, new[0], "Succeeded", self.clock)
        await self.work_until_idle()

    async def work_until_idle(self) -> None:
        """Let the operator work until it is idle; start it again whenever it is killed."""
        for _ in range(200):
            try:
                await self.operator.start()
                for _ in range(6):
                    await self._round()
            except KilledError:
                self.operator = InMemoryOperator(self.api, self.clock, inbox=self.inbox)
            except ApiError:
                continue  # the real operator retries its start and its reconciles
            else:
                return
        pytest.fail("the operator does not become idle")

    async def _round(self) -> None:
        await self.operator.reconcile_workflows()
        self.operator.deliver_events()
        await self.operator.work()
        self.clock.advance(10)

    def new_runs(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.api.all("workflows") if each["metadata"]["name"] != "etl"]

    def created(self, plural: str) -> int:
        return sum(1 for verb, kind, _ in self.api.log if (verb, kind) == ("create", plural))

    def outcome(self) -> tuple[str, ...]:
        """Return the reasons of Executed and Succeeded of each action on the run."""
        return tuple(
            condition["reason"]
            for each in self.api.all("remediations")
            if each["spec"]["lockClass"] == "mutate"
            for condition in each.get("status", {}).get("conditions", [])
            if condition["type"] in {"Executed", "Succeeded"}
        )


class StallScenario(Scenario):
    """A policy, a run that hangs, Argo's controller, which ends a run that is stopped, and the resubmission."""

    def __init__(self) -> None:
        super().__init__(STALLED)

    async def run(self) -> None:
        await self.work_until_idle()
        self.clock.advance(60)
        hang(self.api, "etl", self.clock)
        await self.work_until_idle()
        self.stop_as_argo()
        await self.work_until_idle()
        await self.end_new_run()

    def stop_as_argo(self) -> None:
        """End the run if its shutdown strategy is Stop."""
        etl = self.api.objects["workflows", NS, "etl"]
        if etl["spec"].get("shutdown") == "Stop":
            started_at = etl["status"]["startedAt"]
            end(self.api, "etl", "Failed", self.clock)
            etl["status"]["startedAt"] = started_at


def steps_of(rule: Any = RESUBMIT, make: Callable[[Any], Scenario] = Scenario) -> int:
    """Return the number of requests of the whole scenario without faults."""
    count = 0

    def counted(when: str, *_: str) -> None:
        nonlocal count
        count += when == "before"

    scenario = make(rule)
    scenario.api.fault = counted
    asyncio.run(scenario.run())
    assert scenario.outcome() == ("Executed", "RunSucceeded")
    return count


STEPS = steps_of()


def fault_at(step: int, when: str, raising: Callable[[], BaseException]) -> Callable[[str, str, str], None]:
    """Return a fault at the n-th request, before or after it takes effect."""
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
            each for each in scenario.api.all("workflowreports") if each["spec"]["workflowRef"]["name"] == name
        ]
        assert report["status"]["remediation"]["chain"] == ["etl", *scenario.new_runs()], where


def test_the_steps_of_the_scenario_are_many() -> None:
    assert STEPS > 30


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_it_is_resubmitted_once_and_recorded(when: str) -> None:
    for step in steps(range(1, STEPS + 1), thinned_to=5):
        scenario = Scenario()
        scenario.api.fault = fault_at(step, when, KilledError)
        asyncio.run(scenario.run())
        assert_exactly_once(scenario, f"killed {when} request {step}")


def _each(faults: list[Callable[[str, str, str], None]], *at: str) -> None:
    for fault in faults:
        fault(*at)


@pytest.mark.parametrize("first", steps(range(1, STEPS + 1, 7), thinned_to=3))
def test_killed_twice_it_is_resubmitted_once_and_recorded(first: int) -> None:
    for second in steps(range(1, 12), thinned_to=2):
        scenario = Scenario()
        kills = [fault_at(first, "after", KilledError), fault_at(first + second, "after", KilledError)]
        scenario.api.fault = partial(_each, kills)
        asyncio.run(scenario.run())
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
    for step in steps(range(1, STEPS + 1, 2), thinned_to=3):
        scenario = Scenario()
        scenario.api.fault = fault_at(step, when, error)
        asyncio.run(scenario.run())
        assert_exactly_once(scenario, f"an error {when} request {step}")


def test_duplicate_events_cause_no_second_action() -> None:
    async def run() -> Scenario:
        scenario = Scenario()
        await scenario.run()
        writes = len(scenario.api.log)
        for _ in range(3):
            scenario.operator.enqueue_all_reports()
            scenario.operator.deliver_events()
            await scenario.operator.reconcile_workflows()
            await scenario.operator.work()
        assert len(scenario.api.log) == writes
        return scenario

    assert_exactly_once(asyncio.run(run()), "duplicate events")


def test_two_replicas_that_both_believe_they_lead_resubmit_once() -> None:
    async def run() -> Scenario:
        scenario = Scenario()
        await scenario.work_until_idle()
        other = InMemoryOperator(scenario.api, scenario.clock, inbox=scenario.inbox)
        await other.start()
        scenario.clock.advance(60)
        fail(scenario.api, "etl", scenario.clock)
        for _ in range(6):
            for operator in (scenario.operator, other):
                with suppress(ApiError):
                    await operator.reconcile_workflows()
                operator.deliver_events()
                operator.enqueue_all_reports()
            for _ in range(50):
                busy = [await operator.work_once() for operator in (scenario.operator, other)]
                if not any(busy):
                    break
            scenario.clock.advance(10)
        end(scenario.api, scenario.new_runs()[0], "Succeeded", scenario.clock)
        await scenario.work_until_idle()
        return scenario

    assert_exactly_once(asyncio.run(run()), "two replicas")


def test_a_leader_that_ends_a_report_after_its_successor_has_started_keeps_no_run_from_its_action() -> None:
    """It was paused past its Lease, goes on, writes once more, and exits. Its successor finds nothing to write."""

    async def run() -> Scenario:
        scenario = Scenario()
        await scenario.work_until_idle()
        scenario.clock.advance(60)
        scenario.api.create("workflows", NS, workflow("etl", "Running", clock=scenario.clock))
        await scenario.operator.reconcile_workflows()
        paused, scenario.operator = scenario.operator, InMemoryOperator(scenario.api, scenario.clock)
        await scenario.operator.start()
        await scenario.operator.work()
        end(scenario.api, "etl", "Failed", scenario.clock)
        await paused.reconcile_workflows()
        await scenario.operator.read_reports()
        for _ in range(3):
            await scenario.operator.reconcile_workflows()
            scenario.operator.deliver_events()
            await scenario.operator.work()
            scenario.clock.advance(10)
        assert len(scenario.new_runs()) == 1, "before it is started again"
        await scenario.end_new_run()
        return scenario

    assert_exactly_once(asyncio.run(run()), "a leader that writes once more")


def test_notifications_are_sent_at_least_once_with_the_same_id_wherever_it_is_killed() -> None:
    for step in steps(range(1, steps_of(NOTIFY) + 1, 2), thinned_to=3):
        scenario = Scenario(NOTIFY)
        scenario.api.fault = fault_at(step, "after", KilledError)
        asyncio.run(scenario.run())
        uids = {id_.rsplit("-", 1)[1] for _, id_ in scenario.inbox.received}
        assert uids == {"failed", "ended"}, step
        assert len({id_ for _, id_ in scenario.inbox.received}) == 2, step


# A run that hangs: one Remediation stops it, and resubmits it when it has ended

STALL_STEPS = steps_of(make=lambda _: StallScenario())


def assert_stopped_and_resubmitted_once(scenario: Scenario, where: str) -> None:
    assert_exactly_once(scenario, where)
    etl = scenario.api.objects["workflows", NS, "etl"]
    (remediation,) = [each for each in scenario.api.all("remediations") if each["spec"]["lockClass"] == "mutate"]
    assert etl["spec"]["shutdown"] == "Stop", where
    assert etl["metadata"]["annotations"]["wfreport.dev/remediation-uid"] == remediation["metadata"]["uid"], where
    assert sum(1 for verb, kind, name in scenario.api.log if (verb, kind, name) == ("patch", "workflows", "etl")) == 1
    assert remediation["status"]["stoppedAt"] <= remediation["status"]["executedAt"], where
    assert "shutdown" not in scenario.api.objects["workflows", NS, scenario.new_runs()[0]]["spec"], where


def test_a_run_that_hangs_is_stopped_resubmitted_once_and_notified() -> None:
    scenario = StallScenario()
    asyncio.run(scenario.run())
    assert_stopped_and_resubmitted_once(scenario, "no fault")
    assert [id_.rsplit("-", 1)[1] for _, id_ in scenario.inbox.received] == ["stalled", "ended"]
    (told,) = [each for each in scenario.api.all("remediations") if each["spec"]["action"] == "Notify"]
    assert (told["spec"]["lockClass"], told["spec"]["reason"]) == ("notify-stall", "PodGone")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_a_run_that_hangs_is_stopped_and_resubmitted_once(when: str) -> None:
    for step in steps(range(1, STALL_STEPS + 1), thinned_to=4):
        scenario = StallScenario()
        scenario.api.fault = fault_at(step, when, KilledError)
        asyncio.run(scenario.run())
        assert_stopped_and_resubmitted_once(scenario, f"killed {when} request {step}")


@pytest.mark.parametrize(
    "error",
    [lambda: ConflictError("changed", status=409), lambda: UnreachableError("timed out")],
    ids=["409", "timeout"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_answered_by_an_error_a_run_that_hangs_is_stopped_and_resubmitted_once(
    when: str, error: Callable[[], ApiError]
) -> None:
    for step in steps(range(1, STALL_STEPS + 1, 2), thinned_to=3):
        scenario = StallScenario()
        scenario.api.fault = fault_at(step, when, error)
        asyncio.run(scenario.run())
        assert_stopped_and_resubmitted_once(scenario, f"an error {when} request {step}")
