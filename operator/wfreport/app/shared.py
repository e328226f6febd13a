"""Objects that several parts of the operator share. Each is created once, here, and passed on."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

import wfreport.core.redact.provider_patterns  # noqa: F401 - else a redaction waits for its import
from wfreport.cache.evidence import EvidenceCache
from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.cache.stalls import ControllerActivity
from wfreport.clock import now
from wfreport.core.redact.redactor import Redactor
from wfreport.kube.client import Client
from wfreport.kube.events import Events
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import QueueLimits, WorkQueue
from wfreport.settings import Settings

RESERVED_WORKERS: Final = 2
"""Workers that take urgent keys only."""
REPORT_READERS: Final = 2
"""Workers that read reports which another client changed."""
CAPTURE_BACKOFF_MAX_SECONDS: Final = 64
"""Pods are deleted soon after they fail, so captures are retried sooner than reconciles."""


class TimeSource(Struct, frozen=True):
    """Clocks, injected so that tests can control them.

    Attributes:
        now: the wall clock, in UTC.
        monotonic: seconds since an arbitrary moment.
        jitter: a random factor near 1, to spread periodic load.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    jitter: Callable[[], float]


class KubeResources(Struct, frozen=True):
    """The API server and its resources.

    Attributes:
        client: the connection.
        namespaces: the watched namespaces; [None] for all.
        workflows: Workflows, read only.
        reports: WorkflowReports.
        pods: pods, read only.
        events: Events about our own kinds.
    """

    client: Client
    namespaces: Sequence[str | None]
    workflows: Workflows
    reports: Reports
    pods: Pods
    events: Events


class Shared(Struct, frozen=True):
    """The shared objects.

    Attributes:
        settings: the settings.
        metrics: the metrics.
        time: the clocks.
        kube: the API server.
        redactor: removes secrets from texts.
        reports: the cache of reports.
        running: the Workflows that run.
        evidence: the evidence that waits for its reports.
        activity: whether Argo's controller does anything.
        queues: the queues of the report controller.
        requests: requests reconciles for reasons other than a watch event.
        in_flight: what the workers are reconciling.
    """

    settings: Settings
    metrics: Metrics
    time: TimeSource
    kube: KubeResources
    redactor: Redactor
    reports: ReportCache
    running: RunningWorkflows
    evidence: EvidenceCache
    activity: ControllerActivity
    queues: Queues
    requests: ReconcileRequests
    in_flight: InFlight


def create_shared(settings: Settings, client: Client, metrics: Metrics) -> Shared:
    """Create the shared objects."""
    clocks = TimeSource(now, time.monotonic, jitter)
    reports = ReportCache(user_reports_max=settings.user_reports_per_namespace_max)
    running = RunningWorkflows(poll_policy(settings), clock=clocks.monotonic)
    queues = create_queues(settings, clocks)
    return Shared(
        settings=settings,
        metrics=metrics,
        time=clocks,
        kube=kube_resources(settings, client),
        redactor=Redactor(settings.redact_patterns),
        reports=reports,
        running=running,
        evidence=EvidenceCache(),
        activity=ControllerActivity(
            grace_seconds=settings.stalled_grace_seconds, is_running=lambda name: running.get(name) is not None
        ),
        queues=queues,
        requests=ReconcileRequests(queues, running=running, reports=reports),
        in_flight=InFlight(),
    )


def kube_resources(settings: Settings, client: Client) -> KubeResources:
    """Create the resources in the selected namespaces."""
    namespaces: Sequence[str | None] = settings.namespaces or [None]
    chunk_size = settings.chunk_size
    return KubeResources(
        client=client,
        namespaces=namespaces,
        workflows=Workflows(
            client,
            namespaces=namespaces,
            instance_id=settings.instance_id,
            label_selector=settings.label_selector,
            chunk_size=chunk_size,
        ),
        reports=Reports(client, namespaces=namespaces, chunk_size=chunk_size),
        pods=Pods(client, chunk_size=chunk_size),
        events=Events(client, clock=now),
    )


def create_queues(settings: Settings, clocks: TimeSource) -> Queues:
    """Create the queues of the report controller, empty."""
    queue = partial(WorkQueue, clock=clocks.monotonic, jitter=clocks.jitter)
    share = partial(workers_per_namespace, settings)
    return Queues(
        workflows=queue(
            QueueLimits(
                progress_workers=max(1, settings.workers - RESERVED_WORKERS),
                workers_per_namespace=share(settings.workers),
            )
        ),
        captures=queue(
            QueueLimits(
                progress_workers=max(1, settings.capture_workers - 1),
                workers_per_namespace=share(settings.capture_workers),
                backoff_max_seconds=CAPTURE_BACKOFF_MAX_SECONDS,
            )
        ),
        reports=queue(QueueLimits(workers_per_namespace=share(REPORT_READERS))),
        server=queue(QueueLimits(workers_per_namespace=share(settings.argo_server_workers))),
        server_logs=queue(QueueLimits(workers_per_namespace=share(settings.argo_server_workers))),
    )


def workers_per_namespace(settings: Settings, workers: int) -> int:
    """Return how many of a number of workers one namespace may occupy: all but one, unless it is the only one."""
    return workers if len(settings.namespaces) == 1 else max(1, workers - 1)


def poll_policy(settings: Settings) -> PollPolicy:
    """Return how often running Workflows are reconciled."""
    return PollPolicy(
        per_second=settings.polls_per_second,
        min_seconds=settings.poll_interval_min_seconds,
        max_seconds=settings.poll_interval_max_seconds,
        coalesce_seconds=settings.coalesce_seconds,
    )


def jitter() -> float:
    """Return a random factor near 1."""
    return random.uniform(0.9, 1.1)  # noqa: S311  (spreads load; not used for security)
