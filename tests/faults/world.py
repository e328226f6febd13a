"""The namespaces under load, the operators that watch them, and what must be true of them after a fault."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.eventually import eventually
from tests.faults.load import RESUBMITTED, Load, workflows_of
from tests.live.operator.harness import COMPLETED, USER, RunningOperator, condition, observed
from tests.live.remediation.harness import ENFORCING, HELPED, RemediationCluster, grant
from tests.remediation.documents import RESUBMIT, UNLIMITED

from controlplane import ControlPlane
from controlplane.kubeconfig import write_kubeconfig
from faults.process import Holdings, holdings_of

SETTINGS: dict[str, object] = {
    **ENFORCING,
    "lease_seconds": 15,
    "resync_interval_seconds": 10,
    "watch_timeout_seconds": 10,
    "request_timeout_seconds": 5,
    "chunk_size": 10,
    "log_level": "INFO",
    **UNLIMITED,
}
"""Shorter times than the defaults, so that a test sees in seconds what takes minutes in a cluster; no budget holds an
action, however long a busy machine takes."""

RECOVERY_SECONDS = 120
"""The longest time in which nothing more becomes right."""

LONGEST_RECOVERY_SECONDS = 1500
MEMORY_GROWTH_BYTES = 64 << 20
DESCRIPTOR_GROWTH = 32
GENEROUS: dict[str, Any] = {
    "budget": {"maxConcurrent": 1000, "maxPerWindow": 10_000},
    "circuitBreaker": {"failurePercentAtMost": 100},
}
"""No guard of the policy may hold an action: each failed run has to be resubmitted."""


@dataclass
class World:
    """Some namespaces under load, and the replicas of one operator.

    Attributes:
        clusters: the namespaces; the first one has the Lease.
        settings: the settings of each replica.
        prelude: Python code that runs before the operator in its process.
        replicas: the replicas; one that has exited is started again.
        exits: the exit codes of replicas that ended by themselves.
    """

    clusters: Sequence[RemediationCluster]
    settings: dict[str, object] = field(default_factory=dict)
    prelude: str = ""
    replicas: list[RunningOperator] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)

    # Replicas

    def start_replica(self) -> RunningOperator:
        """Start a replica and wait until it is ready."""
        replica = self._start()
        eventually(replica.ready, interval_seconds=0.05, timeout_seconds=60)
        self.replicas.append(replica)
        return replica

    def _start(self) -> RunningOperator:
        home = self.clusters[0]
        names = ",".join(cluster.namespace for cluster in self.clusters)
        given = {**SETTINGS, "namespaces": names, "lease_namespace": home.namespace, **self.settings}
        return home.start_operator(self.prelude, wait=False, **given)

    def restart_exited(self) -> None:
        """Start each replica that has exited again, as a kubelet does."""
        for n, replica in enumerate(self.replicas):
            code = replica.process.poll()
            if code is not None:
                self.exits.append(code)
                self.replicas[n] = self._start()

    def kill(self, replica: RunningOperator) -> RunningOperator:
        """Kill a replica, and start another one in its place."""
        n = self.replicas.index(replica)
        replica.kill()
        self.replicas[n] = self._start()
        return self.replicas[n]

    def leader(self) -> RunningOperator | None:
        """Return the replica that leads, if one of those that answer does."""
        for replica in self.replicas:
            if replica.process.poll() is None and replica.leads():
                return replica
        return None

    def holdings(self) -> Holdings:
        """Return what the first replica holds."""
        return holdings_of(self.replicas[0].process.pid)

    # Time

    def run_for(self, seconds: float, step: Callable[[], object] = bool, *, interval_seconds: float = 0.2) -> None:
        """Let the time pass, and start replicas that exit again."""
        end = time.monotonic() + seconds

        def is_over() -> bool:
            self.restart_exited()
            step()
            return time.monotonic() >= end

        eventually(is_over, timeout_seconds=seconds + 60, interval_seconds=interval_seconds)

    def recover(self, load: Load) -> float:
        """Wait until everything is right, and return how long that took.

        A busy machine may take long for thousands of reports. So the deadline begins anew with each one that is right.
        To list them all costs the machine as much as to write many: that is done for a fifth of the time at most.
        """
        began = improved_at = time.monotonic()
        fewest: float = math.inf
        self.problems()
        interval_seconds = max(0.2, 4 * (time.monotonic() - began))

        def remaining() -> list[str]:
            nonlocal fewest, improved_at
            self.restart_exited()
            load.end_resubmissions()
            left, now = self.problems(), time.monotonic()
            if len(left) < fewest:
                fewest, improved_at = len(left), now
            return left

        def is_over(left: list[str]) -> bool:
            return not left or time.monotonic() > improved_at + RECOVERY_SECONDS

        left = eventually(
            remaining, is_over, timeout_seconds=LONGEST_RECOVERY_SECONDS, interval_seconds=interval_seconds
        )
        assert left == [], f"nothing improved for {RECOVERY_SECONDS} s: {len(left)} problems, {left[:5]}"
        return time.monotonic() - began

    # State

    def problems(self) -> list[str]:
        """Return what is not right yet: in words, for the failure of a test."""
        return [problem for cluster in self.clusters for problem in _problems_of(cluster)]

    def created_twice(self) -> list[str]:
        """Return the runs that were resubmitted more than once, by the audit log."""
        creations: Counter[str] = Counter()
        for cluster in self.clusters:
            for event in cluster.requests(verb="create", resource="workflows"):
                if event["responseStatus"]["code"] == 201:
                    creations[event["objectRef"].get("name") or event["requestURI"]] += 1
        return [name for name, count in creations.items() if count > 1 and "/" not in name]


def _problems_of(cluster: RemediationCluster) -> list[str]:
    workflows = workflows_of(cluster)
    reports = _by(cluster.reports(), lambda report: report["spec"]["workflowRef"]["name"])
    remediations = _by(cluster.remediations(), lambda item: item["spec"]["target"]["name"])
    again = _by(
        [each for each in workflows if RESUBMITTED in each["metadata"]["labels"]],
        lambda each: each["metadata"]["labels"]["wfreport.dev/root-uid"],
    )
    found: list[str] = []
    for workflow in workflows:
        name = workflow["metadata"]["name"]
        found += _report_problems(workflow, reports.pop(name, []))
        if RESUBMITTED not in workflow["metadata"]["labels"] and workflow.get("status", {}).get("phase") == "Failed":
            found += _act_problems(workflow, again.pop(workflow["metadata"]["uid"], []), remediations.pop(name, []))
    found += [f"{uid}: resubmitted, but it did not fail" for uid in again]
    found += [f"{name}: a Remediation, but no failed run" for name in remediations]
    found += [f"{name}: a report, but no Workflow" for name in reports]
    return [f"{cluster.namespace}/{problem}" for problem in found]


def _report_problems(workflow: dict[str, Any], reports: list[dict[str, Any]]) -> list[str]:
    meta = workflow["metadata"]
    if len(reports) != 1:
        return [f"{meta['name']}: {len(reports)} reports"]
    seen = observed(reports[0])
    if seen.get("uid") != meta["uid"]:
        return [f"{meta['name']}: the report is about {seen.get('uid')}"]
    if meta["labels"].get(COMPLETED) != "true":
        return [f"{meta['name']}: still running"]
    phase = workflow["status"]["phase"]
    if (seen.get("phase"), seen.get("resourceVersion")) != (phase, meta["resourceVersion"]):
        return [f"{meta['name']}: reported as {seen.get('phase')}, is {phase}"]
    failures = [failure["displayName"] for failure in reports[0]["status"].get("failures", [])]
    expected = ["step-2"] if phase == "Failed" else []
    return [] if failures == expected else [f"{meta['name']}: failures {failures}"]


def _act_problems(
    workflow: dict[str, Any], again: list[dict[str, Any]], remediations: list[dict[str, Any]]
) -> list[str]:
    name = workflow["metadata"]["name"]
    if (len(again), len(remediations)) != (1, 1):
        return [f"{name}: {len(again)} resubmissions, {len(remediations)} Remediations"]
    made = again[0]["metadata"]["labels"].get("wfreport.dev/remediation-uid")
    if made != remediations[0]["metadata"]["uid"]:
        return [f"{name}: the resubmission is of another Remediation"]
    results = condition(remediations[0], "Executed")[0], condition(remediations[0], "Succeeded")
    return [] if results == ("True", HELPED) else [f"{name}: the Remediation is {results}"]


def _by(items: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], str]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        grouped[key(item)].append(item)
    return dict(grouped)


@contextmanager
def world_of(
    plane: ControlPlane, folder: Path, name: str, *, namespaces: int = 2, server: str = "", **settings: object
) -> Iterator[World]:
    """Make namespaces with a policy that resubmits failed runs; their operators end with the block.

    Args:
        plane: the control plane.
        folder: for logs and kubeconfigs.
        name: the beginning of the namespaces' names.
        namespaces: how many of them.
        server: the address at which the operator reaches the API server; empty: its own.
        settings: settings of the operator, besides those of all fault tests.
    """
    kubeconfig = None
    if server:
        kubeconfig = write_kubeconfig(
            folder / f"{name}.kubeconfig", server=server, ca=plane.ca, user=USER, token=plane.token(USER)
        )
    clusters = []
    for n in range(namespaces):
        cluster = RemediationCluster(plane, plane.create_namespace(f"{name}-{n}"), folder, kubeconfig)
        grant(plane, cluster.namespace, "resubmit")
        cluster.apply_policy(RESUBMIT, **GENEROUS)
        clusters.append(cluster)
    world = World(clusters, settings)
    try:
        yield world
    finally:
        for cluster in clusters:
            cluster.stop_all()


def await_policies(world: World) -> None:
    """Wait until the policies act on runs that fail from now on."""
    for cluster in world.clusters:
        cluster.enforced()


def growth_problems(before: Holdings, after: Holdings) -> list[str]:
    """Return what a process has more of than a fault explains."""
    problems = []
    if after.rss_bytes > before.rss_bytes + MEMORY_GROWTH_BYTES:
        problems.append(f"memory: from {before} to {after}")
    if after.descriptors > before.descriptors + DESCRIPTOR_GROWTH:
        problems.append(f"descriptors: from {before} to {after}")
    return problems
