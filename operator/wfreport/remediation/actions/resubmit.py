"""Resubmit and RaiseMemory: create a new Workflow, under the only name that the chain's next run can have."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from wfreport.api.actions import Override
from wfreport.api.argo import MAIN_CONTAINER
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
from wfreport.core.plan.stop import STOP_PATCH, is_stopped_by, stop_changes, stop_of
from wfreport.core.plan.templates import address_of
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult, is_stopping
from wfreport.kube.errors import AlreadyExistsError, NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.large_work import is_large, run_by_size
from wfreport.remediation.actions.base import Situation, ref_of

P = ParamSpec("P")
R = TypeVar("R")


class ResubmitHandler:
    """Creates the same Workflow again."""

    def __init__(self, workflows: Resource[Document], *, clock: Callable[[], datetime]) -> None:
        self._workflows = workflows
        self._clock = clock

    async def plan(self, situation: Situation) -> Plan:
        """Plan the new Workflow: its name, the steps that it reuses and the parameters that differ."""
        options = situation.action.resubmit
        parameters = _parameters(options.parameters if options else None)
        if situation.decision.stall:
            changes = (*stop_changes(), *parameter_changes(situation.document, parameters))
            return planned(changes, new_name=_new_name(situation), patch=STOP_PATCH)
        memoized = bool(options and options.memoized)
        reused = await _run(situation, reusable_changes, situation.document) if memoized else ()
        return planned((*reused, *parameter_changes(situation.document, parameters)), new_name=_new_name(situation))

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Find the new Workflow, if this Remediation has created it."""
        name = remediation.spec.plan.new_name
        if not name:
            return None
        try:
            document = await self._workflows.get(remediation.metadata.namespace, name)
        except NotFoundError:
            return await self._trace_of_stop(remediation)
        return _already_created(document) if is_resubmission_by(document, remediation.metadata.uid or "") else None

    async def _trace_of_stop(self, remediation: Remediation) -> ExecutionResult | None:
        """Find the annotation of the first step on a run that hung, unless the step is recorded."""
        if not remediation.spec.plan.patch or is_stopping(remediation):
            return None
        try:
            document = await self._workflows.get(remediation.metadata.namespace, remediation.spec.target.name)
        except NotFoundError:
            return None
        return _stopping(document) if is_stopped_by(document, remediation.metadata.uid or "") else None

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Create the new Workflow. If the name exists, accept it if it carries our Remediation UID, else refuse.

        A run that hangs is only stopped, and resubmitted once it has ended.
        """
        if situation.decision.stall and not situation.decision.run.is_completed:
            return await self._stop(remediation, situation)
        if situation.decision.stall and not is_stopped_by(situation.document, remediation.metadata.uid or ""):
            message = "the run has ended by itself, or somebody else has stopped it"
            raise RefusedError(Refusal.RUN_COMPLETED, message)
        options = situation.action.resubmit
        parameters = _parameters(options.parameters if options else None)
        memoized_at = self._clock() if options and options.memoized else None
        return await self._create(remediation, situation, parameters, memoized_at=memoized_at)

    async def _stop(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        patch = stop_of(situation.document, remediation_uid=remediation.metadata.uid or "")
        if patch is None:
            if is_stopped_by(situation.document, remediation.metadata.uid or ""):
                return _stopping(situation.document)
            raise RefusedError(Refusal.RUN_STOPPED, "somebody else is stopping the run")
        name = situation.document["metadata"]["name"]
        return _stopping(await self._workflows.patch(situation.namespace, name, patch.body))

    async def _create(
        self,
        remediation: Remediation,
        situation: Situation,
        parameters: dict[str, str],
        *,
        spec: dict[str, Any] | None = None,
        memoized_at: datetime | None = None,
    ) -> ExecutionResult:
        uid = remediation.metadata.uid or ""
        resubmission = Resubmission(
            situation.link,
            remediation.spec.attempt,
            uid,
            parameters,
            policy=remediation.spec.policy_ref.name,
            remediation=remediation.metadata.name,
        )
        document = await _run(
            situation, resubmitted, situation.document, resubmission, spec=spec, memoized_at=memoized_at
        )
        try:
            created = await self._workflows.create(situation.namespace, document)
        except AlreadyExistsError:
            existing = await self._workflows.get(situation.namespace, resubmission.name)
            if is_resubmission_by(existing, uid):
                return _already_created(existing)
            raise RefusedError(
                Refusal.NAME_TAKEN,
                f"Workflow {resubmission.name} already exists and was not created by this Remediation",
            ) from None
        return ExecutionResult(
            "True", RemediationReason.EXECUTED, f"created Workflow {resubmission.name}", ref_of(created)
        )


class RaiseMemoryHandler(ResubmitHandler):
    """Creates the Workflow again, with a higher memory limit for the container that ran out of memory."""

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
        """Plan the new Workflow and its memory limit, if the namespace admits that much memory."""
        raised = await _run(situation, self._raised, situation)
        namespace = situation.namespace
        check_capacity(
            raised.limit_bytes,
            limit_ranges=[document async for document in self._limit_ranges.list(namespace)],
            quotas=[document async for document in self._quotas.list(namespace)],
        )
        failure, parameters = situation.decision.failure, _raise_parameters(situation)
        return planned(
            (*raised.changes, *parameter_changes(situation.document, parameters)),
            new_name=_new_name(situation),
            template_name=failure.template_name if failure else None,
            container=failure.container if failure else None,
        )

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Create the new Workflow. If the name exists, accept it if it carries our Remediation UID, else refuse."""
        parameters = _raise_parameters(situation)
        raised = await _run(situation, self._raised, situation)
        return await self._create(remediation, situation, parameters, spec=raised.spec)

    def _raised(self, situation: Situation) -> RaisedMemory:
        options = situation.action.raise_memory
        if options is None:
            raise ValueError("the rule has no raiseMemory")
        increase = MemoryRaise(options.factor, options.max, options.min_increase, references_only=self._references_only)
        return raised_memory(situation.document, _out_of_memory(situation), increase)


async def _run(situation: Situation, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function of a Workflow: in the thread for large ones only if it is large."""
    return await run_by_size(is_large(situation.snapshot), work, *args, **kwargs)


def _out_of_memory(situation: Situation) -> OutOfMemory:
    failure = situation.decision.failure
    node = situation.snapshot.nodes.get(failure.node_id or "") if failure else None
    if failure is None or node is None:
        raise RefusedError(
            Refusal.TEMPLATE_NOT_FOUND, "the node that ran out of memory cannot be read, so its template is unknown"
        )
    limits = failure.resources.limits if failure.resources else None
    caller, calls = named_caller(node, situation.snapshot.nodes)
    return OutOfMemory(address_of(caller), failure.container or MAIN_CONTAINER, (limits or {}).get("memory"), calls)


def _new_name(situation: Situation) -> str:
    return situation.link.name_of(situation.decision.attempt)


def _raise_parameters(situation: Situation) -> dict[str, str]:
    options = situation.action.raise_memory
    return _parameters(options.parameters if options else None)


def _parameters(overrides: list[Override] | None) -> dict[str, str]:
    return {override.name: override.value for override in overrides or ()}


def _stopping(document: dict[str, Any]) -> ExecutionResult:
    message = f"stopped Workflow {document['metadata']['name']}; it is resubmitted once it has ended"
    return ExecutionResult("Unknown", RemediationReason.RUN_STOPPING, message, ref_of(document))


def _already_created(document: dict[str, Any]) -> ExecutionResult:
    name = document["metadata"]["name"]
    return ExecutionResult(
        "True", RemediationReason.ALREADY_DONE, f"Workflow {name} had already been created", ref_of(document)
    )
