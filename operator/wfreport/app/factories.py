"""Builds the parts of the report controller, each from the shared objects and the parts that it depends on."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial

from wfreport.api.reasons import StallReason
from wfreport.app.shared import Shared
from wfreport.argoserver.artifacts import ArchivedLogs
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.reports import ReportCache
from wfreport.cache.stalls import Stall, StalledReports
from wfreport.core.snapshot.model import RenderOptions
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.evidence.capture import Capturer
from wfreport.evidence.collector import EvidenceCollector
from wfreport.evidence.earlier_runs import EarlierRuns
from wfreport.evidence.events_budget import EventsBudget
from wfreport.evidence.log_reader import MARGIN_FACTOR, LogReader, LogRules
from wfreport.evidence.pending_pods import PendingPods
from wfreport.evidence.reader import EvidenceLimits, EvidenceReader
from wfreport.evidence.stalls import StallInspector
from wfreport.kube.reports import StoredReport
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reconcile.abandonment import AbandonmentGuard
from wfreport.reconcile.chunked_reads import ChunkedReader
from wfreport.reconcile.ownership import ReportOwnership
from wfreport.reconcile.polls import Poller
from wfreport.reconcile.reconciler import Reconciler
from wfreport.reconcile.renderer import StatusRenderer
from wfreport.reconcile.report_writer import ReportWriter, WriteHooks
from wfreport.reconcile.resync import Resync
from wfreport.reconcile.retention import Retention
from wfreport.reconcile.run_counts import RUN_PHASES, runs_by_phase
from wfreport.reconcile.workflow_lists import WorkflowLists
from wfreport.runtime.workqueue import Priority, WorkQueue
from wfreport.setting_types import setting_variables, unknown_variables
from wfreport.settings import Settings
from wfreport.watch.enqueue import EventHandlers, EventRules, ReportReader
from wfreport.watch.first_list import FirstList
from wfreport.watch.monitor import StreamMonitor
from wfreport.watch.streams import WATCHED_KINDS, Stream
from wfreport.watch.user_reports import UserReportLimit

log = logging.getLogger(__name__)


def build_monitor(shared: Shared, first_list: FirstList | None) -> StreamMonitor:
    """Build the monitor of all watch streams, which observes when the first list is complete."""
    namespaces = shared.kube.namespaces
    streams = [Stream(plural, namespace) for _, _, plural in WATCHED_KINDS for namespace in namespaces]
    return StreamMonitor(
        streams,
        metrics=shared.metrics,
        clock=shared.time.monotonic,
        on_all_connected=first_list.complete if first_list else lambda: None,
    )


def build_capturer(shared: Shared) -> Capturer:
    """Build the capturer of failed pods."""
    log_lines = partial(shared.reports.log_tail_lines, default=shared.settings.log_tail_lines)
    return Capturer(
        pods=shared.kube.pods,
        logs=LogReader(shared.kube.pods, log_rules(shared.settings), shared.redactor, log_lines=log_lines),
        queue=shared.queues.captures,
        cache=shared.evidence,
        budget=EventsBudget(clock=shared.time.monotonic),
        metrics=shared.metrics,
        notify=shared.requests.evidence_arrived,
    )


def build_report_reader(shared: Shared) -> ReportReader:
    """Build what reads the reports that another client changed."""
    limit = UserReportLimit(shared.kube.events, clock=shared.time.now)
    return ReportReader(shared.kube.reports, cache=shared.reports, requests=shared.requests, limit=limit)


def build_event_handlers(shared: Shared, capturer: Capturer) -> EventHandlers:
    """Build the handlers of the events of Workflows, pods and reports."""
    settings, is_selective = shared.settings, bool(shared.kube.workflows.selector)
    return EventHandlers(
        EventRules(settings.debounce_seconds, settings.ignore_events, is_selective),
        queues=shared.queues,
        requests=shared.requests,
        running=shared.running,
        reports=shared.reports,
        metrics=shared.metrics,
        capture=capturer.enqueue,
    )


def build_argo_server_fetcher(
    shared: Shared, server: ServerWorkflows | None, logs: ArchivedLogs | None
) -> ArgoServerFetcher:
    """Build what fetches from Argo Server; without a server it fetches nothing, and reports show that."""
    settings, requests, has_report = shared.settings, shared.requests, shared.reports.has_any
    log_fetcher = ArchivedLogFetcher(
        logs,
        shared.queues.server_logs,
        request_reconcile=requests.fetched,
        has_report=has_report,
        max_bytes=settings.log_tail_bytes * MARGIN_FACTOR,
        reads_logs=log_rules(settings).reads_logs,
        metrics=shared.metrics,
    )
    return ArgoServerFetcher(
        server,
        shared.queues.server,
        logs=log_fetcher,
        request_reconcile=requests.fetched,
        has_report=has_report,
        metrics=shared.metrics,
    )


def build_report_writer(
    shared: Shared,
    *on_written: Callable[[StoredReport], None],
    on_unchanged: Callable[[StoredReport], None],
    is_remediated: Callable[[str], bool],
) -> ReportWriter:
    """Build the only writer of reports; each of ``on_written`` is called with each report whose status was written."""

    def notify(report: StoredReport) -> None:
        for hook in on_written:
            hook(report)

    kube, metrics, clock = shared.kube, shared.metrics, shared.time.now
    return ReportWriter(
        reports=kube.reports,
        events=kube.events,
        cache=shared.reports,
        ownership=ReportOwnership(shared.settings.installation, events=kube.events, metrics=metrics, clock=clock),
        metrics=metrics,
        clock=clock,
        hooks=WriteHooks(
            on_overtaken=shared.requests.enqueue_report,
            on_written=notify,
            on_unchanged=on_unchanged,
            announce_silence=shared.activity.announce,
            is_remediated=is_remediated,
        ),
    )


def build_reconciler(
    shared: Shared, writer: ReportWriter, capturer: Capturer, fetcher: ArgoServerFetcher
) -> Reconciler:
    """Build the reconciler of Workflows."""
    return Reconciler(
        workflows=shared.kube.workflows,
        reports=shared.reports,
        running=shared.running,
        writer=writer,
        evidence=build_evidence_collector(shared, capturer, fetcher),
        renderer=StatusRenderer(
            render_options(shared.settings), shared.redactor, progress_seconds=shared.settings.progress_interval_seconds
        ),
        metrics=shared.metrics,
    )


def build_abandonment_guard(shared: Shared, reconciler: Reconciler, writer: ReportWriter) -> AbandonmentGuard:
    """Build the guard of the reconciler, which leaves abandoned Workflows alone."""
    return AbandonmentGuard(
        reconciler.reconcile,
        workflows=shared.kube.workflows,
        reports=shared.reports,
        running=shared.running,
        writer=writer,
    )


def build_evidence_collector(shared: Shared, capturer: Capturer, fetcher: ArgoServerFetcher) -> EvidenceCollector:
    """Build what collects the evidence of one reconcile."""
    settings, pods, metrics = shared.settings, shared.kube.pods, shared.metrics
    limits = EvidenceLimits(settings.failed_pods_list_limit, settings.pods_at_completion_max_nodes)
    return EvidenceCollector(
        reader=EvidenceReader(pods, limits, cache=shared.evidence, capturer=capturer, metrics=metrics),
        pending=PendingPods(pods, settings.waiting_graces, metrics=metrics),
        stalls=StallInspector(
            pods=pods,
            workflows=shared.kube.workflows,
            running=shared.running,
            activity=shared.activity,
            graces=settings.stall_graces,
            metrics=metrics,
        ),
        fetcher=fetcher,
        earlier=EarlierRuns(shared.kube.reports, shared.reports),
        log_tail_lines=settings.log_tail_lines,
        clock=shared.time.now,
    )


def build_poller(shared: Shared) -> Poller:
    """Build what polls the running Workflows."""
    return Poller(
        running=shared.running,
        requests=shared.requests,
        reader=ChunkedReader(shared.kube.workflows, shared.requests),
        is_cluster_wide=None in shared.kube.namespaces,
        count_bug=shared.metrics.reconcile_errors.labels("report", "Bug").inc,
    )


def build_resync(shared: Shared, fetcher: ArgoServerFetcher, first_list: FirstList | None) -> Resync:
    """Build the resync of Workflows and reports, and the retention of reports."""
    kube, settings = shared.kube, shared.settings
    retention = Retention(
        reports=kube.reports,
        workflows=kube.workflows,
        cache=shared.reports,
        rules=settings.retention,
        namespace_max=settings.reports_per_namespace_max,
        metrics=shared.metrics,
        clock=shared.time.now,
    )
    reader = ChunkedReader(kube.workflows, shared.requests)
    return Resync(
        lists=WorkflowLists(kube.workflows, reader, shared.requests, first_list),
        reports=kube.reports,
        cache=shared.reports,
        requests=shared.requests,
        retention=retention,
        fetcher=fetcher,
        metrics=shared.metrics,
    )


def log_rules(settings: Settings) -> LogRules:
    """Return which logs are read, and how much of them."""
    return LogRules(settings.log_tail_bytes, settings.no_logs_namespaces)


def render_options(settings: Settings) -> RenderOptions:
    """Return the options of rendering."""
    return RenderOptions(
        max_bytes=settings.report_max_bytes,
        log_tail_lines=settings.log_tail_lines,
        log_tail_bytes=settings.log_tail_bytes,
        ui_url_template=settings.ui_url_template,
        reporter=settings.installation,
        graces=settings.waiting_graces,
    )


def expose_caches(shared: Shared) -> None:
    """Let the gauges read the sizes of the caches."""
    metrics, evidence = shared.metrics, shared.evidence
    metrics.workflows_active.set_function(shared.running.__len__)
    metrics.poll_interval.set_function(shared.running.longest_interval_seconds)
    metrics.captured_pods.set_function(evidence.__len__)
    metrics.captured_bytes.set_function(lambda: evidence.size_bytes)
    expose_runs(shared.reports, metrics)
    metrics.reports_known.set_function(shared.reports.__len__)
    expose_stalls(shared.reports.stalled, metrics)
    metrics.reports_ignored.set_function(lambda: shared.reports.followed.ignored_reports)
    metrics.namespaces_with_ignored_reports.set_function(lambda: shared.reports.followed.ignored_namespaces)


def metrics_of(settings: Settings) -> Metrics:
    """Return the metrics, and warn of variables that look like settings but are none."""
    metrics = Metrics(max_templates=settings.metrics_max_templates if settings.metrics_by_template else 0)
    unknown = unknown_variables(os.environ, setting_variables(Settings.model_fields))
    for variable, similar in unknown.items():
        log.warning("unknown setting, ignored", extra=kv(variable=variable, similar=similar or None))
    metrics.unknown_settings.set(len(unknown))
    return metrics


def expose_runs(reports: ReportCache, metrics: Metrics) -> None:
    """Let the gauge count the known runs by phase."""
    for phase in RUN_PHASES:
        metrics.runs.labels(phase).set_function(partial(_count_of_phase, reports, phase))


def expose_stalls(stalled: StalledReports, metrics: Metrics) -> None:
    """Let the gauge follow the number of runs that hang. Without further labels, each reason has a series."""
    for reason in StallReason if not metrics.run_labels.names else ():
        metrics.stalled_runs.labels(reason)

    def count(stall: Stall, change: int) -> None:
        reason, *pair = stall
        metrics.stalled_runs.labels(reason, *metrics.run_labels.of(*pair)).inc(change)

    stalled.follow(count)


def _count_of_phase(reports: ReportCache, phase: str) -> int:
    return runs_by_phase(reports)[phase]


def expose_tasks(metrics: Metrics) -> None:
    """Let the gauge count the tasks of the running event loop."""
    loop = asyncio.get_running_loop()
    metrics.tasks.set_function(lambda: len(asyncio.all_tasks(loop)))


def expose_queues(queues: Mapping[str, WorkQueue], metrics: Metrics) -> None:
    """Let the gauges read the depth of the queues, and the age of their oldest keys."""
    for name, queue in queues.items():
        for priority in Priority:
            labels = (name, priority.name.lower())
            metrics.queue_depth.labels(*labels).set_function(partial(queue.depth, priority))
            metrics.queue_oldest_seconds.labels(*labels).set_function(partial(queue.oldest_seconds, priority))
        metrics.queue_scheduled.labels(name).set_function(queue.scheduled)
