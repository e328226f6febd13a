"""Finds secrets in base64, as in a printed Secret or in a configuration that a program logged."""

from binascii import Error, a2b_base64
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact import (
    accounts,
    calls,
    commands,
    complaints,
    dialogs,
    documents,
    generated_values,
    headers,
    keyed,
    sentences,
    tables,
    tokens,
    urls,
)
from wfreport.core.redact.detectors import Detector, DetectorSet, Span
from wfreport.imports import lazy_pattern

# Not RE2: almost every text has such a word, a path or an id, and this finds it in a quarter of the time.
_WORD: Final = lazy_pattern(r"[A-Za-z0-9_+/-]{24,}+={0,2}+")
PLAIN: Final = (
    *tokens.DETECTORS, *urls.DETECTORS, *keyed.DETECTORS, *headers.DETECTORS, *commands.DETECTORS, *sentences.DETECTORS,
    *dialogs.DETECTORS, *documents.DETECTORS, *calls.DETECTORS, *accounts.DETECTORS, *complaints.DETECTORS,
    *tables.DETECTORS, *generated_values.DETECTORS,
)  # fmt: skip
_PLAIN: Final = DetectorSet(PLAIN)


def _encoded_secrets(text: str) -> Iterator[Span]:
    for match in _WORD.finditer(text):
        start, end = match.span()
        plain = _decode_text(text[start:end])
        if plain and any(low < high for low, high in _PLAIN.spans(plain)):
            yield start, end


def _decode_text(word: str) -> str:
    """Decode a base64 word to text. Return an empty string for other words: digests, ids, paths."""
    body = word.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = a2b_base64(body + "=" * (-len(body) % 4))
    except Error:
        return ""
    return plain.decode() if plain.isascii() else ""


DETECTORS: Final = (Detector((), _encoded_secrets),)  # no hint: see the bodies of private keys
