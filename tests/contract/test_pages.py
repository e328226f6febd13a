"""What pages tell a reader to type exists: commands with their options, targets of make, files, settings, policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from wfreport.cli.main import cli
from wfreport.core.decide.validity import read_policy
from wfreport.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The examples are printed by commands, and decisions speak of the past.
OWN_PAGES = [page for page in PAGES if page.parent.name not in {"examples", "decisions"} and page.name != "cli.md"]
FENCE = re.compile(r"^[ ]*```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
VARIABLES = {f"WFREPORT_{name}".upper() for name in Settings.model_fields}


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for block in FENCE.finditer(page.read_text()):
        if block["language"] in languages:
            yield block["text"]


def command_lines() -> Iterator[tuple[str, str]]:
    for page in OWN_PAGES:
        for text in blocks(page, "sh", "console"):
            is_console = "\n$ " in f"\n{text}"
            for line in re.sub(r"\\\n\s*", " ", text).splitlines():
                if not is_console or line.startswith("$ "):
                    yield str(page.relative_to(ROOT)), line.removeprefix("$ ").partition(" #")[0]


LINES = list(command_lines())
OF_WFREPORT = dict.fromkeys(
    (page, arguments.strip())
    for page, line in LINES
    for arguments in re.findall(r"(?:^|[|(] ?|kubectl |venv/bin/)wfreport ([a-z][^|)&]*)", line)
)


def test_there_are_commands() -> None:
    assert len(OF_WFREPORT) > 25


@pytest.mark.parametrize(("page", "arguments"), OF_WFREPORT)
def test_each_command_of_wfreport_exists_with_its_options(page: str, arguments: str) -> None:
    name, *words = arguments.split(" -- ", maxsplit=1)[0].split()
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
    assert command is not None, (page, name)
    options = {name for parameter in command.params for name in (*parameter.opts, "--help")}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
    assert used <= options, page


def test_each_target_of_make_exists() -> None:
    used = {
        (str(page.relative_to(ROOT)), target)
        for page in OWN_PAGES
        for target in re.findall(r"(?:`|^|\$ )make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE)
    }
    assert {(page, target) for page, target in used if target not in TARGETS} == set()


def test_each_file_that_a_command_names_exists() -> None:
    named = {
        (page, path)
        for page, line in LINES
        for path in re.findall(r"(?<![\w/.:-])(?:charts|crds|manifests|docs|gitops)(?:/[\w.-]+)*(?![\w/])", line)
    }
    assert {(page, path) for page, path in named if not (ROOT / path).exists()} == set()


def test_each_setting_that_a_page_names_exists() -> None:
    others = {
        "WFREPORT_ARGO_DIR",
        "WFREPORT_CACHE_DIR",
        "WFREPORT_COMPLETE",
        "WFREPORT_E2E_NODE",
        "WFREPORT_ENVTEST_INDEX",
    }
    named = {
        (str(page.relative_to(ROOT)), name)
        for page in OWN_PAGES
        for name in re.findall(r"\bWFREPORT_[A-Z0-9_]*[A-Z0-9]\b(?!_?[…/*{])", page.read_text())
    }
    unknown = {one for one in named if one[1] not in VARIABLES | others and not one[1].startswith("WFREPORT_FAULTS")}
    assert unknown == set()


def policies() -> Iterator[Any]:
    for page in OWN_PAGES:
        for text in blocks(page, "yaml"):
            for number, document in enumerate(yaml.safe_load_all(text) if "RemediationPolicy" in text else ()):
                if document.get("kind") == "RemediationPolicy" and "rules" in document.get("spec", {}):
                    yield pytest.param(document, id=f"{page.name}-{number}")


@pytest.mark.parametrize("document", list(policies()))
def test_each_policy_on_a_page_is_valid(document: dict[str, Any]) -> None:
    document["metadata"].setdefault("namespace", "data")
    read_policy(document)


def test_each_package_is_in_the_map_of_the_architecture() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    shown = re.findall(r"`([\w/]+)`", page.partition("## Map of the packages")[2].partition("| To change |")[0])
    code = ROOT / "operator" / "wfreport"
    parts = [*(path for path in code.iterdir() if path.stem != "core"), *(code / "core").iterdir()]
    names = {path.relative_to(code).with_suffix("").as_posix() for path in parts if not path.stem.startswith("__")}
    assert sorted(name for name in names if name not in shown) == []


def test_each_how_to_is_on_the_first_page_of_the_documentation() -> None:
    first = (ROOT / "docs" / "README.md").read_text()
    names = [f"howto/{page.name}" for page in (ROOT / "docs" / "howto").glob("*.md")]
    assert sorted(name for name in names if f"({name})" not in first) == []


DEFAULT = re.compile(r"`(WFREPORT_[A-Z_]+)`(?: \| | \()([\d,]+)(?: (s|minutes?|hours?))?(?=[ ;:).|])")
SECONDS = {"": 1, "s": 1, "minute": 60, "minutes": 60, "hour": 3600, "hours": 3600}


def test_each_default_that_a_page_names_is_that_of_the_setting() -> None:
    defaults = {f"WFREPORT_{name}".upper(): field.default for name, field in Settings.model_fields.items()}
    named = [
        (page.name, name, int(number.replace(",", "")) * SECONDS[unit])
        for page in OWN_PAGES
        for name, number, unit in DEFAULT.findall(page.read_text())
    ]
    assert len(named) > 8
    assert [one for one in named if defaults[one[1]] != one[2]] == []
