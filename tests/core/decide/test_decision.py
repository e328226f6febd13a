"""The two decisions about a run, from its report and a user's policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.builders import at
from tests.core.decide.builders import (
    END,
    LATER,
    RESUBMIT,
    SINKS,
    a_condition,
    a_failure,
    a_policy,
    a_report,
    an_action,
    decided,
    live_state_of,
    with_outcome,
)

from wfreport.api.action_types import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import ExecutionState, History, OperatorLimits
from wfreport.core.snapshot.names import remediation_name

PENDING = a_condition("EvidenceComplete", "False", "PodNotCaptured")


def test_a_failed_run_gets_the_action_of_its_rule() -> None:
    made = decided()
    assert made.action == ActionType.RESUBMIT
    assert made.reason == "OOMKilled"
    assert made.rule is not None
    assert made.rule.name == "again"
    assert made.attempt == 1
    assert made.counts_toward_limit
    assert made.message == "rule again: Resubmit after OOMKilled at transform"
    assert made.recheck_at is None


def test_a_report_without_a_run_has_no_decision() -> None:
    report = a_report()
    empty = report.model_copy(update={"status": None})
    assert decide(empty, live_state_of(report), [a_policy()], History(), OperatorLimits(), LATER) is None
    blind = a_report(observedWorkflow=None)
    assert decide(blind, live_state_of(report), [a_policy()], History(), OperatorLimits(), LATER) is None


def test_only_the_first_matching_rule_applies() -> None:
    rules = [
        {"name": "poison", "match": {"exitCodes": {"operator": "In", "values": [137]}}, "action": {"none": {}}},
        RESUBMIT,
    ]
    made = decided(None, a_policy(*rules))
    assert (made.action, made.reason) == (None, HoldReason.ACTION_IS_NONE)


@pytest.mark.parametrize(
    ("report", "policy", "reason"),
    [
        (a_report(labels={}), a_policy(), HoldReason.NO_POLICY),
        (a_report(phase="Succeeded"), a_policy(), HoldReason.RUN_SUCCEEDED),
        (a_report(phase="Running"), a_policy(), HoldReason.RUN_ACTIVE),
        (
            a_report(),
            a_policy({"name": "no", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}}),
            HoldReason.NO_RULE_MATCHES,
        ),
        (a_report(failures=None), a_policy(), HoldReason.NO_RULE_MATCHES),
        (a_report(), a_policy({"name": "tell", "match": {}, "notify": SINKS}), HoldReason.NO_ACTION_CONFIGURED),
        (a_report(), a_policy(suspended=True), HoldReason.POLICY_SUSPENDED),
    ],
    ids=["no policy", "succeeded", "active", "no rule", "no failure", "nothing stated", "suspended"],
)
def test_a_hold_has_its_reason(report: Any, policy: Any, reason: HoldReason) -> None:
    made = decided(report, policy)
    assert (made.action, made.reason) == (None, reason)


@pytest.mark.parametrize(
    "live",
    [{"uid": "another"}, {"resource_version": "8"}, {"resource_version": None}, {"started_at": at(1)}],
    ids=str,
)
def test_a_stale_observation_is_held(live: dict[str, Any]) -> None:
    assert decided(live=live).reason == HoldReason.STALE_OBSERVATION


def test_a_run_without_a_uid_has_no_decision() -> None:
    report = a_report(observed={"uid": None})
    assert latest_run(report) is None


def test_missing_evidence_holds_for_30_seconds() -> None:
    report = a_report(conditions=[PENDING])
    early = decided(report, now=END + timedelta(seconds=29))
    assert (early.reason, early.recheck_at) == (HoldReason.EVIDENCE_PENDING, END + timedelta(seconds=30))
    assert decided(report, a_policy(backoff={"initialSeconds": 0}), now=END + timedelta(seconds=30)).action


def test_nodes_that_are_being_fetched_hold_too() -> None:
    report = a_report(conditions=[a_condition("NodesAvailable", "False", "NodesBeingFetched")])
    assert decided(report, now=END + timedelta(seconds=1)).reason == HoldReason.EVIDENCE_PENDING


def test_complete_evidence_does_not_hold() -> None:
    assert decided(None, a_policy(backoff={"initialSeconds": 0}), now=END).action == ActionType.RESUBMIT


def own(lock: LockClass = LockClass.MUTATE, **fields: Any) -> Any:
    run = latest_run(a_report())
    assert run is not None
    name = remediation_name(run.name, run.uid, run.started_at, lock)
    return an_action(name, workflow_uid=run.uid, root_uid=run.uid, lock=lock, **fields)


def test_a_run_is_remediated_once() -> None:
    made = decided(actions=(own(),))
    assert made.reason == HoldReason.ALREADY_REMEDIATED
    assert own().name in made.message


@pytest.mark.parametrize(
    "state",
    [
        {"execution": ExecutionState.NOT_DONE},
        {"execution": ExecutionState.LOST},
        {"execution": "Pending", "is_approved": False},
    ],
    ids=str,
)
def test_a_refused_denied_or_lost_action_is_not_repeated(state: dict[str, Any]) -> None:
    assert decided(actions=(own(**state),)).reason == HoldReason.ALREADY_REMEDIATED


def test_a_pending_intent_does_not_influence_its_own_decision() -> None:
    pending = own(execution=ExecutionState.PENDING, executed_at=None)
    alone = a_policy(budget={"maxConcurrent": 1}, limits={"maxAttempts": 1})
    again = decided(None, alone, actions=(pending,))
    assert (again.action, again.attempt) == (ActionType.RESUBMIT, 1)
    assert again == decided(None, alone)


def test_a_notification_does_not_lock_the_run() -> None:
    both = a_policy(RESUBMIT | {"notify": SINKS})
    assert decided(None, both, actions=(own(LockClass.NOTIFY, type=ActionType.NOTIFY),)).action == ActionType.RESUBMIT
    notification = decided(None, both, lock=LockClass.NOTIFY)
    assert (notification.action, notification.lock) == (ActionType.NOTIFY, LockClass.NOTIFY)
    assert decided(None, both, actions=(own(LockClass.NOTIFY),), lock=LockClass.NOTIFY).action is None


def test_the_notification_does_not_wait_for_the_actions_backoff() -> None:
    both = a_policy(RESUBMIT | {"notify": SINKS, "delaySeconds": 600})
    assert decided(None, both, now=END).reason == HoldReason.COOLING_DOWN
    assert decided(None, both, now=END, lock=LockClass.NOTIFY).action == ActionType.NOTIFY


def test_a_rule_without_notify_sends_no_notification() -> None:
    assert decided(lock=LockClass.NOTIFY).reason == HoldReason.NO_ACTION_CONFIGURED


def test_infrastructure_failures_count_separately_unless_the_rule_overrides_it() -> None:
    lost = a_report("etl", "u", a_failure(**{"class": "NodeLost"}, owner="Infrastructure"))
    assert not decided(lost).counts_toward_limit
    assert decided(lost, a_policy(RESUBMIT | {"countsTowardLimit": True})).counts_toward_limit
    assert not decided(None, a_policy(RESUBMIT | {"countsTowardLimit": False})).counts_toward_limit


STOP = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 3600, "pendingAfterSeconds": 600}}}


def waiting(reason: str, since: float | None) -> list[dict[str, Any]]:
    return [{"reason": reason, "displayName": "a", "sinceAt": None if since is None else at(since)}]


@pytest.mark.parametrize(
    ("status", "due"),
    [
        ({}, 3600),
        ({"waiting": waiting("Unschedulable", 100)}, 700),
        ({"waiting": waiting("Unschedulable", 3100)}, 3600),
        ({"waiting": waiting("Unschedulable", None)}, 3600),
        ({"waiting": waiting("Suspended", 100)}, 3600),
        ({"waiting": waiting("WorkflowSuspended", 100)}, 3600),
        ({"waiting": waiting("Stopping", 100)}, 3600),
        ({"waiting": waiting("Backoff", 100)}, 3600),
    ],
    ids=str,
)
def test_a_run_that_runs_or_waits_for_too_long_is_stopped(status: dict[str, Any], due: float) -> None:
    report = a_report(phase="Running", **status)
    before = decided(report, a_policy(STOP), now=at(due - 1))
    assert (before.reason, before.recheck_at) == (HoldReason.STOP_NOT_DUE, at(due))
    assert before.message == "rule stuck does not stop it yet"
    made = decided(report, a_policy(STOP), now=at(due))
    assert (made.action, made.reason, made.failure) == (ActionType.STOP, "Timeout", None)
    assert made.message == "rule stuck: Stop after Timeout"


def test_a_run_may_be_stopped_by_its_age_alone() -> None:
    old = {"name": "old", "match": {}, "action": {"stop": {"afterSeconds": 3600}}}
    report = a_report(phase="Running", waiting=waiting("Unschedulable", 0))
    assert decided(report, a_policy(old), now=at(3599)).recheck_at == at(3600)


def test_a_run_without_times_is_not_stopped() -> None:
    report = a_report(phase="Running", observed={"startedAt": None})
    made = decided(report, a_policy(STOP), now=at(10**6))
    assert (made.reason, made.recheck_at) == (HoldReason.STOP_NOT_DUE, None)


def test_runs_to_stop_are_matched_by_labels_only() -> None:
    labelled = STOP | {"match": {"labels": {"matchLabels": {"tier": "1"}}}}
    report = a_report(phase="Running")
    active = decided(report, a_policy(labelled), now=at(9999))
    assert (active.reason, active.message) == (HoldReason.RUN_ACTIVE, "the run has not ended")
    tiered = a_report(phase="Running", labels={"team": "data", "tier": "1"})
    assert decided(tiered, a_policy(labelled), now=at(9999)).action == ActionType.STOP


def test_a_stop_rule_does_not_match_failed_runs() -> None:
    assert decided(None, a_policy(STOP, RESUBMIT)).action == ActionType.RESUBMIT


def test_the_next_attempt_is_counted_from_the_chain() -> None:
    chain = with_outcome("r0", helped=False, root_uid=latest_run(a_report()).root_uid, attempt=1)  # type: ignore[union-attr]
    assert decided(actions=(chain,)).attempt == 2


NO_RULE = {"name": "no", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}}
TELL = {"name": "tell", "match": {}, "notify": SINKS}
LEAVE = {"name": "leave", "match": {}, "action": {"none": {}}}


@pytest.mark.parametrize(
    ("report", "policy", "live", "message"),
    [
        (a_report(labels={}), a_policy(), {}, "no policy selects the Workflow"),
        (a_report(), a_policy(), {"uid": "x"}, "the Workflow has changed since it was reported"),
        (a_report(phase="Succeeded"), a_policy(), {}, "the run succeeded"),
        (a_report(), a_policy(NO_RULE), {}, "no rule of policy batch matches OOMKilled at transform"),
        (a_report(failures=None), a_policy(), {}, "no rule of policy batch matches the run, which has no failure"),
        (
            a_report("etl", "u", a_failure(displayName=None)),
            a_policy(NO_RULE),
            {},
            "no rule of policy batch matches OOMKilled",
        ),
        (a_report(), a_policy(TELL), {}, "rule tell has no action"),
        (a_report(), a_policy(LEAVE), {}, "the action of rule leave is none"),
        (a_report(), a_policy(suspended=True), {}, "policy batch is suspended"),
        (
            a_report(),
            a_policy(),
            {"is_opted_out": True},
            "the Workflow or its Namespace has the annotation wfreport.dev/no-remediation",
        ),
        (a_report(end=None), a_policy(), {}, "the end of the run is unknown"),
        (a_report(), a_policy(enforced_since=LATER), {}, "the run ended before the policy was enforced"),
        (a_report(), a_policy(), {"is_deleting": True}, "the Workflow is being deleted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hold_has_a_message(report: Any, policy: Any, live: dict[str, Any], message: str) -> None:
    assert decided(report, policy, live=live).message == message


def test_a_missing_notify_has_a_message_too() -> None:
    assert decided(lock=LockClass.NOTIFY).message == "rule again has no notify"


def test_missing_evidence_is_named_in_the_message() -> None:
    early = decided(a_report(conditions=[PENDING]), now=END)
    assert early.message == "EvidenceComplete: why"
    silent = decided(a_report(conditions=[PENDING | {"message": ""}]), now=END)
    assert silent.message == "EvidenceComplete: PodNotCaptured"


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_missing_nodes_hold_no_longer_than_other_evidence(status: str) -> None:
    lost = [a_condition("EvidenceComplete", status, "NodesOffloaded"), a_condition("NodesAvailable", "False", "R")]
    report = a_report(conditions=lost)
    assert decided(report, now=END + timedelta(seconds=29)).reason == HoldReason.EVIDENCE_PENDING
    at_once = a_policy(backoff={"initialSeconds": 0})
    assert decided(report, at_once, now=END + timedelta(seconds=30)).action == ActionType.RESUBMIT


def test_a_hold_by_a_guard_has_the_rule_and_the_failure() -> None:
    lost = a_report("etl", "u", a_failure(**{"class": "NodeLost"}, owner="Infrastructure"))
    root = with_outcome("r0", helped=False, root_uid="u", attempt=1)
    held = decided(lost, a_policy(suspended=True), actions=(root,))
    assert held.rule is not None
    assert (held.rule.name, held.attempt, held.counts_toward_limit) == ("again", 2, False)
    assert held.failure is not None
    assert held.failure.failure_class == "NodeLost"
    early = decided(a_report(labels={}))
    assert (early.rule, early.failure, early.attempt, early.counts_toward_limit) == (None, None, 1, True)


def test_a_decision_to_act_has_its_failure() -> None:
    failure = decided().failure
    assert failure is not None
    assert failure.display_name == "transform"


def test_an_action_without_a_new_run_is_numbered_after_its_own_run() -> None:
    uid = "3f9c1b8e-02d4-4c5e-9a57-6f0c2f1d7a11"
    labels = {"team": "data", "wfreport.dev/root": "etl", "wfreport.dev/root-uid": uid, "wfreport.dev/attempt": "2"}
    labels |= {"wfreport.dev/remediation-uid": "r"}
    report = a_report("etl-3f9c1b8e02-r2", "u2", labels=labels, workflowSource={"cronWorkflow": "nightly"})
    suspend = {"name": "s", "match": {}, "action": {"suspendCron": {}}}
    assert decided(report, a_policy(suspend)).attempt == 3
    assert decided(report, a_policy(TELL), lock=LockClass.NOTIFY).attempt == 3
