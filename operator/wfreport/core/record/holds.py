"""Holds that a report shows: those that last and hold an action, not those that end within seconds."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.report import Held
from wfreport.api.wire import TEXT
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.printable import strip_invisible

_OMITTED: Final = frozenset(
    {
        HoldReason.STALE_OBSERVATION,
        HoldReason.EVIDENCE_PENDING,
        HoldReason.ALREADY_REMEDIATED,
        HoldReason.NO_ACTION_CONFIGURED,
    }
)
"""Holds that reports omit: they end soon, the chain's summary shows more, or the rule only notifies or labels."""

_OF_HUNG_RUNS: Final = frozenset(
    {HoldReason.STALL_NOT_DUE, HoldReason.CANNOT_HELP, HoldReason.RUN_STOPPING, HoldReason.STOP_INEFFECTIVE}
)
"""Holds of runs that hang. That the controller is silent is in the report already, and holds all of them."""

_WITHOUT_RECHECK_TIME: Final = frozenset(
    {
        HoldReason.BUDGET_EXHAUSTED,
        HoldReason.NAMESPACE_BUDGET_EXHAUSTED,
        HoldReason.OPERATOR_BUDGET_EXHAUSTED,
        HoldReason.BREAKER_OPEN,
        HoldReason.REMEDIATION_INEFFECTIVE,
    }
)
"""Holds that are rechecked every minute. Their recheck time depends on now, so reports omit it."""


class Obstacle(Struct, frozen=True):
    """What keeps the operator from an action that is due, for now: it lacks a right, or the action is refused.

    Attributes:
        reason: stable reason.
        message: reason in words.
    """

    reason: str
    message: str


def hold_of(decision: Decision, enforcement: Enforcement, obstacle: Obstacle | None = None) -> Held | None:
    """Return the hold to show in the report; None if an action is taken, or if the run neither failed nor hangs.

    Args:
        decision: the decision.
        enforcement: what was done with it.
        obstacle: why an action that is due could not be performed, if it could not.
    """
    policy = decision.policy
    if policy is None:
        return None
    if obstacle is not None:
        return _held(policy, decision, obstacle.reason, obstacle.message)
    if not _concerns(decision):
        return None
    if enforcement.action is EnforcementAction.AWAIT_APPROVAL and enforcement.hold is not None:
        return _held(policy, decision, enforcement.hold.reason, enforcement.hold.message, enforcement.recheck_at)
    if decision.action is not None or decision.reason in _OMITTED:
        return None
    recheck_at = None if decision.reason in _WITHOUT_RECHECK_TIME else decision.recheck_at
    return _held(policy, decision, decision.reason, decision.message, recheck_at)


def _held(
    policy: RemediationPolicy, decision: Decision, reason: str, message: str, recheck_at: datetime | None = None
) -> Held:
    return Held(
        policy_name=policy.metadata.name,
        rule=decision.rule.name if decision.rule else None,
        reason=reason,
        message=cut(strip_invisible(message), TEXT),
        recheck_at=recheck_at,
    )


def _concerns(decision: Decision) -> bool:
    """Return whether a hold is about a run that failed or hangs."""
    run = decision.run
    has_failed = run.is_completed and not run.has_succeeded
    return has_failed or decision.stall is not None or decision.reason in _OF_HUNG_RUNS
