"""Stop: end a Workflow that takes too long. Its exit handlers still run."""

from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Plan, Remediation
from wfreport.core.plan.stop import STOP_PATCH, is_stopped_by, stop_of
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.actions.base import Situation, ref_of


class StopHandler:
    """Sets ``spec.shutdown``, by a patch that is bound to the uid and resourceVersion that were read."""

    def __init__(self, workflows: Resource[Document]) -> None:
        self._workflows = workflows

    async def plan(self, situation: Situation) -> Plan:
        """Plan the patch, if the run has not ended."""
        patch = stop_of(situation.document)
        changes = patch.changes if patch else ()
        return planned(changes, patch=STOP_PATCH)

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Find the annotation that the patch puts on the Workflow."""
        try:
            document = await self._workflows.get(remediation.metadata.namespace, remediation.spec.target.name)
        except NotFoundError:
            return None
        if not is_stopped_by(document, remediation.metadata.uid or ""):
            return None
        return ExecutionResult(
            "True", RemediationReason.ALREADY_DONE, "the Workflow had already been stopped", ref_of(document)
        )

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Patch the Workflow, unless it is stopping already."""
        patch = stop_of(situation.document, remediation_uid=remediation.metadata.uid or "")
        name = situation.document["metadata"]["name"]
        if patch is None:
            message = f"Workflow {name} is already stopping"
            return ExecutionResult("True", RemediationReason.ALREADY_DONE, message, ref_of(situation.document))
        patched = await self._workflows.patch(situation.namespace, name, patch.body)
        return ExecutionResult("True", RemediationReason.EXECUTED, f"stopped Workflow {name}", ref_of(patched))
