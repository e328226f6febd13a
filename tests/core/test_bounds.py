"""The time of a report is linear in the size of its Workflow, whatever its nodes are (`make bench-bounds` measures)."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.hostile import UNITS, cpu_seconds
from tests.examples import is_fast, steps

from bench.bounds import SHAPES, fan_out, messages, node, report_on, workflow_of
from wfreport.core.snapshot.decode import decode_workflow

pytestmark = pytest.mark.long

SMALL, LARGE = 500, 2_000
MAX_RATIO = 10
"""Four times the size costs at most ten times the time; anything quadratic costs sixteen times as much."""


def seconds(raw: bytes, *, tries: int = 3) -> float:
    return cpu_seconds(lambda: report_on(decode_workflow(raw)), tries=tries)


@pytest.mark.parametrize("name", steps(list(SHAPES), thinned_to=2))
def test_four_times_the_nodes_take_no_more_than_linear_time(name: str) -> None:
    small, large = (workflow_of(SHAPES[name](size)) for size in (SMALL, LARGE))
    assert seconds(large) <= MAX_RATIO * max(seconds(small), 0.01)


parts = st.tuples(
    st.sampled_from([fan_out, *SHAPES.values(), *map(messages, UNITS)]),
    st.integers(1, 40),
    st.sampled_from(["Failed", "Succeeded", "Running", "Pending", "Error", "Omitted", "odd"]),
)


@settings(
    max_examples=int(os.environ.get("BOUNDS_EXAMPLES", "3" if is_fast() else "100")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(mixed=st.lists(parts, min_size=1, max_size=3), size=st.integers(50, 1_500), unit=st.sampled_from(UNITS))
def test_any_mixture_of_shapes_and_texts_takes_little_time(
    mixed: list[tuple[object, int, str]], size: int, unit: str
) -> None:
    nodes = {"wf": node("wf", "wf", message=(unit * 4_000)[:4_000])}
    for shape, links, phase in mixed:
        made = shape(size)  # type: ignore[operator]
        for key in list(made)[:links]:
            made[key] |= {"phase": phase, "children": list(made)[-links:], "message": unit * links}
        nodes |= made
    raw = workflow_of(nodes)
    # Neighbours on the processor and patterns that are compiled for the first time cost something once.
    assert seconds(raw, tries=1) < 2 or seconds(raw) < 2
