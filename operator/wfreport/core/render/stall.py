"""Renders that a run hangs: ``status.stalled``, its condition, and its clause in the summary."""

import re
from datetime import datetime
from typing import Final

from wfreport.api.condition import Condition
from wfreport.api.reason_meanings import STALL_ADVICE
from wfreport.api.reasons import ConditionType, StallReason
from wfreport.api.report import ReportStatus, Stalled, StepWarning
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.columns import StepLabels
from wfreport.core.render.conditions import condition
from wfreport.core.render.phrases import tidy
from wfreport.core.snapshot.step_labels import SEPARATOR
from wfreport.core.stall.model import StallVerdict

HUNG: Final = "Hung"
"""Reason of the warning about a run that hung until it was ended."""

_OF_ENDED = frozenset({StallReason.DELETION_BLOCKED, StallReason.ARTIFACT_GC_FAILED})
"""Reasons that concern what happens after the run."""

_FORGOTTEN: Final = _OF_ENDED | {StallReason.CONTROLLER_SILENT}
"""Reasons that do not explain how a run ended: all runs hang while the controller is silent."""


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


def past_hang(
    stored_run: ReportStatus | None, stalled: Stalled | None, *, is_completed: bool, labels: StepLabels
) -> list[StepWarning]:
    """Return the warning that a run hung until its end. Whoever ended it ended the hang: the failure shows no cause.

    A completed run no longer hangs, so the finding is known from the stored report only.
    """
    if stored_run is None or not is_completed:
        return []
    known = [warning for warning in stored_run.warnings or () if warning.reason == HUNG]
    before = stored_run.stalled
    if known or before is None or before == stalled or before.reason in _FORGOTTEN:
        return known
    step = labels.readable(before.node_id)
    return [StepWarning(display_name=step, reason=HUNG, message=f"the run hung: {_clause(before)}")]


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
    if stalled.reason in _OF_ENDED:
        return tidy(stalled.message or stalled.reason)
    return f"hangs: {_clause(stalled)}"


def _clause(stalled: Stalled) -> str:
    since = f" (since {stalled.since_at:%Y-%m-%d %H:%MZ})" if stalled.since_at else ""
    return f"{tidy(stalled.message or stalled.reason)}{since}"
