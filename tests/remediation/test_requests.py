"""What a reaction to a failure waits for: no request whose answer is known, and no large Workflow of others."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

from tests.remediation.documents import RESUBMIT
from tests.remediation.fake_api import Clock, FakeApi
from tests.remediation.in_memory import HOOK, NS, InMemoryCluster, end, policy, run_async, workflow

from wfreport.kube.kinds import NAMESPACE, WORKFLOW
from wfreport.kube.resource import documents
from wfreport.large_work import run_in_thread
from wfreport.remediation.gatherer import Gatherer
from wfreport.runtime.workqueue import Priority


async def failed_run() -> tuple[InMemoryCluster, Counter[tuple[str, str]]]:
    """Return a cluster in which a run has just failed, and what counts its requests from now on."""
    cluster, requests = InMemoryCluster(policy({**RESUBMIT, "notify": HOOK})), Counter[tuple[str, str]]()
    await cluster.start()
    cluster.api.create("workflows", NS, workflow("etl", clock=cluster.clock))
    await cluster.reconcile()

    def count(when: str, verb: str, plural: str) -> None:
        requests[verb, plural] += when == "before"

    cluster.api.fault = count
    end(cluster.api, "etl", "Failed", cluster.clock)
    return cluster, requests


@run_async
async def test_a_report_that_was_just_written_is_not_read_again_to_act_on_it() -> None:
    cluster, requests = await failed_run()
    await cluster.operator.reconcile_workflows()
    await cluster.operator.work()
    assert len(cluster.new_runs()) == 1
    assert len(cluster.inbox.received) == 1
    assert requests["get", "workflowreports"] == 0


@run_async
async def test_the_event_of_an_own_write_of_a_remediation_reads_nothing() -> None:
    cluster, requests = await failed_run()
    await cluster.operator.reconcile_workflows()
    await cluster.operator.work()
    requests.clear()
    metadata = cluster.remediations("Resubmit")[0]["metadata"]
    key, version = (NS, metadata["name"]), int(metadata["resourceVersion"])
    queue = cluster.operator.remediation.queues.remediations
    for event_version, reads in ((version, 0), (version + 1, 1)):
        queue.add(key, Priority.PROGRESS, min_resource_version=event_version)
        await cluster.operator.work()
        assert requests["get", "remediations"] == reads


@run_async
async def test_a_small_workflow_does_not_wait_for_large_ones_of_others() -> None:
    clock, is_done = Clock(), threading.Event()
    api = FakeApi(clock)
    api.create("workflows", NS, workflow("small", "Failed", clock=clock))
    client: Any = api
    gatherer = Gatherer(documents(client, WORKFLOW), documents(client, NAMESPACE), clock=clock.seconds)
    large = asyncio.create_task(run_in_thread(is_done.wait, 60))
    try:
        async with asyncio.timeout(30):
            live = await gatherer.fetch(NS, "small")
    finally:
        is_done.set()
        await large
    assert live
    assert live.snapshot.workflow.metadata.name == live.document["metadata"]["name"] == "small"
