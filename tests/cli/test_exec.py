"""`wfreport exec`: becomes kubectl exec in the right pod, or reports why no pod is running."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.cli.cases import on_terminal
from tests.cli.workspace import Workspace

pytestmark = pytest.mark.cluster

RUNNING = "running-with-failed-branch"
SLOW = f"{RUNNING}-hold-2356208145"


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """Return a `kubectl` that records its arguments and exits with 7."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    noted = tmp_path / "called.json"
    program.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        f"pathlib.Path({str(noted)!r}).write_text(json.dumps(sys.argv[1:]))\nsys.exit(7)\n"
    )
    program.chmod(0o755)
    return program


def called(recorder: Path) -> list[str]:
    arguments: list[str] = json.loads((recorder.parents[1] / "called.json").read_text())
    return arguments


def path_with(recorder: Path) -> str:
    return f"{recorder.parent}:{os.environ['PATH']}"


def test_it_becomes_kubectl_exec_in_the_steps_pod(workspace: Workspace, recorder: Path) -> None:
    workspace.put(RUNNING, pods=True)
    done = workspace.run("exec", RUNNING, "slow", "--", "ps", "-ef", PATH=path_with(recorder))
    assert done.returncode == 7, "the exit code is the command's"
    assert called(recorder) == ["--namespace", workspace.namespace, "exec", "-i", SLOW, "-c", "main", "--", "ps", "-ef"]


def test_on_a_terminal_it_is_a_shell_with_a_terminal(workspace: Workspace, recorder: Path) -> None:
    workspace.put(RUNNING, pods=True)
    command = workspace.command("exec", RUNNING, "slow", "-c", "wait")
    on_terminal(command, columns=80, env=workspace.environ() | {"PATH": path_with(recorder)})
    assert called(recorder)[3:] == ["-i", "-t", SLOW, "-c", "wait", "--", "sh"]


def test_kubectl_is_sent_to_the_same_cluster(workspace: Workspace, recorder: Path) -> None:
    workspace.put(RUNNING, pods=True)
    kubeconfig = str(workspace.plane.kubeconfig)
    workspace.run("exec", "--kubeconfig", kubeconfig, "--context", "local", RUNNING, "slow", PATH=path_with(recorder))
    assert called(recorder)[:4] == ["--kubeconfig", kubeconfig, "--context", "local"]


def test_a_step_that_does_not_run_is_code_1_with_its_phase(workspace: Workspace) -> None:
    workspace.put(RUNNING, pods=True)
    done = workspace.run("exec", RUNNING, "bad")
    assert (done.returncode, done.stderr) == (1, "Error: no running container: bad is Failed\n")


def test_a_step_of_a_deleted_run_is_not_running(workspace: Workspace) -> None:
    workspace.put(RUNNING, workflow=False)
    done = workspace.run("exec", RUNNING, "slow")
    assert done.returncode == 1
    assert done.stderr == "Error: no running container: slow is Running; its Workflow was deleted\n"


def test_an_unknown_step_is_code_5(workspace: Workspace) -> None:
    workspace.put(RUNNING)
    assert workspace.run("exec", RUNNING, "nope").returncode == 5


def test_without_kubectl_the_error_names_it(workspace: Workspace, tmp_path: Path) -> None:
    done = workspace.run("exec", RUNNING, "slow", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: kubectl: it is not on PATH")
