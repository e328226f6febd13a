"""Labels a pod the moment it fails, before Argo decides whether to delete it.

It does not wait for the report: the report follows the status of Argo's node, and Argo may decide in the same write.
Instead it renders a report in memory, with the failures that Argo is about to record.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from wfreport.api.kubernetes import Pod
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import LABEL_FAILURE_CLASS
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowRef, WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.identity import report_name
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot
from wfreport.core.snapshot.predicted import with_predicted_failures
from wfreport.kube.errors import NotFoundError
from wfreport.kube.pods import Pods
from wfreport.kube.resource import Document, ResourceReader
from wfreport.large_work import is_large, run_by_size
from wfreport.remediation.gatherer import read_workflow
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.runtime.workqueue import Request

PODS_PER_RECONCILE: Final = 50


class EarlyPodLabeller:
    """Reconciles Workflows that have a newly failed pod."""

    def __init__(
        self,
        workflows: ResourceReader[Document],
        pods: Pods,
        cache: RemediationCache,
        labeller: PodLabeller,
        *,
        redactor: Redactor,
        clock: Callable[[], datetime],
    ) -> None:
        self._workflows = workflows
        self._pods = pods
        self._cache = cache
        self._labeller = labeller
        self._redactor = redactor
        self._clock = clock

    async def reconcile(self, request: Request) -> None:
        """Label the failed pods of a Workflow that have no failure class yet.

        Raises:
            ApiError: an object could not be read, or a pod not be labelled.
            NotAWorkflow: the Workflow cannot be decoded.
        """
        namespace, name = request.name
        policies = [policy for policy in self._cache.policies.in_namespace(namespace) if _labels_pods(policy)]
        if not policies:
            return
        failed = await self._pods.list_failed(namespace, name, limit=PODS_PER_RECONCILE)
        unlabelled = [pod for pod in failed if LABEL_FAILURE_CLASS not in pod.metadata.labels]
        if not unlabelled:
            return
        try:
            _, snapshot = await read_workflow(self._workflows, namespace, name)
        except NotFoundError:
            return
        owned = [pod for pod in unlabelled if _is_owned_by(snapshot, pod)]
        predicted = with_predicted_failures(snapshot, owned, self._clock())
        evidence = {pod.metadata.name: PodEvidence(pod) for pod in owned}
        report = await run_by_size(is_large(snapshot, *evidence.values()), self._report, predicted, evidence)
        await self._labeller.label(report, policies)

    def _report(self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> WorkflowReport:
        """Render the report that these failures will lead to. It is never stored."""
        metadata = snapshot.workflow.metadata
        spec = ReportSpec(workflow_ref=WorkflowRef(name=metadata.name, uid=metadata.uid))
        status: ReportStatus = render_status(
            snapshot,
            stored=None,
            spec=spec,
            generation=None,
            evidence=evidence,
            options=RenderOptions(log_tail_lines=0),
            redactor=self._redactor,
            now=self._clock(),
        )
        name = report_name(metadata.name, metadata.uid)
        return WorkflowReport(
            metadata=ObjectMetadata(name=name, namespace=metadata.namespace), spec=spec, status=status
        )


def _labels_pods(policy: RemediationPolicy) -> bool:
    return policy.spec.mode == Mode.ENFORCE and any(rule.label_pods for rule in policy.spec.rules)


def _is_owned_by(snapshot: Snapshot, pod: Pod) -> bool:
    return any(owner.uid == snapshot.workflow.metadata.uid for owner in pod.metadata.owner_references)
