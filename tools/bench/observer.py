"""Watches reports independently of the operator: when each run is reported, and whether correctly."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import msgspec

from bench.controller import Ended
from bench.freshness import State

REPORTS = "/apis/wfreport.dev/v1alpha1/workflowreports"
COMPLETED = frozenset({"Succeeded", "Failed", "Error"})
Key = tuple[str, str]


class Observed(msgspec.Struct, frozen=True, rename="camel"):
    """``status.observedWorkflow``."""

    phase: str = ""


class Counts(msgspec.Struct, frozen=True):
    """``status.counts``: the used fields."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    errored: int = 0
    skipped: int = 0
    omitted: int = 0


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """An item of ``status.failures``."""

    role: str = ""
    pod_name: str = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """``status``: the checked fields."""

    observed_workflow: Observed = Observed()
    failures: tuple[Failure, ...] = ()
    counts: Counts | None = None


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """``metadata``: the used fields."""

    namespace: str = ""
    resource_version: str = ""


class Report(msgspec.Struct, frozen=True):
    """A report; its spec is not decoded."""

    metadata: Meta = Meta()
    spec: dict[str, Any] = {}
    status: Status = Status()

    @property
    def key(self) -> Key:
        """Namespace and name of the Workflow."""
        return self.metadata.namespace, str(self.spec.get("workflowRef", {}).get("name", ""))

    @property
    def failed_pods(self) -> int:
        """Number of failed pods with role RootCause."""
        return sum(1 for failure in self.status.failures if failure.role == "RootCause" and failure.pod_name)


class Reports(msgspec.Struct, frozen=True):
    """A list of reports."""

    metadata: Meta
    items: tuple[Report, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """A watch event."""

    type: str
    object: Report


_decode_list = msgspec.json.Decoder(Reports).decode
_decode_event = msgspec.json.Decoder(Event).decode


class Observer:
    """Records when each run is first reported as completed."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.reported_at: dict[Key, float] = {}
        self.shown: defaultdict[Key, list[State]] = defaultdict(list)

    async def fetch_all(self) -> Reports:
        """List all reports."""
        async with self._session.get(REPORTS) as response:
            response.raise_for_status()
            return _decode_list(await response.read())

    async def watch(self) -> None:
        """Watch forever; resume an ended watch at its last resourceVersion."""
        version = (await self.fetch_all()).metadata.resource_version
        while True:
            query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "1"}
            timeout = aiohttp.ClientTimeout(total=None)
            async with self._session.get(REPORTS, params=query, timeout=timeout) as response:
                response.raise_for_status()
                async for line in _lines(response.content):
                    version = self._observe(_decode_event(line))

    def _observe(self, event: Event) -> str:
        if event.type == "ERROR":
            raise RuntimeError("the observer's watch was cut off: the measurement would have a hole")
        if event.object.status.observed_workflow.phase in COMPLETED and event.type != "DELETED":
            self.reported_at.setdefault(event.object.key, time.monotonic())
        if event.object.status.counts:
            self.shown[event.object.key].append(_state_shown(event.object.status.counts))
        return event.object.metadata.resource_version

    async def wait(self, expected: Sequence[Ended], *, patience_seconds: float) -> None:
        """Return when all runs are reported, or after ``patience_seconds`` without a new report."""
        wanted = {(one.namespace, one.name) for one in expected}
        known, since = -1, time.monotonic()
        while not wanted <= self.reported_at.keys():
            if len(self.reported_at) > known:
                known, since = len(self.reported_at), time.monotonic()
            if time.monotonic() - since > patience_seconds:
                return
            await asyncio.sleep(0.1)

    async def check(self, expected: Sequence[Ended]) -> tuple[int, int]:
        """Return the number of runs without a final report, and with a wrong one."""
        reports = {report.key: report for report in (await self.fetch_all()).items}
        found = [(one, reports.get((one.namespace, one.name))) for one in expected]
        done = [(one, report) for one, report in found if report and report.status.observed_workflow.phase in COMPLETED]
        wrong = sum(
            1
            for one, report in done
            if report.status.observed_workflow.phase != one.phase or report.failed_pods != one.failed_pods
        )
        return len(expected) - len(done), wrong

    def lags_seconds(self, expected: Sequence[Ended]) -> list[float]:
        """Return the times from the end of each run to its report, sorted."""
        keys = [(one, (one.namespace, one.name)) for one in expected]
        return sorted(self.reported_at[key] - one.at_seconds for one, key in keys if key in self.reported_at)


def _state_shown(counts: Counts) -> State:
    failed = counts.failed + counts.errored
    ended = counts.succeeded + failed + counts.skipped + counts.omitted
    return State(time.monotonic(), failed, counts.total + ended)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
