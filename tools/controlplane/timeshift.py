"""Shifts the times in recorded objects, by rewriting their JSON text."""

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
# Argo's Events contain a node's start as nanoseconds since 1970.
_NANOSECONDS = re.compile(r'(?<="workflows\.argoproj\.io/node-start-time":")(\d+)(?=\d{9}")')
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class TimeShift:
    """Adds whole seconds to every time that belongs to a recording.

    Attributes:
        seconds: the shift. A fraction would change the distances between times of whole seconds.
        first_at, last_at: the first and last time of the recording, in seconds since 1970. A time more than a day
            outside (a date in a parameter, the year 1) is content and does not change.
    """

    seconds: int
    first_at: float
    last_at: float

    def apply(self, recorded: Json) -> Json:
        """Return the object with shifted times, including those in `status.compressedNodes`."""
        moved = json.loads(self.apply_to_text(json.dumps(recorded, separators=(",", ":"))))
        status = moved.get("status")
        if isinstance(status, dict) and status.get("compressedNodes"):
            status["compressedNodes"] = _recompressed(status["compressedNodes"], self.apply_to_text)
        return moved

    def apply_to_text(self, text: str) -> str:
        """Return JSON text (without whitespace) with shifted times."""
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
    """Change the text in Argo's compressedNodes and compress it again with the same codec."""
    packed = base64.b64decode(encoded)
    if packed.startswith(_GZIP):
        changed = gzip.compress(_changed(gzip.decompress(packed), change))
    elif packed.startswith(_ZSTD):
        # Argo's frames do not contain the content size, so a streaming decoder is required.
        content = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        changed = zstandard.ZstdCompressor().compress(_changed(content, change))
    else:
        changed = brotli.compress(_changed(brotli.decompress(packed), change))
    return base64.b64encode(changed).decode()


def _changed(content: bytes, change: Callable[[str], str]) -> bytes:
    return change(content.decode()).encode()
