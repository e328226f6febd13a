"""Any content of a Workflow gives a report within its size limit, which lists the invalid fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import a_node, a_report, a_snapshot
from tests.examples import examples
from tests.recorded import recordings

from wfreport.api.argo import NodeType, Phase
from wfreport.api.report import ReportStatus
from wfreport.core.snapshot.decode import decode_workflow

pytestmark = pytest.mark.long

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["x" * 3000, "2026-11-22T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
BASES = [case.final["workflow"] for case in recordings() if not case.name.startswith("large-")]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all values in a JSON value."""
    all_paths = [prefix]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        all_paths += paths(inner, (*prefix, key))
    return all_paths


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return the value with one part replaced."""
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = replaced(value[path[0]], path[1:], new)
    return copied


@settings(max_examples=examples(300))
@given(data=st.data())
def test_any_value_anywhere_gives_a_valid_report(data: st.DataObject) -> None:
    workflow = data.draw(st.sampled_from(BASES))
    places = [path for path in paths(workflow) if path and path[0] in ("status", "spec")]
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(places))
        if _exists(workflow, path):
            workflow = replaced(workflow, path, data.draw(json_values))
    report = a_report(decode_workflow(workflow))
    assert ReportStatus.model_validate(report.dump()).dump() == report.dump()
    second = a_report(decode_workflow(workflow), stored=ReportStatus.model_validate(report.dump()))
    assert second.dump() == report.dump(), "a second reconcile of the same Workflow changes nothing"
    assert len(report.dump_json()) <= 256 * 1024


def _exists(value: Any, path: tuple[Any, ...]) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


node_names = st.sampled_from(["wf", "wf.a", "wf.a(0)", "wf.a(1)", "wf.b[0]", "wf.b[0].c", "wf.onExit", "wf.a(0).x", ""])


@st.composite
def wild_nodes(draw: st.DrawFn) -> list[Any]:
    """Nodes whose children may be missing, duplicated, the node itself, or in a cycle."""
    names = draw(st.lists(node_names, unique=True, max_size=9))
    return [
        a_node(
            name,
            draw(st.sampled_from([*Phase, "Odd", ""])),
            draw(st.sampled_from([*NodeType, "Novel"])),
            message=draw(st.sampled_from(["", "pod deleted", "main: OOMKilled (exit code 137)", "x" * 5000])),
            children=draw(st.lists(node_names, max_size=4)),
            exit_code=draw(st.sampled_from([None, "0", "1", "137", "many", "٣"])),
            start=draw(st.integers(0, 5)),
            end=draw(st.sampled_from([None, 0, 9])),
            hooked=draw(st.booleans()),
        )
        for name in names
    ]


@settings(max_examples=examples(400))
@given(nodes=wild_nodes(), phase=st.sampled_from([*Phase, "Odd", ""]))
def test_cycles_and_missing_children_give_a_report(nodes: list[Any], phase: str) -> None:
    report = a_report(a_snapshot(*nodes, phase=phase))
    assert report.counts is not None
    assert report.counts.total == len(nodes)
    assert a_report(a_snapshot(*reversed(nodes), phase=phase)).failure_class == report.failure_class
    if phase in (Phase.FAILED, Phase.ERROR):
        assert report.failures, "a failed run always has a cause"


def test_a_message_of_a_megabyte_is_cut_with_a_note() -> None:
    report = a_report(a_snapshot(a_node("wf", Phase.FAILED, message="x" * 1_000_000), message="y" * 1_000_000))
    assert report.failures is not None
    assert (report.failures[0].message or "").endswith("characters)")
    assert len(report.dump_json()) < 10_000
