"""The style of terminal output: glyphs, colors, width; and the escaping of untrusted text."""

import unicodedata
from typing import Final

from msgspec import Struct

from wfreport.api.argo import Phase
from wfreport.imports import lazy_pattern

_ANSI_SEQUENCE: Final = lazy_pattern(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_TERMINAL_CONTROL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")


class Glyphs(Struct, frozen=True):
    """The symbols of one character set."""

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


class Style(Struct, frozen=True):
    """The style of one output.

    Attributes:
        glyphs: symbols to use.
        width: columns of the terminal; None in a pipe, where nothing is wrapped, cut or left out.
        everything: whether a terminal too shows every step and log line.
    """

    glyphs: Glyphs = UNICODE
    width: int | None = None
    everything: bool = False


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the Unicode glyphs if the encoding can represent them, otherwise ASCII."""
    symbols = "".join(UNICODE.phases.values()) + UNICODE.branch + UNICODE.last + UNICODE.arrow + UNICODE.ellipsis
    try:
        symbols.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def terminal_safe(text: str) -> str:
    r"""Make text of a Workflow safe for a terminal.

    ANSI sequences are removed, control and direction characters are escaped as ``\x1b``, line breaks stay.
    """
    plain = _ANSI_SEQUENCE.sub("", text.replace("\r\n", "\n")).expandtabs(4)
    if plain.isprintable():
        return plain
    return "".join(char if _is_terminal_safe(char) else char.encode("unicode_escape").decode("ascii") for char in plain)


def is_terminal_safe(text: str) -> bool:
    """Whether a terminal prints all characters of a text, besides line breaks and tabs, as they are."""
    return text.isprintable() or all(char == "\t" or _is_terminal_safe(char) for char in text)


def one_line(text: str) -> str:
    """Make text safe for a terminal and join its lines with spaces."""
    return " ".join(terminal_safe(text).split())


def _is_terminal_safe(char: str) -> bool:
    return char == "\n" or char in _JOINERS or unicodedata.category(char) not in _TERMINAL_CONTROL
