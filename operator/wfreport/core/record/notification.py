"""Notifications of a failed run, and of the outcome of its remediation.

Their ids are stable, so that a receiver can detect a duplicate that was sent because a response was lost.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason, StallReason
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import Failure, ReportStatus, WorkflowReport
from wfreport.api.wire import rfc3339
from wfreport.core.next_steps.lines import first_lines
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.record.progress import condition_of
from wfreport.core.redact.bounds import cut, tail
from wfreport.core.redact.printable import strip_invisible
from wfreport.core.render.phrases import shorten

MAX_BODY: Final = 3000
"""Maximum length in characters: the limit of a text block in Slack; Teams and PagerDuty allow more."""

_LOG_LINES: Final = 15
_LOG_BYTES: Final = 1500
_PARAMETERS: Final = 6
_VALUE: Final = 80


class Stage(StrEnum):
    """The event of a notification: a run failed or hangs, or its remediation ended."""

    FAILED = "failed"
    STALLED = "stalled"
    ENDED = "ended"


class Notification(Struct, frozen=True):
    """A message about a run.

    Attributes:
        id: stable id, derived from Remediation and stage.
        stage: event of the notification.
        at: time of the event.
        subject: the run, as ``namespace/name``.
        title: title in one line.
        body: body, as Markdown that is readable as plain text.
        is_good: whether the event is good news.
        facts: the content as data, for programs.
    """

    id: str
    stage: Stage
    at: datetime
    subject: str
    title: str
    body: str
    is_good: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def message_id(own: Remediation, stage: Stage) -> str:
    """Return the stable id of a notification's message."""
    return f"{own.metadata.uid}-{stage}"


def failure_notification(report: WorkflowReport, own: Remediation, action: Remediation | None) -> Notification:
    """Return the notification of a failed run.

    Args:
        report: report of the run.
        own: Remediation of the notification.
        action: Remediation of the action on the run, if there is one yet.
    """
    status = report.status or ReportStatus()
    failure = status.failures[0] if status.failures else None
    subject = strip_invisible(f"{report.metadata.namespace}/{report.spec.workflow_ref.name}")
    taken = f"Action: {action.spec.action} ({action.metadata.name})" if action else ""
    about_the_run = (_cause(status, failure), _parameters(status), _times(status), taken)
    lines = [*about_the_run, *_next(report, action), _links(status)]
    observed = status.observed_workflow
    return Notification(
        id=message_id(own, Stage.FAILED),
        stage=Stage.FAILED,
        at=(observed.finished_at if observed else None) or _created_at(own),
        subject=subject,
        title=cut(f"{subject} failed: {own.spec.reason}", 200),
        body=_body([*lines, _log(failure)]),
        facts=_facts(report, own, failure, action),
    )


def stall_notification(report: WorkflowReport, own: Remediation, action: Remediation | None) -> Notification:
    """Return the notification of a run that hangs.

    Args:
        report: report of the run.
        own: Remediation of the notification.
        action: Remediation of the action on the run, if there is one yet.
    """
    status = report.status or ReportStatus()
    stalled = status.stalled
    subject = strip_invisible(f"{report.metadata.namespace}/{report.spec.workflow_ref.name}")
    taken = f"Action: {action.spec.action} ({action.metadata.name})" if action else ""
    since = f"Since: {rfc3339(stalled.since_at)}" if stalled and stalled.since_at else ""
    message = (stalled.message or "") if stalled else ""
    return Notification(
        id=message_id(own, Stage.STALLED),
        stage=Stage.STALLED,
        at=_created_at(own),
        subject=subject,
        title=cut(f"{subject} hangs: {own.spec.reason}", 200),
        body=_body([message, since, taken, *_next(report, action), _links(status)]),
        facts=_facts(report, own, None, action),
    )


def first_stage(own: Remediation) -> Stage:
    """Return the event of a notification's first message."""
    return Stage.STALLED if own.spec.lock_class is LockClass.NOTIFY_STALL else Stage.FAILED


def is_answer(action: Remediation, own: Remediation) -> bool:
    """Return whether an action responds to the event of a notification, and not to another one of the same run."""
    return (action.spec.reason in set(StallReason)) == (own.spec.lock_class is LockClass.NOTIFY_STALL)


def outcome_notification(report: WorkflowReport, own: Remediation, action: Remediation) -> Notification:
    """Return the follow-up notification with the outcome of the action."""
    subject = strip_invisible(f"{report.metadata.namespace}/{report.spec.workflow_ref.name}")
    outcome = condition_of(action.status, RemediationConditionType.SUCCEEDED)
    executed = condition_of(action.status, RemediationConditionType.EXECUTED)
    latest = outcome if executed and executed.status == "True" else executed
    has_helped = outcome is not None and outcome.status == "True"
    status = report.status or ReportStatus()
    return Notification(
        id=message_id(own, Stage.ENDED),
        stage=Stage.ENDED,
        at=(action.status.finished_at if action.status else None) or _created_at(own),
        subject=subject,
        title=cut(f"{subject}: {action.spec.action} {_effect(outcome, executed)}", 200),
        body=_body([latest.message if latest else "", _links(status)]),
        is_good=has_helped,
        facts={**_facts(report, own, None, action), "outcome": latest.reason if latest else None},
    )


def _effect(outcome: Condition | None, executed: Condition | None) -> str:
    """Return in words what an action has led to. A stop has no new run to measure its effect by."""
    if executed is None or executed.status != "True":
        return "was not performed"
    if outcome is not None and outcome.reason == RemediationReason.NO_OUTCOME:
        return "was performed"
    return "helped" if outcome is not None and outcome.status == "True" else "did not help"


def _body(lines: Iterable[str]) -> str:
    """Join the lines that are not empty. A report that an earlier version wrote may have characters without a glyph."""
    return cut(strip_invisible("\n".join(line for line in lines if line)), MAX_BODY)


def _created_at(own: Remediation) -> datetime:
    approved = condition_of(own.status, RemediationConditionType.APPROVED)
    at = own.metadata.creation_timestamp or (approved.last_transition_time if approved else None)
    if at is None:
        raise ValueError(f"Remediation {own.metadata.name} was never created")
    return at


def _cause(status: ReportStatus, failure: Failure | None) -> str:
    """Return the summary; of a report without one, the leading failure."""
    if status.summary or failure is None:
        return status.summary or ""
    code = f", exit code {failure.exit_code}" if failure.exit_code is not None else ""
    return f"{failure.display_name or 'the Workflow'}: {failure.failure_class}{code}"


def _parameters(status: ReportStatus) -> str:
    parameters = [(each.name, " ".join(each.value.split())) for each in status.parameters or () if each.value]
    shown = [f"{name}={shorten(value, _VALUE)}" for name, value in parameters[:_PARAMETERS]]
    more = [f"{len(parameters) - _PARAMETERS} more"] if len(parameters) > _PARAMETERS else []
    return f"Parameters: {', '.join([*shown, *more])}" if shown else ""


def _times(status: ReportStatus) -> str:
    ran = f"after {status.timing.duration}" if status.timing and status.timing.duration else ""
    observed = status.observed_workflow
    ended = f"at {rfc3339(observed.finished_at)}" if observed and observed.finished_at else ""
    return " ".join(part for part in ("Ended", ended, ran) if part) if ended or ran else ""


def _next(report: WorkflowReport, action: Remediation | None) -> list[str]:
    """Return the first next step, and a command if that is none."""
    run = ReportedRun(
        report.spec.workflow_ref.name,
        report.metadata.namespace or "",
        report.status or ReportStatus(),
        has_policy_action=action is not None,
    )
    return [f"{label}: {text}" for label, text in zip(("Next", "Then"), first_lines(run), strict=False)]


def _links(status: ReportStatus) -> str:
    return f"Run: {status.links.ui}" if status.links and status.links.ui else ""


def _log(failure: Failure | None) -> str:
    if failure is None or failure.log_tail is None or not failure.log_tail.text:
        return ""
    text, _ = tail(failure.log_tail.text, _LOG_LINES, _LOG_BYTES)
    return f"```\n{text}\n```"


def _facts(
    report: WorkflowReport, own: Remediation, failure: Failure | None, action: Remediation | None
) -> dict[str, Any]:
    status = report.status or ReportStatus()
    observed = status.observed_workflow
    facts = {
        "namespace": report.metadata.namespace,
        "workflow": report.spec.workflow_ref.name,
        "workflowUid": own.spec.target.uid,
        "pipeline": status.workflow_source.pipeline if status.workflow_source else None,
        "report": report.metadata.name,
        "phase": observed.phase if observed else None,
        "finishedAt": rfc3339(observed.finished_at) if observed and observed.finished_at else None,
        "durationSeconds": status.timing.duration_seconds if status.timing else None,
        "parameters": {each.name: each.value for each in status.parameters or () if each.value} or None,
        "summary": status.summary,
        "class": own.spec.reason,
        "owner": failure.owner if failure else None,
        "fingerprint": own.spec.fingerprint,
        "step": failure.display_name if failure else None,
        "exitCode": failure.exit_code if failure else None,
        "logLine": failure.log_line if failure else None,
        "logTail": failure.log_tail.text if failure and failure.log_tail else None,
        "policy": own.spec.policy_ref.name,
        "rule": own.spec.rule,
        "remediation": action.metadata.name if action else None,
        "action": action.spec.action if action else None,
        "url": status.links.ui if status.links else None,
    }
    return {name: value for name, value in facts.items() if value is not None}
