"""The recorded runs (tests/recordings, see its README) and what is known about them."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """One case: its stream of watch events, its end, and what a report of it has to say."""

    name: str

    @property
    def stream_path(self) -> Path:
        return FOLDER / f"{self.name}.jsonl.gz"

    @property
    def events(self) -> list[dict[str, Any]]:
        """`{"t", "kind", "type", "object"}` in order."""
        with gzip.open(self.stream_path, "rt") as lines:
            return [json.loads(line) for line in lines]

    @property
    def final(self) -> dict[str, Any]:
        """`{"workflow", "pods", "events"}` at the end."""
        with gzip.open(FOLDER / f"{self.name}.final.json.gz", "rt") as file:
            return json.load(file)  # type: ignore[no-any-return]

    @property
    def expected(self) -> Mapping[str, Any]:
        return expectations()[self.name]

    @property
    def derived(self) -> bool:
        """Whether its leaves come from a rule, so that only counts and phase are certain."""
        return bool(self.expected.get("derived"))


@functools.cache
def expectations() -> Mapping[str, Mapping[str, Any]]:
    """expected.json, by case."""
    return json.loads((FOLDER / "expected.json").read_text())  # type: ignore[no-any-return]


@functools.cache
def recordings() -> tuple[Recording, ...]:
    """All cases that have an end, by name."""
    names = sorted(path.name.removesuffix(".final.json.gz") for path in FOLDER.glob("*.final.json.gz"))
    return tuple(Recording(name) for name in names)


def recording(name: str) -> Recording:
    """The case of this name."""
    found = Recording(name)
    if not found.stream_path.exists() and found not in recordings():
        raise LookupError(f"no recording {name!r} in {FOLDER}")
    return found
