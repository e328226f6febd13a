"""What was read of pods, until a look has put it into their report. It is bounded: what is read first goes first."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from wfreport.core.snapshot.model import PodEvidence
from wfreport.kube.objects import NamespacedName

POD_BYTES = 4096
"""What a pod and its Events count besides logs."""


@dataclass(frozen=True, slots=True)
class EvidenceCacheLimits:
    """Bounds of what is held.

    Attributes:
        pods: at the most.
        max_bytes: at the most, logs included.
    """

    pods: int = 2000
    max_bytes: int = 32 << 20


@dataclass(frozen=True, slots=True)
class _CachedEvidence:
    workflow: NamespacedName
    workflow_uid: str
    evidence: PodEvidence


class EvidenceCache:
    """Evidence by pod, found by Workflow."""

    def __init__(self, limits: EvidenceCacheLimits | None = None) -> None:
        self._limits = limits or EvidenceCacheLimits()
        self._entries: OrderedDict[NamespacedName, _CachedEvidence] = OrderedDict()
        self._by_workflow: dict[NamespacedName, set[NamespacedName]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many pods are held."""
        return len(self._entries)

    @property
    def held_bytes(self) -> int:
        """About how much is held."""
        return self._bytes

    def put(self, workflow: NamespacedName, workflow_uid: str, pod_name: str, evidence: PodEvidence) -> None:
        """Hold what was seen of a pod, instead of what was seen of it before."""
        pod = (workflow[0], pod_name)
        self._drop(pod)
        self._entries[pod] = _CachedEvidence(workflow, workflow_uid, evidence)
        self._by_workflow.setdefault(workflow, set()).add(pod)
        self._bytes += _size_bytes(evidence)
        while len(self._entries) > self._limits.pods or self._bytes > self._limits.max_bytes:
            self._drop(next(iter(self._entries)))

    def of(self, workflow: NamespacedName, workflow_uid: str) -> dict[str, PodEvidence]:
        """What is held of the pods of this very Workflow, by pod name."""
        pods = ((pod, self._entries[pod]) for pod in self._by_workflow.get(workflow, ()))
        return {pod[1]: entry.evidence for pod, entry in pods if entry.workflow_uid == workflow_uid}

    def release(self, workflow: NamespacedName, used: Mapping[str, PodEvidence]) -> None:
        """A report has this; what came since, or is still to come, stays."""
        for name, evidence in used.items():
            entry = self._entries.get((workflow[0], name))
            if entry and entry.evidence is evidence and not evidence.is_pending:
                self._drop((workflow[0], name))

    def discard(self, workflow: NamespacedName) -> None:
        """Nobody wants it any more."""
        for pod in tuple(self._by_workflow.get(workflow, ())):
            self._drop(pod)

    def logs_held(self, workflow: NamespacedName) -> int:
        """Of how many pods of a Workflow logs are held."""
        return sum(1 for pod in self._by_workflow.get(workflow, ()) if self._entries[pod].evidence.logs)

    def _drop(self, pod: NamespacedName) -> None:
        entry = self._entries.pop(pod, None)
        if entry is None:
            return
        self._bytes -= _size_bytes(entry.evidence)
        pods = self._by_workflow[entry.workflow]
        pods.discard(pod)
        if not pods:
            del self._by_workflow[entry.workflow]


def _size_bytes(evidence: PodEvidence) -> int:
    return POD_BYTES + sum(len(log) for log in evidence.logs.values())
