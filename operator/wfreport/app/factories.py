"""What the settings say to each part of the operator."""

import random
import time
from collections.abc import Callable, Mapping
from functools import partial

from wfreport.argoserver.artifacts import ArchivedLogs
from wfreport.argoserver.client import ArgoServer
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.evidence import EvidenceCache
from wfreport.cache.running import PollPolicy
from wfreport.clock import now
from wfreport.core.snapshot.model import RenderOptions
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.evidence.capture import Capturer
from wfreport.evidence.collector import EvidenceCollector
from wfreport.evidence.log_reader import MARGIN_FACTOR, LogRules
from wfreport.evidence.pending_pods import PendingPods
from wfreport.evidence.reader import EvidenceLimits, EvidenceReader
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods
from wfreport.metrics import Metrics
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue
from wfreport.settings import Settings

RESERVED_WORKERS = 2
"""So many workers are kept for what is urgent."""
CAPTURE_BACKOFF_MAX_SECONDS = 64


def queues(settings: Settings) -> Queues:
    """The queues, empty."""
    queue = partial(WorkQueue, clock=time.monotonic, jitter=jitter)
    capture_limits = QueueLimits(
        progress_workers=max(1, settings.capture_workers - 1), backoff_max_seconds=CAPTURE_BACKOFF_MAX_SECONDS
    )
    return Queues(
        workflows=queue(QueueLimits(progress_workers=max(1, settings.workers - RESERVED_WORKERS))),
        captures=queue(capture_limits),
        reports=queue(QueueLimits()),
        server=queue(QueueLimits()),
        server_logs=queue(QueueLimits()),
    )


def expose_queues(queues: Mapping[str, WorkQueue], metrics: Metrics) -> None:
    """Let the metrics tell how much waits, and how long, by the queues' names."""
    for name, queue in queues.items():
        for priority in Priority:
            at = (name, priority.name.lower())
            metrics.queue_depth.labels(*at).set_function(partial(queue.depth, priority))
            metrics.queue_oldest_seconds.labels(*at).set_function(partial(queue.oldest_seconds, priority))
        metrics.queue_later.labels(name).set_function(queue.scheduled)


def poll_policy(settings: Settings) -> PollPolicy:
    """How often running Workflows are looked at."""
    return PollPolicy(settings.poll_interval_min_seconds, settings.poll_interval_max_seconds, settings.coalesce_seconds)


def jitter() -> float:
    """A factor around 1."""
    return random.uniform(0.9, 1.1)  # noqa: S311  (spreads load, guards nothing)


def log_rules(settings: Settings) -> LogRules:
    """Return which logs are read, and how much of them."""
    return LogRules(settings.log_tail_bytes, settings.no_logs_namespaces)


def evidence_collector(
    settings: Settings,
    *,
    pods: Pods,
    cache: EvidenceCache,
    capturer: Capturer,
    fetcher: ArgoServerFetcher,
    metrics: Metrics,
) -> EvidenceCollector:
    """Collects the evidence of one reconcile, within the bounds that the settings give."""
    limits = EvidenceLimits(settings.failed_pods_list_limit, settings.pods_at_completion_max_nodes)
    return EvidenceCollector(
        reader=EvidenceReader(pods, limits, cache=cache, capturer=capturer, metrics=metrics),
        pending=PendingPods(pods, settings.waiting_graces, metrics=metrics),
        fetcher=fetcher,
        log_tail_lines=settings.log_tail_lines,
        clock=now,
    )


def render_options(settings: Settings) -> RenderOptions:
    """Settings of a report's rendering."""
    return RenderOptions(
        max_bytes=settings.report_max_bytes,
        log_tail_lines=settings.log_tail_lines,
        log_tail_bytes=settings.log_tail_bytes,
        ui_url_template=settings.ui_url_template,
        graces=settings.waiting_graces,
    )


def argo_server_fetcher(
    settings: Settings,
    server: ArgoServer | None,
    queues: Queues,
    *,
    requests: ReconcileRequests,
    has_report: Callable[[NamespacedName], bool],
    metrics: Metrics,
) -> ArgoServerFetcher:
    """Create what fetches from Argo Server; without a server it fetches nothing, and reports show that."""
    logs = ArchivedLogFetcher(
        ArchivedLogs(server) if server else None,
        queues.server_logs,
        request_reconcile=requests.fetched,
        has_report=has_report,
        max_bytes=settings.log_tail_bytes * MARGIN_FACTOR,
        reads_logs=log_rules(settings).reads_logs,
        metrics=metrics,
    )
    return ArgoServerFetcher(
        ServerWorkflows(server) if server else None,
        queues.server,
        logs=logs,
        request_reconcile=requests.fetched,
        has_report=has_report,
        metrics=metrics,
    )
