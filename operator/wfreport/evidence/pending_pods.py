"""Pods that do not start, and of which Argo says nothing: a look asks them, and their Events, why."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wfreport.api.kubernetes import Pod
from wfreport.core.classify.pending import why_pending
from wfreport.core.snapshot.model import PodEvidence, Snapshot, WaitingGraces
from wfreport.core.timing.waiting import slow_starters
from wfreport.kube.errors import ApiError
from wfreport.kube.pods import Pods
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

PODS_ASKED: Final = 5
"""In one look. Events have no index in the API server: each list of a pod's reads all Events of the namespace."""
_PODS_LISTED: Final = 50


class PendingPods:
    """Reads what only the pod knows: a volume that cannot be mounted, a sandbox that cannot be made."""

    def __init__(self, pods: Pods, graces: WaitingGraces, *, metrics: Metrics) -> None:
        self._pods = pods
        self._graces = graces
        self._metrics = metrics

    async def read(self, snapshot: Snapshot, *, now: datetime) -> Mapping[str, PodEvidence]:
        """Evidence by pod name; nothing, and no request, where no pod has been starting for long.

        What cannot be read is told less well, and nothing else.
        """
        names = slow_starters(snapshot, now=now, graces=self._graces)
        meta = snapshot.workflow.metadata
        if not names:
            return {}
        try:
            pods = await self._pods.list_pending(meta.namespace, meta.name, limit=_PODS_LISTED)
            own = (pod for pod in pods if any(owner.uid == meta.uid for owner in pod.metadata.owner_references))
            asked = [pod for pod in own if pod.metadata.name in names][:PODS_ASKED]
            return {pod.metadata.name: await self._asked(pod) for pod in asked}
        except ApiError as error:
            self._metrics.evidence_failed.labels(type(error).__name__).inc()
            pairs = kv(namespace=meta.namespace, error=error.message)
            throttle = throttled("pending pods cannot be read", meta.namespace)
            log.warning("pending pods cannot be read", extra=pairs | throttle)
            return {}

    async def _asked(self, pod: Pod) -> PodEvidence:
        seen = PodEvidence(pod)
        if why_pending(seen) is not None:
            return seen
        return PodEvidence(pod, tuple(await self._pods.list_events(pod.metadata.namespace, pod.metadata.uid)))
