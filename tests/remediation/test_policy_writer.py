"""Who writes a policy's status, and what is logged and recorded of it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.remediation.documents import RESUBMIT
from tests.remediation.fake_api import Clock, FakeApi
from tests.remediation.in_memory import NS, InMemoryOperator, policy, run_async

from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import ObservedWorkflow, ReportStatus
from wfreport.core.record.policy_status import PolicyCheck, policy_counts, policy_status
from wfreport.kube.objects import ObjectMeta
from wfreport.metrics import Metrics
from wfreport.reconcile.ownership import TAKEOVER_AFTER, ReportOwnership
from wfreport.remediation.policy_writer import PolicyWriter

US, OTHER = "ours/wfreport", "theirs/wfreport"
META = ObjectMeta(name="etl-1", namespace=NS, uid="u1", resource_version="1")


class PolicyCluster:
    """One policy, the writer of an installation, and what it has written."""

    def __init__(self, installation: str = US, reporter: str | None = None) -> None:
        self.now = datetime(2026, 11, 28, 12, tzinfo=UTC)
        self.events: list[tuple[str, str]] = []
        self.written: list[dict[str, Any]] = []
        self.document: dict[str, Any] = policy(RESUBMIT)
        self.document["metadata"] |= {"uid": "p1", "generation": 1}
        self.document["status"] = {"observedGeneration": 1} | ({"reporter": reporter} if reporter else {})
        resource: Any = self
        self.ownership = ReportOwnership(installation, events=resource, metrics=Metrics(), clock=lambda: self.now)
        self.writer = PolicyWriter(resource, events=resource, ownership=self.ownership, clock=lambda: self.now)

    async def apply_status(self, _: Any, status: dict[str, Any], *, make_room: bool) -> dict[str, Any]:
        assert make_room, "all conditions of a policy can be derived again"
        self.written.append(status)
        self.document["status"] = status
        return self.document

    async def record(self, _: Any, reason: str, message: str, **__: Any) -> None:
        self.events.append((reason, message))

    def apply(self, missing: str | None = None, generation: int = 1) -> bool:
        """Write the status, with these rights missing; return whether it was written."""
        self.document["metadata"]["generation"] = generation
        model = RemediationPolicy.model_validate(self.document)
        status = policy_status(model, PolicyCheck(missing_rights=missing), policy_counts("p", (), ()), self.now)
        count = len(self.written)
        asyncio.run(self._apply(model, status))
        return len(self.written) > count

    async def _apply(self, model: RemediationPolicy, status: Any) -> None:
        await self.writer.apply(model, status)

    def see_report(self, run: ObservedWorkflow, stored: ObservedWorkflow) -> None:
        """Reconcile a report of the other installation."""
        before, now = ReportStatus(reporter=OTHER, observed_workflow=stored), ReportStatus(observed_workflow=run)
        is_final = run.finished_at is not None
        asyncio.run(self.ownership.is_left_to_other(META, before, now, is_final=is_final))


def ended(at: datetime, version: str = "7") -> ObservedWorkflow:
    return ObservedWorkflow(phase="Failed", resource_version=version, finished_at=at)


def test_what_keeps_a_policy_from_acting_is_logged_with_its_message_once(caplog: pytest.LogCaptureFixture) -> None:
    cluster = PolicyCluster()
    with caplog.at_level(logging.WARNING):
        for count in range(3):
            cluster.document["status"]["counts"] = {"matched": count}  # each new count is a write
            assert cluster.apply("cannot create workflows: add remediate-resubmit")
        cluster.apply("cannot patch workflows: add remediate-stop")
    logged = [vars(record)["pairs"]["message"] for record in caplog.records]
    assert logged == ["cannot create workflows: add remediate-resubmit", "cannot patch workflows: add remediate-stop"]
    assert [reason for reason, _ in cluster.events] == ["RightsMissing", "RightsMissing"]


def test_the_first_installation_that_writes_a_status_is_its_reporter() -> None:
    cluster = PolicyCluster()
    assert cluster.apply()
    assert cluster.document["status"]["reporter"] == US
    assert cluster.apply("a right is missing"), "its own status"


def test_the_status_of_another_installation_is_left_alone() -> None:
    cluster = PolicyCluster(reporter=OTHER)
    for _ in range(3):
        assert not cluster.apply("a right that this installation lacks")
        cluster.now += timedelta(hours=1)


def test_without_a_name_an_installation_writes_every_status() -> None:
    assert PolicyCluster("", reporter=OTHER).apply()


def test_a_policy_whose_generation_nobody_observes_is_taken_over() -> None:
    cluster = PolicyCluster(reporter=OTHER)
    assert not cluster.apply(generation=2)
    cluster.now += TAKEOVER_AFTER - timedelta(seconds=1)
    assert not cluster.apply(generation=2)
    assert not cluster.apply(generation=3), "each generation has its time"
    cluster.now += TAKEOVER_AFTER
    assert cluster.apply(generation=3)
    assert cluster.document["status"]["reporter"] == US


def test_the_time_of_a_generation_begins_anew_once_the_other_installation_has_observed_one() -> None:
    cluster = PolicyCluster(reporter=OTHER)
    assert not cluster.apply(generation=2)
    cluster.document["status"]["observedGeneration"] = 2
    assert not cluster.apply(generation=2)
    cluster.now += TAKEOVER_AFTER
    cluster.document["status"]["observedGeneration"] = 1
    assert not cluster.apply(generation=2)


def test_a_policy_is_taken_over_with_the_reports_of_an_installation_that_is_gone_until_it_lives_again() -> None:
    cluster = PolicyCluster(reporter=OTHER)
    at = cluster.now
    cluster.now += TAKEOVER_AFTER
    cluster.see_report(ended(at), stored=ObservedWorkflow(phase="Running"))
    assert cluster.apply()
    cluster.document["status"]["reporter"] = OTHER
    cluster.see_report(ended(cluster.now, "8"), stored=ended(cluster.now, "8"))
    assert not cluster.apply("a right is missing")


@run_async
async def test_two_installations_write_a_policy_as_often_as_one() -> None:
    clock = Clock()
    api = FakeApi(clock)
    api.create("remediationpolicies", NS, policy(RESUBMIT))
    operators = [InMemoryOperator(api, clock, installation=name) for name in (US, OTHER)]
    for operator in operators:
        await operator.start()
    for _ in range(3):
        for operator in operators:
            operator.deliver_events()
            await operator.work()
        clock.advance(400)
    writes = [name for verb, plural, name in api.log if (verb, plural) == ("apply", "remediationpolicies")]
    assert writes == ["p"], api.log
    assert api.objects["remediationpolicies", NS, "p"]["status"]["reporter"] == US
