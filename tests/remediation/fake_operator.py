"""The operator's remediation over a cluster in memory: real parts, a clock that is told, no tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.live.operator.harness import rfc3339
from tests.remediation.fake_api import Clock, FakeApi, Json

from wfreport.api.actions import Sink
from wfreport.app.remediation import Dependencies, RemediationController, create_remediation_queues
from wfreport.app.shared import KubeResources, TimeSource
from wfreport.cache.remediation import PolicyCache, RemediationCache, RemediationIndex, RunHistory
from wfreport.cache.reports import ReportCache, entry_of
from wfreport.core.record.notification import Notification
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.gone import render_deleted
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import RenderOptions
from wfreport.kube.events import Events
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.enqueue import RemediationEventHandlers
from wfreport.runtime.workqueue import Priority, WorkQueue
from wfreport.settings import Settings

NS = "data"
REDACTOR = Redactor()


class HeldLease:
    """A Lease that is held."""

    held_seconds = 60.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield


class Inbox:
    """A sink: what arrived, and whether it answers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.is_dead = False

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        del namespace
        self.received.append((sink.name, notification.id))


class FakeOperator:
    """One process; a second one over the same API server is a restart, or a replica."""

    def __init__(self, api: FakeApi, clock: Clock, *, inbox: Inbox | None = None, lease: Any = None) -> None:
        self.api = api
        self.clock = clock
        metrics = Metrics()
        client: Any = api
        self.index = ReportCache()
        self.reports = Reports(client, namespaces=[NS], chunk_size=500)
        workflows = Workflows(client, namespaces=[NS], instance_id="", label_selector="", chunk_size=500)
        events = Events(client, clock=clock)
        time = TimeSource(clock, clock.seconds, lambda: 1.0)
        cache = RemediationCache(PolicyCache(), RemediationIndex(), RunHistory(), self.index)
        queues = create_remediation_queues(time)
        handlers = RemediationEventHandlers(cache, queues)
        self.writer = ReportWriter(
            reports=self.reports,
            events=events,
            cache=self.index,
            metrics=metrics,
            clock=clock,
            on_overtaken=lambda _: None,
            on_written=handlers.report_written,
        )
        held: Any = lease or HeldLease()
        dependencies = Dependencies(
            settings=Settings(),
            kube=KubeResources(client, [NS], workflows, self.reports, Pods(client, chunk_size=500), events),
            report_writer=self.writer,
            lease=held,
            argo_server=None,
            redactor=REDACTOR,
            metrics=metrics,
            time=time,
        )
        self.part = RemediationController(dependencies, cache, queues, sender=inbox or Inbox())
        self._workers = self.part.workers()

    async def start(self) -> None:
        """As the operator does at its start."""
        async for head in self.reports.list_heads():
            self.index.put(entry_of(head))
        await self.part.load()

    async def look_at_workflows(self) -> None:
        """Bring every report up to date, as looks do."""
        present = {found["metadata"]["name"]: found for found in self.api.all("workflows")}
        for document in present.values():
            await self._report(document)
        for row in list(self.index):
            if row.workflow_name not in present and not row.ended:
                stored = await self.writer.stored(row)
                if stored.status:
                    await self.writer.apply(stored, render_deleted(stored.status, 1), is_final=True)

    async def _report(self, document: Json) -> None:
        snapshot = decode_workflow(document)
        workflow = snapshot.workflow
        key = (workflow.metadata.namespace, workflow.metadata.name)
        rows = [row for row in self.index.of_workflow(key) if row.is_for(workflow.metadata.uid)]
        row = rows[0] if rows else await self.writer.create(workflow)
        stored = await self.writer.stored(row)
        status = render_status(
            snapshot,
            stored=stored.status,
            spec=stored.spec,
            generation=stored.head.metadata.generation,
            evidence={},
            options=RenderOptions(),
            redactor=REDACTOR,
            now=self.clock.now,
        )
        await self.writer.apply(stored, status, is_final=workflow.status.is_completed)

    def hear(self) -> None:
        """Have every policy and Remediation looked at, as events about all of them would."""
        for kind, queue in (
            ("remediationpolicies", self.part.queues.policies),
            ("remediations", self.part.queues.remediations),
        ):
            for found in self.api.all(kind):
                queue.add((found["metadata"]["namespace"], found["metadata"]["name"]), Priority.PROGRESS)

    def offer_all(self) -> None:
        """Have every report looked at, as doubled events would."""
        for row in self.index:
            self.part.queues.runs.add(row.key, Priority.PROGRESS)

    async def work(self, limit: int = 200) -> int:
        """Work until nothing is due now; how many looks that took."""
        for looks in range(limit):
            if not await self._work_one():
                return looks
        raise AssertionError(f"still busy after {limit} looks: {self._due()}")

    async def _work_one(self) -> bool:
        for _, queue, worker in self._workers:
            request = queue._rules.get(self.clock.seconds())
            if request:
                await worker._process(request)  # an unexpected exception, logged elsewhere, fails the test
                return True
        return False

    def _due(self) -> list[NamespacedName]:
        return [key for _, queue, _ in self._workers for lane in queue._rules._waiting.values() for key in lane]

    def next_due_seconds(self) -> float | None:
        """When something is due next."""
        alarms = [alarm for _, queue, _ in self._workers if (alarm := _alarm(queue)) is not None]
        return max(0.0, min(alarms) - self.clock.seconds()) if alarms else None


def _alarm(queue: WorkQueue) -> float | None:
    return queue._rules.next_alarm()


def policy(*rules: Json, name: str = "p", **spec: Any) -> Json:
    """A policy for all Workflows of team data, without waits."""
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "RemediationPolicy",
        "metadata": {"name": name, "namespace": NS},
        "spec": {
            "mode": "Enforce",
            "selector": {"matchLabels": {"team": "data"}},
            "backoff": {"initialSeconds": 0, "maxSeconds": 0},
            "rules": list(rules),
            **spec,
        },
    }


def workflow(name: str, phase: str = "", *, clock: Clock, message: str = "main: Error (exit code 1)") -> Json:
    """A Workflow of one step, whose node is without a pod, so that its evidence is complete."""
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
    """The status of a run that has lasted a minute and ends, or goes on, now."""
    over = phase in {"Succeeded", "Failed", "Error"}
    began = rfc3339(clock.now - timedelta(seconds=60))
    ended = rfc3339(clock.now) if over else None
    node = {
        "id": name,
        "name": name,
        "displayName": name,
        "type": "HTTP",
        "templateName": "work",
        "templateScope": f"local/{name}",
        "phase": phase,
        "message": message if phase == "Failed" else "",
        "startedAt": began,
        "finishedAt": ended,
    }
    return {"phase": phase, "startedAt": began, "finishedAt": ended, "nodes": {name: node}}


def end(api: FakeApi, name: str, phase: str, clock: Clock) -> None:
    """Argo's controller ends a Workflow."""
    found = api.objects["workflows", NS, name]
    labels = found["metadata"].setdefault("labels", {})
    over = phase in {"Succeeded", "Failed", "Error"}
    labels["workflows.argoproj.io/completed"] = str(over).lower()
    api.put("workflows", NS, name, status=status_of(name, phase, clock))


def fail(api: FakeApi, name: str, clock: Clock) -> None:
    """A Workflow is created and fails."""
    api.create("workflows", NS, workflow(name, clock=clock))
    end(api, name, "Failed", clock)


RESUBMIT: Json = {"name": "again", "match": {}, "action": {"resubmit": {}}}
