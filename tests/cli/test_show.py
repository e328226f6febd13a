"""`wfreport show`: prints one run, from its report, its Workflow or the archive."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from tests.cli.cases import COMMAND, split
from tests.cli.test_remediations import ASKED, NOT_HELPED, put
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


def without_live(page: str) -> list[str]:
    """Return the lines of a page without those that depend on the present or on the cluster."""
    before, _, rest = page.partition("NEXT\n")
    lines = [*before.splitlines(), *rest.partition("\n\n")[2].splitlines()] if rest else before.splitlines()
    return [line for line in lines if not line.startswith("  created ")]


def test_explain_prints_the_same_page(workspace: Workspace, tmp_path: Path) -> None:
    workspace.put("loop-items-one-fails", workflow=False)
    files = split("loop-items-one-fails", tmp_path)
    command = [*COMMAND, "explain", *files.arguments]
    explained = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = workspace.run("show", "loop-items-one-fails").stdout
    assert without_live(shown)[1:] == without_live(explained)[1:], "but for the namespace in the first line"


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


def steps_in(page: str) -> list[str]:
    """Return the names of the steps that the script of a page gets."""
    packed = re.search(r'id="data"[^>]*>([^<]*)<', page)
    assert packed
    return [row[1] for row in json.loads(zlib.decompress(b64decode(packed[1])))["rows"]]


def test_a_page_to_share_has_every_step_while_the_workflow_exists(workspace: Workspace) -> None:
    report = workspace.put("loop-items-one-fails")
    every = len(report["status"]["steps"])
    report["status"]["steps"] = report["status"]["steps"][:2]
    workspace.put_report(report, is_new=False)
    done = workspace.run("show", "loop-items-one-fails", "-o", "html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<!doctype html>")
    assert len(steps_in(done.stdout)) >= every > 2
    assert "Why it failed" in done.stdout


def test_a_page_of_a_report_alone_has_its_steps_and_counts_the_others(workspace: Workspace) -> None:
    report = workspace.put("loop-items-one-fails", workflow=False)
    total = report["status"]["counts"]["total"]
    report["status"]["steps"] = report["status"]["steps"][:2]
    workspace.put_report(report, is_new=False)
    page = workspace.run("show", "loop-items-one-fails", "-o", "html").stdout
    assert len(steps_in(page)) == 2
    assert f"2 of {total} steps are known here" in page


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


def test_a_similar_name_is_suggested(workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False)
    workspace.put("dag-success", report=False)
    misspelt = workspace.run("show", "oom-mian")
    assert (misspelt.returncode, len(misspelt.stderr.splitlines())) == (5, 1)
    assert misspelt.stderr.endswith("; did you mean oom-main?\n")
    assert workspace.run("logs", "dag-succes").stderr.endswith("; did you mean dag-success?\n")


def test_a_wrong_namespace_is_named(workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False)
    wrong = f"{workspace.namespace}x"
    done = workspace.run("show", "oom-main", "-n", wrong)
    assert done.returncode == 5
    assert f"; there is no namespace {wrong}; did you mean {workspace.namespace}" in done.stderr
    listed = workspace.run("list", "-n", wrong)
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr.startswith(
        f"No reports found in namespace {wrong}; there is no namespace {wrong}; did you mean"
    )


def test_the_namespace_that_has_the_run_is_named(workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False, name=f"only-in-{workspace.namespace}"[:50])
    done = workspace.run("show", f"only-in-{workspace.namespace}"[:50], "-n", "default")
    assert done.stderr.endswith(f"; namespace {workspace.namespace} has it: add -n {workspace.namespace}\n")


def test_the_last_run_is_shown_without_its_name(workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False)
    newest = {"phase": "Succeeded", "startedAt": "2999-01-01T00:00:00Z"}
    workspace.put("dag-success", workflow=False, observedWorkflow=newest)
    for arguments in (["--last"], ["@latest"]):
        assert workspace.run("show", *arguments).stdout.startswith("✔ dag-success "), arguments
    both, neither = workspace.run("show", "--last", "oom-main"), workspace.run("show")
    assert (both.returncode, neither.returncode) == (2, 2)
    assert "give the NAME of a run, or --last" in both.stderr


def test_the_last_run_without_reports_is_the_newest_workflow(workspace: Workspace) -> None:
    empty = workspace.run("show", "--last")
    assert (empty.returncode, empty.stderr) == (5, f"Error: no run in namespace {workspace.namespace}\n")
    workspace.put("oom-main", report=False)
    assert "Failed (OOMKilled)" in workspace.run("show", "--last").stdout


def test_remediation_of_the_chain_is_shown_with_the_next_steps(workspace: Workspace) -> None:
    held = {"policyName": "oom", "rule": "memory", "reason": "BreakerOpen", "message": "9 of 10 runs failed"}
    chain = {"attempts": 1, "rootUid": "w", "chain": ["etl", RETRIED], "held": held}
    workspace.put(RETRIED, remediation=chain)
    path = "spec.templates[r].container.resources[main].limits.memory"
    plan, target = {"before": {path: "9Gi"}, "after": {path: "13824Mi"}}, {"name": RETRIED, "uid": "r"}
    put(workspace, "first", NOT_HELPED, rootUid="w", plan=plan)
    put(workspace, "second", ASKED, rootUid="w", target=target, attempt=2, approvalRequired=True)
    shown = workspace.run("show", RETRIED).stdout
    section = shown.partition("\nREMEDIATION\n")[2].partition("\n\n")[0].splitlines()
    assert section[0] == "  held       BreakerOpen: 9 of 10 runs failed · policy oom, rule memory"
    assert section[1] == "  memory     9Gi → 13.5Gi (r/main)"
    assert re.fullmatch(r"  NotHelped  RaiseMemory 1  \d+s ago  first", section[2])
    assert re.fullmatch(r"  Awaiting   \w+ 2  \d+s ago  waits for approval  second", section[3])
    assert section[4] == f"  runs       etl → {RETRIED}"
    command = re.findall(r"^→ (.*?)(?:  # .*)?$", shown, re.MULTILINE)
    assert command[0] == f"wfreport approve second -n {workspace.namespace}"
    assert "Raise the memory limit of container main in template r." in command
    assert not [line for line in command if line.startswith("wfreport logs")], "neither the pod nor its log is there"
    done = workspace.run(*shlex.split(command[0])[1:])
    assert done.stdout.startswith("approved: second"), done.stderr


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
    assert 'cannot get resource "workflows"' in done.stderr
    assert "cannot read reports: " in done.stderr


def test_a_class_of_a_newer_version_is_shown_as_unknown(workspace: Workspace) -> None:
    workspace.put(RETRIED, failureClass="Meteorite", reason="Meteorite")
    assert "Failed (Unknown)" in workspace.run("show", RETRIED).stdout
    assert workspace.run("list").stdout.splitlines()[1].split()[2] == "Meteorite"


@pytest.mark.parametrize("columns", [80, 160])
def test_a_terminals_width_is_kept(workspace: Workspace, columns: int) -> None:
    workspace.put(RETRIED)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", workspace.on_terminal("show", RETRIED, columns=columns))
    assert max(len(line) for line in shown.splitlines() if not line.startswith("→")) <= columns
