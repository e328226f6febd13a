"""Measures one operator on a fresh control plane: cold start, load, idle, restart."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.controller import Controller, Ended
from bench.counters import AUDIT_POLICY, Counters, read_counters
from bench.freshness import failure_ages_seconds, progress_ages_seconds
from bench.observer import Observer
from bench.operators import OPERATOR_USER, Operator, Program
from bench.plan import NAMESPACES, Plan
from bench.processes import Tree
from bench.proxy import CountingProxy
from controlplane import ControlPlane
from controlplane.crds import Flavour

_QUIET_SHARE = 0.04
_QUIET_LIMIT_SECONDS = 120
_MEGABYTE = 1e6
_FIRST_REQUEST_POLL_SECONDS = 0.005
_STARTS = frozenset({"cold", "restart"})


@dataclass(frozen=True, slots=True)
class Phase:
    """Cost of one phase. CPU is in seconds, memory and traffic in megabytes.

    Attributes:
        wall_seconds: duration.
        cpu_seconds: CPU of the operator and its children.
        peak_rss_mb: highest resident memory in the phase.
        rss_mb: resident memory at its end.
        received_mb: bytes from the API server to the operator on the wire.
        sent_mb: bytes from the operator to the API server.
        requests: requests of the operator; a watch counts when it ends.
        refused: requests with a status of 400 or more.
        requests_by_kind: requests by verb and resource.
        apiserver_cpu_seconds: CPU of kube-apiserver for all clients.
        etcd_cpu_seconds: CPU of etcd.
        others_cpu_seconds: noise: CPU of all processes outside the measurement.
        runs: runs to report.
        missing: runs without a final report.
        wrong: runs whose report has another phase or another number of failed pods.
        seconds_to_last_report: from the start of the phase.
        lag_p50_seconds: median time from the end of a run to its report.
        lag_p99_seconds: 99th percentile of the same.
        failure_age_p50_seconds: median time from a failed node in a Workflow to the report that shows it.
        failure_age_p99_seconds: 99th percentile of the same.
        progress_age_p50_seconds: median time from a new or ended node in a Workflow to the report that shows it.
        progress_age_p99_seconds: 99th percentile of the same.
        start_cpu_seconds: CPU of the operator until its first request: imports and settings.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    rss_mb: float
    received_mb: float
    sent_mb: float
    requests: int
    refused: int
    requests_by_kind: dict[str, int]
    apiserver_cpu_seconds: float
    etcd_cpu_seconds: float
    others_cpu_seconds: float
    runs: int = 0
    missing: int = 0
    wrong: int = 0
    seconds_to_last_report: float | None = None
    lag_p50_seconds: float | None = None
    lag_p99_seconds: float | None = None
    failure_age_p50_seconds: float | None = None
    failure_age_p99_seconds: float | None = None
    progress_age_p50_seconds: float | None = None
    progress_age_p99_seconds: float | None = None
    start_cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One operator, measured once."""

    operator: str
    plan: str
    workflow_crds: str
    phases: dict[str, Phase]

    def record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


async def measure(
    program: Program, plan: Plan, *, workflow_crds: Flavour, log: Path, echo: Callable[[str], None]
) -> Measurement:
    """Measure ``program`` by ``plan``.

    Raises:
        ControlPlaneError: the control plane could not be started.
        OperatorEndedError: the operator exited.
        RefusedError: the API server rejected a write of the controller.
    """
    plane = ControlPlane(
        workflow_crds=workflow_crds,
        users={OPERATOR_USER: ["system:masters"]},
        audit_policy=AUDIT_POLICY,
    )
    with plane:
        for namespace in NAMESPACES:
            plane.create_namespace(namespace)
        port = urlsplit(plane.server).port or 0
        async with CountingProxy(port) as proxy, _session(plane) as session:
            stand = _Stand(program, plan, plane, proxy, session, log, echo)
            try:
                phases = await stand.phases()
            finally:
                await stand.stop()
    return Measurement(program.name, plan.name, workflow_crds, phases)


@asynccontextmanager
async def _session(plane: ControlPlane) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the session of generator and observer as the admin, past the proxy and the audit log."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(plane.api.ca)), limit=0)
    headers = {"Authorization": f"Bearer {plane.api.token}"}
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(
        plane.server, connector=connector, headers=headers, timeout=timeout, read_bufsize=1 << 20
    ) as session:
        yield session


class _Stand:
    """A running measurement."""

    def __init__(
        self,
        program: Program,
        plan: Plan,
        plane: ControlPlane,
        proxy: CountingProxy,
        session: aiohttp.ClientSession,
        log: Path,
        echo: Callable[[str], None],
    ) -> None:
        self._program, self._plan, self._plane, self._proxy = program, plan, plane, proxy
        self._controller, self._observer = Controller(session), Observer(session)
        self._log, self._echo = log, echo
        self._operator: Operator | None = None
        self._watch: asyncio.Task[None] | None = None
        self._start_cpu_seconds: float | None = None

    async def phases(self) -> dict[str, Phase]:
        """Measure all phases in order."""
        plan, began = self._plan, time.monotonic()
        present = await self._controller.fill(plan.present)
        self._echo(f"{len(present)} Workflows in {time.monotonic() - began:.0f} s")
        self._watch = asyncio.create_task(self._observer.watch())
        await self._quiet(Tree(self._plane.components["kube-apiserver"].pid))
        return {
            "cold": await self._cold(present),
            "load": await self._load(),
            "idle": await self._idle(),
            "restart": await self._restart(present),
        }

    async def stop(self) -> None:
        """Stop all processes."""
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._stop_operator()

    async def _cold(self, present: Sequence[Ended]) -> Phase:
        before = self._counters()
        operator = await self._start_operator()
        await self._wait(present)
        await self._quiet(operator.tree)
        return await self._phase("cold", before, present)

    async def _load(self) -> Phase:
        before = self._counters()
        ended = await self._controller.drive(self._plan.load)
        await self._wait(ended)
        return await self._phase("load", before, ended)

    async def _idle(self) -> Phase:
        before = self._counters()
        await asyncio.sleep(self._plan.idle_seconds)
        return await self._phase("idle", before, ())

    async def _restart(self, present: Sequence[Ended]) -> Phase:
        await self._stop_operator()
        before = self._counters()
        operator = await self._start_operator()
        await asyncio.sleep(self._plan.quiet_seconds)
        await self._quiet(operator.tree)
        return await self._phase("restart", before, present)

    async def _phase(self, name: str, before: Counters, expected: Sequence[Ended]) -> Phase:
        operator, after = self._running(), self._counters()
        missing, wrong = await self._observer.check(expected)
        is_load = name == "load"
        lags = self._observer.lags_seconds(expected) if is_load else []
        written, shown = (self._controller.written if is_load else {}), self._observer.shown
        failures, progress = failure_ages_seconds(written, shown), progress_ages_seconds(written, shown)
        last = max((self._observer.reported_at.get((one.namespace, one.name), 0.0) for one in expected), default=0.0)
        requests = after.requests - before.requests
        refused = requests.pop("refused", 0)
        phase = Phase(
            wall_seconds=round(after.at_seconds - before.at_seconds, 2),
            cpu_seconds=round(after.operator_seconds - before.operator_seconds, 2),
            peak_rss_mb=round(operator.tree.peak_rss_bytes() / _MEGABYTE, 1),
            rss_mb=round(operator.tree.rss_bytes() / _MEGABYTE, 1),
            received_mb=round((after.received_bytes - before.received_bytes) / _MEGABYTE, 2),
            sent_mb=round((after.sent_bytes - before.sent_bytes) / _MEGABYTE, 2),
            requests=requests.total(),
            refused=refused,
            requests_by_kind=dict(requests),
            apiserver_cpu_seconds=round(after.apiserver_seconds - before.apiserver_seconds, 2),
            etcd_cpu_seconds=round(after.etcd_seconds - before.etcd_seconds, 2),
            others_cpu_seconds=round(max(0.0, after.others_seconds - before.others_seconds), 1),
            runs=len(expected),
            missing=missing,
            wrong=wrong,
            seconds_to_last_report=round(last - before.at_seconds, 1) if last > before.at_seconds else None,
            lag_p50_seconds=_quantile(lags, 0.5),
            lag_p99_seconds=_quantile(lags, 0.99),
            failure_age_p50_seconds=_quantile(failures, 0.5),
            failure_age_p99_seconds=_quantile(failures, 0.99),
            progress_age_p50_seconds=_quantile(progress, 0.5),
            progress_age_p99_seconds=_quantile(progress, 0.99),
            start_cpu_seconds=self._start_cpu_seconds if name in _STARTS else None,
        )
        operator.tree.reset_peak()
        self._echo(f"{name}: {phase.cpu_seconds} CPU s, {phase.peak_rss_mb} MB, {missing} missing, {wrong} wrong")
        return phase

    async def _wait(self, expected: Sequence[Ended]) -> None:
        if self._watch is None:
            raise RuntimeError("reports are waited for before they are watched")
        waiting = asyncio.create_task(self._observer.wait(expected, patience_seconds=self._plan.patience_seconds))
        await asyncio.wait({waiting, self._watch}, return_when=asyncio.FIRST_COMPLETED)
        self._running().ensure_running()
        if self._watch.done():
            waiting.cancel()
            self._watch.result()
        await waiting

    async def _quiet(self, tree: Tree) -> None:
        """Wait until a program is nearly idle and has no pending request."""
        seconds, deadline = self._plan.quiet_seconds, time.monotonic() + _QUIET_LIMIT_SECONDS
        while time.monotonic() < deadline:
            before = tree.cpu_seconds()
            await asyncio.sleep(seconds)
            if tree.cpu_seconds() - before <= _QUIET_SHARE * seconds and not self._proxy.is_waiting:
                return
        self._echo("did not become quiet")

    async def _start_operator(self) -> Operator:
        kubeconfig = self._plane.folder / "proxied.kubeconfig"
        direct = self._plane.kubeconfig_for(OPERATOR_USER).read_text()
        kubeconfig.write_text(direct.replace(self._plane.server, self._proxy.url))
        before = self._proxy.sent_bytes
        self._operator = await Operator.start(self._program, kubeconfig=kubeconfig, log=self._log)
        while self._proxy.sent_bytes == before:
            self._operator.ensure_running()
            await asyncio.sleep(_FIRST_REQUEST_POLL_SECONDS)
        self._start_cpu_seconds = round(self._operator.tree.cpu_seconds(), 2)
        return self._operator

    async def _stop_operator(self) -> None:
        if self._operator:
            await self._operator.stop()
            self._operator = None

    def _counters(self) -> Counters:
        return read_counters(self._plane, self._proxy, self._operator)

    def _running(self) -> Operator:
        if self._operator is None:
            raise RuntimeError("no operator was started")
        return self._operator


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else None
