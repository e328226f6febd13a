"""Workflows whose reconcile has killed the operator twice: their reports state it, and they are left alone.

Only the metadata of such a Workflow is read. It is reconciled again, alone, when the completed Workflow changes or
when somebody changes the spec of its report; if somebody deletes the report, like any other Workflow.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Final

from wfreport.api.argo import Workflow
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.cache.running import RunningWorkflows
from wfreport.core.render.abandoned import render_abandoned
from wfreport.core.snapshot.identity import is_labelled_completed, is_skipped
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import version_of
from wfreport.kube.workflows import Workflows
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.runtime.quarantine import Quarantine
from wfreport.runtime.result import ReconcileOutcome, Result
from wfreport.runtime.suspects import Mark, MarkReason
from wfreport.runtime.workqueue import Request

CONTROLLER: Final = "report"
_CAUSES: Final = {
    MarkReason.LARGE_OBJECT: "it is larger than 1 MiB",
    MarkReason.BLOCKED_EVENT_LOOP: "its reconcile blocked the event loop for more than a second",
    MarkReason.MEMORY_GREW: "its reconcile took more than 100 MB of memory",
    MarkReason.HEAVY_BEFORE: "earlier reconciles of it took more than a second or 100 MB",
}


class AbandonmentGuard:
    """Reconciles Workflows, except abandoned ones that have not changed."""

    def __init__(
        self,
        reconcile: Callable[[Request], Awaitable[Result]],
        *,
        workflows: Workflows,
        reports: ReportCache,
        running: RunningWorkflows,
        writer: ReportWriter,
    ) -> None:
        self._reconcile = reconcile
        self._workflows = workflows
        self._reports = reports
        self._running = running
        self._writer = writer
        self.quarantine: Quarantine | None = None

    async def reconcile(self, request: Request) -> Result:
        """Reconcile the requested Workflow, unless it is abandoned.

        Raises:
            ApiError: a request failed; if the error is transient, reconcile again.
            NotAWorkflow: the API server returned something else.
        """
        is_abandoned = self._reports.has_abandoned(request.name)
        if not is_abandoned or (self.quarantine and self.quarantine.is_trying(CONTROLLER, request)):
            return await self._reconcile(request)
        try:
            head = await self._workflows.get_head(*request.name)
        except NotFoundError:
            return await self._reconcile(request)  # closes its reports
        reports = self._reports.of_workflow(request.name)
        own = [entry for entry in reports if entry.abandoned and entry.bound_uid == head.metadata.uid]
        if not own:
            return await self._reconcile(request)  # another Workflow of this name
        if not _has_changed(head, own):
            return self._skip(request, head)
        if self.quarantine is None:
            return await self._reconcile(request)
        self.quarantine.suspect(CONTROLLER, request, MarkReason.ABANDONED_BEFORE)
        return Result(ReconcileOutcome.ABANDONED)

    def _skip(self, request: Request, head: Workflow) -> Result:
        if is_labelled_completed(head):
            self._running.discard(request.name)
            return Result(ReconcileOutcome.ABANDONED)
        version = version_of(head.metadata.resource_version)
        # Its polls read the metadata alone, after those of all other Workflows of its namespace.
        self._running.record_poll(request.name, uid=head.metadata.uid, version=version, age_seconds=math.inf)
        return Result(ReconcileOutcome.ABANDONED, resource_version=version)

    async def abandon(self, mark: Mark) -> None:
        """Write into the reports of a Workflow that it is not reconciled any more.

        Raises:
            ApiError: a request failed.
        """
        name = (mark.namespace, mark.name)
        try:
            head = await self._workflows.get_head(*name)
        except NotFoundError:
            return
        if not self._workflows.has_instance_id(head.metadata.labels):
            return
        entries = [entry for entry in self._reports.of_workflow(name) if entry.is_for(head.metadata.uid)]
        if not entries and not is_skipped(head):
            entries = [await self._writer.create(head)]
        for entry in entries:
            await self._abandon_one(entry, head, mark)

    async def _abandon_one(self, entry: ReportEntry, head: Workflow, mark: Mark) -> None:
        report = await self._writer.stored(entry)
        cause = _CAUSES.get(mark.reason, "the reason is not known")  # type: ignore[call-overload]
        generation = report.head.metadata.generation
        status = render_abandoned(report.status, head, cause=cause, generation=generation)
        await self._writer.apply(report, status, is_final=False)


def _has_changed(head: Workflow, entries: list[ReportEntry]) -> bool:
    """Return whether to try again. A running Workflow changes all the time, so only its completion counts."""
    if not all(entry.is_spec_observed for entry in entries):
        return True
    version = head.metadata.resource_version
    return is_labelled_completed(head) and any(entry.observed_version != version for entry in entries)
