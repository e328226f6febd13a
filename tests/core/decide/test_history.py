"""Runs and past actions, derived from reports and Remediations."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import at
from tests.core.decide.builders import END, NS, TEAM, UID, a_condition, a_failure, a_report, history_of
from tests.objects import a_remediation

from wfreport.api.action_types import ActionType
from wfreport.api.classes import FailureClass
from wfreport.api.remediation import LockClass, Remediation
from wfreport.core.decide.history import latest_run, past_action_of, runs_of
from wfreport.core.decide.labels import NO_LABELS, LabelSet
from wfreport.core.decide.model import ActionTimes, ExecutionState, History, PastAction
from wfreport.core.render.conditions import EPOCH


def test_the_run_of_a_report() -> None:
    source = {"workflowTemplate": "etl", "cronWorkflow": "nightly", "resubmittedFrom": "etl-0"}
    run = latest_run(a_report(workflowSource=source))
    assert run is not None
    assert (run.namespace, run.name, run.uid, run.labels) == (NS, "etl", UID, LabelSet.of(TEAM))
    assert (run.root_name, run.root_uid, run.attempt) == ("etl", UID, 0)
    assert (run.phase, run.started_at, run.finished_at) == ("Failed", at(0), END)
    assert (run.failure_class, run.fingerprint) == (FailureClass.OOM_KILLED, "5b1e0c7a")
    assert (run.template, run.cron_workflow, run.resubmitted_from) == ("etl", "nightly", "etl-0")
    assert run.has_failed
    assert run.is_completed
    assert not run.has_succeeded


def test_a_cluster_template_differs_from_a_namespaced_one() -> None:
    run = latest_run(a_report(workflowSource={"clusterWorkflowTemplate": "etl"}))
    assert run is not None
    assert run.template == "/etl"


def test_a_run_without_source_labels_or_failures_is_a_run() -> None:
    run = latest_run(a_report(phase="Running", observed={"labels": None, "phase": None}))
    assert run is not None
    assert (run.template, run.cron_workflow, run.fingerprint, run.labels, run.phase) == (
        None,
        None,
        None,
        NO_LABELS,
        "",
    )
    assert not run.is_completed
    assert not run.has_failed


def test_a_run_that_a_person_ended_has_not_failed() -> None:
    run = latest_run(a_report(failureClass="Cancelled"))
    assert run is not None
    assert run.is_cancelled
    assert not run.has_failed


def test_a_run_that_a_policy_stopped_has_failed() -> None:
    stopped = a_failure() | {"class": "Cancelled", "reason": "StoppedByPolicy"}
    report = a_report("etl", UID, stopped, runs=[{"phase": "Failed", "class": "Cancelled"}])
    earlier, run = runs_of(report)
    assert run.has_failed
    assert not run.is_cancelled
    assert earlier.is_cancelled, "it is not known who stopped an earlier run"


def test_a_resubmission_of_ours_belongs_to_its_root() -> None:
    labels = {"wfreport.dev/root": "etl", "wfreport.dev/root-uid": UID, "wfreport.dev/attempt": "2"}
    labels |= {"wfreport.dev/remediation-uid": "r"}
    run = latest_run(a_report("etl-3f9c1b8e02-r2", "u2", labels=labels))
    assert run is not None
    assert (run.root_name, run.root_uid, run.attempt) == ("etl", UID, 2)


def test_runs_before_manual_retries_are_runs_too() -> None:
    earlier = {"startedAt": at(-100), "finishedAt": at(-50), "phase": "Error", "class": "Evicted", "fingerprint": "f"}
    first, latest = runs_of(a_report(runs=[earlier]))
    assert (first.started_at, first.finished_at, first.phase) == (at(-100), at(-50), "Error")
    assert (first.failure_class, first.fingerprint, first.uid) == (FailureClass.EVICTED, "f", UID)
    assert latest.started_at == at(0)
    assert next(runs_of(a_report(runs=[{"startedAt": at(-9)}]))).phase == ""


@pytest.mark.parametrize(
    "report",
    [a_report().model_copy(update={"status": None}), a_report(observedWorkflow=None), a_report(observed={"uid": None})],
    ids=["no status", "nothing observed", "no uid"],
)
def test_a_report_without_an_observed_run_has_no_runs(report: Any) -> None:
    assert list(runs_of(report)) == []


def test_a_run_with_two_reports_counts_once() -> None:
    one, other = a_report(), a_report("mine")
    assert len(history_of([one, other], []).runs) == 1
    assert len(history_of([one, a_report(start=at(1))], []).runs) == 2
    assert len(history_of([one, a_report(observed={"startedAt": None})], []).runs) == 2
    assert len(history_of([one, a_report(uid="u2")], []).runs) == 2
    unseen = a_report(observed={"startedAt": None})
    assert len(history_of([unseen, unseen], []).runs) == 1


def action_of(*conditions: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> PastAction | None:
    body = a_remediation("etl-1", **(spec or {}))
    body["metadata"] |= {"namespace": NS, "creationTimestamp": at(70)}
    body["status"] = {"conditions": list(conditions)} | status
    return past_action_of(Remediation.model_validate(body))


def known(*conditions: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> PastAction:
    action = action_of(*conditions, spec=spec, **status)
    assert action is not None
    return action


def test_the_action_of_a_remediation() -> None:
    spec = {"fingerprint": "f", "countsTowardLimit": False, "attempt": 3, "approvalRequired": True}
    action = known(spec=spec, executedAt=at(80), stoppedAt=at(75))
    assert (action.namespace, action.name, action.policy_name) == (NS, "etl-1", "batch")
    assert (action.workflow_uid, action.root_uid, action.attempt) == ("3f9c1b8e", "3f9c1b8e", 3)
    assert (action.lock, action.type, action.fingerprint) == (LockClass.MUTATE, ActionType.RAISE_MEMORY, "f")
    assert (action.created_at, action.executed_at, action.at) == (at(70), at(80), at(80))
    assert (action.rule, action.reason, action.stopped_at) == ("oom", "OOMKilled", at(75))
    assert action.counts_toward_limit is False
    assert action.is_approval_required
    assert action.started_at is not None


def test_a_dry_run_is_no_past_action() -> None:
    assert action_of(spec={"dryRun": True}) is None
    body = Remediation.model_validate(a_remediation("dry-etl", dryRun=True))
    assert history_of([], [body]).actions == ()


def test_a_remediation_without_status_is_an_intent() -> None:
    action = past_action_of(Remediation.model_validate(a_remediation("etl-1")))
    assert action is not None
    assert (action.execution, action.is_approved, action.created_at) == (ExecutionState.PENDING, None, EPOCH)
    assert (action.executed_at, action.finished_at, action.at) == (None, None, EPOCH)
    assert action.is_under_way
    assert not action.is_final
    assert history_of([], [Remediation.model_validate(a_remediation("etl-1"))]).actions == (action,)


@pytest.mark.parametrize(
    ("conditions", "approved", "execution", "final", "counts", "in_flight"),
    [
        ([], None, "Pending", False, True, True),
        ([a_condition("Approved", "Unknown")], None, "Pending", False, True, True),
        ([a_condition("Approved", "True")], True, "Pending", False, True, True),
        ([a_condition("Approved", "False")], False, "Pending", True, False, False),
        ([a_condition("Executed", "False", "ExecutionPending")], None, "Pending", False, True, True),
        ([a_condition("Executed", "True")], None, "Done", True, True, True),
        ([a_condition("Executed", "False", "TargetGone")], None, "NotDone", True, False, False),
        ([a_condition("Executed", "Unknown", "TraceLost")], None, "Lost", True, True, False),
    ],
    ids=["new", "asked", "approved", "denied", "pending", "done", "not done", "lost"],
)
def test_conditions_determine_the_progress_of_an_action(
    conditions: list[dict[str, Any]], approved: bool | None, execution: str, final: bool, counts: bool, in_flight: bool
) -> None:
    action = known(*conditions)
    assert (action.is_approved, action.execution, action.is_final) == (approved, execution, final)
    assert (action.counts, action.is_in_flight) == (counts, in_flight)


def test_an_action_that_awaits_approval_is_not_in_flight() -> None:
    asked = known(a_condition("Approved", "Unknown", "ApprovalAwaited"))
    assert (asked.is_approval_required, asked.is_in_flight) == (True, False)
    action = known(a_condition("Approved", "Unknown"), spec={"approvalRequired": True})
    assert (action.counts, action.is_in_flight, action.is_final) == (False, False, False)
    assert known(a_condition("Approved", "True"), spec={"approvalRequired": True}).is_in_flight


DONE = a_condition("Executed", "True", "Executed")


@pytest.mark.parametrize(
    ("outcome", "helped", "finished_at", "in_flight"),
    [
        (a_condition("Succeeded", "Unknown", "OutcomeAwaited", when=at(90)), None, None, True),
        (a_condition("Succeeded", "True", "RunSucceeded", when=at(90)), True, at(90), False),
        (a_condition("Succeeded", "False", "RunFailed", when=at(90)), False, at(90), False),
        (a_condition("Succeeded", "Unknown", "NoOutcome", when=at(90)), None, None, False),
        (a_condition("Succeeded", "False", "RunDeleted", when=at(90)), False, at(90), False),
    ],
    ids=["awaited", "helped", "did not help", "none to come", "deleted"],
)
def test_the_outcome_is_how_the_new_run_ended(
    outcome: dict[str, Any], helped: bool | None, finished_at: Any, in_flight: bool
) -> None:
    action = known(DONE, outcome)
    assert (action.has_helped, action.finished_at, action.is_in_flight) == (helped, finished_at, in_flight)
    assert known(DONE, outcome, finishedAt=at(99)).finished_at == at(99)


@pytest.mark.parametrize("action", ["SuspendCron", "Stop", "Notify"])
def test_an_action_without_a_new_run_is_not_in_flight_once_done(action: str) -> None:
    assert not known(DONE, spec={"action": action}).is_in_flight


def test_a_fixed_history_does_not_change_with_the_times_that_it_was_made_from() -> None:
    times = [END]
    fixed = History(everywhere={LockClass.MUTATE: ActionTimes(times, times)}).fixed()
    times.append(END)
    assert fixed.everywhere == {LockClass.MUTATE: ActionTimes((END,), (END,))}
    assert History().fixed() == History()
