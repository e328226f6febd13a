"""Access to the recorded runs and their expected analysis (tests/recordings, see its README)."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tests.examples import is_fast, steps

FOLDER = Path(__file__).parent / "recordings"
LARGEST = "large-3000"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run: its watch events, its final objects, and the expected content of its report."""

    name: str

    @property
    def stream_path(self) -> Path:
        return FOLDER / f"{self.name}.jsonl.gz"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The watch events in order: `{"t", "kind", "type", "object"}`."""
        return [msgspec.json.decode(line) for line in gzip.decompress(self.stream_path.read_bytes()).splitlines()]

    @property
    def final(self) -> dict[str, Any]:
        """The objects at the end of the run: `{"workflow", "pods", "events"}`, which the caller may change."""
        packed = (FOLDER / f"{self.name}.final.json.gz").read_bytes()
        return msgspec.json.decode(gzip.decompress(packed))  # type: ignore[no-any-return]

    @property
    def expected(self) -> Mapping[str, Any]:
        return expectations()[self.name]

    @property
    def derived(self) -> bool:
        """Whether the expected leaves were derived by a rule; then only the counts and the phase are certain."""
        return bool(self.expected.get("derived"))


@functools.cache
def expectations() -> Mapping[str, Mapping[str, Any]]:
    """Return the content of expected.json, by the recording's name."""
    return json.loads((FOLDER / "expected.json").read_text())  # type: ignore[no-any-return]


@functools.cache
def recordings() -> tuple[Recording, ...]:
    """Return all recordings with final objects, ordered by name."""
    names = sorted(path.name.removesuffix(".final.json.gz") for path in FOLDER.glob("*.final.json.gz"))
    return tuple(Recording(name) for name in names)


def chosen_recordings() -> Sequence[Recording]:
    """Return all recordings; in the developer's loop a fifth of them, evenly spread, without the largest."""
    if not is_fast():
        return recordings()
    return steps([one for one in recordings() if one.name != LARGEST], thinned_to=40)


def recording(name: str) -> Recording:
    """Return the recording of this name.

    Raises:
        LookupError: there is none.
    """
    named = Recording(name)
    if not named.stream_path.exists() and named not in recordings():
        raise LookupError(f"no recording {name!r} in {FOLDER}")
    return named
