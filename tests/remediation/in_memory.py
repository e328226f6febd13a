"""The operator and a cluster in memory: the real remediation, a fake API server, a manual clock, no tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from tests.live.operator.harness import rfc3339
from tests.remediation import documents
from tests.remediation.documents import Json
from tests.remediation.fake_api import Clock, FakeApi

from wfreport.api.actions import Sink
from wfreport.api.report import Stalled
from wfreport.app.remediation import Dependencies, RemediationController, create_remediation_queues
from wfreport.app.shared import KubeResources, TimeSource
from wfreport.cache.policies import PolicyCache
from wfreport.cache.remediation import RemediationCache, RemediationIndex, RunHistory
from wfreport.cache.reports import ReportCache, ReportEntry, entry_of
from wfreport.core.record.notification import Notification
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.gone import render_deleted
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import RenderOptions, Snapshot
from wfreport.kube.events import Events
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics
from wfreport.reconcile.ownership import ReportOwnership
from wfreport.reconcile.report_writer import ReportWriter, WriteHooks
from wfreport.remediation.enqueue import RemediationEventHandlers
from wfreport.runtime.workqueue import Priority
from wfreport.settings import Settings

NS = "data"
REDACTOR = Redactor()
SETTINGS = Settings()
HANGS = "tests/hangs"
"""Annotation of a Workflow that hangs, with the reason: what the operator finds out is not tested here."""
HOOK = {"sinks": [{"name": "hook", "cloudEvents": {"url": "http://hook.invalid"}}]}


class HeldLease:
    """A Lease that is always held."""

    held_seconds = 60.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield


class Inbox:
    """A sink that records which notification each of its names received. Those with an error fail."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.received: list[tuple[str, str]] = []

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        del namespace
        if sink.name in self.errors:
            raise self.errors[sink.name]
        self.received.append((sink.name, notification.id))

    def close(self) -> None: ...


class InMemoryOperator:
    """One operator process. A second one on the same API server is a restart or a replica."""

    def __init__(
        self,
        api: FakeApi,
        clock: Clock,
        *,
        inbox: Inbox | None = None,
        installation: str = "",
        settings: Settings = SETTINGS,
    ) -> None:
        self.api = api
        self._installation = installation
        self.clock = clock
        self.metrics = metrics = Metrics()
        client: Any = api
        self.report_cache = ReportCache()
        self.reports = Reports(client, namespaces=[NS], chunk_size=500)
        workflows = Workflows(client, namespaces=[NS], instance_id="", label_selector="", chunk_size=500)
        events = Events(client, clock=clock)
        time = TimeSource(clock, clock.seconds, lambda: 1.0)
        self.cache = cache = RemediationCache(PolicyCache(50), RemediationIndex(), RunHistory(), self.report_cache)
        queues = create_remediation_queues(time)
        handlers = RemediationEventHandlers(cache, queues)
        self.writer = ReportWriter(
            reports=self.reports,
            events=events,
            cache=self.report_cache,
            ownership=ReportOwnership(installation, events=events, metrics=metrics, clock=clock),
            metrics=metrics,
            clock=clock,
            hooks=WriteHooks(
                lambda _: None,
                handlers.report_written,
                handlers.report_unchanged,
                is_remediated=cache.is_relevant,
            ),
        )
        lease: Any = HeldLease()
        dependencies = Dependencies(
            settings=settings,
            kube=KubeResources(client, [NS], workflows, self.reports, Pods(client, chunk_size=500), events),
            report_writer=self.writer,
            lease=lease,
            argo_server=None,
            redactor=REDACTOR,
            metrics=metrics,
            time=time,
        )
        self.remediation = RemediationController(dependencies, cache, queues, sender=inbox or Inbox())
        self._workers = self.remediation.workers()

    async def start(self) -> None:
        """Load the caches, as the operator does when it starts."""
        async for head in self.reports.list_heads():
            self.report_cache.put(entry_of(head))
        await self.remediation.load()

    async def reconcile_workflows(self) -> None:
        """Bring every report up to date."""
        workflows = {workflow["metadata"]["name"]: workflow for workflow in self.api.all("workflows")}
        for workflow in workflows.values():
            await self._reconcile_workflow(workflow)
        for entry in list(self.report_cache):
            if entry.workflow_name not in workflows and not entry.ended:
                stored = await self.writer.stored(entry)
                if stored.status:
                    await self.writer.apply(stored, render_deleted(stored.status, 1), is_final=True)

    async def _reconcile_workflow(self, document: Json) -> None:
        snapshot = decode_workflow(document)
        workflow = snapshot.workflow
        key = (workflow.metadata.namespace, workflow.metadata.name)
        entries = [entry for entry in self.report_cache.of_workflow(key) if entry.is_for(workflow.metadata.uid)]
        entry = entries[0] if entries else await self.writer.create(workflow)
        if entry.observed_version == workflow.metadata.resource_version:
            return  # the report is final
        await self._update(snapshot, entry)

    async def _update(self, snapshot: Snapshot, entry: ReportEntry) -> None:
        stored, workflow = await self.writer.stored(entry), snapshot.workflow
        status = render_status(
            snapshot,
            stored=stored.status,
            spec=stored.spec,
            generation=stored.head.metadata.generation,
            evidence={},
            options=RenderOptions(reporter=self._installation),
            redactor=REDACTOR,
            now=self.clock.now,
        )
        reason = workflow.metadata.annotations.get(HANGS)
        is_over, since_at = workflow.status.is_completed, workflow.status.started_at
        stalled = Stalled(reason=reason, since_at=since_at) if reason and not is_over else None
        status = status.changed(stalled=stalled)  # nobody inspects pods here, and rendering keeps what is stored
        await self.writer.apply(stored, status, is_final=workflow.status.is_completed)

    async def read_reports(self) -> None:
        """Read the reports that another process has changed, and bring them up to date, as an event of each does."""
        async for head in self.reports.list_heads():
            entry = entry_of(head)
            if entry != self.report_cache.get(entry.key):
                self.report_cache.put(entry)
                await self._update(decode_workflow(self.api.objects["workflows", NS, entry.workflow_name]), entry)

    def deliver_events(self) -> None:
        """Enqueue every policy and Remediation, as an event about each would."""
        queues = self.remediation.queues
        for kind, queue in (("remediationpolicies", queues.policies), ("remediations", queues.remediations)):
            for document in self.api.all(kind):
                queue.add((document["metadata"]["namespace"], document["metadata"]["name"]), Priority.PROGRESS)

    def enqueue_all_reports(self) -> None:
        """Enqueue every report, as duplicate events would."""
        for entry in self.report_cache:
            self.remediation.queues.runs.add(entry.key, Priority.PROGRESS)

    async def work(self, limit: int = 200) -> int:
        """Process requests until none is due; return their number."""
        for count in range(limit):
            if not await self.work_once():
                return count
        raise AssertionError(f"still busy after {limit} requests: {self._due()}")

    async def work_once(self) -> bool:
        """Process one request that is due, if there is one."""
        for _, queue, worker in self._workers:
            request = queue._rules.get(self.clock.seconds())
            if request:
                await worker._process(request)  # an unexpected exception, logged elsewhere, fails the test
                return True
        return False

    def _due(self) -> list[NamespacedName]:
        waiting = (waiting for _, queue, _ in self._workers for waiting in queue._rules._waiting.values())
        return [key for of_priority in waiting for keys in of_priority._by_namespace.values() for key in keys]


class InMemoryCluster:
    """A cluster with policies and an operator, over hours of simulated time."""

    def __init__(self, *policies: Json) -> None:
        self.clock = Clock()
        self.api = FakeApi(self.clock)
        self.inbox = Inbox()
        for each in policies:
            self.api.create("remediationpolicies", NS, each)
        self.operator = InMemoryOperator(self.api, self.clock, inbox=self.inbox)

    async def start(self) -> None:
        """Start the operator, and let a minute pass in which the policies become enforced."""
        await self.operator.start()
        await self.reconcile()
        self.clock.advance(60)

    async def reconcile(self, rounds: int = 3, seconds: float = 6) -> None:
        """Reconcile everything in each round, then advance the clock."""
        for _ in range(rounds):
            await self.operator.reconcile_workflows()
            self.operator.deliver_events()
            await self.operator.work(5_000)
            self.clock.advance(seconds)

    def remediations(self, action: str | None = None) -> list[Json]:
        """Return all Remediations, or those of one action."""
        return [each for each in self.api.all("remediations") if action in {None, each["spec"]["action"]}]

    def new_runs(self) -> list[str]:
        """Return the names of the Workflows that Remediations have created."""
        workflows = [workflow["metadata"] for workflow in self.api.all("workflows")]
        return [each["name"] for each in workflows if "wfreport.dev/remediation-uid" in each.get("labels", {})]

    def policy(self, name: str = "p") -> Json:
        """Return a policy."""
        return self.api.objects["remediationpolicies", NS, name]

    def condition(self, kind: str, name: str = "p") -> tuple[str, str]:
        """Return status and reason of a policy's condition."""
        conditions = self.policy(name)["status"]["conditions"]
        return next((each["status"], each["reason"]) for each in conditions if each["type"] == kind)


def run_async(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a test of a coroutine, with an event loop of its own."""

    def run() -> None:
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


policy = partial(documents.policy_document, namespace=NS)


def workflow(name: str, phase: str = "", *, clock: Clock, message: str = "main: Error (exit code 1)") -> Json:
    """Return a Workflow of one step, which has no pod, so that its evidence is complete."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": NS, "labels": {"team": "data"}},
        "spec": {
            "entrypoint": "work",
            "templates": [{"name": "work", "container": {"image": "x", "resources": {"limits": {"memory": "1Gi"}}}}],
        },
        "status": status_of(name, phase, clock, message) if phase else {},
    }


def status_of(name: str, phase: str, clock: Clock, message: str = "main: Error (exit code 1)") -> Json:
    """Return the status of a run that started a minute ago and, if it is over, ends now."""
    is_over = phase in {"Succeeded", "Failed", "Error"}
    started_at = rfc3339(clock.now - timedelta(seconds=60))
    finished_at = rfc3339(clock.now) if is_over else None
    node = {
        "id": name,
        "name": name,
        "displayName": name,
        "type": "HTTP",
        "templateName": "work",
        "templateScope": f"local/{name}",
        "phase": phase,
        "message": message if phase == "Failed" else "",
        "startedAt": started_at,
        "finishedAt": finished_at,
    }
    return {"phase": phase, "startedAt": started_at, "finishedAt": finished_at, "nodes": {name: node}}


def hang(api: FakeApi, name: str, clock: Clock, reason: str = "PodGone") -> None:
    """Create a Workflow that hangs, as the operator finds it."""
    made = workflow(name, "Running", clock=clock)
    made["metadata"]["annotations"] = {HANGS: reason}
    api.create("workflows", NS, made)


def end(api: FakeApi, name: str, phase: str, clock: Clock) -> None:
    """Set the phase of a Workflow, as Argo's controller does."""
    labels = api.objects["workflows", NS, name]["metadata"].setdefault("labels", {})
    labels["workflows.argoproj.io/completed"] = str(phase in {"Succeeded", "Failed", "Error"}).lower()
    api.put("workflows", NS, name, status=status_of(name, phase, clock))


def fail(api: FakeApi, name: str, clock: Clock) -> None:
    """Create a Workflow that fails."""
    api.create("workflows", NS, workflow(name, clock=clock))
    end(api, name, "Failed", clock)
