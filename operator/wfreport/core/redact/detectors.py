"""A detector finds one kind of secret; a set of detectors runs only those whose hints are in the text.

One pass of RE2 over the text finds the hints of all detectors. It is linear, and ten times faster than a search for
each hint, so a new detector costs nothing on a text without its hint. A hint is short and has a rare character:
long runs of letters multiply the states of RE2 until the pass takes 50 times as long.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

import re2
from msgspec import Struct

from wfreport.core.redact.bounds import ascii_bytes

Span = tuple[int, int]

_CACHED_SELECTIONS: Final = 256
"""Most texts have one of a few sets of hints: none, or only one of a long word."""

WORD_START: Final = r"(?:(?<![\w.-])|(?<=\\[nrt]))"
"""Matches at the start of a word, for shapes that also occur inside long names. In escaped text ``\\n`` precedes it."""


class Detector(Struct, frozen=True):
    """Finds one kind of secret.

    Attributes:
        hints: RE2 expressions, of which at least one matches in each text with such a secret. Empty: every text is
            searched.
        spans: yields the start and the end of each secret in a text.
    """

    hints: tuple[str, ...]
    spans: Callable[[str], Iterator[Span]]


def by_pattern(
    pattern: re.Pattern[str], *hints: str, group: int | str = 0, accept: Callable[[str], bool] | None = None
) -> Detector:
    """Return a detector for the matches of a pattern, or of one of its groups: those that ``accept`` lets pass."""

    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if accept is None or accept(match[group]):
                yield match.span(group)

    return Detector(hints, spans)


class DetectorSet:
    """Finds what any of its detectors finds."""

    __slots__ = ("_always", "_by_hint", "_compiled", "_detectors_of", "_hints")

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._always: list[Detector] = []
        self._by_hint: list[Detector] = []
        self._hints: list[str] = []
        self._compiled: re2.Set | None = None
        self._detectors_of = lru_cache(maxsize=_CACHED_SELECTIONS)(self._select)
        for detector in detectors:
            if not detector.hints:
                self._always.append(detector)
            for hint in detector.hints:
                self._hints.append(hint)
                self._by_hint.append(detector)

    def spans(self, text: str) -> list[Span]:
        """Return the start and the end of each secret, in no order; they may overlap."""
        if self._compiled is None:  # not before: not every command redacts, and few texts need every set
            self._compiled = _compile(self._hints)
        found = self._compiled.Match(ascii_bytes(text)) or ()
        return [span for detector in self._detectors_of(tuple(found)) for span in detector.spans(text)]

    def _select(self, found: tuple[int, ...]) -> tuple[Detector, ...]:
        """Return the detectors that have one of these hints, or none at all."""
        return (*self._always, *dict.fromkeys(self._by_hint[index] for index in sorted(found)))


def _compile(hints: Iterable[str]) -> re2.Set:
    compiled = re2.Set.SearchSet()
    for hint in hints:
        compiled.Add(hint)
    compiled.Compile()
    return compiled
