"""How acts ended: the new run's end closes the record, and the chain's reports tell of each other."""

from collections.abc import Callable
from datetime import datetime

from wfreport.api.actions import ActionType
from wfreport.api.names import LABEL_REMEDIATION_UID
from wfreport.api.reasons import ConditionType, Reason, RemediationReason
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.history import runs_of
from wfreport.core.decide.model import Run
from wfreport.core.record.intent import makes_new_run
from wfreport.core.record.outcome import outcome_of
from wfreport.core.record.progress import has_outcome, is_succeeding
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, ResourceReader
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.workqueue import Priority, WorkQueue


class Outcomes:
    """Closes Remediations."""

    def __init__(
        self,
        books: RemediationCache,
        journal: RemediationWriter,
        *,
        index: ReportCache,
        workflows: ResourceReader[Document],
        queue: WorkQueue,
        clock: Callable[[], datetime],
    ) -> None:
        self._books = books
        self._journal = journal
        self._index = index
        self._workflows = workflows
        self._queue = queue
        self._clock = clock

    async def close_maker_of(self, report: WorkflowReport, run: Run) -> None:
        """Close what made this run, if the run is over.

        Raises:
            ApiError: the record could not be written.
        """
        remediation = self._maker_of(report, run)
        if remediation is None or not is_succeeding(remediation):
            return
        if run.is_completed:
            observed = report.status.observed_workflow if report.status else None
            await self._record(remediation, run, observed.message if observed else None)
        elif _was_deleted(report):
            await self._lose(remediation)

    async def close_without_report(self, remediation: Remediation) -> None:
        """Close an act whose new run nobody reports: it is gone, or wants no report.

        Raises:
            ApiError: the run could not be read, or the record not be written.
        """
        name = remediation.spec.plan.new_name or remediation.spec.target.name
        try:
            document = await self._workflows.get(remediation.metadata.namespace, name)
        except NotFoundError:
            await self._lose(remediation)
            return
        status = document.get("status") or {}
        run = Run(remediation.metadata.namespace, name, document["metadata"]["uid"], phase=status.get("phase") or "")
        if run.is_completed:
            await self._record(remediation, run, status.get("message"))

    def announce(self, remediation: Remediation) -> None:
        """Have every report of the chain looked at: they tell of each other."""
        spec, namespace = remediation.spec, remediation.metadata.namespace
        names = {run.name for run in self._books.runs.all() if run.root_uid == spec.root_uid}
        for name in names | {spec.target.name, spec.plan.new_name or spec.target.name}:
            for row in self._index.of_workflow((namespace, name)):
                self._queue.add(row.key, Priority.PROGRESS)

    def has_report(self, remediation: Remediation) -> bool:
        """Whether the run that tells the outcome has a report, whose end will close it."""
        name = remediation.spec.plan.new_name or remediation.spec.target.name
        return bool(self._index.of_workflow((remediation.metadata.namespace, name)))

    def _maker_of(self, report: WorkflowReport, run: Run) -> Remediation | None:
        found = self._books.remediations.by_uid(run.labels.get(LABEL_REMEDIATION_UID, ""))
        if found and makes_new_run(found.spec.action) and found.spec.plan.new_name == run.name:
            return found
        for earlier in runs_of(report):
            retried = self._books.remediations.of_run(earlier, LockClass.MUTATE)
            if earlier.started_at != run.started_at and retried and not has_outcome(retried):
                return retried if retried.spec.action == ActionType.RETRY else None
        return None

    async def _record(self, remediation: Remediation, run: Run, message: str | None) -> None:
        outcome, at = outcome_of(run, message), run.finished_at or self._clock()
        self.announce(
            await self._journal.record_outcome(remediation, outcome.status, outcome.reason, outcome.message, at)
        )

    async def _lose(self, remediation: Remediation) -> None:
        message = "the new run was deleted before it ended"
        settled = await self._journal.record_outcome(
            remediation, "Unknown", RemediationReason.RUN_DELETED, message, self._clock()
        )
        self.announce(settled)


def _was_deleted(report: WorkflowReport) -> bool:
    conditions = (report.status.conditions if report.status else None) or ()
    return any(c.type == ConditionType.SUCCEEDED and c.reason == Reason.WORKFLOW_DELETED for c in conditions)


def key_of(report: WorkflowReport) -> NamespacedName:
    """The key of a report."""
    return (report.metadata.namespace, report.metadata.name)
