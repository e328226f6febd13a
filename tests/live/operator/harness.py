"""The operator as a process with the rights that the manifests give it, and the Workflows that it is shown."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.eventually import eventually
from tests.forked import ForkedProcess, start_python
from tests.rights import bind_role, is_allowed, user

from controlplane import ControlPlane
from controlplane.ports import free_ports

ROOT = Path(__file__).parents[3]
USER = "the-operator"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [{"level": "Metadata", "users": [USER], "omitStages": ["RequestReceived"]}, {"level": "None"}],
}
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"
COMPLETED = "workflows.argoproj.io/completed"
PHASE = "workflows.argoproj.io/phase"
T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
AWAITING = ("True", "AwaitingWorkflow")
"""Condition Ready of a report whose Workflow does not exist: from now on, the operator knows the report."""

FAST = {
    "polls_per_second": 100,
    "poll_interval_min_seconds": 0.5,
    "poll_interval_max_seconds": 1,
    "progress_interval_seconds": 0,
    "debounce_seconds": 0.1,
}
"""Settings of an operator that a test does not want to wait for."""

_RUN = """
import sys
from wfreport.app.application import run_operator
from wfreport.settings import load_settings
sys.exit(run_operator(load_settings()))
"""


@contextmanager
def audited_plane(*etcd_flags: str) -> Iterator[ControlPlane]:
    """Start a control plane whose audit log counts the requests of the operator, which has the shipped rights."""
    with ControlPlane(
        workflow_crds="own",
        users={USER: ["system:authenticated"]},
        audit_policy=AUDIT_POLICY,
        etcd_flags=etcd_flags,
    ) as started:
        grant(started)
        yield started


def grant(plane: ControlPlane) -> None:
    """Bind the shipped ClusterRole to the operator's user."""
    role = next(iter(yaml.safe_load_all((ROOT / "manifests/base/role.yaml").read_text())))
    plane.api.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
    binding = {
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    plane.api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    eventually(lambda: is_allowed(plane, "default", role["rules"][0], user(USER)))


def may_read_logs(world: Cluster) -> None:
    """What the component pod-logs gives."""
    rule = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
    bind_role(world.plane, world.namespace, "logs", [rule], user(USER))


@dataclass
class RunningOperator:
    """A process."""

    process: ForkedProcess
    port: int
    log: Path

    def stop(self) -> int:
        """Ask it to end, as a kubelet does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """End it, as an out-of-memory kill does."""
        self.process.kill()
        self.process.wait(20)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        total, served = 0.0, self.answer("/metrics")
        assert served, "it serves no metrics, which is not the same as 0"
        for line in served.splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.partition("{")[0] == name and all(f'{key}="{label}"' in sample for key, label in labels.items()):
                total += float(value)
        return total

    def leads(self) -> bool:
        """Whether it holds the Lease; it does not while it serves nothing."""
        return "\nwfreport_leading 1.0\n" in self.answer("/metrics")

    def ready(self) -> bool:
        """What /readyz says."""
        return self.answer("/readyz") == "ok\n"

    def answer(self, path: str) -> str:
        """What it serves there; empty while it serves nothing."""
        import urllib3  # noqa: PLC0415

        assert self.process.poll() is None, self.log.read_text()
        try:
            return urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", retries=False, timeout=5).data.decode()
        except urllib3.exceptions.HTTPError:
            return ""


@dataclass
class Cluster:
    """A namespace of a plane, and the operator that watches it."""

    plane: ControlPlane
    namespace: str
    folder: Path
    kubeconfig: Path | None = None
    started: list[RunningOperator] = field(default_factory=list)

    def start_operator(self, prelude: str = "", /, *, wait: object = True, **settings: object) -> RunningOperator:
        """Start one that watches the namespace, and wait until it is ready; ``prelude`` injects faults into it."""
        port = free_ports(1)[0]
        log = self.folder / f"operator-{len(self.started)}.log"
        given = {
            "namespaces": self.namespace,
            "http_port": port,
            "http_host": "127.0.0.1",
            "log_level": "DEBUG",
            "retention": "[]",  # T0 is long ago
            **settings,
        }
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig or self.plane.kubeconfig_for(USER))}
        env |= {f"WFREPORT_{name.upper()}": str(value) for name, value in given.items()}
        with log.open("wb") as out:
            process = start_python(prelude + _RUN, env, out)
        operator = RunningOperator(process, port, log)
        self.started.append(operator)
        if wait:
            eventually(operator.ready, interval_seconds=0.05)
        return operator

    def stop_all(self) -> None:
        """End whatever still runs, each one even if another does not end in time."""
        with ExitStack() as stack:
            for operator in self.started:
                stack.callback(operator.process.close)
                if operator.process.poll() is None:
                    stack.callback(operator.kill)

    # Workflows

    def create_workflow(self, name: str, **status: Any) -> dict[str, Any]:
        """Create one as a user does; given a status, Argo's controller takes it up at once."""
        made = self.plane.api.post(WORKFLOWS.format(self.namespace), workflow(name, self.namespace))
        return self.update_workflow(name, **status) if status else made

    def update_workflow(self, name: str, **status: Any) -> dict[str, Any]:
        """Write a status, as Argo's controller does: one PUT of the whole object."""
        path = f"{WORKFLOWS.format(self.namespace)}/{name}"
        now = self.plane.api.get(path)
        changed = state(name, **status)
        now["metadata"]["labels"] = now["metadata"].get("labels", {}) | changed["metadata"]["labels"]
        pod_names = {"workflows.argoproj.io/pod-name-format": "v2"}
        now["metadata"]["annotations"] = now["metadata"].get("annotations", {}) | pod_names
        stored: dict[str, Any] = self.plane.api.put(path, now | {"status": changed["status"]})
        return stored

    def workflow(self, name: str) -> dict[str, Any]:
        """Read one."""
        found: dict[str, Any] = self.plane.api.get(f"{WORKFLOWS.format(self.namespace)}/{name}")
        return found

    def delete_workflow(self, name: str) -> None:
        """Delete one."""
        self.plane.api.delete(f"{WORKFLOWS.format(self.namespace)}/{name}")

    # Reports

    def apply_report(self, name: str, workflow_name: str, **spec: Any) -> None:
        """Apply a user's report with kubectl, as GitOps does."""
        uid = spec.pop("uid", None)
        body = {
            "apiVersion": "wfreport.dev/v1alpha1",
            "kind": "WorkflowReport",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"workflowRef": {"name": workflow_name, **({"uid": uid} if uid else {})}, **spec},
        }
        self.plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(body))

    def reports(self) -> list[dict[str, Any]]:
        """All reports, by name."""
        return sorted(self.plane.api.get(REPORTS.format(self.namespace))["items"], key=lambda r: r["metadata"]["name"])

    def reports_of(self, workflow_name: str) -> list[dict[str, Any]]:
        """The reports about a Workflow."""
        return [report for report in self.reports() if report["spec"]["workflowRef"]["name"] == workflow_name]

    def report_of(self, workflow_name: str) -> dict[str, Any]:
        """The one report about a Workflow."""
        found = self.reports_of(workflow_name)
        assert len(found) == 1, [report["metadata"]["name"] for report in found]
        return found[0]

    def phase_of(self, workflow_name: str) -> str | None:
        """The phase that the one report about a Workflow shows."""
        return observed(self.report_of(workflow_name)).get("phase")

    def wait_until_awaiting(self, workflow_name: str) -> None:
        """Wait until the operator knows the one report about a Workflow that is yet to come: events come in any order.

        Otherwise the Workflow may get a report of its own.
        """
        eventually(lambda: condition(self.report_of(workflow_name), "Ready"), AWAITING.__eq__)

    def wait_until_known(self, workflow_name: str, phase: str) -> None:
        """Wait until the one report about a Workflow shows this phase, and the operator has noted that it does.

        It notes that when it is told of its write, a moment after the report can be read.
        """
        eventually(lambda: self.phase_of(workflow_name), lambda shown: shown == phase)

        def runs() -> int:
            return len({seen["uid"] for seen in map(observed, self.reports()) if seen.get("phase") == phase})

        eventually(lambda: self.started[-1].metric("wfreport_runs", phase=phase) == runs())

    def events_about(self, report_name: str) -> list[dict[str, Any]]:
        """The Kubernetes Events about a report."""
        found: list[dict[str, Any]] = self.plane.api.get(
            f"/api/v1/namespaces/{self.namespace}/events", fieldSelector=f"involvedObject.name={report_name}"
        )["items"]
        return found

    # The API server's view

    def requests(
        self, *, verb: str, resource: str, stage: str = "ResponseComplete", since: int = 0
    ) -> list[dict[str, Any]]:
        """The operator's requests for this namespace, from the audit log."""
        return [
            event
            for event in self.plane.audit_events()[since:]
            if event["verb"] == verb
            and event["stage"] == stage
            and (event.get("objectRef") or {}).get("namespace") == self.namespace
            and event["objectRef"]["resource"] + (f"/{s}" if (s := event["objectRef"].get("subresource")) else "")
            == resource
        ]

    def audit_position(self) -> int:
        """Where the audit log is now."""
        return len(self.plane.audit_events())


@contextmanager
def cluster(plane: ControlPlane, namespace: str, folder: Path, kubeconfig: Path | None = None) -> Iterator[Cluster]:
    """A cluster whose operators end with the block; they are the operator's user, or whom ``kubeconfig`` names."""
    made = Cluster(plane, namespace, folder, kubeconfig)
    try:
        yield made
    finally:
        made.stop_all()


def observed(report: dict[str, Any]) -> dict[str, Any]:
    """``status.observedWorkflow`` of a report."""
    found: dict[str, Any] = report.get("status", {}).get("observedWorkflow", {})
    return found


def condition(report: dict[str, Any], kind: str) -> tuple[str, str]:
    """Status and reason of a condition; empty where it is not there."""
    for found in report.get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return found["status"], found["reason"]
    return "", ""


def rfc3339(at: datetime) -> str:
    """As Kubernetes writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def workflow(name: str, namespace: str) -> dict[str, Any]:
    """A Workflow as it is submitted."""
    templates = [{"name": "main", "dag": {"tasks": []}}, {"name": "work", "container": {"image": "alpine"}}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def state(
    name: str, *, phase: str = "Running", nodes: int = 3, done: int = 0, failed: bool = False, started_at: datetime = T0
) -> dict[str, Any]:
    """What Argo's controller makes of a Workflow: labels and status. ``done`` of ``nodes`` pods have ended."""
    over = phase in {"Succeeded", "Failed", "Error"}
    finished_at = rfc3339(started_at + timedelta(minutes=5)) if over else None
    root: dict[str, Any] = {
        "id": name,
        "name": name,
        "displayName": name,
        "type": "DAG",
        "phase": phase,
        "templateName": "main",
    }
    tree: dict[str, dict[str, Any]] = {
        name: root | {"startedAt": rfc3339(started_at), "finishedAt": finished_at, "children": []}
    }
    for n in range(nodes):
        ended = over or n < done
        ended_as = "Failed" if failed and n == nodes - 1 else "Succeeded"
        node: dict[str, Any] = {
            "id": f"{name}-{n}",
            "name": f"{name}.step-{n}",
            "displayName": f"step-{n}",
            "type": "Pod",
            "templateName": "work",
            "boundaryID": name,
            "phase": ended_as if ended else "Running",
            "message": "main: Error (exit code 1)" if ended and ended_as == "Failed" else "",
            "startedAt": rfc3339(started_at),
            "finishedAt": rfc3339(started_at + timedelta(minutes=1)) if ended else None,
        }
        tree[name]["children"].append(node["id"])
        tree[node["id"]] = node
    return {
        "metadata": {"labels": {COMPLETED: str(over).lower(), PHASE: phase}},
        "status": {
            "phase": phase,
            "startedAt": rfc3339(started_at),
            "finishedAt": finished_at,
            "progress": f"{nodes if over else done}/{nodes}",
            "nodes": tree,
        },
    }
