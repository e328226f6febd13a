"""Replaces secrets in free text. Every message, log tail and parameter is redacted before it is written."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from wfreport.core.redact import encoded, private_keys
from wfreport.core.redact.detectors import DetectorSet, Span, by_pattern
from wfreport.core.redact.printable import fold, strip_invisible, unescape
from wfreport.imports import lazy_pattern

MASK: Final = "[redacted]"

_DETECTORS: Final = (*encoded.PLAIN, *private_keys.DETECTORS, *encoded.DETECTORS)
_MASK: Final = lazy_pattern(re.escape(MASK))
_CACHED_LENGTH: Final = 1024
_CACHED_TEXTS: Final = 4096
_MAX_PASSES: Final = 10


class Redactor:
    """Replaces secrets by ``[redacted]``, and removes characters that have no glyph.

    Redacting twice has the same result as redacting once, unless a configured pattern matches the mask itself. The time
    is linear in the length of the text if that holds for the configured patterns. Results for short texts are cached,
    because the nodes of a large run share a few messages.
    """

    __slots__ = ("_detectors", "_redact_cached")

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """Create a redactor for the known kinds of secrets and additional patterns.

        Args:
            patterns: regular expressions; the whole match is a secret.

        Raises:
            ValueError: a pattern is empty or not a regular expression. The text contains the pattern.
        """
        self._detectors = DetectorSet((*_DETECTORS, *(by_pattern(_compile(pattern)) for pattern in patterns)))
        self._redact_cached = lru_cache(maxsize=_CACHED_TEXTS)(self._redact)

    def redact(self, text: str) -> tuple[str, int]:
        """Return the visible text without secrets, and the number of secrets that were replaced."""
        return self._redact_cached(text) if len(text) <= _CACHED_LENGTH else self._redact(text)

    def _redact(self, text: str) -> tuple[str, int]:
        masked, count = self._redact_until_stable(strip_invisible(text))
        unescaped = unescape(masked)
        if unescaped == masked:
            return masked, count
        further, hidden = self._redact_until_stable(strip_invisible(unescaped))
        return (further, count + hidden) if hidden else (masked, count)

    def _redact_until_stable(self, text: str) -> tuple[str, int]:
        """Mask repeatedly, because the text beside a new mask may match a detector that it did not match before."""
        total = 0
        for _ in range(_MAX_PASSES):
            text, count = _mask(text, self._detectors.spans(fold(text)))
            total += count
            if count == 0:
                break
        return text, total


def _compile(pattern: str) -> re.Pattern[str]:
    if not pattern:
        raise ValueError("redaction pattern '' is empty: remove it")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"redaction pattern {pattern!r} is not a regular expression: {error}") from error


def _mask(text: str, spans: Iterable[Span]) -> tuple[str, int]:
    """Replace the spans by masks; adjacent spans get one mask. Return the text and the number of new masks."""
    secrets = [span for span in spans if span[0] < span[1]]
    if not secrets:
        return text, 0
    masks = [match.span() for match in _MASK.finditer(text)]
    parts: list[str] = []
    done = count = 0
    for start, end, is_new in _merge(secrets, masks):
        parts += (text[done:start], MASK)
        done = end
        count += is_new
    return ("".join((*parts, text[done:])), count) if count else (text, 0)


def _merge(secrets: list[Span], masks: list[Span]) -> Iterator[tuple[int, int, bool]]:
    """Yield the union of secrets and existing masks in order; each with whether it is more than an existing mask."""
    known = set(masks)
    spans = sorted({*secrets, *masks})
    start, end = spans[0]
    for low, high in spans:
        if low > end:
            yield start, end, (start, end) not in known
            start, end = low, high
        end = max(end, high)
    yield start, end, (start, end) not in known
