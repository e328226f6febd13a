"""Whether an act that was asked for, and of which there is no trace, can still be said never to have been done.

A new run may have come and gone while nobody looked: then to create it again would be a second resubmission. Its end
is told by its own report; only if the operator was away for as long as Argo keeps such a run, nobody knows.
"""

from datetime import datetime, timedelta
from typing import Final

from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.core.plan.plan import Json
from wfreport.core.record.progress import found_condition

INTENT_FRESH: Final = timedelta(minutes=15)
"""Without a ttlStrategy a run is gone only because somebody deleted it."""

_TTLS: Final = ("secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure")


def is_fresh_intent(remediation: Remediation, workflow: Json, now: datetime) -> bool:
    """Whether the absence of the new run still means that it was never made."""
    since = _asked_at(remediation)
    return since is not None and now - since < _kept(workflow)


def _asked_at(remediation: Remediation) -> datetime | None:
    """When it could first be done: at its creation, or when a person approved it."""
    created = remediation.metadata.creation_timestamp
    approved = found_condition(remediation.status, RemediationConditionType.APPROVED)
    if created is None or approved is None or approved.status != "True":
        return created
    if approved.reason == RemediationReason.APPROVAL_NOT_REQUIRED:
        return created
    return max(created, approved.last_transition_time)


def _kept(workflow: Json) -> timedelta:
    """The shortest time for which Argo keeps a run like this one after its end."""
    spec = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or workflow["spec"]
    strategy = spec.get("ttlStrategy") or {}
    stated = [strategy[key] for key in _TTLS if isinstance(strategy.get(key), int)]
    return min([INTENT_FRESH, *(timedelta(seconds=seconds) for seconds in stated)])
