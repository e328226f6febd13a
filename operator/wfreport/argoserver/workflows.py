"""Runs as Argo Server has them: from the cluster with their offloaded nodes, and from its archive.

The server may see more than the user who asks. What comes back must be of the namespace and the name that were asked
for, and of the uid where one was given: else it is "not found", and nothing of it is said.
"""

import json
from typing import Final
from urllib.parse import quote

import msgspec

from wfreport.api.argo import Struct
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, whole
from wfreport.argoserver.errors import (
    ServerBadAnswerError,
    ServerNotFoundError,
    ServerRefusedError,
    ServerWithoutDatabaseError,
)
from wfreport.argoserver.version import judged
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import NodesState, Snapshot


class _WorkflowMeta(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""


class _ListedWorkflow(Struct, frozen=True):
    metadata: _WorkflowMeta = _WorkflowMeta()


class _Items(Struct, frozen=True):
    items: list[_ListedWorkflow] | None = None


_decode_items: Final = msgspec.json.Decoder(_Items).decode


class StaleWorkflowError(ServerRefusedError):
    """The Workflow is not (any more) as it was when the act was decided."""


class ServerWorkflows:
    """Reads runs, and retries them. Usable outside the operator too: it needs nothing but a server."""

    def __init__(self, server: ArgoServer) -> None:
        self._server = server

    async def fetch(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        """The Workflow with all its nodes; from the archive, where the cluster has it no more.

        Raises:
            ServerNotFoundError: there is none, or it is another.
            ArgoServerError: anything else.
        """
        path = f"/api/v1/workflows/{_quoted(namespace)}/{_quoted(name)}"
        params = {"uid": uid} if uid else None
        body = await self._server.get(ServerEndpoint.WORKFLOW, path, params=params, read=whole)
        return await self._snapshot(body, namespace, name, uid)

    async def fetch_archived(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        """The run as the archive has it: of this uid, else the newest of this name.

        Raises:
            ServerNotFoundError: there is none, or it is another.
            ServerWithoutDatabaseError: there is no archive.
            ArgoServerError: anything else.
        """
        wanted = uid or await self._newest_uid(namespace, name)
        path = f"/api/v1/archived-workflows/{_quoted(wanted)}"
        # from 4.1 on the server looks at these too; before, it ignores them
        params = {"namespace": namespace, "name": name}
        body = await self._server.get(ServerEndpoint.ARCHIVED_WORKFLOW, path, params=params, read=whole)
        return await self._snapshot(body, namespace, name, wanted)

    async def retry(
        self,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        restart_successful: bool = False,
        node_field_selector: str = "",
        parameters: tuple[str, ...] = (),
    ) -> Snapshot:
        """Retry a failed run in place, as ``argo retry`` does: same uid, a new ``startedAt``.

        The server's API knows no precondition. It is checked here right before: who writes in the moment between is
        seen by the server's own PUT, which then fails.

        Args:
            namespace: of the Workflow.
            name: of the Workflow.
            uid: that it must have.
            resource_version: that it must have; None for any.
            restart_successful: run nodes again that succeeded and match the selector.
            node_field_selector: which ones, e.g. ``templateName=transform``.
            parameters: ``name=value``, in place of the Workflow's own.

        Raises:
            StaleWorkflowError: it is another one, or was written since.
            ArgoServerError: anything else. After ServerUnreachableError it may have been done.
        """
        before = (await self.fetch(namespace, name)).workflow.metadata
        if before.uid != uid or resource_version not in {None, before.resource_version}:
            raise StaleWorkflowError(f"Workflow {name} is of another uid or was written since", status=409)
        body = {
            "namespace": namespace,
            "name": name,
            "restartSuccessful": restart_successful,
            "nodeFieldSelector": node_field_selector,
            "parameters": list(parameters),
        }
        path = f"/api/v1/workflows/{_quoted(namespace)}/{_quoted(name)}/retry"
        answer = await self._server.put(ServerEndpoint.RETRY, path, json.dumps(body).encode())
        return await self._identified(answer, namespace, name, uid)

    async def _newest_uid(self, namespace: str, name: str) -> str:
        """The archive lists the newest first (``startedat desc``), without nodes."""
        params = {
            "namespace": namespace,
            # before 3.5 the namespace is a field selector only; the server takes both
            "listOptions.fieldSelector": f"metadata.namespace={namespace},metadata.name={name}",
            "listOptions.limit": "1",
        }
        body = await self._server.get(
            ServerEndpoint.ARCHIVED_WORKFLOWS, "/api/v1/archived-workflows", params=params, read=whole
        )
        try:
            found = _decode_items(body).items or []
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise await judged(self._server, ServerBadAnswerError(f"the list cannot be read: {error}")) from None
        for item in found:
            if (item.metadata.namespace, item.metadata.name) == (namespace, name) and item.metadata.uid:
                return item.metadata.uid
        raise ServerNotFoundError(f"the archive has no Workflow {name} in {namespace}", status=404)

    async def _snapshot(self, body: bytes, namespace: str, name: str, uid: str | None) -> Snapshot:
        snapshot = await self._identified(body, namespace, name, uid)
        if snapshot.nodes_state is NodesState.OFFLOADED:
            raise ServerWithoutDatabaseError("the answer still has its nodes offloaded")
        return snapshot

    async def _identified(self, body: bytes, namespace: str, name: str, uid: str | None) -> Snapshot:
        try:
            snapshot = decode_workflow(body)
        except NotAWorkflow as error:
            raise await judged(self._server, ServerBadAnswerError(f"not a Workflow: {error}")) from None
        meta = snapshot.workflow.metadata
        if not meta.name and not meta.uid:
            raise await judged(self._server, ServerBadAnswerError("the answer is no Workflow: it has no metadata"))
        if (meta.namespace, meta.name) != (namespace, name) or uid not in {None, meta.uid} or not meta.uid:
            raise ServerNotFoundError(f"no Workflow {name} in {namespace} with the wanted uid", status=404)
        return snapshot


def _quoted(part: str) -> str:
    return quote(part, safe="")
