"""Decides whether an action without a trace can be assumed never to have been performed.

A new run may have been created, completed and deleted unnoticed; to create it again would be a second resubmission.
Normally the new run has its own report. Only if the operator was down for longer than Argo keeps such a run, its
existence is unknown.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from wfreport.api.calendar import duration_of
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.core.plan.plan import Json, object_at
from wfreport.core.record.progress import condition_of, is_stopping

INTENT_FRESH: Final = timedelta(minutes=15)
"""Age up to which an intent is fresh. Without a ttlStrategy, a run disappears only if somebody deletes it."""

_TTLS: Final = ("secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure")


def is_fresh_intent(remediation: Remediation, workflow: Json, now: datetime) -> bool:
    """Return whether the absence of the new run still proves that it was never created."""
    since = _executable_since(remediation)
    if since is not None and is_stopping(remediation):
        # the new run cannot have been created before the end of the run that was stopped
        since = max(since, _finished_at(workflow) or now)
    return since is not None and now - since < _retention(workflow)


def _finished_at(workflow: Json) -> datetime | None:
    try:
        at = datetime.fromisoformat(object_at(workflow, "status")["finishedAt"])
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _executable_since(remediation: Remediation) -> datetime | None:
    """Return the earliest time at which the action could be performed: the Remediation's creation or its approval."""
    created = remediation.metadata.creation_timestamp
    approved = condition_of(remediation.status, RemediationConditionType.APPROVED)
    if created is None or approved is None or approved.status != "True":
        return created
    if approved.reason == RemediationReason.APPROVAL_NOT_REQUIRED:
        return created
    return max(created, approved.last_transition_time)


def _retention(workflow: Json) -> timedelta:
    """Return the shortest time for which Argo may keep such a run after its end."""
    spec = object_at(object_at(workflow, "status"), "storedWorkflowTemplateSpec") or object_at(workflow, "spec")
    strategy = object_at(spec, "ttlStrategy")
    ttls = [strategy[key] for key in _TTLS if isinstance(strategy.get(key), int)]
    return min([INTENT_FRESH, *(duration_of(seconds) for seconds in ttls)])
