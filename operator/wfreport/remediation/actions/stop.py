"""Stop: a run that takes too long is told to end; its exit handlers still run."""

import json

from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Plan, Remediation
from wfreport.core.plan.stop import STRATEGY, is_stopped_by, stop_of
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.actions.base import Situation, ref_of


class StopHandler:
    """Set ``spec.shutdown``, by a patch that holds for the run as it was read."""

    def __init__(self, workflows: Resource[Document]) -> None:
        self._workflows = workflows

    async def plan(self, situation: Situation) -> Plan:
        """That it has not ended."""
        patch = stop_of(situation.document)
        changes = patch.changes if patch else ()
        return planned(changes, patch=json.dumps({"spec": {"shutdown": STRATEGY}}))

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Its annotation says who stopped it."""
        try:
            found = await self._workflows.get(remediation.metadata.namespace, remediation.spec.target.name)
        except NotFoundError:
            return None
        if not is_stopped_by(found, remediation.metadata.uid or ""):
            return None
        return ExecutionResult("True", RemediationReason.ALREADY_DONE, "it had been told to stop before", ref_of(found))

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Stop it, unless somebody has."""
        patch = stop_of(situation.document, remediation_uid=remediation.metadata.uid or "")
        name = situation.document["metadata"]["name"]
        if patch is None:
            message = f"Workflow {name} is stopping already"
            return ExecutionResult("True", RemediationReason.ALREADY_DONE, message, ref_of(situation.document))
        changed = await self._workflows.patch(situation.namespace, name, patch.body)
        return ExecutionResult("True", RemediationReason.EXECUTED, f"told Workflow {name} to stop", ref_of(changed))
