"""How runs that hang are answered: when, by which rule, by which action, and in which steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.builders import at
from tests.core.decide.builders import SINKS, a_failure, a_policy, a_report, a_run, an_action, decided

from wfreport.api.action_types import ActionType
from wfreport.api.reasons import HoldReason, StallReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.answers import ANSWERABLE, NO_HELP
from wfreport.core.decide.decision import locks_of, own_action
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import ExecutionState, History, PastAction
from wfreport.core.snapshot.names import remediation_name

SINCE = at(300)
DUE = SINCE + timedelta(seconds=600)
STALL, MUTATE = LockClass.NOTIFY_STALL, LockClass.MUTATE


def a_stall_rule(name: str = "hung", *reasons: str, **fields: Any) -> dict[str, Any]:
    """Return a rule for runs that hang; by default it resubmits, ten minutes after they began to."""
    stalled: dict[str, Any] = {"forSeconds": 600} | ({"reasons": list(reasons)} if reasons else {})
    labels = fields.pop("labels", None)
    match = {"stalled": stalled} | ({"labels": {"matchLabels": labels}} if labels else {})
    return {"name": name, "match": match} | (fields or {"action": {"resubmit": {}}})


def hung(
    reason: str = "PodGone",
    since: datetime | None = SINCE,
    phase: str = "Running",
    message: str | None = "the pod of step a is gone",
    **fields: Any,
) -> WorkflowReport:
    stalled = {"reason": reason, "sinceAt": since, "message": message, "advice": "stop it"}
    return a_report(phase=phase, stalled=stalled, **fields)


NOTIFIES = a_stall_rule(notify=SINKS)
STOPS = a_stall_rule(action={"stop": {}})
LIMIT = {"name": "limit", "match": {}, "action": {"stop": {"afterSeconds": 3600}}}


@pytest.mark.parametrize(
    ("rule", "lock", "action"),
    [
        (a_stall_rule(), MUTATE, ActionType.RESUBMIT),
        (STOPS, MUTATE, ActionType.STOP),
        (NOTIFIES, STALL, ActionType.NOTIFY),
        (a_stall_rule("hung", "AgentGone", "PodGone"), MUTATE, ActionType.RESUBMIT),
        (a_stall_rule(labels={"team": "data"}), MUTATE, ActionType.RESUBMIT),
    ],
)
def test_a_run_that_hangs_for_long_enough_is_answered(rule: Any, lock: LockClass, action: ActionType) -> None:
    early = decided(hung(), a_policy(rule), now=DUE - timedelta(seconds=1), lock=lock)
    assert (early.reason, early.recheck_at) == (HoldReason.STALL_NOT_DUE, DUE)
    assert early.message == "rule hung does not answer PodGone yet"
    due = decided(hung(), a_policy(rule), now=DUE, lock=lock)
    assert (due.action, due.reason, due.stall, due.attempt) == (action, "PodGone", "PodGone", 1)
    assert due.message == f"rule hung: {action} after the run hangs (PodGone)"


@pytest.mark.parametrize(
    ("report", "rule"),
    [
        (a_report(phase="Running"), a_stall_rule()),
        (hung("AgentGone"), a_stall_rule("hung", "PodGone")),
        (hung(), a_stall_rule(labels={"team": "other"})),
        (hung(), a_stall_rule(notify=SINKS)),
    ],
)
def test_another_run_is_left_alone(report: WorkflowReport, rule: Any) -> None:
    assert decided(report, a_policy(rule), now=DUE).reason == HoldReason.RUN_ACTIVE


def test_a_run_that_hangs_otherwise_is_not_notified() -> None:
    held = decided(hung("AgentGone"), a_policy(a_stall_rule("x", "PodGone")), lock=STALL)
    assert held.reason == HoldReason.RUN_ACTIVE
    assert held.message == "no rule is about a run that hangs like this one, if it does"


def test_a_run_is_not_answered_if_nobody_knows_since_when_it_hangs() -> None:
    held = decided(hung(since=None), a_policy(a_stall_rule()), now=DUE)
    assert (held.reason, held.recheck_at) == (HoldReason.STALL_NOT_DUE, None)


def test_a_failure_is_not_matched_by_a_rule_for_runs_that_hang() -> None:
    assert decided(a_report(), a_policy(STOPS)).reason == HoldReason.NO_RULE_MATCHES


@pytest.mark.parametrize("reason", sorted(StallReason))
@pytest.mark.parametrize("action", ["stop", "resubmit"])
def test_an_action_is_taken_only_where_it_can_help_and_a_notification_is_sent_always(reason: str, action: str) -> None:
    rule = a_stall_rule(action={action: {}}, notify=SINKS)
    decision = decided(hung(reason), a_policy(rule), now=DUE)
    notification = decided(hung(reason), a_policy(rule), now=DUE, lock=STALL)
    if reason == StallReason.CONTROLLER_SILENT:
        assert {decision.reason, notification.reason} == {HoldReason.CONTROLLER_SILENT}
        return
    assert notification.action == ActionType.NOTIFY
    if reason in ANSWERABLE:
        assert decision.action is not None
    else:
        assert decision.reason == HoldReason.CANNOT_HELP
        named = {"stop": "Stop", "resubmit": "Resubmit"}[action]
        assert decision.message == f"{named} does not help a run that hangs with {reason}: {NO_HELP[reason]}"


def test_no_action_is_taken_for_a_reason_of_a_newer_operator() -> None:
    held = decided(hung("SomethingNew"), a_policy(STOPS), now=DUE)
    assert held.reason == HoldReason.CANNOT_HELP
    assert held.message == "Stop does not help a run that hangs with SomethingNew: no action is known that does"


def test_a_silent_controller_holds_every_policy() -> None:
    report = hung("ControllerSilent")
    for lock in locks_of(report):
        held = decided(report, a_policy(LIMIT), now=at(7200), lock=lock)
        assert (held.reason, held.message) == (HoldReason.CONTROLLER_SILENT, "the pod of step a is gone")
    silent = hung("ControllerSilent", message=None)
    assert decided(silent, a_policy(LIMIT), now=at(7200)).message.startswith("Argo's controller")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_run_that_has_ended_can_hang_too_and_is_only_notified(phase: str) -> None:
    report = hung("ArtifactGCFailed", phase=phase, observed={"shutdown": "Stop"})
    rule = a_stall_rule(notify=SINKS)
    assert decided(report, a_policy(rule), now=DUE, lock=STALL).action == ActionType.NOTIFY
    assert decided(report, a_policy(rule), now=DUE).action is None


def test_that_a_run_hangs_is_a_decision_of_its_own() -> None:
    assert locks_of(a_report()) == [MUTATE, LockClass.NOTIFY]
    assert locks_of(hung()) == list(LockClass)
    assert locks_of(a_report().model_copy(update={"status": None})) == [MUTATE, LockClass.NOTIFY]
    own = an_action(name=remediation_name("etl", latest(hung()).uid, latest(hung()).started_at, STALL), lock=STALL)
    assert decided(hung(), a_policy(NOTIFIES), actions=(own,), lock=STALL, now=DUE).reason == "AlreadyRemediated"
    failed = a_policy({"name": "tell", "match": {}, "notify": SINKS})
    assert decided(a_report(), failed, actions=(own,), lock=LockClass.NOTIFY).action == ActionType.NOTIFY


# Beside time limits


@pytest.mark.parametrize("rules", [(a_stall_rule(), LIMIT), (LIMIT, a_stall_rule())])
def test_of_an_answer_and_a_time_limit_the_one_that_is_due_applies(rules: tuple[Any, Any]) -> None:
    first = decided(hung(), a_policy(*rules), now=at(0))
    assert (first.reason, first.recheck_at) == (HoldReason.STALL_NOT_DUE, DUE)
    assert decided(hung(), a_policy(*rules), now=DUE).action == ActionType.RESUBMIT
    assert decided(hung(since=at(3500)), a_policy(*rules), now=at(3600)).action == ActionType.STOP
    waits = decided(hung(since=at(3500)), a_policy(*rules), now=at(3599))
    assert waits.recheck_at == at(3600)


def test_if_both_are_due_the_first_rule_applies() -> None:
    report, now = hung(), at(7200)
    assert decided(report, a_policy(a_stall_rule(), LIMIT), now=now).action == ActionType.RESUBMIT
    assert decided(report, a_policy(LIMIT, a_stall_rule()), now=now).action == ActionType.STOP


def test_an_answer_without_effect_leaves_the_run_to_its_time_limit() -> None:
    report, now = hung("LockLeaked"), at(7200)
    assert decided(report, a_policy(a_stall_rule(), LIMIT), now=now).action == ActionType.STOP
    assert decided(hung(), a_policy(NOTIFIES, LIMIT), now=now).action == ActionType.STOP


def test_the_action_none_excludes_a_run_that_hangs_from_later_time_limits() -> None:
    none = a_stall_rule(action={"none": {}})
    assert decided(hung(), a_policy(none, LIMIT), now=at(7200)).reason == HoldReason.ACTION_IS_NONE
    assert decided(hung(), a_policy(none, LIMIT), now=DUE).reason == HoldReason.ACTION_IS_NONE
    assert decided(hung(), a_policy(LIMIT, none), now=at(7200)).action == ActionType.STOP


# The second step


def latest(report: WorkflowReport) -> Any:
    run = latest_run(report)
    assert run is not None
    return run


def stopping(**fields: Any) -> PastAction:
    """Return the action that has stopped the run, in order to resubmit it."""
    run = latest(hung())
    defaults: dict[str, Any] = {
        "name": remediation_name(run.name, run.uid, run.started_at, MUTATE),
        "workflow_uid": run.uid,
        "root_uid": run.root_uid,
        "rule": "hung",
        "reason": "PodGone",
        "stopped_at": DUE,
        "executed_at": None,
        "execution": ExecutionState.PENDING,
    }
    return an_action(**(defaults | fields))


STOPPED = {"shutdown": "Stop"}
ENDED = a_report(
    "etl", latest(hung()).uid, a_failure(**{"class": "Cancelled", "exitCode": None}), end=DUE, observed=STOPPED
)


def test_a_run_that_was_stopped_is_resubmitted_once_it_has_ended() -> None:
    policy, own = a_policy(a_stall_rule()), stopping()
    running = hung(observed=STOPPED)
    waits = decided(running, policy, now=DUE, actions=(own,))
    assert (waits.reason, waits.recheck_at) == (HoldReason.RUN_STOPPING, DUE + timedelta(hours=6))
    assert waits.message == "the run has been stopped; it is resubmitted once it has ended"
    done = decided(ENDED, policy, now=DUE + timedelta(seconds=5), actions=(own,))
    assert (done.action, done.reason, done.stall, done.attempt) == (ActionType.RESUBMIT, "PodGone", "PodGone", 1)


def test_it_is_resubmitted_even_if_it_no_longer_hangs_while_it_stops() -> None:
    running = a_report(phase="Running", observed=STOPPED)
    waits = decided(running, a_policy(a_stall_rule()), now=DUE, actions=(stopping(),))
    assert waits.reason == HoldReason.RUN_STOPPING


def test_a_stop_without_effect_is_given_up() -> None:
    policy = a_policy(a_stall_rule(), limits={"maxAgeSeconds": 600})
    held = decided(hung(observed=STOPPED), policy, now=DUE + timedelta(seconds=600), actions=(stopping(),))
    assert (held.reason, "600 seconds" in held.message) == (HoldReason.STOP_INEFFECTIVE, True)


@pytest.mark.parametrize(
    "policy",
    [
        a_policy(a_stall_rule("renamed")),
        a_policy(a_stall_rule(), name="other"),
        a_policy({"name": "hung", "match": {}, "action": {"resubmit": {}}}),
    ],
)
def test_a_policy_that_has_changed_does_not_resubmit_it(policy: Any) -> None:
    held = decided(ENDED, policy, now=DUE, actions=(stopping(),))
    assert held.reason == HoldReason.NO_RULE_MATCHES
    assert "no longer resubmits it" in held.message


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (a_report(phase="Succeeded", end=DUE, observed=STOPPED), HoldReason.RUN_SUCCEEDED),
        (a_report(end=DUE, observed={"shutdown": "Terminate"}), HoldReason.CANCELLED_BY_PERSON),
    ],
)
def test_a_run_that_ended_otherwise_is_not_resubmitted(report: Any, reason: HoldReason) -> None:
    assert decided(report, a_policy(a_stall_rule()), now=DUE, actions=(stopping(),)).reason == reason


def test_guards_hold_the_second_step_as_they_hold_the_first() -> None:
    policy, own = a_policy(a_stall_rule()), stopping()
    gone = decided(ENDED, policy, now=DUE, actions=(own,), live={"is_deleting": True})
    assert gone.reason == HoldReason.BEING_DELETED
    again = a_run("etl-again", resubmitted_from="etl", started_at=DUE)
    assert decided(ENDED, policy, now=DUE, actions=(own,), runs=(again,)).reason == HoldReason.NEWER_RESUBMISSION
    exhausted = decided(hung(), a_policy(a_stall_rule(), limits={"maxAttempts": 0}), now=DUE)
    assert (exhausted.reason, exhausted.stall) == ("AttemptsExhausted", "PodGone")


def test_a_finished_action_is_not_repeated() -> None:
    own = stopping(execution=ExecutionState.DONE)
    assert own_action(latest(ENDED), History((), (own,)), MUTATE) is own
    assert not own.is_stopping
    assert decided(ENDED, a_policy(a_stall_rule()), now=DUE, actions=(own,)).action is None
