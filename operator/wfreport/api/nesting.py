"""JSON that is nested more deeply than a decoder can follow.

The API server stores up to 10,000 levels in a field without a schema, and copies their keys to ``managedFields``.
msgspec ends with a RecursionError at about 950, even in fields that it skips. Nothing that is read lies that deep, so
the deep values are cut out of the text before it is decoded again. The recursion limit of the process stays as it is:
the stack of a thread may be too small for a higher one.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import msgspec

MAX_LEVELS: Final = 200
"""The levels that are kept of a text that is nested too deeply; several times those of any real object."""

_NULL: Final = b"null"
_CLOSING: Final = frozenset(b"]}")
_OPENING: Final = frozenset(b"[{")
# A string that is not closed extends to the end of the text, so that no part of it is read twice.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)

DecodedT = TypeVar("DecodedT")


def json_decoder(object_type: type[DecodedT]) -> Callable[[bytes], DecodedT]:
    """Return a function that decodes JSON to a type, and leaves out the deep values of a text that is too deep.

    Never write what it returns back to the API server as a whole object: a part of it may be missing.
    """
    return partial(decode_shallowly, msgspec.json.Decoder(object_type).decode)


def decode_shallowly(decode: Callable[[bytes], DecodedT], text: bytes) -> DecodedT:
    """Decode a text; without its deep values, if it is nested too deeply."""
    try:
        return decode(text)
    except RecursionError:
        return decode(without_deep_values(bytes(text)))


def without_deep_values(text: bytes) -> bytes:
    """Return a JSON text with ``null`` for each object and array below ``MAX_LEVELS`` levels."""
    return _NULL.join(_cut(text, MAX_LEVELS)[0])


def split_list(text: bytes) -> tuple[bytes, list[bytes]]:
    """Split a list of the API server, whatever the nesting of its items.

    Returns:
        the list with a number for each item, and the items; a number is the item's place.
    """
    kept, cut = _cut(text, 2)
    numbered = b"".join(part + str(number).encode() for number, part in enumerate(kept[:-1]))
    return numbered + kept[-1], cut


def _cut(text: bytes, levels: int) -> tuple[list[bytes], list[bytes]]:
    """Return the parts of a JSON text above and below a level, in turn; what is not closed is left out."""
    kept: list[bytes] = []
    cut: list[bytes] = []
    level = start = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in _OPENING:
            level += 1
            if level == levels + 1:
                kept.append(text[start : token.start()])
                start = token.start()
        elif mark in _CLOSING:
            if level == levels + 1:
                cut.append(text[start : token.end()])
                start = token.end()
            level -= 1
    kept.append(text[start:] if level <= levels else b"")
    return kept, cut
