"""Renders the status of a report whose Workflow does not exist: deleted, or not created yet."""

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
from wfreport.core.render.abandoned import is_abandoned
from wfreport.core.render.conditions import EPOCH, Status, condition, evidence_complete, leading_class
from wfreport.core.render.evidence import LogLimits, with_late_evidence
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
    """Render the final status of a report whose Workflow was deleted before all evidence had been captured.

    Evidence that is still missing will not arrive. If no capture was pending, the status is unchanged.
    """
    if not any(Reason.CAPTURE_PENDING in (failure.evidence_missing or ()) for failure in stored.failures or ()):
        return stored
    lines = options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines
    limits, sanitizer = LogLimits(lines, options.log_tail_bytes), TextSanitizer(redactor)
    amended = [with_late_evidence(failure, evidence, sanitizer, limits) for failure in stored.failures or ()]
    without = [with_late_evidence(failure, {}, sanitizer, limits) for failure in stored.failures or ()]
    with_evidence = _with_failures(stored, amended, generation)
    fits = len(with_evidence.dump_json()) <= options.max_bytes
    return with_evidence if fits else _with_failures(stored, without, generation)


def _with_failures(stored: ReportStatus, failures: list[Failure], generation: int | None) -> ReportStatus:
    observed = stored.observed_workflow
    at = (observed.finished_at or observed.started_at) if observed else None
    complete = evidence_complete(failures, at, generation)
    conditions = [complete if c.type == ConditionType.EVIDENCE_COMPLETE else c for c in stored.conditions or ()]
    return stored.changed(failures=failures, conditions=conditions)


def render_deleted(
    stored: ReportStatus, generation: int | None, unavailable: Unavailable | None = None
) -> ReportStatus:
    """Render the status of a report whose Workflow was deleted.

    The status is unchanged if the run had completed; otherwise it is marked as deleted. If the nodes are missing,
    ``unavailable`` is the reason why Argo's archive does not provide them.
    """
    if unavailable:
        stored = _with_reason_for_nodes(stored, unavailable, generation)
    observed = stored.observed_workflow
    if observed is None or observed.phase in COMPLETED_PHASES or _is_marked_deleted(stored):
        return stored
    at = observed.started_at or _latest_transition(stored)
    unobserved = "after its reconcile was abandoned" if is_abandoned(stored) else "before it started"
    moment = f"while it was {observed.phase}" if observed.phase else unobserved
    message = f"the Workflow was deleted {moment}"
    changed = {
        ConditionType.READY: condition(ConditionType.READY, "True", Reason.WORKFLOW_DELETED, message, at, generation),
        ConditionType.SUCCEEDED: condition(
            ConditionType.SUCCEEDED, "False", Reason.WORKFLOW_DELETED, message, at, generation
        ),
    }
    conditions = [
        changed[ConditionType(c.type)] if c.type in changed else _final(c, generation)
        for c in stored.conditions or ()
        if c.type != ConditionType.RUN_STALLED
    ]
    last_known = f"; last known: {stored.summary}" if stored.summary and observed.phase else ""
    state = "ended" if observed.phase else "started"
    summary = cut(stored.summary or "" if is_abandoned(stored) else f"Deleted before it {state}{last_known}", TEXT)
    update = {
        "observed_generation": generation,
        "conditions": conditions,
        "summary": summary,
        "reason": Reason.WORKFLOW_DELETED.value,
        "step": stored.step if leading_class(stored.failures or ()) else None,
        "waiting": None,
        "stalled": None,
    }
    return stored.changed(**update)


def _final(stored: Condition, generation: int | None) -> Condition:
    """Return the condition; an unknown EvidenceComplete becomes False, because no more evidence will arrive."""
    if stored.type != ConditionType.EVIDENCE_COMPLETE or stored.status != "Unknown":
        return stored
    return condition(
        ConditionType.EVIDENCE_COMPLETE,
        "False",
        stored.reason,
        stored.message or "",
        stored.last_transition_time,
        generation,
    )


def _with_reason_for_nodes(stored: ReportStatus, unavailable: Unavailable, generation: int | None) -> ReportStatus:
    conditions = [
        condition(
            ConditionType.NODES_AVAILABLE,
            "False",
            Reason.WORKFLOW_NOT_ARCHIVED if unavailable.reason == Reason.WORKFLOW_NOT_FOUND else unavailable.reason,
            f"the Workflow no longer exists, and counts and steps are unknown: {unavailable.message}",
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
    unavailable: Unavailable | None = None,
) -> ReportStatus:
    """Render the status of a user's report whose Workflow does not exist (yet).

    A report that was applied ahead of its Workflow is healthy: a tool that waits for Ready would wait for ever.
    ``unavailable`` is the reason why Argo's archive does not provide it.
    """
    of_uid = f" with uid {ref.uid}" if ref.uid else ""
    workflow = f"Workflow {ref.name}{of_uid}"
    absent = f"no {workflow} in this namespace; the report is filled in when it appears"
    message = f"{workflow}: {unavailable.message}" if unavailable else absent
    reason = unavailable.reason if unavailable else Reason.WORKFLOW_NOT_FOUND
    ready: tuple[Status, Reason] = (
        ("True", Reason.AWAITING_WORKFLOW) if reason == Reason.WORKFLOW_NOT_FOUND else ("False", reason)
    )
    missing: list[Condition] = [
        condition(ConditionType.READY, *ready, message, created_at, generation),
        condition(ConditionType.SUCCEEDED, "Unknown", reason, message, created_at, generation),
    ]
    base = stored or ReportStatus()
    return base.changed(observed_generation=generation, conditions=missing, summary=message, reason=reason.value)
