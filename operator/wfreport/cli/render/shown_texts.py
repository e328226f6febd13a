"""What a page has already said, so that it says each message once.

Argo repeats a message from the step up to the Workflow, with a prefix for each level, and a summary has most of it.
"""

from typing import Final

from wfreport.core.snapshot.messages import unwrap
from wfreport.imports import lazy_pattern

_MAX_SEARCHED: Final = 6
"""Texts that are searched for another one, so that the time is linear in the number of steps."""
_MIN_SEARCHED_CHARACTERS: Final = 16
"""A shorter text is in a longer one by chance."""
_REASON: Final = lazy_pattern(r"^[A-Z][A-Za-z]{2,40}: ")
_OF_A_CHILD: Final = lazy_pattern(r"^child '[^']*' (?:failed|errored)$")  # dag.go, steps.go


class ShownTexts:
    """The texts of a page that are shown in full, the most prominent first."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._searched: list[str] = []

    def add(self, text: str) -> None:
        """Record a text that is shown in full."""
        plain = _plain(text)
        self._texts.add(plain)
        if len(self._searched) < _MAX_SEARCHED:
            self._searched.append(plain)

    def has(self, text: str) -> bool:
        """Return whether a text adds nothing to what is shown."""
        plain = _plain(text)
        if plain in self._texts:
            return True
        return len(plain) >= _MIN_SEARCHED_CHARACTERS and any(plain in shown for shown in self._searched)


def is_about_a_child(message: str) -> bool:
    """Return whether a message only says that a step inside failed."""
    return _OF_A_CHILD.match(message) is not None


def _plain(text: str) -> str:
    """Return a text without its layout, Argo's prefixes and the reason that a screen shows beside it."""
    flat = " ".join(unwrap(text).split()).rstrip(".… ")
    return flat[match.end() :] if (match := _REASON.match(flat)) else flat
