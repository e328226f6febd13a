"""Renders the status of a stored report: the *render* stage of a reconcile."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportEntry
from wfreport.core.compare.comparison import NO_RUNS, KnownRuns
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.gone import render_deleted, render_late, render_missing
from wfreport.core.render.progress import is_bare_progress
from wfreport.core.render.status import has_nodes_of_run, render_status
from wfreport.core.snapshot.identity import is_labelled_completed
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot
from wfreport.core.stall.model import UNKNOWN_VERDICT, StallVerdict
from wfreport.evidence.argo_server import BEING_FETCHED
from wfreport.evidence.collector import CollectedEvidence, RemainingEvidence
from wfreport.kube.reports import StoredReport

_EARLY_SHARE: Final = 0.1
"""The share of the time between two writes of bare progress by which a write may be early. Polls come every ten
seconds, some a moment early: without it, most writes would wait for one poll more."""


class StatusRenderer:
    """Renders statuses from stored reports and collected evidence, with the operator's settings."""

    def __init__(self, options: RenderOptions, redactor: Redactor, *, progress_seconds: float = 0) -> None:
        """Create a renderer; ``progress_seconds`` is the time between two writes of bare progress."""
        self._options = options
        self._redactor = redactor
        self._progress_seconds = progress_seconds * (1 - _EARLY_SHARE)

    def render(self, snapshot: Snapshot, report: StoredReport, evidence: CollectedEvidence) -> ReportStatus | None:
        """Render the status of a report whose Workflow is in the cluster.

        Returns:
            The status; None to leave the stored one unchanged: while newer nodes are being fetched, because without
            its nodes the report would flicker, and if only the progress has changed since a moment ago.
        """
        if snapshot.unavailable is BEING_FETCHED and has_nodes_of_run(report.status, snapshot.workflow):
            return None
        status = self._render_run(
            snapshot, report, evidence.by_pod, evidence.observed_at, evidence.known, evidence.stall
        )
        if is_labelled_completed(snapshot.workflow) or not self._was_just_written(report, evidence.observed_at):
            return status
        return None if report.status and is_bare_progress(report.status, status) else status

    def _was_just_written(self, report: StoredReport, now: datetime) -> bool:
        written_at = report.written_at
        return written_at is not None and (now - written_at).total_seconds() < self._progress_seconds

    def render_without_workflow(
        self, entry: ReportEntry, report: StoredReport, evidence: RemainingEvidence
    ) -> ReportStatus | None:
        """Render the status of a report whose Workflow was deleted, never existed, or is only in Argo's archive.

        Returns:
            The status; None to leave the stored one unchanged, because this version cannot decode it. A newer operator
            wrote it, and without the Workflow it could not be rendered again.
        """
        generation = report.head.metadata.generation
        if isinstance(evidence.archived, Snapshot):
            status = self._render_run(evidence.archived, report, evidence.archived_logs, evidence.observed_at)
            return self._with_late_evidence(report, status, evidence)
        if not entry.bound_uid:
            missing = render_missing(
                stored=report.status,
                ref=report.spec.workflow_ref,
                generation=generation,
                created_at=report.created_at,
                unavailable=evidence.archived,
            )
            return missing.changed(reporter=self._options.reporter or None)
        if report.status is None:
            return None
        status = render_deleted(
            self._with_late_evidence(report, report.status, evidence), generation, evidence.archived
        )
        # render_deleted does not change a run that has ended, but its report's spec may have a new generation
        return status.changed(observed_generation=generation, reporter=self._options.reporter or None)

    def _render_run(
        self,
        snapshot: Snapshot,
        report: StoredReport,
        evidence: Mapping[str, PodEvidence],
        now: datetime,
        known: KnownRuns = NO_RUNS,
        stall: StallVerdict = UNKNOWN_VERDICT,
    ) -> ReportStatus:
        return render_status(
            snapshot,
            stored=report.status,
            spec=report.spec,
            generation=report.head.metadata.generation,
            evidence=evidence,
            options=self._options,
            redactor=self._redactor,
            now=now,
            known=known,
            stall=stall,
        )

    def _with_late_evidence(
        self, report: StoredReport, status: ReportStatus, evidence: RemainingEvidence
    ) -> ReportStatus:
        return render_late(
            status,
            evidence=evidence.late,
            spec=report.spec,
            generation=report.head.metadata.generation,
            options=self._options,
            redactor=self._redactor,
        )
