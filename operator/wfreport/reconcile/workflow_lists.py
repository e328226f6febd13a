"""Lists the Workflows for a resync: their metadata, and whole those that have to be reconciled."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.workflows import COMPLETED, RUNNING, Workflows
from wfreport.reconcile.chunked_reads import ChunkedReader
from wfreport.runtime.requests import ReconcileRequests
from wfreport.runtime.workqueue import Priority
from wfreport.watch.first_list import FirstList

FEW: Final = 10
"""Up to this number of a namespace, ended runs are read by a GET each."""

LISTED_SHARE: Final = 0.5
"""Ended runs are read by lists if at least this share of those in the namespace is wanted."""


class WorkflowLists:
    """Lists Workflows, as cheaply as the occasion allows."""

    def __init__(
        self, workflows: Workflows, reader: ChunkedReader, requests: ReconcileRequests, first_list: FirstList | None
    ) -> None:
        """Create lists; ``first_list``: the Workflows that the streams listed at the start, if they are collected."""
        self._workflows = workflows
        self._reader = reader
        self._requests = requests
        self._first_list = first_list

    async def metadata(self) -> AsyncIterator[ObjectMeta]:
        """Yield the metadata of all Workflows. The first time, the streams have listed those that do not run.

        A Workflow that ended between the two lists is in neither, but its end is an event.

        Raises:
            ApiError: a page failed.
        """
        first_list, self._first_list = self._first_list, None
        collected = await first_list.take() if first_list else None
        for meta in collected or ():
            yield meta
        async for meta in self._workflows.list_metadata(label_selector="" if collected is None else RUNNING):
            yield meta

    async def read(self, wanted: Sequence[ObjectMeta], completed: Mapping[str, int]) -> None:
        """Request the reconcile of ended runs. Return when those that are read by lists are nearly done.

        Args:
            wanted: their metadata.
            completed: the number of ended runs by namespace.
        """
        by_namespace: defaultdict[str, list[ObjectMeta]] = defaultdict(list)
        for meta in wanted:
            by_namespace[meta.namespace].append(meta)
        lists: dict[str | None, set[NamespacedName]] = {}
        for namespace, metas in by_namespace.items():
            if len(metas) > FEW and len(metas) >= LISTED_SHARE * completed[namespace]:
                lists[namespace] = {(meta.namespace, meta.name) for meta in metas}
                continue
            for meta in metas:
                name = (meta.namespace, meta.name)
                self._requests.enqueue_workflow(name, Priority.URGENT, min_resource_version=meta.version)
        await self._reader.read(lists, label_selector=COMPLETED)
