"""Text made to fit: every field of a report has a maximal length, and so has a label value."""

import re
from hashlib import sha256
from typing import Final

LABEL_LENGTH: Final = 63
_HASH_DIGITS: Final = 8
_LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DNS_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_NOT_IN_LABEL: Final = re.compile(r"[^A-Za-z0-9_.-]")


def cut(text: str, max_length: int, *, not_seen: int = 0) -> str:
    """The text in at most ``max_length`` characters; where it was longer, its end says how many miss.

    ``not_seen`` is how many characters followed that were cut off before.
    """
    length = len(text) + not_seen
    if length <= max_length:
        return text
    kept = max_length
    for _ in range(3):  # a longer note leaves less room, which may lengthen its number by a digit
        kept = max(0, max_length - len(_cut_note(length - kept)))
    if kept == 0:
        return (text[: max(0, max_length - 1)] + "…")[:max_length]
    kept = min(kept, len(text))
    return text[:kept] + _cut_note(length - kept)


def _cut_note(missing: int) -> str:
    return f"… (+{missing:,} characters)"


def cut_label(value: str) -> str:
    """The value as a label value: itself where it is valid, else its valid part and a hash of the whole.

    Two values never become the same label, because a label is what people select by: the hash is over the value as
    given.
    """
    if _LABEL_VALUE.fullmatch(value):
        return value
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    readable = _NOT_IN_LABEL.sub("-", value)[: LABEL_LENGTH - _HASH_DIGITS - 1].strip("-_.")
    return f"{readable}-{digest}" if readable else digest


def is_label_value(value: str) -> bool:
    """Whether the API server takes it as the value of a label."""
    return _LABEL_VALUE.fullmatch(value) is not None


def is_label_key(key: str) -> bool:
    """Whether the API server takes it as the key of a label: ``[prefix/]name``."""
    prefix, slash, name = key.rpartition("/")
    return _LABEL_NAME.fullmatch(name) is not None and (not slash or _DNS_NAME.fullmatch(prefix) is not None)


def tail(text: str, lines: int, max_bytes: int) -> tuple[str, bool]:
    """The last ``lines`` lines in at most ``max_bytes`` bytes of UTF-8, and whether there was more.

    Whole lines are kept, unless the last one alone is too long: then its end. The newline that ends the text is not
    kept.
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
    kept = encoded[-max_bytes:]
    if encoded[-max_bytes - 1 : -max_bytes] != b"\n" and b"\n" in kept:
        kept = kept.partition(b"\n")[2]
    return kept.decode("utf-8", "ignore")
