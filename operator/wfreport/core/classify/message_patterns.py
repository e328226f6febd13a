"""Patterns for the messages of failed steps, which anybody can write and which can be long.

Python's search takes up to half a millisecond for a long text and one pattern, and the classifier has a hundred. RE2
takes a fiftieth of that, but lacks lookarounds and large repeats. So a long text is searched by RE2 for a widened
pattern first: one that matches at least the same texts. Only if that matches does the pattern itself decide.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from wfreport.core.redact.bounds import ascii_bytes
from wfreport.imports import lazy_pattern

_LONG_CHARACTERS: Final = 200
"""For a shorter text, Python's own search is faster than both."""

_LOOKAROUND: Final = lazy_pattern(r"\(\?<?[!=](?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,100}\)){0,200}\)")
_BOUNDED_REPEAT: Final = lazy_pattern(r"(?<!\\)\{\d{1,4}(?:,\d{1,4})?\}")
_WORD_BOUNDARY: Final = lazy_pattern(r"\\b")
_SET_WITH_LETTERS: Final = lazy_pattern(r"(?<!\\)\[(?:[^\[\]\\]|\\.){0,60}?\\[dw](?:[^\[\]\\]|\\.){0,60}\]")
_DIGIT_OR_LETTER: Final = lazy_pattern(r"\\[dw]")
_END: Final = lazy_pattern(r"(?<!\\)\$")

_WIDER: Final = (
    (_LOOKAROUND, ""),
    (_BOUNDED_REPEAT, "*"),
    (_WORD_BOUNDARY, ""),
    (_SET_WITH_LETTERS, "(?s:.)"),
    (_DIGIT_OR_LETTER, "."),
    (_END, r"\\n?$"),
)


class MessagePattern:
    """A regular expression that is searched for in messages. It is compiled when it is used for the first time.

    Attributes:
        exact: the expression.
        pattern: its text.
    """

    __slots__ = ("_flags", "_widened", "exact", "pattern")

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.exact = lazy_pattern(pattern, flags)
        self._flags = flags
        self._widened: Any = None

    @property
    def widened(self) -> Any:
        """An expression of RE2 that matches in every text in which the exact one matches."""
        if self._widened is None:
            import re2  # noqa: PLC0415 - commands that read reports do without it

            options = re2.Options()
            options.case_sensitive = not self._flags & re.IGNORECASE
            options.dot_nl = bool(self._flags & re.DOTALL)
            options.log_errors = False
            self._widened = re2.compile(_widened(self.pattern).encode(), options)
        return self._widened

    @property
    def inline(self) -> str:
        """The widened expression with its flags, for a set of expressions that have different ones."""
        flags = "".join(flag for flag, bit in (("i", re.IGNORECASE), ("s", re.DOTALL)) if self._flags & bit)
        return f"(?{flags}:{_widened(self.pattern)})" if flags else _widened(self.pattern)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match, as ``re.Pattern.search`` does."""
        if len(text) > _LONG_CHARACTERS and self.widened.search(ascii_bytes(text)) is None:
            return None
        return self.exact.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        """Return the match at the beginning, as ``re.Pattern.match`` does."""
        return self.exact.match(text)


class PatternList:
    """Message patterns in the order of their precedence.

    One pass of RE2 over a long text finds the widened patterns of all of them that match, as fast as that of one.
    """

    __slots__ = ("_patterns", "_widened")

    def __init__(self, patterns: Iterable[MessagePattern]) -> None:
        self._patterns: Sequence[MessagePattern] = tuple(patterns)
        self._widened: Any = None

    def first(self, text: str) -> int | None:
        """Return the index of the first pattern that is found in the text."""
        candidates = range(len(self._patterns)) if len(text) <= _LONG_CHARACTERS else self._candidates(text)
        return next((index for index in candidates if self._patterns[index].exact.search(text)), None)

    def _candidates(self, text: str) -> Sequence[int]:
        if self._widened is None:
            import re2  # noqa: PLC0415 - commands that read reports do without it

            self._widened = re2.Set.SearchSet()
            for pattern in self._patterns:
                self._widened.Add(pattern.inline)
            self._widened.Compile()
        return sorted(self._widened.Match(ascii_bytes(text)) or ())


def message_pattern(pattern: str, flags: int = 0) -> MessagePattern:
    """Return a regular expression for messages."""
    return MessagePattern(pattern, flags)


def _widened(pattern: str) -> str:
    """Drop what RE2 lacks, or takes long for: each change lets the pattern match more texts, and never fewer.

    Python's ``$`` also matches before a final line break, and its digits and letters are not only those of ASCII.
    """
    for narrow, wide in _WIDER:
        pattern = narrow.sub(wide, pattern)
    return pattern
