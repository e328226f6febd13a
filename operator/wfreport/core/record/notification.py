"""What people are told of a failed run, and later of how its remedy ended.

The id is stable: who is told twice, because an answer was lost, can tell that it is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Remediation
from wfreport.api.report import Failure, ReportStatus, WorkflowReport
from wfreport.api.wire import rfc3339
from wfreport.core.record.progress import found_condition
from wfreport.core.redact.bounds import cut, tail

MAX_BODY: Final = 3000
"""Slack cuts blocks of text at 3,000 characters, Teams and PagerDuty later."""

_LOG_LINES: Final = 15
_LOG_BYTES: Final = 1500


class Stage(StrEnum):
    """What a notification tells of."""

    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Notification:
    """A message.

    Attributes:
        id: the same for the same Remediation and stage.
        stage: what it tells of.
        at: when that happened.
        subject: the run, as ``namespace/name``.
        title: one line.
        body: the rest, as Markdown that reads well as text.
        is_good: whether it is good news.
        facts: the same for programs.
    """

    id: str
    stage: Stage
    at: datetime
    subject: str
    title: str
    body: str
    is_good: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def failure_notification(report: WorkflowReport, own: Remediation, remedy: Remediation | None) -> Notification:
    """A run has failed.

    Args:
        report: its report.
        own: the Remediation that tells of it.
        remedy: the one that does something about it, if there is one yet.
    """
    status = report.status or ReportStatus()
    failure = status.failures[0] if status.failures else None
    subject = f"{report.metadata.namespace}/{report.spec.workflow_ref.name}"
    remedied = f"Remedy: {remedy.spec.action} ({remedy.metadata.name})" if remedy else ""
    lines = [status.summary or "", _cause(failure), remedied, _links(status), _log(failure)]
    observed = status.observed_workflow
    return Notification(
        id=f"{own.metadata.uid}-{Stage.FAILED}",
        stage=Stage.FAILED,
        at=(observed.finished_at if observed else None) or _made_at(own),
        subject=subject,
        title=cut(f"{subject} failed: {own.spec.reason}", 200),
        body=cut("\n".join(line for line in lines if line), MAX_BODY),
        facts=_facts(report, own, failure, remedy),
    )


def outcome_notification(report: WorkflowReport, own: Remediation, remedy: Remediation) -> Notification:
    """How the remedy ended, as a follow-up."""
    subject = f"{report.metadata.namespace}/{report.spec.workflow_ref.name}"
    outcome = found_condition(remedy.status, RemediationConditionType.SUCCEEDED)
    executed = found_condition(remedy.status, RemediationConditionType.EXECUTED)
    told = outcome if executed and executed.status == "True" else executed
    has_helped = outcome is not None and outcome.status == "True"
    status = report.status or ReportStatus()
    return Notification(
        id=f"{own.metadata.uid}-{Stage.ENDED}",
        stage=Stage.ENDED,
        at=(remedy.status.finished_at if remedy.status else None) or _made_at(own),
        subject=subject,
        title=cut(f"{subject}: {remedy.spec.action} {'helped' if has_helped else 'did not help'}", 200),
        body=cut("\n".join(line for line in (told.message if told else "", _links(status)) if line), MAX_BODY),
        is_good=has_helped,
        facts={**_facts(report, own, None, remedy), "outcome": told.reason if told else None},
    )


def _made_at(own: Remediation) -> datetime:
    approved = found_condition(own.status, RemediationConditionType.APPROVED)
    at = own.metadata.creation_timestamp or (approved.last_transition_time if approved else None)
    if at is None:
        raise ValueError(f"Remediation {own.metadata.name} was never created")
    return at


def _cause(failure: Failure | None) -> str:
    if failure is None:
        return ""
    step = failure.display_name or "the Workflow"
    code = f", exit code {failure.exit_code}" if failure.exit_code is not None else ""
    message = f": {failure.message}" if failure.message else ""
    return f"Root cause: {step}: {failure.failure_class}{code}{message}"


def _links(status: ReportStatus) -> str:
    return f"Run: {status.links.ui}" if status.links and status.links.ui else ""


def _log(failure: Failure | None) -> str:
    if failure is None or failure.log_tail is None or not failure.log_tail.text:
        return ""
    text, _ = tail(failure.log_tail.text, _LOG_LINES, _LOG_BYTES)
    return f"```\n{text}\n```"


def _facts(
    report: WorkflowReport, own: Remediation, failure: Failure | None, remedy: Remediation | None
) -> dict[str, Any]:
    status = report.status or ReportStatus()
    observed = status.observed_workflow
    facts = {
        "namespace": report.metadata.namespace,
        "workflow": report.spec.workflow_ref.name,
        "workflowUid": own.spec.target.uid,
        "report": report.metadata.name,
        "phase": observed.phase if observed else None,
        "finishedAt": rfc3339(observed.finished_at) if observed and observed.finished_at else None,
        "summary": status.summary,
        "class": own.spec.reason,
        "fingerprint": own.spec.fingerprint,
        "step": failure.display_name if failure else None,
        "exitCode": failure.exit_code if failure else None,
        "logTail": failure.log_tail.text if failure and failure.log_tail else None,
        "policy": own.spec.policy_ref.name,
        "rule": own.spec.rule,
        "remediation": remedy.metadata.name if remedy else None,
        "action": remedy.spec.action if remedy else None,
        "url": status.links.ui if status.links else None,
    }
    return {name: value for name, value in facts.items() if value is not None}
