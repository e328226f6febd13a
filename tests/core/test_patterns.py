"""No pattern that meets a message takes long for repeated units; a new one cannot be forgotten."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.core.hostile import UNITS, cpu_seconds, repeated
from tests.examples import batches, steps

import wfreport
from wfreport.core.classify.message_patterns import MessagePattern
from wfreport.imports import lazy_pattern

LENGTH = 4096
"""Characters of a message that the classifier's rules read."""

MAX_SECONDS = 0.35
"""Quadratic patterns take a second on a machine on which the slowest linear one takes a third of one."""

MATCHED_AT_ONE_POSITION = {
    *(f"core.redact.keyed.{name}[0]" for name in ("_NAME_OF_A_SECRET", "_REST_OF_LINE", "_LINE_REVERSED", "_ENGLISH")),
    *(f"core.redact.words.{name}[0]" for name in ("_NAME", "_TECHNICAL_NAME", "_REFERENCE")),
    "core.redact.placeholders._PLACEHOLDER[0]",
    *(f"core.redact.private_keys.{name}[0]" for name in ("_LAST_LINE", "_BETWEEN_LINES")),
    "setting_types._SERVICE_VARIABLE[0]",
    "core.render.equal_failures._ITEM[0]",
    "core.timing.durations._SHAPE[0]",
    "core.snapshot.messages._WRAPPER[0]",
}
"""Patterns that are not searched for."""

SEARCHED_IN_LINES = ("core.classify.telling_line.", "core.classify.argoexec_lines.")
LINE_LENGTH = 1024
"""Characters of a line that these read."""


def _inside(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:
    """Yield the patterns in a value: itself, or within containers, Structs and functions' closures."""
    if isinstance(value, MessagePattern):
        yield value.exact
    elif isinstance(value, re.Pattern | type(lazy_pattern(""))) and isinstance(value.pattern, str):
        yield value
    elif depth < 4:
        for part in _parts(value):
            yield from _inside(part, depth + 1)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    return [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]


def all_patterns() -> dict[str, re.Pattern[str]]:
    """Return all module-level patterns of the operator, by module and number."""
    found: dict[tuple[str, int], re.Pattern[str]] = {}
    names: dict[str, re.Pattern[str]] = {}
    for info in pkgutil.walk_packages(wfreport.__path__, "wfreport."):
        if info.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if name == "__builtins__":  # of Python, and the same in each module
                continue
            for number, pattern in enumerate(_inside(value)):
                if (pattern.pattern, pattern.flags) not in found:
                    found[pattern.pattern, pattern.flags] = pattern
                    names[f"{info.name.removeprefix('wfreport.')}.{name}[{number}]"] = pattern
    return names


PATTERNS = all_patterns()


def units_of(pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield the common units, and beginnings of the pattern's own literal text."""
    yield from UNITS
    for literal in re.findall(r"[A-Za-z0-9 ':/=\"_-]{2,}", pattern.pattern):
        yield literal
        yield f"{literal} "
        yield f"x {literal}: "


def test_the_patterns_of_all_packages_are_found() -> None:
    packages = {name.partition(".")[0] for name in PATTERNS} | {".".join(name.split(".")[:2]) for name in PATTERNS}
    core = {f"core.{package}" for package in ("classify", "plan", "redact", "render", "snapshot", "timing")}
    assert {*core, "api", "argoserver", "cli", "kube", "watch"} <= packages
    assert len(PATTERNS) > 250


@pytest.mark.parametrize("batch", batches(list(PATTERNS), name=str))
def test_a_pattern_takes_little_time_for_repeated_units(batch: list[str]) -> None:
    for name in batch:
        pattern = PATTERNS[name]
        length = LINE_LENGTH if name.startswith(SEARCHED_IN_LINES) else LENGTH
        for unit in steps(list(dict.fromkeys(units_of(pattern))), thinned_to=1):
            text = repeated(unit, length, "\x00")
            search = partial(pattern.match if name in MATCHED_AT_ONE_POSITION else pattern.findall, text)
            assert cpu_seconds(search, tries=1) < MAX_SECONDS, (name, unit)
