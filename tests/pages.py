"""What a reader of the pages would type: every shell command, in blocks and within sentences, and every YAML block."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FENCE: Final = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^[ ]*```$", re.MULTILINE | re.DOTALL
)
_LEFT_OUT: Final = ("docs/examples/", "docs/decisions/")
"""Examples are printed by commands, and decisions speak of the past."""
HELP_PAGE: Final = "docs/reference/cli.md"

_PROGRAMS: Final = (
    *("kubectl", "wfreport", "helm", "argo", "make", "docker", "flux", "kubeconform", "kustomize", "argocd"),
    *("python", "python3", "pip", "apt", "ssh", "curl", "eval", "PYTHONPATH=tools"),
)
_INLINE: Final = re.compile(rf"`((?:{'|'.join(_PROGRAMS)}) [^`]+)`")
_MENTION: Final = re.compile(
    r"(kubectl wfreport|kubectl|wfreport|argo|helm|flux|oauth2-proxy)( [a-z][a-z-]*)?( -{1,2}[a-z-]+(=\S+)?)?"
)
"""A command without an operand is named in a sentence, not entered."""
_INDENTED: Final = re.compile(rf"^ {{4}}(?:[$#] )?((?:{'|'.join(_PROGRAMS)}) .*)$", re.MULTILINE)
"""A block without a fence: its commands are those lines that begin like one."""
_COMMENT: Final = re.compile(r"(?:^|\s)#(?!\w*[\"'}]).*$")
_HEREDOC: Final = re.compile(r"<<-?['\"]?(\w+)")


@dataclass(frozen=True, slots=True)
class Command:
    """A command on a page.

    Attributes:
        page: its path in the repository.
        text: as it is typed, in one line if it is not a document or a loop, without a comment.
        is_inline: whether it stands within a sentence.
    """

    page: str
    text: str
    is_inline: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A block of YAML on a page."""

    page: str
    number: int
    text: str


@cache
def pages() -> tuple[str, ...]:
    """Return the pages that are written for readers, as paths in the repository."""
    docs = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    shown = [page for page in docs if not page.startswith(_LEFT_OUT)]
    return ("README.md", "CONTRIBUTING.md", "SECURITY.md", "charts/wfreport/README.md", *shown)


@cache
def all_commands() -> tuple[Command, ...]:
    """Return the commands of all pages, in their order."""
    return tuple(command for page in pages() for command in commands(page, (ROOT / page).read_text()))


def commands(page: str, text: str) -> Iterator[Command]:
    """Yield the commands of a page in its order: those of blocks, then those within sentences."""
    for block in FENCE.finditer(text):
        for line in _typed(block["language"], textwrap.dedent(block["text"]), is_help=page == HELP_PAGE):
            yield Command(page, line)
    prose = FENCE.sub("", text)
    for line in _logical_lines(_INDENTED.findall(prose)):
        yield Command(page, line)
    for found in _INLINE.finditer(prose):
        if not _MENTION.fullmatch(found[1]):
            yield Command(page, " ".join(found[1].split()), is_inline=True)


def yaml_blocks() -> Iterator[Block]:
    """Yield each block of YAML of each page."""
    for page in pages():
        blocks = (block for block in FENCE.finditer((ROOT / page).read_text()) if block["language"] == "yaml")
        for number, block in enumerate(blocks, start=1):
            yield Block(page, number, textwrap.dedent(block["text"]))


def _typed(language: str, text: str, *, is_help: bool) -> Iterator[str]:
    if language == "sh":
        yield from _logical_lines(text.splitlines())
    elif language == "console":
        yield from _logical_lines([line[2:] for line in text.splitlines() if line.startswith(("$ ", "# "))])
    elif is_help:
        examples = text.partition("\nExamples:\n")[2].partition("\n\n")[0]
        yield from _logical_lines(textwrap.dedent(examples).splitlines())


def _logical_lines(lines: list[str]) -> Iterator[str]:
    """Yield commands, each with its continuation lines, its here-document or its loop."""
    rest = iter(lines)
    for line in rest:
        whole = line
        while whole.endswith("\\"):
            whole = f"{whole[:-1].rstrip()} {next(rest).strip()}"
        if heredoc := _HEREDOC.search(whole):
            whole += "".join(f"\n{part}" for part in _until(rest, heredoc[1]))
        elif whole.startswith(("for ", "while ")):
            whole += "".join(f"\n{part}" for part in _until(rest, "done"))
        else:
            whole = _COMMENT.sub("", whole).strip()
        if whole:
            yield whole


def _until(lines: Iterator[str], last: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line.strip() == last:
            return
