"""`kubectl wfreport`: the same code, run by the real kubectl, and through `kubectl proxy`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.cli.workspace import Workspace

from controlplane import ControlPlane
from controlplane.binaries import kubectl

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder for PATH with the plugin in it, as an installer creates it from the entry points."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, entry_point in project["scripts"].items():
        module, function = entry_point.split(":")
        script = folder / name
        script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        script.chmod(0o755)
    return folder


def run_plugin(programs: Path, kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the plugin by the real kubectl."""
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(
        [str(kubectl()), "wfreport", *arguments], capture_output=True, text=True, check=False, env=env
    )


def test_kubectl_runs_it(workspace: Workspace, programs: Path) -> None:
    workspace.put("oom-main")
    done = run_plugin(programs, workspace.plane.kubeconfig, "list", "-n", workspace.namespace)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["oom-main", "Failed", "OOMKilled"]
    pods = run_plugin(programs, workspace.plane.kubeconfig, "pods", "oom-main", "-n", workspace.namespace)
    assert (pods.returncode, pods.stdout.splitlines()[1].split()[0]) == (0, "big"), "no import is missing"
    assert run_plugin(programs, workspace.plane.kubeconfig, "show", "nope", "-n", workspace.namespace).returncode == 5


def test_kubectl_lists_it_as_a_plugin(programs: Path, plane: ControlPlane) -> None:
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(plane.kubeconfig)}
    done = subprocess.run([str(kubectl()), "plugin", "list"], capture_output=True, text=True, check=False, env=env)
    assert str(programs / "kubectl-wfreport") in done.stdout


def completed(programs: Path, workspace: Workspace, *words: str) -> list[str]:
    """Return what kubectl offers for the last word, as its shell script asks for it."""
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(workspace.plane.kubeconfig)}
    command = [str(kubectl()), "__complete", "wfreport", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    *names, directive = done.stdout.splitlines()
    assert directive == ":4", "the shell must not add names of files"
    return [name.partition("\t")[0] for name in names]


def test_kubectl_completes_commands_runs_steps_and_namespaces(programs: Path, workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False)
    workspace.put("dag-success", report=False)
    here = ("-n", workspace.namespace)
    assert completed(programs, workspace, "sho") == ["show"]
    assert set(completed(programs, workspace, "show", *here, "")) == {"oom-main", "dag-success"}
    assert completed(programs, workspace, "show", *here, "oo") == ["oom-main"]
    assert completed(programs, workspace, "logs", *here, "oom-main", "b") == ["big"]
    assert completed(programs, workspace, "list", "-n", workspace.namespace[:-1]) == [workspace.namespace]
    assert completed(programs, workspace, "list", "--class", "oom") == ["OOMKilled"]


def test_completion_without_a_cluster_offers_nothing(programs: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(tmp_path / "none")}
    script = [str(programs / "kubectl_complete-wfreport"), "show", ""]
    done = subprocess.run(script, capture_output=True, text=True, check=True, env=env)
    assert (done.stdout, done.stderr) == (":4\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["logs", "--help"], ["exec", "--help"]])
def test_its_help_names_it_as_a_plugin(programs: Path, plane: ControlPlane, arguments: list[str]) -> None:
    shown = run_plugin(programs, plane.kubeconfig, *arguments).stdout
    examples = shown.partition("Examples:")[2].partition("Options:")[0]
    assert shown.startswith("Usage: kubectl wfreport")
    assert examples.count("kubectl wfreport ") == examples.count("wfreport ") > 0
    assert run_plugin(programs, plane.kubeconfig, "list", "--phase", "x").stderr.startswith(
        "Error: kubectl wfreport list"
    )


@contextmanager
def proxy(plane: ControlPlane, folder: Path) -> Iterator[Path]:
    """Return a kubeconfig that uses `kubectl proxy`: plain HTTP, with the credentials of the proxy."""
    command = [str(kubectl()), f"--kubeconfig={plane.kubeconfig}", "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            config = {
                "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "none"}}],
                "users": [{"name": "none", "user": {}}],
                "current-context": "proxy",
            }
            path = folder / "proxy.kubeconfig"
            path.write_text(yaml.safe_dump(config))
            yield path
        finally:
            process.terminate()


def test_it_works_through_kubectl_proxy(workspace: Workspace, tmp_path: Path) -> None:
    workspace.put("oom-main", pods=True)
    with proxy(workspace.plane, tmp_path) as kubeconfig:
        assert "OOMKilled" in workspace.run("list", kubeconfig=kubeconfig).stdout
        assert "big: main OOMKilled" in workspace.run("show", "oom-main", kubeconfig=kubeconfig).stdout
        assert "yes" in workspace.run("pods", "oom-main", kubeconfig=kubeconfig).stdout
