"""Pods of a run, and Events about them, that nobody should write: no run lacks its report, and no neighbour waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import COMPLETED, FAST, PHASE, WORKFLOWS, Cluster, condition, rfc3339, workflow

from wfreport.clock import now

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
YEAR_0, YEAR_9999 = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
ODD: Final = "\u202egnp\u200b\x00\x1b[31m"


def ended(name: str = "main", **fields: Any) -> Json:
    """Return the status of a container that was killed, so that Events are read."""
    state = {"terminated": {"exitCode": 137, "reason": "Error", **fields}}
    return {"name": name, "image": "etl", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def failed(*containers: Json, **fields: Any) -> Json:
    return {"phase": "Failed", "containerStatuses": list(containers or [ended()]), **fields}


def many_conditions() -> list[Json]:
    one = {"status": "True", "reason": "R", "message": ODD * 200, "lastTransitionTime": YEAR_0}
    return [one | {"type": f"example.com/{n}"} for n in range(300)]


STATUSES: Final[Mapping[str, Callable[[], Json]]] = {
    "years": lambda: failed(ended(startedAt=YEAR_9999, finishedAt=YEAR_0), startTime=YEAR_0),
    "texts": lambda: failed(ended(message=ODD * 40_000), message="x" * 300_000, reason=ODD * 1000),
    "containers": lambda: failed(*(ended(f"c{n}", message=ODD * 100) for n in range(500))),
    "conditions": lambda: failed(conditions=many_conditions()),
    "numbers": lambda: failed(ended(exitCode=-(2**31), signal=2**31 - 1), reason="Evicted"),
}


def post_event(world: Cluster, pod: Json, number: int) -> None:
    """Create an Event about a pod, as one of core/v1 may be."""
    meta = pod["metadata"]
    event = {
        "metadata": {"name": f"{meta['name']}-{number}"},
        "involvedObject": {"kind": "Pod", "name": meta["name"], "namespace": world.namespace, "uid": meta["uid"]},
        "type": "Warning",
        "reason": ODD * 50,
        "message": ODD + "x" * 400_000,
        "count": -(2**31),
        "firstTimestamp": YEAR_9999,
        "lastTimestamp": YEAR_0,
    }
    world.plane.api.post(f"/api/v1/namespaces/{world.namespace}/events", event)


def make_pod(world: Cluster, name: str, owner: Json) -> Json:
    meta = owner["metadata"]
    reference = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": meta["name"], "uid": meta["uid"]}
    large = {f"{'p' * 100}.io/{n}": "v" * 63 for n in range(1_000)}
    body = {
        "metadata": {
            "name": name,
            "labels": large | {"workflows.argoproj.io/workflow": meta["name"]},
            "annotations": {"a": ODD * 10_000},
            "ownerReferences": [reference],
        },
        "spec": {"containers": [{"name": "main", "image": "etl"}]},
    }
    made: Json = world.plane.api.post(f"/api/v1/namespaces/{world.namespace}/pods", body)
    return made


def captured(report: Json) -> list[str]:
    """Return the names of the failed pods that were read."""
    failures = report["status"].get("failures", [])
    return sorted(failure["podName"] for failure in failures if failure.get("podUid"))


def test_hostile_pods_and_events_are_evidence_as_far_as_they_can_be_read(world: Cluster) -> None:
    operator = world.start_operator(**FAST)
    body = workflow("etl", world.namespace)
    body["metadata"]["annotations"] = {"workflows.argoproj.io/pod-name-format": "v1"}
    etl = world.plane.api.post(WORKFLOWS.format(world.namespace), body)
    names = [f"etl-{number}" for number in range(len(STATUSES))]
    for name, make_status in zip(names, STATUSES.values(), strict=True):
        pod = make_pod(world, name, etl)
        for number in range(6):
            post_event(world, pod, number)
        world.plane.api.patch(f"/api/v1/namespaces/{world.namespace}/pods/{name}/status", {"status": make_status()})
    at = rfc3339(now())
    pod_node: Json = {"type": "Pod", "phase": "Failed", "templateName": "work", "startedAt": at, "finishedAt": at}
    nodes: Json = {name: pod_node | {"id": name, "name": f"etl.{name}", "displayName": name} for name in names}
    nodes["etl"] = pod_node | {"id": "etl", "name": "etl", "displayName": "etl", "type": "DAG", "children": names}
    etl["metadata"]["labels"] = {COMPLETED: "true", PHASE: "Failed"}
    status = {"phase": "Failed", "startedAt": at, "finishedAt": at, "nodes": nodes}
    world.plane.api.put(f"{WORKFLOWS.format(world.namespace)}/etl", etl | {"status": status})
    report = eventually(
        lambda: world.report_of("etl"),
        lambda found: condition(found, "EvidenceComplete")[0] in {"True", "False"} and captured(found) == names,
        timeout_seconds=60,
    )
    assert not any(character in str(report["status"]) for character in "\u202e\u200b\x00\x1b")
    world.create_workflow("neighbour", phase="Succeeded")
    eventually(lambda: world.phase_of("neighbour"), lambda phase: phase == "Succeeded")
    assert operator.answer("/healthz") == "ok\n"
    assert operator.metric("wfreport_reconcile_errors_total") == 0
