"""Polls the running Workflows in batches, within the rate of polls."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wfreport.cache.running import RunningWorkflows
from wfreport.kube.objects import NamespacedName
from wfreport.kube.read_ahead import WorkflowBody
from wfreport.kube.workflows import NOT_COMPLETED
from wfreport.reconcile.chunked_reads import ChunkedReader
from wfreport.runtime.periodic import run_guarded
from wfreport.runtime.requests import ReconcileRequests

FEW: Final = 4
"""Up to this number, Workflows are read by a GET each."""

LISTED_SHARE: Final = 0.5
"""A list is cheaper than GETs if at least this share of what it returns is wanted."""

SLOW_SECONDS: Final = 0.25
"""If a list takes longer than this for each wanted Workflow, the API server hardly serves it from its cache: before
Kubernetes 1.34, it reads all Workflows from etcd to find the running ones."""

_SLOW_LIST_SECONDS: Final = 5
"""No faster list is slow, however few it returned: the machine may be busy."""

_SLOW_LISTS: Final = 2
"""No lists are made after this number of slow ones in a row: a single one may have met a busy moment."""

_SLOW_LIST_PAUSE_SECONDS: Final = 600

_PAUSE_SHARE: Final = 0.2
"""The share of the time between two batches for which no batch is read, however long the last one took."""


class Poller:
    """Requests the reconciles of running Workflows."""

    def __init__(
        self,
        *,
        running: RunningWorkflows,
        requests: ReconcileRequests,
        reader: ChunkedReader,
        is_cluster_wide: bool,
        count_bug: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Create a poller.

        Args:
            running: the running Workflows.
            requests: has those that are reconciled anyway, and takes the requests for the others.
            reader: reads several at once.
            is_cluster_wide: whether one list may read all namespaces.
            count_bug: counts a batch that failed by an unexpected exception.
            sleep: replaced by tests.
        """
        self._running = running
        self._requests = requests
        self._reader = reader
        self._is_cluster_wide = is_cluster_wide
        self._count_bug = count_bug
        self._sleep = sleep
        self._no_lists_until = 0.0
        self._slow_lists = 0

    async def run(self) -> None:
        """Poll for ever. The time that a batch takes to be read is part of the time until the next one.

        An unexpected exception ends the batch, not the polls.
        """
        next_at = self._running.now()
        while True:
            now, interval = self._running.now(), self._running.policy.batch_seconds
            next_at = max(next_at + interval, now + interval * _PAUSE_SHARE)
            await self._sleep(next_at - now)
            await run_guarded(self.poll, task="polls", count_bug=self._count_bug)

    async def poll(self) -> None:
        """Request one batch of reconciles."""
        batch = self._running.take_batch(busy=self._requests)
        lists = self._lists(batch) if self._running.now() >= self._no_lists_until else {}
        listed = {name for names in lists.values() for name in names}
        for name in batch:
            if name not in listed:
                self._requests.poll(name)
        if not lists:
            return
        began_at = self._running.now()
        await self._reader.read(lists, label_selector=NOT_COMPLETED, is_usable=self._is_usable)
        self._observe_list(self._running.now() - began_at, wanted=len(listed))

    def _observe_list(self, seconds: float, *, wanted: int) -> None:
        """Make no lists for a while after slow ones in a row. The first one after that is one more of the row."""
        is_slow = seconds > max(_SLOW_LIST_SECONDS, SLOW_SECONDS * wanted)
        self._slow_lists = self._slow_lists + 1 if is_slow else 0
        if self._slow_lists >= _SLOW_LISTS:
            self._no_lists_until = self._running.now() + _SLOW_LIST_PAUSE_SECONDS

    def _lists(self, batch: Sequence[NamespacedName]) -> dict[str | None, set[NamespacedName]]:
        """Return what to read by lists, by namespace; None for a list of the whole cluster."""
        if self._is_cluster_wide and _is_worth_a_list(len(batch), len(self._running)):
            return {None: set(batch)}
        running, wanted = Counter(self._running.namespaces()), defaultdict[str | None, set[NamespacedName]](set)
        for name in batch:
            wanted[name[0]].add(name)
        return {scope: names for scope, names in wanted.items() if _is_worth_a_list(len(names), running[scope or ""])}

    def _is_usable(self, listed: WorkflowBody) -> bool:
        running = self._running.get(listed.name)
        return running is not None and running.uid == listed.meta.uid and running.version <= listed.meta.version


def _is_worth_a_list(wanted: int, returned: int) -> bool:
    return wanted > FEW and wanted >= LISTED_SHARE * returned
