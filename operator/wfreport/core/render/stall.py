"""Renders that a run hangs: ``status.stalled``, its condition, and its clause in the summary."""

import re
from datetime import datetime

from wfreport.api.condition import Condition
from wfreport.api.reason_meanings import STALL_ADVICE
from wfreport.api.reasons import ConditionType, StallReason
from wfreport.api.report import ReportStatus, Stalled
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.columns import StepLabels
from wfreport.core.render.conditions import condition
from wfreport.core.render.phrases import tidy
from wfreport.core.snapshot.step_labels import SEPARATOR
from wfreport.core.stall.model import StallVerdict

_OF_ENDED = frozenset({StallReason.DELETION_BLOCKED, StallReason.ARTIFACT_GC_FAILED})
"""Reasons that concern what happens after the run."""


def render_stalled(
    verdict: StallVerdict, stored_run: ReportStatus | None, sanitizer: TextSanitizer, labels: StepLabels
) -> Stalled | None:
    """Return why the run hangs; None if it does not. Without knowledge, the stored finding is kept."""
    if not verdict.is_known:
        return stored_run.stalled if stored_run else None
    if verdict.finding is None:
        return None
    suspicion = verdict.finding.suspicion
    return Stalled(
        reason=suspicion.reason,
        since_at=verdict.finding.since_at,
        message=sanitizer.text(_with_task(suspicion.message, labels.readable(suspicion.node_id))),
        node_id=clip(suspicion.node_id) or None,
        advice=STALL_ADVICE[suspicion.reason],
    )


def _with_task(message: str, label: str | None) -> str:
    """Return the message, with the task before the name of the step that it is about, if the label has one."""
    task, _, name = (label or "").rpartition(SEPARATOR)
    subject = rf"(^|\bof |: ){re.escape(name)}(?=[ (,])"
    return re.sub(subject, lambda found: f"{found[1]}{label}", message, count=1) if task else message


def stalled_condition(stalled: Stalled | None, began_at: datetime | None, generation: int | None) -> list[Condition]:
    """Return the condition RunStalled if the run hangs; it is absent otherwise."""
    if stalled is None:
        return []
    message, at = stalled.message or "", stalled.since_at or began_at
    return [condition(ConditionType.RUN_STALLED, "True", stalled.reason, message, at, generation)]


def stalled_clause(stalled: Stalled) -> str:
    """Return the stall as a clause of the summary: the cause comes first, since a table cuts the end."""
    message = tidy(stalled.message or stalled.reason)
    if stalled.reason in _OF_ENDED:
        return message
    since = f" (since {stalled.since_at:%Y-%m-%d %H:%MZ})" if stalled.since_at else ""
    return f"hangs: {message}{since}"
