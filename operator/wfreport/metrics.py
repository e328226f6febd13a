"""The metrics: names, labels, buckets, help. Label values come from closed sets; object names go into the logs."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from wfreport.api.action_types import ActionType
from wfreport.api.argo import COMPLETED_PHASES
from wfreport.metric_labels import (
    CONTROLLERS,
    FAILED_EXECUTIONS,
    REPAIR_KINDS,
    RUN_OUTCOMES,
    RunLabels,
    start_at_zero,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

SERVER_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RUN_BUCKETS: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)
LAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The metrics of one operator, in a registry of its own.

    A gauge reads its value at each scrape, by a function that the owner of the value sets (``set_function``).

    Args:
        max_templates: most pairs of namespace and template that are labels of the metrics about runs; 0: none are.
    """

    def __init__(self, *, max_templates: int = 0) -> None:
        self.registry = registry = CollectorRegistry()
        self.run_labels = RunLabels(max_templates)
        self._of_runs(registry)
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
        self.workflows_seen = counter("wfreport_workflows_seen", "Workflows that were reconciled for the first time.")
        self.workflows_active = Gauge(
            "wfreport_workflows_active", "Running Workflows that are polled on an interval.", registry=registry
        )
        self.event_loop_blocked = counter(
            "wfreport_event_loop_blocked",
            f"Reconciles that blocked the event loop for more than 5 seconds, by controller ({', '.join(CONTROLLERS)}; "
            "other is anything that is not a reconcile). The log names the object.",
            ["controller"],
        )
        start_at_zero(self.event_loop_blocked, CONTROLLERS)
        self.poll_interval = Gauge(
            "wfreport_poll_interval_seconds",
            "Longest present time between two polls of a running Workflow; it grows if WFREPORT_POLLS_PER_SECOND does "
            "not suffice.",
            registry=registry,
        )
        self.reconciles_quarantined = Gauge(
            "wfreport_reconciles_quarantined",
            "Keys that wait to be reconciled alone, because a leader died while it reconciled them.",
            registry=registry,
        )
        self.reconciles_abandoned = counter(
            "wfreport_reconciles_abandoned",
            "Keys that are not reconciled any more, because two leaders died while they reconciled them, by "
            "controller as in wfreport_event_loop_blocked_total.",
            ["controller"],
        )
        start_at_zero(self.reconciles_abandoned, CONTROLLERS)
        self.reconciles = counter(
            "wfreport_reconciles",
            "Successful reconciles of a Workflow, by the state found: completed, running, gone, not_ours, abandoned.",
            ["outcome"],
        )

    def _of_runs(self, registry: CollectorRegistry) -> None:
        own = self.run_labels.names
        self.runs = Gauge(
            "wfreport_runs",
            "Runs with a report, by phase; a run with several reports counts once.",
            ["phase"],
            registry=registry,
        )
        self.runs_ended = Counter(
            "wfreport_runs_ended",
            "Runs that ended since the operator started, by phase: each once, when its report is complete. A retried "
            "Workflow counts once per run.",
            ["phase", *own],
            registry=registry,
        )
        self.run_labels.start_each_at_zero(self._start_ended)
        self.run_failures = Counter(
            "wfreport_run_failures",
            "The runs of wfreport_runs_ended_total that failed, by class and owner of the leading failure; empty if "
            "the report has none.",
            ["class", "owner", *own],
            registry=registry,
        )
        self.run_seconds = Histogram(
            "wfreport_run_seconds",
            "Duration of the runs of wfreport_runs_ended_total, by phase.",
            ["phase", *own],
            buckets=RUN_BUCKETS,
            registry=registry,
        )
        self.run_waits = Gauge(
            "wfreport_run_waits",
            "Present waits of running Workflows beyond their grace times, by the reason in the report; `other` for a "
            "reason that neither wfreport nor Kubernetes gives.",
            ["reason", *own],
            registry=registry,
        )
        self.unknown_settings = Gauge(
            "wfreport_unknown_settings",
            "Variables of the environment that begin with WFREPORT_ and are no setting; the log names them.",
            registry=registry,
        )

    def _start_ended(self, labels: tuple[str, ...]) -> None:
        for phase in sorted(COMPLETED_PHASES):
            self.runs_ended.labels(phase, *labels)

    def _of_evidence(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.pods_captured = counter("wfreport_pods_captured", "Failed pods that were read as evidence.")
        self.evidence_failed = counter(
            "wfreport_evidence_failed",
            "Failed reads of pods, logs or Events, by error class. The reports go without this evidence.",
            ["error"],
        )
        self.evidence_missing = counter(
            "wfreport_evidence_missing",
            "Evidence that captured pods lack, by the reason in the report.",
            ["reason"],
        )
        self.captured_pods = Gauge(
            "wfreport_captured_pods", "Cached pods whose evidence is not in a report yet.", registry=registry
        )
        self.captured_bytes = Gauge(
            "wfreport_captured_bytes", "Estimated memory of evidence that is not in a report yet.", registry=registry
        )

    def _of_reports(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.reports_known = Gauge("wfreport_reports_known", "Reports in the watched namespaces.", registry=registry)
        self.stalled_runs = Gauge(
            "wfreport_stalled_runs",
            "Runs that hang, by reason (docs/howto/hung-runs.md).",
            ["reason", *self.run_labels.names],
            registry=registry,
        )
        self.reports_ignored = Gauge(
            "wfreport_reports_ignored",
            "Reports that users created beyond the maximum of their namespace, and that are not followed, at the last "
            "resync.",
            registry=registry,
        )
        self.namespaces_with_ignored_reports = Gauge(
            "wfreport_namespaces_with_ignored_reports",
            "Namespaces with reports of users that are not followed.",
            registry=registry,
        )
        self.reports_created = counter("wfreport_reports_created", "Reports created.")
        self.reports_written = counter("wfreport_reports_written", "Writes of the status of a report.")
        self.reports_skipped = counter("wfreport_reports_skipped", "Reconciles that found the report up to date.")
        self.reports_left = counter(
            "wfreport_reports_left",
            "Reconciles that left a report to another installation, which selects the same Workflow.",
        )
        self.reconcile_errors = counter(
            "wfreport_reconcile_errors",
            "Failed reconciles, by controller (report, capture, remediation) and error class; Bug is an unexpected "
            "exception. All are retried, permanent errors (Invalid, TooLarge, BadResponse, NotAWorkflow) after five "
            "minutes.",
            ["controller", "error"],
        )
        self.reports_deleted = counter(
            "wfreport_reports_deleted",
            "Reports that retention has deleted, by reason: expired, over_cap.",
            ["reason"],
        )
        self.runs_unreported = counter(
            "wfreport_runs_unreported",
            "Completed runs whose Workflow was deleted before their final report was written. Should stay 0.",
        )
        self.report_lag = Histogram(
            "wfreport_report_lag_seconds",
            "Time from the end of a Workflow to its final report.",
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
        self.resync_seconds = Histogram(
            "wfreport_resync_seconds", "Duration of a resync of Workflows and reports.", registry=registry
        )
        self.resync_repairs = counter(
            "wfreport_resync_repairs",
            "Changes that a resync found without an event, by kind: unreported (a completed Workflow), unserved (a "
            "report lacks data that Argo Server may have), untracked (a running Workflow that is not polled), gone (a "
            "deleted Workflow), report (a changed or deleted report).",
            ["kind"],
        )
        start_at_zero(self.resync_repairs, REPAIR_KINDS)

    def _of_streams(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.stream_events = counter(
            "wfreport_stream_events",
            "Watch events by stream and type. Listed objects count as LISTED.",
            ["stream", "type"],
        )
        self.stream_connects = counter(
            "wfreport_stream_connects", "Watches that were started or continued.", ["stream"]
        )
        self.stream_silent_seconds = Gauge(
            "wfreport_stream_silent_seconds",
            "Time since the last event of a stream. The API server sends at least a bookmark every minute.",
            ["stream"],
            registry=registry,
        )
        self.projection_misses = counter(
            "wfreport_projection_misses",
            "Whole objects received although only their metadata was requested. A proxy in front of the API server may "
            "remove the Accept header.",
            ["stream"],
        )
        self.api_requests = counter(
            "wfreport_api_requests",
            "Requests to the API server, by verb, resource and HTTP status.",
            ["verb", "resource", "code"],
        )
        self.api_response_bytes = counter(
            "wfreport_api_response_bytes",
            "Bytes of the API server's responses, including watches.",
            ["verb", "resource"],
        )
        self._count_event = _increment_by_labels(self.stream_events)
        self._count_request = _increment_by_labels(self.api_requests)
        self._count_bytes = _increment_by_labels(self.api_response_bytes)

    def _of_queues(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self.queue_depth = gauge("wfreport_queue_depth", "Keys that wait for a worker.", ["queue", "priority"])
        self.queue_oldest_seconds = gauge(
            "wfreport_queue_oldest_seconds", "Time that the oldest waiting key has waited.", ["queue", "priority"]
        )
        self.tasks = gauge("wfreport_tasks", "Tasks of the event loop. It grows with the load, not with time.")
        self.queue_scheduled = gauge("wfreport_queue_scheduled", "Keys that are scheduled for a later time.", ["queue"])

    def _of_argo_server(self, registry: CollectorRegistry) -> None:
        self.argo_server_requests = Counter(
            "wfreport_argo_server_requests",
            "Requests to Argo Server, including retries, by endpoint (workflow, archived-workflow, archived-workflows, "
            "artifact, retry, version) and code: the HTTP status, `unreachable` (network, TLS, timeout) or "
            "`bad_response` (not an HTTP response).",
            ["endpoint", "code"],
            registry=registry,
        )
        self.argo_server_seconds = Histogram(
            "wfreport_argo_server_request_seconds",
            "Duration of a request to Argo Server, including its response body.",
            ["endpoint"],
            buckets=SERVER_BUCKETS,
            registry=registry,
        )
        self.argo_server_errors = Counter(
            "wfreport_argo_server_errors",
            "Failed reads from Argo Server, after all retries of the request, by the reason in the report's condition; "
            "Bug is an unexpected exception. They are repeated later.",
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
            "Decisions on runs that differ from the previous one, by lock class, action (empty for none) and reason.",
            ["lock", "action", "reason"],
        )
        self.remediations = counter(
            "wfreport_remediations",
            "Remediations, by action and state: intended, or the reason of the condition Executed.",
            ["action", "reason"],
        )
        start_at_zero(self.remediations, ActionType, FAILED_EXECUTIONS)
        self.remediation_outcomes = counter(
            "wfreport_remediation_outcomes",
            "Remediations with an outcome, by action and the reason of the condition Succeeded.",
            ["action", "reason"],
        )
        start_at_zero(self.remediation_outcomes, ActionType, RUN_OUTCOMES)
        self.breakers_open = Gauge(
            "wfreport_breakers_open",
            "Policies whose circuit breaker is open or half open; their status names the reason.",
            registry=registry,
        )
        self.policies_ignored = Gauge(
            "wfreport_policies_ignored",
            "Policies beyond the maximum of their namespace, which have no effect.",
            registry=registry,
        )
        self.actions_in_flight = Gauge(
            "wfreport_actions_in_flight",
            "Actions that count as in flight in the operator's budget, of all namespaces, by lock class.",
            ["lock"],
            registry=registry,
        )
        self.actions_in_flight_namespace_max = Gauge(
            "wfreport_actions_in_flight_namespace_max",
            "Actions that count as in flight of the namespace that has most, by lock class.",
            ["lock"],
            registry=registry,
        )
        self.leading = Gauge(
            "wfreport_leading",
            "1 if this replica holds the Lease and it does not expire soon, or if it needs none; else 0.",
            registry=registry,
        )
        self.pods_labelled = counter(
            "wfreport_pods_labelled", "Failed pods to be labelled, by result: labelled, gone, failed.", ["result"]
        )
        self.notifications = counter(
            "wfreport_notifications",
            "Notifications by kind of sink and result: sent, failed, refused.",
            ["sink", "result"],
        )
        self.traces = counter(
            "wfreport_traces",
            "Traces of finished runs by result: exported, retried, rejected. Zero without a collector.",
            ["result"],
        )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request to the API server; ``code`` is the HTTP status, or the name of an error without one."""
        self._count_request(verb, resource, code)()

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count the bytes of a response of the API server."""
        self._count_bytes(verb, resource)(count)

    def observe_event(self, stream: str, event_type: str) -> None:
        """Count a watch event."""
        self._count_event(stream, event_type)()

    def exposition(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


def _increment_by_labels(counter: Counter) -> Callable[..., Callable[..., None]]:
    """Return a cached function from labels to a counter's increment, as ``labels()`` is slow per event."""
    return cache(lambda *labels: counter.labels(*labels).inc)
