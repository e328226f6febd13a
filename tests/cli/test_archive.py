"""Commands about runs that only the real Argo Server has: offloaded or deleted, with logs in an object store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.argoserver.fake_server import serving_aside
from tests.argoserver.object_store import create_run, object_store
from tests.argoserver.runs import archived_run, delete_workflow, reader_token
from tests.cli.workspace import Workspace

from controlplane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

OFFLOADED = "The nodes of etl are offloaded; they are fetched from Argo Server.\n"


@pytest.fixture
def workspace(archive_plane: ControlPlane, namespace: str) -> Workspace:
    """Return a namespace of the control plane with an archive, whose controller offloads all nodes."""
    return Workspace(archive_plane, namespace)


def run(workspace: Workspace, folder: Path, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with Argo Server configured in its environment."""
    file = folder / "token"
    file.write_text(token)
    way = {"URL": workspace.plane.argo_server_url, "CA_FILE": str(workspace.plane.ca), "TOKEN_FILE": str(file)}
    return workspace.run(
        *arguments, kubeconfig=None, **{f"WFREPORT_ARGO_SERVER_{name}": value for name, value in way.items()}
    )


def test_offloaded_nodes_come_through_the_server(workspace: Workspace, tmp_path: Path) -> None:
    archived_run(workspace.plane, workspace.namespace, "etl")
    token = reader_token(workspace.plane, workspace.namespace)
    pods = run(workspace, tmp_path, token, "pods", "etl")
    assert (pods.returncode, pods.stderr) == (0, OFFLOADED)
    assert pods.stdout.splitlines()[1].startswith("transform")
    assert "etl-oom-" in pods.stdout
    shown = run(workspace, tmp_path, token, "show", "etl")
    assert shown.stderr == OFFLOADED + "No report of etl; this one is computed from its Workflow.\n"
    assert "ROOT CAUSE  transform" in shown.stdout
    without = workspace.run("show", "etl")
    assert without.stderr.startswith("The nodes of etl are offloaded and cannot be fetched; archive: no Argo Server")
    assert without.returncode == 0
    assert "ROOT CAUSE  transform" not in without.stdout


def test_a_run_that_only_the_archive_has_is_shown_and_its_pods_named(workspace: Workspace, tmp_path: Path) -> None:
    archived_run(workspace.plane, workspace.namespace, "etl")
    delete_workflow(workspace.plane, workspace.namespace, "etl")
    token = reader_token(workspace.plane, workspace.namespace)
    shown = run(workspace, tmp_path, token, "show", "etl")
    assert shown.returncode == 0
    assert shown.stderr == "No report of etl; this one is computed from its archived Workflow.\n"
    assert "ROOT CAUSE  transform" in shown.stdout
    named = run(workspace, tmp_path, token, "pods", "etl", "--failed", "-o", "name")
    assert named.stdout.startswith("pod/etl-oom-")
    gone = run(workspace, tmp_path, token, "exec", "etl", "transform")
    assert (gone.returncode, gone.stderr) == (
        1, "Error: no running container: transform is Failed; its Workflow was deleted\n",
    )  # fmt: skip


def test_steps_missing_from_the_report_come_from_the_archive(workspace: Workspace, tmp_path: Path) -> None:
    archived_run(workspace.plane, workspace.namespace, "etl")
    token = reader_token(workspace.plane, workspace.namespace)
    whole = run(workspace, tmp_path, token, "pods", "etl", "-o", "name").stdout
    report = json.loads(run(workspace, tmp_path, token, "show", "etl", "-o", "json").stdout)
    report["status"]["steps"] = report["status"]["steps"][:1]
    workspace.put_report(report)
    delete_workflow(workspace.plane, workspace.namespace, "etl")
    lacking = "The Workflow was deleted, and its report does not list every step of etl; "
    completed = run(workspace, tmp_path, token, "pods", "etl", "-o", "name")
    assert (completed.stdout, completed.stderr) == (whole, f"{lacking}they are read from Argo's archive.\n")
    refused = run(workspace, tmp_path, "wrong", "pods", "etl", "-o", "name")
    assert (refused.returncode, refused.stdout) == (0, ""), "the steps in the report are printed nevertheless"
    assert refused.stderr.startswith(f"{lacking}archive: ")


def test_an_unarchived_run_is_code_5_and_a_refusal_is_code_2(workspace: Workspace, tmp_path: Path) -> None:
    nothing = f"no WorkflowReport and no Workflow nope in namespace {workspace.namespace}; archive: "
    absent = run(workspace, tmp_path, workspace.plane.token("admin"), "show", "nope")
    assert absent.returncode == 5
    assert absent.stderr.startswith(f"Error: {nothing}the archive has no Workflow nope")
    refused = run(
        workspace, tmp_path, reader_token(workspace.plane, workspace.namespace, may_read=False), "show", "nope"
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Error: Argo Server: {nothing}")
    assert len(refused.stderr.splitlines()) == 1


def test_an_archived_log_comes_out_of_the_store(workspace: Workspace, tmp_path: Path) -> None:
    with serving_aside(object_store) as url:
        create_run(workspace.plane, workspace.namespace, urlsplit(url).netloc)
        done = run(workspace, tmp_path, workspace.plane.token("admin"), "logs", "etl", "--failed", "--tail", "2")
    assert (done.returncode, done.stdout) == (0, "line 19998\nline 19999\n")
    assert done.stderr.startswith("step-2: pod etl-")
    assert done.stderr.endswith("; archived log of container main\n")
