"""Reads the failed pods of a Workflow: evidence for its reports, never a condition for writing them.

Failed pods are captured as they fail (``capture``). A reconcile finds those that were missed: it lists the pods of
failed nodes that nothing is known about, once, and has their logs and Events captured afterwards.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct, field

from wfreport.api.argo import ANNOTATION_NODE_ID, Node, NodeType, Phase
from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, ReportStatus
from wfreport.cache.evidence import EvidenceCache
from wfreport.cache.running import RunningWorkflow
from wfreport.core.classify.failed_pod import AGENT_TYPES, failed_agent_name, failed_pod_name
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import with_observed_pod_names
from wfreport.evidence.capture import Capturer
from wfreport.kube.errors import ApiError, ForbiddenError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods
from wfreport.large_work import is_large, run_by_size
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 15
"""Delay of the next reconcile if pods could not be read."""

MAX_QUERIED_NODES: Final = 2000
"""Nodes of a run whose pods are queried; a report describes 500 failures at most."""

_POD_TYPES: Final = frozenset({NodeType.POD, *AGENT_TYPES})
_CAPTURE_PENDING: Final = PodEvidence(missing=(Reason.CAPTURE_PENDING,))
_NOT_CAPTURED: Final = PodEvidence(missing=(Reason.POD_NOT_CAPTURED,))


class EvidenceLimits(Struct, frozen=True):
    """Bounds of what one reconcile reads.

    Attributes:
        failed_pods: maximal number of failed pods.
        completion_nodes: maximal number of nodes of a Workflow whose pods are all listed once when it ends.
    """

    failed_pods: int = 50
    completion_nodes: int = 500


class PodQuery(Struct, frozen=True):
    """The pods that a reconcile needs.

    Attributes:
        nodes: ids of failed nodes whose pods are in no report and were not queried before, by pod name.
        everything: whether to list all pods of the Workflow: steps that succeeded may have had trouble, too.
    """

    nodes: Mapping[str, str]
    everything: bool


class Observations(Struct, frozen=True):
    """Evidence of the failed pods that a reconcile has read.

    Attributes:
        evidence: by pod name.
        requeue_after_seconds: when to try again to read what could not be read; None for never.
    """

    evidence: Mapping[str, PodEvidence] = field(default_factory=dict)
    requeue_after_seconds: float | None = None


def pod_query(
    snapshot: Snapshot,
    stored: Sequence[ReportStatus],
    *,
    queried_nodes: Collection[int],
    has_just_ended: bool,
    limits: EvidenceLimits,
) -> PodQuery:
    """Return the pods worth a request: those that neither a report nor an earlier query has an answer for.

    Args:
        snapshot: the Workflow.
        stored: the statuses of its reports, of the present run.
        queried_nodes: hashes of the ids of nodes whose pods were queried before.
        has_just_ended: whether the run ended a moment ago.
        limits: bounds of what is read.
    """
    reported = {f.pod_name for status in stored for f in status.failures or () if f.pod_uid and not _is_pending(f)}
    reported |= {attempt.pod_name for status in stored for attempt in status.superseded_attempts or ()}
    failed = (node for node in _with_own_pod(snapshot) if hash(node.id) not in queried_nodes)
    named = ((failed_pod_name(snapshot, node), node) for node in failed)
    unknown = ((name, node.id) for name, node in named if name and name not in reported)
    return PodQuery(
        nodes=dict(islice(unknown, max(0, MAX_QUERIED_NODES - len(queried_nodes)))),
        everything=has_just_ended
        # only a step that succeeded can have a warning
        and any(node.type == NodeType.POD and node.phase == Phase.SUCCEEDED for node in snapshot.nodes.values())
        and len(snapshot.nodes) <= limits.completion_nodes,
    )


def _with_own_pod(snapshot: Snapshot) -> Iterator[Node]:
    """Yield the failed nodes that ran in a pod of their own, or in the agent's.

    If the run failed with the agent, none of the agent's nodes ever ends.
    """
    with_agent = AGENT_TYPES if failed_agent_name(snapshot.workflow) else frozenset[NodeType]()
    return (
        node
        for node in snapshot.nodes.values()
        if (node.has_failed and node.type in _POD_TYPES) or node.type in with_agent
    )


def _failed_pods(snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> set[str]:
    """Return the names of the pods of failed nodes."""
    named = with_observed_pod_names(snapshot, evidence)
    return {name for node in _with_own_pod(named) if (name := failed_pod_name(named, node))}


def _is_pending(failure: Failure) -> bool:
    return Reason.CAPTURE_PENDING in (failure.evidence_missing or ())


class EvidenceReader:
    """Returns what is known of failed pods, and lists those that nothing is known about.

    A missing permission, an unreachable API server or a deleted pod means less evidence; no error is raised.
    """

    def __init__(
        self, pods: Pods, limits: EvidenceLimits, *, cache: EvidenceCache, capturer: Capturer, metrics: Metrics
    ) -> None:
        self._pods = pods
        self._limits = limits
        self._cache = cache
        self._capturer = capturer
        self._metrics = metrics

    async def read(
        self,
        snapshot: Snapshot,
        stored: Sequence[ReportStatus],
        running: RunningWorkflow | None,
        *,
        has_just_ended: bool,
        has_ended_long_ago: bool,
        retry_allowed: bool,
    ) -> Observations:
        """Read the failed pods of a Workflow.

        Args:
            snapshot: the Workflow.
            stored: the statuses of its reports, of the present run.
            running: the Workflow's entry among the running ones; nodes whose pods were read are added to it.
            has_just_ended: whether the run ended a moment ago, so that all its pods may still exist.
            has_ended_long_ago: whether to list no pods: those that exist are captured one by one.
            retry_allowed: whether to try again later to read pods that cannot be read now.
        """
        meta = snapshot.workflow.metadata
        workflow = (meta.namespace, meta.name)
        snapshot = with_observed_pod_names(snapshot, self._cache.of(workflow, meta.uid))
        queried_nodes = frozenset(running.queried_nodes if running else ())
        query = await run_by_size(
            is_large(snapshot),
            pod_query,
            snapshot,
            stored,
            queried_nodes=queried_nodes,
            has_just_ended=has_just_ended,
            limits=self._limits,
        )
        cached = self._cache.of(workflow, meta.uid)
        uncached = [name for name in query.nodes if name not in cached]
        capturing = [name for name in uncached if self._capturer.is_capturing((meta.namespace, name))]
        unknown = [name for name in uncached if name not in capturing]
        if has_ended_long_ago:
            listed = Observations(dict.fromkeys(unknown, _NOT_CAPTURED))
        else:
            nodes = {name: query.nodes[name] for name in unknown}
            listed = await self._list(snapshot, nodes, everything=query.everything, retry_allowed=retry_allowed)
        for name in unknown:
            self._cache_absence(workflow, meta.uid, name, listed.evidence.get(name))
        evidence = dict.fromkeys(capturing, _CAPTURE_PENDING) | dict(listed.evidence)
        evidence |= self._cache.of(workflow, meta.uid)
        if running:
            running.queried_nodes.extend(
                hash(node) for name, node in query.nodes.items() if name in evidence and not evidence[name].is_pending
            )
        return Observations(evidence, listed.requeue_after_seconds)

    async def release(self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], *, is_final: bool) -> None:
        """Forget evidence that the reports have.

        Before the end of a run (``is_final``) they only have evidence of nodes that have failed according to Argo.
        """
        if not evidence:
            return
        metadata, names = snapshot.workflow.metadata, set(evidence)
        if not is_final:
            names = await run_by_size(is_large(snapshot), _failed_pods, snapshot, evidence)
        reported = {name: of_pod for name, of_pod in evidence.items() if name in names}
        self._cache.release((metadata.namespace, metadata.name), reported)

    def cached(self, workflow: NamespacedName, workflow_uid: str) -> Mapping[str, PodEvidence]:
        """Return the cached evidence of a Workflow, by pod name, without a request."""
        return self._cache.of(workflow, workflow_uid)

    def discard(self, workflow: NamespacedName) -> None:
        """Forget all evidence of a Workflow."""
        self._cache.discard(workflow)

    async def _list(
        self, snapshot: Snapshot, unknown: Mapping[str, str], *, everything: bool, retry_allowed: bool
    ) -> Observations:
        """List pods, if any are needed; an error becomes the reason why evidence is missing.

        ``unknown`` has the ids of their nodes, by the name that each pod is expected to have.
        """
        if not self._limits.failed_pods or not (unknown or everything):
            return Observations()
        try:
            return Observations(await self._list_pods(snapshot, unknown, everything=everything))
        except ApiError as error:
            self._log_failure(snapshot.workflow.metadata.namespace, error)
            reason = _gap_reason(error, retry_allowed=retry_allowed)
            return Observations(
                dict.fromkeys(unknown, PodEvidence(missing=(reason,))),
                RETRY_SECONDS if reason == Reason.CAPTURE_PENDING else None,
            )

    async def _list_pods(
        self, snapshot: Snapshot, unknown: Mapping[str, str], *, everything: bool
    ) -> dict[str, PodEvidence]:
        meta, limit = snapshot.workflow.metadata, self._limits.failed_pods
        if everything:
            pods = await self._pods.list_cached(meta.namespace, meta.name)
        else:
            pods = await self._pods.list_failed(meta.namespace, meta.name, limit=limit)
        own = {pod.metadata.name: pod for pod in pods if any(o.uid == meta.uid for o in pod.metadata.owner_references)}
        evidence = {name: PodEvidence(pod) for name, pod in own.items() if everything and not _has_failed(pod)}
        by_node = {pod.metadata.annotations.get(ANNOTATION_NODE_ID): pod for pod in own.values()}
        found = [own.get(name) or by_node.get(node_id) for name, node_id in unknown.items()]
        failed = [pod for pod in found if pod is not None and _has_failed(pod)]
        for pod in failed[:limit]:
            evidence[pod.metadata.name] = self._capturer.enqueue_listed(pod, meta.name)
        self._metrics.pods_captured.inc(len(failed[:limit]))
        was_cut = len(failed) > limit or (not everything and len(pods) >= limit)
        gap = PodEvidence(missing=(Reason.CAPTURE_LIMIT if was_cut else Reason.POD_NOT_CAPTURED,))
        return dict.fromkeys(unknown, gap) | evidence

    def _cache_absence(self, workflow: NamespacedName, uid: str, name: str, evidence: PodEvidence | None) -> None:
        """Cache why a pod could not be read, unless that may change, so that it is not queried again."""
        if evidence and evidence.pod is None and not evidence.is_pending:
            self._cache.put(workflow, uid, name, evidence)

    def _log_failure(self, namespace: str, error: ApiError) -> None:
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        pairs = kv(namespace=namespace, error=type(error).__name__, reason=error.message)
        log.warning("pod list failed", extra=pairs | throttled("pod list failed", namespace))


def _gap_reason(error: ApiError, *, retry_allowed: bool) -> Reason:
    if isinstance(error, ForbiddenError):
        return Reason.PODS_FORBIDDEN
    return Reason.CAPTURE_PENDING if error.transient and retry_allowed else Reason.PODS_UNREACHABLE


def _has_failed(pod: Pod) -> bool:
    return pod.status.phase == "Failed"
