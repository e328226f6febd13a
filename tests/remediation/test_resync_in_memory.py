"""The resync of Remediations: what fails for one of them keeps no other from its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.remediation.documents import RESUBMIT
from tests.remediation.in_memory import NS, InMemoryCluster, end, fail, policy, run_async

from wfreport.core.record import surplus
from wfreport.kube.errors import ConflictError, InvalidError, UnreachableError

RUNS = ("first", "second", "third")


async def cluster_with_new_runs() -> InMemoryCluster:
    """Return a cluster with three new runs, none of which has a report yet."""
    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    for name in RUNS:
        fail(cluster.api, name, cluster.clock)
    await cluster.reconcile(rounds=1)
    assert len(cluster.new_runs()) == len(RUNS)
    return cluster


def outcomes(cluster: InMemoryCluster) -> list[str]:
    """Return the reason of each Remediation's outcome, by name."""
    found = sorted(cluster.remediations(), key=lambda each: str(each["metadata"]["name"]))
    conditions = [{each["type"]: each["reason"] for each in one["status"]["conditions"]} for one in found]
    return [each["Succeeded"] for each in conditions]


@pytest.mark.parametrize(
    "status", ["text", [], {"phase": ["Failed"]}, {"phase": {}}, {"phase": "Failed", "message": 7}]
)
def test_a_new_run_with_a_hostile_status_and_without_a_report_keeps_no_other_from_its_outcome(status: Any) -> None:
    async def check() -> None:
        cluster = await cluster_with_new_runs()
        first, *others = cluster.new_runs()
        cluster.api.objects["workflows", NS, first]["status"] = status
        for name in others:
            end(cluster.api, name, "Succeeded", cluster.clock)
        await cluster.operator.remediation.resync().resync()
        assert outcomes(cluster)[1:] == ["RunSucceeded", "RunSucceeded"]

    asyncio.run(check())


def failing_once(error: Exception) -> Callable[[str, str, str], None]:
    """Return a fault: the first write of a Remediation's status fails."""
    errors = [error]

    def fault(when: str, verb: str, plural: str) -> None:
        if (when, verb, plural) == ("before", "apply", "remediations") and errors:
            raise errors.pop()

    return fault


@pytest.mark.parametrize("error", [InvalidError("no room", status=422), ConflictError("changed", status=409)])
def test_an_outcome_that_cannot_be_written_keeps_no_other_from_its_outcome(error: Exception) -> None:
    async def check() -> None:
        cluster = await cluster_with_new_runs()
        for name in cluster.new_runs():
            end(cluster.api, name, "Succeeded", cluster.clock)
        cluster.api.fault = failing_once(error)
        await cluster.operator.remediation.resync().resync()
        assert sorted(outcomes(cluster)) == ["OutcomeAwaited", "RunSucceeded", "RunSucceeded"]

    asyncio.run(check())


@run_async
async def test_of_very_many_dry_runs_the_oldest_are_deleted() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, mode="DryRun"))
    await cluster.start()
    for name in RUNS:
        fail(cluster.api, name, cluster.clock)
        await cluster.reconcile()
    assert len(cluster.remediations()) == len(RUNS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(surplus, "MAX_DRY_RUNS", 1)
        await cluster.operator.remediation.resync().resync()
    assert [each["spec"]["target"]["name"] for each in cluster.remediations()] == [RUNS[-1]]
    assert len(cluster.operator.cache.remediations) == 1


@run_async
async def test_a_bug_is_raised_once_all_have_had_their_turn() -> None:
    cluster = await cluster_with_new_runs()
    for name in cluster.new_runs():
        end(cluster.api, name, "Succeeded", cluster.clock)
    cluster.api.fault = failing_once(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        await cluster.operator.remediation.resync().resync()
    assert sorted(outcomes(cluster)) == ["OutcomeAwaited", "RunSucceeded", "RunSucceeded"]


@run_async
async def test_an_api_server_that_does_not_answer_is_asked_no_further() -> None:
    cluster = await cluster_with_new_runs()
    for name in cluster.new_runs():
        end(cluster.api, name, "Succeeded", cluster.clock)
    cluster.api.fault = failing_once(UnreachableError("away"))
    with pytest.raises(UnreachableError):
        await cluster.operator.remediation.resync().resync()
    assert outcomes(cluster).count("RunSucceeded") == 0
