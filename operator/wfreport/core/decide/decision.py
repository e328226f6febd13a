"""Makes the two decisions about a run: which action to take on it, and whether to send a notification.

The policy's mode has no influence on a decision: the same objects lead to the same decision in every mode.
``enforcement`` then applies the mode.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from wfreport.api.action_types import ActionType
from wfreport.api.actions import Stop
from wfreport.api.calendar import shifted
from wfreport.api.classes import FailureClass, Owner
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.reasons import ConditionType, HoldReason
from wfreport.api.remediation import NOTIFY_LOCKS, LockClass
from wfreport.api.report import Failure, ReportStatus, WorkflowReport
from wfreport.api.wire import is_same_time
from wfreport.core.decide.chain_limits import actions_on_chain, next_attempt
from wfreport.core.decide.guards import first_hold
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.inputs import Candidate, DecisionInput, Hold
from wfreport.core.decide.matching import MatchContext, match_rule, match_running
from wfreport.core.decide.model import CHAIN_ACTIONS, Decision, History, LiveState, OperatorLimits, PastAction, Run
from wfreport.core.decide.selection import Selection, select_policy
from wfreport.core.decide.stalls import StallAnswer, cannot_help, controller_silent, second_step, stall_answer
from wfreport.core.snapshot.names import remediation_name
from wfreport.core.timing.hung_pods import HUNG_REASONS

EVIDENCE_WAIT: Final = timedelta(seconds=30)
"""How long after a run's end to wait for evidence: late evidence may turn the class Killed into OOMKilled."""

INTENDED_WAITS: Final = frozenset({"Suspended", "WorkflowSuspended", "Backoff", "Stopping"})
"""Reasons of waits that are intended, so that they never make a run stuck."""

_NOT_PENDING: Final = INTENDED_WAITS | HUNG_REASONS
"""Reasons of waits that ``stop.pendingAfterSeconds`` ignores: a step whose program has run is not pending."""

BEFORE_GUARDS: Final = (
    HoldReason.NO_POLICY,
    HoldReason.STALE_OBSERVATION,
    HoldReason.CONTROLLER_SILENT,
    HoldReason.RUN_SUCCEEDED,
    HoldReason.EVIDENCE_PENDING,
    HoldReason.RUN_STOPPING,
    HoldReason.STOP_INEFFECTIVE,
    HoldReason.RUN_ACTIVE,
    HoldReason.STOP_NOT_DUE,
    HoldReason.STALL_NOT_DUE,
    HoldReason.CANNOT_HELP,
    HoldReason.NO_RULE_MATCHES,
    HoldReason.NO_ACTION_CONFIGURED,
    HoldReason.ACTION_IS_NONE,
    HoldReason.ALREADY_REMEDIATED,
)
"""Holds that are checked before the guards, in this order."""


def decide(
    report: WorkflowReport,
    live: LiveState,
    policies: Iterable[RemediationPolicy],
    history: History,
    limits: OperatorLimits,
    now: datetime,
    *,
    lock: LockClass = LockClass.MUTATE,
) -> Decision | None:
    """Decide about the run that a report describes; return None if it describes no run.

    Args:
        report: the report, stored or about to be.
        live: current state of the Workflow.
        policies: valid policies of one group (``selection.policy_groups``).
        history: known runs and actions; the Remediation for this very decision may be among them.
        limits: limits on the actions of all policies together, and on those of a namespace.
        now: current time.
        lock: kind of decision: about the run itself, or about a notification.
    """
    run = latest_run(report)
    if run is None or report.status is None:
        return None
    own = own_action(run, history, lock)
    inputs = DecisionInput(run, report.status, live, history.without(own), limits, now)
    selection = select_policy(policies, run)
    if selection is None:
        return _held(inputs, lock, Hold(HoldReason.NO_POLICY, "no policy selects the Workflow"))
    proposed = _hold_before_rules(inputs, lock) or _find_candidate(inputs, selection, lock, own)
    if isinstance(proposed, Hold):
        return _held(inputs, lock, proposed, selection)
    hold = _already_remediated(own) or first_hold(proposed)
    return _held(inputs, lock, hold, selection, proposed) if hold else _due(proposed)


def locks_of(report: WorkflowReport) -> list[LockClass]:
    """Return the kinds of decisions about a run. Few runs hang, so few need a decision about that."""
    hangs = report.status is not None and report.status.stalled is not None
    return [lock for lock in LockClass if hangs or lock is not LockClass.NOTIFY_STALL]


def own_action(run: Run, history: History, lock: LockClass) -> PastAction | None:
    """Return the run's existing action of this lock class, performed or pending."""
    name = remediation_name(run.name, run.uid, run.started_at, lock)
    return next((past for past in history.actions if past.name == name and past.namespace == run.namespace), None)


def _hold_before_rules(inputs: DecisionInput, lock: LockClass) -> Hold | None:
    """Return a hold if it is pointless or too early to apply rules."""
    if _is_stale(inputs):
        return Hold(HoldReason.STALE_OBSERVATION, "the Workflow has changed since it was reported")
    silent = controller_silent(inputs)
    if silent or lock is LockClass.NOTIFY_STALL:
        return silent
    if inputs.run.has_succeeded:
        return Hold(HoldReason.RUN_SUCCEEDED, "the run succeeded")
    if inputs.run.is_completed:
        return _evidence_pending(inputs)
    return None


def _is_stale(inputs: DecisionInput) -> bool:
    observed, live = inputs.status.observed_workflow, inputs.live
    if observed is None or observed.uid != live.uid or observed.resource_version != live.resource_version:
        return True
    return not is_same_time(observed.started_at, live.started_at)


def _evidence_pending(inputs: DecisionInput) -> Hold | None:
    required = {ConditionType.EVIDENCE_COMPLETE, ConditionType.NODES_AVAILABLE}
    missing = [one for one in inputs.status.conditions or () if one.type in required and one.status != "True"]
    ended = inputs.run.finished_at
    until = shifted(ended, EVIDENCE_WAIT) if ended is not None else None
    if missing and until is not None and inputs.now < until:
        message = f"{missing[0].type}: {missing[0].message or missing[0].reason}"
        return Hold(HoldReason.EVIDENCE_PENDING, message, until)
    return None


def _find_candidate(
    inputs: DecisionInput, selection: Selection, lock: LockClass, own: PastAction | None
) -> Candidate | Hold:
    """Return the candidate of the matching rule, or the hold if there is none."""
    if own is not None and own.is_stopping:
        rule = second_step(inputs, selection, own)
        return rule if isinstance(rule, Hold) else _candidate(inputs, selection, lock, rule, stall=own.reason)
    if lock is LockClass.NOTIFY_STALL:
        return _find_stall_notification(inputs, selection)
    if not inputs.run.is_completed:
        return _find_running_candidate(inputs, selection, lock)
    return _find_failure_candidate(inputs, selection, lock)


def _find_failure_candidate(inputs: DecisionInput, selection: Selection, lock: LockClass) -> Candidate | Hold:
    failure = inputs.status.failures[0] if inputs.status.failures else None
    context = MatchContext(failure, inputs.run, inputs.history.runs) if failure else None
    rule = match_rule(selection.policy, context) if context else None
    if failure is None or rule is None:
        message = f"no rule of policy {selection.policy.metadata.name} matches {_describe(failure)}"
        return Hold(HoldReason.NO_RULE_MATCHES, message)
    return _candidate(inputs, selection, lock, rule, failure)


def _find_stall_notification(inputs: DecisionInput, selection: Selection) -> Candidate | Hold:
    answer = stall_answer(inputs, selection)
    if answer is None:
        return Hold(HoldReason.RUN_ACTIVE, "no rule is about a run that hangs like this one, if it does")
    if not answer.is_due(inputs.now):
        return answer.hold()
    return _candidate(inputs, selection, LockClass.NOTIFY_STALL, answer.rule, stall=answer.stalled.reason)


def _find_running_candidate(inputs: DecisionInput, selection: Selection, lock: LockClass) -> Candidate | Hold:
    """Return the candidate for a run in progress: a time limit or, for an action on the run, the answer to a stall.

    Both are rules of their own kind, so each is the first of its kind that matches. The first one in the policy that is
    due applies.
    """
    limit = _time_limit(inputs, selection, lock)
    answer = stall_answer(inputs, selection) if lock is LockClass.MUTATE else None
    if answer is None or answer.rule.action is None:
        return limit
    proposed = _answer_to_stall(inputs, selection, answer)
    rules = selection.policy.spec.rules
    if isinstance(limit, Candidate):
        is_first = rules.index(answer.rule) < rules.index(limit.rule)
        applies = isinstance(proposed, Candidate) or proposed.reason == HoldReason.ACTION_IS_NONE
        return proposed if is_first and applies else limit
    if isinstance(proposed, Candidate):
        return proposed
    return structs.replace(
        proposed, recheck_at=min(filter(None, (proposed.recheck_at, limit.recheck_at)), default=None)
    )


def _answer_to_stall(inputs: DecisionInput, selection: Selection, answer: StallAnswer) -> Candidate | Hold:
    if not answer.is_due(inputs.now):
        return answer.hold()
    action = _configured_action(answer.rule, LockClass.MUTATE) or ActionType.NONE
    hold = cannot_help(action, answer.stalled.reason)
    return hold or _candidate(inputs, selection, LockClass.MUTATE, answer.rule, stall=answer.stalled.reason)


def _time_limit(inputs: DecisionInput, selection: Selection, lock: LockClass) -> Candidate | Hold:
    rule = match_running(selection.policy, inputs.run)
    if rule is None or rule.action is None or rule.action.stop is None:
        return Hold(HoldReason.RUN_ACTIVE, "the run has not ended")
    due = stop_due_at(rule.action.stop, inputs.run, inputs.status)
    if due is None or inputs.now < due:
        return Hold(HoldReason.STOP_NOT_DUE, f"rule {rule.name} does not stop it yet", due)
    return _candidate(inputs, selection, lock, rule)


def stop_due_at(stop: Stop, run: Run, status: ReportStatus) -> datetime | None:
    """Return when to stop a running Workflow, or None if no such time is known."""
    moments = []
    if stop.after_seconds is not None and run.started_at is not None:
        moments.append(shifted(run.started_at, timedelta(seconds=stop.after_seconds)))
    if stop.pending_after_seconds is not None:
        wait = timedelta(seconds=stop.pending_after_seconds)
        stuck = (waiting for waiting in status.waiting or () if waiting.reason not in _NOT_PENDING)
        moments += [shifted(waiting.since_at, wait) for waiting in stuck if waiting.since_at is not None]
    return min(moments, default=None)


def _candidate(
    inputs: DecisionInput,
    selection: Selection,
    lock: LockClass,
    rule: Rule,
    failure: Failure | None = None,
    *,
    stall: str | None = None,
) -> Candidate | Hold:
    action = _configured_action(rule, lock)
    if action is None:
        return Hold(HoldReason.NO_ACTION_CONFIGURED, f"rule {rule.name} has no {_FIELD_OF_LOCK[lock]}")
    if action == ActionType.NONE:
        return Hold(HoldReason.ACTION_IS_NONE, f"the action of rule {rule.name} is none")
    return Candidate(
        input=inputs,
        lock=lock,
        selection=selection,
        rule=rule,
        action=action,
        failure=failure,
        stall=stall,
        is_second_step=stall is not None and lock is LockClass.MUTATE and inputs.run.is_completed,
        counts_toward_limit=_counts_toward_limit(rule, failure),
        attempt=_attempt(inputs, action),
    )


def _attempt(inputs: DecisionInput, action: ActionType) -> int:
    """Return the number of the action. An action that creates no new run continues the run's own number."""
    if action not in CHAIN_ACTIONS:
        return inputs.run.attempt + 1
    return next_attempt(inputs.run, actions_on_chain(inputs.run, inputs.history.actions))


_FIELD_OF_LOCK: Final = {LockClass.MUTATE: "action", LockClass.NOTIFY: "notify", LockClass.NOTIFY_STALL: "notify"}


def _configured_action(rule: Rule, lock: LockClass) -> ActionType | None:
    if lock in NOTIFY_LOCKS:
        return ActionType.NOTIFY if rule.notify is not None else None
    return rule.action.type if rule.action is not None else None


def _counts_toward_limit(rule: Rule, failure: Failure | None) -> bool:
    if rule.counts_toward_limit is not None:
        return rule.counts_toward_limit
    return failure is None or failure.owner != Owner.INFRASTRUCTURE


def _already_remediated(own: PastAction | None) -> Hold | None:
    if own is not None and own.is_final:
        return Hold(HoldReason.ALREADY_REMEDIATED, f"the run already has Remediation {own.name}")
    return None


def _held(
    inputs: DecisionInput,
    lock: LockClass,
    hold: Hold,
    selection: Selection | None = None,
    candidate: Candidate | None = None,
) -> Decision:
    return Decision(
        lock=lock,
        reason=hold.reason,
        message=hold.message,
        run=inputs.run,
        policy=selection.policy if selection else None,
        rule=candidate.rule if candidate else None,
        failure=candidate.failure if candidate else None,
        stall=candidate.stall if candidate else None,
        attempt=candidate.attempt if candidate else 1,
        counts_toward_limit=candidate.counts_toward_limit if candidate else True,
        recheck_at=hold.recheck_at,
    )


def _due(candidate: Candidate) -> Decision:
    failure, stall = candidate.failure, candidate.stall
    cause = f"the run hangs ({stall})" if stall else _describe(failure) if failure else FailureClass.TIMEOUT
    return Decision(
        lock=candidate.lock,
        reason=stall or (failure.failure_class if failure else FailureClass.TIMEOUT),
        message=f"rule {candidate.rule.name}: {candidate.action} after {cause}",
        run=candidate.input.run,
        action=candidate.action,
        policy=candidate.policy,
        rule=candidate.rule,
        failure=failure,
        stall=stall,
        attempt=candidate.attempt,
        counts_toward_limit=candidate.counts_toward_limit,
    )


def _describe(failure: Failure | None) -> str:
    """Describe a failure by its class and step."""
    if failure is None:
        return "the run, which has no failure"
    return f"{failure.failure_class} at {failure.display_name}" if failure.display_name else failure.failure_class
