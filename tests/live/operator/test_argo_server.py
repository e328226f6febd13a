"""Runs that need Argo Server: they get what it has when it has it, and delay nobody else until then.

The server is a fake that does what the real one does (tests/argoserver holds the client to the real one), to inject
faults into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.argoserver.faulty import GARBAGE, HANG, RESET, Reply, Request, serving_aside
from tests.eventually import eventually
from tests.live.operator.harness import FAST, WORKFLOWS, Cluster, condition, observed, state, workflow

from controlplane.errors import ApiError

pytestmark = pytest.mark.cluster
TOKEN = "eyJhbGciOiJSUzI1NiJ9.the-token-of-the-operator.c2lnbmF0dXJl"
NOT_FOUND = Reply.of({"code": 5, "message": "not found"}, 404)
PACE = FAST | {"resync_interval_seconds": 600, "argo_server_timeout_seconds": 1}


@dataclass
class FakeArgo:
    """Nodes of Workflows in the cluster, and runs of the archive.

    Attributes:
        world: where the Workflows are.
        archive: runs by uid.
        logs: archived logs by path.
        fault: what it answers instead, while it is set.
        asked: what was asked of it.
    """

    world: Cluster
    archive: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, Reply] = field(default_factory=dict)
    fault: Callable[[Request], Reply] | Reply | None = None
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
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
            found = self.world.plane.api.get(f"{WORKFLOWS.format(namespace)}/{name}")
        except ApiError:
            return NOT_FOUND
        nodes = state(name, phase=found["status"]["phase"], failed=True)["status"]["nodes"]
        return Reply.of(found | {"status": found["status"] | {"nodes": nodes, "offloadNodeStatusVersion": ""}})


@pytest.fixture
def argo(world: Cluster) -> FakeArgo:
    return FakeArgo(world)


@pytest.fixture
def settings(argo: FakeArgo, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Settings of an operator that knows the server."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with serving_aside(argo) as url:
        yield PACE | {"argo_server_url": url, "argo_server_token_file": file}


def offloaded(world: Cluster, name: str, *, phase: str) -> dict[str, Any]:
    """A Workflow whose nodes are in Argo's database."""
    path = WORKFLOWS.format(world.namespace)
    if not any(found["metadata"]["name"] == name for found in world.plane.api.get(path)["items"]):
        world.create_workflow(name)
    now, changed = world.workflow(name), state(name, phase=phase, failed=True)
    status = {key: value for key, value in changed["status"].items() if key != "nodes"}
    now["metadata"]["labels"] = changed["metadata"]["labels"]
    stored: dict[str, Any] = world.plane.api.put(
        f"{path}/{name}", now | {"status": status | {"offloadNodeStatusVersion": f"fnv:{phase}"}}
    )
    return stored


def archived(name: str, namespace: str, uid: str) -> dict[str, Any]:
    """A run as the archive has it."""
    ended = state(name, phase="Failed", failed=True)
    metadata = workflow(name, namespace)["metadata"] | {"uid": uid, "resourceVersion": "7", **ended["metadata"]}
    return workflow(name, namespace) | {"metadata": metadata, "status": ended["status"]}


def has_counts(report: dict[str, Any]) -> bool:
    return counts(report) is not None


def counts(report: dict[str, Any]) -> dict[str, int] | None:
    found: dict[str, int] | None = report.get("status", {}).get("counts")
    return found


def test_offloaded_nodes_of_a_run_come_through_the_server(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    world.start_operator(**settings)
    offloaded(world, "etl", phase="Running")
    report = eventually(lambda: world.report_of("etl"), lambda seen: condition(seen, "NodesAvailable")[0] == "True")
    assert observed(report)["phase"] == "Running"
    offloaded(world, "etl", phase="Failed")
    report = eventually(
        lambda: world.report_of("etl"),
        lambda seen: observed(seen).get("phase") == "Failed" and condition(seen, "NodesAvailable")[0] == "True",
    )
    assert (counts(report) or {})["failed"] == 2  # the root and its last step
    assert report["status"]["failures"][0]["displayName"] == "step-2"
    assert {request.headers["authorization"] for request in argo.asked} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (HANG, "ArgoServerUnreachable"),
        (RESET, "ArgoServerUnreachable"),
        (GARBAGE, "ArgoServerBadResponse"),
        (Reply(body=b"<html>login</html>"), "ArgoServerBadResponse"),
        (Reply.of({}, 429, Retry_After="3600"), "ArgoServerThrottled"),
        (Reply(503), "ArgoServerFailed"),
        (Reply.of({"code": 7, "message": "no"}, 403), "ArgoServerForbidden"),
        (Reply.of({"code": 16, "message": f"bad token {TOKEN}"}, 401), "ArgoServerUnauthorized"),
    ],
    ids=["hang", "reset", "garbage", "html", "429", "503", "403", "401"],
)
def test_a_server_in_trouble_delays_only_what_needs_it_and_says_so(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], fault: Reply, reason: str
) -> None:
    argo.fault = fault
    operator = world.start_operator(**settings)
    for n in range(4):
        offloaded(world, f"hard-{n}", phase="Failed")
    for n in range(4):
        world.create_workflow(f"easy-{n}", phase="Succeeded")
    eventually(lambda: {world.phase_of(f"easy-{n}") for n in range(4)}, lambda seen: seen == {"Succeeded"})
    hard = eventually(
        lambda: world.report_of("hard-0"), lambda seen: condition(seen, "NodesAvailable") == ("False", reason)
    )
    assert observed(hard)["phase"] == "Failed"
    assert counts(hard) is None
    assert condition(hard, "Ready")[0] == "True"
    assert TOKEN not in json.dumps(world.reports()) + operator.log.read_text() + operator.answer("/metrics")


@pytest.mark.parametrize(
    "fault", [HANG, GARBAGE, Reply(503), Reply.of({}, 429, Retry_After="2")], ids=["hang", "garbage", "503", "429"]
)
def test_what_the_server_could_not_give_comes_when_it_can(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], fault: Reply
) -> None:
    argo.fault = fault
    world.start_operator(**settings)
    offloaded(world, "etl", phase="Failed")
    eventually(
        lambda: condition(world.report_of("etl"), "NodesAvailable"),
        lambda seen: seen[0] == "False" and seen[1].startswith("ArgoServer"),
    )
    argo.fault = None
    report = eventually(lambda: world.report_of("etl"), has_counts, timeout_seconds=60)
    assert condition(report, "NodesAvailable") == ("True", "NodesRead")


def test_without_a_server_the_report_says_what_to_set_and_a_restart_with_one_completes_it(
    world: Cluster, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**PACE)
    offloaded(world, "etl", phase="Failed")
    report = eventually(
        lambda: world.report_of("etl"), lambda seen: condition(seen, "NodesAvailable") == ("False", "NodesOffloaded")
    )
    assert counts(report) is None
    message = next(c["message"] for c in report["status"]["conditions"] if c["type"] == "NodesAvailable")
    assert "WFREPORT_ARGO_SERVER_URL" in message
    operator.stop()
    world.start_operator(**settings)
    eventually(lambda: world.report_of("etl"), has_counts)


def test_a_report_that_has_all_nodes_loses_none_when_argo_writes_a_label_and_the_operator_restarts(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**settings)
    offloaded(world, "etl", phase="Failed")
    before = eventually(lambda: world.report_of("etl"), has_counts)
    operator.stop()
    argo.fault = Reply(503)
    now = world.workflow("etl")
    now["metadata"]["labels"]["workflows.argoproj.io/workflow-archiving-status"] = "Archived"
    version = world.plane.api.put(f"{WORKFLOWS.format(world.namespace)}/etl", now)["metadata"]["resourceVersion"]
    world.start_operator(**settings)
    after = eventually(lambda: world.report_of("etl"), lambda seen: observed(seen).get("resourceVersion") == version)
    assert after["status"]["failures"] == before["status"]["failures"]
    assert counts(after) == counts(before)


# The archive


def test_a_report_applied_for_a_run_that_only_the_archive_has_is_filled_from_it(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive["u-1"] = archived("old", world.namespace, "u-1")
    world.start_operator(**settings)
    world.apply_report("by-name", "old", source="Archive")
    report = eventually(lambda: world.report_of("old"), lambda seen: observed(seen).get("phase") == "Failed")
    assert (observed(report)["uid"], observed(report)["source"]) == ("u-1", "Archive")
    assert condition(report, "Ready") == ("True", "ReportCurrent")
    assert (counts(report) or {})["total"] == 4
    world.apply_report("by-uid", "old", uid="u-1")  # source: Auto
    eventually(
        lambda: [observed(seen).get("source") for seen in world.reports_of("old")],
        lambda seen: seen == ["Archive", "Archive"],
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [("Archive", "WorkflowNotArchived"), ("Auto", "WorkflowNotFound"), ("Cluster", "WorkflowNotFound")],
)
def test_a_run_of_another_namespace_is_not_found(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], source: str, expected: str
) -> None:
    argo.archive["u-1"] = archived("old", "payroll", "u-1")
    world.start_operator(**settings)
    world.apply_report("mine", "old", uid="u-1", source=source)
    report = eventually(lambda: world.report_of("old"), lambda seen: condition(seen, "Ready") == ("False", expected))
    assert "payroll" not in json.dumps(report)
    assert bool(argo.asked) is (source != "Cluster")


def test_the_archive_without_a_server_says_what_to_set(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.apply_report("mine", "old", source="Archive")
    report = eventually(
        lambda: world.report_of("old"),
        lambda seen: condition(seen, "Ready") == ("False", "ArgoServerNotConfigured"),
    )
    assert "WFREPORT_ARGO_SERVER_URL" in report["status"]["summary"]
    assert [event["reason"] for event in world.events_about("mine")] == ["ArgoServerNotConfigured"]


def test_an_archive_in_trouble_is_said_and_the_report_is_filled_later(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive["u-1"] = archived("old", world.namespace, "u-1")
    argo.fault = Reply(503)
    world.start_operator(**settings)
    world.apply_report("mine", "old", source="Archive")
    eventually(lambda: condition(world.report_of("old"), "Ready"), lambda seen: seen == ("False", "ArgoServerFailed"))
    argo.fault = None
    eventually(lambda: observed(world.report_of("old")), lambda seen: seen.get("phase") == "Failed", timeout_seconds=60)


def test_a_run_that_ended_and_was_deleted_unseen_is_completed_from_the_archive(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**settings)
    uid = world.create_workflow("etl", phase="Running", done=1)["metadata"]["uid"]
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    operator.stop()
    argo.archive[uid] = archived("etl", world.namespace, uid)
    world.delete_workflow("etl")
    world.start_operator(**settings)
    report = eventually(lambda: world.report_of("etl"), lambda seen: observed(seen).get("phase") == "Failed")
    assert observed(report)["source"] == "Archive"
    assert condition(report, "Succeeded")[1] != "WorkflowDeleted"


def test_an_offloaded_run_that_went_before_it_was_read_is_completed_from_the_archive_or_says_that_it_is_lost(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    operator = world.start_operator(**PACE)
    kept = offloaded(world, "kept", phase="Failed")["metadata"]["uid"]
    offloaded(world, "lost", phase="Failed")
    for name in ("kept", "lost"):
        eventually(lambda name=name: world.phase_of(name), lambda phase: phase == "Failed")  # type: ignore[misc]
        world.delete_workflow(name)
    operator.stop()
    argo.archive[kept] = archived("kept", world.namespace, kept)
    world.start_operator(**settings)
    eventually(lambda: world.report_of("kept"), has_counts)
    eventually(
        lambda: condition(world.report_of("lost"), "NodesAvailable"),
        lambda seen: seen == ("False", "WorkflowNotArchived"),
    )


def test_an_archive_report_of_a_run_that_is_in_the_cluster_leaves_that_its_automatic_report(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.archive["older"] = archived("etl", world.namespace, "older")
    world.start_operator(**settings)
    world.apply_report("old-one", "etl", source="Archive")
    uid = world.create_workflow("etl", phase="Succeeded")["metadata"]["uid"]
    eventually(
        lambda: {observed(seen).get("uid"): observed(seen).get("source") for seen in world.reports_of("etl")},
        lambda seen: seen == {"older": "Archive", uid: None},
    )


# Archived logs

SECRET = "AKIAIOSFODNN7EXAMPLE"
LOGS = Reply(body=f"connecting with {SECRET}\nFATAL: no such table\n".encode())


def fail_with_archived_log(world: Cluster, name: str) -> str:
    """A run that failed, its pod gone, the pod's log in Argo's store; returns its uid."""
    world.create_workflow(name)
    now, changed = world.workflow(name), state(name, phase="Failed", failed=True)
    changed["status"]["nodes"][f"{name}-2"] |= {
        "hostNodeName": "host-1",
        "outputs": {"artifacts": [{"name": "main-logs", "s3": {"key": "main.log"}}]},
    }
    now["metadata"]["labels"] = changed["metadata"]["labels"]
    made = world.plane.api.put(f"{WORKFLOWS.format(world.namespace)}/{name}", now | {"status": changed["status"]})
    return str(made["metadata"]["uid"])


def first_failure(report: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = report.get("status", {}).get("failures", [{}])[0]
    return found


def test_the_archived_log_of_a_pod_that_is_gone_comes_through_the_server_and_is_redacted(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.logs[f"/artifacts/{world.namespace}/etl/etl-2/main-logs"] = LOGS
    world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    report = eventually(lambda: world.report_of("etl"), lambda seen: "logTail" in first_failure(seen))
    tail = first_failure(report)["logTail"]
    assert (tail["source"], tail["text"].splitlines()[-1]) == ("Archive", "FATAL: no such table")
    assert SECRET not in json.dumps(report)
    assert condition(report, "EvidenceComplete") == ("False", "PodNotCaptured")


def test_an_archived_log_that_the_server_does_not_give_is_said_to_be_there_and_comes_after_a_restart(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    argo.logs[f"/artifacts/{world.namespace}/etl/etl-2/main-logs"] = LOGS
    argo.fault = Reply(503)
    operator = world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    eventually(
        lambda: condition(world.report_of("etl"), "EvidenceComplete"), lambda seen: seen == ("False", "LogInArchive")
    )
    operator.stop()
    argo.fault = None
    world.start_operator(**settings)
    eventually(lambda: world.report_of("etl"), lambda seen: "logTail" in first_failure(seen))


def test_an_archived_log_that_the_store_does_not_have_is_given_up(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any]
) -> None:
    world.start_operator(**settings)
    fail_with_archived_log(world, "etl")
    eventually(lambda: any(request.target.startswith("/artifacts") for request in argo.asked))
    report = eventually(
        lambda: world.report_of("etl"),
        lambda seen: condition(seen, "EvidenceComplete") == ("False", "PodNotCaptured"),
    )
    assert "logTail" not in first_failure(report)


def test_a_run_from_the_archive_has_its_archived_log(world: Cluster, argo: FakeArgo, settings: dict[str, Any]) -> None:
    run = archived("old", world.namespace, "u-1")
    run["status"]["nodes"]["old-2"] |= {"outputs": {"artifacts": [{"name": "main-logs"}]}, "hostNodeName": "host-1"}
    argo.archive["u-1"] = run
    argo.logs["/artifacts-by-uid/u-1/old-2/main-logs"] = LOGS
    world.start_operator(**settings)
    world.apply_report("mine", "old", source="Archive")
    eventually(lambda: world.report_of("old"), lambda seen: "logTail" in first_failure(seen))


@pytest.mark.parametrize(
    "switched_off",
    [lambda world: {"no_logs_namespaces": world.namespace}, lambda _: {"log_tail_lines": 0}],
    ids=["namespace", "lines"],
)
def test_no_archived_log_is_read_where_logs_are_switched_off(
    world: Cluster, argo: FakeArgo, settings: dict[str, Any], switched_off: Callable[[Cluster], dict[str, Any]]
) -> None:
    world.start_operator(**settings, **switched_off(world))
    fail_with_archived_log(world, "etl")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    offloaded(world, "other", phase="Failed")
    eventually(lambda: world.report_of("other"), has_counts)
    assert not [request for request in argo.asked if request.target.startswith("/artifacts")]
