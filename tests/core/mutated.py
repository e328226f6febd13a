"""Recorded Workflows with a few places changed: what is still a document, but not what its author meant."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.builders import a_report
from tests.recorded import recordings

from wfreport.api.report import ReportStatus
from wfreport.core.plan.memory import MemoryRaise, OutOfMemory, raised_memory
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import reusable_changes
from wfreport.core.plan.templates import Address
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow

CORPUS = Path(__file__).parent / "corpus"
"""Workflows that failed once. Each run of the suite tries them again."""

MAX_REPORT_BYTES = 256 * 1024

KEYS = ("", "a/b", "x" * 500, "\u202e")
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, -(2**63) - 1, 2**70, 1e308, -0.0, "", [], {}, [[]], {"": {}}, "x" * 3000),
    *("\u202e\x9b31m\x00\x1b[2J", "NaN", "../../x", "a/b", "1e9999", "%s{0}{{=1}}", {"a": [1, {"b": None}]}),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    *("0001-01-01T00:00:00+14:00", "2026-11-22T03:00:00"),
)
"""Values that a user may write anywhere, since Argo's CRD guards few fields."""


@cache
def originals() -> tuple[dict[str, Any], ...]:
    """Return the last state of every recorded Workflow, without the large ones, which have laws of their own."""
    return tuple(one.final["workflow"] for one in recordings() if not one.name.startswith("large-"))


def mutated(seed: int) -> dict[str, Any]:
    """Return a recorded Workflow with up to seven changes. A seed always gives the same one."""
    random = Random(seed)  # noqa: S311 - a seed must give the same Workflow again
    workflow = copy.deepcopy(random.choice(originals()))
    for _ in range(random.randrange(1, 8)):
        _change_somewhere(random, workflow)
    return workflow


def check_handled(workflow: dict[str, Any]) -> None:
    """Check that a Workflow has a valid, small report, the same one each time, and a plan or a reason for none."""
    try:
        snapshot = decode_workflow(copy.deepcopy(workflow))
    except NotAWorkflow:
        return
    report = a_report(snapshot)
    stored = ReportStatus.model_validate(report.dump())
    assert stored.dump() == report.dump(), "a report is read as it was written"
    assert len(report.dump_json()) <= MAX_REPORT_BYTES
    assert a_report(snapshot, stored=stored).dump() == report.dump(), "a second reconcile changes nothing"
    with suppress(RefusedError):
        reusable_changes(workflow)
    with suppress(RefusedError):
        raised_memory(workflow, OutOfMemory(Address("local", "main"), "main"), MemoryRaise("1.5", "16Gi"))


def kept(workflow: dict[str, Any], seed: int) -> Path:
    """Add a Workflow to the corpus, and return its file."""
    CORPUS.mkdir(exist_ok=True)
    path = CORPUS / f"mutated-{seed}.json"
    path.write_text(json.dumps(workflow, indent=1) + "\n")
    return path


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _change_somewhere(random: Random, workflow: dict[str, Any]) -> None:
    places = list(_places(workflow))
    if not places:
        return
    *above, key = random.choice(places)
    parent = _at(workflow, tuple(above))
    other = copy.deepcopy(_at(workflow, random.choice(places)))
    kind = random.randrange(7)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = copy.deepcopy(random.choice(STRANGE))
    elif kind == 2:
        parent[key] = other
    elif kind == 3 and isinstance(parent, dict):
        parent[random.choice(KEYS)] = copy.deepcopy(parent[key])
    elif kind == 4 and isinstance(parent, list):
        parent.extend(copy.deepcopy(parent) * random.randrange(1, 3))
    elif kind == 5 and isinstance(parent[key], str):
        text = parent[key]
        parent[key] = random.choice([text * 50, text[::-1], text.upper(), text + "\x00"])
    else:
        parent[key] = [parent[key]]
