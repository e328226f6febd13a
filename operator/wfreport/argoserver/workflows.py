"""Runs from Argo Server: those in the cluster with their offloaded nodes, and those in the archive.

The server may see more than our user may. A response must have the requested namespace, name and, if given, uid;
otherwise the run counts as not found, and nothing of the response is disclosed.
"""

import json
from typing import Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, read_body, server_path
from wfreport.argoserver.errors import (
    ServerBadResponseError,
    ServerNotFoundError,
    ServerRefusedError,
    ServerWithoutDatabaseError,
)
from wfreport.argoserver.version import version_checked
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.large_work import is_large_json, run_by_size


class _WorkflowMeta(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""


class _ListedWorkflow(Struct, frozen=True):
    metadata: _WorkflowMeta = _WorkflowMeta()


class _Items(Struct, frozen=True):
    items: list[_ListedWorkflow] | None = None


_decode_items: Final = json_decoder(_Items)


class StaleWorkflowError(ServerRefusedError):
    """The Workflow has changed, or was replaced, since the action was decided."""


class ServerWorkflows:
    """Reads runs and retries them. The CLI uses it, too."""

    def __init__(self, server: ArgoServer) -> None:
        self._server = server

    async def fetch(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        """Fetch a Workflow with all its nodes; the server reads the archive if the cluster no longer has it.

        Raises:
            ServerNotFoundError: it does not exist, or has another uid.
            ArgoServerError: the request failed.
        """
        path = server_path("api/v1/workflows", namespace, name)
        params = {"uid": uid} if uid else None
        body = await self._server.get(ServerEndpoint.WORKFLOW, path, params=params, read=read_body)
        return await self._snapshot(body, namespace, name, uid)

    async def fetch_archived(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        """Fetch a run from the archive: that of this uid, else the newest of this name.

        Raises:
            ServerNotFoundError: it does not exist, or has another namespace or name.
            ServerWithoutDatabaseError: there is no archive.
            ArgoServerError: the request failed.
        """
        archived_uid = uid or await self._newest_uid(namespace, name)
        path = server_path("api/v1/archived-workflows", archived_uid)
        # Argo 4.1 and later check these as well; earlier versions ignore them
        params = {"namespace": namespace, "name": name}
        body = await self._server.get(ServerEndpoint.ARCHIVED_WORKFLOW, path, params=params, read=read_body)
        return await self._snapshot(body, namespace, name, archived_uid)

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

        The server's API has no preconditions, so they are checked here immediately before. A write in between makes
        the server's own update fail.

        Args:
            namespace: of the Workflow.
            name: of the Workflow.
            uid: the uid that it must have.
            resource_version: the resourceVersion that it must have; None: any.
            restart_successful: run successful nodes again if they match the selector.
            node_field_selector: selects those nodes, e.g. ``templateName=transform``.
            parameters: ``name=value``, which override the Workflow's own.

        Raises:
            StaleWorkflowError: the Workflow has changed, or was replaced.
            ArgoServerError: the request failed. After ServerUnreachableError, it may have taken effect.
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
        path = server_path("api/v1/workflows", namespace, name, "retry")
        response = await self._server.put(ServerEndpoint.RETRY, path, json.dumps(body).encode())
        return await self._identified(response, namespace, name, uid)

    async def _newest_uid(self, namespace: str, name: str) -> str:
        """Return the uid of the first item; the archive lists the newest run first (``startedat desc``)."""
        params = {
            "namespace": namespace,
            # before 3.5 the namespace must be a field selector; the server accepts both
            "listOptions.fieldSelector": f"metadata.namespace={namespace},metadata.name={name}",
            "listOptions.limit": "1",
        }
        body = await self._server.get(
            ServerEndpoint.ARCHIVED_WORKFLOWS, "/api/v1/archived-workflows", params=params, read=read_body
        )
        try:
            runs = _decode_items(body).items or []
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise await version_checked(
                self._server, ServerBadResponseError(f"the list cannot be decoded: {error}")
            ) from None
        for item in runs:
            if (item.metadata.namespace, item.metadata.name) == (namespace, name) and item.metadata.uid:
                return item.metadata.uid
        raise ServerNotFoundError(f"the archive has no Workflow {name} in {namespace}", status=404)

    async def _snapshot(self, body: bytes, namespace: str, name: str, uid: str | None) -> Snapshot:
        snapshot = await self._identified(body, namespace, name, uid)
        if snapshot.nodes_state is NodesState.OFFLOADED:
            raise ServerWithoutDatabaseError("the nodes in the response are still offloaded")
        return snapshot

    async def _identified(self, body: bytes, namespace: str, name: str, uid: str | None) -> Snapshot:
        try:
            snapshot = await run_by_size(is_large_json(body), decode_workflow, body)
        except NotAWorkflow as error:
            raise await version_checked(self._server, ServerBadResponseError(f"not a Workflow: {error}")) from None
        meta = snapshot.workflow.metadata
        if not meta.name and not meta.uid:
            raise await version_checked(
                self._server, ServerBadResponseError("not a Workflow: the response has no metadata")
            )
        if (meta.namespace, meta.name) != (namespace, name) or uid not in {None, meta.uid} or not meta.uid:
            raise ServerNotFoundError(f"no Workflow {name} in {namespace} with the requested uid", status=404)
        return snapshot
