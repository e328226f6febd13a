"""Runs that need Argo Server: their reports are completed when it responds, and no other report waits for it.

The server is a fake, so that faults can be injected. tests/argoserver tests the client with the real one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.argoserver.fake_server import HANG, NOT_HTTP, RESET, Reply, Request, serving_aside
from tests.eventually import eventually
from tests.live.operator.harness import FAST, WORKFLOWS, Cluster, condition, observed, state, workflow

from controlplane.errors import ApiError

pytestmark = pytest.mark.cluster
TOKEN = "eyJhbGciOiJSUzI1NiJ9.the-token-of-the-operator.c2lnbmF0dXJl"
NOT_FOUND = Reply.of({"code": 5, "message": "not found"}, 404)
ARCHIVED_UID = "1b1e5c0a-4e0b-4a6e-9d5b-0c7f3a2d8e11"
PACE = FAST | {"resync_interval_seconds": 600, "argo_server_timeout_seconds": 1}


@dataclass
class FakeArgo:
    """Serves the nodes of Workflows in the cluster, archived runs and archived logs.

    Attributes:
        world: the cluster with the Workflows.
        archive: archived runs, by uid.
        logs: archived logs, by path.
        fault: the response to every request, while it is set.
        requests: the requests so far.
    """

    world: Cluster
    archive: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, Reply] = field(default_factory=dict)
    fault: Callable[[Request], Reply] | Reply | None = None
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.fault:
            return self.fault if isinstance(self.fault, Reply) else self.fault(request)
        path = urlsplit(request.target)
        if path.path.startswith("/artifacts"):
            return self.logs.get(path.path, Reply(500, b"Internal Server Error\n"))
        parts = path.path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "workflows"]:
            return self._workflow(*parts[3:])
        if parts[2] == "archived-workflows" and len(parts) == 4:
            return Reply.of(self.archive[parts[3]]) if parts[3] in self.archive else NOT_FOUND
        selector = dict(part.split("=") for part in parse_qs(path.query)["listOptions.fieldSelector"][0].split(","))
        items = [run for run in self.archive.values() if run["metadata"]["name"] == selector["metadata.name"]]
        return Reply.of({"items": [{"metadata": run["metadata"]} for run in items[:1]]})

    def _workflow(self, namespace: str, name: str) -> Reply:
        try:
            workflow = self.world.plane.api.get(f"{WORKFLOWS.format(namespace)}/{name}")
        except ApiError:
            return NOT_FOUND
        nodes = state(name, phase=workflow["status"]["phase"], failed=True)["status"]["nodes"]
        return Reply.of(workflow | {"status": workflow["status"] | {"nodes": nodes, "offloadNodeStatusVersion": ""}})


@pytest.fixture
def argo(world: Cluster) -> FakeArgo:
    return FakeArgo(world)


@pytest.fixture
def settings(argo: FakeArgo, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return the settings of an operator that uses the server."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with serving_aside(argo) as url:
        yield PACE | {"argo_server_url": url, "argo_server_token_file": file}


def offloaded(world: Cluster, name: str, *, phase: str) -> dict[str, Any]:
    """Create or update a Workflow whose nodes are in Argo's database."""
    path = WORKFLOWS.format(world.namespace)
    if not any(item["metadata"]["name"] == name for item in world.plane.api.get(path)["items"]):
        world.create_workflow(name)
    stored, changed = world.workflow(name), state(name, phase=phase, failed=True)
    status = {key: value for key, value in changed["status"].items() if key != "nodes"}
    stored["metadata"]["labels"] = changed["metadata"]["labels"]
    updated: dict[str, Any] = world.plane.api.put(
        f"{path}/{name}", stored | {"status": status | {"offloadNodeStatusVersion": f"fnv:{phase}"}}
    )
    return updated


def archived(name: str, namespace: str, uid: str) -> dict[str, Any]:
    """Return a run as the archive has it."""
    ended = state(name, phase="Failed", failed=True)
    metadata = workflow(name, namespace)["metadata"] | {"uid": uid, "resourceVersion": "7", **ended["metadata"]}
    return workflow(name, namespace) | {"metadata": metadata, "status": ended["status"]}


def has_counts(report: dict[str, Any]) -> bool:
    """Return whether nodes were counted. A Workflow without a status has none, and a report that says so."""
    return (counts(report) or {}).get("total", 0) > 0


def counts(report: dict[str, Any]) -> dict[str, int] | None:
    by_phase: dict[str, int] | None = report.get("status", {}).get("counts")
    return by_phase


def has_nodes_in(report: dict[str, Any], phase: str) -> bool:
    return observed(report).get("phase") == phase and condition(report, "NodesAvailable")[0] == "True"


def test_offloaded_nodes_are_fetched_from_the_server(world: Cluster, argo: FakeArgo, settings: dict[str, Any]) -> None:
    world.start_operator(**settings)
    offloaded(world, "etl", phase="Running")
    running = eventually(lambda: world.report_of("etl"), lambda report: has_nodes_in(report, "Running"))
    assert has_counts(running)
    offloaded(world, "etl", phase="Failed")
    report = eventually(lambda: world.report_of("etl"), lambda report: has_nodes_in(report, "Failed"))
    assert (counts(report) or {})["failed"] == 2  # the root and its last step
    assert report["status"]["failures"][0]["displayName"] == "step-2"
    assert {request.headers["authorization"] for request in argo.requests} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (HANG, "ArgoServerUnreachable"),
        (RESET, "ArgoServerUnreachable"),
        (NOT_HTTP, "ArgoServerBadResponse"),
        (Reply(body=b"<html>login</html>"), "ArgoServerBadResponse"),
        (Reply.of({}, 429, Retry_After="3600"), "ArgoServerThrottled"),
        (Reply(503), "ArgoServerFailed"),
        (Reply.of({"code": 7, "message": "no"}, 403), "ArgoServerForbidden"),
        (Reply.of({"code": 16, "message": f"bad token {TOKEN}"}, 401), "ArgoServerUnauthorized"),
    ],
    ids=["hang", "reset", "not-http", "html", "429", "503", "403", "401"],
)
def test_a_failing_server_delays_only_the_reports_that_need_it_and_they_give_the_reason(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], fault: Reply, reason: str
) -> None:
    argo.fault = fault
    operator = world.start_operator(**settings)
    for n in range(4):
        offloaded(world, f"hard-{n}", phase="Failed")
    for n in range(4):
        world.create_workflow(f"easy-{n}", phase="Succeeded")
    eventually(lambda: {world.phase_of(f"easy-{n}") for n in range(4)}, lambda value: value == {"Succeeded"})
    hard = eventually(
        lambda: world.report_of("hard-0"), lambda report: condition(report, "NodesAvailable") == ("False", reason)
    )
    assert observed(hard)["phase"] == "Failed"
    assert counts(hard) is None
    assert condition(hard, "Ready")[0] == "True"
    assert TOKEN not in json.dumps(world.reports()) + operator.log.read_text() + operator.answer("/metrics")


@pytest.mark.parametrize(
    "fault", [HANG, NOT_HTTP, Reply(503), Reply.of({}, 429, Retry_After="2")], ids=["hang", "not-http", "503", "429"]
)
def test_a_report_is_completed_once_the_server_recovers(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], fault: Reply
) -> None:
    argo.fault = fault
    world.start_operator(**settings)
    offloaded(world, "etl", phase="Failed")
    eventually(
        lambda: condition(world.report_of("etl"), "NodesAvailable"),
        lambda value: value[0] == "False" and value[1].startswith("ArgoServer"),
    )
    argo.fault = None
    report = eventually(lambda: world.report_of("etl"), has_counts, timeout_seconds=60)
    assert condition(report, "NodesAvailable") == ("True", "NodesRead")


def test_without_a_server_the_report_names_the_settings_and_a_restart_with_them_completes_it(
    world: Cluster, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**PACE)
    offloaded(world, "etl", phase="Failed")
    report = eventually(
        lambda: world.report_of("etl"),
        lambda report: condition(report, "NodesAvailable") == ("False", "NodesOffloaded"),
    )
    assert counts(report) is None
    message = next(c["message"] for c in report["status"]["conditions"] if c["type"] == "NodesAvailable")
    assert "WFREPORT_ARGO_SERVER_URL" in message
    operator.stop()
    world.start_operator(**settings)
    eventually(lambda: world.report_of("etl"), has_counts)


def test_a_complete_report_keeps_its_nodes_when_argo_writes_a_label_and_the_operator_restarts(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**settings)
    offloaded(world, "etl", phase="Failed")
    before = eventually(lambda: world.report_of("etl"), has_counts)
    operator.stop()
    argo.fault = Reply(503)
    stored = world.workflow("etl")
    stored["metadata"]["labels"]["workflows.argoproj.io/workflow-archiving-status"] = "Archived"
    version = world.plane.api.put(f"{WORKFLOWS.format(world.namespace)}/etl", stored)["metadata"]["resourceVersion"]
    world.start_operator(**settings)
    after = eventually(
        lambda: world.report_of("etl"), lambda report: observed(report).get("resourceVersion") == version
    )
    assert after["status"]["failures"] == before["status"]["failures"]
    assert counts(after) == counts(before)


# The archive


def test_a_report_about_a_run_that_is_only_in_the_archive_is_filled_from_it(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive[ARCHIVED_UID] = archived("old", world.namespace, ARCHIVED_UID)
    world.start_operator(**settings)
    world.apply_report("by-name", "old", source="Archive")
    report = eventually(lambda: world.report_of("old"), lambda report: observed(report).get("phase") == "Failed")
    assert (observed(report)["uid"], observed(report)["source"]) == (ARCHIVED_UID, "Archive")
    assert condition(report, "Ready") == ("True", "ReportCurrent")
    assert (counts(report) or {})["total"] == 4
    world.apply_report("by-uid", "old", uid=ARCHIVED_UID)  # source: Auto
    eventually(
        lambda: [observed(report).get("source") for report in world.reports_of("old")],
        lambda value: value == ["Archive", "Archive"],
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Archive", ("False", "WorkflowNotArchived")),
        ("Auto", ("True", "AwaitingWorkflow")),
        ("Cluster", ("True", "AwaitingWorkflow")),
    ],
)
def test_a_run_of_another_namespace_is_not_found(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], source: str, expected: tuple[str, str]
) -> None:
    argo.archive[ARCHIVED_UID] = archived("old", "payroll", ARCHIVED_UID)
    world.start_operator(**settings)
    world.apply_report("mine", "old", uid=ARCHIVED_UID, source=source)
    report = eventually(lambda: world.report_of("old"), lambda report: condition(report, "Ready") == expected)
    assert "payroll" not in json.dumps(report)
    assert bool(argo.requests) is (source != "Cluster")


def test_an_archive_report_without_a_server_names_the_settings(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.apply_report("mine", "old", source="Archive")
    report = eventually(
        lambda: world.report_of("old"),
        lambda report: condition(report, "Ready") == ("False", "ArgoServerNotConfigured"),
    )
    assert "WFREPORT_ARGO_SERVER_URL" in report["status"]["summary"]
    assert [event["reason"] for event in world.events_about("mine")] == ["ArgoServerNotConfigured"]


def test_a_failing_archive_is_reported_and_the_report_is_filled_later(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive[ARCHIVED_UID] = archived("old", world.namespace, ARCHIVED_UID)
    argo.fault = Reply(503)
    world.start_operator(**settings)
    world.apply_report("mine", "old", source="Archive")
    eventually(lambda: condition(world.report_of("old"), "Ready"), lambda value: value == ("False", "ArgoServerFailed"))
    argo.fault = None
    eventually(
        lambda: observed(world.report_of("old")), lambda result: result.get("phase") == "Failed", timeout_seconds=60
    )


def test_a_run_that_ended_and_was_deleted_while_the_operator_was_down_is_completed_from_the_archive(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**settings)
    uid = world.create_workflow("etl", phase="Running", done=1)["metadata"]["uid"]
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    operator.stop()
    argo.archive[uid] = archived("etl", world.namespace, uid)
    world.delete_workflow("etl")
    world.start_operator(**settings)
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Failed")
    assert observed(report)["source"] == "Archive"
    assert condition(report, "Succeeded")[1] != "WorkflowDeleted"


def test_an_offloaded_run_deleted_before_its_nodes_were_read_is_completed_from_the_archive_or_reported_lost(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**PACE)
    uid = offloaded(world, "archived", phase="Failed")["metadata"]["uid"]
    offloaded(world, "lost", phase="Failed")
    for name in ("archived", "lost"):
        eventually(lambda name=name: world.phase_of(name), lambda phase: phase == "Failed")  # type: ignore[misc]
        world.delete_workflow(name)
    operator.stop()
    argo.archive[uid] = archived("archived", world.namespace, uid)
    world.start_operator(**settings)
    eventually(lambda: world.report_of("archived"), has_counts)
    eventually(
        lambda: condition(world.report_of("lost"), "NodesAvailable"),
        lambda value: value == ("False", "WorkflowNotArchived"),
    )


def test_an_archive_report_does_not_replace_the_automatic_report_of_a_workflow_of_that_name(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive["older"] = archived("etl", world.namespace, "older")
    world.start_operator(**settings)
    world.apply_report("old-one", "etl", source="Archive")
    uid = world.create_workflow("etl", phase="Succeeded")["metadata"]["uid"]
    eventually(
        lambda: {observed(report).get("uid"): observed(report).get("source") for report in world.reports_of("etl")},
        lambda value: value == {"older": "Archive", uid: None},
    )


# Archived logs

SECRET = "AKIAIOSFODNN7EXAMPLE"
LOGS = Reply(body=f"connecting with {SECRET}\nFATAL: no such table\n".encode())


def fail_with_archived_log(world: Cluster, name: str) -> str:
    """Create a failed run whose pod is gone and whose log is in the artifact store; return its uid."""
    world.create_workflow(name)
    stored, changed = world.workflow(name), state(name, phase="Failed", failed=True)
    changed["status"]["nodes"][f"{name}-2"] |= {
        "hostNodeName": "host-1",
        "outputs": {"artifacts": [{"name": "main-logs", "s3": {"key": "main.log"}}]},
    }
    stored["metadata"]["labels"] = changed["metadata"]["labels"]
    path = f"{WORKFLOWS.format(world.namespace)}/{name}"
    return str(world.plane.api.put(path, stored | {"status": changed["status"]})["metadata"]["uid"])


def first_failure(report: dict[str, Any]) -> dict[str, Any]:
    failure: dict[str, Any] = report.get("status", {}).get("failures", [{}])[0]
    return failure


def test_the_archived_log_of_a_deleted_pod_is_fetched_from_the_server_and_redacted(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.logs[f"/artifacts/{world.namespace}/etl/etl-2/main-logs"] = LOGS
    world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    report = eventually(lambda: world.report_of("etl"), lambda report: "logTail" in first_failure(report))
    tail = first_failure(report)["logTail"]
    assert (tail["source"], tail["text"].splitlines()[-1]) == ("Archive", "FATAL: no such table")
    assert SECRET not in json.dumps(report)
    assert condition(report, "EvidenceComplete") == ("False", "PodNotCaptured")


def test_an_archived_log_that_a_failing_server_has_is_announced_and_fetched_after_a_restart(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.logs[f"/artifacts/{world.namespace}/etl/etl-2/main-logs"] = LOGS
    argo.fault = Reply(503)
    operator = world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    eventually(
        lambda: condition(world.report_of("etl"), "EvidenceComplete"), lambda value: value == ("False", "LogInArchive")
    )
    operator.stop()
    argo.fault = None
    world.start_operator(**settings)
    eventually(lambda: world.report_of("etl"), lambda report: "logTail" in first_failure(report))


def test_an_archived_log_that_is_not_in_the_store_is_given_up(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    eventually(lambda: any(request.target.startswith("/artifacts") for request in argo.requests))
    report = eventually(
        lambda: world.report_of("etl"),
        lambda report: condition(report, "EvidenceComplete") == ("False", "PodNotCaptured"),
    )
    assert "logTail" not in first_failure(report)


def test_a_run_from_the_archive_has_its_archived_log(world: Cluster, argo: FakeArgo, settings: dict[str, Any]) -> None:
    run = archived("old", world.namespace, ARCHIVED_UID)
    run["status"]["nodes"]["old-2"] |= {"outputs": {"artifacts": [{"name": "main-logs"}]}, "hostNodeName": "host-1"}
    argo.archive[ARCHIVED_UID] = run
    argo.logs[f"/artifacts-by-uid/{ARCHIVED_UID}/old-2/main-logs"] = LOGS
    world.start_operator(**settings)
    world.apply_report("mine", "old", source="Archive")
    eventually(lambda: world.report_of("old"), lambda report: "logTail" in first_failure(report))


@pytest.mark.parametrize(
    "switched_off",
    [lambda world: {"no_logs_namespaces": world.namespace}, lambda _: {"log_tail_lines": 0}],
    ids=["namespace", "lines"],
)
def test_no_archived_log_is_read_if_logs_are_switched_off(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], switched_off: Callable[[Cluster], dict[str, Any]]
) -> None:
    world.start_operator(**settings, **switched_off(world))
    fail_with_archived_log(world, "etl")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    offloaded(world, "other", phase="Failed")
    eventually(lambda: world.report_of("other"), has_counts)
    assert not [request for request in argo.requests if request.target.startswith("/artifacts")]
