"""The composition root: settings in, a running operator, an exit code out. The only place where objects are wired."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import kopf
import uvloop

from wfreport.app.factories import (
    argo_server_fetcher,
    evidence_collector,
    expose_queues,
    jitter,
    log_rules,
    poll_policy,
    queues,
    render_options,
)
from wfreport.app.remediation import Dependencies, KubeResources, RemediationController, TimeSource
from wfreport.argoserver.client import ArgoServer
from wfreport.argoserver.configured import configured_server
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.evidence import EvidenceCache
from wfreport.cache.reports import ReportCache
from wfreport.cache.running import RunningWorkflows
from wfreport.clock import now
from wfreport.core.redact.redactor import Redactor
from wfreport.evidence.capture import Capturer
from wfreport.evidence.log_reader import LogReader
from wfreport.kube.client import Client
from wfreport.kube.credentials import NoCredentialsError
from wfreport.kube.errors import ApiError, NotFoundError, UnauthorizedError
from wfreport.kube.events import Events
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports, StoredReport
from wfreport.kube.workflows import Workflows
from wfreport.logs import configure_logs, kv
from wfreport.metrics import Metrics
from wfreport.reconcile.reconciler import Reconciler
from wfreport.reconcile.renderer import StatusRenderer
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.reconcile.resync import Resync
from wfreport.reconcile.retention import Retention
from wfreport.runtime.health import health_server
from wfreport.runtime.lease import LeaseLostError, configured_lease
from wfreport.runtime.periodic import run_periodically
from wfreport.runtime.requests import ReconcileRequests
from wfreport.runtime.signals import stop_on_signals
from wfreport.runtime.tasks import Task, cancelled, done_unless
from wfreport.runtime.worker import Worker
from wfreport.settings import Settings
from wfreport.watch.enqueue import EventHandlers, EventRules, ReportReader
from wfreport.watch.framework import event_dispatcher, framework_registry, framework_settings, run_framework
from wfreport.watch.monitor import StreamMonitor
from wfreport.watch.streams import WATCHED_KINDS, Stream, StreamTap

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10
START_TRIES_SECONDS = (1, 2, 5, 10, 15, 30)
REPORT_READERS = 2
RESYNC_RETRY_SECONDS = 10
EXIT_OK, EXIT_LOST, EXIT_UNUSABLE = 0, 1, 2


class LostError(Exception):
    """The operator cannot go on; a restart is the remedy, and cheap. The message says why."""


def run_operator(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT.

    Returns:
        0 after a signal, 1 when the streams were lost (to be restarted), 2 when there is no way to an API server.
    """
    configure_logs(level=settings.log_level, as_json=settings.logs_json)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings))


async def serve(settings: Settings, *, stop: asyncio.Event | None = None, metrics: Metrics | None = None) -> int:
    """Run in this event loop until ``stop`` is set or a signal comes; returns the exit code, as ``run_operator``."""
    stop = stop or asyncio.Event()
    stop_on_signals(stop)
    try:
        async with connected_operator(settings, metrics or Metrics()) as operator:
            await operator.run(stop)
    except (NoCredentialsError, UnauthorizedError) as error:
        log.critical("no way to an API server", extra=kv(reason=str(error)))
        return EXIT_UNUSABLE
    except LostError as error:
        log.critical("cannot go on, exiting to be restarted", extra=kv(reason=str(error)))
        return EXIT_LOST
    log.info("stopped")
    return EXIT_OK


@asynccontextmanager
async def connected_operator(settings: Settings, metrics: Metrics) -> "AsyncIterator[Operator]":
    """An operator that has logged in and serves its metrics, and does nothing else yet."""
    connections = settings.workers + settings.capture_workers + 4
    client = Client(
        observer=metrics,
        timeout_seconds=settings.request_timeout_seconds,
        connections=connections,
        transport=settings.http_transport,
    )
    async with client, configured_server(settings, observer=metrics, clock=now) as argo_server:
        operator = Operator(settings, client, argo_server, metrics)
        http = health_server(
            host=settings.http_host, port=settings.http_port, metrics=metrics.exposition, missing=operator.missing
        )
        async with http:
            yield operator


class Operator:
    """All parts, wired."""

    def __init__(self, settings: Settings, client: Client, argo_server: ArgoServer | None, metrics: Metrics) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._namespaces: list[str | None] = list(settings.namespaces) or [None]
        self._lease = configured_lease(settings, client)
        self._leads = self._lease is None
        self._index_loaded = False
        self._monitor = StreamMonitor(
            [Stream(plural, at) for _, _, plural in WATCHED_KINDS for at in self._namespaces],
            metrics=metrics,
            clock=time.monotonic,
        )
        self._queues = queues(settings)
        self._active = RunningWorkflows(poll_policy(settings), clock=time.monotonic)
        self._index = ReportCache()
        self._workflows = Workflows(
            client,
            namespaces=self._namespaces,
            instance_id=settings.instance_id,
            label_selector=settings.label_selector,
            chunk_size=settings.chunk_size,
        )
        self._reports = Reports(client, namespaces=self._namespaces, chunk_size=settings.chunk_size)
        self._captured = EvidenceCache()
        self._pods = Pods(client, chunk_size=settings.chunk_size)
        self._events = Events(client, clock=now)
        self._redactor = Redactor(settings.redact_patterns)
        self._requests = ReconcileRequests(self._queues, running=self._active, reports=self._index)
        self._capturer = self._capturer_over_pods()
        self._event_handlers = self._event_handlers_of_reports()
        self._reader = ReportReader(self._reports, cache=self._index, requests=self._requests)
        self._server = argo_server_fetcher(
            settings,
            argo_server,
            self._queues,
            requests=self._requests,
            has_report=lambda key: bool(self._index.of_workflow(key)),
            metrics=metrics,
        )
        self._resync = Resync(
            workflows=self._workflows,
            reports=self._reports,
            cache=self._index,
            requests=self._requests,
            retention=self._wired_retention(),
            fetcher=self._server,
            metrics=metrics,
        )
        self._writer = self._wired_writer()
        self._reconciler = self._wired_reconciler()
        self._remedies = self._wired_remedies(argo_server)
        self._show_gauges()

    def _capturer_over_pods(self) -> Capturer:
        return Capturer(
            pods=self._pods,
            logs=LogReader(
                self._pods,
                log_rules(self._settings),
                self._redactor,
                log_lines=lambda key: self._index.log_tail_lines(key, default=self._settings.log_tail_lines),
            ),
            queue=self._queues.captures,
            cache=self._captured,
            metrics=self._metrics,
            notify=self._requests.evidence_arrived,
        )

    def _event_handlers_of_reports(self) -> EventHandlers:
        settings = self._settings
        return EventHandlers(
            EventRules(settings.debounce_seconds, settings.ignore_events, is_selective=bool(self._workflows.selector)),
            queues=self._queues,
            requests=self._requests,
            running=self._active,
            reports=self._index,
            metrics=self._metrics,
            capture=self._capturer.enqueue,
        )

    def _wired_reconciler(self) -> Reconciler:
        return Reconciler(
            workflows=self._workflows,
            reports=self._index,
            running=self._active,
            writer=self._writer,
            evidence=evidence_collector(
                self._settings,
                pods=self._pods,
                cache=self._captured,
                capturer=self._capturer,
                fetcher=self._server,
                metrics=self._metrics,
            ),
            renderer=StatusRenderer(render_options(self._settings), self._redactor),
            metrics=self._metrics,
        )

    def _wired_writer(self) -> ReportWriter:
        return ReportWriter(
            reports=self._reports,
            events=self._events,
            cache=self._index,
            metrics=self._metrics,
            clock=now,
            on_overtaken=self._requests.enqueue_report,
            on_written=self._report_written,
        )

    def _wired_remedies(self, argo_server: ArgoServer | None) -> RemediationController:
        dependencies = Dependencies(
            settings=self._settings,
            kube=KubeResources(self._client, self._namespaces, self._reports, self._pods, self._events),
            reports=self._index,
            report_writer=self._writer,
            lease=self._lease,
            argo_server=ServerWorkflows(argo_server) if argo_server else None,
            redactor=self._redactor,
            metrics=self._metrics,
            time=TimeSource(now, time.monotonic, jitter),
        )
        return RemediationController(dependencies)

    def _wired_retention(self) -> Retention:
        return Retention(
            reports=self._reports,
            workflows=self._workflows,
            cache=self._index,
            rules=self._settings.retention,
            namespace_max=self._settings.reports_per_namespace_max,
            metrics=self._metrics,
            clock=now,
        )

    def missing(self) -> list[str]:
        """What is not ready yet. A replica that stands by is ready: it would take over at once."""
        if self._lease and not self._leads:
            return [] if self._lease.is_known else ["the Lease"]
        return [*([] if self._index_loaded else ["the reports that are there"]), *self._monitor.missing()]

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set; what is being looked at then is finished, within bounds.

        Raises:
            LostError: something that cannot be done without has ended.
        """
        stopping = asyncio.create_task(stop.wait(), name="stop")
        if self._lease and not await done_unless(stopping, self._lease.acquire()):
            return
        self._leads = True
        try:
            await self._run_leading(stop, stopping)
        except LeaseLostError as error:
            raise LostError(str(error)) from error
        finally:
            if self._lease:
                await self._lease.release()

    async def _run_leading(self, stop: asyncio.Event, stopping: Task) -> None:
        others = {asyncio.create_task(self._lease.keep(), name="lease")} if self._lease else set()
        if not await done_unless(stopping, self._load_index()):
            return await cancelled(others)
        workers = self._start_workers()
        remedying, sweeping = self._remedies.start()
        workers |= remedying
        others |= sweeping
        resync = run_periodically(
            self._resync.resync,
            controller="report",
            metrics=self._metrics,
            interval_seconds=self._resync_interval_seconds,
            retry_seconds=RESYNC_RETRY_SECONDS,
        )
        others.add(asyncio.create_task(resync, name="report resync"))
        # not one of the workers: what hangs there is not waited for at the end
        others.add(asyncio.create_task(self._server.run(self._settings.argo_server_workers), name="server"))
        framework = asyncio.create_task(self._run_framework(stop), name="framework")
        log.info("started", extra=kv(server=self._client.endpoint.server, reports=len(self._index)))
        # everything that is here now stays for good: the garbage collector need not look at it again
        gc.collect()
        gc.freeze()
        try:
            await asyncio.wait({stopping, framework, *others, *workers}, return_when=asyncio.FIRST_COMPLETED)
            _raise_unless_stopping(stop, framework, {*others, *workers})
        finally:
            stop.set()
            await self._drain(workers, framework, {stopping, *others})

    async def _load_index(self) -> None:
        for delay in (*START_TRIES_SECONDS, None):
            try:
                await self._resync.load()
                await self._remedies.load()
            except NotFoundError as error:
                raise LostError(f"a CRD of wfreport.dev is not installed: {error.message}") from error
            except ApiError as error:
                log.warning("reports cannot be listed", extra=kv(error=type(error).__name__, reason=error.message))
                if delay is None:
                    raise LostError(f"reports cannot be listed: {error.message}") from error
                await asyncio.sleep(delay)
            else:
                self._index_loaded = True
                return

    def _start_workers(self) -> set[Task]:
        queues, metrics = self._queues, self._metrics
        worker = partial(Worker, metrics=metrics, clock=time.monotonic)
        looks = worker(queues.workflows, self._reconciler.reconcile)
        readers = worker(queues.reports, self._reader.reconcile)
        captures = worker(queues.captures, self._capturer.capture, controller="capture")
        tasks = {asyncio.create_task(looks.run(), name=f"worker {n}") for n in range(self._settings.workers)}
        tasks |= {
            asyncio.create_task(captures.run(), name=f"capture {n}") for n in range(self._settings.capture_workers)
        }
        return tasks | {asyncio.create_task(readers.run(), name=f"reader {n}") for n in range(REPORT_READERS)}

    async def _run_framework(self, stop: asyncio.Event) -> None:
        await run_framework(
            registry=framework_registry(self._log_in),
            settings=framework_settings(
                selector=self._workflows.selector,
                chunk_size=self._settings.chunk_size,
                watch_timeout_seconds=self._settings.watch_timeout_seconds,
                request_timeout_seconds=self._settings.request_timeout_seconds,
            ),
            namespaces=self._namespaces,
            stop=stop,
            hook_signals=lambda: stop_on_signals(stop),
        )

    async def _log_in(self) -> kopf.AiohttpSession:
        """Return a session for kopf. The tap on it adds the current credentials to each request."""
        on_event = event_dispatcher(self._event_handlers, self._remedies.event_handlers)
        tap = StreamTap(client=self._client, observer=self._monitor, on_event=on_event)
        return kopf.AiohttpSession(
            server=self._client.endpoint.server, aiohttp_session=self._client.open_session([tap])
        )

    def _report_written(self, report: StoredReport) -> None:
        self._remedies.event_handlers.report_written(report)

    async def _drain(self, workers: set[Task], framework: Task, others: set[Task]) -> None:
        self._remedies.close()
        self._queues.workflows.shut_down()
        self._queues.captures.shut_down()
        self._queues.reports.shut_down()
        self._queues.server.shut_down()
        await asyncio.wait({framework, *workers}, timeout=DRAIN_SECONDS)
        await cancelled({framework, *workers, *others})

    def _resync_interval_seconds(self) -> float:
        return self._settings.resync_interval_seconds * jitter()

    def _show_gauges(self) -> None:
        metrics = self._metrics
        expose_queues(self._queues.named() | self._remedies.queues.named(), metrics)
        metrics.workflows_active.set_function(lambda: len(self._active))
        metrics.captured_pods.set_function(lambda: len(self._captured))
        metrics.captured_bytes.set_function(lambda: self._captured.held_bytes)
        metrics.reports_known.set_function(lambda: len(self._index))


def _raise_unless_stopping(stop: asyncio.Event, framework: Task, others: set[Task]) -> None:
    for task in others:
        if task.done():
            task.result()  # they end by a bug only
    if stop.is_set() or not framework.done():
        return
    error = framework.exception()
    raise LostError(
        f"the watch streams ended: {type(error).__name__}: {error}" if error else "the watch streams ended"
    ) from error
