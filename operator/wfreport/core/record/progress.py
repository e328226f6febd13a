"""How far a Remediation has come: its status after each step, as a function of the status before.

Conditions are written when something happens, so their times are the act's.
"""

from dataclasses import dataclass
from datetime import datetime

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import ObjectRef, Remediation, RemediationStatus
from wfreport.api.wire import TEXT
from wfreport.core.decide.model import CHAIN_ACTIONS
from wfreport.core.redact.bounds import cut
from wfreport.core.render.conditions import Status, condition


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What became of an act.

    Attributes:
        status: True where it was done, False where it was not, Unknown where nobody can tell any more.
        reason: stable.
        message: for people.
        result: what it made or changed.
    """

    status: Status
    reason: RemediationReason
    message: str
    result: ObjectRef | None = None


def is_executed(remediation: Remediation) -> bool:
    """Whether it was done, or given up, or lost: whether nothing is left to do but to wait for an outcome."""
    found = found_condition(remediation.status, RemediationConditionType.EXECUTED)
    return found is not None and found.reason != RemediationReason.EXECUTION_PENDING


def has_outcome(remediation: Remediation) -> bool:
    """Whether its outcome is known, or never will be."""
    found = found_condition(remediation.status, RemediationConditionType.SUCCEEDED)
    return found is not None and found.reason != RemediationReason.OUTCOME_AWAITED


def is_denied(remediation: Remediation) -> bool:
    """Whether a person, or the time, said no."""
    found = found_condition(remediation.status, RemediationConditionType.APPROVED)
    return found is not None and found.status == "False"


def found_condition(status: RemediationStatus | None, kind: RemediationConditionType) -> Condition | None:
    """A condition of a Remediation."""
    return next((found for found in (status.conditions if status else None) or () if found.type == kind), None)


def status_intended(remediation: Remediation, now: datetime, *, needs_approval: bool) -> RemediationStatus:
    """Right after its creation: whether a person is asked."""
    if needs_approval:
        approved = _of("Unknown", RemediationReason.APPROVAL_AWAITED, "a person is asked")
    else:
        approved = _of("True", RemediationReason.APPROVAL_NOT_REQUIRED, "the policy needs no approval for it")
    pending = _of("Unknown", RemediationReason.EXECUTION_PENDING, "it has not been done yet")
    changed = {RemediationConditionType.APPROVED: approved, RemediationConditionType.EXECUTED: pending}
    return _changed(remediation, now, changed)


def status_denied(remediation: Remediation, now: datetime) -> RemediationStatus:
    """Nobody approved it in time."""
    denied = _of("False", RemediationReason.APPROVAL_TIMED_OUT, "nobody approved it in time")
    return _changed(remediation, now, {RemediationConditionType.APPROVED: denied})


def status_executed(
    remediation: Remediation, now: datetime, execution: ExecutionResult, *, awaits_outcome: bool | None = None
) -> RemediationStatus:
    """After the act, or after it turned out that it is not to be done.

    ``awaits_outcome`` says whether something is still to come; by default, where the work runs again.
    """
    awaited = remediation.spec.action in CHAIN_ACTIONS if awaits_outcome is None else awaits_outcome
    outcome = _of("Unknown", RemediationReason.NO_OUTCOME, "there is no new run whose end would tell")
    if execution.status == "True" and awaited:
        outcome = _of("Unknown", RemediationReason.OUTCOME_AWAITED, "the end of the new run will tell")
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
    """When the new run has ended, or is gone."""
    changed = _changed(remediation, at, {RemediationConditionType.SUCCEEDED: _of(status, reason, message)})
    return changed.model_copy(update={"finished_at": at, "message": cut(message, TEXT)})


@dataclass(frozen=True, slots=True)
class _ConditionState:
    status: Status
    reason: RemediationReason
    message: str


def _of(status: Status, reason: RemediationReason, message: str) -> _ConditionState:
    return _ConditionState(status, reason, message)


def _changed(
    remediation: Remediation, at: datetime, changed: dict[RemediationConditionType, _ConditionState]
) -> RemediationStatus:
    """The status with these conditions; a condition whose status stays keeps its time."""
    before = remediation.status or RemediationStatus()
    kept = {found.type: found for found in before.conditions or ()}
    for kind, verdict in changed.items():
        known = kept.get(kind)
        since = known.last_transition_time if known and known.status == verdict.status else at
        generation = remediation.metadata.generation
        kept[kind] = condition(kind, verdict.status, verdict.reason, verdict.message, since, generation)
    order = [*RemediationConditionType, *(kind for kind in kept if kind not in set(RemediationConditionType))]
    return before.model_copy(
        update={
            "observed_generation": remediation.metadata.generation,
            "conditions": [kept[kind] for kind in order if kind in kept],
        }
    )


def is_succeeding(remediation: Remediation) -> bool:
    """Whether it was done, and its outcome is awaited."""
    found = found_condition(remediation.status, RemediationConditionType.SUCCEEDED)
    return found is not None and found.reason == RemediationReason.OUTCOME_AWAITED
