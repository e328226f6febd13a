"""Every metric: name, labels, buckets, meaning. Labels come from closed sets; names of objects go into the logs."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]

SERVER_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The metrics of one operator, in a registry of its own.

    Gauges are given a function by the part that knows (``set_function``): they are read when asked for.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._of_reconciles(registry)
        self._of_evidence(registry)
        self._of_reports(registry)
        self._of_resyncs(registry)
        self._of_streams(registry)
        self._of_queues(registry)
        self._of_remediations(registry)
        self._of_argo_server(registry)

    def _of_reconciles(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.workflows_seen = counter("wfreport_workflows_seen", "Workflows reconciled for the first time.")
        self.workflows_active = Gauge(
            "wfreport_workflows_active", "Running Workflows that are polled on an interval.", registry=registry
        )
        self.reconciles = counter(
            "wfreport_reconciles",
            "Reconciles of a Workflow, by the state found: completed, running, gone, not_ours.",
            ["outcome"],
        )

    def _of_evidence(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.pods_captured = counter("wfreport_pods_captured", "Failed pods read as evidence.")
        self.evidence_failed = counter(
            "wfreport_evidence_failed",
            "Reads of pods, logs or Events that were given up; the report goes without.",
            ["error"],
        )
        self.evidence_missing = counter(
            "wfreport_evidence_missing",
            "What captured pods lack, by the reason that the report gives.",
            ["reason"],
        )
        self.captured_pods = Gauge(
            "wfreport_captured_pods", "Pods whose evidence waits for its report.", registry=registry
        )
        self.captured_bytes = Gauge("wfreport_captured_bytes", "About how much memory that takes.", registry=registry)

    def _of_reports(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.reports_known = Gauge("wfreport_reports_known", "Reports there are.", registry=registry)
        self.reports_created = counter("wfreport_reports_created", "Reports created.")
        self.reports_written = counter("wfreport_reports_written", "Writes of a report's status.")
        self.reports_skipped = counter("wfreport_reports_skipped", "Reconciles that found the report up to date.")
        self.reconcile_errors = counter(
            "wfreport_reconcile_errors",
            "Reconciles that ended in an error, by controller (report, capture, remediation) and error class. All are "
            "retried; permanent errors (Invalid, TooLarge, BadResponse, NotAWorkflow) after five minutes.",
            ["controller", "error"],
        )
        self.reports_deleted = counter(
            "wfreport_reports_deleted",
            "Reports deleted by retention, by why: expired, over_cap.",
            ["reason"],
        )
        self.runs_unreported = counter(
            "wfreport_runs_unreported",
            "Runs that ended and whose Workflow was deleted before their final report was written. It must stay 0.",
        )
        self.report_lag = Histogram(
            "wfreport_report_lag_seconds",
            "From a Workflow's end to its final report.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )

    def _of_resyncs(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.resyncs = counter(
            "wfreport_resyncs",
            "Resyncs, by controller (report, remediation) and result (ok, failed).",
            ["controller", "result"],
        )
        self.resync_seconds = Histogram("wfreport_resync_seconds", "Duration of a resync.", registry=registry)
        self.resync_repairs = counter(
            "wfreport_resync_repairs",
            "Differences that a resync found and no event had announced, by kind: unreported, "
            "unserved (the report lacks what Argo Server has), untracked, gone, report.",
            ["kind"],
        )

    def _of_streams(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.stream_events = counter(
            "wfreport_stream_events",
            "Watch events received, by stream and type; listed objects count as LISTED.",
            ["stream", "type"],
        )
        self.stream_connects = counter("wfreport_stream_connects", "Watches begun or taken up again.", ["stream"])
        self.stream_silent_seconds = Gauge(
            "wfreport_stream_silent_seconds",
            "How long nothing came through a stream, bookmarks included (the API server sends one a minute).",
            ["stream"],
            registry=registry,
        )
        self.projection_misses = counter(
            "wfreport_projection_misses",
            "Objects that came whole although their metadata alone was asked for: something between here and "
            "the API server strips the Accept header.",
            ["stream"],
        )
        self.api_requests = counter(
            "wfreport_api_requests", "Requests to the API server.", ["verb", "resource", "code"]
        )
        self.api_response_bytes = counter(
            "wfreport_api_response_bytes",
            "Bytes of the API server's answers, watches included.",
            ["verb", "resource"],
        )
        self._count_event = _increment_by_labels(self.stream_events)
        self._count_request = _increment_by_labels(self.api_requests)
        self._count_bytes = _increment_by_labels(self.api_response_bytes)

    def _of_queues(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self.queue_depth = gauge("wfreport_queue_depth", "Keys waiting for a worker.", ["queue", "priority"])
        self.queue_oldest_seconds = gauge(
            "wfreport_queue_oldest_seconds", "Age of the oldest waiting key.", ["queue", "priority"]
        )
        self.queue_scheduled = gauge("wfreport_queue_scheduled", "Keys scheduled for a later time.", ["queue"])

    def _of_argo_server(self, registry: CollectorRegistry) -> None:
        self.argo_server_requests = Counter(
            "wfreport_argo_server_requests",
            "Requests to Argo Server, every try counted, by endpoint (workflow, archived-workflow, "
            "archived-workflows, artifact, retry, version, info) and code: the HTTP status, `unreachable` (network, "
            "TLS, timeout) or `garbage` (no HTTP).",
            ["endpoint", "code"],
            registry=registry,
        )
        self.argo_server_seconds = Histogram(
            "wfreport_argo_server_request_seconds",
            "How long a request to Argo Server took, its answer read.",
            ["endpoint"],
            buckets=SERVER_BUCKETS,
            registry=registry,
        )
        self.argo_server_errors = Counter(
            "wfreport_argo_server_errors",
            "Reads through Argo Server that failed, all tries included, by the condition's reason. They are made "
            "again later.",
            ["reason"],
            registry=registry,
        )

    def observe_server_request(self, endpoint: str, code: str, seconds: float) -> None:
        """Count a request to Argo Server."""
        self.argo_server_requests.labels(endpoint, code).inc()
        self.argo_server_seconds.labels(endpoint).observe(seconds)

    def _of_remediations(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.decisions = counter(
            "wfreport_decisions",
            "Decisions about runs that differ from the one before, by action (empty for none) and reason.",
            ["lock", "action", "reason"],
        )
        self.remediations = counter(
            "wfreport_remediations",
            "Remediations, by action and by what became of them: intended, or the reason of condition Executed.",
            ["action", "reason"],
        )
        self.remediation_outcomes = counter(
            "wfreport_remediation_outcomes",
            "Remediations whose new run has ended, by the reason of condition Succeeded.",
            ["action", "reason"],
        )
        self.leading = Gauge(
            "wfreport_leading", "Whether this replica holds the Lease, with time left: 1 or 0.", registry=registry
        )
        self.pods_labelled = counter("wfreport_pods_labelled", "Failed pods that were labelled, by result.", ["result"])
        self.notifications = counter(
            "wfreport_notifications", "Notifications, by kind of sink and result: sent, failed.", ["sink", "result"]
        )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request; ``code`` is the HTTP status, or the name of what went wrong before there was one."""
        self._count_request(verb, resource, code)()

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count bytes of an answer."""
        self._count_bytes(verb, resource)(count)

    def observe_event(self, stream: str, event_type: str) -> None:
        """Count a watch event."""
        self._count_event(stream, event_type)()

    def exposition(self) -> tuple[bytes, str]:
        """The metrics as Prometheus reads them, with their content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


def _increment_by_labels(counter: Counter) -> Callable[..., Callable[..., None]]:
    """The increment of a labelled counter, found once: prometheus_client's way to it is long for each event."""
    return cache(lambda *labels: counter.labels(*labels).inc)
