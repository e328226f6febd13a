"""Remediation as one part of the operator: its objects wired, its state loaded, its workers started."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from wfreport.api.actions import ActionType
from wfreport.api.names import KIND_POLICY, KIND_REMEDIATION, PLURAL_POLICIES, PLURAL_REMEDIATIONS
from wfreport.api.remediation import Remediation
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.remediation import Books, PolicyBook, RemediationBook, RunBook
from wfreport.cache.reports import ReportsIndex
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.redact.redactor import Redactor
from wfreport.kube import documents
from wfreport.kube.access import Access
from wfreport.kube.client import Client
from wfreport.kube.errors import BadAnswerError
from wfreport.kube.events import Events
from wfreport.kube.own import OwnKind
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports
from wfreport.logs import Once, kv
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import Act
from wfreport.remediation.actions.resubmit import RaiseMemory, Resubmit
from wfreport.remediation.actions.retry import Retry
from wfreport.remediation.actions.stop import Stop
from wfreport.remediation.actions.suspend_cron import SuspendCron
from wfreport.remediation.early_labels import EarlyLabels
from wfreport.remediation.enqueue import RemediationReader, RemedyIntake, RemedyQueues
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import Gatherer, report_of
from wfreport.remediation.notify import Notifications, Notify
from wfreport.remediation.outcomes import Outcomes
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.remediation.policies import PolicyReader, known_policy
from wfreport.remediation.reconciler import Remedy
from wfreport.remediation.resync import RemedySweep
from wfreport.remediation.sinks import Sender, Sinks
from wfreport.remediation.writer import Journal, read_remediation
from wfreport.runtime.lease import Lease
from wfreport.runtime.tasks import Task
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Lane, QueueLimits, WorkQueue
from wfreport.settings import Settings

log = logging.getLogger(__name__)

NOTIFIERS: Final = 2
"""An endpoint that does not answer holds one of them up for as long as its time-out."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The rest of the operator, as far as remediation needs it."""

    settings: Settings
    client: Client
    namespaces: list[str | None]
    reports: Reports
    index: ReportsIndex
    writer: ReportWriter
    lease: Lease | None
    server: ServerWorkflows | None
    events: Events
    metrics: Metrics
    once: Once
    sender: Sender | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    jitter: Callable[[], float]


class RemedyPart:
    """All of remediation. Without a policy in the cluster it costs two streams of nothing."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._books = Books(PolicyBook(), RemediationBook(), RunBook())
        self._loaded: set[str] = set()
        self.queues = queues = _queues(around.monotonic, around.jitter)
        self.intake = RemedyIntake(self._books, queues)
        own = partial(OwnKind, around.client, namespaces=around.namespaces, chunk_size=around.settings.chunk_size)
        self._policies = own(KIND_POLICY, PLURAL_POLICIES)
        self._remediations = own(KIND_REMEDIATION, PLURAL_REMEDIATIONS)
        pods = documents.core(around.client, "pods")
        self._labeller = PodLabeller(pods, self._books, lease=around.lease, metrics=around.metrics)
        self._journal = Journal(
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
            workflows=documents.workflows(around.client),
            queue=queues.remedies,
            clock=around.clock,
        )
        self._executor = Executor(
            books=self._books,
            journal=self._journal,
            outcomes=self._outcomes,
            acts=self._acts(),
            notification=Notify(),
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
        async for document in self._policies.list_all():
            metadata = document["metadata"]
            key = (metadata["namespace"], metadata["name"])
            self._books.policies.put(key, known_policy(document))
            self.queues.policies.add(key, Lane.URGENT)
        async for document in self._remediations.list_all():
            self._remember(document)
        for namespace in self._books.policies.namespaces():
            await self._load_runs(namespace)
        for remediation in self._books.remediations:
            self.queues.remediations.add((remediation.metadata.namespace, remediation.metadata.name), Lane.PROGRESS)

    def _remember(self, document: dict[str, Any]) -> None:
        """A Remediation that cannot be read, a newer operator's, keeps its lock and nobody else from theirs."""
        try:
            self._books.remediations.put(read_remediation(document))
        except BadAnswerError as error:
            log.warning("a Remediation cannot be read", extra=kv(reason=error.message))

    def start(self) -> tuple[set[Task], set[Task]]:
        """Start the workers, which end when they are closed, and the sweep, which does not."""
        around = self._around
        tasks = {asyncio.create_task(worker.run(), name=name) for name, _, worker in self.workers()}
        sweeping = self.sweep().run(interval_seconds=lambda: around.settings.sweep_interval_seconds * around.jitter())
        return tasks, {asyncio.create_task(sweeping, name="remedy sweep")}

    def workers(self) -> list[tuple[str, WorkQueue, Worker]]:
        """The workers, each with its name and its queue."""
        around, queues = self._around, self.queues
        reader = RemediationReader(
            self._remediations, self._books, index=around.index, executor=self._executor, remedies=queues.remedies
        )
        notifications = self._wired_notifications()
        looks = [
            ("remedy", queues.remedies, self._wired_remedy().look),
            ("early labels", queues.pods, self._wired_early_labels().look),
            ("policies", queues.policies, self._wired_policies().look),
            ("remediations", queues.remediations, reader.look),
            *[("notifier", queues.notifications, notifications.look)] * NOTIFIERS,
        ]
        return [(name, queue, self._worker(queue, look)) for name, queue, look in looks]

    def sweep(self) -> RemedySweep:
        """What finds what no event told."""
        around = self._around
        return RemedySweep(
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
            queue.close()

    def _worker(self, queue: WorkQueue, look: Callable[[Any], Any]) -> Worker:
        around = self._around
        return Worker(
            queue,
            look,
            metrics=around.metrics,
            once=around.once,
            clock=around.monotonic,
            failures=around.metrics.remedies_failed,
        )

    def _acts(self) -> dict[ActionType, Act]:
        around = self._around
        workflows = documents.workflows(around.client)
        return {
            ActionType.RESUBMIT: Resubmit(workflows, clock=around.clock),
            ActionType.RAISE_MEMORY: RaiseMemory(
                workflows,
                limit_ranges=documents.core(around.client, "limitranges"),
                quotas=documents.core(around.client, "resourcequotas"),
                references_only=around.settings.argo_references_only,
                clock=around.clock,
            ),
            ActionType.RETRY: Retry(workflows, around.server),
            ActionType.SUSPEND_CRON: SuspendCron(documents.cron_workflows(around.client)),
            ActionType.STOP: Stop(workflows),
        }

    def _wired_early_labels(self) -> EarlyLabels:
        around, client = self._around, self._around.client
        return EarlyLabels(
            documents.workflows(client),
            Pods(client, chunk_size=around.settings.chunk_size),
            self._books,
            self._labeller,
            redactor=Redactor(around.settings.redact_patterns),
            clock=around.clock,
        )

    def _wired_remedy(self) -> Remedy:
        around, client = self._around, self._around.client
        namespaces = documents.core(client, "namespaces")
        settings = around.settings
        return Remedy(
            index=around.index,
            writer=around.writer,
            books=self._books,
            gatherer=Gatherer(documents.workflows(client), namespaces, clock=around.monotonic),
            journal=self._journal,
            outcomes=self._outcomes,
            labeller=self._labeller,
            executor=self._executor,
            notify=self._notify,
            limits=OperatorLimits(settings.remediation_max_concurrent, settings.remediation_max_per_hour),
            queue=self.queues.remedies,
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
            around.sender or Sinks(documents.core(around.client, "secrets")),
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
        self.queues.notifications.add(key, Lane.URGENT)

    async def _policies_changed(self, namespace: str) -> None:
        """Have each run of a namespace looked at that a policy might be for."""
        if namespace not in self._loaded:
            await self._load_runs(namespace)
            return
        for key in self._books.runs.reports(namespace):
            self.queues.remedies.add(key, Lane.PROGRESS)

    async def _load_runs(self, namespace: str) -> None:
        """Read what ran in a namespace; what failed or runs is looked at, what succeeded is only counted."""
        async for stored in self._around.reports.list_stored(namespace):
            report = report_of(stored)
            run = latest_run(report)
            if run is None:
                continue
            self._books.runs.put(report)
            if not run.has_succeeded:
                self.queues.remedies.add((namespace, report.metadata.name), Lane.PROGRESS)
        self._loaded.add(namespace)


def _queues(monotonic: Callable[[], float], jitter: Callable[[], float]) -> RemedyQueues:
    def queue() -> WorkQueue:
        return WorkQueue(QueueLimits(), clock=monotonic, jitter=jitter)

    return RemedyQueues(remedies=queue(), policies=queue(), remediations=queue(), notifications=queue(), pods=queue())
