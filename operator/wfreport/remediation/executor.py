"""From a decision to its record: intent, act, outcome, each written before the next is begun."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import LockClass, Plan, Remediation, ReportRef
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.enforcement import EnforcementAction
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.freshness import is_fresh_intent
from wfreport.core.record.intent import Basis, intended_remediation, is_reproduced
from wfreport.core.record.progress import ExecutionResult, is_denied, is_executed
from wfreport.kube.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooLargeError,
)
from wfreport.remediation.actions.base import RETRY_AFTER, ActionHandler, Planner, Situation
from wfreport.remediation.outcomes import Outcomes
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.lease import Lease, NotLeadingError
from wfreport.runtime.workqueue import Priority, WorkQueue

log = logging.getLogger(__name__)

SOON: Final = timedelta(seconds=1)


class Executor:
    """Carries out decisions."""

    def __init__(
        self,
        *,
        books: RemediationCache,
        journal: RemediationWriter,
        outcomes: Outcomes,
        acts: Mapping[ActionType, ActionHandler],
        notification: Planner,
        notify: Callable[[Remediation], None],
        lease: Lease | None,
        policies: WorkQueue,
        clock: Callable[[], datetime],
    ) -> None:
        """``notification`` plans what tells people; ``notify`` takes it over, since endpoints take their time."""
        self._books = books
        self._journal = journal
        self._outcomes = outcomes
        self._acts = acts
        self._notification = notification
        self._notify = notify
        self._lease = lease
        self._policies = policies
        self._clock = clock

    async def recover(self, own: Remediation) -> None:
        """Find out of an act that was begun and not recorded whether it was done.

        Raises:
            ApiError: its trace could not be read, or the record not be written.
        """
        act = self._acts.get(own.spec.action)
        if act is None or is_executed(own) or is_denied(own):
            return
        found = await act.trace(own)
        if found:
            await self._record(own, found)

    async def close(self, own: Remediation, why: str) -> None:
        """Close an intent whose run is another one by now, unless it was done.

        Raises:
            ApiError: its trace could not be read, or the record not be written.
        """
        await self.recover(own)
        known = self._books.remediations.by_uid(own.metadata.uid or "")
        if known and not (is_executed(known) or is_denied(known)):
            await self._record(known, ExecutionResult("False", RemediationReason.TARGET_CHANGED, why))

    async def refuse(self, own: Remediation, why: str) -> None:
        """Close an intent that policy and report do not yield."""
        await self._record(own, ExecutionResult("False", RemediationReason.SPEC_NOT_REPRODUCED, why))

    async def carry_out(self, situation: Situation, course: EnforcementAction) -> timedelta | None:
        """Do what was decided, as far as the course goes; how long after it is to be looked at again, None for not.

        Raises:
            ApiError: a request failed; it may have been done, and the same is to be tried again.
        """
        decision, policy = situation.decision, situation.decision.policy
        if policy is None or decision.action is None:
            return None
        if course is not EnforcementAction.WRITE_DRY_RUN and not self._may_act(policy):
            self._policies.add((policy.metadata.namespace, policy.metadata.name), Priority.URGENT)
            return RETRY_AFTER
        try:
            plan, refusal = await self._planner(decision.action).plan(situation), None
        except RefusedError as error:
            if error.passing:
                return RETRY_AFTER
            plan, refusal = Plan(), error
        intended = intended_remediation(
            decision, _basis(situation), plan, dry_run=course is EnforcementAction.WRITE_DRY_RUN
        )
        own = self._books.remediations.get((situation.namespace, intended.metadata.name))
        if own is None:
            return await self._begin(intended, situation, course, refusal)
        return await self._resume(own, intended, situation, course, refusal)

    async def _begin(
        self, intended: Remediation, situation: Situation, course: EnforcementAction, refusal: RefusedError | None
    ) -> timedelta | None:
        try:
            async with self._held(course):
                own = await self._journal.intend(intended, needs_approval=course is EnforcementAction.REQUEST_APPROVAL)
        except AlreadyExistsError:
            await self._journal.refresh(intended)  # somebody has the lock, or our own request had no answer
            return SOON
        return await self._finish(own, situation, course, refusal)

    async def _resume(
        self,
        own: Remediation,
        intended: Remediation,
        situation: Situation,
        course: EnforcementAction,
        refusal: RefusedError | None,
    ) -> timedelta | None:
        if is_executed(own) or is_denied(own):
            return None
        if not is_reproduced(own, intended):
            await self.refuse(own, "policy and report yield another act than this one")
            return None
        if own.status is None or not own.status.conditions:
            own = await self._journal.begin(own, needs_approval=course is EnforcementAction.REQUEST_APPROVAL)
        if (
            course is EnforcementAction.EXECUTE
            and own.spec.lock_class is LockClass.MUTATE
            and not self._is_fresh(own, situation)
        ):
            message = "it was asked for too long ago to tell whether it was done, and is not repeated"
            await self._record(own, ExecutionResult("Unknown", RemediationReason.TRACE_LOST, message))
            return None
        return await self._finish(own, situation, course, refusal)

    async def _finish(
        self, own: Remediation, situation: Situation, course: EnforcementAction, refusal: RefusedError | None
    ) -> timedelta | None:
        if course is EnforcementAction.WRITE_DRY_RUN:
            what = f"refused: {refusal.message}" if refusal else "it would be done now"
            await self._record(own, ExecutionResult("False", RemediationReason.DRY_RUN, what))
        elif refusal:
            await self._record(own, _impossible(refusal))
        elif course is EnforcementAction.EXECUTE and own.spec.lock_class is LockClass.NOTIFY:
            self._notify(own)
        elif course is EnforcementAction.EXECUTE:
            return await self._perform(own, situation)
        return None

    async def _perform(self, own: Remediation, situation: Situation) -> timedelta | None:
        try:
            async with self._held(EnforcementAction.EXECUTE):
                execution = await self._acts[own.spec.action].perform(own, situation)
        except RefusedError as error:
            if error.passing:
                return RETRY_AFTER
            execution = _impossible(error)
        except NotFoundError as error:
            execution = ExecutionResult("False", RemediationReason.TARGET_GONE, error.message)
        except (InvalidError, TooLargeError) as error:
            execution = ExecutionResult("False", RemediationReason.EXECUTION_FAILED, error.message)
        except ForbiddenError:
            key = (own.metadata.namespace, own.spec.policy_ref.name)
            self._policies.add(key, Priority.URGENT)  # the policy is to say so; the right may come back
            raise
        await self._record(own, execution)
        return None

    def _planner(self, action: ActionType) -> Planner:
        return self._notification if action is ActionType.NOTIFY else self._acts[action]

    async def _record(self, own: Remediation, execution: ExecutionResult) -> None:
        self._outcomes.announce(await self._journal.record(own, execution))

    def _may_act(self, policy: RemediationPolicy) -> bool:
        known = self._books.policies.get((policy.metadata.namespace, policy.metadata.name))
        return known is not None and known.may_act

    def _is_fresh(self, own: Remediation, situation: Situation) -> bool:
        return situation.live is not None and is_fresh_intent(own, situation.document, self._clock())

    def _held(self, course: EnforcementAction) -> AbstractAsyncContextManager[None]:
        if course is EnforcementAction.WRITE_DRY_RUN:
            return nullcontext()
        if self._lease is None:
            raise NotLeadingError("there is no leader election, and without it nothing is done")
        return self._lease.held()


def _basis(situation: Situation) -> Basis:
    metadata = situation.report.metadata
    look = situation.live.state if situation.live else None
    return Basis(ReportRef(name=metadata.name, uid=metadata.uid), look.resource_version if look else None)


def _impossible(refusal: RefusedError) -> ExecutionResult:
    return ExecutionResult("False", RemediationReason.NOT_POSSIBLE, f"{refusal.reason}: {refusal.message}")
