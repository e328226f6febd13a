"""Keeps reports current by a watch, and signals each change of them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from wfreport.backoff import doubling_delay
from wfreport.cli.problems import UnusableInput
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.reports import NO_REPORTS_KIND, Filters, ListedReport, decode_listed, name_of, selectors_of
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, TooLargeError, UnauthorizedError
from wfreport.kube.kinds import REPORT
from wfreport.kube.pages import PageSize
from wfreport.kube.resource import CHUNK_SIZE, Resource
from wfreport.kube.transport import RESPONSE_MAX_BYTES

_WATCH_SECONDS: Final = 300
_BACKOFF_FIRST_SECONDS: Final = 0.5
_BACKOFF_MAX_SECONDS: Final = 10


DecodeReport = Callable[[msgspec.Raw], ListedReport]


class ReportFeed:
    """The reports that match the filters which the API server applies to a watch: Workflow, CronWorkflow and labels.

    A report that this version cannot decode is left out.

    Args:
        cluster: the connection.
        namespace: None for all namespaces.
        filters: which reports to follow.
        decode: returns the part of a report that is held in memory.

    Attributes:
        changed: set whenever the reports may have changed; the reader clears it.
    """

    def __init__(
        self, cluster: Cluster, namespace: str | None, filters: Filters, *, decode: DecodeReport = decode_listed
    ) -> None:
        self.changed = asyncio.Event()
        self._reports = Resource(cluster.client, REPORT, msgspec.Raw)
        self._namespace = namespace
        self._decode = decode
        self._label_selector, self._field_selector = selectors_of(filters)
        self._current: dict[tuple[str, str], ListedReport] = {}

    def __iter__(self) -> Iterator[ListedReport]:
        return iter(list(self._current.values()))

    async def follow(self) -> None:
        """Keep the reports current until cancelled; list and watch again whenever the watch ends.

        Raises:
            UnusableInput: the cluster has no WorkflowReport kind.
            ApiError: the list was refused, or the right to it was lost.
        """
        failures = 0
        while True:
            try:
                await self._watch(await self._list())
                failures = 0
            except NotFoundError as error:
                raise UnusableInput("API server", NO_REPORTS_KIND) from error
            except OSError:
                failures += 1
            except ApiError as error:
                # reports that may not be read any more must not stay visible
                if isinstance(error, ForbiddenError | UnauthorizedError) or not (error.transient or self._current):
                    raise
                failures += 1
            # A watch that ends at once must not become a busy loop.
            delay_seconds = doubling_delay(
                failures + 1, first_seconds=_BACKOFF_FIRST_SECONDS, max_seconds=_BACKOFF_MAX_SECONDS
            )
            await asyncio.sleep(delay_seconds)

    async def _list(self) -> str:
        """List all reports; return the version to watch from."""
        found: dict[tuple[str, str], ListedReport] = {}
        token, size = "", PageSize(first=CHUNK_SIZE, most=CHUNK_SIZE, page_bytes=RESPONSE_MAX_BYTES)
        while True:
            try:
                page = await self._reports.list_page(
                    self._namespace,
                    label_selector=self._label_selector,
                    field_selector=self._field_selector,
                    limit=size.items,
                    continue_token=token,
                )
            except TooLargeError:
                if not size.shrink():
                    raise
                continue
            decoded = (self._decoded(raw) for raw in page.items or ())
            found |= {_key(listed): listed for listed in decoded if listed}
            token = page.metadata.continue_token
            if not token:
                break
        self._current = found
        self.changed.set()
        return page.metadata.resource_version

    async def _watch(self, version: str) -> None:
        events = self._reports.watch(
            self._namespace,
            resource_version=version,
            timeout_seconds=_WATCH_SECONDS,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
        async for event in events:
            listed = self._decoded(event.object)
            if listed is None or event.type == "DELETED":
                self._current.pop(name_of(event.object), None)
            elif event.type in ("ADDED", "MODIFIED"):
                self._current[_key(listed)] = listed
            self.changed.set()

    def _decoded(self, raw: msgspec.Raw) -> ListedReport | None:
        try:
            return self._decode(raw)
        except msgspec.ValidationError:
            return None


def _key(listed: ListedReport) -> tuple[str, str]:
    return listed.row.metadata.namespace, listed.row.metadata.name
