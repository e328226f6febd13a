"""Closes Remediations: records whether an action helped, that is, how the run that it started has ended.

An action that starts a run (Resubmit, RaiseMemory, Retry) leaves its Remediation, the *maker* of the run, at
``Succeeded=Unknown`` (``OutcomeAwaited``). The reconciler that sees the end of the run closes the maker:

    maker ──► the Workflow that it created, or its target, retried
                                   │
              ┌────────────────────┴─────────────────────┐
        has a report                               has no report
    RemediationReconciler:                       RemediationResync:
       close_maker_of                           close_without_report
              │                                          │
       ┌──────┴──────┬────────────┐           ┌──────────┴──┬────────────┐
     ended      deleted while  running      ended       not found     running
       │           running        │           │             │            │
    by phase     RunDeleted   unchanged    by phase     RunDeleted   unchanged

*By phase* is RunSucceeded, RunFailed, RunRefused (Argo runs nothing but WorkflowTemplates) or NoOutcome (a person
ended the run).

A report finds the maker of its run by the label ``wfreport.dev/remediation-uid``, which Resubmit and RaiseMemory put
on the Workflow. Retry keeps the Workflow, so its maker is the open Remediation of an earlier run of the same report.

A Notify with follow-up is closed by ``Notifier``, once it has sent the outcome of the action on the same run. All other
actions start no run and end at ``NoOutcome``.
"""

from collections.abc import Callable
from datetime import datetime

from wfreport.api.action_types import ActionType
from wfreport.api.names import LABEL_REMEDIATION_UID
from wfreport.api.reasons import ConditionType, Reason, RemediationReason
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.history import runs_of
from wfreport.core.decide.model import Run
from wfreport.core.plan.plan import object_at
from wfreport.core.record.intent import makes_new_run
from wfreport.core.record.outcome import outcome_of
from wfreport.core.record.progress import awaits_outcome, has_outcome
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, ResourceReader
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.workqueue import Priority, WorkQueue


class OutcomeRecorder:
    """Records outcomes, and enqueues the reports that show them."""

    def __init__(
        self,
        cache: RemediationCache,
        writer: RemediationWriter,
        *,
        workflows: ResourceReader[Document],
        queue: WorkQueue,
        clock: Callable[[], datetime],
    ) -> None:
        """Enqueue reports in ``queue``."""
        self._cache = cache
        self._writer = writer
        self._workflows = workflows
        self._queue = queue
        self._clock = clock

    async def close_maker_of(self, report: WorkflowReport, run: Run) -> None:
        """Close the Remediation that started this run, if the run has ended.

        Raises:
            ApiError: the outcome could not be written.
        """
        remediation = self._maker_of(report, run)
        if remediation is None or not awaits_outcome(remediation):
            return
        if run.is_completed:
            observed = report.status.observed_workflow if report.status else None
            await self._record(remediation, run, observed.message if observed else None)
        elif _was_deleted(report):
            await self._record_deletion(remediation)

    async def close_without_report(self, remediation: Remediation) -> None:
        """Close a Remediation whose new run has no report: it was deleted early, or is exempt from reporting.

        Raises:
            ApiError: the Workflow could not be read, or the outcome not be written.
        """
        name = _new_run_of(remediation)
        try:
            document = await self._workflows.get(remediation.metadata.namespace, name)
        except NotFoundError:
            await self._record_deletion(remediation)
            return
        status = object_at(document, "status")
        phase, message = (_text(status.get(field)) for field in ("phase", "message"))
        run = Run(remediation.metadata.namespace, name, document["metadata"]["uid"], phase=phase)
        if run.is_completed:
            await self._record(remediation, run, message)

    def enqueue_chain(self, remediation: Remediation) -> None:
        """Enqueue all reports of the resubmission chain: each shows the state of the whole chain."""
        spec, namespace = remediation.spec, remediation.metadata.namespace
        names = {run.name for run in self._cache.runs.in_namespace(namespace) if run.root_uid == spec.root_uid}
        for name in names | {spec.target.name, _new_run_of(remediation)}:
            for entry in self._cache.reports.of_workflow((namespace, name)):
                self._queue.add(entry.key, Priority.PROGRESS)

    def has_report(self, remediation: Remediation) -> bool:
        """Whether the new run has a report, whose end will close the Remediation."""
        return bool(self._cache.reports.of_workflow((remediation.metadata.namespace, _new_run_of(remediation))))

    def _maker_of(self, report: WorkflowReport, run: Run) -> Remediation | None:
        by_label = self._cache.remediations.by_uid(_label_of(report, LABEL_REMEDIATION_UID))
        if by_label and makes_new_run(by_label.spec.action) and by_label.spec.plan.new_name == run.name:
            return by_label
        for earlier in runs_of(report):
            retried = self._cache.remediations.of_run(earlier, LockClass.MUTATE)
            if earlier.started_at != run.started_at and retried and not has_outcome(retried):
                return retried if retried.spec.action == ActionType.RETRY else None
        return None

    async def _record(self, remediation: Remediation, run: Run, message: str | None) -> None:
        outcome, at = outcome_of(run, message), run.finished_at or self._clock()
        self.enqueue_chain(
            await self._writer.record_outcome(remediation, outcome.status, outcome.reason, outcome.message, at)
        )

    async def _record_deletion(self, remediation: Remediation) -> None:
        message = "the new run was deleted before it ended"
        closed = await self._writer.record_outcome(
            remediation, "Unknown", RemediationReason.RUN_DELETED, message, self._clock()
        )
        self.enqueue_chain(closed)


def _text(value: object) -> str:
    """Return a text of a Workflow's status; empty for anything else, because the CRD may have no schema."""
    return value if isinstance(value, str) else ""


def _new_run_of(remediation: Remediation) -> str:
    """Return the name of the Workflow whose end decides the outcome: a new one, or the retried target."""
    return remediation.spec.plan.new_name or remediation.spec.target.name


def _label_of(report: WorkflowReport, key: str) -> str:
    """Return a label of the Workflow that a report has observed; empty without one."""
    observed = report.status.observed_workflow if report.status else None
    return (observed.labels or {}).get(key, "") if observed else ""


def _was_deleted(report: WorkflowReport) -> bool:
    conditions = (report.status.conditions if report.status else None) or ()
    return any(c.type == ConditionType.SUCCEEDED and c.reason == Reason.WORKFLOW_DELETED for c in conditions)


def key_of(report: WorkflowReport) -> NamespacedName:
    """Return the key of a report."""
    return (report.metadata.namespace, report.metadata.name)
