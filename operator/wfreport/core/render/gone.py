"""The status of a report whose Workflow is not there: it is gone, or never was."""

from collections.abc import Mapping
from datetime import datetime

from wfreport.api.argo import COMPLETED_PHASES
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import (
    Failure,
    ReportSpec,
    ReportStatus,
    WorkflowRef,
)
from wfreport.api.wire import TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.conditions import EPOCH, condition, evidence_complete
from wfreport.core.render.evidence import LogLimits, amended_failure
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Unavailable


def render_late(
    stored: ReportStatus,
    *,
    evidence: Mapping[str, PodEvidence],
    spec: ReportSpec,
    generation: int | None,
    options: RenderOptions,
    redactor: Redactor,
) -> ReportStatus:
    """The status of a report whose Workflow went before all evidence had come: with what came, settled.

    Unchanged where nothing was to come.
    """
    if not any(Reason.CAPTURE_PENDING in (failure.evidence_missing or ()) for failure in stored.failures or ()):
        return stored
    lines = options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines
    limits, prose = LogLimits(lines, options.log_tail_bytes), TextSanitizer(redactor)
    amended = [amended_failure(failure, evidence, prose, limits) for failure in stored.failures or ()]
    settled = [amended_failure(failure, {}, prose, limits) for failure in stored.failures or ()]
    with_evidence = _with_failures(stored, amended, generation)
    fits = len(with_evidence.dump_json()) <= options.max_bytes
    return with_evidence if fits else _with_failures(stored, settled, generation)


def _with_failures(stored: ReportStatus, failures: list[Failure], generation: int | None) -> ReportStatus:
    observed = stored.observed_workflow
    at = (observed.finished_at or observed.started_at) if observed else None
    complete = evidence_complete(failures, at, generation)
    conditions = [complete if c.type == ConditionType.EVIDENCE_COMPLETE else c for c in stored.conditions or ()]
    return stored.changed(failures=failures, conditions=conditions)


def render_deleted(stored: ReportStatus, generation: int | None, why: Unavailable | None = None) -> ReportStatus:
    """The status of a report whose Workflow is gone.

    Unchanged if the run had ended, else what was known, marked as such. Where the nodes are still lacking, ``why`` says
    what the archive has to do with it.
    """
    if why:
        stored = _with_reason_for_nodes(stored, why, generation)
    observed = stored.observed_workflow
    if observed is None or observed.phase in COMPLETED_PHASES or _is_marked_deleted(stored):
        return stored
    at = observed.started_at or _latest_transition(stored)
    message = f"the Workflow was deleted while it was {observed.phase or 'not started'}"
    changed = {
        ConditionType.READY: condition(ConditionType.READY, "True", Reason.WORKFLOW_DELETED, message, at, generation),
        ConditionType.SUCCEEDED: condition(
            ConditionType.SUCCEEDED, "False", Reason.WORKFLOW_DELETED, message, at, generation
        ),
    }
    conditions = [
        changed[ConditionType(c.type)] if c.type in changed else _settled(c, generation)
        for c in stored.conditions or ()
    ]
    before = f"; before that: {stored.summary}" if stored.summary and observed.phase else ""
    summary = cut(f"Deleted before it {'ended' if observed.phase else 'started'}{before}", TEXT)
    update = {
        "observed_generation": generation,
        "conditions": conditions,
        "summary": summary,
        "waiting": None,
    }
    return stored.changed(**update)


def _settled(known: Condition, generation: int | None) -> Condition:
    """The condition, with no evidence to come of a run whose nodes were not had while it was there."""
    if known.type != ConditionType.EVIDENCE_COMPLETE or known.status != "Unknown":
        return known
    return condition(
        ConditionType.EVIDENCE_COMPLETE,
        "False",
        known.reason,
        known.message or "",
        known.last_transition_time,
        generation,
    )


def _with_reason_for_nodes(stored: ReportStatus, why: Unavailable, generation: int | None) -> ReportStatus:
    conditions = [
        condition(
            ConditionType.NODES_AVAILABLE,
            "False",
            Reason.WORKFLOW_NOT_ARCHIVED if why.reason == Reason.WORKFLOW_NOT_FOUND else why.reason,
            f"the Workflow is gone, and counts and steps are unknown: {why.message}",
            c.last_transition_time,
            generation,
        )
        if c.type == ConditionType.NODES_AVAILABLE and c.status == "False"
        else c
        for c in stored.conditions or ()
    ]
    return stored.changed(conditions=conditions)


def _is_marked_deleted(stored: ReportStatus) -> bool:
    return any(
        c.type == ConditionType.SUCCEEDED and c.reason == Reason.WORKFLOW_DELETED for c in stored.conditions or ()
    )


def _latest_transition(stored: ReportStatus) -> datetime:
    return max((c.last_transition_time for c in stored.conditions or ()), default=EPOCH)


def render_missing(
    *,
    stored: ReportStatus | None,
    ref: WorkflowRef,
    generation: int | None,
    created_at: datetime | None,
    why: Unavailable | None = None,
) -> ReportStatus:
    """The status of a user's report whose Workflow is not there (yet); ``why`` is what Argo Server makes of it."""
    of_uid = f" with uid {ref.uid}" if ref.uid else ""
    where = f"Workflow {ref.name}{of_uid}"
    message = f"{where}: {why.message}" if why else f"no {where} in this namespace; it is picked up when it appears"
    reason = why.reason if why else Reason.WORKFLOW_NOT_FOUND
    missing: list[Condition] = [
        condition(ConditionType.READY, "False", reason, message, created_at, generation),
        condition(ConditionType.SUCCEEDED, "Unknown", reason, message, created_at, generation),
    ]
    base = stored or ReportStatus()
    return base.changed(observed_generation=generation, conditions=missing, summary=message)
