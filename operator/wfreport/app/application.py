"""The composition root: connects to the API server, creates the operator's parts, and runs them until a signal."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import kopf
import uvloop

from wfreport.app.factories import (
    build_abandonment_guard,
    build_argo_server_fetcher,
    build_capturer,
    build_event_handlers,
    build_monitor,
    build_poller,
    build_reconciler,
    build_report_reader,
    build_report_writer,
    build_resync,
    expose_caches,
    expose_queues,
    expose_tasks,
    metrics_of,
)
from wfreport.app.quarantine import are_empty, build_quarantine, build_watchdog, queues_by_controller
from wfreport.app.remediation import Dependencies, RemediationController, create_remediation_queues
from wfreport.app.shared import REPORT_READERS, create_shared
from wfreport.app.tracing import Tracing
from wfreport.argoserver.artifacts import ArchivedLogs
from wfreport.argoserver.client import ArgoServer
from wfreport.argoserver.configured import configured_server
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.policies import PolicyCache
from wfreport.cache.remediation import RemediationCache, RemediationIndex, RunHistory
from wfreport.clock import now
from wfreport.kube.client import Client
from wfreport.kube.credentials import NoCredentialsError
from wfreport.kube.errors import ApiError, NotFoundError, UnauthorizedError
from wfreport.logs import configure_logs, kv
from wfreport.metrics import Metrics
from wfreport.remediation.enqueue import RemediationEventHandlers
from wfreport.runtime.health import health_server
from wfreport.runtime.lease import LeaseLostError, configured_lease
from wfreport.runtime.periodic import run_periodically
from wfreport.runtime.quarantine import ReconcileRecord
from wfreport.runtime.signals import stop_on_signals
from wfreport.runtime.tasks import Task, cancel_all, completes_before
from wfreport.runtime.threads import use_many_threads
from wfreport.runtime.worker import Worker
from wfreport.settings import Settings
from wfreport.tracing.collector import Collector, connected_collector
from wfreport.watch.first_list import FirstList
from wfreport.watch.framework import (
    event_dispatcher,
    framework_registry,
    framework_settings,
    listing_handlers,
    run_framework,
)
from wfreport.watch.streams import StreamTap

log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 10
"""Maximum time that running reconciles get to finish when the operator stops."""
OTHER_CONNECTIONS: Final = 36
"""Connections beside those of reconciles and captures, for all other workers at once. A wait for a connection is first
come, first served: it would let one namespace delay the requests of another."""

LOAD_RETRY_SECONDS: Final = (1, 2, 5, 10, 15, 30)
RESYNC_RETRY_SECONDS: Final = 10
EXIT_OK, EXIT_LOST, EXIT_UNUSABLE = 0, 1, 2


class FatalError(Exception):
    """The operator cannot continue and must be restarted. The message is the reason."""


def run_operator(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT.

    Returns:
        0 after a signal, 1 after a fatal error (to be restarted), 2 if the Kubernetes API cannot be used at all.
    """
    configure_logs(level=settings.log_level, as_json=settings.logs_json)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings))


async def serve(settings: Settings, *, stop: asyncio.Event | None = None, metrics: Metrics | None = None) -> int:
    """Run in this event loop until ``stop`` is set or a signal arrives. Return the exit code, as ``run_operator``."""
    stop = stop or asyncio.Event()
    stop_on_signals(stop)
    try:
        async with connected_operator(settings, metrics or metrics_of(settings)) as operator:
            await operator.run(stop)
    except (NoCredentialsError, UnauthorizedError) as error:
        log.critical("cannot connect to the Kubernetes API", extra=kv(reason=str(error)))
        return EXIT_UNUSABLE
    except FatalError as error:
        log.critical("fatal error, exiting for restart", extra=kv(reason=str(error)))
        return EXIT_LOST
    log.info("operator stopped")
    return EXIT_OK


@asynccontextmanager
async def connected_operator(settings: Settings, metrics: Metrics) -> "AsyncIterator[Operator]":
    """Connect an operator to the API server and serve its metrics. It does nothing else before ``run``."""
    connections = settings.workers + settings.capture_workers + OTHER_CONNECTIONS
    client = Client(
        observer=metrics,
        timeout_seconds=settings.request_timeout_seconds,
        connections=connections,
        transport=settings.http_transport,
    )
    async with (
        client,
        configured_server(settings, observer=metrics, clock=now) as argo_server,
        connected_collector(settings.otlp_endpoint, dict(settings.otlp_headers)) as collector,
    ):
        operator = Operator(settings, client, argo_server, collector, metrics)
        http = health_server(
            host=settings.http_host, port=settings.http_port, metrics=metrics.exposition, missing=operator.missing
        )
        async with http:
            yield operator


class Operator:
    """The report controller and the remediation controller of one replica."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        argo_server: ArgoServer | None,
        collector: Collector | None,
        metrics: Metrics,
    ) -> None:
        """Create all parts. Each takes the parts that it depends on as arguments, so none can be used too early."""
        self._shared = shared = create_shared(settings, client, metrics)
        self._record = record = ReconcileRecord(shared.in_flight)
        self._lease = lease = configured_lease(settings, client, record)
        first_list = None if settings.ignore_events else FirstList()
        self._monitor = build_monitor(shared, first_list)

        server = ServerWorkflows(argo_server) if argo_server else None
        remediations = RemediationCache(
            PolicyCache(settings.policies_per_namespace_max), RemediationIndex(), RunHistory(), shared.reports
        )
        remediation_queues = create_remediation_queues(shared.time)
        remediation_handlers = RemediationEventHandlers(remediations, remediation_queues)

        self._capturer = capturer = build_capturer(shared)
        self._fetcher = fetcher = build_argo_server_fetcher(
            shared, server, ArchivedLogs(argo_server) if argo_server else None
        )
        self._tracing = tracing = Tracing(shared, collector)
        writer = build_report_writer(
            shared,
            remediation_handlers.report_written,
            tracing.report_written,
            on_unchanged=remediation_handlers.report_unchanged,
            is_remediated=remediations.is_relevant,
        )
        reconciler = build_reconciler(shared, writer, capturer, fetcher)
        self._guard = build_abandonment_guard(shared, reconciler, writer)
        self._reader = build_report_reader(shared)
        self._resync = build_resync(shared, fetcher, first_list)
        report_handlers = build_event_handlers(shared, capturer)
        self._on_event = event_dispatcher(report_handlers, remediation_handlers, first_list)
        self._on_listed = listing_handlers(report_handlers, remediation_handlers)
        self._remediation = RemediationController(
            Dependencies(
                settings, shared.kube, writer, lease, server, shared.redactor, metrics, shared.time, shared.in_flight
            ),
            remediations,
            remediation_queues,
        )
        expose_caches(shared)
        expose_tasks(metrics)
        expose_queues(shared.queues.named() | remediation_queues.named() | {"traces": tracing.queue}, metrics)
        self._watchdog = build_watchdog(shared, record, lease)
        self._quarantine = lease and build_quarantine(shared, record, lease, self._guard, remediation_queues)
        self._all_queues = queues_by_controller(shared, remediation_queues)
        self._is_leading = lease is None
        self._is_loaded = False
        self._has_resynced = False

    def missing(self) -> list[str]:
        """Return what the operator waits for before it is ready.

        A standby replica is ready once it has read the Lease: it can take over at any time.
        """
        if self._lease and not self._is_leading:
            return [] if self._lease.has_been_read else ["the Lease"]
        return [*([] if self._is_loaded else ["the list of reports"]), *self._monitor.missing()]

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, then let running reconciles finish, within ``DRAIN_SECONDS``.

        Raises:
            FatalError: an essential part has ended.
        """
        use_many_threads()
        stopping = asyncio.create_task(stop.wait(), name="stop")
        if self._lease and not await completes_before(stopping, self._lease.acquire()):
            return
        self._is_leading = True
        try:
            with self._watchdog.running():
                await self._run_leading(stop, stopping)
        except LeaseLostError as error:
            raise FatalError(str(error)) from error
        finally:
            if self._lease:
                await self._lease.release()

    async def _run_leading(self, stop: asyncio.Event, stopping: Task) -> None:
        background = {asyncio.create_task(self._lease.keep_renewed(), name="lease")} if self._lease else set()
        if not await completes_before(stopping, self._load()):
            return await cancel_all(background)
        if self._quarantine:
            self._quarantine.begin()
            bugs = self._shared.metrics.reconcile_errors.labels("report", "Bug")
            trials = self._quarantine.run(is_loaded=self._is_initial_load_done, count_bug=bugs.inc)
            background.add(asyncio.create_task(trials))
        remediation_workers, remediation_resync = self._remediation.start()
        workers = self._start_workers() | remediation_workers | self._tracing.start()
        background |= remediation_resync | self._start_background()
        framework = asyncio.create_task(self._run_framework(stop), name="framework")
        server = self._shared.kube.client.endpoint.server
        log.info("operator started", extra=kv(server=server, reports=len(self._shared.reports)))
        # All objects that exist now live as long as the process: exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        try:
            await asyncio.wait({stopping, framework, *background, *workers}, return_when=asyncio.FIRST_COMPLETED)
            _raise_unless_stopping(stop, framework, {*background, *workers})
        finally:
            stop.set()
            await self._drain(workers, framework, {stopping, *background})

    async def _load(self) -> None:
        """Fill the caches from the API server. Retry for about a minute."""
        for delay in (*LOAD_RETRY_SECONDS, None):
            try:
                await self._resync.load()
                await self._remediation.load()
            except NotFoundError as error:
                raise FatalError(f"a CRD of wfreport.dev is not installed: {error.message}") from error
            except ApiError as error:
                log.warning("initial list failed", extra=kv(error=type(error).__name__, reason=error.message))
                if delay is None:
                    raise FatalError(f"initial list failed: {error.message}") from error
                await asyncio.sleep(delay)
            else:
                self._is_loaded = True
                return

    def _is_initial_load_done(self) -> bool:
        """Return whether the first resync has ended, and every key that it found was reconciled."""
        return self._has_resynced and are_empty(self._all_queues) and not self._shared.in_flight.busy()

    async def _resync_once(self) -> None:
        await self._resync.resync()
        self._has_resynced = True

    def _start_workers(self) -> set[Task]:
        """Start the workers, which end after their queue is shut down."""
        settings, queues = self._shared.settings, self._shared.queues
        worker = partial(Worker, metrics=self._shared.metrics, clock=time.monotonic, in_flight=self._shared.in_flight)
        pools = (
            ("reconcile", settings.workers, worker(queues.workflows, self._guard.reconcile)),
            (
                "capture",
                settings.capture_workers,
                worker(queues.captures, self._capturer.capture, controller="capture"),
            ),
            ("report reader", REPORT_READERS, worker(queues.reports, self._reader.reconcile, name="report_reader")),
        )
        return {
            asyncio.create_task(pool.run(), name=f"{name} {number}")
            for name, size, pool in pools
            for number in range(size)
        }

    def _start_background(self) -> set[Task]:
        """Start the tasks that are cancelled when the operator stops, since a request of theirs may hang."""
        shared = self._shared
        resync = run_periodically(
            self._resync_once,
            controller="report",
            metrics=shared.metrics,
            interval_seconds=lambda: shared.settings.resync_interval_seconds * shared.time.jitter(),
            retry_seconds=RESYNC_RETRY_SECONDS,
        )
        fetches = self._fetcher.run(shared.settings.argo_server_workers, shared.in_flight)
        polls = build_poller(shared).run()
        return {
            asyncio.create_task(resync, name="report resync"),
            asyncio.create_task(polls, name="polls"),
            asyncio.create_task(fetches, name="Argo Server"),
        }

    async def _run_framework(self, stop: asyncio.Event) -> None:
        settings, kube = self._shared.settings, self._shared.kube
        await run_framework(
            registry=framework_registry(self._log_in),
            settings=framework_settings(
                selector=kube.workflows.selector,
                chunk_size=settings.chunk_size,
                watch_timeout_seconds=settings.watch_timeout_seconds,
                request_timeout_seconds=settings.request_timeout_seconds,
            ),
            namespaces=kube.namespaces,
            stop=stop,
            hook_signals=lambda: stop_on_signals(stop),
        )

    async def _log_in(self) -> kopf.AiohttpSession:
        """Return a session for kopf. The tap on it adds the current credentials to each request."""
        client = self._shared.kube.client
        tap = StreamTap(client=client, observer=self._monitor, on_event=self._on_event, on_listed=self._on_listed)
        return kopf.AiohttpSession(server=client.endpoint.server, aiohttp_session=client.open_session([tap]))

    async def _drain(self, workers: set[Task], framework: Task, background: set[Task]) -> None:
        """Shut down the queues, let the workers finish, and cancel everything else."""
        self._remediation.close()
        queues = self._shared.queues
        for queue in (queues.workflows, queues.captures, queues.reports, queues.server, self._tracing.queue):
            queue.shut_down()
        await asyncio.wait({framework, *workers}, timeout=DRAIN_SECONDS)
        await cancel_all({framework, *workers, *background})


def _raise_unless_stopping(stop: asyncio.Event, framework: Task, others: set[Task]) -> None:
    for task in others:
        if task.done():
            task.result()  # raises its exception: a task that ends early has failed
    if stop.is_set() or not framework.done():
        return
    error = framework.exception()
    raise FatalError(
        f"the watch streams ended: {type(error).__name__}: {error}" if error else "the watch streams ended"
    ) from error
