"""Generates deterministic Argo Workflows of any size in the form that the controller writes. No I/O, no clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

LABEL_PHASE = "workflows.argoproj.io/phase"
LABEL_COMPLETED = "workflows.argoproj.io/completed"
_FAILURES = (("main: OOMKilled (exit code 137)", "137"), ("main: Error (exit code 1)", "1"), ("pod deleted", None))
_MOST_FAILURES = 3
_SHAPE_NODES = 2  # The DAG and the TaskGroup below it.
_TAKES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Run:
    """The lifetime of one Workflow.

    Attributes:
        name: name of the Workflow; seeds its random choices.
        namespace: namespace of the Workflow.
        nodes: final number of nodes, including two that are not pods.
        updates: number of status updates, including the completing one.
        fails: whether one to three of its pods fail, and with them the run.
    """

    name: str
    namespace: str
    nodes: int
    updates: int
    fails: bool

    @property
    def phase(self) -> str:
        """Final phase."""
        return "Failed" if self.fails else "Succeeded"

    @property
    def pods(self) -> int:
        """Number of nodes that are pods."""
        return self.nodes - _SHAPE_NODES

    def failures(self) -> dict[int, tuple[str, str | None]]:
        """Messages and exit codes of the failing pods by number."""
        if not self.fails:
            return {}
        chance = random.Random(f"{self.name}/failures")  # noqa: S311  (nothing secret, and it must repeat)
        count = min(self.pods, chance.randint(1, _MOST_FAILURES))
        return {pod: chance.choice(_FAILURES) for pod in sorted(chance.sample(range(self.pods), count))}


@dataclass(slots=True)
class Played:
    """The controller's copy of a Workflow, which grows with each status update."""

    run: Run
    body: Json = field(init=False)
    _ids: list[str] = field(init=False)
    _failures: dict[int, tuple[str, str | None]] = field(init=False)
    _finished: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        chance = random.Random(self.run.name)  # noqa: S311  (nothing secret, and it must repeat)
        self._ids = [f"{self.run.name}-{chance.getrandbits(32)}" for _ in range(self.run.pods + 1)]
        self._failures = self.run.failures()
        self.body = _submitted(self.run)

    @property
    def failed_pods(self) -> int:
        """Number of failed pods at its end."""
        return len(self._failures)

    def update(self, number: int, now: datetime) -> Json:
        """Advance to status update ``number`` (from 1) and return the whole object."""
        run, is_last = self.run, number == self.run.updates
        status = self.body.get("status") or self._start(now)
        nodes = status["nodes"]
        started = run.pods if is_last else -(-run.pods * number // run.updates)
        finished = run.pods if is_last else run.pods * (number - 1) // run.updates
        for pod in range(len(nodes) - _SHAPE_NODES, started):
            nodes[self._ids[pod + 1]] = self._pod_node(pod, now)
            nodes[self._ids[0]]["children"].append(self._ids[pod + 1])
        for pod in range(self._finished, finished):
            self._finish(nodes[self._ids[pod + 1]], pod, now)
        self._finished = finished
        status["progress"] = nodes[run.name]["progress"] = f"{finished}/{run.pods}"
        if is_last:
            self._end(status, now)
        return self.body

    def _start(self, now: datetime) -> Json:
        run = self.run
        self.body["metadata"]["labels"] |= {LABEL_PHASE: "Running", LABEL_COMPLETED: "false"}
        nodes = {
            run.name: _node(run.name, run.name, "DAG", "main", now) | {"children": [self._ids[0]]},
            self._ids[0]: _node(self._ids[0], "process", "TaskGroup", "item", now)
            | {"name": f"{run.name}.process", "boundaryID": run.name, "children": []},
        }
        self.body["status"] = status = {"phase": "Running", "startedAt": _text(now), "finishedAt": None, "nodes": nodes}
        return status

    def _pod_node(self, pod: int, now: datetime) -> Json:
        display = f"process({pod}:item-{pod})"
        location = {"name": "batch", "value": f"s3://bucket/prefix/{pod}/rows.parquet"}
        return _node(self._ids[pod + 1], display, "Pod", "item", now) | {
            "name": f"{self.run.name}.{display}",
            "boundaryID": self.run.name,
            "hostNodeName": f"ip-10-0-{pod % 250}-34.eu-west-1.compute.internal",
            "inputs": {"parameters": [{"name": "item", "value": f"item-{pod}"}, location]},
        }

    def _finish(self, node: Json, pod: int, now: datetime) -> None:
        message, code = self._failures.get(pod, (None, "0"))
        node["phase"] = "Failed" if message else "Succeeded"
        node["finishedAt"] = _text(now)
        node["progress"] = "0/1" if message else "1/1"
        node["resourcesDuration"] = {"cpu": 12, "memory": 345}
        key = f"logs/{self.run.name}/{node['id']}/main.log"
        node["outputs"] = {"artifacts": [{"name": "main-logs", "s3": {"key": key}}]}
        if code is not None:
            node["outputs"]["exitCode"] = code
        if message:
            node["message"] = message

    def _end(self, status: Json, now: datetime) -> None:
        ended = {"phase": self.run.phase, "finishedAt": _text(now)}
        if self._failures:
            ended["message"] = f"child '{self._ids[min(self._failures) + 1]}' failed"
        for part in (status, status["nodes"][self.run.name], status["nodes"][self._ids[0]]):
            part.update(ended)
        status["resourcesDuration"] = {"cpu": 12 * self.run.pods, "memory": 345 * self.run.pods}
        status["conditions"] = [{"type": "PodRunning", "status": "False"}, {"type": "Completed", "status": "True"}]
        self.body["metadata"]["labels"] |= {LABEL_PHASE: self.run.phase, LABEL_COMPLETED: "true"}


def completed(run: Run, ended_at: datetime) -> Json:
    """Return an ended Workflow, to be created in one request."""
    played = Played(Run(run.name, run.namespace, run.nodes, 2, run.fails))
    played.update(1, ended_at - _TAKES)
    return played.update(2, ended_at)


def _submitted(run: Run) -> Json:
    """Return the Workflow as ``argo submit`` sends it."""
    parameters = [{"name": "item", "value": "{{item}}"}]
    task = {"name": "process", "template": "item", "arguments": {"parameters": parameters}}
    container = {
        "name": "main",
        "image": "registry.example.com/rows/item:1.2.3",
        "command": ["python", "-m", "item"],
        "args": ["{{inputs.parameters.item}}"],
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}},
    }
    item = {"name": "item", "inputs": {"parameters": [{"name": "item"}]}, "container": container}
    main = {"name": "main", "dag": {"tasks": [task | {"withSequence": {"count": str(run.pods)}}]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": run.name,
            "namespace": run.namespace,
            "labels": {"team": "rows"},
            "annotations": {"workflows.argoproj.io/pod-name-format": "v2"},
        },
        "spec": {"entrypoint": "main", "templates": [main, item]},
    }


def _node(node_id: str, display: str, kind: str, template: str, now: datetime) -> Json:
    return {
        "id": node_id,
        "name": node_id,
        "displayName": display,
        "type": kind,
        "templateName": template,
        "templateScope": "local/main",
        "phase": "Running",
        "startedAt": _text(now),
        "finishedAt": None,
        "progress": "0/1",
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
