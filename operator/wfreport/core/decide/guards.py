"""What speaks against an act: the guards, in the order in which they are asked .

Each is one function that says nothing or why it holds. To add one, write it and give it its line in ``GUARDS``: the
table in docs/reference/decisions.md is made from there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.breaker import comebacks, judge_breaker
from wfreport.core.decide.budget import actions_of_policy, exhausted_budget
from wfreport.core.decide.chain_limits import actions_on_chain, attempts_exhausted, due_at
from wfreport.core.decide.inputs import Candidate, Hold
from wfreport.core.decide.matching import DECISIVE_ROLES
from wfreport.core.decide.model import CHAIN_ACTIONS, PastAction, Run
from wfreport.core.decide.selection import is_for
from wfreport.core.decide.streaks import streak_of

_HOUR_SECONDS: Final = 3600


def policy_suspended(case: Candidate) -> Hold | None:
    """The policy is suspended."""
    if case.policy.spec.suspended:
        return Hold(HoldReason.POLICY_SUSPENDED, f"policy {case.policy.metadata.name} is suspended")
    return None


def policy_paused(case: Candidate) -> Hold | None:
    """Somebody asked for a pause."""
    requests = case.policy.spec.pause_requests
    if requests:
        return Hold(HoldReason.POLICY_PAUSED, f"paused: {'; '.join(requests)}")
    return None


def opted_out(case: Candidate) -> Hold | None:
    """Its owner wants no remediation."""
    if case.input.live.is_opted_out:
        message = "the Workflow or its Namespace is annotated wfreport.dev/no-remediation"
        return Hold(HoldReason.OPTED_OUT, message)
    return None


def cancelled(case: Candidate) -> Hold | None:
    """A person ended the run; never act against one."""
    observed = case.input.status.observed_workflow
    shutdown = observed.shutdown if observed else None
    if shutdown or case.input.run.is_cancelled:
        return Hold(HoldReason.CANCELLED_BY_PERSON, f"the Workflow was told to {shutdown or 'stop'}")
    return None


def too_old(case: Candidate) -> Hold | None:
    """The run ended too long ago for anybody to want it again."""
    run, limit = case.input.run, case.policy.spec.limits.max_age_seconds
    if case.failure is None:
        return None
    if run.finished_at is None:
        return Hold(HoldReason.RUN_TOO_OLD, "when the run ended is not known")
    if case.input.now - run.finished_at > timedelta(seconds=limit):
        return Hold(HoldReason.RUN_TOO_OLD, f"the run ended more than {limit} seconds ago")
    return None


def failed_before_enforced(case: Candidate) -> Hold | None:
    """The run ended before the policy was let act: switching it on must not start a storm."""
    since = case.policy.status.enforced_since if case.policy.status else None
    ended = case.input.run.finished_at
    # Both are kept to the second: what ended in that very second may have ended before.
    if since is not None and ended is not None and ended <= since:
        return Hold(HoldReason.FAILED_BEFORE_ENFORCED, "the run ended before the policy was let act")
    return None


def retries_remaining(case: Candidate) -> Hold | None:
    """Argo itself still tries."""
    if case.failure is not None and case.failure.role not in DECISIVE_ROLES:
        return Hold(HoldReason.RETRIES_REMAINING, f"{case.failure.display_name or 'a step'} has not failed for good")
    return None


def being_deleted(case: Candidate) -> Hold | None:
    """The Workflow is going, or gone."""
    if case.input.live.is_deleting:
        return Hold(HoldReason.BEING_DELETED, "the Workflow is being deleted")
    return None


def newer_resubmission(case: Candidate) -> Hold | None:
    """The work runs again already."""
    run = case.input.run
    newer = next((other for other in case.input.history.runs if _follows(other, run)), None)
    if newer is not None:
        return Hold(HoldReason.NEWER_RESUBMISSION, f"Workflow {newer.name} is a newer run of the same")
    return None


def _follows(other: Run, run: Run) -> bool:
    if other.namespace != run.namespace or other.uid == run.uid:
        return False
    is_later_attempt = other.root_uid == run.root_uid and other.attempt > run.attempt
    return is_later_attempt or (other.resubmitted_from == run.name and _began_after(other, run))


def _began_after(other: Run, run: Run) -> bool:
    """Names are used again: what was resubmitted before this run began was another Workflow of its name."""
    return other.started_at is None or run.started_at is None or other.started_at >= run.started_at


def policy_conflict(case: Candidate) -> Hold | None:
    """Two policies want to decide, and nothing says which."""
    if case.selection.rivals:
        message = (
            f"policy {case.policy.metadata.name} and {', '.join(case.selection.rivals)} select the Workflow with the "
            f"same priority, {case.policy.spec.priority}"
        )
        return Hold(HoldReason.POLICY_CONFLICT, message)
    return None


def cron_already_suspended(case: Candidate) -> Hold | None:
    """The CronWorkflow was suspended for these failures already."""
    if case.action != ActionType.SUSPEND_CRON:
        return None
    roots = streak_of(case.input.run, case.input.history.runs, "CronWorkflow").root_uids
    acts = (act for act in case.input.history.actions if act.action == case.action and act.counts)
    earlier = next((act for act in acts if act.root_uid in roots), None)
    if earlier is not None:
        return Hold(
            HoldReason.CRON_ALREADY_SUSPENDED, f"{earlier.name} has suspended the CronWorkflow for these failures"
        )
    return None


def attempts_are_exhausted(case: Candidate) -> Hold | None:
    """The chain has had its attempts."""
    if case.action not in CHAIN_ACTIONS:
        return None
    limits = case.policy.spec.limits
    allowed = limits.max_attempts if case.counts_toward_limit else limits.infra_max_attempts
    chain = actions_on_chain(case.input.run, case.input.history.actions)
    spent = attempts_exhausted(case.input.run, chain, counts_toward_limit=case.counts_toward_limit)
    if spent >= allowed:
        of = "acts" if case.counts_toward_limit else "acts on failures of the infrastructure"
        return Hold(HoldReason.ATTEMPTS_EXHAUSTED, f"{spent} {of} of {allowed} are spent")
    return None


def cooling_down(case: Candidate) -> Hold | None:
    """The wait before the act is not over."""
    if case.failure is None:
        return None
    backoff = case.policy.spec.backoff if case.action in CHAIN_ACTIONS else None
    due = due_at(case.input.run, backoff, case.attempt, case.rule.delay_seconds or 0)
    if due is not None and case.input.now < due:
        return Hold(HoldReason.COOLING_DOWN, f"attempt {case.attempt} waits for its backoff", due)
    return None


def policy_budget_exhausted(case: Candidate) -> Hold | None:
    """The policy has done enough for now."""
    budget = case.policy.spec.budget
    spent = exhausted_budget(
        _own_actions(case),
        case.lock,
        max_concurrent=budget.max_concurrent,
        max_per_window=budget.max_per_window,
        window_seconds=budget.window_seconds,
        now=case.input.now,
    )
    return Hold(HoldReason.BUDGET_EXHAUSTED, spent.message, spent.recheck_at) if spent else None


def operator_budget_exhausted(case: Candidate) -> Hold | None:
    """All policies together have done enough for now."""
    limits = case.input.limits
    spent = exhausted_budget(
        case.input.history.actions,
        case.lock,
        max_concurrent=limits.max_concurrent,
        max_per_window=limits.max_per_hour,
        window_seconds=_HOUR_SECONDS,
        now=case.input.now,
    )
    if spent is None:
        return None
    return Hold(HoldReason.OPERATOR_BUDGET_EXHAUSTED, f"of all policies together, {spent.message}", spent.recheck_at)


def breaker_open(case: Candidate) -> Hold | None:
    """Too much fails at once."""
    runs = [run for run in (*case.input.history.runs, case.input.run) if is_for(case.policy, run)]
    breaker = judge_breaker(case.policy.spec.circuit_breaker, _each_once(runs), _own_actions(case), case.input.now)
    if breaker.allows:
        return None
    return Hold(HoldReason.BREAKER_OPEN, breaker.message, breaker.recheck_at)


def _each_once(runs: list[Run]) -> Iterator[Run]:
    seen: set[tuple[str, object]] = set()
    for run in runs:
        if (run.uid, run.started_at) not in seen:
            seen.add((run.uid, run.started_at))
            yield run


def remediation_ineffective(case: Candidate) -> Hold | None:
    """The same act on the same failure did not help before."""
    spec, subject = case.policy.spec.circuit_breaker, case.input
    back = comebacks(
        case.failure.fingerprint if case.failure else None,
        case.action,
        _own_actions(case),
        (*subject.history.runs, subject.run),
        subject.now,
        spec.window_seconds,
    )
    if len(back) <= spec.same_fingerprint_at_most:
        return None
    ended = sorted(act.finished_at for act in back if act.finished_at is not None)
    again_at = ended[-spec.same_fingerprint_at_most - 1] + timedelta(seconds=spec.window_seconds)
    message = f"the same failure came back {len(back)} times after {case.action} in {spec.window_seconds} seconds"
    return Hold(HoldReason.REMEDIATION_INEFFECTIVE, message, again_at)


def _own_actions(case: Candidate) -> list[PastAction]:
    metadata = case.policy.metadata
    return actions_of_policy(case.input.history.actions, metadata.namespace, metadata.name)


BOTH: Final = frozenset(LockClass)
RUN_ONLY: Final = frozenset({LockClass.MUTATE})


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard's place in the table.

    Attributes:
        ask: the guard.
        reason: why it holds, if it does.
        locks: of which decisions it is asked.
    """

    ask: Callable[[Candidate], Hold | None]
    reason: HoldReason
    locks: frozenset[LockClass] = BOTH


GUARDS: Final = (
    Guard(policy_suspended, HoldReason.POLICY_SUSPENDED),
    Guard(policy_paused, HoldReason.POLICY_PAUSED),
    Guard(opted_out, HoldReason.OPTED_OUT),
    Guard(cancelled, HoldReason.CANCELLED_BY_PERSON),
    Guard(too_old, HoldReason.RUN_TOO_OLD),
    Guard(failed_before_enforced, HoldReason.FAILED_BEFORE_ENFORCED),
    Guard(retries_remaining, HoldReason.RETRIES_REMAINING),
    # To be told of a run that is gone, or that runs again, is still of use.
    Guard(being_deleted, HoldReason.BEING_DELETED, RUN_ONLY),
    Guard(newer_resubmission, HoldReason.NEWER_RESUBMISSION, RUN_ONLY),
    Guard(policy_conflict, HoldReason.POLICY_CONFLICT),
    Guard(cron_already_suspended, HoldReason.CRON_ALREADY_SUSPENDED, RUN_ONLY),
    Guard(attempts_are_exhausted, HoldReason.ATTEMPTS_EXHAUSTED, RUN_ONLY),
    Guard(cooling_down, HoldReason.COOLING_DOWN, RUN_ONLY),
    Guard(policy_budget_exhausted, HoldReason.BUDGET_EXHAUSTED),
    Guard(operator_budget_exhausted, HoldReason.OPERATOR_BUDGET_EXHAUSTED),
    Guard(breaker_open, HoldReason.BREAKER_OPEN, RUN_ONLY),
    Guard(remediation_ineffective, HoldReason.REMEDIATION_INEFFECTIVE, RUN_ONLY),
)
"""The guards, in the order in which they are asked; the first that holds is the answer."""


def first_hold(case: Candidate) -> Hold | None:
    """What the first guard that holds says; None where none does."""
    for guard in GUARDS:
        if case.lock in guard.locks and (hold := guard.ask(case)) is not None:
            return hold
    return None
