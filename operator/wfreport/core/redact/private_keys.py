"""Finds private keys: whole, or the part of one that a cut log has left."""

from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

import re2

from wfreport.core.redact.bounds import ascii_bytes
from wfreport.core.redact.detectors import Detector, Span
from wfreport.imports import lazy_pattern

_KEY_BLOCK: Final = lazy_pattern(
    r"(?P<begin>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d)"
    r"|-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]+"
)
_KEY_BODY: Final = lazy_pattern(r"[\s\S]{0,300}?[A-Za-z0-9+/=]{40}")
_KEY_LINE: Final = lazy_pattern(r"[A-Za-z0-9+/=]+")
_KEY_LINE_LENGTH: Final = 40
_KEY_LENGTH: Final = 16 * 1024


def _key_blocks(text: str) -> Iterator[Span]:
    """Yield private keys from BEGIN to END, also if a cut log lacks one of the two markers."""
    begin, done = -1, 0
    for marker in _KEY_BLOCK.finditer(text):
        if marker["begin"] is not None:
            begin = marker.start() if begin < 0 else begin
            continue
        yield (begin if begin >= 0 else _key_body_start(text, done, marker.start())), marker.end()
        begin, done = -1, marker.end()
    if begin >= 0 and _KEY_BODY.match(text, text.index("-", begin + 5)):
        yield begin, len(text)


def _key_body_start(text: str, low: int, end: int) -> int:
    """Return the start of the lines of base64 before ``end``, but not less than ``low``.

    A logger may have written a time at the start of each line.
    """
    body = text[max(low, end - _KEY_LENGTH) : end].replace("\\r", "  ").replace("\\n", " \n")
    *lines, beside = body.split("\n")
    start = end - len(beside)
    at_least = 0  # the last line of a key is shorter than the others
    for line in reversed(lines):
        word = line.strip().rpartition(" ")[2]
        if word and (len(word) < at_least or not _KEY_LINE.fullmatch(word)):
            break
        start -= len(line) + 1
        at_least = _KEY_LINE_LENGTH if word else at_least
    return start


_LONG_WORD: Final = re2.compile(r"[\w+/=-]{64,}")
_BODY_LINE: Final = lazy_pattern(r"[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6})?")
"""A line of a key's base64, as OpenSSL (64) and OpenSSH (70 characters) write it."""

_BETWEEN_LINES: Final = lazy_pattern(r"[^\S\n]*(?:\r?\n|\\r\\n|\\n)[^\n]{0,120}")
_LAST_LINE: Final = lazy_pattern(
    r"[^\S\n]*(?:\r?\n|\\r\\n|\\n)(?:[^\n]{0,120} )?(?P<end>[A-Za-z0-9+/]{1,69}={0,2})(?=\s|\\|$)"
)
_PUBLIC_BLOCK: Final = lazy_pattern(
    r"-----(?P<edge>BEGIN|END) (?:[A-Z0-9 ]{0,40} )?(?:CERTIFICATE|PUBLIC KEY|MESSAGE|SIGNATURE|DATA|CMS|PKCS7"
    r"|CRL|PARAMETERS)\b"
)
_LINES_IN_A_ROW: Final = 3
_SHORTEST_ROWS: Final = _LINES_IN_A_ROW * 60
"""No shorter text has so many lines of a key."""


def _key_bodies(text: str) -> Iterator[Span]:
    """Yield three or more lines in a row of base64 that are binary and belong to no certificate or public key."""
    rows: list[list[Span]] = []
    for span in _body_lines(text) if len(text) >= _SHORTEST_ROWS else ():
        if rows and _BETWEEN_LINES.fullmatch(text, rows[-1][-1][1], span[0]):
            rows[-1].append(span)
        else:
            rows.append([span])
    bodies = [row for row in rows if len(row) >= _LINES_IN_A_ROW]
    markers = list(_PUBLIC_BLOCK.finditer(text)) if bodies else []
    for row in bodies:
        start, end = row[0][0], row[-1][1]
        index = bisect_left(markers, start, key=lambda marker: marker.start())
        begins_before = index > 0 and markers[index - 1]["edge"] == "BEGIN"
        ends_after = index < len(markers) and markers[index]["edge"] == "END"
        if not begins_before and not ends_after:
            yield start, _last_line_end(text, end)


def _body_lines(text: str) -> Iterator[Span]:
    for match in _LONG_WORD.finditer(ascii_bytes(text)):
        start, end = match.span()
        start += text.startswith("\\n", start - 1)  # an escaped line break
        if _BODY_LINE.fullmatch(text, start, end) and _is_binary(text[start:end]):
            yield start, end


def _last_line_end(text: str, end: int) -> int:
    """Return the end of the shorter line that follows a key's full lines, if there is one."""
    last = _LAST_LINE.match(text, end)
    return end if last is None or (last["end"].isalpha() and not last["end"].endswith("=")) else last.end("end")


def _is_binary(line: str) -> bool:
    """Whether the line has the letters of base64, and no text is encoded in it. A digest has one case of letters."""
    if line == line.lower() or line == line.upper():
        return False
    plain = b64decode(line[: len(line) // 4 * 4])
    return sum(byte < 9 or byte > 126 for byte in plain) > len(plain) // 8  # noqa: PLR2004


DETECTORS: Final = (
    Detector(("PRIVATE KEY", "PuTTY-User-Key-File", "Private-MAC"), _key_blocks),
    Detector((), _key_bodies),  # a hint of many of the same letters would make the pass over all hints 50 times slower
)
