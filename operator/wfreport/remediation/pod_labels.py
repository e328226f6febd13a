"""LabelPods: at once when a pod has failed, also while the run goes on; what was labelled stands in the report."""

import logging
from collections.abc import Sequence
from typing import Final

from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.report import Failure, WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.pod_labels import PodLabels, pods_to_label
from wfreport.core.plan.pod_labels import failure_labels, label_patch
from wfreport.core.plan.refusal import RefusedError
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.remediation.gatherer import live_state_as_reported
from wfreport.runtime.lease import Lease

log = logging.getLogger(__name__)

_REMEMBERED: Final = 10_000


class PodLabeller:
    """Labels failed pods."""

    def __init__(
        self, pods: Resource[Document], books: RemediationCache, *, lease: Lease | None, metrics: Metrics
    ) -> None:
        self._pods = pods
        self._books = books
        self._lease = lease
        self._metrics = metrics
        self._gone: set[str] = set()

    async def label(self, report: WorkflowReport, circle: Sequence[RemediationPolicy]) -> list[Failure] | None:
        """Label what is to be labelled; the report's failures as they are afterwards, None where nothing was.

        Raises:
            ApiError: a pod could not be labelled, and may be at the next look.
        """
        look = live_state_as_reported(report)
        if look is None or report.status is None:
            return None
        done: dict[str, list[str]] = {}
        for found in pods_to_label(report, look, circle, self._books.history()):
            if found.pod_uid not in self._gone and self._may(found.policy):
                labelled = await self._labelled(report, found)
                done |= {found.pod_uid: labelled} if labelled else {}
        if not done:
            return None
        return [
            failure.model_copy(update={"labelled": done[failure.pod_uid]}) if failure.pod_uid in done else failure
            for failure in report.status.failures or ()
        ]

    def _may(self, policy: RemediationPolicy) -> bool:
        known = self._books.policies.get((policy.metadata.namespace, policy.metadata.name))
        return policy.spec.mode == Mode.ENFORCE and known is not None and known.may_act

    async def _labelled(self, report: WorkflowReport, found: PodLabels) -> list[str] | None:
        """The keys that the pod has now; None where it is gone, which is as good."""
        namespace = report.metadata.namespace
        try:
            labels = failure_labels(
                failure_class=found.failure.failure_class,
                fingerprint=found.failure.fingerprint,
                report_name=report.metadata.name,
                extra=found.labels,
            )
            await self._patch(namespace, found, labels)
        except (NotFoundError, ConflictError):
            self._note_gone(found.pod_uid)  # or another pod has its name
            return None
        except RefusedError as error:
            log.warning(
                "a pod is not labelled", extra=kv(namespace=namespace, pod=found.pod_name, reason=error.message)
            )
            return None
        except ApiError:
            self._metrics.pods_labelled.labels("failed").inc()
            raise
        self._metrics.pods_labelled.labels("labelled").inc()
        log.info("pod labelled", extra=kv(namespace=namespace, pod=found.pod_name, rule=found.rule))
        return sorted(labels)

    async def _patch(self, namespace: str, found: PodLabels, labels: dict[str, str]) -> None:
        if self._lease is None:
            return
        async with self._lease.held():
            await self._pods.patch(namespace, found.pod_name, label_patch(found.pod_uid, labels).body)

    def _note_gone(self, pod_uid: str) -> None:
        self._metrics.pods_labelled.labels("gone").inc()
        if len(self._gone) >= _REMEMBERED:
            self._gone.clear()
        self._gone.add(pod_uid)
