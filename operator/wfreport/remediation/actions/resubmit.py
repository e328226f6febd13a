"""Resubmit and RaiseMemory: create the run again, under the one name that its chain's next run can have."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wfreport.api.actions import Override
from wfreport.api.reasons import Refusal, RemediationReason
from wfreport.api.remediation import Plan, Remediation
from wfreport.core.plan.capacity import check_capacity
from wfreport.core.plan.inline import named_caller
from wfreport.core.plan.memory import MemoryRaise, OutOfMemory, RaisedMemory, raised_memory
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import (
    Resubmission,
    is_resubmission_by,
    parameter_changes,
    resubmitted,
    reusable_changes,
)
from wfreport.core.plan.templates import address_of
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult
from wfreport.kube.errors import AlreadyExistsError, NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.actions.base import Situation, ref_of


class ResubmitHandler:
    """Create the same Workflow again."""

    def __init__(self, workflows: Resource[Document], *, clock: Callable[[], datetime]) -> None:
        self._workflows = workflows
        self._clock = clock

    async def plan(self, situation: Situation) -> Plan:
        """The new run's name, and what differs in it."""
        stated = situation.action.resubmit
        given = _parameters(stated.parameters if stated else None)
        kept = reusable_changes(situation.document) if stated and stated.memoized else ()
        return planned((*kept, *parameter_changes(situation.document, given)), new_name=_name(situation))

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """The new run, if it is there and ours."""
        name = remediation.spec.plan.new_name
        if not name:
            return None
        try:
            found = await self._workflows.get(remediation.metadata.namespace, name)
        except NotFoundError:
            return None
        return _already_done(found) if is_resubmission_by(found, remediation.metadata.uid or "") else None

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Create it; one of that name that is there is ours, or a reason not to."""
        stated = situation.action.resubmit
        given = _parameters(stated.parameters if stated else None)
        memoized_at = self._clock() if stated and stated.memoized else None
        return await self._create(remediation, situation, given, memoized_at=memoized_at)

    async def _create(
        self,
        remediation: Remediation,
        situation: Situation,
        given: dict[str, str],
        *,
        spec: dict[str, Any] | None = None,
        memoized_at: datetime | None = None,
    ) -> ExecutionResult:
        uid = remediation.metadata.uid or ""
        resubmission = Resubmission(situation.link, remediation.spec.attempt, uid, given)
        new = resubmitted(situation.document, resubmission, spec=spec, memoized_at=memoized_at)
        try:
            made = await self._workflows.create(situation.namespace, new)
        except AlreadyExistsError:
            found = await self._workflows.get(situation.namespace, resubmission.name)
            if is_resubmission_by(found, uid):
                return _already_done(found)
            raise RefusedError(
                Refusal.NAME_TAKEN,
                f"there is a Workflow {resubmission.name} already that this Remediation did not make",
            ) from None
        return ExecutionResult(
            "True", RemediationReason.EXECUTED, f"created Workflow {resubmission.name}", ref_of(made)
        )


class RaiseMemoryHandler(ResubmitHandler):
    """Create it again with more memory for the container that was killed."""

    def __init__(
        self,
        workflows: Resource[Document],
        *,
        limit_ranges: Resource[Document],
        quotas: Resource[Document],
        references_only: bool,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(workflows, clock=clock)
        self._limit_ranges = limit_ranges
        self._quotas = quotas
        self._references_only = references_only

    async def plan(self, situation: Situation) -> Plan:
        """The new limit, where the namespace would take it."""
        raised = self._raised(situation)
        namespace = situation.namespace
        check_capacity(
            raised.limit_bytes,
            limit_ranges=[found async for found in self._limit_ranges.list(namespace)],
            quotas=[found async for found in self._quotas.list(namespace)],
        )
        failure, given = situation.decision.failure, _raise_parameters(situation)
        return planned(
            (*raised.changes, *parameter_changes(situation.document, given)),
            new_name=_name(situation),
            template_name=failure.template_name if failure else None,
            container=failure.container if failure else None,
        )

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Create it; one of that name that is there is ours, or a reason not to."""
        given = _raise_parameters(situation)
        return await self._create(remediation, situation, given, spec=self._raised(situation).spec)

    def _raised(self, situation: Situation) -> RaisedMemory:
        stated = situation.action.raise_memory
        if stated is None:
            raise ValueError("the rule states no raiseMemory")
        wanted = MemoryRaise(stated.factor, stated.max, stated.min_increase, references_only=self._references_only)
        return raised_memory(situation.document, _killed(situation), wanted)


def _killed(situation: Situation) -> OutOfMemory:
    failure = situation.decision.failure
    node = situation.snapshot.nodes.get(failure.node_id or "") if failure else None
    if failure is None or node is None:
        raise RefusedError(
            Refusal.TEMPLATE_NOT_FOUND, "the node that was killed cannot be read, so its template is not known"
        )
    limits = failure.resources.limits if failure.resources else None
    caller, calls = named_caller(node, situation.snapshot.nodes)
    return OutOfMemory(address_of(caller), failure.container or "main", (limits or {}).get("memory"), calls)


def _name(situation: Situation) -> str:
    return situation.link.name_of(situation.decision.attempt)


def _raise_parameters(situation: Situation) -> dict[str, str]:
    stated = situation.action.raise_memory
    return _parameters(stated.parameters if stated else None)


def _parameters(overrides: list[Override] | None) -> dict[str, str]:
    return {override.name: override.value for override in overrides or ()}


def _already_done(found: dict[str, Any]) -> ExecutionResult:
    name = found["metadata"]["name"]
    return ExecutionResult(
        "True", RemediationReason.ALREADY_DONE, f"Workflow {name} had been created before", ref_of(found)
    )
