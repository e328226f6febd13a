"""Retry: run the failed steps of the same Workflow again, in place, through Argo Server."""

from wfreport.api.actions import Retry
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
    """Retries a Workflow through Argo Server, which resets the failed nodes and deletes their pods."""

    def __init__(self, workflows: ResourceReader[Document], server: ServerWorkflows | None) -> None:
        self._workflows = workflows
        self._server = server

    async def plan(self, situation: Situation) -> Plan:
        """Plan the retry: the parameters that differ, if a retry is possible at all."""
        if self._server is None:
            raise RefusedError(
                Refusal.NO_ARGO_SERVER, "a retry needs Argo Server: set WFREPORT_ARGO_SERVER_URL, or use resubmit"
            )
        if situation.snapshot.nodes_state in {NodesState.UNREADABLE, NodesState.TOO_LARGE}:
            raise RefusedError(
                Refusal.NODES_UNREADABLE, "the run's nodes cannot be read, so the failed steps are unknown"
            )
        parameters = _options(situation).parameters or ()
        return planned([Change(f"parameters[{override.name}]", None, override.value) for override in parameters])

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Find a run of the Workflow that started after the target run.

        A retry carries no mark of its author. So a retry by a person counts as well: either way none is needed.
        """
        target = remediation.spec.target
        try:
            document = await self._workflows.get(remediation.metadata.namespace, target.name)
        except NotFoundError:
            return None
        workflow = decode_workflow(document).workflow
        if workflow.metadata.uid != target.uid or is_same_time(workflow.status.started_at, target.started_at):
            return None
        return ExecutionResult(
            "True", RemediationReason.ALREADY_DONE, "the Workflow had already been retried", ref_of(document)
        )

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:  # noqa: ARG002
        """Retry the Workflow, provided that it is still at the resourceVersion that was read."""
        if self._server is None:
            raise RefusedError(Refusal.NO_ARGO_SERVER, "a retry needs Argo Server")
        metadata, options = situation.snapshot.workflow.metadata, _options(situation)
        try:
            await self._server.retry(
                metadata.namespace,
                metadata.name,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
                restart_successful=options.restart_successful,
                node_field_selector=options.node_field_selector or "",
                parameters=tuple(f"{override.name}={override.value}" for override in options.parameters or ()),
            )
        except ArgoServerError as error:
            if error.transient:
                # it may have taken effect: the next reconcile looks for its trace first
                raise UnreachableError(error.message) from error
            stale = isinstance(error, StaleWorkflowError)
            raise RefusedError(Refusal.ARGO_SERVER_REFUSED, error.message, is_transient=stale) from error
        ref = ObjectRef(
            api_version=situation.document["apiVersion"], kind="Workflow", name=metadata.name, uid=metadata.uid
        )
        return ExecutionResult("True", RemediationReason.EXECUTED, f"retried Workflow {metadata.name}", ref)


def _options(situation: Situation) -> Retry:
    options = situation.action.retry
    if options is None:
        raise ValueError("the rule has no retry")
    return options
