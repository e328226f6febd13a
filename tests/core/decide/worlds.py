"""Small worlds to decide in: policies, reports of runs, and what was done before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.builders import T0, at

from wfreport.api.actions import ActionType
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.inputs import Candidate, DecisionInput
from wfreport.core.decide.model import Decision, ExecutionState, History, LiveState, OperatorLimits, PastAction, Run
from wfreport.core.decide.selection import Selection

NS = "data"
UID = "3f9c1b8e-02d4-4c5e-9a57-6f0c2f1d7a11"
TEAM = {"team": "data"}
END = at(60)
LATER = END + timedelta(minutes=5)
"""A moment at which no first act has to wait any more."""

RESUBMIT: dict[str, Any] = {"name": "again", "match": {}, "action": {"resubmit": {}}}
SINKS = {"sinks": [{"name": "slack", "apprise": {"secretName": "oncall"}}]}
NO_STORM = {"failurePercentAtMost": 100}


def a_policy(
    *rules: dict[str, Any], name: str = "batch", enforced_since: datetime | None = None, **spec: Any
) -> RemediationPolicy:
    """A policy for Workflows of team data."""
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
    """A rule alone."""
    return Rule.model_validate({"name": name, "match": match or {}} | (fields or {"action": {"resubmit": {}}}))


def a_failure(**fields: Any) -> dict[str, Any]:
    """A root cause: the step transform, OOM-killed."""
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
    """The report of a run; of one that failed without other failures, of an OOM kill."""
    ended = phase in ("Succeeded", "Failed", "Error")
    found = list(failures) or ([a_failure()] if phase in ("Failed", "Error") else [])
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
            "failureClass": found[0]["class"] if found else None,
            "failures": found or None,
            "conditions": [a_condition("EvidenceComplete", "True", "EvidenceCaptured")],
        }
        | status,
    }
    return WorkflowReport.model_validate(body)


def a_condition(kind: str, status: str, reason: str = "Because", *, when: datetime = T0) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "why", "lastTransitionTime": when}


def look_of(report: WorkflowReport, **fields: Any) -> LiveState:
    """The Workflow as the report has it."""
    observed = report.status.observed_workflow if report.status else None
    assert observed is not None
    seen = {"uid": observed.uid, "resource_version": observed.resource_version, "started_at": observed.started_at}
    return LiveState(**(seen | fields))


def a_run(name: str = "other", uid: str | None = None, **fields: Any) -> Run:
    """A run beside the one that is decided on."""
    made = f"uid-{name}" if uid is None else uid
    defaults: dict[str, Any] = {
        "namespace": NS,
        "name": name,
        "uid": made,
        "started_at": T0,
        "finished_at": END,
        "phase": "Failed",
        "root_name": name,
        "root_uid": made,
        "labels": TEAM,
    }
    return Run(**(defaults | fields))


def an_act(name: str = "act", **fields: Any) -> PastAction:
    """An act on another run, done and not settled."""
    defaults: dict[str, Any] = {
        "namespace": NS,
        "name": name,
        "policy_name": "batch",
        "workflow_uid": f"uid-of-{name}",
        "root_uid": f"root-of-{name}",
        "lock": LockClass.MUTATE,
        "action": ActionType.RESUBMIT,
        "created_at": END,
        "executed_at": END,
        "is_approved": True,
        "execution": ExecutionState.DONE,
    }
    return PastAction(**(defaults | fields))


def settled(name: str = "act", *, helped: bool, finished_at: datetime = END, **fields: Any) -> PastAction:
    """An act whose outcome is known."""
    return an_act(name, has_helped=helped, has_outcome=True, finished_at=finished_at, **fields)


def a_case(
    policy: RemediationPolicy | None = None,
    report: WorkflowReport | None = None,
    *,
    now: datetime = LATER,
    acts: tuple[PastAction, ...] = (),
    runs: tuple[Run, ...] = (),
    lock: LockClass = LockClass.MUTATE,
    rivals: tuple[str, ...] = (),
    look: dict[str, Any] | None = None,
    limits: OperatorLimits | None = None,
    **fields: Any,
) -> Candidate:
    """A case in which nothing speaks against the act but what is stated."""
    policy, report = policy or a_policy(), report or a_report()
    run = latest_run(report)
    assert run is not None
    assert report.status is not None
    rule = policy.spec.rules[0]
    history, seen = History(runs, acts), look_of(report, **(look or {}))
    subject = DecisionInput(run, report.status, seen, history, limits or OperatorLimits(), now)
    action = rule.action.type if rule.action else ActionType.NOTIFY
    failure = report.status.failures[0] if report.status.failures else None
    found: dict[str, Any] = {
        "input": subject,
        "lock": lock,
        "selection": Selection(policy, rivals),
        "rule": rule,
        "action": action,
        "failure": failure,
        "counts_toward_limit": True,
        "attempt": 1,
    }
    return Candidate(**(found | fields))


def judged(
    report: WorkflowReport | None = None,
    *policies: RemediationPolicy,
    now: datetime = LATER,
    acts: tuple[PastAction, ...] = (),
    runs: tuple[Run, ...] = (),
    lock: LockClass = LockClass.MUTATE,
    look: dict[str, Any] | None = None,
) -> Decision:
    """The decision in a world in which little else happened."""
    report = report or a_report()
    made = decide(
        report,
        look_of(report, **(look or {})),
        policies or (a_policy(),),
        History(runs, acts),
        OperatorLimits(),
        now,
        lock=lock,
    )
    assert made is not None
    return made


SUSPEND = {
    "name": "storm",
    "match": {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}},
    "action": {"suspendCron": {}},
}
NIGHTLY = a_report(workflowSource={"cronWorkflow": "nightly"})
