"""Policies and Remediations that were deleted while nobody watched: the next list lacks them."""

from __future__ import annotations

import pytest
from tests.objects import a_policy, a_remediation

from wfreport.cache.policies import CachedPolicy, PolicyCache
from wfreport.cache.remediation import RemediationCache, RemediationIndex, RunHistory
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.validity import decode_policy
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.remediations import read_remediation
from wfreport.remediation.enqueue import RemediationEventHandlers
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.workqueue import QueueLimits, WorkQueue
from wfreport.watch.listings import Listing


class World:
    """A cache with a policy and a Remediation, each in two namespaces and of version 7."""

    def __init__(self) -> None:
        policies, remediations = PolicyCache(50), RemediationIndex()
        for namespace in ("ns", "other"):
            where = {"namespace": namespace, "resourceVersion": "7"}
            policy, remediation = a_policy("p"), a_remediation("r")
            policy["metadata"] |= where
            remediation["metadata"] |= where | {"uid": namespace}
            policies.put((namespace, "p"), CachedPolicy(policy, decode_policy(policy)))
            remediations.put(read_remediation(remediation))
        queue = WorkQueue(QueueLimits(), clock=lambda: 0.0, jitter=lambda: 1.0)
        self.queue = queue
        self.handlers = RemediationEventHandlers(
            RemediationCache(policies, remediations, RunHistory(), ReportCache()),
            RemediationQueues(queue, queue, queue, queue, queue),
        )

    def enqueued(self) -> set[tuple[str, str]]:
        keys = [(namespace, name) for namespace in ("ns", "other") for name in ("p", "r")]
        return {key for key in keys if key in self.queue}


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (Listing("any", "ns", 9), {"ns"}),
        (Listing("any", None, 9), {"ns", "other"}),
        (Listing("any", None, 9, {("ns", "p"), ("ns", "r")}), {"other"}),
        (Listing("any", "ns", 6), set()),
    ],
)
async def test_what_a_list_lacks_is_read_again(listing: Listing, expected: set[str]) -> None:
    policies, remediations = World(), World()
    policies.handlers.policies_listed(listing)
    assert policies.enqueued() == {(namespace, "p") for namespace in expected}
    remediations.handlers.remediations_listed(listing)
    assert remediations.enqueued() == {(namespace, "r") for namespace in expected}


async def test_a_deletion_asks_for_a_newer_version_than_the_event_of_an_own_write_before_it() -> None:
    world = World()
    for event_type, version in (("MODIFIED", "8"), ("DELETED", "9")):
        meta = ObjectMeta(namespace="ns", name="r", resource_version=version)
        world.handlers.remediation_changed(event_type, meta)
    request = world.queue._rules.get(0)
    assert request is not None
    assert request.min_resource_version == 9
