"""The status of a RemediationPolicy: whether it is valid, whether it may act, and its results."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.condition import Condition
from wfreport.api.policy import Mode, PolicyCounts, PolicyStatus, RemediationPolicy
from wfreport.api.reasons import HoldReason, PolicyConditionType, PolicyReason
from wfreport.core.decide.breaker import CLOSED, Breaker, BreakerState
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision, ExecutionState, PastAction
from wfreport.core.decide.selection import ACTING_MODES
from wfreport.core.render.conditions import Status, condition


class PolicyCheck(Struct, frozen=True):
    """The results of checking a policy.

    Attributes:
        problem: why the policy has no effect; None if it is valid and in force.
        problem_reason: the reason of the problem.
        missing_rights: the rights that the operator lacks, in words; None if it lacks none.
        breaker: circuit breaker of the policy.
        is_conflicted: whether another policy of the same priority selects one of its runs.
    """

    problem: str | None = None
    problem_reason: PolicyReason = PolicyReason.POLICY_INVALID
    missing_rights: str | None = None
    breaker: Breaker = CLOSED
    is_conflicted: bool = False


class PolicyVerdict(Struct, frozen=True):
    """A policy's latest decision about a run, as its status counts it.

    Attributes:
        policy: name of the policy.
        action: decided action; empty for a hold.
        reason: reason of the decision.
        has_matched: whether one of its rules matches the run.
        is_blocked: whether a guard holds the action.
        is_proposed: whether only the mode or a missing approval prevents the action.
        is_conflict: whether another policy of the same priority selects the run too.
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


def policy_verdict_of(decision: Decision, enforcement: Enforcement) -> PolicyVerdict | None:
    """Return a decision as the policy's status counts it; None if no policy selects the run."""
    if decision.policy is None:
        return None
    has_matched = decision.rule is not None
    return PolicyVerdict(
        policy=decision.policy.metadata.name,
        action=decision.action or "",
        reason=decision.reason,
        has_matched=has_matched,
        is_blocked=has_matched and decision.action is None and decision.reason != HoldReason.ALREADY_REMEDIATED,
        is_proposed=enforcement.action in _PROPOSED,
        is_conflict=decision.reason == HoldReason.POLICY_CONFLICT,
    )


def policy_counts(policy: str, verdicts: Iterable[PolicyVerdict], actions: Iterable[PastAction]) -> PolicyCounts:
    """Count the decisions and the performed actions of a policy."""
    own = [verdict for verdict in verdicts if verdict.policy == policy]
    done = [action for action in actions if action.policy_name == policy and action.execution == ExecutionState.DONE]
    return PolicyCounts(
        matched=sum(verdict.has_matched for verdict in own),
        executed=len(done),
        helped=sum(action.has_helped is True for action in done),
        not_helped=sum(action.has_helped is False for action in done),
        blocked=sum(verdict.is_blocked for verdict in own),
        proposed=sum(verdict.is_proposed for verdict in own),
    )


def policy_status(policy: RemediationPolicy, check: PolicyCheck, counts: PolicyCounts, now: datetime) -> PolicyStatus:
    """Return the status of a policy. Unchanged conditions keep their transition times."""
    before = policy.status or PolicyStatus()
    drafts = [
        _ready(check),
        _allowed(policy, check),
        _breaker_open(check.breaker),
        _conflicted(is_conflicted=check.is_conflicted),
    ]
    stored = {condition.type: condition for condition in before.conditions or ()}
    return PolicyStatus(
        observed_generation=policy.metadata.generation,
        conditions=[draft.completed(stored, now, policy.metadata.generation) for draft in drafts],
        enforced_since=_enforced_since(policy, check, before, now),
        counts=counts,
        breaker=check.breaker.state,
    )


def _enforced_since(
    policy: RemediationPolicy, check: PolicyCheck, before: PolicyStatus, now: datetime
) -> datetime | None:
    """Return since when the policy has been acting. An invalid or passive policy loses this time."""
    if policy.spec.mode not in ACTING_MODES or check.problem:
        return None
    return before.enforced_since or now


class _ConditionDraft(Struct, frozen=True):
    kind: PolicyConditionType
    status: Status
    reason: str
    message: str

    def completed(self, stored: dict[str, Condition], now: datetime, generation: int | None) -> Condition:
        before = stored.get(self.kind)
        at = before.last_transition_time if before and before.status == self.status else now
        return condition(self.kind, self.status, self.reason, self.message, at, generation)


def _ready(check: PolicyCheck) -> _ConditionDraft:
    if check.problem:
        return _ConditionDraft(PolicyConditionType.READY, "False", check.problem_reason, check.problem)
    if check.missing_rights:
        return _ConditionDraft(PolicyConditionType.READY, "False", PolicyReason.RIGHTS_MISSING, check.missing_rights)
    return _ConditionDraft(PolicyConditionType.READY, "True", PolicyReason.POLICY_VALID, "the policy is valid")


def _allowed(policy: RemediationPolicy, check: PolicyCheck) -> _ConditionDraft:
    kind, spec, breaker = PolicyConditionType.REMEDIATION_ALLOWED, policy.spec, check.breaker
    if check.problem:
        return _ConditionDraft(kind, "False", check.problem_reason, "the policy has no effect")
    if spec.mode in {Mode.OBSERVE, Mode.DRY_RUN}:
        return _ConditionDraft(kind, "False", PolicyReason.NOT_ENFORCED, f"the mode {spec.mode} changes nothing")
    if check.missing_rights:
        return _ConditionDraft(kind, "False", PolicyReason.RIGHTS_MISSING, check.missing_rights)
    if spec.suspended or spec.pause_requests:
        reason = HoldReason.POLICY_SUSPENDED if spec.suspended else HoldReason.POLICY_PAUSED
        return _ConditionDraft(kind, "False", reason, "; ".join(spec.pause_requests or ()) or "spec.suspended is true")
    if not breaker.allows:
        return _ConditionDraft(kind, "False", breaker.reason, breaker.message)
    return _ConditionDraft(kind, "True", PolicyReason.ALLOWED, "the policy may act")


def _breaker_open(breaker: Breaker) -> _ConditionDraft:
    is_open = breaker.state != BreakerState.CLOSED
    return _ConditionDraft(
        PolicyConditionType.BREAKER_OPEN, "True" if is_open else "False", breaker.reason, breaker.message
    )


def _conflicted(*, is_conflicted: bool) -> _ConditionDraft:
    if is_conflicted:
        message = "another policy of the same priority selects some of the same Workflows; neither acts on them"
        return _ConditionDraft(PolicyConditionType.CONFLICTED, "True", PolicyReason.SAME_PRIORITY, message)
    message = "no other policy of the same priority selects the same Workflows"
    return _ConditionDraft(PolicyConditionType.CONFLICTED, "False", PolicyReason.NO_CONFLICT, message)
