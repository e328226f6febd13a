"""Digests JSON values, apart from what differs in every run: times and uuids.

A part of a definition is one of

* ``=600``: a short value itself;
* ``0f1e2d``: a digest;
* ``0f1e2d.4c5b``: a digest without times and uuids, and a digest with them.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from wfreport.api.argo import LABEL_CRON_WORKFLOW, Metadata
from wfreport.api.wire import LINE
from wfreport.imports import lazy_pattern

_DIGITS: Final = 12
_PART_DIGITS: Final = 6
_EXACT_DIGITS: Final = 4
NAME_BYTES: Final = 3
VALUE: Final = "="
_EXACT: Final = "."
_MAX_LEAVES: Final = 6
_SHORT: Final = lazy_pattern(r"[\w./:@+%*-]{1,40}", re.ASCII)
_UUID: Final = lazy_pattern(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_TIME: Final = lazy_pattern(
    r"\b\d{4}-?[01]\d-?[0-3]\d(?:[T_ -]?[0-2]\d(?::?[0-5]\d){1,2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?![\w])"
)
_EPOCH: Final = lazy_pattern(r"1(?<=\b1)[4-9]\d{8}(?:\d{3}(?:\d{3}(?:\d{3})?)?)?\b")
_MARKS: Final = (
    (lazy_pattern(r"-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"), _UUID, "{uuid}"),
    (lazy_pattern(r"\d{4}-?[01]\d-?[0-3]\d"), _TIME, "{time}"),
    (lazy_pattern(r"1[4-9]\d{8}"), _EPOCH, "{time}"),
)
_REFERENCE: Final = "{{workflow.parameters."
_DIGEST_IN_REFERENCE: Final = lazy_pattern(r"(\{\{workflow\.parameters\.[\w-]{1,63}-)[0-9a-f]{64}(?=\}\})", re.ASCII)
_REFERENCE_DIGITS: Final = 5
_OWN_NAME_LENGTH: Final = 6


def stable_text(text: str) -> str:
    """Return a text with marks instead of times, seconds since 1970, and uuids."""
    # the quick ones find a part of it that begins with a sign or a digit, where a search need not look at every letter
    for quick, pattern, mark in _MARKS:
        if quick.search(text):
            text = pattern.sub(mark, text)
    return text


def names_of_run(metadata: Metadata) -> tuple[bytes, ...]:
    """Return the names that no other run has: the uid, and the name if it was generated."""
    generated = metadata.generate_name or LABEL_CRON_WORKFLOW in metadata.labels
    names = (metadata.uid, metadata.name if generated else "")
    return tuple(name.encode() for name in names if len(name) >= _OWN_NAME_LENGTH)


def digest(value: object, digits: int = _DIGITS) -> str:
    """Return the digest of a JSON value."""
    return _hashed(msgspec.json.encode(value, order="sorted"), digits)


def digest_whole(value: object) -> str:
    """Return the digest of a JSON value without times and uuids."""
    return _hashed(stable_text(_encoded(value)).encode(), _DIGITS)


def digest_part(value: object) -> str:
    """Return the digest of a part of a definition."""
    encoded = _encoded(value)
    stable = stable_text(encoded)
    found = _hashed(stable.encode(), _PART_DIGITS)
    return found if stable == encoded else f"{found}{_EXACT}{_hashed(encoded.encode(), _EXACT_DIGITS)}"


def digest_parts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return short values as they are, those of small objects by their path, and digests of all others."""
    return {key: text for name in sorted(fields) for key, text in _parts(name, fields[name])}


def digest_names(names: Iterable[str]) -> str:
    """Return the short digests of names as one text, in an order that does not depend on theirs."""
    return base64.b64encode(b"".join(sorted({digest_name(name) for name in names}))).decode()


def digest_name(name: str) -> bytes:
    """Return the checksum of a name. Two of 500 names have the same one in less than one of 100 definitions."""
    return (zlib.crc32(name.encode("utf-8", "surrogatepass")) & 0xFFFFFF).to_bytes(NAME_BYTES, "big")


def digested_names(text: str) -> set[bytes]:
    """Return the digests of names from their text; none if somebody edited it so that it cannot be decoded."""
    try:
        whole = base64.b64decode(text)
    except ValueError:
        return set()
    return {whole[start : start + NAME_BYTES] for start in range(0, len(whole), NAME_BYTES)}


def exact_part(value: object) -> str | None:
    """Return the part of a digest that differs if only times and uuids differ; None if there are none."""
    _, sign, exact = digest_part(value).partition(_EXACT)
    return f"{sign}{exact}" if sign else None


def without_volatile(part: str | None) -> str | None:
    """Return a part of a definition without times and uuids."""
    if part is None:
        return None
    return stable_text(part) if part.startswith(VALUE) else part.partition(_EXACT)[0]


def _parts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    leaves = list(islice(_leaves(name, value), _MAX_LEAVES + 1))
    if len(leaves) <= _MAX_LEAVES and all(len(path) <= LINE and _is_short(leaf) for path, leaf in leaves):
        yield from ((path, f"{VALUE}{_text(leaf)}") for path, leaf in leaves)
    else:
        yield name, digest_part(value)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in an object with their paths; an object whose path is too long to be stored as a whole."""
    if isinstance(value, dict) and value and len(path) <= LINE:
        for key, part in sorted(value.items()):
            yield from _leaves(f"{path}.{key}", part)
    else:
        yield path, value


def _is_short(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str | int | float) and bool(_SHORT.fullmatch(str(value))))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def digest_references(value: object) -> list[str]:
    """Return the short digests of the parameters that a JSON value refers to by the digests that end their names."""
    encoded = _sorted(value)
    if _REFERENCE not in encoded:
        return []
    names = dict.fromkeys(match[0] for match in _DIGEST_IN_REFERENCE.finditer(encoded))
    return [_hashed(name.encode(), _REFERENCE_DIGITS) for name in names]


def _encoded(value: object) -> str:
    """Return a JSON value with numbers for the digests that end the names of parameters in references.

    Kubeflow Pipelines names parameters after digests of their values, which are compared by themselves.
    """
    encoded = _sorted(value)
    if _REFERENCE not in encoded:
        return encoded
    numbers: dict[str, int] = {}
    return _DIGEST_IN_REFERENCE.sub(lambda match: f"{match[1]}{numbers.setdefault(match[0], len(numbers))}", encoded)


def _sorted(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _hashed(encoded: bytes, digits: int) -> str:
    return hashlib.sha256(encoded).hexdigest()[:digits]
