"""Reads what a run that has ended is compared with.

How earlier runs ended, and how long they took, is in the cache. Reports are read only if the run failed or is slow, so
runs that succeed in time cost no request.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import structs

from wfreport.api.argo import Workflow
from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns
from wfreport.core.compare.durations import durations_by_step, is_slow, step_durations
from wfreport.core.compare.origin import RunOutcome, origin_of
from wfreport.core.render.compared import slow_warnings
from wfreport.core.render.source import find_source
from wfreport.core.timing.durations import seconds_between
from wfreport.kube.errors import ApiError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports
from wfreport.logs import kv

log = logging.getLogger(__name__)

SLOW_BASELINE_RUNS: Final = 5
"""Reports that are read to find the usual durations of the steps of a slow run."""
_CACHED_REPORTS: Final = 100
_COMPARED_STEPS: Final = 300


class EarlierRuns:
    """Finds the earlier runs of a run's origin, and reads the reports that a comparison needs."""

    def __init__(self, reports: Reports, cache: ReportCache) -> None:
        self._reports = reports
        self._cache = cache
        self._read: OrderedDict[NamespacedName, ComparedRun] = OrderedDict()

    async def known(self, workflow: Workflow, stored: Iterable[ReportStatus], now: datetime) -> KnownRuns:
        """Return what is known of the earlier runs.

        Args:
            workflow: the run.
            stored: stored statuses of the same run. If one says that the run is slow, nothing is read again for that.
            now: current time, up to which a run that goes on is compared.
        """
        metadata, status = workflow.metadata, workflow.status
        ended_at = status.finished_at if status.is_completed else now
        is_told = not status.is_completed and any(slow_warnings(each) for each in stored)
        if ended_at is None or is_told:
            return KnownRuns()
        origin = origin_of(find_source(workflow), metadata.name)
        earlier = self._cache.earlier_runs(metadata.namespace, origin, ended_before=ended_at, except_uid=metadata.uid)
        return await self._with_reports(workflow, earlier, ended_at) if earlier else KnownRuns()

    async def _with_reports(
        self, workflow: Workflow, earlier: Sequence[tuple[str, RunOutcome]], ended_at: datetime
    ) -> KnownRuns:
        known = KnownRuns([outcome for _, outcome in earlier])
        seconds = seconds_between(workflow.status.started_at, ended_at)
        was_slow = seconds is not None and is_slow(seconds, known.durations)
        number = SLOW_BASELINE_RUNS if was_slow else int(workflow.status.has_failed)
        successes = [name for name, outcome in earlier if outcome.has_succeeded]
        names = successes[-number:] if number else []
        read = [await self._compared(workflow.metadata.namespace, name) for name in reversed(names)]
        steps = durations_by_step(step_durations(run.status, run.name) for run in read if run)
        return structs.replace(known, last_success=read[0] if read else None, steps=steps)

    async def _compared(self, namespace: str, name: str) -> ComparedRun | None:
        """Return an earlier run; None if its report cannot be read. Storms of failures read the same report once."""
        key = (namespace, name)
        if key in self._read:
            self._read.move_to_end(key)
            return self._read[key]
        try:
            report = await self._reports.get(namespace, name)
        except ApiError as error:
            log.info("earlier run cannot be read", extra=kv(namespace=namespace, report=name, reason=error.message))
            return None
        if report.status is None:
            return None
        self._read[key] = run = ComparedRun(report.spec.workflow_ref.name, _compared_part(report.status))
        if len(self._read) > _CACHED_REPORTS:
            self._read.popitem(last=False)
        return run


def _compared_part(status: ReportStatus) -> ReportStatus:
    """Return the parts of a status that are compared; the others would take memory."""
    return ReportStatus(
        observed_workflow=status.observed_workflow,
        timing=status.timing,
        parameters=status.parameters,
        workflow_source=status.workflow_source,
        definition=status.definition,
        steps=[
            step.model_copy(update={"message": None, "node_id": "", "pod_name": None})
            for step in (status.steps or [])[:_COMPARED_STEPS]
        ]
        or None,
    )
