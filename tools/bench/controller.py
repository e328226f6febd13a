"""Plays Argo's controller: creates Workflows and writes their status, whole objects at a given pace."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import msgspec

from bench.freshness import State, state_of
from bench.plan import Group
from bench.workflows import Json, Played, Run, completed
from wfreport.clock import now

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows"
# Only the new resourceVersion is needed, so the response is metadata only. The real controller reads the object.
HEADERS = {
    "Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "Content-Type": "application/json",
    "User-Agent": "workflow-controller/bench",
}
PARALLEL = 12
FILL_PARALLEL = 4
"""Concurrent creations of large Workflows. One of 1,000 nodes takes seconds; more at once cause a 504."""
ENDED_AGO = timedelta(hours=2)
"""Time since the end of the Workflows that exist from the start."""


class RefusedError(Exception):
    """The API server rejected a write of the controller, which makes the measurement worthless."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended Workflow and the expected content of its report.

    Attributes:
        namespace: namespace of the Workflow.
        name: name of the Workflow.
        phase: final phase.
        failed_pods: number of its failed pods.
        at_seconds: time at which the API server had accepted its end (``time.monotonic``).
    """

    namespace: str
    name: str
    phase: str
    failed_pods: int
    at_seconds: float


class Controller:
    """Writes Workflows through its own session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._gate = asyncio.Semaphore(PARALLEL)
        self.written: defaultdict[tuple[str, str], list[State]] = defaultdict(list)

    async def fill(self, groups: Sequence[Group]) -> list[Ended]:
        """Create ended Workflows, each in one request, the large ones first."""
        ended_at, gate = now() - ENDED_AGO, asyncio.Semaphore(FILL_PARALLEL)
        runs = [run for group in sorted(groups, key=lambda group: -group.nodes) for run in group.runs()]

        async def create(run: Run) -> Ended:
            async with gate:
                await self._send("POST", _collection(run), completed(run, ended_at))
            return _ended(run)

        return list(await asyncio.gather(*map(create, runs)))

    async def drive(self, groups: Sequence[Group]) -> list[Ended]:
        """Run all groups to their ends, each at its own rate."""
        ended = await asyncio.gather(*(self._drive(group) for group in groups))
        return [one for group in ended for one in group]

    async def _drive(self, group: Group) -> list[Ended]:
        lives = [_Life(Played(run)) for run in group.runs()]
        began, steps = time.monotonic(), set()
        for number, life in enumerate(_in_turn(lives, group)):
            await asyncio.sleep(max(0.0, began + number / group.writes_per_second - time.monotonic()))
            steps.add(asyncio.create_task(self._step(life)))
        await asyncio.gather(*steps)
        return [life.ended for life in lives if life.ended]

    async def _step(self, life: _Life) -> None:
        run, body = life.played.run, life.played.body
        async with life.turn, self._gate:
            if life.step:
                body = life.played.update(life.step, now())
                body["metadata"]["resourceVersion"] = life.version
                life.version = await self._send("PUT", f"{_collection(run)}/{run.name}", body)
                self.written[run.namespace, run.name].append(state_of(body, time.monotonic()))
            else:
                life.version = await self._send("POST", _collection(run), body)
            if life.step == run.updates:
                life.ended = _ended(run)
            life.step += 1

    async def _send(self, method: str, path: str, body: Json) -> str:
        """Return the new resourceVersion.

        Raises:
            RefusedError: the API server rejected the write.
        """
        async with self._session.request(method, path, data=msgspec.json.encode(body), headers=HEADERS) as response:
            answer = await response.read()
        if not response.ok:
            raise RefusedError(f"{method} {path}: {response.status} {answer[:300]!r}")
        return str(msgspec.json.decode(answer)["metadata"]["resourceVersion"])


class _Life:
    """Progress of a running Workflow."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.step = 0
        self.version = ""
        self.ended: Ended | None = None
        self.turn = asyncio.Lock()


def _in_turn(lives: Sequence[_Life], group: Group) -> Iterator[_Life]:
    """Return the order of updates: the running Workflows mixed, the same in each measurement."""
    chance = random.Random(group.name)  # noqa: S311  (nothing secret, and it must repeat)
    waiting, running = list(lives), list[_Life]()
    left = {id(life): group.updates + 1 for life in lives}
    while waiting or running:
        while waiting and len(running) < group.active:
            running.append(waiting.pop(0))
        life = chance.choice(running)
        yield life
        left[id(life)] -= 1
        if not left[id(life)]:
            running.remove(life)


def _ended(run: Run) -> Ended:
    return Ended(run.namespace, run.name, run.phase, len(run.failures()), time.monotonic())


def _collection(run: Run) -> str:
    return WORKFLOWS.format(namespace=run.namespace)
