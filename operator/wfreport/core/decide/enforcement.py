"""What is done with a decision: that, and nothing else, the policy's mode decides."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.inputs import Hold
from wfreport.core.decide.model import Decision, PastAction


class EnforcementAction(StrEnum):
    """What the operator does next about a run."""

    HOLD = "Hold"
    COUNT = "Count"
    WRITE_DRY_RUN = "WriteDryRun"
    ASK = "Ask"
    AWAIT = "Await"
    DENY = "Deny"
    EXECUTE = "Execute"


APPROVAL_HOLDS: Final = (HoldReason.APPROVAL_MISSING, HoldReason.APPROVAL_DENIED)
"""Why a decision that is due waits, or is not done after all."""

COURSE_MEANINGS: Final[dict[EnforcementAction, str]] = {
    EnforcementAction.HOLD: "Nothing: the decision is a hold.",
    EnforcementAction.COUNT: "Nothing but to count it: mode Observe.",
    EnforcementAction.WRITE_DRY_RUN: "A Remediation named `dry-…` says what would be done: mode DryRun.",
    EnforcementAction.ASK: "A Remediation asks a person: mode Approve, or an action in `approval.requiredFor`.",
    EnforcementAction.AWAIT: "A person has been asked, and has not answered.",
    EnforcementAction.DENY: "Nobody has answered in time: the Remediation is denied.",
    EnforcementAction.EXECUTE: "A Remediation is written, and then it is done.",
}


@dataclass(frozen=True, slots=True)
class Enforcement:
    """A course, and when to look again.

    Attributes:
        course: what is done next.
        hold: why nothing is, where a person is waited for; a hold of the decision itself is in the decision.
        recheck_at: when that may be something else; None for never.
    """

    action: EnforcementAction
    hold: Hold | None = None
    recheck_at: datetime | None = None


def needs_approval(policy: RemediationPolicy, decision: Decision) -> bool:
    """Whether a person has to agree; to tell people needs nobody's approval."""
    if decision.lock == LockClass.NOTIFY:
        return False
    required_for = policy.spec.approval.required_for or ()
    return policy.spec.mode == Mode.APPROVE or decision.action in required_for


def enforcement_of(decision: Decision, own: PastAction | None, now: datetime) -> Enforcement:
    """What is done with a decision.

    Args:
        decision: the decision.
        own: the Remediation that it has already, if any.
        now: the moment.
    """
    if decision.policy is None:
        return Enforcement(EnforcementAction.HOLD, recheck_at=decision.recheck_at)
    answer_until = _answer_until(decision.policy, own)
    if answer_until is not None and now >= answer_until:
        return Enforcement(EnforcementAction.DENY, Hold(HoldReason.APPROVAL_DENIED, "nobody approved it in time"))
    if decision.action is None:
        return Enforcement(EnforcementAction.HOLD, recheck_at=_earliest(decision.recheck_at, answer_until))
    return _enforcement_of_past_action(decision.policy, decision, own, answer_until)


def _enforcement_of_past_action(
    policy: RemediationPolicy, decision: Decision, own: PastAction | None, answer_until: datetime | None
) -> Enforcement:
    if policy.spec.mode in _TRYING:
        return Enforcement(_TRYING[policy.spec.mode])
    if not needs_approval(policy, decision) or (own is not None and own.is_approved):
        return Enforcement(EnforcementAction.EXECUTE)
    if own is None:
        return Enforcement(EnforcementAction.ASK)
    hold = Hold(HoldReason.APPROVAL_MISSING, "a person has to approve it", answer_until)
    return Enforcement(EnforcementAction.AWAIT, hold, answer_until)


_TRYING: Final = {Mode.OBSERVE: EnforcementAction.COUNT, Mode.DRY_RUN: EnforcementAction.WRITE_DRY_RUN}


def _answer_until(policy: RemediationPolicy, own: PastAction | None) -> datetime | None:
    """Until when a person may answer; None where nobody is asked."""
    if own is None or own.is_final or own.is_approved or own.lock == LockClass.NOTIFY:
        return None
    return own.created_at + timedelta(seconds=policy.spec.approval.timeout_seconds)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
