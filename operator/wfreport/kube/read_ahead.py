"""Workflows that a list has read for reconciles that are to come.

One page of a list costs less than a GET of each of its Workflows, here and at the API server. A reconcile takes the
body that was read for it, if that is at least as new as everything that is known of the Workflow; else it makes a GET.
So a list changes what a reconcile costs, and never what it sees.
"""

import asyncio
from typing import Final

from msgspec import Struct

from wfreport.kube.objects import NamespacedName, ObjectMeta

MAX_BYTES: Final = 2 << 20
"""Bodies that wait for their reconciles before the next page is read."""

PATIENCE_SECONDS: Final = 30
"""After this time without room, the bodies are dropped: their reconciles are late, and make a GET then."""


class WorkflowBody(Struct, frozen=True):
    """A Workflow as a list returned it.

    Attributes:
        meta: its metadata.
        body: its JSON.
    """

    meta: ObjectMeta
    body: bytes

    @property
    def name(self) -> NamespacedName:
        """Namespace and name."""
        return (self.meta.namespace, self.meta.name)


class ReadAhead:
    """The bodies that wait for their reconciles, by name."""

    def __init__(self) -> None:
        self._bodies: dict[NamespacedName, WorkflowBody] = {}
        self._bytes = 0
        self._taken = asyncio.Event()

    def put(self, listed: WorkflowBody) -> None:
        """Keep a Workflow until its reconcile takes it."""
        self._drop(listed.name)
        self._bodies[listed.name] = listed
        self._bytes += len(listed.body)

    def take(self, name: NamespacedName, *, min_resource_version: int) -> bytes | None:
        """Remove a Workflow and return its body; None if there is none of at least this version."""
        listed = self._drop(name)
        return listed.body if listed and listed.meta.version >= max(1, min_resource_version) else None

    async def wait_for_room(self) -> None:
        """Wait until there is room for another page."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._bytes > MAX_BYTES:
                    self._taken.clear()
                    await self._taken.wait()
        except TimeoutError:
            self._bodies.clear()
            self._bytes = 0

    def _drop(self, name: NamespacedName) -> WorkflowBody | None:
        listed = self._bodies.pop(name, None)
        if listed:
            self._bytes -= len(listed.body)
            self._taken.set()
        return listed
