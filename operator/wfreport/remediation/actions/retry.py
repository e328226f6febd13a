"""Retry: the same Workflow again, in place, by Argo Server: what succeeded is kept."""

from wfreport.api.actions import Retry as StatedRetry
from wfreport.api.reasons import Refusal, RemediationReason
from wfreport.api.remediation import ObjectRef, Plan, Remediation
from wfreport.api.wire import is_same_time
from wfreport.argoserver.errors import ArgoServerError
from wfreport.argoserver.workflows import ServerWorkflows, StaleWorkflowError
from wfreport.core.plan.plan import Change
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import NodesState
from wfreport.kube.errors import NotFoundError, UnreachableError
from wfreport.kube.resource import Document, ResourceReader
from wfreport.remediation.actions.base import Situation, ref_of


class RetryHandler:
    """Ask Argo Server, which alone knows how a run is taken apart and put together again."""

    def __init__(self, workflows: ResourceReader[Document], server: ServerWorkflows | None) -> None:
        self._workflows = workflows
        self._server = server

    async def plan(self, situation: Situation) -> Plan:
        """That it can be done at all."""
        if self._server is None:
            raise RefusedError(
                Refusal.NO_ARGO_SERVER, "a retry needs Argo Server: set WFREPORT_ARGO_SERVER_URL, or use resubmit"
            )
        if situation.snapshot.nodes_state is NodesState.UNREADABLE:
            raise RefusedError(
                Refusal.NODES_UNREADABLE, "the run's nodes cannot be read, so it is not known what failed"
            )
        stated = _stated(situation)
        given = [Change(f"parameters[{override.name}]", None, override.value) for override in stated.parameters or ()]
        return planned(given)

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """A run that started since: nobody can say whether by this, and it need not be done any more."""
        target = remediation.spec.target
        try:
            document = await self._workflows.get(remediation.metadata.namespace, target.name)
        except NotFoundError:
            return None
        workflow = decode_workflow(document).workflow
        if workflow.metadata.uid != target.uid or is_same_time(workflow.status.started_at, target.started_at):
            return None
        return ExecutionResult("True", RemediationReason.ALREADY_DONE, "it had been retried before", ref_of(document))

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:  # noqa: ARG002
        """Retry the run as it was read."""
        if self._server is None:
            raise RefusedError(Refusal.NO_ARGO_SERVER, "a retry needs Argo Server")
        metadata, stated = situation.snapshot.workflow.metadata, _stated(situation)
        try:
            await self._server.retry(
                metadata.namespace,
                metadata.name,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
                restart_successful=stated.restart_successful,
                node_field_selector=stated.node_field_selector or "",
                parameters=tuple(f"{override.name}={override.value}" for override in stated.parameters or ()),
            )
        except ArgoServerError as error:
            if error.transient:
                raise UnreachableError(error.message) from error  # it may have been done: the next try looks first
            stale = isinstance(error, StaleWorkflowError)
            raise RefusedError(Refusal.ARGO_SERVER_REFUSED, error.message, passing=stale) from error
        ref = ObjectRef(
            api_version=situation.document["apiVersion"], kind="Workflow", name=metadata.name, uid=metadata.uid
        )
        return ExecutionResult("True", RemediationReason.EXECUTED, f"retried Workflow {metadata.name}", ref)


def _stated(situation: Situation) -> StatedRetry:
    stated = situation.action.retry
    if stated is None:
        raise ValueError("the rule states no retry")
    return stated
