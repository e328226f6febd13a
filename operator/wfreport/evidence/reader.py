"""The pods of a Workflow, as a look sees them: evidence, never a condition for a report.

Failed pods are captured as they fail (``capture``). A look finds what that missed: it lists the pods of failed nodes
of which nothing is known, once, and has their logs and Events read after.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wfreport.api.argo import NodeType
from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, ReportStatus
from wfreport.cache.evidence import EvidenceCache
from wfreport.cache.running import RunningWorkflow
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.evidence.capture import Capturer
from wfreport.kube.errors import ApiError, ForbiddenError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

AGAIN_SECONDS = 15
"""After this time a look tries again to read pods that it could not read."""


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
class PodQuery:
    """What pods a look is after.

    Attributes:
        nodes: failed nodes whose pods no report has kept, and that were not asked for before, by pod name.
        everything: all pods of the Workflow, for what went wrong in steps that succeeded.
    """

    nodes: Mapping[str, str]
    everything: bool


@dataclass(frozen=True, slots=True)
class Observations:
    """What a look has of its pods.

    Attributes:
        evidence: by pod name.
        again_in_seconds: when to try again to read what could not be read; None for not.
    """

    evidence: Mapping[str, PodEvidence] = field(default_factory=dict)
    requeue_after_seconds: float | None = None


def pod_query(
    snapshot: Snapshot,
    stored: Sequence[ReportStatus],
    *,
    queried_nodes: set[str],
    has_just_ended: bool,
    limits: EvidenceLimits,
) -> PodQuery:
    """Which pods are worth a request: a pod that a report has kept, or that was asked for in vain, is not."""
    pod_nodes = [node for node in snapshot.nodes.values() if node.type == NodeType.POD]
    kept = {f.pod_name for status in stored for f in status.failures or () if f.pod_uid and not _pending(f)}
    kept |= {attempt.pod_name for status in stored for attempt in status.superseded_attempts or ()}
    failed = [node for node in pod_nodes if node.has_failed and node.id not in queried_nodes]
    named = ((pod_name(snapshot.workflow, node), node) for node in failed)
    return PodQuery(
        nodes={name: node.id for name, node in named if name and name not in kept},
        everything=has_just_ended and bool(pod_nodes) and len(snapshot.nodes) <= limits.completion_nodes,
    )


def _pending(failure: Failure) -> bool:
    return Reason.CAPTURE_PENDING in (failure.evidence_missing or ())


class EvidenceReader:
    """Gives a look what is known of its pods, and asks for what is not.

    A right that is missing, a server that does not answer, or a pod that is gone means less evidence and nothing else.
    """

    def __init__(
        self,
        pods: Pods,
        limits: EvidenceLimits,
        *,
        captured: EvidenceCache,
        capturer: Capturer,
        metrics: Metrics,
    ) -> None:
        self._pods = pods
        self._limits = limits
        self._captured = captured
        self._capturer = capturer
        self._metrics = metrics

    async def read(
        self,
        snapshot: Snapshot,
        stored: Sequence[ReportStatus],
        running: RunningWorkflow | None,
        *,
        has_just_ended: bool,
        retry_allowed: bool,
    ) -> Observations:
        """Evidence by pod name. Where pods cannot be read now, a ``patient`` look asks for another one."""
        meta = snapshot.workflow.metadata
        queried_nodes = running.queried_nodes if running else set()
        wanted = pod_query(
            snapshot, stored, queried_nodes=queried_nodes, has_just_ended=has_just_ended, limits=self._limits
        )
        key = (meta.namespace, meta.name)
        held = self._captured.of(key, meta.uid)
        unknown = [name for name in wanted.nodes if name not in held]
        coming = [name for name in unknown if self._capturer.is_coming((meta.namespace, name))]
        unknown = [name for name in unknown if name not in coming]
        evidence: dict[str, PodEvidence] = dict.fromkeys(coming, PodEvidence(None, missing=(Reason.CAPTURE_PENDING,)))
        again = None
        if self._limits.failed_pods and (unknown or wanted.everything):
            try:
                evidence |= await self._list(snapshot, unknown, everything=wanted.everything)
            except ApiError as error:
                reason = _refusal(error, retry_allowed=retry_allowed)
                again = AGAIN_SECONDS if reason == Reason.CAPTURE_PENDING else None
                evidence |= dict.fromkeys(unknown, PodEvidence(None, missing=(reason,)))
                self._complain(meta.namespace, error)
        for name in unknown:
            self._hold(key, meta.uid, name, evidence)
        evidence |= self._captured.of(key, meta.uid)
        if running:
            running.queried_nodes |= {
                node for name, node in wanted.nodes.items() if name in evidence and not evidence[name].is_pending
            }
        return Observations(evidence, again)

    def release(self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], *, is_final: bool) -> None:
        """The reports have it now; before the end that is true of nodes that Argo knows to have failed."""
        workflow = snapshot.workflow
        key = (workflow.metadata.namespace, workflow.metadata.name)
        failed = (node for node in snapshot.nodes.values() if node.type == NodeType.POD and node.has_failed)
        names = evidence.keys() if is_final else {pod_name(workflow, node) for node in failed}
        self._captured.release(key, {name: seen for name, seen in evidence.items() if name in names})

    def cached(self, key: NamespacedName, workflow_uid: str) -> Mapping[str, PodEvidence]:
        """What is known of the pods of a Workflow that is gone."""
        return self._captured.of(key, workflow_uid)

    def discard(self, key: NamespacedName) -> None:
        """No report wants it."""
        self._captured.discard(key)

    async def _list(self, snapshot: Snapshot, unknown: Sequence[str], *, everything: bool) -> dict[str, PodEvidence]:
        meta = snapshot.workflow.metadata
        if everything:
            pods = await self._pods.list_all(meta.namespace, meta.name)
        else:
            pods = await self._pods.list_failed(meta.namespace, meta.name, limit=self._limits.failed_pods)
        own = {pod.metadata.name: pod for pod in pods if any(o.uid == meta.uid for o in pod.metadata.owner_references)}
        found = {name: PodEvidence(pod) for name, pod in own.items() if everything and not _has_failed(pod)}
        failed = [own[name] for name in unknown if name in own and _has_failed(own[name])]
        for pod in failed[: self._limits.failed_pods]:
            found[pod.metadata.name] = self._capturer.complete(pod, meta.name)
        self._metrics.pods_captured.inc(len(failed[: self._limits.failed_pods]))
        was_cut = len(failed) > self._limits.failed_pods or (not everything and len(pods) >= self._limits.failed_pods)
        gap = PodEvidence(None, missing=(Reason.CAPTURE_LIMIT if was_cut else Reason.POD_NOT_CAPTURED,))
        return dict.fromkeys(unknown, gap) | found

    def _hold(self, key: NamespacedName, uid: str, name: str, evidence: Mapping[str, PodEvidence]) -> None:
        """What was found out about a pod that is not there is held as well: it is asked once."""
        seen = evidence.get(name)
        if seen and seen.pod is None and not seen.is_pending:
            self._captured.put(key, uid, name, seen)

    def _complain(self, namespace: str, error: ApiError) -> None:
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        throttle = throttled("pods cannot be read", namespace)
        log.warning("pods cannot be read", extra=kv(namespace=namespace, reason=error.message) | throttle)


def _refusal(error: ApiError, *, retry_allowed: bool) -> Reason:
    if isinstance(error, ForbiddenError):
        return Reason.PODS_FORBIDDEN
    return Reason.CAPTURE_PENDING if error.transient and retry_allowed else Reason.PODS_UNREACHABLE


def _has_failed(pod: Pod) -> bool:
    return pod.status.phase == "Failed"
