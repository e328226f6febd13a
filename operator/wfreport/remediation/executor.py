"""Carries out decisions: an intent, the action, its result, each written before the next begins."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason, PolicyReason, RemediationReason
from wfreport.api.remediation import NOTIFY_LOCKS, LockClass, Plan, Remediation, ReportRef
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.enforcement import EnforcementAction
from wfreport.core.decide.model import Decision, Run
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.dropped import dropped_intent
from wfreport.core.record.freshness import is_fresh_intent
from wfreport.core.record.holds import Obstacle
from wfreport.core.record.intent import Basis, intended_remediation, is_reproduced
from wfreport.core.record.notification import is_answer
from wfreport.core.record.progress import ExecutionResult, awaits_outcome, has_outcome, is_denied, is_executed
from wfreport.kube.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooLargeError,
)
from wfreport.remediation.actions.base import RETRY_AFTER, Actions, Situation
from wfreport.remediation.outcomes import OutcomeRecorder
from wfreport.remediation.queues import RemediationQueues
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.lease import Lease, NotLeadingError

SOON: Final = timedelta(seconds=1)

MAX_UNCOUNTED: Final = 5000
"""Remediations in a namespace that no budget counts, beyond which none are created: runs that fail have no bound."""

MUCH_LATER: Final = timedelta(minutes=10)


class Postponed(Struct, frozen=True):
    """An action that is due and was not performed yet.

    Attributes:
        delay: when to try again.
        obstacle: what has to change before; None if only the next reconcile is awaited.
    """

    delay: timedelta
    obstacle: Obstacle | None = None


_TOO_MANY: Final = Obstacle(
    HoldReason.NAMESPACE_BUDGET_EXHAUSTED,
    f"the namespace has {MAX_UNCOUNTED:,} Remediations that await approval, were refused or are dry runs: delete those "
    "that nobody needs",
)


class _PlannedAction(Struct, frozen=True):
    """An action whose intent is to be created or resumed.

    Attributes:
        situation: the decision, and the state that it was made from.
        enforcement: how far to go.
        refusal: why the action is not possible, if it is not.
    """

    situation: Situation
    enforcement: EnforcementAction
    refusal: RefusedError | None


class Executor:
    """Carries out decisions, each at most once.

    The process can die, and a request can remain unanswered, at any point. Four rules prevent a second action:

    * **The intent is the lock.** Nothing is changed before the Remediation exists. Its name is derived from the run
      (Workflow uid and start) and the lock class, so only one of several replicas can create it.
    * **The trace is searched before the action is performed.** Every action leaves a trace: a new Workflow has a fixed
      name and carries the uid of the Remediation; a patch is bound to uid and resourceVersion and adds an annotation.
      If ``recover`` finds the trace, it records the action instead of repeating it. So call ``recover`` on an existing
      intent first, then decide again, then call ``enforce``. It resumes an intent only if the new decision reproduces
      its spec.
    * **A run that hangs is stopped, then resubmitted**, by one Remediation. The stop leaves a trace of its own, on the
      Workflow and in ``status.stoppedAt``. The new Workflow is created only once the old one has ended.
    * **A lost trace is Unknown.** Argo deletes completed Workflows after a while, and the trace with them. If an intent
      is older than that and has no trace, it ends as ``Executed=Unknown`` (TraceLost). The action is never repeated.

    The intent is written before the action begins, the result before the outcome is awaited. Every write updates the
    cache as well, so the next decision counts it.

    All methods are idempotent. If one raises ``ApiError``, the worker requeues the request with backoff, and the next
    reconcile recovers any action that took effect. Each recorded result enqueues the reports of the run's chain. In
    addition, ``enforce`` returns when to requeue the report, and what it has to show meanwhile:

    ==================================================  ==============================================================
    result recorded, notification enqueued, or waiting  None: an event or a queued key leads to the next reconcile
    for approval
    intent created by another replica, or by a request  ``SOON``: the next reconcile recovers it
    of ours that got no answer
    policy may not act, or not yet                      ``RETRY_AFTER``, and the rights that are missing; the policy is
                                                        enqueued to check them
    action not possible for now                         ``RETRY_AFTER``, and why: it is planned again
    transient error, Lease not held                     raises ``ApiError``
    right missing                                       raises ``ForbiddenError``; the policy is enqueued, to report it
    target gone, or request rejected by the API server  None: recorded as ``Executed=False``, for good
    ==================================================  ==============================================================
    """

    def __init__(
        self,
        *,
        cache: RemediationCache,
        writer: RemediationWriter,
        outcomes: OutcomeRecorder,
        actions: Actions,
        queues: RemediationQueues,
        lease: Lease | None,
        clock: Callable[[], datetime],
    ) -> None:
        """Without a ``lease``, only dry runs are carried out."""
        self._cache = cache
        self._writer = writer
        self._outcomes = outcomes
        self._actions = actions
        self._queues = queues
        self._lease = lease
        self._clock = clock

    # Existing intents

    async def recover(self, remediation: Remediation) -> None:
        """Record an action that was performed but not recorded, if it left a trace.

        Raises:
            ApiError: the trace could not be read, or the result not be written.
        """
        handler = self._actions.handlers.get(remediation.spec.action)
        if handler is None or is_executed(remediation) or is_denied(remediation):
            return
        execution = await handler.trace(remediation)
        if execution:
            await self._record(remediation, execution)

    async def close(self, remediation: Remediation, reason: str) -> None:
        """Close an intent whose target has changed, unless its action was performed.

        Raises:
            ApiError: the trace could not be read, or the result not be written.
        """
        await self.recover(remediation)
        latest = self._cache.remediations.by_uid(remediation.metadata.uid or "")
        if latest and not (is_executed(latest) or is_denied(latest)):
            await self._record(latest, ExecutionResult("False", RemediationReason.TARGET_CHANGED, reason))

    async def refuse(self, remediation: Remediation, message: str) -> None:
        """Close an intent that policy and report do not yield.

        Raises:
            ApiError: the result could not be written.
        """
        await self._record(remediation, ExecutionResult("False", RemediationReason.SPEC_NOT_REPRODUCED, message))

    async def drop(self, remediation: Remediation, decision: Decision) -> None:
        """Close an intent because of the hold that a new decision has led to.

        Raises:
            ApiError: the result could not be written.
        """
        await self._record(remediation, dropped_intent(remediation, decision))

    async def deny(self, remediation: Remediation) -> None:
        """Deny an intent that nobody approved in time.

        Raises:
            ApiError: the denial could not be written.
        """
        await self._writer.deny(remediation)

    async def close_maker_of(self, report: WorkflowReport, run: Run) -> None:
        """Close the Remediation that started this run, if the run has ended.

        Raises:
            ApiError: the outcome could not be written.
        """
        await self._outcomes.close_maker_of(report, run)

    def follow_up(self, notification: Remediation, action: Remediation | None) -> None:
        """Enqueue the second message of a notification, if the action on the same run has an outcome."""
        is_due = notification.spec.lock_class in NOTIFY_LOCKS and awaits_outcome(notification)
        if is_due and action and is_answer(action, notification) and has_outcome(action):
            self._queues.notify(notification)

    # A decision

    async def enforce(self, situation: Situation, enforcement: EnforcementAction) -> Postponed | None:
        """Carry out a decision, as far as the mode of its policy allows.

        Returns:
            When to requeue the report and why, or None.

        Raises:
            ApiError: a request failed; it may have taken effect.
        """
        decision, policy = situation.decision, situation.decision.policy
        if policy is None or decision.action is None:
            return None
        is_dry_run = enforcement is EnforcementAction.WRITE_DRY_RUN
        if not is_dry_run and not self._is_permitted(policy):
            self._queues.recheck_policy(policy.metadata.namespace, policy.metadata.name)
            return Postponed(RETRY_AFTER, self._missing_rights(policy))
        try:
            plan, refusal = await self._actions.planner(decision.action).plan(situation), None
        except RefusedError as error:
            if error.is_transient:
                return Postponed(RETRY_AFTER, Obstacle(error.reason, error.message))
            plan, refusal = Plan(), error
        intended = intended_remediation(decision, _basis(situation), plan, dry_run=is_dry_run)
        existing = self._cache.remediations.get((situation.namespace, intended.metadata.name))
        planned = _PlannedAction(situation, enforcement, refusal)
        return await (self._resume(existing, intended, planned) if existing else self._begin(intended, planned))

    async def _begin(self, intended: Remediation, planned: _PlannedAction) -> Postponed | None:
        """Create the intent, then proceed with it; if the namespace has too many, do so later, or not for a dry run."""
        if self._cache.remediations.uncounted_in(intended.metadata.namespace) >= MAX_UNCOUNTED:
            return None if intended.spec.dry_run else Postponed(MUCH_LATER, _TOO_MANY)
        try:
            async with self._lease_held(planned.enforcement):
                created = await self._writer.create(
                    intended, needs_approval=planned.enforcement is EnforcementAction.REQUEST_APPROVAL
                )
        except AlreadyExistsError:
            await self._writer.refresh(intended)  # another replica's, or ours from a request without an answer
            return Postponed(SOON)
        return await self._proceed(created, planned)

    async def _resume(self, existing: Remediation, intended: Remediation, planned: _PlannedAction) -> Postponed | None:
        """Proceed with an open intent, if this decision reproduces it and its trace cannot have been lost."""
        if is_executed(existing) or is_denied(existing):
            return None
        if not is_reproduced(existing, intended):
            await self.refuse(existing, "policy and report do not yield this spec")
            return None
        if existing.status is None or not existing.status.conditions:
            existing = await self._writer.write_first_status(
                existing, needs_approval=planned.enforcement is EnforcementAction.REQUEST_APPROVAL
            )
        performs = planned.enforcement is EnforcementAction.EXECUTE and existing.spec.lock_class is LockClass.MUTATE
        if performs and not self._is_fresh(existing, planned.situation):
            message = "the intent is so old that a trace of the action may be lost; the action is not repeated"
            await self._record(existing, ExecutionResult("Unknown", RemediationReason.TRACE_LOST, message))
            return None
        return await self._proceed(existing, planned)

    async def _proceed(self, remediation: Remediation, planned: _PlannedAction) -> Postponed | None:
        """Do the part that the enforcement action allows; an intent that needs approval is left to wait."""
        if planned.enforcement is EnforcementAction.WRITE_DRY_RUN:
            message = f"refused: {planned.refusal.message}" if planned.refusal else "the action would be performed now"
            await self._record(remediation, ExecutionResult("False", RemediationReason.DRY_RUN, message))
        elif planned.refusal:
            await self._record(remediation, _not_possible(planned.refusal))
        elif planned.enforcement is EnforcementAction.EXECUTE and remediation.spec.lock_class in NOTIFY_LOCKS:
            self._queues.notify(remediation)
        elif planned.enforcement is EnforcementAction.EXECUTE:
            return await self._perform(remediation, planned.situation)
        return None

    async def _perform(self, remediation: Remediation, situation: Situation) -> Postponed | None:
        """Perform the action and record its result."""
        try:
            async with self._lease_held(EnforcementAction.EXECUTE):
                execution = await self._actions.handlers[remediation.spec.action].perform(remediation, situation)
        except RefusedError as error:
            if error.is_transient:
                return Postponed(RETRY_AFTER, Obstacle(error.reason, error.message))
            execution = _not_possible(error)
        except NotFoundError as error:
            execution = ExecutionResult("False", RemediationReason.TARGET_GONE, error.message)
        except (InvalidError, TooLargeError) as error:
            execution = ExecutionResult("False", RemediationReason.EXECUTION_FAILED, error.message)
        except ForbiddenError:
            # not final: the right may be granted; until then the policy's status reports it as missing
            self._queues.recheck_policy(remediation.metadata.namespace, remediation.spec.policy_ref.name)
            raise
        await self._record(remediation, execution)
        return None

    async def _record(self, remediation: Remediation, execution: ExecutionResult) -> None:
        if execution.reason is RemediationReason.RUN_STOPPING:
            await self._writer.record_stop(remediation, execution)
            return
        self._outcomes.enqueue_chain(await self._writer.record_execution(remediation, execution))

    def _is_permitted(self, policy: RemediationPolicy) -> bool:
        key = (policy.metadata.namespace, policy.metadata.name)
        cached = self._cache.policies.get(key)
        return cached is not None and cached.may_enforce and self._cache.policies.is_in_force(key)

    def _missing_rights(self, policy: RemediationPolicy) -> Obstacle | None:
        cached = self._cache.policies.get((policy.metadata.namespace, policy.metadata.name))
        return Obstacle(PolicyReason.RIGHTS_MISSING, cached.missing) if cached and cached.missing else None

    def _is_fresh(self, remediation: Remediation, situation: Situation) -> bool:
        return situation.live is not None and is_fresh_intent(remediation, situation.document, self._clock())

    def _lease_held(self, enforcement: EnforcementAction) -> AbstractAsyncContextManager[None]:
        if enforcement is EnforcementAction.WRITE_DRY_RUN:
            return nullcontext()
        if self._lease is None:
            raise NotLeadingError("leader election is off, and actions require it")
        return self._lease.held()


def _basis(situation: Situation) -> Basis:
    metadata = situation.report.metadata
    # the second step for a run that hung reproduces the intent from before its end
    state = situation.live.state if situation.live and not situation.decision.stall else None
    return Basis(ReportRef(name=metadata.name, uid=metadata.uid), state.resource_version if state else None)


def _not_possible(refusal: RefusedError) -> ExecutionResult:
    return ExecutionResult("False", RemediationReason.NOT_POSSIBLE, f"{refusal.reason}: {refusal.message}")
