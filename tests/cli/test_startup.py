"""How fast a command starts: help and completion import nothing heavy, and every entry of the table can be loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.cli.report_server import report_server
from tests.recorded import recording

from wfreport.cli.group import Command, LazyCommand
from wfreport.cli.main import SECTIONS, cli

HEAVY = ("aiohttp", "detect_secrets", "kopf", "kubernetes", "msgspec", "pydantic", "rich", "yaml")
ENTRIES = [entry for entries in SECTIONS.values() for entry in entries]
MAX_OWN_MODULES = 8


def imported(arguments: list[str], env: Mapping[str, str] | None = None, code: int | None = None) -> set[str]:
    """The modules that a command imports, as ``python -X importtime`` lists them."""
    command = [sys.executable, "-X", "importtime", "-m", "wfreport", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if code is not None:
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", [["--help"], [], ["--version"], ["no-such-command"]])
def test_the_group_imports_no_command(arguments: list[str]) -> None:
    modules = imported(arguments)
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
    own = {name for name in modules if name.startswith("wfreport")}
    assert "wfreport.cli.group" in own
    assert len(own) <= MAX_OWN_MODULES, own


CONNECTION = {"aiohttp", "asyncio", "httptools", "kubernetes", "ssl", "yarl"}
SLOW = {
    "aiohttp",
    "detect_secrets",
    "kopf",
    "kubernetes",
    "pydantic",
    "pydantic_settings",
    "requests",
    "tenacity",
    "yarl",
}
"""Packages of which each takes a tenth of a second of CPU or more to import, together with what it imports."""

RARE = {"brotli", "fractions", "html", "statistics", "zstandard"}
"""Packages that a command imports only for data that needs them: a hundredth of its CPU time each."""


@pytest.mark.parametrize(
    ("command", "limit", "absent"),
    [
        ("list -n argo -o json", 275, SLOW | RARE | {"dataclasses", "rich", "re2"}),
        ("list -n argo", 335, SLOW | RARE | {"re2"}),
        ("trends -n argo -o json", 285, SLOW | RARE | {"dataclasses", "rich", "re2"}),
        ("show NAME -n argo -o json", 355, SLOW | RARE | {"dataclasses", "rich", "re2"}),
        ("show NAME -n argo", 430, SLOW | RARE | {"re2", "jinja2"}),
        ("explain FILE", 378, SLOW | RARE | CONNECTION | {"multiprocessing", "urllib", "yaml", "jinja2"}),
        ("explain FILE -o html", 380, SLOW | CONNECTION | {"rich"}),
        ("explain FILE -o markdown", 325, SLOW | RARE | CONNECTION | {"rich", "jinja2"}),
        ("version", 190, set(HEAVY) - {"msgspec"}),
    ],
)
def test_a_command_imports_only_what_it_needs(command: str, limit: int, absent: set[str], tmp_path: Path) -> None:
    """The limit is of all modules: a few more than there are now, so that a package that comes in is noticed."""
    workflow = tmp_path / "workflow.json"
    workflow.write_text(json.dumps(recording("retry-exhausted-varied").final["workflow"]))
    with report_server(tmp_path) as (config, name):
        arguments = command.replace("NAME", name).replace("FILE", str(workflow)).split()
        modules = imported(arguments, os.environ | {"KUBECONFIG": str(config)}, code=0)
    unwanted = {module.partition(".")[0] for module in modules} & absent
    assert not unwanted
    assert len(modules) <= limit


@pytest.mark.parametrize("output", ["tree", "json", "yaml", "html", "markdown"])
def test_output_that_cannot_be_written_is_an_error_of_one_line(output: str, tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.json"
    workflow.write_text(json.dumps(recording("retry-exhausted-varied").final["workflow"]))
    command = [sys.executable, "-m", "wfreport", "explain", str(workflow), "-o", output]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: output: No space left on device\n")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list", "--help"], ["version"]])
def test_help_that_cannot_be_written_is_an_error_of_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "wfreport", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: output: No space left on device\n")


def test_waiting_imports_neither_the_settings_nor_tables() -> None:
    modules = imported(["wait", "a", "-n", "x"], os.environ | {"KUBECONFIG": "/nowhere"})
    assert not {module.partition(".")[0] for module in modules} & {"kopf", "rich", "pydantic_settings"}


def test_completion_of_a_command_imports_no_command() -> None:
    env = {"COMP_WORDS": "wfreport li", "COMP_CWORD": "1", "_WFREPORT_COMPLETE": "bash_complete"}
    script = "import sys; from wfreport.cli.main import cli; cli(prog_name='wfreport')"
    command = [sys.executable, "-X", "importtime", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env | {"PYTHONPATH": "operator"})
    assert done.stdout.split(",") == ["plain", "list\n"]
    assert "msgspec" not in done.stderr


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_can_be_loaded_and_explains_itself(entry: LazyCommand) -> None:
    command = entry.load()
    assert isinstance(command, Command)
    assert command.name == entry.name
    shown = CliRunner().invoke(cli, [entry.name, "--help"], prog_name="kubectl wfreport").output
    assert shown.startswith(f"Usage: kubectl wfreport {entry.name}")
    assert "Examples:\n" in shown
    assert "%(prog)s" not in shown


def test_the_help_lists_every_command_in_the_order_of_the_table() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    positions = [shown.index(f"  {entry.name} ") for entry in ENTRIES]
    assert positions == sorted(positions)
    assert [entry.name for entry in ENTRIES] == cli.list_commands(click.Context(cli))


def test_a_misspelt_command_gets_a_suggestion() -> None:
    result = CliRunner().invoke(cli, ["remediation"])
    assert result.exit_code == 2
    assert "No such command 'remediation'" in result.output
    assert "remediations" in result.output


@pytest.mark.parametrize(("words", "expected"), [("list --class oom", "OOMKilled"), ("list --phase S", "Succeeded")])
def test_completion_of_a_word_is_as_the_report_spells_it(words: str, expected: str) -> None:
    env = {"COMP_WORDS": f"wfreport {words}", "COMP_CWORD": "3", "_WFREPORT_COMPLETE": "bash_complete"}
    result = CliRunner().invoke(cli, [], prog_name="wfreport", env=env)
    assert result.output == f"plain,{expected}\n"
