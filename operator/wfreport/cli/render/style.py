"""How a report looks: glyphs, colours, width."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from wfreport.api.argo import Phase

_ANSI_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_TERMINAL_CONTROL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one character set."""

    phases: dict[str, str]
    unknown: str
    branch: str
    last: str
    pipe: str
    dot: str
    arrow: str
    times: str
    ellipsis: str
    bar: str
    queued: str
    ran: str


UNICODE: Final = Glyphs(
    phases={
        Phase.SUCCEEDED: "✔", Phase.FAILED: "✖", Phase.ERROR: "⚠", Phase.RUNNING: "●",
        Phase.PENDING: "◷", Phase.SKIPPED: "○", Phase.OMITTED: "○",
    },
    unknown="?", branch="├─", last="└─", pipe="│ ", dot="·", arrow="→", times="×", ellipsis="…", bar="│",  # noqa: RUF001
    queued="░", ran="█",
)  # fmt: skip
ASCII: Final = Glyphs(
    phases={
        Phase.SUCCEEDED: "+", Phase.FAILED: "x", Phase.ERROR: "!", Phase.RUNNING: "*",
        Phase.PENDING: ".", Phase.SKIPPED: "o", Phase.OMITTED: "o",
    },
    unknown="?", branch="|-", last="`-", pipe="| ", dot="-", arrow="->", times="x", ellipsis="...", bar="|",
    queued=".", ran="#",
)  # fmt: skip

PHASE_STYLES: Final[dict[str, str]] = {
    Phase.SUCCEEDED: "green", Phase.FAILED: "bold red", Phase.ERROR: "bold red", Phase.RUNNING: "cyan",
    Phase.PENDING: "yellow", Phase.SKIPPED: "dim", Phase.OMITTED: "dim",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """Where a report is shown.

    Attributes:
        glyphs: the signs to use.
        width: columns of the terminal; None in a pipe, where nothing is wrapped, cut or left out.
        everything: whether long rows of steps that went well are listed one by one on a terminal too.
    """

    glyphs: Glyphs = UNICODE
    width: int | None = None
    everything: bool = False


def glyphs_for(encoding: str | None) -> Glyphs:
    """The glyphs that an output of this encoding can show."""
    signs = "".join(UNICODE.phases.values()) + UNICODE.branch + UNICODE.last + UNICODE.arrow + UNICODE.ellipsis
    try:
        signs.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def harmless(text: str) -> str:
    r"""Text of a Workflow, fit for a terminal: no colours, control and direction characters as ``\x1b``; lines stay."""
    plain = _ANSI_SEQUENCE.sub("", text.replace("\r\n", "\n")).expandtabs(4)
    if plain.isprintable():
        return plain
    return "".join(char if _is_harmless(char) else char.encode("unicode_escape").decode("ascii") for char in plain)


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(harmless(text).split())


def _is_harmless(char: str) -> bool:
    return char == "\n" or char in _JOINERS or unicodedata.category(char) not in _TERMINAL_CONTROL
