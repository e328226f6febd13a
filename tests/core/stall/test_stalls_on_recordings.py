"""No recorded run is reported as hung, however slowly it runs."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.core.stall.stall_world import StallWorld, stretch
from tests.examples import is_fast, steps
from tests.recorded import FOLDER

from wfreport.core.snapshot.model import Snapshot

POLLS = {1: 10, 20: 30, 100: 60}
"""Seconds between two polls, by how many times slower the run is."""


def _streams() -> Sequence[Path]:
    """Return all recordings; in the developer's loop a few, without the one of thousands of nodes."""
    streams = sorted(Path(os.environ.get("WFREPORT_RECORDINGS", str(FOLDER))).glob("*.jsonl.gz"))
    return (
        steps([path for path in streams if not path.name.startswith("large-")], thinned_to=30) if is_fast() else streams
    )


def _events(path: Path) -> Iterator[tuple[float, str, str, bytes]]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            event = json.loads(line)
            if event["kind"] in {"Workflow", "Pod"}:
                yield event["t"], event["kind"], event["type"], json.dumps(event["object"]).encode()


async def _false_findings(path: Path, factor: int) -> list[str]:
    events = list(_events(path))
    start_seconds = events[0][0]
    start = datetime.fromtimestamp(start_seconds, UTC) if start_seconds > 1e9 else _created_at(events)
    world, found = StallWorld(start), []
    pending = iter(events)
    event = next(pending, None)
    latest: dict[str, Snapshot] = {}
    while event is not None:
        while event is not None and start + timedelta(seconds=(event[0] - start_seconds) * factor) <= world.now:
            _apply(world, latest, event, start, factor)
            event = next(pending, None)
        for snapshot in latest.values():
            finding = await world.poll(snapshot)
            if finding:
                found.append(f"{(world.now - start).total_seconds():.0f} s: {finding}")
        world.now += timedelta(seconds=POLLS[factor])
    return found


def _created_at(events: list[tuple[float, str, str, bytes]]) -> datetime:
    created = json.loads(events[0][3])["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(created)


def _apply(
    world: StallWorld, latest: dict[str, Snapshot], event: tuple[float, str, str, bytes], start: datetime, factor: int
) -> None:
    _, kind, event_type, body = event
    document: dict[str, Any] = json.loads(stretch(body, start, factor))
    name = document["metadata"]["name"]
    if kind == "Pod":
        world.put_pod(document)
        if event_type == "DELETED":
            del world.pods[name]
    elif event_type == "DELETED":
        latest.pop(name, None)
        world.workflows.pop((document["metadata"]["namespace"], name), None)
    else:
        latest[name] = world.put(document)


@pytest.mark.parametrize("factor", POLLS)
@pytest.mark.parametrize("path", _streams(), ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_a_recorded_run_is_not_reported_as_hung(path: Path, factor: int) -> None:
    assert asyncio.run(_false_findings(path, factor)) == []
