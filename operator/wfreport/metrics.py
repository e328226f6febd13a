"""Every metric: name, labels, buckets, meaning. Labels come from closed sets; names of objects go into the logs."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]

LAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The metrics of one operator, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.workflows_seen = Counter(
            "wfreport_workflows_seen", "Workflows looked at for the first time.", registry=registry
        )
        self.looks = Counter(
            "wfreport_looks",
            "Looks at a Workflow, by what came of them: completed, running, gone, failed.",
            ["outcome"],
            registry=registry,
        )
        self.reports_created = Counter("wfreport_reports_created", "Reports created.", registry=registry)
        self.reports_written = Counter("wfreport_reports_written", "Writes of a report's status.", registry=registry)
        self.reports_skipped = Counter(
            "wfreport_reports_skipped", "Looks that found the report up to date.", registry=registry
        )
        self.reports_failed = Counter(
            "wfreport_reports_failed",
            "Looks that ended in an error, by the error's class; all but Invalid and TooLarge are tried again.",
            ["error"],
            registry=registry,
        )
        self.report_lag = Histogram(
            "wfreport_report_lag_seconds",
            "From a Workflow's end to its final report.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self.evidence_failed = Counter(
            "wfreport_evidence_failed",
            "Reads of pods or Events that were refused; the report goes without.",
            ["error"],
            registry=registry,
        )
        self.pods_captured = Counter("wfreport_pods_captured", "Pods read as evidence.", registry=registry)
        self.sweeps = Counter(
            "wfreport_sweeps", "Sweeps, by how they ended: ok, failed.", ["result"], registry=registry
        )
        self.sweep_seconds = Histogram("wfreport_sweep_seconds", "How long a sweep took.", registry=registry)
        self.sweep_repairs = Counter(
            "wfreport_sweep_repairs",
            "What a sweep found that no event had told, by kind: unreported, untracked, gone, report.",
            ["kind"],
            registry=registry,
        )
        self.stream_events = Counter(
            "wfreport_stream_events",
            "Watch events received, by stream and type; listed objects count as LISTED.",
            ["stream", "type"],
            registry=registry,
        )
        self.stream_connects = Counter(
            "wfreport_stream_connects", "Watches begun or taken up again.", ["stream"], registry=registry
        )
        self.projection_misses = Counter(
            "wfreport_projection_misses",
            "Objects that came whole although their metadata alone was asked for: something between here and "
            "the API server strips the Accept header.",
            ["stream"],
            registry=registry,
        )
        self.api_requests = Counter(
            "wfreport_api_requests",
            "Requests to the API server.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self.api_response_bytes = Counter(
            "wfreport_api_response_bytes",
            "Bytes of the API server's answers, watches included.",
            ["verb", "resource"],
            registry=registry,
        )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request; ``code`` is the HTTP status, or the name of what went wrong before there was one."""
        self.api_requests.labels(verb, resource, code).inc()

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count bytes of an answer."""
        self.api_response_bytes.labels(verb, resource).inc(count)

    def show(self, name: str, meaning: str, read: Callable[[], float], **labels: str) -> None:
        """Add a gauge that is read when asked for."""
        if not labels:
            Gauge(name, meaning, registry=self.registry).set_function(read)
        else:
            self._labelled(name, meaning, labels).labels(**labels).set_function(read)

    def _labelled(self, name: str, meaning: str, labels: Iterable[str]) -> Gauge:
        known = self.__dict__.setdefault("_gauges", {})
        if name not in known:
            known[name] = Gauge(name, meaning, list(labels), registry=self.registry)
        gauge: Gauge = known[name]
        return gauge

    def exposition(self) -> tuple[bytes, str]:
        """The metrics as Prometheus reads them, with their content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4
