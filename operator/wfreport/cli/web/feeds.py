"""Watches that viewers share: one for each namespace, for as long as somebody looks.

A viewer never has a queue. It waits for a newer version of the feed and renders the present state, so that a slow
viewer misses states in between, and memory does not grow with the number of changes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

from wfreport.cli.problems import UnusableInput
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.report_feed import ReportFeed
from wfreport.cli.sources.reports import Filters, ListedReport, ReportRow, decode_listed
from wfreport.kube.errors import ApiError

IDLE_SECONDS: Final = 30
"""How long a watch goes on after its last viewer: whoever opens the next page need not wait for a list."""


class TooManyFeedsError(Exception):
    """All watches of the viewer are in use."""


class SharedFeed:
    """The reports of a namespace, or of all of them, followed by one watch.

    Attributes:
        version: grows with every change.
        users: number of viewers.
    """

    def __init__(self, cluster: Cluster, namespace: str | None) -> None:
        self.version = 0
        self.users = 0
        self._feed = ReportFeed(cluster, namespace, Filters(), decode=_decode_row_only)
        self._newer = asyncio.Event()
        self._error: ApiError | UnusableInput | None = None
        self._task = asyncio.create_task(self._follow())

    def __iter__(self) -> Iterator[ReportRow]:
        return (listed.row for listed in self._feed)

    @property
    def has_failed(self) -> bool:
        """Whether the watch ended for good."""
        return self._error is not None

    async def wait_for_change(self, version: int) -> int:
        """Return the feed's version as soon as it is newer than ``version``.

        Raises:
            ApiError: the reports may not be read any more.
            UnusableInput: the cluster has no WorkflowReport kind.
        """
        while self.version <= version and self._error is None:
            await self._newer.wait()
        if self._error is not None:
            raise self._error
        return self.version

    async def close(self) -> None:
        """End the watch."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _follow(self) -> None:
        follower = asyncio.create_task(self._feed.follow())
        follower.add_done_callback(lambda _: self._feed.changed.set())
        try:
            while not follower.done():
                await self._feed.changed.wait()
                self._feed.changed.clear()
                self._announce()
            follower.result()
        except (ApiError, UnusableInput) as error:
            self._error = error
            self._announce()
        finally:
            follower.cancel()

    def _announce(self) -> None:
        self.version += 1
        waiting, self._newer = self._newer, asyncio.Event()
        waiting.set()


class Feeds:
    """The feeds of one viewer, or of all who use the same credentials.

    Args:
        cluster: the connection with these credentials.
        feeds_max: the most watches at the same time.
        idle_seconds: how long a watch goes on without a viewer.
    """

    def __init__(self, cluster: Cluster, *, feeds_max: int, idle_seconds: float = IDLE_SECONDS) -> None:
        self._cluster = cluster
        self._feeds_max = feeds_max
        self._idle_seconds = idle_seconds
        self._open: dict[str | None, SharedFeed] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, namespace: str | None) -> AsyncIterator[SharedFeed]:
        """Use the feed of a namespace; of all namespaces if it is None. Its reports have been listed.

        Raises:
            TooManyFeedsError: all feeds are in use.
            ApiError: the reports may not be read.
            UnusableInput: the cluster has no WorkflowReport kind.
        """
        feed = self._feed_of(namespace)
        feed.users += 1
        try:
            await feed.wait_for_change(0)
            yield feed
        finally:
            feed.users -= 1
            if feed.has_failed:
                self._remove(namespace, feed)
            else:
                asyncio.get_running_loop().call_later(self._idle_seconds, self._remove_if_idle, namespace, feed)

    async def close(self) -> None:
        """End all watches."""
        for namespace, feed in list(self._open.items()):
            self._remove(namespace, feed)
        await asyncio.gather(*self._closing)

    def _feed_of(self, namespace: str | None) -> SharedFeed:
        feed = self._open.get(namespace)
        if feed is None or feed.has_failed:
            if len(self._open) >= self._feeds_max:
                self._make_room()
            feed = self._open[namespace] = SharedFeed(self._cluster, namespace)
        return feed

    def _make_room(self) -> None:
        unused = next((entry for entry in self._open.items() if not entry[1].users), None)
        if unused is None:
            raise TooManyFeedsError
        self._remove(*unused)

    def _remove_if_idle(self, namespace: str | None, feed: SharedFeed) -> None:
        if not feed.users:
            self._remove(namespace, feed)

    def _remove(self, namespace: str | None, feed: SharedFeed) -> None:
        if self._open.get(namespace) is feed:
            del self._open[namespace]
            closing = asyncio.get_running_loop().create_task(feed.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _decode_row_only(raw: msgspec.Raw) -> ListedReport:
    """Decode what a list shows; the report itself does not stay in memory."""
    return ListedReport(decode_listed(raw).row, msgspec.Raw())
