"""Evidence of pods that no report has yet.

The cache is bounded. If it is full, the namespace that has most loses its oldest evidence.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec
from msgspec import Struct

from wfreport.api.kubernetes import Event, Pod
from wfreport.cache.fair_cache import FairCache
from wfreport.core.snapshot.model import PodEvidence
from wfreport.kube.objects import NamespacedName

POD_BYTES = 2048
"""Estimated memory of a pod and its Events beside their texts, without logs."""

TEXT_FACTOR = 2
"""Memory of an object by the size of its JSON."""


class EvidenceCacheLimits(Struct, frozen=True):
    """Bounds of the cache.

    Attributes:
        pods: maximum number of pods.
        max_bytes: maximum memory, logs included.
    """

    pods: int = 2000
    max_bytes: int = 32 << 20


class _CachedEvidence(Struct, frozen=True):
    workflow: NamespacedName
    workflow_uid: str
    evidence: PodEvidence


class EvidenceCache:
    """Evidence by pod, with an index by Workflow."""

    def __init__(self, limits: EvidenceCacheLimits | None = None) -> None:
        limits = limits or EvidenceCacheLimits()
        self._entries: FairCache[NamespacedName, _CachedEvidence] = FairCache(
            namespace_of=itemgetter(0),
            max_entries=limits.pods,
            max_weight=limits.max_bytes,
            weight_of=lambda cached: _size_bytes(cached.evidence),
        )
        self._by_workflow: dict[NamespacedName, set[NamespacedName]] = {}

    def __len__(self) -> int:
        """Return the number of pods."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Estimated memory of all evidence."""
        return self._entries.weight

    def put(self, workflow: NamespacedName, workflow_uid: str, pod_name: str, evidence: PodEvidence) -> None:
        """Store the evidence of a pod, in place of earlier evidence of that pod."""
        pod = (workflow[0], pod_name)
        self._drop(pod)
        self._by_workflow.setdefault(workflow, set()).add(pod)
        for evicted, cached in self._entries.put(pod, _CachedEvidence(workflow, workflow_uid, evidence)):
            self._forget_pod(cached.workflow, evicted)

    def of(self, workflow: NamespacedName, workflow_uid: str) -> dict[str, PodEvidence]:
        """Return the evidence of the pods of the Workflow with this uid, by pod name."""
        pods = ((pod, self._entries.get(pod)) for pod in self._by_workflow.get(workflow, ()))
        return {pod[1]: entry.evidence for pod, entry in pods if entry and entry.workflow_uid == workflow_uid}

    def release(self, workflow: NamespacedName, used: Mapping[str, PodEvidence]) -> None:
        """Drop evidence that the reports have, except where it is pending or was replaced by newer evidence."""
        for name, evidence in used.items():
            entry = self._entries.get((workflow[0], name))
            if entry and entry.evidence is evidence and not evidence.is_pending:
                self._drop((workflow[0], name))

    def discard(self, workflow: NamespacedName) -> None:
        """Drop all evidence of a Workflow."""
        for pod in tuple(self._by_workflow.get(workflow, ())):
            self._drop(pod)

    def pod(self, name: NamespacedName, uid: str) -> Pod | None:
        """Return the pod of this name and uid, if there is evidence of it."""
        entry = self._entries.get(name)
        pod = entry.evidence.pod if entry else None
        return pod if pod and pod.metadata.uid == uid else None

    def pods_with_logs(self, workflow: NamespacedName) -> int:
        """Return the number of pods of a Workflow whose evidence has logs."""
        entries = (self._entries.get(pod) for pod in self._by_workflow.get(workflow, ()))
        return sum(1 for entry in entries if entry and entry.evidence.logs)

    def _drop(self, pod: NamespacedName) -> None:
        entry = self._entries.remove(pod)
        if entry is not None:
            self._forget_pod(entry.workflow, pod)

    def _forget_pod(self, workflow: NamespacedName, pod: NamespacedName) -> None:
        pods = self._by_workflow[workflow]
        pods.discard(pod)
        if not pods:
            del self._by_workflow[workflow]


def pod_bytes(pod: Pod | None, events: Sequence[Event] = ()) -> int:
    """Return about how much memory a pod and its Events take."""
    texts = len(msgspec.json.encode((pod, events), enc_hook=str))  # a clipped text is a kind of str
    return POD_BYTES + TEXT_FACTOR * texts


def _size_bytes(evidence: PodEvidence) -> int:
    return pod_bytes(evidence.pod, evidence.events) + sum(len(log) for log in evidence.logs.values())
