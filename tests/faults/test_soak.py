"""Everything on, under steady load, for minutes: memory, tasks and descriptors stay flat, and queues return to zero."""

from __future__ import annotations

import json
import os
import statistics
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.faults.experiment import Table
from tests.faults.load import Load, workflows_of
from tests.faults.world import GENEROUS, World, await_policies, world_of
from tests.live.operator.harness import COMPLETED, ROOT, observed
from tests.live.remediation.harness import RemediationCluster, rules_of
from tests.live.remediation.webhook import webhook
from tests.remediation.documents import RESUBMIT

from controlplane import ControlPlane
from faults.process import holdings_of
from wfreport.clock import now

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not MINUTES, reason="make soak runs it"),
    pytest.mark.timeout(MINUTES * 60 + 900),
]

SAMPLE_SECONDS = 10
WARM_UP_SHARE = 0.3
PER_SECOND = 2
MEMORY_SLOPE_BYTES_PER_MINUTE = 1 << 20
REMEDIATION_BYTES = 16 << 10
"""Memory of a cached Remediation. Remediations are kept for 90 days, so memory grows with the number of actions."""
DESCRIPTOR_SLOPE_PER_MINUTE = 1.0
TASK_SLOPE_PER_MINUTE = 1.0
TTL_SECONDS = 30
RETENTION = json.dumps([{"keep": "60s"}])


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of the process at a moment."""

    at_seconds: float
    rss_bytes: int
    descriptors: int
    tasks: int
    queued: int
    reports: int


@dataclass
class Samples:
    """Samples of a run, and their trend after the warm-up."""

    world: World
    began: float = field(default_factory=time.monotonic)
    taken: list[Sample] = field(default_factory=list)

    def take(self) -> None:
        """Take a sample, if the last one is old enough."""
        at_seconds = time.monotonic() - self.began
        if self.taken and at_seconds < self.taken[-1].at_seconds + SAMPLE_SECONDS:
            return
        replica = self.world.replicas[0]
        held = holdings_of(replica.process.pid)
        names = ("wfreport_tasks", "wfreport_queue_depth", "wfreport_reports_known")
        tasks, queued, reports = (int(replica.metric(name)) for name in names)
        self.taken.append(Sample(at_seconds, held.rss_bytes, held.descriptors, tasks, queued, reports))

    def slope_per_minute(self, name: str) -> float:
        """Return the trend of a value after the warm-up, by the least squares."""
        settled = self.after_warm_up()
        minutes = [sample.at_seconds / 60 for sample in settled]
        return statistics.linear_regression(minutes, [float(getattr(sample, name)) for sample in settled]).slope

    def span(self, name: str) -> str:
        """Return the lowest and highest value after the warm-up."""
        values = [getattr(sample, name) for sample in self.after_warm_up()]
        return f"{min(values)} to {max(values)}"

    def after_warm_up(self) -> list[Sample]:
        """Return the samples after the warm-up."""
        return [sample for sample in self.taken if sample.at_seconds >= self.taken[-1].at_seconds * WARM_UP_SHARE]


@dataclass
class Reaper:
    """Deletes runs some time after their end, as Argo's time to live does, and notes those without a report."""

    world: World
    unreported: list[str] = field(default_factory=list)
    deleted: int = 0

    def reap(self) -> None:
        """Delete what is due."""
        before = now() - timedelta(seconds=TTL_SECONDS)
        for cluster in self.world.clusters:
            reported = {report["spec"]["workflowRef"]["name"]: observed(report) for report in cluster.reports()}
            for workflow in workflows_of(cluster, f"{COMPLETED}=true"):
                name, finished_at = workflow["metadata"]["name"], workflow["status"]["finishedAt"]
                if datetime.fromisoformat(finished_at) > before:
                    continue
                if not reported.get(name, {}).get("resourceVersion"):
                    self.unreported.append(name)
                cluster.delete_workflow(name)
                self.deleted += 1


def test_memory_and_queues_stay_flat(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    with (
        world_of(plane, tmp_path, "soak", namespaces=3, retention=RETENTION, notify_loopback="true") as world,
        webhook([]) as (url, received),
    ):
        for cluster in world.clusters:
            grant_component(plane, cluster, "notify")
            sinks = [{"name": "local", "cloudEvents": {"url": url}}]
            cluster.apply_policy({**RESUBMIT, "notify": {"sinks": sinks}}, **GENEROUS)
        world.start_replica()
        await_policies(world)
        samples, reaper = Samples(world), Reaper(world)

        def step() -> None:
            samples.take()
            reaper.reap()

        with Load(world.clusters, per_second=PER_SECOND) as load:
            world.run_for(MINUTES * 60, step, interval_seconds=2)
            load.stop()
        replica = world.replicas[0]
        eventually(lambda: replica.metric("wfreport_queue_depth") == 0, timeout_seconds=120)
        unreported = replica.metric("wfreport_runs_unreported_total")
        table.notes.append(summary(samples, load, len(received)))
        (ROOT / ".cache" / "soak.json").write_text(json.dumps([asdict(sample) for sample in samples.taken]))
        assert world.exits == []
        assert reaper.unreported == []
        assert unreported == 0
        assert reaper.deleted
        assert world.created_twice() == []
        assert len({message["id"] for message in received}) >= load.failed
        actions = sum(len(cluster.remediations()) for cluster in world.clusters)
        allowed = MEMORY_SLOPE_BYTES_PER_MINUTE + actions * REMEDIATION_BYTES / MINUTES
        assert samples.slope_per_minute("rss_bytes") <= allowed
        assert samples.slope_per_minute("descriptors") <= DESCRIPTOR_SLOPE_PER_MINUTE
        assert samples.slope_per_minute("tasks") <= TASK_SLOPE_PER_MINUTE


def grant_component(plane: ControlPlane, cluster: RemediationCluster, component: str) -> None:
    """Add the rights of a component to those that the operator has in a namespace."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}/roles/remediation"
    role = plane.api.get(path)
    plane.api.put(path, role | {"rules": [*role["rules"], *rules_of(component)]})


def summary(samples: Samples, load: Load, notifications: int) -> str:
    """Return what the soak has seen, in a paragraph."""
    slope = samples.slope_per_minute("rss_bytes") / (1 << 20)
    settled = [sample.rss_bytes >> 20 for sample in samples.after_warm_up()]
    return (
        f"Soak of {MINUTES:g} minutes: {load.created} runs, {load.failed} of them failed and were resubmitted, "
        f"{notifications} notifications. After the warm-up: memory {min(settled)} to {max(settled)} MiB, trend "
        f"{slope:+.2f} MiB a minute; descriptors {samples.span('descriptors')}; tasks {samples.span('tasks')}; keys "
        f"waiting {samples.span('queued')}; reports {samples.span('reports')}."
    )
