"""SECURITY.md names, for each threat, tests that exist; and what people look for is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
THREATS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.partition("## Threats")[2].partition("## What remains")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| Threat", "| ---"))
]


def test_there_are_threats() -> None:
    assert len(THREATS) > 20


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat[0][:60])
def test_each_threat_has_a_mitigation_and_tests_that_exist(threat: list[str]) -> None:
    _, mitigation, tests = threat
    assert mitigation
    named = re.findall(r"`([\w/.]+)::(\w+)`", tests)
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in functions, f"{path} has no {name}"


@pytest.mark.parametrize("name", ["CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "CHANGELOG.md"])
def test_what_people_look_for_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 300


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml")), ids=lambda form: form.stem
)
def test_an_issue_form_has_what_the_site_requires(form: Path) -> None:
    document = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= document.keys()
    ids = [field["id"] for field in document["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    assert all("label" in field["attributes"] for field in document["body"] if field["type"] != "markdown")


@pytest.mark.parametrize(
    "name", ["README.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "pyproject.toml", "Dockerfile"]
)
def test_no_person_and_no_address_is_invented(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", text)
    assert not re.findall(r"https?://(?:www\.)?wfreport\.\w+", text)
