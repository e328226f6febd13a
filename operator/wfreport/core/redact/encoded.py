"""Finds secrets in base64, as in a printed Secret or in a configuration that a program logged."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Sequence
from typing import Final

from wfreport.core.redact import keyed, tokens
from wfreport.core.redact.tokens import Detector, Span

_WORD: Final = re.compile(r"(?<![\w+/=-])[\w+/-]{24,}={0,2}", re.ASCII)
_STANDARD: Final = str.maketrans("-_", "+/")
_PLAIN: Final = (*tokens.DETECTORS, *keyed.DETECTORS)


def _encoded_secrets(text: str) -> Iterator[Span]:
    for match in _WORD.finditer(text):
        plain = _decode_text(match[0])
        if plain and _contains_secret(plain, _PLAIN):
            yield match.span()


def _decode_text(word: str) -> str:
    """Decode a base64 word to text. Return an empty string for other words: digests, ids, paths."""
    body = word.rstrip("=").translate(_STANDARD)
    try:
        plain = b64decode(body + "=" * (-len(body) % 4))
    except Error:
        return ""
    return plain.decode() if plain.isascii() else ""


def _contains_secret(plain: str, detectors: Sequence[Detector]) -> bool:
    lower = plain.lower()
    likely = (d for d in detectors if any(hint in (lower if hint == hint.lower() else plain) for hint in d.hints))
    return any(start < end for detector in likely for start, end in detector.spans(plain))


DETECTORS: Final = (Detector(("",), _encoded_secrets),)
