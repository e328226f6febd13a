"""`make demo` from its first line to its end, as a user sees it, without Argo's programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.eventually import eventually

from demo.healed import HEALED, MEMORY, recorded_name
from demo.running import NAMESPACE
from tutorial.page import Step, differences, normal
from tutorial.page import steps as page_steps

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
    "image-missing": ("Running", "ImagePullBackOff", "score"),
    "loop-item-fails": ("Failed", "ExitCode", "import(2:code:1,region:apac)"),
    "needs-approval": ("Running",),
    "oom-retries": ("Failed", "OOMKilled", "transform"),
    "parallel-step-fails": ("Failed", "ExitCode", "integration-tests"),
    "sidecar-hangs": ("Running",),
}


def table(output: str) -> dict[str, list[str]]:
    """Return the table of step 4 at its end: the cells after each report's name, by Workflow."""
    last = output.partition("[5/")[0].rpartition("\nNAME ")[2].partition("\n\n")[0]
    return {cells[0].rpartition("-")[0]: cells[1:] for cells in map(str.split, last.splitlines()[1:])}


def hints(output: str) -> list[str]:
    """Return the printed command lines that end by themselves."""
    lines = output.rpartition("look around")[2].partition("Ctrl-C")[0].splitlines()[1:]
    return [line.strip() for line in lines if line.strip() and "tail -f" not in line]


def test_the_demo_tells_its_story_and_its_hints_work_as_printed(tmp_path: Path) -> None:
    shown = tmp_path / "out"
    with (
        shown.open("w") as out,
        subprocess.Popen([*COMMAND, "--replay"], env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT) as demo,
    ):
        try:
            eventually(lambda: "Ctrl-C ends it." in shown.read_text() or demo.poll(), timeout_seconds=600)
            output = shown.read_text()
            assert demo.poll() is None, output
            check_story(output)
            bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
            done = run_in_a_shell(hints(output), bare)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout[-2000:]
            exports = [line for line in hints(output) if line.startswith("export ")]
            assert check_pages(exports, bare) >= {"kubectl get wfr", "kubectl wfreport list", "kubectl wfreport show"}
        finally:
            demo.send_signal(signal.SIGINT)
    assert demo.returncode == 0


def check_story(output: str) -> None:
    """Check what each step shows."""
    reports = table(output)
    assert {name: tuple(reports[name][: len(cells)]) for name, cells in EXPECTED.items()} == EXPECTED
    assert [number for number in range(1, 9) if f"[{number}/8]" not in output] == []
    assert "transform: main OOMKilled at 256Mi (exit 137) after 3 attempts; 2 steps omitted" in output
    assert "4Gi → 6Gi → 9Gi (train/main)" in output
    stuck = output.partition("list --stuck -n demo\n")[2].partition("\n\n")[0]
    assert {line.split()[0] for line in stuck.splitlines()[1:]} == {"image-missing", "sidecar-hangs"}
    assert "the main container of reconcile exited with code 0, and sql-proxy keeps the pod alive" in output


def run_in_a_shell(lines: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = "set -e\n" + "\n".join(lines)
    return subprocess.run(["/bin/bash", "-c", script], env=env, capture_output=True, text=True, check=False)


def pages_about_the_demo() -> list[Step]:
    """Return the commands on the how-to pages that read the demo's namespace, with the output that the pages show."""
    pages = [path.read_text() for path in sorted((ROOT / "docs" / "howto").glob("*.md"))]
    found = [step for page in pages for step in page_steps(page.replace("```console\n", '```console title="demo"\n'))]
    return [step for step in found if step.command.endswith(f" -n {NAMESPACE}")]


def check_pages(exports: list[str], env: dict[str, str]) -> set[str]:
    """Check that what the how-to pages print is what the demo's cluster answers; return the commands without options.

    A table on a page may leave out rows, and a screen its end.
    """
    for step in pages_about_the_demo():
        probe = partial(difference_from, step, exports, env)
        eventually(probe, lambda difference: not difference, timeout_seconds=60)
    return {" ".join(step.command.split()[:3]) for step in pages_about_the_demo()}


def difference_from(step: Step, exports: list[str], env: dict[str, str]) -> str:
    """Return how an output differs from what a page shows; empty if it does not."""
    done = run_in_a_shell([*exports, step.command], env)
    if done.returncode or done.stderr:
        return f"$ {step.command}\n{done.stderr}"
    if " show " in step.command:
        different = differences(step.output, done.stdout)
    else:
        printed, rows = set(map(cells_of, done.stdout.splitlines())), [row for row in step.output if row]
        different = "\n".join(row for row in rows if cells_of(row) not in printed) if rows else "the page shows nothing"
    return different and f"$ {step.command}\n{different}"


def cells_of(row: str) -> str:
    """Return a row of a table without its times and without the widths of its columns."""
    return " ".join(normal(row).split())


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
    assert {name: body["metadata"]["name"] for name, body in workflows.items()} == {
        name: name for name in {*EXPECTED, HEALED}
    }
    assert {path.name.removesuffix(".jsonl.gz") for path in (folder / "recordings").iterdir()} == {
        *EXPECTED,
        *map(recorded_name, range(len(MEMORY))),
    }
