"""Floods the operator from one namespace, one kind of good after the other, and measures another namespace meanwhile.

`python -m bench flood`: one operator on one control plane. Without a flood first, then with each, the neighbour's
Workflows fail one by one; the time to each reaction of the operator is measured (p50 and p95).
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from bench.kinds import OWN, PODS, WORKFLOWS, ended, evicted, pod_document, policy_document, report_document, running
from bench.neighbour import GOODS, Inbox, Neighbour, serving
from bench.operators import OPERATOR_USER, Operator, Program
from controlplane import ApiError, AsyncApi, ControlPlane
from controlplane.paths import REPO_ROOT
from controlplane.progress import echo

FLOOD, NEIGHBOUR, SYSTEM = "flood", "neighbour", "wfreport-system"
SLACK_SECONDS: Final = 2
"""The neighbour's p95 may be this much above its p95 without a flood."""

_HANG_SECONDS: Final = 600
_ARCHIVE_SECONDS: Final = 5
_WRITERS: Final = 4
_WARM_UP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a flood may use.

    Attributes:
        api: the API server.
        dead_url: an endpoint that accepts messages and never answers.
    """

    api: AsyncApi
    dead_url: str


@dataclass(frozen=True, slots=True)
class Flood:
    """A flood of one kind of good.

    Attributes:
        name: the good.
        pour: creates what number n of the flood consists of.
        size: how much is poured at most.
        rule: rule of the policy in the flooding namespace; None for no policy.
    """

    name: str
    pour: Callable[[Stage, int], Awaitable[object]]
    size: int
    rule: Callable[[Stage], dict[str, object]] | None = None


async def _ended_run(stage: Stage, number: int) -> None:
    """Create a Workflow that has failed: a completion, a report, and with a policy an action."""
    name = f"run-{number}"
    await stage.api.post(WORKFLOWS.format(FLOOD), ended(running(name, FLOOD, pods=5), "Failed"))


async def _evicted_pod(stage: Stage, number: int) -> None:
    """Create a pod that is evicted, ten for each Workflow."""
    name = f"evicted-{number // 10}"
    if number % 10 == 0:
        await stage.api.post(WORKFLOWS.format(FLOOD), running(name, FLOOD, pods=10))
    workflow = await stage.api.get(f"{WORKFLOWS.format(FLOOD)}/{name}")
    pod = f"{name}-pod-{number % 10}"
    await stage.api.post(PODS.format(FLOOD), pod_document(pod, workflow))
    await stage.api.patch(f"{PODS.format(FLOOD)}/{pod}/status", evicted())


def _report_of(source: str) -> Callable[[Stage, int], Awaitable[object]]:
    async def pour(stage: Stage, number: int) -> None:
        body = report_document(f"{source.lower()}-{number}", source)
        await stage.api.post(OWN.format(FLOOD, "workflowreports"), body)

    return pour


def _notify(stage: Stage) -> dict[str, object]:
    return {"name": "all", "match": {}, "notify": {"sinks": [{"name": "dead", "cloudEvents": {"url": stage.dead_url}}]}}


def _resubmit(_: Stage) -> dict[str, object]:
    return {"name": "all", "match": {}, "action": {"resubmit": {}}}


FLOODS: Final = (
    Flood("queue keys", _ended_run, 3000),
    Flood("failed pods", _evicted_pod, 1500),
    Flood("Argo Server", _report_of("Archive"), 1000),
    Flood("notifications", _ended_run, 1000, _notify),
    Flood("remediations", _ended_run, 1000, _resubmit),
    Flood("reports of users", _report_of("Cluster"), 5000),
)


class _Pour:
    """A flood that runs until it is stopped, at a rate that leaves the API server time for others."""

    def __init__(self, flood: Flood, stage: Stage, size: int, rate: float) -> None:
        self._flood, self._stage, self._size = flood, stage, size
        self._interval_seconds = _WRITERS / rate
        self.poured = 0

    async def run(self) -> None:
        if self._flood.rule:
            policy = policy_document(FLOOD, self._flood.rule(self._stage))
            await self._stage.api.post(OWN.format(FLOOD, "remediationpolicies"), policy)
            await asyncio.sleep(_WARM_UP_SECONDS)  # it acts on runs that fail from now on
        await asyncio.gather(*(self._write(first) for first in range(_WRITERS)))

    async def _write(self, first: int) -> None:
        next_at = time.monotonic()
        for number in range(first * self._size // _WRITERS, (first + 1) * self._size // _WRITERS):
            try:
                await self._flood.pour(self._stage, number)
            except TimeoutError:
                continue
            except ApiError as error:
                if error.status not in {404, 409}:
                    raise
            self.poured += 1
            next_at += self._interval_seconds
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))


async def _clean(api: AsyncApi) -> None:
    """Delete what a flood left."""
    for path in (
        OWN.format(FLOOD, "remediationpolicies"),
        PODS.format(FLOOD),
        WORKFLOWS.format(FLOOD),
        OWN.format(FLOOD, "remediations"),
        OWN.format(FLOOD, "workflowreports"),
    ):
        while True:
            with suppress(TimeoutError):  # of a busy machine; what is left is deleted by the next try
                await api.delete(path, gracePeriodSeconds=0)
                break


async def _probes(neighbour: Neighbour, phase: str, count: int) -> dict[str, list[float]]:
    """Let the neighbour's Workflows fail one by one; return the seconds of each reaction."""
    taken: dict[str, list[float]] = {good: [] for good in GOODS}
    for number in range(count):
        for good, seconds in (await neighbour.probe(f"{phase}-{number}")).items():
            taken[good].append(seconds)
    return taken


async def _measured(options: argparse.Namespace) -> list[tuple[str, int, dict[str, list[float]]]]:
    plane = ControlPlane(workflow_crds="minimal", users={OPERATOR_USER: ["system:masters"]})
    with plane:
        for namespace in (FLOOD, NEIGHBOUR, SYSTEM):
            plane.create_namespace(namespace)
        inbox = Inbox()
        async with (
            serving(inbox.receive) as inbox.url,
            serving(_hang, "127.0.0.2") as dead_url,  # a host of its own: messages to one host go one by one
            serving(_archive) as argo_url,
            plane.api.session() as api,
            _operator(plane, argo_url, options.log),
        ):
            stage, neighbour = Stage(api, dead_url), Neighbour(api, NEIGHBOUR, inbox)
            await neighbour.apply_policy()
            await _probes(neighbour, "warm-up", 1)
            echo("without a flood")
            found = [("none", 0, await _probes(neighbour, "none", options.probes))]
            echo(table(found).rpartition("\n")[2])
            for number, flood in enumerate(each for each in FLOODS if each.name in (options.only or _NAMES)):
                echo(f"flood of {flood.name}")
                pour = _Pour(flood, stage, max(1, int(flood.size * options.scale)), options.rate)
                pouring = asyncio.create_task(pour.run())
                await asyncio.sleep(_WARM_UP_SECONDS)
                taken = await _probes(neighbour, f"flood-{number}", options.probes)
                found.append((flood.name, pour.poured, taken))
                echo(table(found[-1:]).rpartition("\n")[2])
                pouring.cancel()
                await asyncio.gather(pouring, return_exceptions=True)
                await _clean(api)
                await asyncio.sleep(_WARM_UP_SECONDS)
            return found


@asynccontextmanager
async def _operator(plane: ControlPlane, argo_url: str, log: Path) -> AsyncIterator[None]:
    env = {
        "HTTP_PORT": "0",
        "LEADER_ELECTION": "true",
        "LEASE_NAMESPACE": SYSTEM,
        "NOTIFY_LOOPBACK": "true",
        "ARGO_SERVER_URL": argo_url,
        "REMEDIATION_MAX_PER_HOUR": "10000",
        "REMEDIATION_MAX_PER_HOUR_PER_NAMESPACE": "2000",
    }
    program = Program(
        "wfreport",
        (sys.executable, "-m", "wfreport", "run"),
        {f"WFREPORT_{name}": value for name, value in env.items()},
    )
    operator = await Operator.start(program, kubeconfig=plane.kubeconfig_for(OPERATOR_USER), log=log)
    try:
        yield
        operator.ensure_running()
    finally:
        await operator.stop()


async def _hang(_: web.Request) -> web.Response:
    await asyncio.sleep(_HANG_SECONDS)
    return web.Response()


async def _archive(request: web.Request) -> web.Response:
    """Answer as a slow Argo Server without any archived run."""
    if request.path.endswith("/version"):
        return web.json_response({"version": "v4.0.5"})
    await asyncio.sleep(_ARCHIVE_SECONDS)
    return web.json_response({"items": None, "metadata": {}})


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def table(found: Sequence[tuple[str, int, dict[str, list[float]]]]) -> str:
    """Return the neighbour's p50 and p95 in seconds, as Markdown."""
    lines = [
        f"| flood | objects | {' | '.join(f'{good} p50 / p95' for good in GOODS)} |",
        f"| --- | --: |{' --: |' * len(GOODS)}",
    ]
    for name, poured, taken in found:
        cells = [f"{statistics.median(taken[good]):.2f} / {percentile(taken[good], 0.95):.2f}" for good in GOODS]
        lines.append(f"| {name} | {poured:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def excess(found: Sequence[tuple[str, int, dict[str, list[float]]]]) -> list[str]:
    """Return what is later than it may be."""
    calm = {good: percentile(found[0][2][good], 0.95) for good in GOODS}
    return [
        f"{good} with a flood of {name}: p95 {percentile(taken[good], 0.95):.2f} s, without {calm[good]:.2f} s"
        for name, _, taken in found[1:]
        for good in GOODS
        if percentile(taken[good], 0.95) > calm[good] + SLACK_SECONDS
    ]


_NAMES = [flood.name for flood in FLOODS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Return 0 if the neighbour is never late by more than the slack, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench flood", description=__doc__)
    parser.add_argument("--probes", type=int, default=12, help="failures of the neighbour in each phase")
    parser.add_argument("--scale", type=float, default=1, help="factor on the size of each flood")
    parser.add_argument("--rate", type=float, default=50, help="objects a second at most, default %(default)s")
    parser.add_argument("--only", action="append", choices=_NAMES, help="only this flood; may be repeated")
    parser.add_argument("--log", type=Path, default=REPO_ROOT / ".cache" / "bench" / "flood.log", help="operator's log")
    found = asyncio.run(_measured(parser.parse_args(arguments)))
    late = excess(found)
    sys.stdout.write("\n".join([table(found), "", *(late or [f"nothing is later by more than {SLACK_SECONDS} s"]), ""]))
    return bool(late)
