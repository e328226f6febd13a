"""Every free text is redacted before it is written anywhere: a message, a log tail, a parameter may hold a password."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from wfreport.core.redact import encoded, keyed, tokens
from wfreport.core.redact.tokens import Span, by_pattern

MASK: Final = "[redacted]"

_DETECTORS: Final = (*tokens.DETECTORS, *keyed.DETECTORS, *encoded.DETECTORS)
_MASK: Final = re.compile(re.escape(MASK))
_CACHED_LENGTH: Final = 1024
_CACHED_TEXTS: Final = 4096
_MAX_PASSES: Final = 10


class Redactor:
    """Replaces secrets by ``[redacted]``; to redact twice changes nothing (given patterns that leave masks alone).

    Linear in the length of a text, as far as the given patterns are. Short texts are remembered: 3,000 nodes share a
    few messages.
    """

    __slots__ = ("_by_hint", "_by_lower_hint", "_remembered")

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """Patterns are regular expressions of what is secret besides the known kinds.

        Raises:
            ValueError: a pattern is empty or not a regular expression; the text names it.
        """
        detectors = (*_DETECTORS, *(by_pattern(_compiled(pattern), "") for pattern in patterns))
        hinted = [(hint, detector) for detector in detectors for hint in detector.hints]
        self._by_hint = tuple(pair for pair in hinted if pair[0] != pair[0].lower())
        self._by_lower_hint = tuple(pair for pair in hinted if pair[0] == pair[0].lower())
        self._remembered = lru_cache(maxsize=_CACHED_TEXTS)(self._redacted)

    def redact(self, text: str) -> tuple[str, int]:
        """The text without secrets, and how many were replaced."""
        return self._remembered(text) if len(text) <= _CACHED_LENGTH else self._redacted(text)

    def _redacted(self, text: str) -> tuple[str, int]:
        """A mask changes what stands beside it, which may then look like a secret: repeated until nothing changes."""
        total = 0
        for _ in range(_MAX_PASSES):
            text, count = _masked(text, self._spans(text))
            total += count
            if count == 0:
                break
        return text, total

    def _spans(self, text: str) -> Iterator[Span]:
        lower = text.lower()
        hinted = [detector for hint, detector in self._by_lower_hint if hint in lower]
        hinted += [detector for hint, detector in self._by_hint if hint in text]
        for detector in dict.fromkeys(hinted):
            yield from detector.spans(text)


def _compiled(pattern: str) -> re.Pattern[str]:
    if not pattern:
        raise ValueError("redaction pattern '' is empty: remove it")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"redaction pattern {pattern!r} is not a regular expression: {error}") from error


def _masked(text: str, spans: Iterable[Span]) -> tuple[str, int]:
    """The text with the spans masked, and how many masks are new; spans that touch become one."""
    found = [span for span in spans if span[0] < span[1]]
    if not found:
        return text, 0
    masks = [match.span() for match in _MASK.finditer(text)]
    parts: list[str] = []
    done = count = 0
    for start, end, is_new in _merged(found, masks):
        parts += (text[done:start], MASK)
        done = end
        count += is_new
    return ("".join((*parts, text[done:])), count) if count else (text, 0)


def _merged(found: list[Span], masks: list[Span]) -> Iterator[tuple[int, int, bool]]:
    """The union of both, in order; new is what is more than a mask."""
    known = set(masks)
    spans = sorted({*found, *masks})
    start, end = spans[0]
    for low, high in spans:
        if low > end:
            yield start, end, (start, end) not in known
            start, end = low, high
        end = max(end, high)
    yield start, end, (start, end) not in known
