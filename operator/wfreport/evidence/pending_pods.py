"""Finds out why pods do not start, if Argo does not say: reads the pods and their Events."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wfreport.api.argo import ANNOTATION_NODE_ID
from wfreport.api.kubernetes import Pod
from wfreport.core.classify.pending import pending_reason
from wfreport.core.snapshot.model import PodEvidence, Snapshot, WaitingGraces
from wfreport.core.timing.waiting import slow_starting_pods
from wfreport.kube.errors import ApiError
from wfreport.kube.pods import Pods
from wfreport.large_work import is_large, run_by_size
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

MAX_PODS_READ: Final = 5
"""Pods of one reconcile whose Events are listed. The API server has no index for Events, so each list reads all Events
of the namespace."""

_LIST_LIMIT: Final = 50


class PendingPods:
    """Reads facts that only the pod has, e.g. that a volume cannot be mounted or a sandbox cannot be created."""

    def __init__(self, pods: Pods, graces: WaitingGraces, *, metrics: Metrics) -> None:
        self._pods = pods
        self._graces = graces
        self._metrics = metrics

    async def read(self, snapshot: Snapshot, *, now: datetime) -> Mapping[str, PodEvidence]:
        """Return evidence by pod name; without a request, if no pod has been starting for longer than its grace time.

        An error means less evidence and is not raised.
        """
        names = await run_by_size(is_large(snapshot), slow_starting_pods, snapshot, now=now, graces=self._graces)
        meta = snapshot.workflow.metadata
        if not names:
            return {}
        try:
            pods = await self._pods.list_pending(meta.namespace, meta.name, limit=_LIST_LIMIT)
            own = (pod for pod in pods if any(owner.uid == meta.uid for owner in pod.metadata.owner_references))
            slow = [pod for pod in own if _is_one_of(pod, names)][:MAX_PODS_READ]
            return {pod.metadata.name: await self._read_pod(pod, is_first=pod is slow[0]) for pod in slow}
        except ApiError as error:
            self._metrics.evidence_failed.labels(type(error).__name__).inc()
            pairs = kv(namespace=meta.namespace, workflow=meta.name, reason=error.message)
            log.warning(
                "listing pending pods failed", extra=pairs | throttled("listing pending pods failed", meta.namespace)
            )
            return {}

    async def _read_pod(self, pod: Pod, *, is_first: bool) -> PodEvidence:
        """Read a pod's Events if it does not show the reason itself.

        If it is unschedulable, an autoscaler may have an answer, which is much the same for all pods of a Workflow.
        """
        evidence = PodEvidence(pod)
        found = pending_reason(evidence)
        if found is not None and not (is_first and found.reason == "Unschedulable"):
            return evidence
        return PodEvidence(pod, tuple(await self._pods.list_events(pod.metadata.namespace, pod.metadata.uid)))


def _is_one_of(pod: Pod, node_ids: Mapping[str, str]) -> bool:
    """Whether a pod is among those with these names, or is named otherwise and belongs to one of their nodes."""
    by_annotation = pod.metadata.annotations.get(ANNOTATION_NODE_ID)
    return pod.metadata.name in node_ids or by_annotation in node_ids.values()
