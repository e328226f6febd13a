"""Lines of logs with secrets, from ``secret_lines.txt``.

Brackets ``⟦…⟧`` mark a secret. It consists of parts, so that scanners of this repository do not report it: ``L20`` is
20 letters and digits, ``H32`` hexadecimal digits, ``C16`` capitals, ``U`` a UUID, ``K0`` a line of a private key and
``E:…`` a text in base64. Other parts stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.core.redact.secret_texts import KEY_LINES, UUID, capitals, encoded, hexadecimal, letters

_SECRET = re.compile(r"⟦([^⟧]+)⟧")
_PART = re.compile(r"(?P<kind>[LHCK])(?P<number>\d+)")
_ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9a-f]{4})|(?P<char>[nte\\]))")
_CHARS = {"n": "\n", "t": "\t", "e": "\x1b", "\\": "\\"}
_KINDS: dict[str, Callable[[int], str]] = {
    "L": letters,
    "H": hexadecimal,
    "C": capitals,
    "K": lambda number: KEY_LINES[number],
}


def _part(part: str) -> str:
    generated = _PART.fullmatch(part)
    if generated is not None:
        return _KINDS[generated["kind"]](int(generated["number"]))
    return UUID if part == "U" else encoded(part[2:]) if part.startswith("E:") else part


def _secret(marked: re.Match[str]) -> str:
    return "".join(_part(part) for part in marked[1].split("·"))


def _plain(escape: re.Match[str]) -> str:
    return chr(int(escape["code"], 16)) if escape["code"] else _CHARS[escape["char"]]


def _texts(line: str) -> list[tuple[str, str]]:
    text = _ESCAPE.sub(_plain, _SECRET.sub(_secret, line))
    return [(text, _secret(marked)) for marked in _SECRET.finditer(line)]


_LINES = (Path(__file__).parent / "secret_lines.txt").read_text().splitlines()
SECRETS: list[tuple[str, str]] = [pair for line in _LINES for pair in _texts(line)]
