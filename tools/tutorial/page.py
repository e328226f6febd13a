"""The commands on a page, the output that it shows, and whether another output is the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BLOCK: Final = re.compile(r'^```console title="(?P<terminal>[^"]+)"\n(?P<lines>.*?)^```$', re.MULTILINE | re.DOTALL)
_PROMPT: Final = "$ "
ELLIPSIS: Final = "…"

_NORMAL: Final = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?"), "TIME"),
    (re.compile(r"\b\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d [+-]\d{4}"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"-([0-9a-f]{10}|\d{6,10})\b"), "-ID"),
    (re.compile(r"\b\d+ (seconds?|minutes?)\b( \d+ seconds?)?"), "DURATION"),
    (re.compile(r"\b\d+[smhd](\d+[smhd])*\b"), "DURATION"),
    (re.compile(r"\((now|DURATION ago)\)"), "(AGO)"),
    (re.compile(r"\b[\d,]+ MiB-seconds"), "AMOUNT"),
    (re.compile(r"[░█]+"), ""),
    (re.compile(r" (waited|queued) DURATION( \(\w+\))?"), ""),
    (re.compile(r" · started DURATION later"), ""),
    (re.compile(r"\s+"), " "),
)
"""Names, times, durations and the width of columns differ from run to run."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command and its output on the page.

    Attributes:
        terminal: where it is entered.
        command: as it is printed, without the prompt.
        output: the lines below it.
    """

    terminal: str
    command: str
    output: tuple[str, ...]


def steps(page: str) -> list[Step]:
    """Return the commands of the page in order.

    Raises:
        ValueError: a block has output before its first command.
    """
    found: list[Step] = []
    for block in _BLOCK.finditer(page):
        first, *parts = re.split(rf"^{re.escape(_PROMPT)}", block["lines"], flags=re.MULTILINE)
        if first:
            raise ValueError(f"{block['terminal']}: output before the first command: {first.splitlines()[0]}")
        for part in parts:
            command, *output = part.rstrip("\n").split("\n")
            found.append(Step(block["terminal"], command, tuple(output)))
    return found


def differences(shown: tuple[str, ...], seen: str) -> str:
    """Return the first line of the page that an output does not have, with the line in its place; empty if all agree.

    An ellipsis in a line of the page stands for any text; a line that is nothing else stands for all further lines.
    """
    actual = [normal(line) for line in seen.splitlines()]
    expected = [normal(line) for line in shown]
    if expected and expected[-1] == ELLIPSIS:
        expected.pop()
        actual = actual[: len(expected)]
    for number, line in enumerate(expected):
        other = actual[number] if number < len(actual) else "(nothing)"
        if not re.fullmatch(".*".join(map(re.escape, line.split(ELLIPSIS))), other):
            return f"line {number + 1} on the page: {line}\nline {number + 1} seen:        {other}"
    return f"more than on the page: {actual[len(expected)]}" if len(actual) > len(expected) else ""


def normal(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, replacement in _NORMAL:
        line = pattern.sub(replacement, line)
    return line.strip()
