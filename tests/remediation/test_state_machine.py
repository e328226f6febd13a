"""Whatever happens in whatever order, no run is resubmitted twice and none is forgotten.

The real remediation on an API server in memory; hypothesis takes the part of Argo, people, the network and the kubelet.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.examples import is_fast
from tests.remediation.documents import RESUBMIT, UNLIMITED
from tests.remediation.fake_api import Clock, FakeApi, KilledError
from tests.remediation.in_memory import NS, InMemoryOperator, end, fail, policy

from wfreport.kube.errors import ApiError, ConflictError, ServerError, ThrottledError, UnreachableError
from wfreport.settings import Settings

pytestmark = pytest.mark.long

ERRORS: list[type[BaseException]] = [KilledError, ConflictError, ThrottledError, ServerError, UnreachableError]
MAX_ATTEMPTS = 2
REPLICAS = 2
SETTINGS = Settings(**UNLIMITED)
FROM_UID = "wfreport.dev/remediation-uid"


class ClusterMachine(RuleBasedStateMachine):
    """Two replicas, a policy, Workflows, and everything that can happen to them."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.api = FakeApi(self.clock, fault=self._fault)
        self.serial = 0
        self.faults: list[tuple[int, str, type[BaseException]]] = []
        self.stopped: set[str] = set()
        self.created: set[tuple[str, str]] = set()
        self.api.create("remediationpolicies", NS, self._policy())
        self.replicas = [InMemoryOperator(self.api, self.clock, settings=SETTINGS) for _ in range(REPLICAS)]
        for number in range(REPLICAS):
            self._restart(number)
            self._work(number)

    def _policy(self, mode: str = "Enforce") -> dict[str, Any]:
        return policy(
            RESUBMIT,
            mode=mode,
            limits={"maxAttempts": MAX_ATTEMPTS},
            budget={"maxConcurrent": 1000, "maxPerWindow": 10_000},
            circuitBreaker={"minRuns": 10_000, "sameFingerprintAtMost": 1000},
        )

    def _fault(self, when: str, *_: str) -> None:
        """Raise a fault if the number of requests after which it is due has been made."""
        due = []
        for number, (left, at, error) in enumerate(self.faults):
            if at == when:
                self.faults[number] = (left - 1, at, error)
                if left <= 1:
                    due.append(number)
        if due:
            error = self.faults.pop(due[0])[2]
            raise error() if error is KilledError else error("a fault")

    # what the operator does

    def _restart(self, number: int) -> None:
        self.replicas[number] = InMemoryOperator(self.api, self.clock, settings=SETTINGS)
        self._run(number, self.replicas[number].start())

    def _run(self, number: int, work: Any) -> None:
        try:
            self.loop.run_until_complete(work)
        except KilledError:
            self._restart(number)
        except ApiError:
            pass
        finally:
            self._count()

    def _work(self, number: int) -> None:
        operator = self.replicas[number]
        self._run(number, operator.reconcile_workflows())
        self.replicas[number].deliver_events()
        self._run(number, self.replicas[number].work(5_000))

    def _count(self) -> None:
        """Record the Workflows that Remediations have created, even if they are deleted later."""
        for workflow in self.api.all("workflows"):
            labels, uid = workflow["metadata"].get("labels", {}), workflow["metadata"]["uid"]
            if labels.get(FROM_UID):
                self.created.add((labels[FROM_UID], uid))

    @rule(number=st.integers(0, REPLICAS - 1))
    def a_replica_works(self, number: int) -> None:
        self._work(number)

    @rule(number=st.integers(0, REPLICAS - 1), requests=st.integers(1, 4))
    def a_replica_works_a_little(self, number: int, requests: int) -> None:
        for _ in range(requests):
            self._run(number, self.replicas[number].work_once())

    @rule(number=st.integers(0, REPLICAS - 1))
    def a_replica_is_restarted(self, number: int) -> None:
        self._restart(number)

    @rule(number=st.integers(0, REPLICAS - 1))
    def events_are_doubled(self, number: int) -> None:
        self.replicas[number].enqueue_all_reports()
        self.replicas[number].deliver_events()

    @rule(after=st.integers(1, 12), when=st.sampled_from(["before", "after"]), error=st.sampled_from(ERRORS))
    def something_will_go_wrong(self, after: int, when: str, error: type[BaseException]) -> None:
        self.faults.append((after, when, error))

    # what Argo and time do

    @rule()
    def a_workflow_fails(self) -> None:
        self.serial += 1
        fail(self.api, f"wf-{self.serial}", self.clock)

    @rule(choice=st.integers(0, 100), phase=st.sampled_from(["Succeeded", "Failed"]))
    def a_new_run_ends(self, choice: int, phase: str) -> None:
        running = [each for each in self.api.all("workflows") if not each.get("status", {}).get("phase")]
        if running:
            end(self.api, running[choice % len(running)]["metadata"]["name"], phase, self.clock)

    @rule(choice=st.integers(0, 100))
    def a_workflow_is_deleted(self, choice: int) -> None:
        over = [each for each in self.api.all("workflows") if each.get("status", {}).get("phase")]
        if over:
            del self.api.objects["workflows", NS, over[choice % len(over)]["metadata"]["name"]]

    @rule(seconds=st.sampled_from([1, 5, 60, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    # what people do

    @rule()
    def the_policy_is_deleted_and_made_again(self) -> None:
        self.api.objects.pop(("remediationpolicies", NS, "p"), None)
        self.api.create("remediationpolicies", NS, self._policy())

    @rule(suspended=st.booleans())
    def the_policy_is_suspended_or_not(self, suspended: bool) -> None:
        each = self.api.objects["remediationpolicies", NS, "p"]
        each["metadata"]["generation"] += 1
        self.api.put("remediationpolicies", NS, "p", spec={**each["spec"], "suspended": suspended})

    @rule()
    def a_person_stops_a_workflow(self) -> None:
        self.serial += 1
        name = f"wf-{self.serial}"
        fail(self.api, name, self.clock)
        each = self.api.objects["workflows", NS, name]
        self.stopped.add(each["metadata"]["uid"])
        self.api.put("workflows", NS, name, spec={**each["spec"], "shutdown": "Stop"})

    # what must hold

    @invariant()
    def no_remediation_made_two_runs(self) -> None:
        made = Counter(remediation for remediation, _ in self.created)
        assert not [remediation for remediation, count in made.items() if count > 1]

    @invariant()
    def no_run_has_two_actions(self) -> None:
        done = [
            each for each in self.api.all("remediations") if _reason(each, "Executed") in {"Executed", "AlreadyDone"}
        ]
        runs = Counter((each["spec"]["target"]["uid"], each["spec"]["target"].get("startedAt")) for each in done)
        assert not [run for run, count in runs.items() if count > 1]

    @invariant()
    def no_chain_has_more_attempts_than_it_may(self) -> None:
        attempts = [each["spec"]["attempt"] for each in self.api.all("remediations")]
        assert max(attempts, default=0) <= MAX_ATTEMPTS

    @invariant()
    def what_a_person_stopped_is_left_alone(self) -> None:
        assert not {each["spec"]["target"]["uid"] for each in self.api.all("remediations")} & self.stopped

    def teardown(self) -> None:
        """Assert that, without faults, every action that was begun is closed and each failed run has its action."""
        self.faults.clear()
        try:
            self._end_well()
        finally:
            self.loop.close()

    def _end_well(self) -> None:
        each = self.api.objects["remediationpolicies", NS, "p"]
        each["metadata"]["generation"] += 1
        self.api.put("remediationpolicies", NS, "p", spec={**each["spec"], "suspended": False})
        for _ in range(4):
            for number in range(REPLICAS):
                self._restart(number)
                self._work(number)
                self.clock.advance(30)
        self._check_nothing_is_forgotten()
        self.no_remediation_made_two_runs()

    def _check_nothing_is_forgotten(self) -> None:
        since = self.api.objects["remediationpolicies", NS, "p"]["status"]["enforcedSince"]
        remediations = {each["spec"]["target"]["uid"]: each for each in self.api.all("remediations")}
        for remediation in remediations.values():
            assert _reason(remediation, "Executed") not in {"", "ExecutionPending"}, remediation
        for workflow in self.api.all("workflows"):
            metadata, status = workflow["metadata"], workflow.get("status", {})
            if status.get("phase") != "Failed" or metadata["uid"] in self.stopped or status["finishedAt"] <= since:
                continue
            attempt = int(metadata.get("labels", {}).get("wfreport.dev/attempt", "0"))
            assert metadata["uid"] in remediations or attempt >= MAX_ATTEMPTS, f"no action for {metadata['name']}"


def _reason(remediation: dict[str, Any], kind: str) -> str:
    conditions = remediation.get("status", {}).get("conditions", [])
    return next((str(each["reason"]) for each in conditions if each["type"] == kind), "")


ClusterMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "4" if is_fast() else "40")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestClusterMachine = ClusterMachine.TestCase


def test_each_of_many_failures_has_its_action_once_a_suspended_policy_goes_on() -> None:
    machine = ClusterMachine()
    machine.begin()
    machine.the_policy_is_suspended_or_not(suspended=True)
    machine.time_passes(seconds=1)
    for _ in range(15):
        machine.a_workflow_fails()
    machine.teardown()
    assert len(machine.api.all("remediations")) == 15
