"""Composes remediation: creates its objects, loads its state, starts its workers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from msgspec import Struct, field

from wfreport.api.action_types import ActionType
from wfreport.api.remediation import LockClass
from wfreport.app.notifications import build_delivery, build_sinks
from wfreport.app.shared import KubeResources, TimeSource
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.policies import created_at_of
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.budget import IN_FLIGHT_MAX
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.redact.redactor import Redactor
from wfreport.kube.access import Access
from wfreport.kube.errors import BadResponseError
from wfreport.kube.kinds import CRON_WORKFLOW, LIMIT_RANGE, NAMESPACE, POD, POLICY, REMEDIATION, RESOURCE_QUOTA
from wfreport.kube.objects import NamespacedName
from wfreport.kube.remediations import read_remediation
from wfreport.kube.resource import documents
from wfreport.kube.workflows import workflow_documents
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import ActionHandler, Actions
from wfreport.remediation.actions.resubmit import RaiseMemoryHandler, ResubmitHandler
from wfreport.remediation.actions.retry import RetryHandler
from wfreport.remediation.actions.stop import StopHandler
from wfreport.remediation.actions.suspend_cron import SuspendCronHandler
from wfreport.remediation.clock_jumps import ClockJumps
from wfreport.remediation.early_labels import EarlyPodLabeller
from wfreport.remediation.enqueue import RemediationReader
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import Gatherer, report_of
from wfreport.remediation.notify import Notifier, NotifyPlanner
from wfreport.remediation.outcomes import OutcomeRecorder
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.remediation.policies import PolicyReconciler, read_cached_policy
from wfreport.remediation.policy_writer import PolicyWriter
from wfreport.remediation.queues import RemediationQueues
from wfreport.remediation.reconciler import RemediationReconciler
from wfreport.remediation.resync import RemediationResync
from wfreport.remediation.rights import RightsChecker
from wfreport.remediation.sinks import Sender
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.lease import Lease
from wfreport.runtime.periodic import run_periodically
from wfreport.runtime.tasks import Task
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue
from wfreport.settings import Settings

log = logging.getLogger(__name__)

CONTROLLER: Final = "remediation"
"""The label ``controller`` of the metrics."""

WORKERS: Final = 4
"""Workers that decide about runs, that label pods, and that read policies: a namespace has one of them at a time, so
that the requests of one do not delay the others. The first policy of a namespace has all its reports read."""

POLICY_CHUNK_SIZE: Final = 50
"""Policies per page when all are read: one can have several 100 kB."""

NOTIFIERS: Final = 8
"""Workers that send notifications. A namespace occupies at most one of them, even if its endpoint does not answer."""


class Dependencies(Struct, frozen=True):
    """The parts of the operator that remediation depends on.

    Attributes:
        settings: the settings.
        kube: the API server.
        report_writer: the only writer of reports.
        lease: the leader election; None if it is off, and then no action is performed.
        argo_server: Argo Server; None if it is not configured, and then no Workflow is retried.
        redactor: removes secrets from texts.
        metrics: the metrics.
        time: the clocks.
        in_flight: what the workers are reconciling.
    """

    settings: Settings
    kube: KubeResources
    report_writer: ReportWriter
    lease: Lease | None
    argo_server: ServerWorkflows | None
    redactor: Redactor
    metrics: Metrics
    time: TimeSource
    in_flight: InFlight = field(default_factory=InFlight)


class RemediationController:
    """Remediation as a whole. In a cluster without policies it costs two watch streams without events."""

    def __init__(
        self,
        dependencies: Dependencies,
        cache: RemediationCache,
        queues: RemediationQueues,
        *,
        sender: Sender | None = None,
    ) -> None:
        """``sender`` delivers notifications; by default, to the sinks of the policies."""
        self._deps = deps = dependencies
        kube, clock = deps.kube, deps.time.now
        self._sender = sender or build_sinks(deps.settings, kube.client, deps.time)
        self._cache = cache
        self._loaded_namespaces: set[str] = set()
        self.queues = queues
        own = partial(documents, kube.client, namespaces=kube.namespaces, chunk_size=deps.settings.chunk_size)
        self._policies = own(POLICY)
        self._policy_pages = own(POLICY, chunk_size=min(deps.settings.chunk_size, POLICY_CHUNK_SIZE))
        self._remediations = own(REMEDIATION)
        self._workflows = workflow_documents(kube.client)
        self._labeller = PodLabeller(documents(kube.client, POD), self._cache, lease=deps.lease, metrics=deps.metrics)
        self._writer = RemediationWriter(
            self._remediations, self._cache.remediations, events=kube.events, metrics=deps.metrics, clock=clock
        )
        self._outcomes = OutcomeRecorder(
            self._cache, self._writer, workflows=self._workflows, queue=self.queues.runs, clock=clock
        )
        self._executor = Executor(
            cache=self._cache,
            writer=self._writer,
            outcomes=self._outcomes,
            actions=self._actions(),
            queues=self.queues,
            lease=deps.lease,
            clock=clock,
        )
        self._expose_budget()
        if deps.lease:
            lease = deps.lease
            deps.metrics.leading.set_function(lambda: float(lease.held_seconds > 0))
        else:
            deps.metrics.leading.set(1)
        deps.metrics.breakers_open.set_function(cache.policies.open_breakers)
        deps.metrics.policies_ignored.set_function(cache.policies.count_ignored)

    def _expose_budget(self) -> None:
        """Let gauges read how much of the budget that policies share is in use."""
        metrics, actions, clock = self._deps.metrics, self._cache.remediations, self._deps.time.now
        for lock, longest in IN_FLIGHT_MAX.items():
            for gauge, count in (
                (metrics.actions_in_flight, actions.in_flight),
                (metrics.actions_in_flight_namespace_max, actions.in_flight_of_largest),
            ):
                gauge.labels(lock).set_function(partial(_count_since, count, lock, clock, longest))

    async def load(self) -> None:
        """Read all policies and Remediations, and the reports of namespaces that have policies.

        Raises:
            ApiError: a page could not be read.
        """
        await self._load_policies()
        async for document in self._remediations.list():
            self._load_remediation(document)
        for namespace in self._cache.policies.namespaces():
            await self._load_runs(namespace)
        for remediation in self._cache.remediations:
            self.queues.remediations.add((remediation.metadata.namespace, remediation.metadata.name), Priority.PROGRESS)

    async def _load_policies(self) -> None:
        """Read the policies. Those beyond the maximum of their namespace are validated no more than later on."""
        policies, unread = self._cache.policies, set[NamespacedName]()
        async for meta in self._policies.list_metadata():
            unread.add((meta.namespace, meta.name))
            policies.place((meta.namespace, meta.name), meta.creation_timestamp)
        async for document in self._policy_pages.list():
            metadata = document["metadata"]
            key = (metadata["namespace"], metadata["name"])
            unread.discard(key)
            policies.place(key, created_at_of(document))
            if policies.is_in_force(key):
                policies.put(key, await read_cached_policy(document))
            self.queues.policies.add(key, Priority.URGENT)
        for deleted in unread:
            policies.remove(deleted)

    def _load_remediation(self, document: dict[str, Any]) -> None:
        """Cache a Remediation; skip one that this version cannot decode, for example a newer operator's.

        It keeps its own lock, since its name is taken, but blocks nothing else.
        """
        try:
            self._cache.remediations.put(read_remediation(document))
        except BadResponseError as error:
            log.warning("remediation skipped: cannot be decoded", extra=kv(reason=error.message))

    def start(self) -> tuple[set[Task], set[Task]]:
        """Start the workers, which end after ``close``, and the resync, which has to be cancelled."""
        workers = {asyncio.create_task(worker.run(), name=name) for name, _, worker in self.workers()}
        resync = run_periodically(
            self._resync_after_clock_check(),
            controller=CONTROLLER,
            metrics=self._deps.metrics,
            interval_seconds=self._resync_interval_seconds,
            initial_delay_seconds=self._resync_interval_seconds(),  # ``load`` has just read everything
        )
        return workers, {asyncio.create_task(resync, name="remediation resync")}

    def workers(self) -> list[tuple[str, WorkQueue, Worker]]:
        """Create the workers; return each with its name and its queue."""
        queues, reports = self.queues, self._cache.reports
        reader = RemediationReader(self._remediations, self._cache, executor=self._executor, queue=queues.runs)
        run = _unless(reports.is_abandoned, self._reconciler().reconcile)
        label = _unless(reports.has_abandoned, self._early_labeller().reconcile)
        reconcilers = [
            *[("remediation", queues.runs, run)] * WORKERS,
            *[("early pod labels", queues.pods, label)] * WORKERS,
            *[("policies", queues.policies, self._policy_reconciler().reconcile)] * WORKERS,
            ("remediations", queues.remediations, reader.reconcile),
            *[("notifier", queues.notifications, self._notifier().reconcile)] * NOTIFIERS,
        ]
        return [(name, queue, self._worker(name, queue, reconcile)) for name, queue, reconcile in reconcilers]

    def resync(self) -> RemediationResync:
        """Create the resync."""
        return RemediationResync(
            policies=self._policies,
            remediations=self._remediations,
            cache=self._cache,
            queues=self.queues,
            outcomes=self._outcomes,
            retention=timedelta(days=self._deps.settings.remediation_keep_days),
            clock=self._deps.time.now,
        )

    def _resync_after_clock_check(self) -> Callable[[], Awaitable[None]]:
        time, resync = self._deps.time, self.resync()
        jumps = ClockJumps(self._cache, self.queues, now=time.now, monotonic=time.monotonic)

        async def check_and_resync() -> None:
            jumps.check()
            await resync.resync()

        return check_and_resync

    def close(self) -> None:
        """Shut down the queues: workers end after the request that they are working on. Deliveries end soon."""
        for queue in self.queues.named().values():
            queue.shut_down()
        self._sender.close()

    def _resync_interval_seconds(self) -> float:
        return self._deps.settings.resync_interval_seconds * self._deps.time.jitter()

    def _worker(self, name: str, queue: WorkQueue, reconcile: Callable[[Request], Awaitable[None]]) -> Worker:
        deps = self._deps
        return Worker(
            queue,
            reconcile,
            metrics=deps.metrics,
            clock=deps.time.monotonic,
            controller=CONTROLLER,
            in_flight=deps.in_flight,
            name=name.replace(" ", "_"),
        )

    def _actions(self) -> Actions:
        deps, workflows = self._deps, self._workflows
        client, clock = deps.kube.client, deps.time.now
        handlers: dict[ActionType, ActionHandler] = {
            ActionType.RESUBMIT: ResubmitHandler(workflows, clock=clock),
            ActionType.RAISE_MEMORY: RaiseMemoryHandler(
                workflows,
                limit_ranges=documents(client, LIMIT_RANGE),
                quotas=documents(client, RESOURCE_QUOTA),
                references_only=deps.settings.argo_references_only,
                clock=clock,
            ),
            ActionType.RETRY: RetryHandler(workflows, deps.argo_server),
            ActionType.SUSPEND_CRON: SuspendCronHandler(documents(client, CRON_WORKFLOW)),
            ActionType.STOP: StopHandler(workflows),
        }
        return Actions(handlers, NotifyPlanner())

    def _early_labeller(self) -> EarlyPodLabeller:
        deps = self._deps
        return EarlyPodLabeller(
            self._workflows,
            deps.kube.pods,
            self._cache,
            self._labeller,
            redactor=deps.redactor,
            clock=deps.time.now,
        )

    def _reconciler(self) -> RemediationReconciler:
        deps, settings = self._deps, self._deps.settings
        namespaces = documents(deps.kube.client, NAMESPACE)
        return RemediationReconciler(
            writer=deps.report_writer,
            cache=self._cache,
            gatherer=Gatherer(self._workflows, namespaces, clock=deps.time.monotonic),
            executor=self._executor,
            labeller=self._labeller,
            limits=OperatorLimits(
                max_concurrent=settings.remediation_max_concurrent,
                max_per_hour=settings.remediation_max_per_hour,
                max_concurrent_per_namespace=settings.remediation_max_concurrent_per_namespace,
                max_per_hour_per_namespace=settings.remediation_max_per_hour_per_namespace,
            ),
            queues=self.queues,
            metrics=deps.metrics,
            clock=deps.time.now,
        )

    def _policy_reconciler(self) -> PolicyReconciler:
        deps = self._deps
        rights = RightsChecker(Access(deps.kube.client), has_lease=deps.lease is not None, clock=deps.time.monotonic)
        return PolicyReconciler(
            self._policies,
            self._cache,
            rights=rights,
            writer=PolicyWriter(
                self._policies, events=deps.kube.events, ownership=deps.report_writer.ownership, clock=deps.time.now
            ),
            queue=self.queues.policies,
            on_change=self._enqueue_runs,
            clock=deps.time.now,
        )

    def _notifier(self) -> Notifier:
        deps = self._deps
        return Notifier(
            build_delivery(self._sender, deps.time, lease=deps.lease, metrics=deps.metrics),
            cache=self._cache,
            writer=self._writer,
            reports=deps.report_writer,
            retry=lambda key, seconds: self.queues.notifications.add_after(key, seconds, Priority.URGENT),
            on_recorded=self._outcomes.enqueue_chain,
            clock=deps.time.now,
        )

    async def _enqueue_runs(self, namespace: str) -> None:
        """Enqueue the reports of a namespace whose policies have changed."""
        if namespace not in self._loaded_namespaces:
            await self._load_runs(namespace)
            return
        for key in self._cache.runs.reports_in(namespace):
            self.queues.runs.add(key, Priority.PROGRESS)

    async def _load_runs(self, namespace: str) -> None:
        """Read the reports of a namespace into the run history; enqueue those whose run has not succeeded."""
        async for stored in self._deps.kube.reports.list_stored(namespace):
            report = report_of(stored)
            run = latest_run(report)
            if run is None or self._cache.reports.get((namespace, report.metadata.name)) is None:
                continue
            self._cache.runs.put(report)
            if not run.has_succeeded:
                self.queues.runs.add((namespace, report.metadata.name), Priority.PROGRESS)
        self._loaded_namespaces.add(namespace)


def _count_since(
    count: Callable[[LockClass, datetime], int], lock: LockClass, clock: Callable[[], datetime], longest: timedelta
) -> float:
    return count(lock, clock() - longest)


def _unless(
    is_abandoned: Callable[[NamespacedName], bool], reconcile: Callable[[Request], Awaitable[None]]
) -> Callable[[Request], Awaitable[None]]:
    """Reconcile all but abandoned Workflows: reading one of these killed the operator."""

    async def guarded(request: Request) -> None:
        if not is_abandoned(request.name):
            await reconcile(request)

    return guarded


def create_remediation_queues(time: TimeSource) -> RemediationQueues:
    """Create the queues, empty."""

    def queue(limits: QueueLimits | None = None) -> WorkQueue:
        return WorkQueue(limits or QueueLimits(), clock=time.monotonic, jitter=time.jitter)

    return RemediationQueues(
        runs=queue(QueueLimits(workers_per_namespace=1)),
        policies=queue(QueueLimits(workers_per_namespace=1)),
        remediations=queue(),
        notifications=queue(QueueLimits(workers_per_namespace=1)),
        pods=queue(QueueLimits(workers_per_namespace=1)),
    )
