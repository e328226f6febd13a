"""The guards: checks that may hold a candidate.

Each guard is a function that returns a ``Hold`` or None. To add one, write the function and add it to ``GUARDS`` at its
place in the order; the table in docs/reference/decisions.md is generated from there.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.classes import CAUSES
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.breaker import comebacks, judge_breaker
from wfreport.core.decide.budget import (
    IN_FLIGHT_MAX,
    ActionBudget,
    action_times,
    actions_of_policy,
    exhausted_budget,
    without_action,
)
from wfreport.core.decide.chain_limits import actions_on_chain, due_at, used_attempts
from wfreport.core.decide.inputs import Candidate, Hold
from wfreport.core.decide.model import CHAIN_ACTIONS, ActionTimes, PastAction, Run
from wfreport.core.decide.selection import runs_for
from wfreport.core.decide.streaks import streak_of

STOP_STRATEGY: Final = "Stop"
"""Shutdown strategy with which the operator ends runs."""

_HOUR_SECONDS: Final = 3600


def policy_suspended(candidate: Candidate) -> Hold | None:
    """The policy is suspended."""
    if candidate.policy.spec.suspended:
        return Hold(HoldReason.POLICY_SUSPENDED, f"policy {candidate.policy.metadata.name} is suspended")
    return None


def policy_paused(candidate: Candidate) -> Hold | None:
    """The policy has pause requests."""
    requests = candidate.policy.spec.pause_requests
    if requests:
        return Hold(HoldReason.POLICY_PAUSED, f"paused: {'; '.join(requests)}")
    return None


def opted_out(candidate: Candidate) -> Hold | None:
    """The Workflow or its Namespace opts out of remediation."""
    if candidate.input.live.is_opted_out:
        message = "the Workflow or its Namespace has the annotation wfreport.dev/no-remediation"
        return Hold(HoldReason.OPTED_OUT, message)
    return None


def cancelled(candidate: Candidate) -> Hold | None:
    """A person ended the run, and the operator respects that."""
    observed = candidate.input.status.observed_workflow
    shutdown = observed.shutdown if observed else None
    if candidate.is_second_step and shutdown == STOP_STRATEGY:
        return None  # the operator ended it
    if shutdown:
        return Hold(HoldReason.CANCELLED_BY_PERSON, f"the Workflow's shutdown strategy is {shutdown}")
    if candidate.input.run.is_cancelled:
        return Hold(HoldReason.CANCELLED_BY_PERSON, "the Workflow was cancelled")
    return None


def too_old(candidate: Candidate) -> Hold | None:
    """The run ended too long ago to be of interest."""
    run, limit = candidate.input.run, candidate.policy.spec.limits.max_age_seconds
    if candidate.failure is None:
        return None
    if run.finished_at is None:
        return Hold(HoldReason.RUN_TOO_OLD, "the end of the run is unknown")
    if candidate.input.now - run.finished_at > timedelta(seconds=limit):
        return Hold(HoldReason.RUN_TOO_OLD, f"the run ended more than {limit} seconds ago")
    return None


def failed_before_enforced(candidate: Candidate) -> Hold | None:
    """The run ended before the policy was enforced: enforcing it must not trigger actions on all earlier failures."""
    since = candidate.policy.status.enforced_since if candidate.policy.status else None
    ended = candidate.input.run.finished_at
    # Both times are stored in seconds, so a run that ended in the same second may have ended before.
    if since is not None and ended is not None and ended <= since:
        return Hold(HoldReason.FAILED_BEFORE_ENFORCED, "the run ended before the policy was enforced")
    return None


def retries_remaining(candidate: Candidate) -> Hold | None:
    """Argo's own retryStrategy has attempts left."""
    failure = candidate.failure
    if failure is not None and failure.role not in CAUSES:
        return Hold(HoldReason.RETRIES_REMAINING, f"the failure of {failure.display_name or 'a step'} is not final")
    return None


def being_deleted(candidate: Candidate) -> Hold | None:
    """The Workflow is being deleted, or no longer exists."""
    if candidate.input.live.is_deleting:
        return Hold(HoldReason.BEING_DELETED, "the Workflow is being deleted")
    return None


def newer_resubmission(candidate: Candidate) -> Hold | None:
    """The run has already been resubmitted."""
    run = candidate.input.run
    newer = next((other for other in candidate.input.history.runs if _follows(other, run)), None)
    if newer is not None:
        return Hold(HoldReason.NEWER_RESUBMISSION, f"the run has been resubmitted as Workflow {newer.name}")
    return None


def _follows(other: Run, run: Run) -> bool:
    if other.namespace != run.namespace or other.uid == run.uid:
        return False
    is_later_attempt = other.root_uid == run.root_uid and other.attempt > run.attempt
    return is_later_attempt or (other.resubmitted_from == run.name and _began_after(other, run))


def _began_after(other: Run, run: Run) -> bool:
    """Return whether the other run began later. Names are reused: an earlier run refers to another Workflow."""
    return other.started_at is None or run.started_at is None or other.started_at >= run.started_at


def policy_conflict(candidate: Candidate) -> Hold | None:
    """Several policies of the same priority select the Workflow."""
    policy, rivals = candidate.policy, candidate.selection.rivals
    if rivals:
        names = ", ".join([policy.metadata.name, *rivals])
        message = f"policies of the same priority {policy.spec.priority} select the Workflow: {names}"
        return Hold(HoldReason.POLICY_CONFLICT, message)
    return None


def cron_already_suspended(candidate: Candidate) -> Hold | None:
    """The CronWorkflow has already been suspended for this streak of failures."""
    if candidate.action != ActionType.SUSPEND_CRON:
        return None
    roots = streak_of(candidate.input.run, candidate.input.history.runs, "CronWorkflow").root_uids
    suspensions = (past for past in candidate.input.history.actions if past.type == candidate.action and past.counts)
    earlier = next((past for past in suspensions if past.root_uid in roots), None)
    if earlier is not None:
        message = f"Remediation {earlier.name} has suspended the CronWorkflow for this streak of failures"
        return Hold(HoldReason.CRON_ALREADY_SUSPENDED, message)
    return None


def attempts_are_exhausted(candidate: Candidate) -> Hold | None:
    """The chain has used up its attempts."""
    if candidate.action not in CHAIN_ACTIONS:
        return None
    limits = candidate.policy.spec.limits
    allowed = limits.max_attempts if candidate.counts_toward_limit else limits.infra_max_attempts
    chain = actions_on_chain(candidate.input.run, candidate.input.history.actions)
    used = used_attempts(candidate.input.run, chain, counts_toward_limit=candidate.counts_toward_limit)
    if used >= allowed:
        kind = "attempts" if candidate.counts_toward_limit else "attempts for infrastructure failures"
        return Hold(HoldReason.ATTEMPTS_EXHAUSTED, f"the chain has used {used} of {allowed} {kind}")
    return None


def cooling_down(candidate: Candidate) -> Hold | None:
    """The backoff or the rule's delay has not elapsed."""
    if candidate.failure is None:
        return None
    backoff = candidate.policy.spec.backoff if candidate.action in CHAIN_ACTIONS else None
    due = due_at(candidate.input.run, backoff, candidate.attempt, candidate.rule.delay_seconds or 0)
    if due is not None and candidate.input.now < due:
        return Hold(HoldReason.COOLING_DOWN, f"attempt {candidate.attempt} is in its backoff", due)
    return None


def policy_budget_exhausted(candidate: Candidate) -> Hold | None:
    """The policy has reached its budget."""
    spec = candidate.policy.spec.budget
    budget = ActionBudget(spec.max_concurrent, spec.max_per_window, spec.window_seconds)
    times = action_times(_own_actions(candidate), candidate.lock)
    exhausted = exhausted_budget(times, budget, candidate.input.now)
    return Hold(HoldReason.BUDGET_EXHAUSTED, exhausted.message, exhausted.recheck_at) if exhausted else None


def namespace_budget_exhausted(candidate: Candidate) -> Hold | None:
    """The policies of the namespace have reached its share of the operator's budget."""
    limits, namespace = candidate.input.limits, candidate.input.run.namespace
    budget = _shared_budget(candidate, limits.max_concurrent_per_namespace, limits.max_per_hour_per_namespace)
    actions = (action for action in candidate.input.history.actions if action.namespace == namespace)
    exhausted = exhausted_budget(action_times(actions, candidate.lock), budget, candidate.input.now)
    if exhausted is None:
        return None
    message = f"of all policies of namespace {namespace}, {exhausted.message}"
    return Hold(HoldReason.NAMESPACE_BUDGET_EXHAUSTED, message, exhausted.recheck_at)


def operator_budget_exhausted(candidate: Candidate) -> Hold | None:
    """All policies of all namespaces together have reached the operator's budget."""
    limits = candidate.input.limits
    budget = _shared_budget(candidate, limits.max_concurrent, limits.max_per_hour)
    exhausted = exhausted_budget(_times_everywhere(candidate), budget, candidate.input.now)
    if exhausted is None:
        return None
    message = f"of all policies of all namespaces, {exhausted.message}"
    return Hold(HoldReason.OPERATOR_BUDGET_EXHAUSTED, message, exhausted.recheck_at)


def _shared_budget(candidate: Candidate, max_concurrent: int, max_per_hour: int) -> ActionBudget:
    return ActionBudget(max_concurrent, max_per_hour, _HOUR_SECONDS, IN_FLIGHT_MAX[candidate.lock])


def _times_everywhere(candidate: Candidate) -> ActionTimes:
    history, lock = candidate.input.history, candidate.lock
    if history.everywhere is None:
        return action_times(history.actions, lock)
    since = candidate.input.now - max(IN_FLIGHT_MAX[lock], timedelta(seconds=_HOUR_SECONDS))
    return without_action(history.everywhere[lock], history.excluded, since)


def breaker_open(candidate: Candidate) -> Hold | None:
    """Too many runs fail, so the policy's circuit breaker is open."""
    runs = runs_for(candidate.policy, (*candidate.input.history.runs, candidate.input.run))
    breaker = judge_breaker(
        candidate.policy.spec.circuit_breaker, _distinct(runs), _own_actions(candidate), candidate.input.now
    )
    if breaker.allows:
        return None
    return Hold(HoldReason.BREAKER_OPEN, breaker.message, breaker.recheck_at)


def _distinct(runs: list[Run]) -> Iterator[Run]:
    known: set[tuple[str, object]] = set()
    for run in runs:
        if (run.uid, run.started_at) not in known:
            known.add((run.uid, run.started_at))
            yield run


def remediation_ineffective(candidate: Candidate) -> Hold | None:
    """The same action on the same failure has not helped before."""
    spec, inputs = candidate.policy.spec.circuit_breaker, candidate.input
    ineffective = comebacks(
        candidate.failure.fingerprint if candidate.failure else None,
        candidate.action,
        _own_actions(candidate),
        (*inputs.history.runs, inputs.run),
        inputs.now,
        spec.window_seconds,
    )
    if len(ineffective) <= spec.same_fingerprint_at_most:
        return None
    ended = sorted(past.finished_at for past in ineffective if past.finished_at is not None)
    recheck_at = ended[-spec.same_fingerprint_at_most - 1] + timedelta(seconds=spec.window_seconds)
    count, window = len(ineffective), spec.window_seconds
    message = f"the same failure came back {count} times after {candidate.action} within {window} seconds"
    return Hold(HoldReason.REMEDIATION_INEFFECTIVE, message, recheck_at)


def _own_actions(candidate: Candidate) -> list[PastAction]:
    metadata = candidate.policy.metadata
    return actions_of_policy(candidate.input.history.actions, metadata.namespace, metadata.name)


ALL: Final = frozenset(LockClass)
RUN_ONLY: Final = frozenset({LockClass.MUTATE})


class Guard(Struct, frozen=True):
    """A row in the table of guards.

    Attributes:
        check: function that returns the hold, if any.
        reason: reason of its holds.
        locks: kinds of decisions that it applies to.
    """

    check: Callable[[Candidate], Hold | None]
    reason: HoldReason
    locks: frozenset[LockClass] = ALL


GUARDS: Final = (
    Guard(policy_suspended, HoldReason.POLICY_SUSPENDED),
    Guard(policy_paused, HoldReason.POLICY_PAUSED),
    Guard(opted_out, HoldReason.OPTED_OUT),
    # A run that somebody has ended can hang even so.
    Guard(cancelled, HoldReason.CANCELLED_BY_PERSON, ALL - {LockClass.NOTIFY_STALL}),
    Guard(too_old, HoldReason.RUN_TOO_OLD),
    Guard(failed_before_enforced, HoldReason.FAILED_BEFORE_ENFORCED),
    Guard(retries_remaining, HoldReason.RETRIES_REMAINING),
    # A notification about a run that is deleted or resubmitted is still useful.
    Guard(being_deleted, HoldReason.BEING_DELETED, RUN_ONLY),
    Guard(newer_resubmission, HoldReason.NEWER_RESUBMISSION, RUN_ONLY),
    Guard(policy_conflict, HoldReason.POLICY_CONFLICT),
    Guard(cron_already_suspended, HoldReason.CRON_ALREADY_SUSPENDED, RUN_ONLY),
    Guard(attempts_are_exhausted, HoldReason.ATTEMPTS_EXHAUSTED, RUN_ONLY),
    Guard(cooling_down, HoldReason.COOLING_DOWN, RUN_ONLY),
    Guard(policy_budget_exhausted, HoldReason.BUDGET_EXHAUSTED),
    Guard(namespace_budget_exhausted, HoldReason.NAMESPACE_BUDGET_EXHAUSTED),
    Guard(operator_budget_exhausted, HoldReason.OPERATOR_BUDGET_EXHAUSTED),
    Guard(breaker_open, HoldReason.BREAKER_OPEN, RUN_ONLY),
    Guard(remediation_ineffective, HoldReason.REMEDIATION_INEFFECTIVE, RUN_ONLY),
)
"""The guards in order of evaluation; the first hold applies."""


def first_hold(candidate: Candidate) -> Hold | None:
    """Return the hold of the first guard that has one, or None."""
    for guard in GUARDS:
        if candidate.lock in guard.locks and (hold := guard.check(candidate)) is not None:
            return hold
    return None
