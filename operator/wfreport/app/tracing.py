"""Wires the export of traces: its queue, its workers, and what enqueues a run."""

import asyncio
import time
from functools import partial
from typing import Final

from wfreport.app.shared import Shared, workers_per_namespace
from wfreport.kube.reports import StoredReport
from wfreport.runtime.tasks import Task
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import QueueLimits, WorkQueue
from wfreport.tracing.collector import Collector
from wfreport.tracing.exporter import TraceExporter

WORKERS: Final = 2


class Tracing:
    """The export of traces; without a collector it does nothing."""

    def __init__(self, shared: Shared, collector: Collector | None) -> None:
        limits = QueueLimits(workers_per_namespace=workers_per_namespace(shared.settings, WORKERS))
        self.queue = WorkQueue(limits, clock=shared.time.monotonic, jitter=shared.time.jitter)
        self._shared = shared
        build = partial(TraceExporter, metrics=shared.metrics, clock=shared.time.now)
        self._exporter = build(shared.kube.reports, collector, self.queue) if collector else None

    def report_written(self, report: StoredReport) -> None:
        """Enqueue a report whose status was written, if its run has ended."""
        if self._exporter:
            self._exporter.report_written(report)

    def start(self) -> set[Task]:
        """Start the workers, which end after the queue is shut down."""
        if self._exporter is None:
            return set()
        metrics, in_flight = self._shared.metrics, self._shared.in_flight
        build = partial(Worker, metrics=metrics, clock=time.monotonic, controller="tracing", in_flight=in_flight)
        worker = build(self.queue, self._exporter.export)
        return {asyncio.create_task(worker.run(), name=f"tracing {number}") for number in range(WORKERS)}
