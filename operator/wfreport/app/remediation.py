"""Remediation as one part of the operator: its objects wired, its state loaded, its workers started."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from wfreport.api.actions import ActionType
from wfreport.api.remediation import Remediation
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.remediation import PolicyCache, RemediationCache, RemediationIndex, RunHistory
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.redact.redactor import Redactor
from wfreport.kube.access import Access
from wfreport.kube.client import Client
from wfreport.kube.errors import BadAnswerError
from wfreport.kube.events import Events
from wfreport.kube.kinds import CRON_WORKFLOW, LIMIT_RANGE, NAMESPACE, POD, POLICY, REMEDIATION, RESOURCE_QUOTA, SECRET
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports
from wfreport.kube.resource import documents
from wfreport.kube.workflows import workflow_documents
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import ActionHandler
from wfreport.remediation.actions.resubmit import RaiseMemoryHandler, ResubmitHandler
from wfreport.remediation.actions.retry import RetryHandler
from wfreport.remediation.actions.stop import StopHandler
from wfreport.remediation.actions.suspend_cron import SuspendCronHandler
from wfreport.remediation.early_labels import EarlyLabels
from wfreport.remediation.enqueue import RemediationEventHandlers, RemediationQueues, RemediationReader
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import Gatherer, report_of
from wfreport.remediation.notify import Notifications, NotifyPlanner
from wfreport.remediation.outcomes import Outcomes
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.remediation.policies import PolicyReader, cached_policy
from wfreport.remediation.reconciler import RemediationReconciler
from wfreport.remediation.resync import RemediationResync
from wfreport.remediation.sinks import Sender, Sinks
from wfreport.remediation.writer import RemediationWriter, read_remediation
from wfreport.runtime.lease import Lease
from wfreport.runtime.periodic import run_periodically
from wfreport.runtime.tasks import Task
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue
from wfreport.settings import Settings

log = logging.getLogger(__name__)

CONTROLLER: Final = "remediation"
"""The label ``controller`` of the metrics."""

NOTIFIERS: Final = 2
"""An endpoint that does not answer holds one of them up for as long as its time-out."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The rest of the operator, as far as remediation needs it."""

    settings: Settings
    client: Client
    namespaces: list[str | None]
    reports: Reports
    index: ReportCache
    writer: ReportWriter
    lease: Lease | None
    server: ServerWorkflows | None
    events: Events
    metrics: Metrics
    sender: Sender | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    jitter: Callable[[], float]


class RemediationController:
    """All of remediation. Without a policy in the cluster it costs two streams of nothing."""

    def __init__(self, around: Dependencies) -> None:
        self._around = around
        self._books = RemediationCache(PolicyCache(), RemediationIndex(), RunHistory())
        self._loaded: set[str] = set()
        self.queues = queues = _queues(around.monotonic, around.jitter)
        self.intake = RemediationEventHandlers(self._books, queues)
        own = partial(documents, around.client, namespaces=around.namespaces, chunk_size=around.settings.chunk_size)
        self._policies = own(POLICY)
        self._remediations = own(REMEDIATION)
        pods = documents(around.client, POD)
        self._labeller = PodLabeller(pods, self._books, lease=around.lease, metrics=around.metrics)
        self._journal = RemediationWriter(
            self._remediations,
            self._books.remediations,
            events=around.events,
            metrics=around.metrics,
            clock=around.clock,
        )
        self._outcomes = Outcomes(
            self._books,
            self._journal,
            index=around.index,
            workflows=workflow_documents(around.client),
            queue=queues.runs,
            clock=around.clock,
        )
        self._executor = Executor(
            books=self._books,
            journal=self._journal,
            outcomes=self._outcomes,
            acts=self._acts(),
            notification=NotifyPlanner(),
            notify=self._notify,
            lease=around.lease,
            policies=queues.policies,
            clock=around.clock,
        )

        if around.lease:
            lease = around.lease
            around.metrics.leading.set_function(lambda: float(lease.held_seconds > 0))

    async def load(self) -> None:
        """Read all policies and Remediations, and what ran in namespaces that have policies.

        Raises:
            ApiError: a page failed.
        """
        async for document in self._policies.list():
            metadata = document["metadata"]
            key = (metadata["namespace"], metadata["name"])
            self._books.policies.put(key, cached_policy(document))
            self.queues.policies.add(key, Priority.URGENT)
        async for document in self._remediations.list():
            self._remember(document)
        for namespace in self._books.policies.namespaces():
            await self._load_runs(namespace)
        for remediation in self._books.remediations:
            self.queues.remediations.add((remediation.metadata.namespace, remediation.metadata.name), Priority.PROGRESS)

    def _remember(self, document: dict[str, Any]) -> None:
        """A Remediation that cannot be read, a newer operator's, keeps its lock and nobody else from theirs."""
        try:
            self._books.remediations.put(read_remediation(document))
        except BadAnswerError as error:
            log.warning("a Remediation cannot be read", extra=kv(reason=error.message))

    def start(self) -> tuple[set[Task], set[Task]]:
        """Start the workers, which end when their queues are shut down, and the resync, which does not end."""
        around = self._around
        tasks = {asyncio.create_task(worker.run(), name=name) for name, _, worker in self.workers()}
        resync = run_periodically(
            self.resync().resync,
            controller=CONTROLLER,
            metrics=around.metrics,
            interval_seconds=self._resync_interval_seconds,
            initial_delay_seconds=self._resync_interval_seconds(),  # ``load`` has just read everything
        )
        return tasks, {asyncio.create_task(resync, name="remediation resync")}

    def workers(self) -> list[tuple[str, WorkQueue, Worker]]:
        """The workers, each with its name and its queue."""
        around, queues = self._around, self.queues
        reader = RemediationReader(
            self._remediations, self._books, index=around.index, executor=self._executor, remedies=queues.runs
        )
        notifications = self._wired_notifications()
        looks = [
            ("remedy", queues.runs, self._wired_remedy().reconcile),
            ("early labels", queues.pods, self._wired_early_labels().reconcile),
            ("policies", queues.policies, self._wired_policies().reconcile),
            ("remediations", queues.remediations, reader.reconcile),
            *[("notifier", queues.notifications, notifications.reconcile)] * NOTIFIERS,
        ]
        return [(name, queue, self._worker(queue, look)) for name, queue, look in looks]

    def resync(self) -> RemediationResync:
        """Return the resync, which finds changes without an event."""
        around = self._around
        return RemediationResync(
            policies=self._policies,
            remediations=self._remediations,
            books=self._books,
            queues=self.queues,
            outcomes=self._outcomes,
            index=around.index,
            keep=timedelta(days=around.settings.remediation_keep_days),
            clock=around.clock,
        )

    def close(self) -> None:
        """Begin nothing more."""
        for queue in self.queues.named().values():
            queue.shut_down()

    def _resync_interval_seconds(self) -> float:
        return self._around.settings.resync_interval_seconds * self._around.jitter()

    def _worker(self, queue: WorkQueue, look: Callable[[Any], Any]) -> Worker:
        around = self._around
        return Worker(
            queue,
            look,
            metrics=around.metrics,
            clock=around.monotonic,
            controller=CONTROLLER,
        )

    def _acts(self) -> dict[ActionType, ActionHandler]:
        around = self._around
        workflows = workflow_documents(around.client)
        return {
            ActionType.RESUBMIT: ResubmitHandler(workflows, clock=around.clock),
            ActionType.RAISE_MEMORY: RaiseMemoryHandler(
                workflows,
                limit_ranges=documents(around.client, LIMIT_RANGE),
                quotas=documents(around.client, RESOURCE_QUOTA),
                references_only=around.settings.argo_references_only,
                clock=around.clock,
            ),
            ActionType.RETRY: RetryHandler(workflows, around.server),
            ActionType.SUSPEND_CRON: SuspendCronHandler(documents(around.client, CRON_WORKFLOW)),
            ActionType.STOP: StopHandler(workflows),
        }

    def _wired_early_labels(self) -> EarlyLabels:
        around, client = self._around, self._around.client
        return EarlyLabels(
            workflow_documents(client),
            Pods(client, chunk_size=around.settings.chunk_size),
            self._books,
            self._labeller,
            redactor=Redactor(around.settings.redact_patterns),
            clock=around.clock,
        )

    def _wired_remedy(self) -> RemediationReconciler:
        around, client = self._around, self._around.client
        namespaces = documents(client, NAMESPACE)
        settings = around.settings
        return RemediationReconciler(
            index=around.index,
            writer=around.writer,
            books=self._books,
            gatherer=Gatherer(workflow_documents(client), namespaces, clock=around.monotonic),
            journal=self._journal,
            outcomes=self._outcomes,
            labeller=self._labeller,
            executor=self._executor,
            notify=self._notify,
            limits=OperatorLimits(settings.remediation_max_concurrent, settings.remediation_max_per_hour),
            queue=self.queues.runs,
            policies=self.queues.policies,
            metrics=around.metrics,
            clock=around.clock,
        )

    def _wired_policies(self) -> PolicyReader:
        around = self._around
        return PolicyReader(
            self._policies,
            self._books,
            access=Access(around.client),
            events=around.events,
            queue=self.queues.policies,
            changed=self._policies_changed,
            has_lease=around.lease is not None,
            clock=around.clock,
            monotonic=around.monotonic,
        )

    def _wired_notifications(self) -> Notifications:
        around = self._around
        return Notifications(
            around.sender or Sinks(documents(around.client, SECRET)),
            books=self._books,
            journal=self._journal,
            index=around.index,
            writer=around.writer,
            lease=around.lease,
            metrics=around.metrics,
            clock=around.clock,
        )

    def _notify(self, remediation: Remediation) -> None:
        key = (remediation.metadata.namespace, remediation.metadata.name)
        self.queues.notifications.add(key, Priority.URGENT)

    async def _policies_changed(self, namespace: str) -> None:
        """Have each run of a namespace looked at that a policy might be for."""
        if namespace not in self._loaded:
            await self._load_runs(namespace)
            return
        for key in self._books.runs.reports(namespace):
            self.queues.runs.add(key, Priority.PROGRESS)

    async def _load_runs(self, namespace: str) -> None:
        """Read what ran in a namespace; what failed or runs is looked at, what succeeded is only counted."""
        async for stored in self._around.reports.list_stored(namespace):
            report = report_of(stored)
            run = latest_run(report)
            if run is None:
                continue
            self._books.runs.put(report)
            if not run.has_succeeded:
                self.queues.runs.add((namespace, report.metadata.name), Priority.PROGRESS)
        self._loaded.add(namespace)


def _queues(monotonic: Callable[[], float], jitter: Callable[[], float]) -> RemediationQueues:
    def queue() -> WorkQueue:
        return WorkQueue(QueueLimits(), clock=monotonic, jitter=jitter)

    return RemediationQueues(runs=queue(), policies=queue(), remediations=queue(), notifications=queue(), pods=queue())
