"""The plane's promises: a real API server, RBAC, its end, side by side, faults."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.eventually import eventually

from controlplane import ApiError, ComponentDiedError, ControlPlane, ControlPlaneError
from controlplane.paths import REPO_ROOT

pytestmark = pytest.mark.cluster

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
AUDIT_OF_BOB = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "users": ["bob"]}, {"level": "None"}],
}


@pytest.fixture(scope="module")
def small_plane() -> Iterator[ControlPlane]:
    """A plane of this module's own, to be mistreated."""
    with ControlPlane(workflow_crds="own", users={"bob": ["people"]}, audit_policy=AUDIT_OF_BOB) as plane:
        yield plane


def test_a_workflow_written_is_read_again(plane: ControlPlane, namespace: str) -> None:
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "one"},
        "spec": {},
        "status": {"phase": "Running"},
    }

    plane.api.post(WORKFLOWS.format(namespace), workflow)

    stored = plane.api.get(f"{WORKFLOWS.format(namespace)}/one")
    # Argo's kinds have no status subresource: status comes with the object.
    assert stored["status"] == {"phase": "Running"}
    assert "one" in plane.kubectl("get", "wf", "-n", namespace)


def test_every_kind_of_the_default_crds_is_in_discovery(plane: ControlPlane) -> None:
    kinds = {resource["kind"] for resource in plane.api.get("/apis/argoproj.io/v1alpha1")["resources"]}

    assert {"Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"} <= kinds
    assert "WorkflowReport" in plane.kubectl("api-resources", "--api-group=wfreport.dev")


def test_a_user_without_a_role_may_nothing(small_plane: ControlPlane) -> None:
    with pytest.raises(ApiError) as refused:
        small_plane.api_as("bob").get("/api/v1/namespaces")

    assert refused.value.status == 403


def test_a_service_account_may_what_its_role_says_and_no_more(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    plane.kubectl("create", "role", "reader", "-n", namespace, "--verb=list", "--resource=pods")
    plane.kubectl(
        "create", "rolebinding", "reader", "-n", namespace, "--role=reader", f"--serviceaccount={namespace}:reader"
    )

    kubeconfig = plane.kubeconfig_for(service_account="reader", namespace=namespace)

    as_reader = f"--kubeconfig={kubeconfig}"
    # the API server sees the binding a moment after it was stored
    eventually(lambda: plane.kubectl(as_reader, "auth", "can-i", "list", "pods", check=False).strip(), "yes".__eq__)
    assert plane.kubectl(as_reader, "auth", "can-i", "list", "secrets", check=False).strip() == "no"


def test_the_audit_log_tells_who_asked_what(small_plane: ControlPlane) -> None:
    with pytest.raises(ApiError):
        small_plane.api_as("bob").get("/api/v1/namespaces/default/secrets")

    last = eventually(small_plane.audit_events)[-1]
    assert (last["user"]["username"], last["verb"], last["objectRef"]["resource"]) == ("bob", "list", "secrets")


def test_a_restarted_api_server_still_has_its_objects(small_plane: ControlPlane) -> None:
    small_plane.create_namespace("survivor")

    small_plane.restart_apiserver()

    assert small_plane.api.get("/api/v1/namespaces/survivor")["metadata"]["name"] == "survivor"
    assert small_plane.api.get("/apis/argoproj.io/v1alpha1/workflows")["items"] == []


def test_two_planes_side_by_side_know_nothing_of_each_other(plane: ControlPlane, small_plane: ControlPlane) -> None:
    plane.create_namespace("only-here")

    with pytest.raises(ApiError) as missing:
        small_plane.api.get("/api/v1/namespaces/only-here")
    assert missing.value.status == 404
    with pytest.raises(ControlPlaneError, match=r"[Uu]nauthorized|provide credentials|logged in"):
        plane.kubectl(f"--server={plane.server}", f"--token={small_plane.api.token}", "get", "ns")


def test_nothing_is_left_of_a_stopped_plane() -> None:
    plane = ControlPlane(workflow_crds="none").start()
    pids = [component.pid for component in plane.components.values()]

    plane.stop()

    assert not plane.folder.exists()
    assert not any(_alive(pid) for pid in pids)


def test_a_dead_component_is_reported_with_the_end_of_its_log() -> None:
    with ControlPlane(workflow_crds="none") as plane:
        plane.components["kube-apiserver"].signal(signal.SIGKILL)

        with pytest.raises(ComponentDiedError, match=r"kube-apiserver exited .*kube-apiserver\.log"):
            eventually(plane.ensure_running, until=lambda _: False)


def test_a_refused_flag_is_told_by_the_servers_own_words() -> None:
    with pytest.raises(ComponentDiedError, match="unknown flag: --no-such-flag"):
        ControlPlane(workflow_crds="none", apiserver_flags=["--no-such-flag"]).start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_plane_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "controlplane", "up", "--crds", "none"]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(REPO_ROOT / "tools")}, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        folder = Path(owner.stdout.readline().strip()).parent
        programs = _programs_in(folder)
        assert len(programs) == 2

        owner.send_signal(number)

    eventually(lambda: not any(_alive(pid) for pid in programs))
    eventually(lambda: not folder.exists())


def _programs_in(folder: Path) -> list[int]:
    """The processes that work in the plane's folder (their guards do not)."""
    return [int(proc.name) for proc in Path("/proc").glob("[0-9]*") if _works_in(proc, folder)]


def _works_in(proc: Path, folder: Path) -> bool:
    try:
        return (proc / "cwd").readlink() == folder
    except OSError:  # ended meanwhile, or not ours
        return False


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
