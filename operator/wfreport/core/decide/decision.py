"""The two decisions about a run: what is done about it, and who is told.

The policy's mode has no part in them: the same objects give the same decision in every mode (course.py says what is
then done with it).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.actions import ActionType, Stop
from wfreport.api.classes import FailureClass, Owner
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.reasons import ConditionType, HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import Failure, ReportStatus, WorkflowReport
from wfreport.api.wire import is_same_time
from wfreport.core.decide.chain_limits import actions_on_chain, next_attempt
from wfreport.core.decide.guards import first_hold
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.inputs import Candidate, DecisionInput, Hold
from wfreport.core.decide.matching import Matched, match_rule, match_running
from wfreport.core.decide.model import CHAIN_ACTIONS, Decision, History, LiveState, OperatorLimits, PastAction, Run
from wfreport.core.decide.selection import Selection, select_policy
from wfreport.core.snapshot.names import remediation_name

EVIDENCE_WAIT: Final = timedelta(seconds=30)
"""How long after a run's end its evidence is waited for: what comes late turns Killed into OOMKilled."""

NOT_STUCK: Final = frozenset({"Suspended", "WorkflowSuspended", "Backoff"})
"""Reasons of waiting that somebody meant."""

BEFORE_GUARDS: Final = (
    HoldReason.NO_POLICY,
    HoldReason.STALE_OBSERVATION,
    HoldReason.RUN_SUCCEEDED,
    HoldReason.EVIDENCE_PENDING,
    HoldReason.RUN_ACTIVE,
    HoldReason.STOP_NOT_DUE,
    HoldReason.NO_RULE_MATCHES,
    HoldReason.NO_ACTION_CONFIGURED,
    HoldReason.ACTION_IS_NONE,
    HoldReason.ALREADY_REMEDIATED,
)
"""Why there is nothing to guard, in the order in which it is looked at."""


def decide(
    report: WorkflowReport,
    look: LiveState,
    policies: Iterable[RemediationPolicy],
    history: History,
    limits: OperatorLimits,
    now: datetime,
    *,
    lock: LockClass = LockClass.MUTATE,
) -> Decision | None:
    """What is to be done about the run that a report describes, or why nothing; None where it describes no run.

    Args:
        report: the report, as it is stored or about to be.
        look: the Workflow as it is at this moment.
        policies: valid ones that have to agree (``selection.circles``).
        history: what else ran and was done; the Remediation of this very decision may be among it.
        limits: what all policies together may do.
        now: the moment.
        lock: whether to decide about the run itself, or about whom to tell.
    """
    run = latest_run(report)
    if run is None or report.status is None:
        return None
    own = own_action(run, history, lock)
    others = replace(history, actions=tuple(act for act in history.actions if act is not own))
    subject = DecisionInput(run, report.status, look, others, limits, now)
    selection = select_policy(policies, run)
    if selection is None:
        return _held(subject, lock, Hold(HoldReason.NO_POLICY, "no policy selects the Workflow"))
    found = _before_rules(subject) or _find_candidate(subject, selection, lock)
    if isinstance(found, Hold):
        return _held(subject, lock, found, selection)
    hold = _answered(own) or first_hold(found)
    return _held(subject, lock, hold, selection, found) if hold else _due(found)


def own_action(run: Run, history: History, lock: LockClass) -> PastAction | None:
    """The Remediation that this run has already had of this lock class, or is about to have."""
    name = remediation_name(run.name, run.uid, run.started_at, lock)
    return next((act for act in history.actions if act.name == name and act.namespace == run.namespace), None)


def _before_rules(subject: DecisionInput) -> Hold | None:
    """What makes rules pointless, or too early."""
    if _is_stale(subject):
        return Hold(HoldReason.STALE_OBSERVATION, "the Workflow has changed since it was reported")
    if subject.run.has_succeeded:
        return Hold(HoldReason.RUN_SUCCEEDED, "the run succeeded")
    if subject.run.is_completed:
        return _evidence_pending(subject)
    return None


def _is_stale(subject: DecisionInput) -> bool:
    observed, look = subject.status.observed_workflow, subject.live
    if observed is None or observed.uid != look.uid or observed.resource_version != look.resource_version:
        return True
    return not is_same_time(observed.started_at, look.started_at)


def _evidence_pending(subject: DecisionInput) -> Hold | None:
    awaited = {ConditionType.EVIDENCE_COMPLETE, ConditionType.NODES_AVAILABLE}
    missing = [found for found in subject.status.conditions or () if found.type in awaited and found.status != "True"]
    ended = subject.run.finished_at
    if missing and ended is not None and subject.now < ended + EVIDENCE_WAIT:
        message = f"{missing[0].type}: {missing[0].message or missing[0].reason}"
        return Hold(HoldReason.EVIDENCE_PENDING, message, ended + EVIDENCE_WAIT)
    return None


def _find_candidate(subject: DecisionInput, selection: Selection, lock: LockClass) -> Candidate | Hold:
    """The rule that matches, and what it says to do."""
    if not subject.run.is_completed:
        return _find_running_candidate(subject, selection, lock)
    failure = subject.status.failures[0] if subject.status.failures else None
    matched = Matched(failure, subject.run, subject.history.runs) if failure else None
    rule = match_rule(selection.policy, matched) if matched else None
    if failure is None or rule is None:
        message = f"no rule of policy {selection.policy.metadata.name} matches {_described(failure)}"
        return Hold(HoldReason.NO_RULE_MATCHES, message)
    return _candidate(subject, selection, lock, rule, failure)


def _find_running_candidate(subject: DecisionInput, selection: Selection, lock: LockClass) -> Candidate | Hold:
    rule = match_running(selection.policy, subject.run)
    if rule is None or rule.action is None or rule.action.stop is None:
        return Hold(HoldReason.RUN_ACTIVE, "the run has not ended")
    due = stop_due_at(rule.action.stop, subject.run, subject.status)
    if due is None or subject.now < due:
        return Hold(HoldReason.STOP_NOT_DUE, f"rule {rule.name} stops it later, if at all", due)
    return _candidate(subject, selection, lock, rule, None)


def stop_due_at(stop: Stop, run: Run, status: ReportStatus) -> datetime | None:
    """When a Workflow that runs is to be stopped; None where nothing says when."""
    moments = []
    if stop.after_seconds is not None and run.started_at is not None:
        moments.append(run.started_at + timedelta(seconds=stop.after_seconds))
    if stop.pending_after_seconds is not None:
        wait = timedelta(seconds=stop.pending_after_seconds)
        stuck = (found for found in status.waiting or () if found.reason not in NOT_STUCK)
        moments += [found.since_at + wait for found in stuck if found.since_at is not None]
    return min(moments, default=None)


def _candidate(
    subject: DecisionInput, selection: Selection, lock: LockClass, rule: Rule, failure: Failure | None
) -> Candidate | Hold:
    action = _configured_action(rule, lock)
    if action is None:
        return Hold(HoldReason.NO_ACTION_CONFIGURED, f"rule {rule.name} states no {_WORDS[lock]}")
    if action == ActionType.NONE:
        return Hold(HoldReason.ACTION_IS_NONE, f"rule {rule.name} says to do nothing")
    return Candidate(
        input=subject,
        lock=lock,
        selection=selection,
        rule=rule,
        action=action,
        failure=failure,
        counts_toward_limit=_counts_toward_limit(rule, failure),
        attempt=_attempt(subject, action),
    )


def _attempt(subject: DecisionInput, action: ActionType) -> int:
    """Acts that make no other run are numbered after the run that they are about."""
    if action not in CHAIN_ACTIONS:
        return subject.run.attempt + 1
    return next_attempt(subject.run, actions_on_chain(subject.run, subject.history.actions))


_WORDS: Final = {LockClass.MUTATE: "action", LockClass.NOTIFY: "notify"}


def _configured_action(rule: Rule, lock: LockClass) -> ActionType | None:
    if lock == LockClass.NOTIFY:
        return ActionType.NOTIFY if rule.notify is not None else None
    return rule.action.type if rule.action is not None else None


def _counts_toward_limit(rule: Rule, failure: Failure | None) -> bool:
    if rule.counts_toward_limit is not None:
        return rule.counts_toward_limit
    return failure is None or failure.owner != Owner.INFRASTRUCTURE


def _answered(own: PastAction | None) -> Hold | None:
    if own is not None and own.is_final:
        return Hold(HoldReason.ALREADY_REMEDIATED, f"Remediation {own.name} was for this run")
    return None


def _held(
    subject: DecisionInput,
    lock: LockClass,
    hold: Hold,
    selection: Selection | None = None,
    case: Candidate | None = None,
) -> Decision:
    return Decision(
        lock=lock,
        reason=hold.reason,
        message=hold.message,
        run=subject.run,
        policy=selection.policy if selection else None,
        rule=case.rule if case else None,
        failure=case.failure if case else None,
        attempt=case.attempt if case else 1,
        counts_toward_limit=case.counts_toward_limit if case else True,
        recheck_at=hold.recheck_at,
    )


def _due(case: Candidate) -> Decision:
    failure = case.failure
    answered = _described(failure) if failure else FailureClass.TIMEOUT
    return Decision(
        lock=case.lock,
        reason=failure.failure_class if failure else FailureClass.TIMEOUT,
        message=f"rule {case.rule.name}: {case.action} after {answered}",
        run=case.input.run,
        action=case.action,
        policy=case.policy,
        rule=case.rule,
        failure=failure,
        attempt=case.attempt,
        counts_toward_limit=case.counts_toward_limit,
    )


def _described(failure: Failure | None) -> str:
    """A failure in a few words: what, and where."""
    if failure is None:
        return "the run, which has no failure"
    return f"{failure.failure_class} at {failure.display_name}" if failure.display_name else failure.failure_class
