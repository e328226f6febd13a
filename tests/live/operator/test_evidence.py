"""Failed pods, their logs and Events, with the real Argo controller and the operator under its ServiceAccount.

kwok acts as the kubelet and serves the same log for every container.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, ROOT, WORKFLOWS, Cluster, cluster, condition

from controlplane import ControlPlane
from controlplane.extras import POD_LOG

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

SECRETS = {
    "a GitHub token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "an AWS key": "AKIAQ3EGRJ7PLMZ2VWTN",
    "a password in a URL": "hunter2-correct-horse",
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "the body of a private key": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDE9zKQxv1nT5Qm",
}
LOG = [
    "starting",
    f"using token {SECRETS['a GitHub token']}",
    f"export AWS_ACCESS_KEY_ID={SECRETS['an AWS key']}",
    f"connecting to postgresql://etl:{SECRETS['a password in a URL']}@db.example.com:5432/sales",
    f"Authorization: Bearer {SECRETS['a JWT']}",
    "-----BEGIN PRIVATE KEY-----",
    *[SECRETS["the body of a private key"]] * 50,
    "-----END PRIVATE KEY-----",
    *(f"row {n} is fine" for n in range(30)),
    "Traceback (most recent call last):",
    "ValueError: no column price",
    'time=2026-11-25T04:31:07.771Z level=INFO msg="sub-process exited" argo=true error="exit status 3"',
    "Error: exit status 3",
]
MANIFESTS = ROOT / "manifests"
_serial = itertools.count(1)


@pytest.fixture(scope="module")
def evidence_plane() -> Iterator[ControlPlane]:
    """Start a control plane with the real Argo controller, whose pods log secrets."""
    with ControlPlane(argo=True) as plane:
        stamped = (f"2026-11-25T00:00:00.{n:09}Z stdout F {line}\n" for n, line in enumerate(LOG))
        (plane.folder / POD_LOG).write_text("".join(stamped))
        yield plane


@pytest.fixture
def installed(evidence_plane: ControlPlane, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Yield a namespace, watched with the permissions of the default overlay or the test's parameter."""
    overlay = getattr(request, "param", "overlays/default")
    evidence_plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", MANIFESTS / overlay)
    name = evidence_plane.create_namespace(f"logs-{next(_serial)}")
    kubeconfig = evidence_plane.kubeconfig_for(service_account="wfreport", namespace="wfreport-system")
    with cluster(evidence_plane, name, tmp_path, kubeconfig) as installed:
        yield installed


def submit(
    world: Cluster, name: str, *, pod_gc: str | None = "OnPodCompletion", count: int = 1, **behaviour: str
) -> None:
    """Submit a Workflow whose steps fail as the annotations of their pods specify."""
    annotations = {f"sim.wfreport.dev/{key.replace('_', '-')}": value for key, value in behaviour.items()}
    work = {
        "name": "work",
        "metadata": {"annotations": annotations},
        "container": {"image": "etl", "command": ["load"], "resources": {"limits": {"memory": "64Mi"}}},
    }
    steps = [{"name": f"load-{n}", "template": "work"} for n in range(count)]
    spec: dict[str, Any] = {"entrypoint": "main", "templates": [{"name": "main", "steps": [steps]}, work]}
    if pod_gc:
        spec["podGC"] = {"strategy": pod_gc}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}
    world.plane.api.post(WORKFLOWS.format(world.namespace), body)


def pods(world: Cluster) -> list[Any]:
    items: list[Any] = world.plane.api.get(f"/api/v1/namespaces/{world.namespace}/pods")["items"]
    return items


def complete_report_of(world: Cluster, name: str) -> dict[str, Any]:
    """Wait for the report of a failed run with all its evidence, there or missing for good."""
    return eventually(
        lambda: world.report_of(name),
        lambda report: (
            condition(report, "Succeeded")[0] == "False" and condition(report, "EvidenceComplete")[0] != "Unknown"
        ),
        timeout_seconds=60,
    )


def test_a_pod_is_in_the_report_although_argo_deletes_it_at_its_end(installed: Cluster) -> None:
    installed.start_operator(**FAST)
    submit(installed, "etl", exit_code="3", message="no column price")
    report = complete_report_of(installed, "etl")
    eventually(lambda: pods(installed), lambda left: not left, timeout_seconds=60)
    (failure,) = report["status"]["failures"]
    assert condition(report, "EvidenceComplete") == ("True", "EvidenceCaptured")
    assert (failure["class"], failure["exitCode"], failure["hostNodeName"]) == ("ExitCode", 3, "kwok-0")
    assert failure["resources"]["limits"] == {"memory": "64Mi"}
    by_name = {container["name"]: container for container in failure["containers"]}
    assert by_name["main"]["exitCode"] == 3
    assert by_name["main"]["message"] == "no column price"
    assert by_name["wait"]["exitCode"] == 0
    assert failure["logTail"]["text"].endswith("Traceback (most recent call last):\nValueError: no column price")


def test_kubectl_shows_the_cause_and_the_next_command_of_a_run_that_failed(installed: Cluster) -> None:
    installed.start_operator(**FAST)
    submit(installed, "silent", exit_code="3")
    report = complete_report_of(installed, "silent")
    name, namespace = report["metadata"]["name"], installed.namespace
    summary = "load-0: exit code 3: ValueError: no column price"
    assert report["status"]["summary"] == summary
    kubectl = installed.plane.kubectl
    (row,) = kubectl("get", "wfr", name, "-n", namespace, "--no-headers").splitlines()
    assert row.split()[:5] == [name, "Failed", "ExitCode", "load-0", "0"]
    (wide,) = kubectl("get", "wfr", name, "-n", namespace, "--no-headers", "-o", "wide").splitlines()
    assert wide.rstrip().endswith(summary)
    eventually(lambda: installed.events_about(name), lambda found: [e["reason"] for e in found] == ["RunFailed"])
    end = kubectl("describe", "wfr", name, "-n", namespace).rstrip().splitlines()[-1]
    assert end.split()[:2] == ["Warning", "RunFailed"]
    assert end.endswith(f"{summary}. Next: kubectl wfreport logs silent load-0 -n {namespace}")


def test_no_secret_of_a_log_reaches_a_report_an_event_or_the_operators_log(installed: Cluster) -> None:
    operator = installed.start_operator(**FAST, log_tail_lines=200, log_tail_bytes=16_000)
    submit(installed, "etl", exit_code="3", message=f"token {SECRETS['a GitHub token']}")
    report = complete_report_of(installed, "etl")
    tail = report["status"]["failures"][0]["logTail"]
    assert "row 0 is fine" in tail["text"]
    assert tail["redacted"] >= len(SECRETS)
    api = installed.plane.api
    written = [str(api.get(f"/apis/wfreport.dev/v1alpha1/namespaces/{installed.namespace}/workflowreports"))]
    events = api.get(f"/api/v1/namespaces/{installed.namespace}/events")["items"]
    written += [str(event) for event in events if event["source"].get("component") == "wfreport"]
    written += [operator.log.read_text(), operator.answer("/metrics")]
    assert not [kind for kind, secret in SECRETS.items() if any(secret in text for text in written)]


@pytest.mark.parametrize(
    ("installed", "settings", "expected"),
    [
        ("base", {}, ("False", "LogForbidden", ["LogForbidden"])),
        (
            "overlays/default",
            {"no_logs_namespaces": "payments-*,logs-*"},
            ("True", "EvidenceCaptured", ["LogDisabled"]),
        ),
        ("overlays/default", {"log_tail_lines": 0}, ("True", "EvidenceCaptured", ["LogDisabled"])),
    ],
    ids=["without permission", "in this namespace", "anywhere"],
    indirect=["installed"],
)
def test_logs_that_may_not_be_read_are_reported_missing_with_the_reason(
    installed: Cluster, settings: dict[str, Any], expected: tuple[str, str, list[str]]
) -> None:
    installed.start_operator(**FAST, **settings)
    submit(installed, "etl", exit_code="3")
    report = complete_report_of(installed, "etl")
    (failure,) = report["status"]["failures"]
    assert (*condition(report, "EvidenceComplete"), failure["evidenceMissing"]) == expected
    assert "logTail" not in failure
    assert failure["containers"]


def test_a_pod_deleted_before_the_operator_started_is_reported_missing(installed: Cluster) -> None:
    submit(installed, "etl", exit_code="3")
    # not "once a pod was seen": it may come and go between two looks
    path = f"{WORKFLOWS.format(installed.namespace)}/etl"
    eventually(lambda: installed.plane.api.get(path).get("status", {}).get("finishedAt"), timeout_seconds=60)
    eventually(lambda: pods(installed), lambda left: not left, timeout_seconds=60)
    installed.start_operator(**FAST)
    report = complete_report_of(installed, "etl")
    assert condition(report, "EvidenceComplete") == ("False", "PodNotCaptured")
    assert report["status"]["failures"][0]["evidenceMissing"] == ["PodNotCaptured"]


def test_pods_that_failed_while_the_operator_was_down_are_captured_after_its_start(installed: Cluster) -> None:
    submit(installed, "etl", exit_code="3", pod_gc=None)
    path = f"{WORKFLOWS.format(installed.namespace)}/etl"
    eventually(lambda: installed.plane.api.get(path).get("status", {}).get("finishedAt"), timeout_seconds=60)
    installed.start_operator(**FAST)
    report = complete_report_of(installed, "etl")
    assert condition(report, "EvidenceComplete") == ("True", "EvidenceCaptured")
    assert report["status"]["failures"][0]["logTail"]["text"].endswith("no column price")


def test_many_pods_that_fail_at_once_are_all_captured(installed: Cluster) -> None:
    installed.start_operator(**FAST)
    submit(installed, "etl", exit_code="3", count=60)
    report = complete_report_of(installed, "etl")
    failures = report["status"]["failures"]
    assert len(failures) == 60
    assert all(failure["podUid"] for failure in failures)
    assert sum(1 for failure in failures if "CaptureLimit" not in failure.get("evidenceMissing", [])) >= 50
