"""Reads recordings: the watch events of a Workflow, its pods and its Events, in order of arrival."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.api import Json


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One watch event.

    Attributes:
        at: the time of recording, in seconds since 1970.
        kind: Workflow, Pod or Event.
        type: ADDED, MODIFIED or DELETED.
        object: the complete object.
    """

    at: float
    kind: str
    type: str
    object: Json


def load_recording(path: Path) -> list[RecordedEvent]:
    """Read a `<case>.jsonl.gz` (or `.jsonl`)."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = (json.loads(line) for line in content.splitlines() if line)
    return [RecordedEvent(line["t"], line["kind"], line["type"], line["object"]) for line in lines]


def duration_seconds(events: Sequence[RecordedEvent]) -> float:
    """Return the time between the first event and the last."""
    return max(event.at for event in events) - min(event.at for event in events) if events else 0.0
