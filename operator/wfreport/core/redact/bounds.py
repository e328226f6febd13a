"""Cuts text to a maximum length: fields of a report, label values, and the ends of logs."""

from hashlib import sha256
from typing import Final

from wfreport.imports import lazy_pattern

LABEL_LENGTH: Final = 63
KEY_LENGTH: Final = 128
NAME_LENGTH: Final = 253
"""The longest name that Kubernetes accepts."""
_HASH_DIGITS: Final = 8
_LABEL_VALUE: Final = lazy_pattern(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME: Final = lazy_pattern(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DNS_NAME: Final = lazy_pattern(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_NOT_IN_LABEL: Final = lazy_pattern(r"[^A-Za-z0-9_.-]")


TEXT_START: Final = 4 * 1024
"""Characters that are read of the start of a free text. Reports show the first 1,024 of them.

The others are read to find a secret that begins in the shown part and ends after it, such as a private key.
"""

TEXT_END: Final = 16 * 1024
"""Characters that are read of the end of a free text. Reports never show them, but fingerprints depend on them."""

_GAP: Final = "\n…\n"


class ClippedText(str):
    """The start and the end of a text that was too long to be read as a whole.

    Attributes:
        omitted: how many characters the whole text has more.
    """

    __slots__ = ("omitted",)
    omitted: int


def clip_text(text: str) -> str:
    """Return the text if it is short enough to be read as a whole, else its start and its end.

    Free texts are clipped once, when they are decoded. So no later function needs time or memory for megabytes.
    """
    if len(text) <= TEXT_START + TEXT_END:
        return text
    clipped = ClippedText(f"{text[:TEXT_START]}{_GAP}{text[-TEXT_END:]}")
    clipped.omitted = len(text) - len(clipped)
    return clipped


def short_key(text: str) -> str:
    """Return the text if it is short, else a digest of it: a key to remember it by that takes little memory.

    A Workflow of 30 kB can have hundreds of node ids of 30 kB each. Remembered for each running Workflow, they would
    fill the memory.
    """
    return text if len(text) <= KEY_LENGTH else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def cut(text: str, max_length: int, *, omitted: int = 0) -> str:
    """Cut the text to at most ``max_length`` characters, including a note with the number of missing characters.

    Args:
        text: the text to cut.
        max_length: the maximum length of the result, in characters.
        omitted: how many characters followed the text and were removed earlier; the note counts them too.
    """
    length = len(text) + omitted
    if length <= max_length:
        return text
    room = max_length
    for _ in range(3):  # a longer note leaves less room, and that can add a digit to the note's number
        note = _cut_note(length - room)
        if room + len(note) == max_length and 0 < room <= len(text):
            return text[:room] + note
        room = max(0, max_length - len(note))
    if room == 0:
        return (text[: max(0, max_length - 1)] + "…")[:max_length]
    room = min(room, len(text))
    return text[:room] + _cut_note(length - room)


def _cut_note(missing: int) -> str:
    return f"… (+{missing:,} characters)"


def cut_label(value: str) -> str:
    """Return the value if it is a valid label value, else its valid part with a hash of the original value.

    The hash keeps two different values different, so that a label selector never matches the wrong object.
    """
    if _LABEL_VALUE.fullmatch(value):
        return value
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    readable = _NOT_IN_LABEL.sub("-", value)[: LABEL_LENGTH - _HASH_DIGITS - 1].strip("-_.")
    return f"{readable}-{digest}" if readable else digest


def is_label_value(value: str) -> bool:
    """Whether the API server accepts the string as the value of a label."""
    return _LABEL_VALUE.fullmatch(value) is not None


def is_label_key(key: str) -> bool:
    """Whether the API server accepts the string as the key of a label (``[prefix/]name``)."""
    prefix, slash, name = key.rpartition("/")
    return _LABEL_NAME.fullmatch(name) is not None and (not slash or _DNS_NAME.fullmatch(prefix) is not None)


def tail(text: str, lines: int, max_bytes: int) -> tuple[str, bool]:
    """Return the last ``lines`` lines in at most ``max_bytes`` bytes of UTF-8, and whether the text was longer.

    Lines stay whole. If the last line alone is too long, its end is returned. A newline at the end of the text is
    dropped.
    """
    body = text.removesuffix("\n")
    if lines <= 0 or max_bytes <= 0:
        return "", bool(body)
    parts = body.rsplit("\n", lines)
    last = "\n".join(parts[-lines:])
    encoded = last.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode(), len(parts) > lines
    return _whole_lines(encoded, max_bytes), True


def _whole_lines(encoded: bytes, max_bytes: int) -> str:
    end = encoded[-max_bytes:]
    if encoded[-max_bytes - 1 : -max_bytes] != b"\n" and b"\n" in end:
        end = end.partition(b"\n")[2]
    return end.decode("utf-8", "ignore")


def ascii_bytes(text: str) -> bytes:
    """Encode a text for RE2, one byte for each character, so that positions are equal."""
    return text.encode("ascii", "replace")
