"""Argo Workflows at the API server.

Only the action handlers in `wfreport.remediation.actions` may write a Workflow. Resubmit and
RaiseMemory create one, Stop patches ``spec.shutdown`` and an annotation; `workflow_documents` gives them that right.
Everything else gets `Workflows` or a `ResourceReader`, which have no method that writes. Retry writes through Argo
Server (`wfreport.argoserver.workflows`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import msgspec

from wfreport.api.argo import LABEL_COMPLETED, LABEL_CONTROLLER_INSTANCE_ID, Workflow
from wfreport.api.nesting import json_decoder
from wfreport.kube.client import Client
from wfreport.kube.errors import AheadError, NotFoundError
from wfreport.kube.kinds import WORKFLOW
from wfreport.kube.objects import Item, ObjectMeta
from wfreport.kube.read_ahead import ReadAhead, WorkflowBody
from wfreport.kube.resource import Document, Resource, documents

WORKFLOWS: Final = WORKFLOW.plural
COMPLETED: Final = f"{LABEL_COMPLETED}=true"
NOT_COMPLETED: Final = f"{LABEL_COMPLETED}!=true"
RUNNING: Final = f"{LABEL_COMPLETED}=false"
"""The label selectors of Workflows that have ended, that have not, and that Argo's controller runs."""

_decode_item = json_decoder(Item)


def workflow_selector(*, instance_id: str, label_selector: str) -> str:
    """Return the label selector of every stream and list of Workflows (Argo: util/instanceid)."""
    instance = f"{LABEL_CONTROLLER_INSTANCE_ID}={instance_id}" if instance_id else ""
    return ",".join(part for part in (instance, label_selector) if part)


def workflow_documents(client: Client) -> Resource[Document]:
    """Return the Workflows with the right to write; see the module's docstring for its holders."""
    return documents(client, WORKFLOW)


class Workflows:
    """The Workflows of the watched namespaces, read only."""

    def __init__(
        self,
        client: Client,
        *,
        namespaces: Sequence[str | None],
        instance_id: str,
        label_selector: str,
        chunk_size: int,
    ) -> None:
        """Create the Workflows of one Argo controller (``instance_id``; empty for all) that the selector selects."""
        self._metadata = Resource(
            client, WORKFLOW, Item, namespaces=namespaces, chunk_size=chunk_size, metadata_only=True
        )
        self._heads = Resource(client, WORKFLOW, Workflow, metadata_only=True)
        self._documents = documents(client, WORKFLOW)
        self._raw = Resource(client, WORKFLOW, msgspec.Raw)
        self.read_ahead = ReadAhead()
        self._instance_id = instance_id
        self.selector = workflow_selector(instance_id=instance_id, label_selector=label_selector)

    def has_instance_id(self, labels: Mapping[str, str]) -> bool:
        """Return whether a Workflow with these labels belongs to the selected controller: a GET does not select."""
        return not self._instance_id or labels.get(LABEL_CONTROLLER_INSTANCE_ID, "") == self._instance_id

    async def get_json(self, namespace: str, name: str, *, min_resource_version: int) -> bytes:
        """GET a Workflow from the API server's cache if that has reached ``min_resource_version``, else from etcd.

        Raises:
            NotFoundError: the Workflow does not exist.
            ApiError: the request failed.
        """
        if min_resource_version:
            try:
                return await self._documents.get_json(namespace, name, min_resource_version=min_resource_version)
            except AheadError:
                pass  # the cache lags behind our event, or etcd was restored from a backup
        return await self._documents.get_json(namespace, name)

    async def get_head(self, namespace: str, name: str) -> Workflow:
        """GET the metadata of a Workflow, as a Workflow without spec and status.

        Raises:
            NotFoundError: the Workflow does not exist.
            ApiError: the request failed.
        """
        return await self._heads.get(namespace, name)

    async def get_uid(self, namespace: str, name: str) -> str | None:
        """Return the uid of the Workflow of that name as etcd has it now; None if it does not exist.

        Raises:
            ApiError: the request failed.
        """
        try:
            return (await self._metadata.get(namespace, name)).metadata.uid
        except NotFoundError:
            return None

    async def list_metadata(self, *, label_selector: str = "") -> AsyncIterator[ObjectMeta]:
        """List the metadata of all Workflows, running and completed, or of those that ``label_selector`` selects too.

        Raises:
            ApiError: a page failed.
        """
        async for item in self._metadata.list(label_selector=self._selected(label_selector)):
            yield item.metadata

    async def list_page(
        self, namespace: str | None, *, label_selector: str, limit: int, continue_token: str
    ) -> tuple[list[WorkflowBody], str]:
        """List whole Workflows: return a page and the token to continue with, which is empty after the last page.

        Raises:
            GoneError: the list took so long that its snapshot expired.
            ApiError: the request failed.
        """
        page = await self._raw.list_page(
            namespace, label_selector=self._selected(label_selector), limit=limit, continue_token=continue_token
        )
        bodies = [bytes(raw) for raw in page.items or ()]
        return [WorkflowBody(_metadata_of(body), body) for body in bodies], page.metadata.continue_token

    def _selected(self, label_selector: str) -> str:
        return ",".join(part for part in (self.selector, label_selector) if part)


def _metadata_of(body: bytes) -> ObjectMeta:
    """Return a Workflow's metadata; empty if it is not valid, so that nobody asks for it."""
    try:
        return _decode_item(body).metadata
    except msgspec.MsgspecError:
        return ObjectMeta()
