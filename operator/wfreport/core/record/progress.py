"""The progress of a Remediation: its status after each step, computed from the status before.

Conditions are written when something happens, so their transition times are the times of these events.

    status_intended ─► (approved by a person) ─► status_executed ─► status_with_outcome
            │                     │                    ▲
            └─► status_denied     └─► status_stopping ─┘   (a run that hangs, before it is resubmitted)
"""

from datetime import datetime

from msgspec import Struct

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import ObjectRef, Remediation, RemediationStatus
from wfreport.api.wire import TEXT
from wfreport.core.decide.history import EXECUTION_OPEN
from wfreport.core.decide.model import CHAIN_ACTIONS
from wfreport.core.redact.bounds import cut
from wfreport.core.render.conditions import Status, condition


class ExecutionResult(Struct, frozen=True):
    """The result of performing an action.

    Attributes:
        status: True if the action was performed, False if not, Unknown if that can no longer be determined.
        reason: stable reason.
        message: reason in words.
        result: object that the action created or changed.
    """

    status: Status
    reason: RemediationReason
    message: str
    result: ObjectRef | None = None


def is_executed(remediation: Remediation) -> bool:
    """Return whether the execution is over: the action was performed, refused or lost."""
    executed = condition_of(remediation.status, RemediationConditionType.EXECUTED)
    return executed is not None and executed.reason not in EXECUTION_OPEN


def is_stopping(remediation: Remediation) -> bool:
    """Return whether the first of two steps has been recorded: the run that hung was stopped."""
    return remediation.status is not None and remediation.status.stopped_at is not None


def has_outcome(remediation: Remediation) -> bool:
    """Return whether the outcome is final, even if it will never be known."""
    succeeded = condition_of(remediation.status, RemediationConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason != RemediationReason.OUTCOME_AWAITED


def awaits_outcome(remediation: Remediation) -> bool:
    """Return whether the action was performed but its outcome is not known yet."""
    succeeded = condition_of(remediation.status, RemediationConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == RemediationReason.OUTCOME_AWAITED


def is_denied(remediation: Remediation) -> bool:
    """Return whether a person denied it, or the approval timed out."""
    approved = condition_of(remediation.status, RemediationConditionType.APPROVED)
    return approved is not None and approved.status == "False"


def condition_of(status: RemediationStatus | None, kind: RemediationConditionType) -> Condition | None:
    """Return a condition of a Remediation, or None."""
    conditions = (status.conditions if status else None) or ()
    return next((condition for condition in conditions if condition.type == kind), None)


def status_intended(remediation: Remediation, now: datetime, *, needs_approval: bool) -> RemediationStatus:
    """Return the status right after creation."""
    if needs_approval:
        approved = _of("Unknown", RemediationReason.APPROVAL_AWAITED, "waiting for approval")
    else:
        approved = _of("True", RemediationReason.APPROVAL_NOT_REQUIRED, "the policy does not require approval")
    pending = _of("Unknown", RemediationReason.EXECUTION_PENDING, "the action has not been performed yet")
    changed = {RemediationConditionType.APPROVED: approved, RemediationConditionType.EXECUTED: pending}
    return _changed(remediation, now, changed)


def status_denied(remediation: Remediation, now: datetime) -> RemediationStatus:
    """Return the status after the approval timed out."""
    denied = _of("False", RemediationReason.APPROVAL_TIMED_OUT, "nobody approved it in time")
    return _changed(remediation, now, {RemediationConditionType.APPROVED: denied})


def status_failing(remediation: Remediation, now: datetime, message: str) -> RemediationStatus:
    """Return the status while sinks fail and are tried again: with the first message, or with its follow-up."""
    changed = {RemediationConditionType.EXECUTED: _of("Unknown", RemediationReason.SINK_FAILING, message)}
    if is_executed(remediation):
        changed = {RemediationConditionType.SUCCEEDED: _of("Unknown", RemediationReason.OUTCOME_AWAITED, message)}
    return _changed(remediation, now, changed).model_copy(update={"message": cut(message, TEXT)})


def status_stopping(remediation: Remediation, now: datetime, execution: ExecutionResult) -> RemediationStatus:
    """Return the status after a run that hung was stopped. It is resubmitted once it has ended."""
    stopping = _of(execution.status, execution.reason, execution.message)
    changed = _changed(remediation, now, {RemediationConditionType.EXECUTED: stopping})
    return changed.model_copy(update={"stopped_at": now, "message": cut(execution.message, TEXT)})


def status_executed(
    remediation: Remediation, now: datetime, execution: ExecutionResult, *, expects_outcome: bool | None = None
) -> RemediationStatus:
    """Return the status after the action was performed, or could not be performed.

    ``expects_outcome`` is whether an outcome will follow; by default, if the action runs the work again.
    """
    expected = remediation.spec.action in CHAIN_ACTIONS if expects_outcome is None else expects_outcome
    outcome = _of("Unknown", RemediationReason.NO_OUTCOME, "the action has no new run to measure its effect by")
    if execution.status == "True" and expected:
        outcome = _of("Unknown", RemediationReason.OUTCOME_AWAITED, "waiting for the end of the new run")
    executed = _of(execution.status, execution.reason, execution.message)
    changed = {RemediationConditionType.EXECUTED: executed, RemediationConditionType.SUCCEEDED: outcome}
    return _changed(remediation, now, changed).model_copy(
        update={
            "executed_at": now if execution.status == "True" else None,
            "result_ref": execution.result,
            "message": cut(execution.message, TEXT),
        }
    )


def status_with_outcome(
    remediation: Remediation, status: Status, reason: RemediationReason, message: str, at: datetime
) -> RemediationStatus:
    """Return the status after the new run ended or disappeared."""
    changed = _changed(remediation, at, {RemediationConditionType.SUCCEEDED: _of(status, reason, message)})
    return changed.model_copy(update={"finished_at": at, "message": cut(message, TEXT)})


class _ConditionState(Struct, frozen=True):
    status: Status
    reason: RemediationReason
    message: str


def _of(status: Status, reason: RemediationReason, message: str) -> _ConditionState:
    return _ConditionState(status, reason, message)


def _changed(
    remediation: Remediation, at: datetime, changed: dict[RemediationConditionType, _ConditionState]
) -> RemediationStatus:
    """Return the status with these conditions. A condition with an unchanged status keeps its transition time."""
    before = remediation.status or RemediationStatus()
    conditions = {one.type: one for one in before.conditions or ()}
    for kind, state in changed.items():
        previous = conditions.get(kind)
        since = previous.last_transition_time if previous and previous.status == state.status else at
        generation = remediation.metadata.generation
        conditions[kind] = condition(kind, state.status, state.reason, state.message, since, generation)
    order = [*RemediationConditionType, *(kind for kind in conditions if kind not in set(RemediationConditionType))]
    return before.model_copy(
        update={
            "observed_generation": remediation.metadata.generation,
            "conditions": [conditions[kind] for kind in order if kind in conditions],
        }
    )
