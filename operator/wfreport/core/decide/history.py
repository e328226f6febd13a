"""Derives earlier runs and actions from reports and Remediations. Nothing of it is stored elsewhere."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import structs

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.api.report import WorkflowReport
from wfreport.api.run import EarlierRun, WorkflowSource
from wfreport.core.classify.stops import STOPPED_BY_POLICY
from wfreport.core.decide.labels import LabelSet
from wfreport.core.decide.model import ExecutionState, PastAction, Run
from wfreport.core.render.conditions import EPOCH
from wfreport.core.snapshot.chain import link_of

EXECUTION_OPEN: Final = frozenset(
    {RemediationReason.EXECUTION_PENDING, RemediationReason.SINK_FAILING, RemediationReason.RUN_STOPPING}
)
"""Reasons of ``Executed`` while the action is yet to be performed, or only its first step has been."""

_OUTCOME_PENDING: Final = frozenset({RemediationReason.OUTCOME_AWAITED})


def runs_of(report: WorkflowReport) -> Iterator[Run]:
    """Yield the runs of a report: those before manual retries, then the latest. Without a status, there are none."""
    latest = latest_run(report)
    if latest is None or report.status is None:
        return
    for earlier in report.status.runs or ():
        yield _earlier_run(latest, earlier)
    yield latest


def latest_run(report: WorkflowReport) -> Run | None:
    """Return the run that a report describes, or None if it has not observed one."""
    status = report.status
    observed = status.observed_workflow if status else None
    if status is None or observed is None or not observed.uid:
        return None
    name, labels = report.spec.workflow_ref.name, observed.labels or {}
    link = link_of(name=name, uid=observed.uid, labels=labels)
    source = status.workflow_source or WorkflowSource()
    first = status.failures[0] if status.failures else None
    return Run(
        namespace=report.metadata.namespace,
        name=name,
        uid=observed.uid,
        started_at=observed.started_at,
        finished_at=observed.finished_at,
        phase=observed.phase or "",
        root_name=link.root_name,
        root_uid=link.root_uid,
        attempt=link.attempt,
        failure_class=status.failure_class,
        fingerprint=first.fingerprint if first else None,
        cron_workflow=source.cron_workflow,
        template=_template(source),
        resubmitted_from=source.resubmitted_from,
        labels=LabelSet.of(labels),
        was_stopped_by_policy=first is not None and first.reason == STOPPED_BY_POLICY,
    )


def _template(source: WorkflowSource) -> str | None:
    cluster = f"/{source.cluster_workflow_template}" if source.cluster_workflow_template else None
    return source.workflow_template or cluster


def _earlier_run(latest: Run, earlier: EarlierRun) -> Run:
    """Return a run of the same Workflow before a manual retry."""
    return structs.replace(
        latest,
        started_at=earlier.started_at,
        finished_at=earlier.finished_at,
        phase=earlier.phase or "",
        failure_class=earlier.failure_class,
        fingerprint=earlier.fingerprint,
        was_stopped_by_policy=False,
    )


def past_action_of(remediation: Remediation) -> PastAction | None:
    """Return a Remediation's action, as later decisions need it; None for a dry run, which neither locks nor counts."""
    spec, status = remediation.spec, remediation.status
    if spec.dry_run:
        return None
    conditions = {condition.type: condition for condition in (status.conditions if status else None) or ()}
    approved = conditions.get(RemediationConditionType.APPROVED)
    outcome = conditions.get(RemediationConditionType.SUCCEEDED)
    return PastAction(
        namespace=remediation.metadata.namespace,
        name=remediation.metadata.name,
        policy_name=spec.policy_ref.name,
        workflow_uid=spec.target.uid,
        root_uid=spec.root_uid,
        lock=spec.lock_class,
        type=spec.action,
        created_at=remediation.metadata.creation_timestamp or EPOCH,
        started_at=spec.target.started_at,
        attempt=spec.attempt,
        counts_toward_limit=spec.counts_toward_limit,
        fingerprint=spec.fingerprint,
        is_approval_required=spec.approval_required or _awaits_approval(approved),
        is_approved=_status_as_bool(approved),
        execution=_execution(conditions.get(RemediationConditionType.EXECUTED)),
        executed_at=status.executed_at if status else None,
        has_helped=_status_as_bool(outcome),
        finished_at=_finished_at(remediation, outcome),
        has_outcome=outcome is not None and outcome.reason not in _OUTCOME_PENDING,
        rule=spec.rule,
        reason=spec.reason,
        stopped_at=status.stopped_at if status else None,
    )


def _awaits_approval(approved: Condition | None) -> bool:
    return approved is not None and approved.reason == RemediationReason.APPROVAL_AWAITED


def _status_as_bool(condition: Condition | None) -> bool | None:
    return None if condition is None or condition.status == "Unknown" else condition.status == "True"


def _execution(executed: Condition | None) -> ExecutionState:
    if executed is None or executed.reason in EXECUTION_OPEN:
        return ExecutionState.PENDING
    return {"True": ExecutionState.DONE, "False": ExecutionState.NOT_DONE, "Unknown": ExecutionState.LOST}[
        executed.status
    ]


def _finished_at(remediation: Remediation, outcome: Condition | None) -> datetime | None:
    recorded = remediation.status.finished_at if remediation.status else None
    return recorded or (outcome.last_transition_time if outcome and outcome.status != "Unknown" else None)
