"""What is written of decisions and acts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wfreport.api.actions import ActionType
from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.policy import PolicySpec, PolicyStatus, RemediationPolicy
from wfreport.api.reasons import HoldReason, PolicyReason, RemediationConditionType, RemediationReason
from wfreport.api.remediation import LockClass, Remediation, RemediationStatus
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.breaker import Breaker, BreakerState
from wfreport.core.decide.case import Hold
from wfreport.core.decide.course import Course, Step
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.freshness import INTENT_FRESH, is_fresh_intent
from wfreport.core.record.holds import hold_of
from wfreport.core.record.intent import Basis, intended_remediation
from wfreport.core.record.notification import MAX_BODY, failure_notification, outcome_notification
from wfreport.core.record.policy_status import Judgement, policy_counts, policy_status, verdict_of
from wfreport.core.record.progress import (
    Execution,
    is_denied,
    is_executed,
    is_settled,
    is_succeeding,
    status_denied,
    status_executed,
    status_intended,
    status_settled,
)
from wfreport.core.record.rights import COMPONENTS, RIGHTS, Right, actions_of, missing_rights_message, needed_rights

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ANY = {"selector": {"matchLabels": {"team": "data"}}}


def a_remediation(**spec: Any) -> Remediation:
    return Remediation.model_validate(
        {
            "metadata": {"name": "etl-1", "namespace": "data", "uid": "r-1", "generation": 1, "creationTimestamp": NOW},
            "spec": {
                "policyRef": {"name": "p", "uid": "p-1", "generation": 1},
                "reportRef": {"name": "etl-3f"},
                "target": {"name": "etl", "uid": "u-1"},
                "rootName": "etl",
                "rootUid": "u-1",
                "rule": "again",
                "action": "Resubmit",
                "lockClass": "mutate",
                "attempt": 1,
                "reason": "OOMKilled",
                **spec,
            },
        }
    )


def a_policy(*rules: dict[str, Any], mode: str = "Enforce", status: PolicyStatus | None = None, **spec: Any) -> Any:
    given = rules or ({"name": "again", "match": {}, "action": {"resubmit": {}}},)
    return RemediationPolicy(
        metadata=ObjectMetadata(name="p", namespace="data", uid="p-1", generation=2),
        spec=PolicySpec.model_validate({"mode": mode, **ANY, "rules": list(given), **spec}),
        status=status,
    )


def a_report(**status: Any) -> WorkflowReport:
    return WorkflowReport.model_validate(
        {
            "metadata": {"name": "etl-3f", "namespace": "data"},
            "spec": {"workflowRef": {"name": "etl"}},
            "status": status or None,
        }
    )


def told(status: RemediationStatus | PolicyStatus) -> dict[str, tuple[str, str]]:
    return {found.type: (found.status, found.reason) for found in status.conditions or ()}


def with_status(remediation: Remediation, status: RemediationStatus) -> Remediation:
    return remediation.model_copy(update={"status": status})


# a Remediation's progress


def test_a_remediation_goes_from_intent_by_act_to_outcome() -> None:
    asked = a_remediation()
    began = with_status(asked, status_intended(asked, NOW, needs_approval=False))
    assert told(began.status) == {  # type: ignore[arg-type]
        "Approved": ("True", "ApprovalNotRequired"),
        "Executed": ("Unknown", "ExecutionPending"),
    }
    assert not any(judge(began) for judge in (is_executed, is_settled, is_denied, is_succeeding))
    done = Execution("True", RemediationReason.EXECUTED, "created Workflow etl-r1")
    executed = with_status(began, status_executed(began, LATER, done))
    assert is_executed(executed)
    assert is_succeeding(executed)
    assert executed.status
    assert executed.status.executed_at == LATER
    settled = with_status(
        executed, status_settled(executed, "True", RemediationReason.RUN_SUCCEEDED, "it helped", LATER)
    )
    assert is_settled(settled)
    assert settled.status
    assert settled.status.executed_at == LATER
    assert [found.type for found in settled.status.conditions or ()] == ["Approved", "Executed", "Succeeded"]


def test_an_act_without_a_new_run_awaits_nothing_unless_it_says_so() -> None:
    tells = a_remediation(action="Notify", lockClass="notify")
    done = Execution("True", RemediationReason.EXECUTED, "told 1 of 1 sinks")
    assert told(status_executed(tells, NOW, done))["Succeeded"] == ("Unknown", "NoOutcome")
    awaiting = status_executed(tells, NOW, done, awaits_outcome=True)
    assert told(awaiting)["Succeeded"] == ("Unknown", "OutcomeAwaited")
    failed = Execution("False", RemediationReason.EXECUTION_FAILED, "no")
    assert told(status_executed(tells, NOW, failed, awaits_outcome=True))["Succeeded"] == ("Unknown", "NoOutcome")
    assert status_executed(tells, NOW, failed).executed_at is None


def test_what_others_say_of_it_is_kept_and_a_condition_that_stays_keeps_its_time() -> None:
    asked = a_remediation()
    seen = Condition(type="Seen", status="True", reason="ByAna", last_transition_time=NOW)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=NOW)
    asked = with_status(asked, RemediationStatus(conditions=[seen, approved], approved_by="ana"))
    changed = status_executed(asked, LATER, Execution("True", RemediationReason.EXECUTED, "done"))
    assert changed.approved_by == "ana"
    assert told(changed)["Seen"] == ("True", "ByAna")
    again = status_intended(with_status(asked, changed), LATER, needs_approval=False)
    assert next(c for c in again.conditions or () if c.type == "Approved").last_transition_time == NOW


def test_nobody_approved_in_time_is_a_denial() -> None:
    asked = a_remediation()
    waiting = with_status(asked, status_intended(asked, NOW, needs_approval=True))
    assert not is_denied(waiting)
    denied = with_status(waiting, status_denied(waiting, LATER))
    assert is_denied(denied)
    assert told(denied.status)["Approved"] == ("False", "ApprovalTimedOut")  # type: ignore[arg-type]


def test_a_hold_has_no_remediation() -> None:
    hold = Decision(LockClass.MUTATE, "RunTooOld", "too old", Run("data", "etl", "u-1"))
    with pytest.raises(ValueError, match="hold"):
        intended_remediation(hold, Basis(a_remediation().spec.report_ref, None), a_remediation().spec.plan)


@pytest.mark.parametrize(
    ("age", "ttl", "expected"),
    [
        (timedelta(minutes=14), None, True),
        (INTENT_FRESH, None, False),
        (timedelta(seconds=59), {"secondsAfterSuccess": 60}, True),
        (timedelta(seconds=61), {"secondsAfterSuccess": 60, "secondsAfterFailure": 9999}, False),
        (timedelta(minutes=14), {"secondsAfterCompletion": 9999}, True),
    ],
)
def test_an_intent_is_fresh_for_as_long_as_a_run_that_it_made_would_still_be_there(
    age: timedelta, ttl: dict[str, int] | None, expected: bool
) -> None:
    workflow = {"spec": {"ttlStrategy": ttl}}
    assert is_fresh_intent(a_remediation(), workflow, NOW + age) == expected
    by_template = {"spec": {}, "status": {"storedWorkflowTemplateSpec": {"ttlStrategy": ttl}}}
    assert is_fresh_intent(a_remediation(), by_template, NOW + age) == expected


def test_an_intent_that_a_person_approved_is_fresh_from_then_on() -> None:
    hour_later = NOW + timedelta(hours=1)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=hour_later)
    asked = with_status(a_remediation(), RemediationStatus(conditions=[approved]))
    assert is_fresh_intent(asked, {"spec": {}}, hour_later + timedelta(minutes=1))
    unneeded = approved.model_copy(update={"reason": RemediationReason.APPROVAL_NOT_REQUIRED})
    assert not is_fresh_intent(with_status(asked, RemediationStatus(conditions=[unneeded])), {"spec": {}}, hour_later)
    unborn = asked.model_copy(update={"metadata": ObjectMetadata(name="etl-1")})
    assert not is_fresh_intent(unborn, {"spec": {}}, NOW)


# rights

EVERYTHING = (
    {"name": "a", "match": {}, "labelPods": {}, "action": {"suspendCron": {}}},
    {"name": "b", "match": {}, "action": {"raiseMemory": {"max": "1Gi"}}},
    {"name": "c", "match": {}, "notify": {"sinks": [{"name": "s", "apprise": {"secretName": "x"}}]}},
    {"name": "d", "match": {}, "action": {"none": {}}},
)


def test_a_policy_needs_the_rights_of_what_it_may_do_and_none_while_it_only_tries() -> None:
    spec = a_policy(*EVERYTHING).spec
    assert actions_of(spec) == ["LabelPods", "SuspendCron", "RaiseMemory", "Notify", "None"]
    assert set(map(str, needed_rights(spec))) == {
        "get namespaces",
        "patch pods",
        "get cronworkflows.argoproj.io",
        "patch cronworkflows.argoproj.io",
        "create workflows.argoproj.io",
        "list limitranges",
        "list resourcequotas",
        "get secrets",
    }
    for mode in ("Observe", "DryRun"):
        assert needed_rights(a_policy(*EVERYTHING, mode=mode).spec) == []


def test_cloud_events_need_no_right_to_read_secrets() -> None:
    hook = {"sinks": [{"name": "s", "cloudEvents": {"url": "http://x"}}]}
    assert needed_rights(a_policy({"name": "c", "match": {}, "notify": hook}).spec) == [Right("get", "", "namespaces")]


def test_missing_rights_are_named_with_the_components_that_grant_them() -> None:
    spec = a_policy(*EVERYTHING).spec
    message = missing_rights_message(spec, [Right("patch", "", "pods"), Right("get", "", "secrets")])
    assert message == (
        "the operator may not patch pods, get secrets in this namespace: add "
        "manifests/components/remediate-label-pods, manifests/components/remediate-notify"
    )
    assert missing_rights_message(spec, [Right("get", "", "namespaces")]).endswith("in this namespace")


def test_every_action_has_its_rights_and_every_right_its_component() -> None:
    assert RIGHTS.keys() == set(ActionType)
    assert COMPONENTS.keys() == set(ActionType) - {ActionType.NONE}


# a policy's status


def status_of(policy: Any, judgement: Judgement = Judgement(), at: datetime = NOW) -> PolicyStatus:  # noqa: B008
    return policy_status(policy, judgement, policy_counts("p", (), ()), at)


OPEN = Breaker(BreakerState.OPEN, allows=False, reason=PolicyReason.TOO_MANY_FAILURES, message="20 of 40 failed")


@pytest.mark.parametrize(
    ("policy", "judgement", "ready", "allowed"),
    [
        (a_policy(), Judgement(), ("True", "PolicyValid"), ("True", "Allowed")),
        (a_policy(mode="DryRun"), Judgement(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(mode="Observe"), Judgement(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(), Judgement(problem="spec.x: y"), ("False", "PolicyInvalid"), ("False", "PolicyInvalid")),
        (a_policy(), Judgement(missing="create"), ("False", "RightsMissing"), ("False", "RightsMissing")),
        (a_policy(suspended=True), Judgement(), ("True", "PolicyValid"), ("False", "PolicySuspended")),
        (a_policy(pauseRequests=["upgrade"]), Judgement(), ("True", "PolicyValid"), ("False", "PolicyPaused")),
        (a_policy(), Judgement(breaker=OPEN), ("True", "PolicyValid"), ("False", "TooManyFailures")),
    ],
)
def test_a_policy_says_whether_it_is_valid_and_whether_it_may_act(
    policy: Any, judgement: Judgement, ready: tuple[str, str], allowed: tuple[str, str]
) -> None:
    conditions = told(status_of(policy, judgement))
    assert conditions["Ready"] == ready
    assert conditions["RemediationAllowed"] == allowed
    assert conditions["BreakerOpen"][0] == ("True" if judgement.breaker is OPEN else "False")


def test_since_when_it_acts_is_kept_and_begins_anew_after_it_only_tried() -> None:
    first = status_of(a_policy())
    assert first.enforced_since == NOW
    assert status_of(a_policy(status=first), at=LATER).enforced_since == NOW
    assert status_of(a_policy(status=first), at=LATER).dump() == first.dump()
    tried = status_of(a_policy(mode="DryRun", status=first), at=LATER)
    assert tried.enforced_since is None
    assert status_of(a_policy(status=tried), at=LATER).enforced_since == LATER
    assert status_of(a_policy(status=first), Judgement(problem="x")).enforced_since is None


def test_conflicts_are_said() -> None:
    assert told(status_of(a_policy(), Judgement(is_conflicted=True)))["Conflicted"] == ("True", "SamePriority")


def test_a_run_that_no_policy_is_for_counts_for_none() -> None:
    decision = Decision(LockClass.MUTATE, "NoPolicy", "none", Run("data", "etl", "u-1"))
    assert verdict_of(decision, Step(Course.HOLD)) is None


# what people are told

FAILURE = {
    "displayName": "transform",
    "role": "RootCause",
    "class": "OOMKilled",
    "owner": "User",
    "retryable": True,
    "confidence": "High",
    "exitCode": 137,
    "message": "main: OOMKilled (exit code 137)",
    "logTail": {"text": "\n".join(f"line {n}" for n in range(30)), "lines": 30, "bytes": 300},
}
FAILED = {
    "summary": "transform: main OOMKilled at 4Gi",
    "observedWorkflow": {"phase": "Failed", "finishedAt": NOW},
    "failures": [FAILURE],
    "links": {"ui": "https://argo.example.com/workflows/data/etl"},
}


def test_a_notification_has_the_summary_the_cause_the_end_of_the_log_a_link_and_what_is_done() -> None:
    message = failure_notification(a_report(**FAILED), a_remediation(), a_remediation(action="RaiseMemory"))
    assert message.title == "data/etl failed: OOMKilled"
    for part in (
        "transform: main OOMKilled at 4Gi",
        "Root cause: transform: OOMKilled, exit code 137: main: OOMKilled (exit code 137)",
        "Remedy: RaiseMemory (etl-1)",
        "Run: https://argo.example.com/workflows/data/etl",
        "line 29",
    ):
        assert part in message.body
    assert "line 3\n" not in message.body
    assert len(message.body) <= MAX_BODY
    assert (message.id, message.at, message.is_good) == ("r-1-failed", NOW, False)
    assert message.facts["action"] == "RaiseMemory"
    assert message.facts["exitCode"] == 137


def test_a_report_that_says_little_makes_a_notification_all_the_same() -> None:
    message = failure_notification(a_report(), a_remediation(), None)
    assert message.at == NOW
    assert message.title == "data/etl failed: OOMKilled"
    bare = {key: FAILURE[key] for key in ("role", "class", "owner", "retryable", "confidence")}
    without = failure_notification(a_report(failures=[bare]), a_remediation(), None)
    assert "Root cause: the Workflow: OOMKilled" in without.body


@pytest.mark.parametrize(
    ("status", "reason", "title"),
    [
        ("True", RemediationReason.RUN_SUCCEEDED, "data/etl: Resubmit helped"),
        ("False", RemediationReason.RUN_FAILED, "data/etl: Resubmit did not help"),
    ],
)
def test_a_follow_up_says_how_it_ended(status: Any, reason: RemediationReason, title: str) -> None:
    remedy = a_remediation()
    remedy = with_status(remedy, status_executed(remedy, NOW, Execution("True", RemediationReason.EXECUTED, "created")))
    remedy = with_status(remedy, status_settled(remedy, status, reason, "so it ended", LATER))
    message = outcome_notification(a_report(**FAILED), a_remediation(), remedy)
    assert message.title == title
    assert message.body.startswith("so it ended")
    assert (message.id, message.at, message.is_good) == ("r-1-ended", LATER, status == "True")
    assert message.facts["outcome"] == reason


def test_a_follow_up_of_an_act_that_was_not_possible_says_why() -> None:
    remedy = a_remediation()
    refused = Execution("False", RemediationReason.NOT_POSSIBLE, "MemoryAtMaximum: 16Gi already")
    remedy = with_status(remedy, status_executed(remedy, NOW, refused))
    message = outcome_notification(a_report(), a_remediation(), remedy)
    assert message.body == "MemoryAtMaximum: 16Gi already"
    assert message.facts["outcome"] == "NotPossible"
    assert outcome_notification(a_report(), a_remediation(), a_remediation()).body == ""


def test_a_remediation_that_was_never_created_tells_nobody() -> None:
    unborn = a_remediation().model_copy(update={"metadata": ObjectMetadata(name="etl-1")})
    with pytest.raises(ValueError, match="never created"):
        failure_notification(a_report(), unborn, None)
    approved = Condition(type=RemediationConditionType.APPROVED, status="True", reason="x", last_transition_time=NOW)
    known = with_status(unborn, RemediationStatus(conditions=[approved]))
    assert failure_notification(a_report(), known, None).at == NOW


# why nothing is done


def held(reason: str, *, step: Step | None = None, phase: str = "Failed", **decided: Any) -> Any:
    run = Run("data", "etl", "u-1", phase=phase)
    decision = Decision(LockClass.MUTATE, reason, "why", run, policy=a_policy(), look_again_at=LATER, **decided)
    return hold_of(decision, step or Step(Course.HOLD))


def test_a_report_says_why_nothing_is_done_and_when_it_is_looked_at_again() -> None:
    found = held(HoldReason.COOLING_DOWN, rule=a_policy().spec.rules[0])
    assert (found.policy_name, found.rule, found.reason, found.message) == ("p", "again", "CoolingDown", "why")
    assert found.look_again_at == LATER
    assert held(HoldReason.NO_RULE_MATCHES).rule is None


def test_when_a_budget_is_looked_at_again_is_not_written_since_that_changes_all_the_time() -> None:
    assert held(HoldReason.BUDGET_SPENT).look_again_at is None


def test_a_run_that_waits_for_a_person_says_so_until_when() -> None:
    step = Step(Course.AWAIT, Hold(HoldReason.APPROVAL_MISSING, "a person has to approve it", LATER), LATER)
    found = held("OOMKilled", step=step, action=ActionType.RESUBMIT, rule=a_policy().spec.rules[0])
    assert (found.reason, found.look_again_at, found.rule) == ("ApprovalMissing", LATER, "again")
    assert held("OOMKilled", step=step, action=ActionType.RESUBMIT).rule is None


@pytest.mark.parametrize(
    ("reason", "decided", "phase"),
    [
        (HoldReason.EVIDENCE_PENDING, {}, "Failed"),
        (HoldReason.RUN_ACTIVE, {}, "Running"),
        (HoldReason.RUN_SUCCEEDED, {}, "Succeeded"),
        ("OOMKilled", {"action": ActionType.RESUBMIT}, "Failed"),
    ],
)
def test_what_passes_or_is_no_failure_is_not_written(reason: str, decided: dict[str, Any], phase: str) -> None:
    assert held(reason, phase=phase, **decided) is None


def test_a_run_that_no_policy_is_for_says_nothing() -> None:
    run = Run("data", "etl", "u-1", phase="Failed")
    assert hold_of(Decision(LockClass.MUTATE, "NoPolicy", "none", run), Step(Course.HOLD)) is None
