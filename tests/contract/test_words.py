"""The vocabulary of the code: one meaning for each name, and the field's word where there is one.

docs/reference/glossary.md explains the words. English sentences are free: only names are checked.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Group
from tests.contract.source import OPERATOR, ROOT, definitions_in

from wfreport.api import reasons
from wfreport.cli.main import cli
from wfreport.metrics import Metrics
from wfreport.settings import Settings

CODE = (OPERATOR, ROOT / "tools")
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"

REFUSED = {
    "reconcile, poll or read": "look looks looked",
    "resync": "sweep sweeps swept",
    "message, text, report or log": "told tell tells said say says",
    "stored, cached or remaining": "kept",
    "request, query or selection": "wish wishes want wants wanted",
    "event or observe": "hear hears heard news",
    "cache, index or history": "book books",
    "writer": "journal",
    "enforcement": "course",
    "candidate": "case cases",
    "record or outcome; debounce for a delay": "settle settles settled",
    "remediation or action": "remedy remedies remedied act acts acted",
    "priority": "lane lanes",
    "request": "ticket tickets",
    "event handlers": "intake",
    "predicted": "foretold",
    "queried": "sought",
    "retry allowed": "patient",
    "permanent": "hopeless",
    "summary": "tally",
    "text": "prose",
    "policy group": "circle circles",
    "dependencies": "surroundings",
    "policy or interval": "pace",
    "enqueue or require": "ask asks asked",
    "what the thing holds": "shelf shelves",
}
"""Refused words by the words to use instead."""

_INSTEAD = {word: instead for instead, words in REFUSED.items() for word in words.split()}


def words_of(name: str) -> list[str]:
    """Split snake_case, CamelCase and kebab-case into lower-case words."""
    return re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+", name.replace("-", "_"))


def refused_in(name: str) -> list[str]:
    return [f"{name}: use {_INSTEAD[word.lower()]}" for word in words_of(name) if word.lower() in _INSTEAD]


def defined_names(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file, class and function of a folder."""
    for path in sorted(folder.rglob("*.py")):
        yield path, path.stem
    for path, node in definitions_in(folder):
        yield path, node.name


@pytest.mark.parametrize("folder", CODE, ids=lambda folder: folder.name)
def test_files_classes_and_functions_use_the_fields_words(folder: Path) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {problem}"
        for path, name in defined_names(folder)
        if not name.startswith("__")
        for problem in refused_in(name)
    }
    assert not found, "\n".join(sorted(found))


def test_test_files_use_the_fields_words() -> None:
    """The functions of test files are sentences, and free. A test may have cases."""
    names = {path: path.stem.removeprefix("test_").replace("cases", "") for path in (ROOT / "tests").rglob("*.py")}
    found = {f"{path.relative_to(ROOT)}: {problem}" for path, name in names.items() for problem in refused_in(name)}
    assert not found, "\n".join(sorted(found))


def test_settings_use_the_fields_words() -> None:
    assert not [problem for name in Settings.model_fields for problem in refused_in(name)]


def test_metrics_use_the_fields_words() -> None:
    names = [
        name
        for family in Metrics().registry.collect()
        for name in (family.name, *(x for s in family.samples for x in s.labels))
    ]
    assert not [problem for name in names for problem in refused_in(name)]


def test_reasons_use_the_fields_words() -> None:
    enums = [kind for kind in vars(reasons).values() if isinstance(kind, type) and issubclass(kind, str)]
    values = [member.value for kind in enums for member in getattr(kind, "__members__", {}).values()]
    assert len(values) > 100
    assert not [problem for value in values for problem in refused_in(value)]


def test_commands_and_their_options_use_the_fields_words() -> None:
    assert isinstance(cli, Group)
    context = cli.make_context("wfreport", ["version"], resilient_parsing=True)
    commands = [cli.get_command(context, name) for name in cli.list_commands(context)]
    names = [name for command in commands if command for name in (command.name, *(p.name for p in command.params))]
    assert len(names) > 20
    assert not [problem for name in names if name for problem in refused_in(name)]


def test_no_class_name_means_two_things() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, node in definitions_in(OPERATOR):
        if isinstance(node, ast.ClassDef):
            places[node.name.lstrip("_")].append(str(path.relative_to(OPERATOR)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_glossary_has_a_sentence_for_each_word_of_ours() -> None:
    entries = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \|\s*(.*?)\s*\|$", GLOSSARY.read_text(), re.MULTILINE)
    assert len(entries) >= 30
    assert [word.lower() for word, _, _ in entries] == sorted(word.lower() for word, _, _ in entries)
    assert not [word for word, meaning, _ in entries if not meaning.endswith(".")]
    assert not [problem for word, _, _ in entries for problem in refused_in(word.replace(" ", "_"))]
