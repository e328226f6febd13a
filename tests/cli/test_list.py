"""`wfreport list`: lists reports, filtered by the API server, newest first."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
import yaml
from tests.cli.cases import COMMAND
from tests.cli.workspace import Workspace

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster

RUNS = ("oom-main", "retry-exhausted-varied", "cron-child-fails", "dag-success", "running-with-failed-branch")


@pytest.fixture
def workspace_with_runs(workspace: Workspace) -> Workspace:
    for case in RUNS:
        workspace.put(case)
    return workspace


def workflows(workspace_with_runs: Workspace, *arguments: str) -> list[str]:
    """Return the column WORKFLOW."""
    done = workspace_with_runs.run("list", *arguments)
    assert done.returncode == 0, done.stderr
    return [row.split()[0] for row in done.stdout.splitlines()[1:]]


def items(workspace_with_runs: Workspace, *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(workspace_with_runs.run("list", "-o", "json", *arguments).stdout)["items"]
    return listed


def test_runs_are_listed_newest_first(workspace_with_runs: Workspace) -> None:
    listed = items(workspace_with_runs)
    started = [item["status"]["observedWorkflow"]["startedAt"] for item in listed]
    assert len(listed) == len(RUNS)
    assert started == sorted(started, reverse=True)
    assert workflows(workspace_with_runs) == [item["spec"]["workflowRef"]["name"] for item in listed]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--class", "oomkilled"], {"oom-main", "retry-exhausted-varied"}),
        (["--phase", "succeeded"], {"dag-success"}),
        (["--phase", "Succeeded", "--phase", "Running"], {"dag-success", "running-with-failed-branch"}),
        (["--class", "ExitCode", "--phase", "Running"], {"running-with-failed-branch"}),
        (["--cron", "nightly-report"], {"nightly-report-1795351740"}),
        (["--workflow", "oom-main"], {"oom-main"}),
        (["--owner", "Platform"], set()),
        (["-l", "wfreport.dev/workflow in (oom-main, dag-success)"], {"oom-main", "dag-success"}),
    ],
)
def test_filters_select(workspace_with_runs: Workspace, filters: list[str], expected: set[str]) -> None:
    assert set(workflows(workspace_with_runs, *filters)) == expected


def test_a_class_selects_runs_that_wait_for_what_would_fail_them_with_it(workspace: Workspace) -> None:
    def waits(reason: str, phase: str = "Running") -> dict[str, Any]:
        return {"observedWorkflow": {"phase": phase}, "waiting": [{"reason": reason}]}

    workspace.put("dag-success", name="pulls", **waits("ImagePullBackOff"))
    workspace.put("dag-success", name="queued", **waits("LockWait", "Pending"))
    workspace.put("dag-success", name="failed", failureClass="ImagePull", **waits("ImagePullBackOff"))
    workspace.put("dag-success", name="well", observedWorkflow={"phase": "Running"})
    assert sorted(workflows(workspace, "--class", "ImagePull")) == ["failed", "pulls"]
    assert sorted(workflows(workspace, "--class", "ImagePull", "--class", "LockWait")) == ["failed", "pulls", "queued"]
    assert workflows(workspace, "--class", "LockWait", "--phase", "Running") == []
    assert workflows(workspace, "--class", "ImagePull", "--phase", "Failed") == []
    assert workflows(workspace, "--class", "OOMKilled") == []


def test_stuck_runs_hang_or_wait_for_what_does_not_come_by_itself(workspace: Workspace) -> None:
    def waits(reason: str) -> dict[str, Any]:
        return {"observedWorkflow": {"phase": "Running"}, "waiting": [{"reason": reason}]}

    workspace.put("dag-success", name="well", observedWorkflow={"phase": "Running"})
    workspace.put("dag-success", name="paused", **waits("Suspended"))
    workspace.put("dag-success", name="pulls", **waits("ImagePullBackOff"))
    workspace.put("dag-success", name="hangs", observedWorkflow={"phase": "Running"}, stalled={"reason": "PodGone"})
    assert set(workflows(workspace, "--stuck")) == {"pulls", "hangs"}


def test_a_report_that_cannot_be_decoded_is_named_and_left_out(workspace: Workspace) -> None:
    workspace.put("dag-success", name="known")
    # The API server accepts the year 0, and Python has none.
    workspace.put("dag-success", name="odd", observedWorkflow={"phase": "Running", "startedAt": "0000-01-01T00:00:00Z"})
    done = workspace.run("list")
    assert (done.returncode, [row.split()[0] for row in done.stdout.splitlines()[1:]]) == (0, ["known"]), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("left out: report odd-")
    assert "cannot read status.observedWorkflow.startedAt" in done.stderr


def test_since_leaves_out_what_started_earlier(workspace: Workspace) -> None:
    workspace.put("oom-main")
    workspace.put("dag-success", observedWorkflow={"phase": "Succeeded", "startedAt": "2999-01-01T00:00:00Z"})
    assert workflows(workspace, "--since", "24h") == ["dag-success"]


def test_more_than_a_page_is_listed_whole(workspace: Workspace) -> None:
    path = f"/apis/wfreport.dev/v1alpha1/namespaces/{workspace.namespace}/workflowreports"
    for number in range(120):
        body = {
            "apiVersion": "wfreport.dev/v1alpha1",
            "kind": "WorkflowReport",
            "metadata": {"name": f"r-{number}"},
            "spec": {"workflowRef": {"name": f"w-{number}"}},
        }
        workspace.plane.api.post(path, body)
    assert set(workflows(workspace)) == {f"w-{number}" for number in range(120)}


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_json_and_yaml_are_the_objects_themselves(workspace_with_runs: Workspace, output: str) -> None:
    listed = yaml.safe_load(workspace_with_runs.run("list", "--workflow", "oom-main", "-o", output).stdout)
    (report,) = listed["items"]
    assert (listed["kind"], report["kind"]) == ("List", "WorkflowReport")
    assert report["status"]["failureClass"] == "OOMKilled"
    assert "managedFields" not in report["metadata"]


def test_names_go_on_to_kubectl_and_to_show(workspace_with_runs: Workspace) -> None:
    (name,) = workspace_with_runs.run("list", "--workflow", "oom-main", "-o", "name").stdout.split()
    assert "OOMKilled" in workspace_with_runs.plane.kubectl("get", "-n", workspace_with_runs.namespace, name)
    assert "big: main OOMKilled" in workspace_with_runs.run("show", name).stdout


def test_in_a_pipe_nothing_is_cut_and_a_cell_is_a_word(workspace_with_runs: Workspace) -> None:
    (row,) = workspace_with_runs.run("list", "--workflow", "retry-exhausted-varied").stdout.splitlines()[1:]
    assert row.split()[:6] == ["retry-exhausted-varied", "Failed", "OOMKilled", "r", "2", "3s"]
    assert row.endswith("r: main OOMKilled (exit 137) after 3 attempts")


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_a_terminal_drops_columns_but_never_cuts_a_name(workspace_with_runs: Workspace, columns: int) -> None:
    long_name = f"weekly-close-{'x' * 20}-r2"
    workspace_with_runs.put("oom-main", name=long_name)
    rows = [_plain(line) for line in workspace_with_runs.on_terminal("list", columns=columns).splitlines()]
    assert len(rows) == len(RUNS) + 2
    assert max(map(len, rows)) <= columns
    assert {*RUNS, long_name} - {"cron-child-fails"} <= {row.split()[0] for row in rows}
    assert all("Failed" in row or "Running" in row or "Succeeded" in row for row in rows[1:])
    assert ("SUMMARY" in rows[0]) is (columns == 160)


def test_a_wide_list_has_every_column_on_any_terminal(workspace: Workspace) -> None:
    workspace.put("oom-main")
    titles = workspace.on_terminal("list", "-o", "wide", columns=60).splitlines()[0]
    assert {"OWNER", "STEP", "RETRIES", "PROGRESS", "AGE", "REPORT", "SUMMARY"} <= set(_plain(titles).split())


def test_only_the_newest_runs_are_listed_up_to_the_limit(workspace_with_runs: Workspace) -> None:
    every = workflows(workspace_with_runs)
    done = workspace_with_runs.run("list", "--limit", "2")
    assert [row.split()[0] for row in done.stdout.splitlines()[1:]] == every[:2]
    assert done.stderr == f"The newest 2 of {len(every)} runs.\n"


def _plain(line: str) -> str:
    return "".join(part.partition("m")[2] if number else part for number, part in enumerate(line.split("\x1b[")))


def test_all_namespaces_are_told_apart(workspace_with_runs: Workspace) -> None:
    listed = workspace_with_runs.run("list", "-A", "--workflow", "oom-main").stdout
    assert any(row.split()[:2] == [workspace_with_runs.namespace, "oom-main"] for row in listed.splitlines())


def test_an_empty_list_is_reported_on_stderr(workspace: Workspace) -> None:
    done = workspace.run("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"No reports found in namespace {workspace.namespace}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--class", "oom"], "'oom' is not one of OOMKilled, NodeLost, "),
        (["--phase", "Done"], "'Done' is not one of Pending, Running, Succeeded, Failed, Error"),
        (["--owner", "me"], "'me' is not one of User, Infrastructure, Platform"),
        (["--since", "yesterday"], "'yesterday' is not a duration; write 90s, 30m, 1h30m, 7d or 1w"),
        (["-o", "xml"], "'xml' is not one of 'table', 'wide', 'json', 'yaml', 'name'"),
        (["-l", "a=b=c"], "API server: "),
        (["--context", "elsewhere"], "elsewhere"),
        (["--kubeconfig", "/nowhere"], "/nowhere"),
    ],
)
def test_what_cannot_be_used_is_code_2_and_one_line(workspace: Workspace, arguments: list[str], message: str) -> None:
    done = workspace.run("list", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: ")


def test_the_context_selects_the_namespace(workspace_with_runs: Workspace, plane: ControlPlane) -> None:
    config = yaml.safe_load(plane.kubeconfig.read_text())
    context = config["contexts"][0]["context"]
    config["contexts"].append({"name": "team", "context": context | {"namespace": workspace_with_runs.namespace}})
    path = plane.kubeconfig.with_name(f"{workspace_with_runs.namespace}.kubeconfig")
    path.write_text(yaml.safe_dump(config))
    command = [*COMMAND, "list", "--kubeconfig", str(path), "--context", "team", "--workflow", "oom-main"]
    env = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert "OOMKilled" in done.stdout, done.stderr
