"""The status of a RemediationPolicy: whether it is valid, whether it may act, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wfreport.api.condition import Condition
from wfreport.api.policy import Mode, PolicyCounts, PolicyStatus, RemediationPolicy
from wfreport.api.reasons import HoldReason, PolicyConditionType, PolicyReason
from wfreport.core.decide.breaker import CLOSED, Breaker, BreakerState
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision, ExecutionState, PastAction
from wfreport.core.decide.selection import ACTING_MODES
from wfreport.core.render.conditions import Status, condition


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found out about a policy.

    Attributes:
        problem: why it is not valid; None where it is.
        missing: why the operator lacks what it needs; None where it does not.
        breaker: its circuit breaker.
        is_conflicted: whether another policy of the same priority is for a run that it is for.
    """

    problem: str | None = None
    missing: str | None = None
    breaker: Breaker = CLOSED
    is_conflicted: bool = False


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What a policy last said of a run.

    Attributes:
        policy: the policy's name.
        action: what is to be done; empty for nothing.
        reason: why that, or why nothing.
        has_matched: whether one of its rules is for the run.
        is_blocked: whether it would act, but for a guard.
        is_proposed: whether it would act, but for its mode or a person's approval.
        is_conflict: whether another policy of the same priority is for it too.
    """

    policy: str
    action: str = ""
    reason: str = ""
    has_matched: bool = False
    is_blocked: bool = False
    is_proposed: bool = False
    is_conflict: bool = False


_PROPOSED: Final = frozenset(
    {
        EnforcementAction.COUNT,
        EnforcementAction.WRITE_DRY_RUN,
        EnforcementAction.REQUEST_APPROVAL,
        EnforcementAction.AWAIT_APPROVAL,
    }
)


def policy_verdict_of(decision: Decision, step: Enforcement) -> PolicyVerdict | None:
    """A decision as the policy's status counts it; None where no policy is for the run."""
    if decision.policy is None:
        return None
    has_matched = decision.rule is not None
    return PolicyVerdict(
        policy=decision.policy.metadata.name,
        action=decision.action or "",
        reason=decision.reason,
        has_matched=has_matched,
        is_blocked=has_matched and decision.action is None and decision.reason != HoldReason.ALREADY_REMEDIATED,
        is_proposed=step.action in _PROPOSED,
        is_conflict=decision.reason == HoldReason.POLICY_CONFLICT,
    )


def policy_counts(policy: str, verdicts: Iterable[PolicyVerdict], acts: Iterable[PastAction]) -> PolicyCounts:
    """What came of a policy, by what it said of runs and what was done in its name."""
    said = [verdict for verdict in verdicts if verdict.policy == policy]
    done = [act for act in acts if act.policy_name == policy and act.execution == ExecutionState.DONE]
    return PolicyCounts(
        matched=sum(verdict.has_matched for verdict in said),
        executed=len(done),
        helped=sum(act.has_helped is True for act in done),
        not_helped=sum(act.has_helped is False for act in done),
        blocked=sum(verdict.is_blocked for verdict in said),
        proposed=sum(verdict.is_proposed for verdict in said),
    )


def policy_status(policy: RemediationPolicy, judgement: Judgement, counts: PolicyCounts, now: datetime) -> PolicyStatus:
    """The status that a policy is to have; times of what did not change stay."""
    before = policy.status or PolicyStatus()
    conditions = [
        _ready(judgement),
        _allowed(policy, judgement),
        _breaker_open(judgement.breaker),
        _conflicted(is_conflicted=judgement.is_conflicted),
    ]
    known = {found.type: found for found in before.conditions or ()}
    return PolicyStatus(
        observed_generation=policy.metadata.generation,
        conditions=[found.since(known, now, policy.metadata.generation) for found in conditions],
        enforced_since=_enforced_since(policy, judgement, before, now),
        counts=counts,
        breaker=judgement.breaker.state,
    )


def _enforced_since(
    policy: RemediationPolicy, judgement: Judgement, before: PolicyStatus, now: datetime
) -> datetime | None:
    """Since when it may act; a policy that is not valid, or only tries, begins anew."""
    if policy.spec.mode not in ACTING_MODES or judgement.problem:
        return None
    return before.enforced_since or now


@dataclass(frozen=True, slots=True)
class _ConditionDraft:
    kind: PolicyConditionType
    status: Status
    reason: str
    message: str

    def since(self, known: dict[str, Condition], now: datetime, generation: int | None) -> Condition:
        before = known.get(self.kind)
        at = before.last_transition_time if before and before.status == self.status else now
        return condition(self.kind, self.status, self.reason, self.message, at, generation)


def _ready(judgement: Judgement) -> _ConditionDraft:
    if judgement.problem:
        return _ConditionDraft(PolicyConditionType.READY, "False", PolicyReason.POLICY_INVALID, judgement.problem)
    if judgement.missing:
        return _ConditionDraft(PolicyConditionType.READY, "False", PolicyReason.RIGHTS_MISSING, judgement.missing)
    return _ConditionDraft(PolicyConditionType.READY, "True", PolicyReason.POLICY_VALID, "the policy is valid")


def _allowed(policy: RemediationPolicy, judgement: Judgement) -> _ConditionDraft:
    kind, spec, breaker = PolicyConditionType.REMEDIATION_ALLOWED, policy.spec, judgement.breaker
    if judgement.problem:
        return _ConditionDraft(kind, "False", PolicyReason.POLICY_INVALID, "the policy is not valid")
    if spec.mode in {Mode.OBSERVE, Mode.DRY_RUN}:
        return _ConditionDraft(kind, "False", PolicyReason.NOT_ENFORCED, f"its mode is {spec.mode}: it changes nothing")
    if judgement.missing:
        return _ConditionDraft(kind, "False", PolicyReason.RIGHTS_MISSING, judgement.missing)
    if spec.suspended or spec.pause_requests:
        reason = HoldReason.POLICY_SUSPENDED if spec.suspended else HoldReason.POLICY_PAUSED
        return _ConditionDraft(kind, "False", reason, "; ".join(spec.pause_requests or ()) or "spec.suspended is true")
    if not breaker.allows:
        return _ConditionDraft(kind, "False", breaker.reason, breaker.message)
    return _ConditionDraft(kind, "True", PolicyReason.ALLOWED, "it may act")


def _breaker_open(breaker: Breaker) -> _ConditionDraft:
    is_open = breaker.state != BreakerState.CLOSED
    return _ConditionDraft(
        PolicyConditionType.BREAKER_OPEN, "True" if is_open else "False", breaker.reason, breaker.message
    )


def _conflicted(*, is_conflicted: bool) -> _ConditionDraft:
    if is_conflicted:
        message = "another policy of the same priority selects some of the same Workflows: on those neither acts"
        return _ConditionDraft(PolicyConditionType.CONFLICTED, "True", PolicyReason.SAME_PRIORITY, message)
    message = "no other policy of the same priority selects the same Workflows"
    return _ConditionDraft(PolicyConditionType.CONFLICTED, "False", PolicyReason.NO_CONFLICT, message)
