"""LabelPods: labels failed pods at once, even while the run goes on, and lists the labels in the report."""

import logging
from collections.abc import Sequence
from typing import Final

from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.report import Failure, WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.matching import estimated_steps
from wfreport.core.decide.pod_labels import PodLabels, pods_to_label
from wfreport.core.plan.pod_labels import failure_labels, label_patch
from wfreport.core.plan.refusal import RefusedError
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.large_work import run_by_steps
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.remediation.gatherer import live_state_as_reported
from wfreport.runtime.lease import Lease

log = logging.getLogger(__name__)

_MAX_GONE: Final = 10_000
"""How many deleted pods are remembered. After that all are forgotten, at the price of one request for each."""


class PodLabeller:
    """Labels failed pods."""

    def __init__(
        self, pods: Resource[Document], cache: RemediationCache, *, lease: Lease | None, metrics: Metrics
    ) -> None:
        self._pods = pods
        self._cache = cache
        self._lease = lease
        self._metrics = metrics
        self._gone: set[str] = set()

    async def label(self, report: WorkflowReport, policies: Sequence[RemediationPolicy]) -> list[Failure] | None:
        """Label the failed pods of a report as its policy asks.

        Returns:
            The report's failures with their new labels; None if no pod was labelled.

        Raises:
            ApiError: a pod could not be labelled; the next reconcile tries again.
        """
        state = live_state_as_reported(report)
        if state is None or report.status is None:
            return None
        labels: dict[str, list[str]] = {}
        history = self._cache.history(report.metadata.namespace)
        steps = estimated_steps(policies, latest_run(report), report.status.failures or ())
        for target in await run_by_steps(steps, pods_to_label, report, state, policies, history):
            if target.pod_uid not in self._gone and self._may_label(target.policy):
                keys = await self._label_pod(report, target)
                labels |= {target.pod_uid: keys} if keys else {}
        if not labels:
            return None
        return [
            failure.model_copy(update={"labelled": labels[failure.pod_uid]}) if failure.pod_uid in labels else failure
            for failure in report.status.failures or ()
        ]

    def _may_label(self, policy: RemediationPolicy) -> bool:
        cached = self._cache.policies.get((policy.metadata.namespace, policy.metadata.name))
        return policy.spec.mode == Mode.ENFORCE and cached is not None and cached.may_enforce

    async def _label_pod(self, report: WorkflowReport, target: PodLabels) -> list[str] | None:
        """Label a pod and return the keys of its new labels; None if it is gone or may not have them."""
        namespace = report.metadata.namespace
        try:
            labels = failure_labels(
                failure_class=target.failure.failure_class,
                fingerprint=target.failure.fingerprint,
                report_name=report.metadata.name,
                extra=target.labels,
            )
            await self._patch(namespace, target, labels)
        except (NotFoundError, ConflictError):  # a conflict: another pod has its name now
            self._add_gone(target.pod_uid)
            return None
        except RefusedError as error:
            log.warning("pod labels refused", extra=kv(namespace=namespace, pod=target.pod_name, reason=error.message))
            return None
        except ApiError:
            self._metrics.pods_labelled.labels("failed").inc()
            raise
        self._metrics.pods_labelled.labels("labelled").inc()
        log.info("pod labelled", extra=kv(namespace=namespace, pod=target.pod_name, rule=target.rule))
        return sorted(labels)

    async def _patch(self, namespace: str, target: PodLabels, labels: dict[str, str]) -> None:
        if self._lease is None:
            return
        async with self._lease.held():
            await self._pods.patch(namespace, target.pod_name, label_patch(target.pod_uid, labels).body)

    def _add_gone(self, pod_uid: str) -> None:
        self._metrics.pods_labelled.labels("gone").inc()
        if len(self._gone) >= _MAX_GONE:
            self._gone.clear()
        self._gone.add(pod_uid)
