"""What a look reads of a Workflow's pods, as long as they exist: evidence, never a condition for a report."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wfreport.active import Running
from wfreport.api.argo import NodeType
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.report import ReportStatus
from wfreport.core.model import PodEvidence, Snapshot
from wfreport.kube.errors import ApiError, BadAnswerError, ForbiddenError, NotFoundError
from wfreport.kube.pods import Pods
from wfreport.logs import Once, kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

PODS_WITH_EVENTS = 10
"""Events have no index in the API server: each such list reads all Events of the namespace."""


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """Bounds of what is read.

    Attributes:
        failed_pods: in one look.
        completion_nodes: up to so many nodes, all pods are listed once when a Workflow ends.
    """

    failed_pods: int = 50
    completion_nodes: int = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What pods a look is after.

    Attributes:
        nodes: failed nodes whose pods were neither seen nor asked for.
        everything: all pods of the Workflow, for what went wrong in steps that succeeded.
        kept: uids of the pods that a report has kept already.
    """

    nodes: frozenset[str]
    everything: bool
    kept: frozenset[str]


def wanted_pods(
    snapshot: Snapshot,
    stored: Sequence[ReportStatus | None],
    *,
    sought: set[str],
    has_just_ended: bool,
    limits: EvidenceLimits,
) -> Wanted:
    """Which pods are worth a request: a pod that a report has kept, or that was asked for in vain, is not."""
    pod_nodes = [node for node in snapshot.nodes.values() if node.type == NodeType.POD]
    kept = {f.node_id: f.pod_uid for status in stored if status for f in status.failures or () if f.pod_uid}
    failed = (node.id for node in pod_nodes if node.has_failed)
    return Wanted(
        nodes=frozenset(node_id for node_id in failed if node_id not in kept and node_id not in sought),
        everything=has_just_ended and bool(pod_nodes) and len(snapshot.nodes) <= limits.completion_nodes,
        kept=frozenset(kept.values()),
    )


class EvidenceReader:
    """Reads pods and their Events.

    A right that is missing, or a pod that is gone, means less evidence and nothing else.
    """

    def __init__(self, pods: Pods, limits: EvidenceLimits, *, metrics: Metrics, once: Once) -> None:
        self._pods = pods
        self._limits = limits
        self._metrics = metrics
        self._once = once

    async def read(self, snapshot: Snapshot, wanted: Wanted, running: Running | None) -> Mapping[str, PodEvidence]:
        """Evidence by pod name: what is there now, and what was seen before the Workflow said so.

        Raises:
            ApiError: a transient one; the look is to be made again.
        """
        before = running.evidence if running else {}
        found: dict[str, PodEvidence] = {}
        if self._limits.failed_pods and (wanted.nodes or wanted.everything or (running and running.pod_failed)):
            known = wanted.kept | {seen.pod.metadata.uid for seen in before.values() if seen.pod}
            found = await self._found(snapshot, everything=wanted.everything, known=known)
        if running:
            running.sought |= wanted.nodes
            running.pod_failed = False
            running.evidence = self._still_to_use({**before, **found}, wanted.kept)
        return {**found, **before}

    async def _found(self, snapshot: Snapshot, *, everything: bool, known: frozenset[str]) -> dict[str, PodEvidence]:
        meta = snapshot.workflow.metadata
        try:
            if everything:
                pods = await self._pods.list_all(meta.namespace, meta.name)
            else:
                pods = await self._pods.list_failed(meta.namespace, meta.name, limit=self._limits.failed_pods)
        except (ForbiddenError, NotFoundError, BadAnswerError) as error:
            self._complain("pods cannot be read", meta.namespace, error)
            return {}
        own = [pod for pod in pods if any(owner.uid == meta.uid for owner in pod.metadata.owner_references)]
        failed = [pod for pod in own if _has_failed(pod) and pod.metadata.uid not in known]
        failed = failed[: self._limits.failed_pods]
        events = [await self._events(pod) for pod in failed[:PODS_WITH_EVENTS]]
        found = {pod.metadata.name: PodEvidence(pod) for pod in own if everything and not _has_failed(pod)}
        found |= {pod.metadata.name: PodEvidence(pod) for pod in failed}
        found |= {pod.metadata.name: PodEvidence(pod, tuple(its)) for pod, its in zip(failed, events, strict=False)}
        self._metrics.pods_captured.inc(len(failed))
        return found

    def _still_to_use(self, evidence: dict[str, PodEvidence], kept: frozenset[str]) -> dict[str, PodEvidence]:
        """Failed pods that no report has kept yet, as many as there may be."""
        unused = [
            (name, seen)
            for name, seen in evidence.items()
            if seen.pod and _has_failed(seen.pod) and seen.pod.metadata.uid not in kept
        ]
        return dict(unused[-self._limits.failed_pods :])

    async def _events(self, pod: Pod) -> Sequence[Event]:
        try:
            return await self._pods.list_events(pod.metadata.namespace, pod.metadata.uid)
        except (ForbiddenError, NotFoundError, BadAnswerError) as error:
            self._complain("events cannot be read", pod.metadata.namespace, error)
            return ()

    def _complain(self, what: str, namespace: str, error: ApiError) -> None:
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        if self._once.may_say((what, namespace)):
            log.warning(what, extra=kv(namespace=namespace, error=error.message))


def _has_failed(pod: Pod) -> bool:
    return pod.status.phase == "Failed"
