"""Moves the times inside recorded objects: pure text in, text out."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import brotli  # type: ignore[import-untyped]
import zstandard

from controlplane.api import Json

_DAY_SECONDS = 86_400
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=(?:\.\d+)?Z)")
# Argo notes a node's start in its Events as nanoseconds since 1970.
_NANOSECONDS = re.compile(r'(?<="workflows\.argoproj\.io/node-start-time":")(\d+)(?=\d{9}")')
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class TimeShift:
    """Adds whole seconds to every time that belongs to a recording, and to no other.

    Attributes:
        seconds: how much later; whole, or times without fractions would change their distances.
        first_at, last_at: the recording's first and last moment, in seconds since 1970. A time further than
            a day from them (a date in a parameter, the year 1) is content and stays.
    """

    seconds: int
    first_at: float
    last_at: float

    def apply(self, recorded: Json) -> Json:
        """The object with its times moved, those within `status.compressedNodes` included."""
        moved = json.loads(self.apply_to_text(json.dumps(recorded, separators=(",", ":"))))
        status = moved.get("status")
        if isinstance(status, dict) and status.get("compressedNodes"):
            status["compressedNodes"] = _recompressed(status["compressedNodes"], self.apply_to_text)
        return moved

    def apply_to_text(self, text: str) -> str:
        """JSON text (without blanks) with its times moved."""
        text = _TIME.sub(lambda found: self._moved(found[0]), text)
        return _NANOSECONDS.sub(lambda found: str(int(found[0]) + self.seconds), text)

    def _moved(self, time: str) -> str:
        return _moved(time, self)


@functools.lru_cache(maxsize=4096)
def _moved(time: str, shift: TimeShift) -> str:
    try:
        parsed = dt.datetime.fromisoformat(f"{time}+00:00")
    except ValueError:
        return time
    if not shift.first_at - _DAY_SECONDS <= parsed.timestamp() <= shift.last_at + _DAY_SECONDS:
        return time
    return (parsed + dt.timedelta(seconds=shift.seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def _recompressed(encoded: str, change: Callable[[str], str]) -> str:
    """Change the text within Argo's compressedNodes and pack it again with the codec it came in."""
    packed = base64.b64decode(encoded)
    if packed.startswith(_GZIP):
        changed = gzip.compress(_changed(gzip.decompress(packed), change))
    elif packed.startswith(_ZSTD):
        # A stream decoder: Argo's frames do not tell their size.
        content = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        changed = zstandard.ZstdCompressor().compress(_changed(content, change))
    else:
        changed = brotli.compress(_changed(brotli.decompress(packed), change))
    return base64.b64encode(changed).decode()


def _changed(content: bytes, change: Callable[[str], str]) -> bytes:
    return change(content.decode()).encode()
