"""Builders of policies, reports, runs and past actions, and the decisions about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.builders import T0, at

from wfreport.api.action_types import ActionType
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RunHistory
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import latest_run, past_action_of
from wfreport.core.decide.inputs import Candidate, DecisionInput
from wfreport.core.decide.labels import LabelSet
from wfreport.core.decide.model import Decision, ExecutionState, History, LiveState, OperatorLimits, PastAction, Run
from wfreport.core.decide.selection import Selection

NS = "data"
UID = "3f9c1b8e-02d4-4c5e-9a57-6f0c2f1d7a11"
TEAM = {"team": "data"}
END = at(60)
LATER = END + timedelta(minutes=5)
"""A time after the backoff of every first action."""

RESUBMIT: dict[str, Any] = {"name": "again", "match": {}, "action": {"resubmit": {}}}
SINKS = {"sinks": [{"name": "slack", "apprise": {"secretName": "oncall"}}]}
NO_STORM = {"failurePercentAtMost": 100}


def a_policy(
    *rules: dict[str, Any], name: str = "batch", enforced_since: datetime | None = None, **spec: Any
) -> RemediationPolicy:
    """Return a policy that selects Workflows of team data."""
    body = {
        "metadata": {"name": name, "namespace": spec.pop("namespace", NS), "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "mode": "Enforce",
            "selector": {"matchLabels": TEAM},
            "rules": list(rules) or [RESUBMIT],
            "circuitBreaker": NO_STORM,
        }
        | spec,
        "status": {"enforcedSince": enforced_since} if enforced_since else None,
    }
    return RemediationPolicy.model_validate(body)


def a_rule(name: str = "again", match: dict[str, Any] | None = None, **fields: Any) -> Rule:
    """Return a single rule; by default it resubmits after any failure."""
    return Rule.model_validate({"name": name, "match": match or {}} | (fields or {"action": {"resubmit": {}}}))


def a_failure(**fields: Any) -> dict[str, Any]:
    """Return a root cause: the step transform, OOM-killed."""
    return {
        "nodeId": "etl-1",
        "displayName": "transform",
        "templateName": "transform",
        "podName": "etl-transform-1",
        "podUid": "pod-1",
        "container": "main",
        "role": "RootCause",
        "class": "OOMKilled",
        "owner": "User",
        "retryable": False,
        "confidence": "High",
        "exitCode": 137,
        "message": "main: OOMKilled (exit code 137)",
        "fingerprint": "5b1e0c7a",
        "finishedAt": END,
    } | fields


def a_report(
    name: str = "etl",
    uid: str = UID,
    *failures: dict[str, Any],
    phase: str = "Failed",
    start: datetime = T0,
    end: datetime | None = END,
    labels: dict[str, str] | None = None,
    namespace: str = NS,
    observed: dict[str, Any] | None = None,
    **status: Any,
) -> WorkflowReport:
    """Return the report of a run. By default, the run failed because of an OOM kill."""
    ended = phase in ("Succeeded", "Failed", "Error")
    failed = list(failures) or ([a_failure()] if phase in ("Failed", "Error") else [])
    body = {
        "metadata": {"name": f"{name}-{uid[:8]}", "namespace": namespace, "uid": f"r-{uid}"},
        "spec": {"workflowRef": {"name": name, "uid": uid}},
        "status": {
            "observedWorkflow": {
                "uid": uid,
                "resourceVersion": "7" if ended else None,
                "phase": phase,
                "startedAt": start,
                "finishedAt": end if ended else None,
                "labels": TEAM if labels is None else labels,
            }
            | (observed or {}),
            "failureClass": failed[0]["class"] if failed else None,
            "failures": failed or None,
            "conditions": [a_condition("EvidenceComplete", "True", "EvidenceCaptured")],
        }
        | status,
    }
    return WorkflowReport.model_validate(body)


def a_condition(kind: str, status: str, reason: str = "Because", *, when: datetime = T0) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "why", "lastTransitionTime": when}


def live_state_of(report: WorkflowReport, **fields: Any) -> LiveState:
    """Return the live state that matches the report."""
    observed = report.status.observed_workflow if report.status else None
    assert observed is not None
    state = {"uid": observed.uid, "resource_version": observed.resource_version, "started_at": observed.started_at}
    return LiveState(**(state | fields))


def a_run(name: str = "other", uid: str | None = None, **fields: Any) -> Run:
    """Return a run other than the one that is decided about."""
    own_uid = f"uid-{name}" if uid is None else uid
    defaults: dict[str, Any] = {
        "namespace": NS,
        "name": name,
        "uid": own_uid,
        "started_at": T0,
        "finished_at": END,
        "phase": "Failed",
        "root_name": name,
        "root_uid": own_uid,
        "labels": TEAM,
    } | fields
    return Run(**(defaults | {"labels": LabelSet.of(defaults["labels"])}))


def an_action(name: str = "action", **fields: Any) -> PastAction:
    """Return an action on another run, performed and without an outcome yet."""
    defaults: dict[str, Any] = {
        "namespace": NS,
        "name": name,
        "policy_name": "batch",
        "workflow_uid": f"uid-of-{name}",
        "root_uid": f"root-of-{name}",
        "lock": LockClass.MUTATE,
        "type": ActionType.RESUBMIT,
        "created_at": END,
        "executed_at": END,
        "is_approved": True,
        "execution": ExecutionState.DONE,
    }
    return PastAction(**(defaults | fields))


def with_outcome(name: str = "action", *, helped: bool, finished_at: datetime = END, **fields: Any) -> PastAction:
    """Return an action whose outcome is known."""
    return an_action(name, has_helped=helped, has_outcome=True, finished_at=finished_at, **fields)


def a_candidate(
    policy: RemediationPolicy | None = None,
    report: WorkflowReport | None = None,
    *,
    now: datetime = LATER,
    actions: tuple[PastAction, ...] = (),
    runs: tuple[Run, ...] = (),
    lock: LockClass = LockClass.MUTATE,
    rivals: tuple[str, ...] = (),
    live: dict[str, Any] | None = None,
    limits: OperatorLimits | None = None,
    **fields: Any,
) -> Candidate:
    """Return a candidate that no guard holds, apart from the given circumstances."""
    policy, report = policy or a_policy(), report or a_report()
    run = latest_run(report)
    assert run is not None
    assert report.status is not None
    rule = policy.spec.rules[0]
    history, state = History(runs, actions), live_state_of(report, **(live or {}))
    inputs = DecisionInput(run, report.status, state, history, limits or OperatorLimits(), now)
    action = rule.action.type if rule.action else ActionType.NOTIFY
    failure = report.status.failures[0] if report.status.failures else None
    defaults: dict[str, Any] = {
        "input": inputs,
        "lock": lock,
        "selection": Selection(policy, rivals),
        "rule": rule,
        "action": action,
        "failure": failure,
        "counts_toward_limit": True,
        "attempt": 1,
    }
    return Candidate(**(defaults | fields))


def decided(
    report: WorkflowReport | None = None,
    *policies: RemediationPolicy,
    now: datetime = LATER,
    actions: tuple[PastAction, ...] = (),
    runs: tuple[Run, ...] = (),
    lock: LockClass = LockClass.MUTATE,
    live: dict[str, Any] | None = None,
) -> Decision:
    """Return the decision about a report, without other runs or actions unless given."""
    report = report or a_report()
    decision = decide(
        report,
        live_state_of(report, **(live or {})),
        policies or (a_policy(),),
        History(runs, actions),
        OperatorLimits(),
        now,
        lock=lock,
    )
    assert decision is not None
    return decision


def history_of(reports: Iterable[WorkflowReport], remediations: Iterable[Remediation] = ()) -> History:
    """Return the history of distinct reports and of Remediations, as the operator's caches build it."""
    runs, namespaces = RunHistory(), dict[str, None]()
    for number, report in enumerate(reports):
        namespaces[report.metadata.namespace] = None
        named = report.metadata.model_copy(update={"name": f"report-{number}"})
        runs.put(report.model_copy(update={"metadata": named}))
    actions = (past_action_of(remediation) for remediation in remediations)
    known = tuple(run for namespace in namespaces for run in runs.in_namespace(namespace))
    return History(known, tuple(action for action in actions if action is not None))


SUSPEND = {
    "name": "storm",
    "match": {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}},
    "action": {"suspendCron": {}},
}
NIGHTLY = a_report(workflowSource={"cronWorkflow": "nightly"})
