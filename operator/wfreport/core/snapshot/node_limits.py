"""Limits of the nodes that are read: their number, and the size of their JSON.

Argo limits a Workflow to 1 MiB, but crafted nodes unpack to a thousand times that. Beyond a limit the nodes are left
out as a whole, and the report is written from the Workflow's phase and message (``NodesAvailable=False/TooLarge``).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

MAX_NODES: Final = 50_000
"""Maximum number of nodes; several times that of the largest real Workflows."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Maximum size of the nodes' JSON; about five times that of the largest real Workflows."""

MAX_VALUES: Final = 1_000_000
"""Maximum number of JSON values in it. 50,000 nodes have 850,000, and 16 MiB of ``[],[],…`` would take 400 MB."""

_WINDOW_BYTES: Final = 256 * 1024
_BY_KEY: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class TooLargeNodes(ValueError):  # noqa: N818 - a state of the object, in its own words
    """The nodes exceed a limit; the message names it."""


def check_limits(raw: bytes) -> None:
    """Check the JSON of the nodes before it is decoded.

    Raises:
        TooLargeNodes: it exceeds a limit.
    """
    if len(raw) > MAX_BYTES:
        raise TooLargeNodes(f"the nodes take {len(raw):,} bytes of JSON, and at most {MAX_BYTES:,} are read")
    values = count_values(raw, at_most=MAX_VALUES)
    if values > MAX_VALUES:
        raise TooLargeNodes(f"the nodes have {values:,} JSON values, and at most {MAX_VALUES:,} are read")
    if raw.count(b"{") > MAX_NODES:
        check_number(_count_nodes(raw))


def check_number(nodes: int) -> None:
    """Check the number of nodes.

    Raises:
        TooLargeNodes: there are too many.
    """
    if nodes > MAX_NODES:
        raise TooLargeNodes(f"the Workflow has {nodes:,} nodes, and at most {MAX_NODES:,} are read")


def _count_nodes(raw: bytes) -> int:
    try:
        return len(_BY_KEY.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0  # it is counted when it has been repaired


def count_values(raw: bytes, *, at_most: int) -> int:
    """Return about the number of values in a JSON text, including keys' values but not the keys.

    Args:
        raw: the text.
        at_most: if a cheap upper bound is not above this number, the bound is returned.
    """
    bound = _count_marks(raw)
    return bound if bound <= at_most else sum(_count_marks(part) for part in _outside_of_strings(raw))


def _count_marks(part: bytes) -> int:
    """Count the marks of which each value but the first of an object or array needs one."""
    return part.count(b",") + part.count(b"{") + part.count(b"[")


def _outside_of_strings(raw: bytes) -> Iterator[bytes]:
    """Yield the parts of a JSON text that are not in strings. The text is split in windows, to use little memory."""
    text = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    first = 0
    for start in range(0, len(text), _WINDOW_BYTES):
        parts = text[start : start + _WINDOW_BYTES].split(b'"')
        yield b"".join(parts[first::2])
        first = (first + len(parts) - 1) % 2
