"""Reads runs from files to compare them."""

from collections.abc import Mapping
from typing import Any

from wfreport.api.argo import Phase
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.api.wire import TEXT
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.computed_reports import ORDINARY, Report, compute_report
from wfreport.cli.sources.documents import read_documents
from wfreport.cli.sources.runs import decode_report
from wfreport.cli.sources.workflow_documents import snapshot_of
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns, clause_of, compare
from wfreport.core.compare.durations import durations_by_step, run_seconds, step_durations
from wfreport.core.compare.origin import RunOutcome, origin_of
from wfreport.core.redact.bounds import cut
from wfreport.core.snapshot.model import RenderOptions


def read_run(path: str, options: RenderOptions = ORDINARY) -> ComparedRun:
    """Return the run of the one Workflow in a file.

    Raises:
        UnusableInput: the file cannot be read, or has another number of objects.
    """
    documents = read_documents(path)
    if len(documents) != 1:
        raise UnusableInput(one_line(path), f"it has {len(documents)} objects; give one Workflow in each file")
    return compared_run(compute_report(snapshot_of(documents[0]), {}, options))


def compared_run(report: Mapping[str, Any]) -> ComparedRun:
    """Return the run of a report."""
    decoded: WorkflowReport = decode_report(report)
    return ComparedRun(decoded.spec.workflow_ref.name, decoded.status or ReportStatus())


def read_successful_run(path: str, options: RenderOptions) -> ComparedRun:
    """Return the run of the one Workflow in a file, which has succeeded.

    Raises:
        UnusableInput: the file cannot be read, or has another number of objects, or the run has not succeeded.
    """
    run = read_run(path, options)
    observed = run.status.observed_workflow
    if observed is None or observed.finished_at is None or observed.phase != Phase.SUCCEEDED:
        raise UnusableInput(
            one_line(path), f"{one_line(run.name)} has not succeeded; to compare any two runs, use the command diff"
        )
    return run


def with_earlier_run(report: Report, earlier: ComparedRun) -> Report | None:
    """Return a report with the comparison with an earlier run that succeeded; None if its run has not ended.

    The summary has the leading change. Whether other runs were in between is unknown, so it has no count of successes.
    """
    run = compared_run(report)
    comparison = compare(run, _known(earlier))
    if comparison is None:
        return None
    clause = clause_of(comparison.model_copy(update={"last_success": None}))
    summary = cut(f"{run.status.summary}; {clause}", TEXT) if clause else run.status.summary
    return {**report, "status": run.status.changed(comparison=comparison, summary=summary).dump()}


def _known(earlier: ComparedRun) -> KnownRuns:
    observed = earlier.status.observed_workflow
    if observed is None or observed.finished_at is None:
        return KnownRuns()
    origin = origin_of(earlier.status.workflow_source, earlier.name)
    outcome = RunOutcome(origin, observed.finished_at, run_seconds(earlier.status), has_succeeded=True)
    return KnownRuns([outcome], earlier, durations_by_step([step_durations(earlier.status, earlier.name)]))
