"""Enforces decisions: how a decision is acted on depends on the policy's mode, and on nothing else."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from wfreport.api.calendar import shifted
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import NOTIFY_LOCKS
from wfreport.core.decide.inputs import Hold
from wfreport.core.decide.model import Decision, PastAction


class EnforcementAction(StrEnum):
    """The operator's next step for a run."""

    HOLD = "Hold"
    COUNT = "Count"
    WRITE_DRY_RUN = "WriteDryRun"
    REQUEST_APPROVAL = "RequestApproval"
    AWAIT_APPROVAL = "AwaitApproval"
    DENY = "Deny"
    EXECUTE = "Execute"


APPROVAL_HOLDS: Final = (HoldReason.APPROVAL_MISSING, HoldReason.APPROVAL_DENIED)
"""Reasons why a decided action waits for approval, or was denied."""

ENFORCEMENT_MEANINGS: Final[dict[EnforcementAction, str]] = {
    EnforcementAction.HOLD: "Nothing: the decision is a hold.",
    EnforcementAction.COUNT: "The decision is counted in the policy's status (mode Observe).",
    EnforcementAction.WRITE_DRY_RUN: "A Remediation named `dry-…` is written as a record (mode DryRun).",
    EnforcementAction.REQUEST_APPROVAL: (
        "A Remediation that awaits approval is written (mode Approve, or an action in `approval.requiredFor`)."
    ),
    EnforcementAction.AWAIT_APPROVAL: "Nothing: the Remediation is waiting for approval.",
    EnforcementAction.DENY: "The Remediation is denied because nobody approved it in time.",
    EnforcementAction.EXECUTE: "A Remediation is written, and then its action is performed.",
}


class Enforcement(Struct, frozen=True):
    """The next step for a run, and when to reconsider it.

    Attributes:
        action: what the operator does with the decision next.
        hold: hold for a missing or denied approval, if any. A hold of the decision itself is in the decision.
        recheck_at: time at which the step may change without an event; None if never.
    """

    action: EnforcementAction
    hold: Hold | None = None
    recheck_at: datetime | None = None


def needs_approval(policy: RemediationPolicy, decision: Decision) -> bool:
    """Return whether a person has to approve the decision. Notifications never need approval."""
    if decision.lock in NOTIFY_LOCKS:
        return False
    required_for = policy.spec.approval.required_for or ()
    return policy.spec.mode == Mode.APPROVE or decision.action in required_for


def enforcement_of(decision: Decision, own: PastAction | None, now: datetime) -> Enforcement:
    """Return the next step for a decision.

    Args:
        decision: the decision.
        own: the run's existing Remediation for this decision, if any.
        now: current time.
    """
    if decision.policy is None:
        return Enforcement(EnforcementAction.HOLD, recheck_at=decision.recheck_at)
    approval_deadline = _approval_deadline(decision.policy, own)
    if approval_deadline is not None and now >= approval_deadline:
        return Enforcement(EnforcementAction.DENY, Hold(HoldReason.APPROVAL_DENIED, "nobody approved it in time"))
    if decision.action is None:
        return Enforcement(EnforcementAction.HOLD, recheck_at=_earliest(decision.recheck_at, approval_deadline))
    return _enforcement_of_action(decision.policy, decision, own, approval_deadline)


def _enforcement_of_action(
    policy: RemediationPolicy, decision: Decision, own: PastAction | None, approval_deadline: datetime | None
) -> Enforcement:
    if policy.spec.mode in _PASSIVE_MODES:
        return Enforcement(_PASSIVE_MODES[policy.spec.mode])
    if not needs_approval(policy, decision) or (own is not None and own.is_approved):
        return Enforcement(EnforcementAction.EXECUTE)
    if own is None:
        return Enforcement(EnforcementAction.REQUEST_APPROVAL)
    hold = Hold(HoldReason.APPROVAL_MISSING, "a person has to approve it", approval_deadline)
    return Enforcement(EnforcementAction.AWAIT_APPROVAL, hold, approval_deadline)


_PASSIVE_MODES: Final = {Mode.OBSERVE: EnforcementAction.COUNT, Mode.DRY_RUN: EnforcementAction.WRITE_DRY_RUN}


def _approval_deadline(policy: RemediationPolicy, own: PastAction | None) -> datetime | None:
    """Return the time by which the Remediation must be approved; None if it awaits no approval."""
    if own is None or own.is_final or own.is_approved or own.lock in NOTIFY_LOCKS:
        return None
    return shifted(own.created_at, timedelta(seconds=policy.spec.approval.timeout_seconds))


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
