"""`wfreport diff`: what differs between two runs, from files or from a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cli.workspace import Workspace
from tests.core.compare.runs import a_template, a_workflow

from wfreport.cli.main import cli

GOOD = a_workflow(a_template(), name="etl-1", seconds={"extract": 60, "load": 10}, parameters={"rows": "10"})
BAD = a_workflow(
    a_template(image="etl:1.9"),
    name="etl-2",
    phase="Failed",
    seconds={"extract": 300, "load": 10},
    parameters={"rows": "1000"},
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A run that failed, and an earlier one."""
    for name, workflow in (("bad", BAD), ("good", GOOD)):
        (tmp_path / f"{name}.json").write_text(json.dumps(workflow))
    return str(tmp_path / "bad.json"), str(tmp_path / "good.json")


def diff(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["diff", *arguments], input=stdin)


def test_two_files_are_compared(files: tuple[str, str]) -> None:
    shown = diff(*files)
    assert shown.exit_code == 0, shown.output
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["etl-2", "beside", "etl-1,", "which", "ran", "before:"],
        ["WHAT", "NAME", "BEFORE", "AFTER"],
        ["Image", "work", "etl:1.8", "etl:1.9"],
        ["Parameter", "rows", "10", "1000"],
        ["Slower", "(Ran)", "extract", "1m00s", "5m00s"],
    ]


def test_the_same_as_json(files: tuple[str, str]) -> None:
    shown: dict[str, Any] = json.loads(diff(*files, "-o", "json").stdout)
    assert (shown["before"], shown["after"]) == ("etl-1", "etl-2")
    assert [change["what"] for change in shown["changes"]] == ["Image", "Parameter"]
    assert [step["displayName"] for step in shown["steps"]] == ["extract"]


def test_equal_runs_have_no_difference(files: tuple[str, str]) -> None:
    assert diff(files[1], files[1]).stdout.splitlines()[1:] == ["Nothing differs."]


def test_stderr_names_what_is_not_compared(files: tuple[str, str], tmp_path: Path) -> None:
    running = json.loads(json.dumps(GOOD))
    running["status"] |= {"phase": "Running", "finishedAt": None}
    (tmp_path / "running.json").write_text(json.dumps(running))
    assert "Not compared: of the run, its definition" in diff(str(tmp_path / "running.json"), files[1]).stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("{bad}",), "give the file of an earlier run, too"),
        (("-", "-"), "it can be read only once"),
        (("{bad}", "{two}"), "it has 2 objects; give one Workflow in each file"),
        (("{bad}", "missing.json"), "no such file"),
        (("{bad}", "etl-1"), "no such file"),
    ],
)
def test_unusable_input_is_one_line_on_stderr(
    files: tuple[str, str], tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    two = tmp_path / "two.json"
    two.write_text(json.dumps({"kind": "List", "items": [GOOD, BAD]}))
    shown = diff(*(each.format(bad=files[0], two=two) for each in arguments))
    assert shown.exit_code == 2
    assert problem in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


@pytest.mark.cluster
def test_a_run_is_compared_with_the_last_success_that_its_report_names(workspace: Workspace) -> None:
    workspace.put("dag-success", name="good")
    last_success = {"workflowName": "good", "runsSince": 0, "successes": 1}
    workspace.put("dag-success", name="bad", comparison={"lastSuccess": last_success})
    shown = workspace.run("diff", "bad")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("bad beside good")
    alone = workspace.run("diff", "good")
    assert alone.returncode == 5
    assert "no earlier run that succeeded is known of good; name one as OTHER" in alone.stderr
    assert workspace.run("diff", "bad", "good").stdout == shown.stdout
