"""Why nothing is done about a run, as its report tells: what lasts, not what passes within seconds."""

from typing import Final

from wfreport.api.reasons import HoldReason
from wfreport.api.report import Held
from wfreport.api.wire import TEXT
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision
from wfreport.core.redact.bounds import cut

_PASSING: Final = frozenset({HoldReason.STALE_OBSERVATION, HoldReason.EVIDENCE_PENDING, HoldReason.ALREADY_REMEDIATED})
"""Holds that a report need not be written for: the next look, or the chain, tells more."""

_LOOKED_AT_OFTEN: Final = frozenset(
    {
        HoldReason.BUDGET_EXHAUSTED,
        HoldReason.OPERATOR_BUDGET_EXHAUSTED,
        HoldReason.BREAKER_OPEN,
        HoldReason.REMEDIATION_INEFFECTIVE,
    }
)
"""Holds that are looked at again every minute: when, is a value that depends on now."""


def hold_of(decision: Decision, step: Enforcement) -> Held | None:
    """What a report says of a decision to do nothing about its run; None for an act, and for what is no failed run."""
    policy, run = decision.policy, decision.run
    if policy is None or not run.is_completed or run.has_succeeded:
        return None
    if step.action is EnforcementAction.AWAIT_APPROVAL and step.hold is not None:
        return Held(
            policy_name=policy.metadata.name,
            rule=decision.rule.name if decision.rule else None,
            reason=step.hold.reason,
            message=step.hold.message,
            recheck_at=step.recheck_at,
        )
    if decision.action is not None or decision.reason in _PASSING:
        return None
    return Held(
        policy_name=policy.metadata.name,
        rule=decision.rule.name if decision.rule else None,
        reason=decision.reason,
        message=cut(decision.message, TEXT),
        recheck_at=None if decision.reason in _LOOKED_AT_OFTEN else decision.recheck_at,
    )
