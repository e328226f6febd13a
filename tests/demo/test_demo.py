"""`make demo` from its first line to its end, as a user sees it, without Argo's programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.eventually import eventually

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "demo"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
# Workflow: phase, class, step, as the table has them.
EXPECTED = {
    "clean-dag": ("Succeeded",),
    "evicted-recovers": ("Succeeded",),
    "exit-handler": ("Failed", "ExitCode", "notify"),
    "fan-out-300": ("Succeeded",),
    "loop-item-fails": ("Failed", "ExitCode", "import(2:code:1,region:apac)"),
    "needs-approval": ("Running",),
    "oom-retries": ("Failed", "OOMKilled", "transform(2)"),
    "parallel-step-fails": ("Failed", "ExitCode", "integration-tests"),
}


def table(output: str) -> dict[str, list[str]]:
    """Return the last table: the cells after each Workflow's name."""
    last = output.rpartition("\nNAME ")[2].partition("\n\n")[0]
    return {cells[1]: cells[2:] for cells in map(str.split, last.splitlines()[1:])}


def test_the_demo_shows_eight_reports_and_exits() -> None:
    command = [*COMMAND, "--once", "--replay"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    shown = table(done.stdout)
    assert {name: tuple(shown[name][: len(cells)]) for name, cells in EXPECTED.items()} == EXPECTED
    assert "transform: main OOMKilled at 256Mi (exit 137) after 3 attempts; 2 steps omitted" in done.stdout
    assert [number for number in range(1, 7) if f"[{number}/6]" not in done.stdout] == []
    assert "export KUBECONFIG=" in done.stdout


def test_ctrl_c_ends_everything_and_leaves_nothing_behind(tmp_path: Path) -> None:
    env = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, "--replay"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as demo:
        eventually(lambda: any(tmp_path.glob("wfreport-plane-*/etcd.log")), timeout_seconds=120)
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert "nothing is left behind" in out
    assert list(tmp_path.glob("wfreport-plane-*")) == []


def test_each_workflow_has_its_recording() -> None:
    folder = ROOT / "tools" / "demo"
    workflows = {path.stem: yaml.safe_load(path.read_text()) for path in (folder / "workflows").glob("*.yaml")}
    assert {name: body["metadata"]["name"] for name, body in workflows.items()} == {name: name for name in EXPECTED}
    assert {path.name.removesuffix(".jsonl.gz") for path in (folder / "recordings").iterdir()} == set(EXPECTED)
