"""`wfreport show`: prints one run, from its report, its Workflow or the archive."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.cli.cases import COMMAND, split
from tests.cli.workspace import Workspace

pytestmark = pytest.mark.cluster

RETRIED = "retry-exhausted-varied"


def test_a_run_whose_workflow_was_deleted_is_shown_in_full(workspace: Workspace) -> None:
    workspace.put(RETRIED, workflow=False, logs={f"{RETRIED}-r-4025127952": "reading chunk 12\nKilled\n"})
    done = workspace.run("show", RETRIED)
    assert (done.returncode, done.stderr) == (0, "")
    assert "r: main OOMKilled (exit 137) after 3 attempts" in done.stdout
    assert re.search(r"r\(1\) +1s +exit 1  retry-exhausted-varied-r-1340267627", done.stdout)
    assert "reading chunk 12" in done.stdout


def test_the_name_of_the_report_selects_the_run(workspace: Workspace) -> None:
    report = workspace.put(RETRIED)
    by_report, by_workflow = workspace.run("show", report["metadata"]["name"]), workspace.run("show", RETRIED)
    assert by_report.stdout == by_workflow.stdout != ""


def test_explain_prints_the_same_page(workspace: Workspace, tmp_path: Path) -> None:
    workspace.put("loop-items-one-fails", workflow=False)
    files = split("loop-items-one-fails", tmp_path)
    command = [*COMMAND, "explain", *files.arguments]
    explained = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = workspace.run("show", "loop-items-one-fails").stdout
    assert shown.splitlines()[1:] == explained.splitlines()[1:], "but for the namespace in the first line"


def test_the_newest_of_several_runs_is_shown_and_the_others_are_named(workspace: Workspace) -> None:
    older = workspace.put(RETRIED, workflow=False)
    newer = json.loads(json.dumps(older))
    newer["metadata"]["name"] = f"{RETRIED}-ffffffffff"
    newer["status"]["observedWorkflow"]["startedAt"] = "2026-11-23T00:00:00Z"
    newer["status"]["summary"] = "the newer one"
    workspace.put_report(newer)
    done = workspace.run("show", RETRIED)
    assert "the newer one" in done.stdout
    assert done.stderr == (
        f"2 reports describe a Workflow {RETRIED}; this is the newest. The others: {older['metadata']['name']}\n"
    )


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_json_and_yaml_are_the_report(workspace: Workspace, output: str) -> None:
    workspace.put(RETRIED)
    shown = workspace.run("show", RETRIED, "-o", output).stdout
    assert "managedFields" not in shown
    assert "failureClass" in shown
    if output == "json":
        assert json.loads(shown)["status"]["failureClass"] == "OOMKilled"


def test_without_a_report_the_workflow_is_explained_with_its_pods(workspace: Workspace) -> None:
    workspace.put("real-node-mixed", report=False, pods=True)
    done = workspace.run("show", "real-node-mixed")
    assert done.returncode == 0
    assert done.stderr == "No report of real-node-mixed; this one is computed from its Workflow.\n"
    assert "ImagePull" in done.stdout, "only the pods show the image"


def test_neither_report_nor_workflow_is_code_5_and_one_line(workspace: Workspace) -> None:
    done = workspace.run("show", "nope")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"Error: no WorkflowReport and no Workflow nope in namespace {workspace.namespace}; "
        "archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)\n"
    )


@pytest.mark.parametrize("name", ["A_b", "../pods", "a?watch=1", "."])
def test_an_invalid_name_is_refused(workspace: Workspace, name: str) -> None:
    done = workspace.run("show", name)
    assert done.returncode in (2, 5)
    assert len(done.stderr.splitlines()) == 1


def test_without_permission_to_read_reports_the_workflow_is_explained(workspace: Workspace) -> None:
    workspace.put(RETRIED)
    kubeconfig = workspace.kubeconfig_of("reader", {"argoproj.io": ["workflows"]})
    done = workspace.run("show", RETRIED, kubeconfig=kubeconfig)
    assert "ROOT CAUSE  r(2)" in done.stdout
    warnings = done.stderr.splitlines()
    assert warnings[0].startswith(f"No report of {RETRIED} (cannot read reports: ")
    assert warnings[1].startswith("cannot list pods: ")


def test_without_any_permission_the_error_is_one_line(workspace: Workspace) -> None:
    workspace.put(RETRIED)
    done = workspace.run("show", RETRIED, kubeconfig=workspace.kubeconfig_of("nobody", {}))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "forbidden" in done.stderr


def test_a_class_of_a_newer_version_is_shown_as_unknown(workspace: Workspace) -> None:
    workspace.put(RETRIED, failureClass="Meteorite")
    assert "Failed (Unknown)" in workspace.run("show", RETRIED).stdout
    assert workspace.run("list").stdout.splitlines()[1].split()[2] == "Meteorite"


@pytest.mark.parametrize("columns", [80, 160])
def test_a_terminals_width_is_kept(workspace: Workspace, columns: int) -> None:
    workspace.put(RETRIED)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", workspace.on_terminal("show", RETRIED, columns=columns))
    assert max(map(len, shown.splitlines())) <= columns
