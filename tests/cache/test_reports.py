"""Which reports are about which Workflow, and whether anything is left to do for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.kube.objects import ObjectMeta

KEY = ("ns", "etl")
DONE = ReportEntry("ns", "etl-1", "r1", "5", 1, True, "etl", "u1", "u1", "40", 1, True, False)


def index(*rows: ReportEntry) -> ReportCache:
    made = ReportCache()
    for row in rows:
        made.put(row)
    return made


def test_a_workflow_is_done_when_its_report_says_what_it_says() -> None:
    assert index(DONE).is_done(KEY, uid="u1", resource_version="40")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no report"),
        pytest.param([replace(DONE, observed_version="39")], id="the Workflow has changed since"),
        pytest.param([replace(DONE, generation=2)], id="the spec has changed since"),
        pytest.param([replace(DONE, ref_uid="u2", bound_uid="u2")], id="about a namesake"),
        pytest.param(
            [DONE, replace(DONE, name="mine", ref_uid="", bound_uid="", observed_version="")],
            id="another one waits to be filled",
        ),
    ],
)
def test_a_workflow_is_not_done(rows: list[ReportEntry]) -> None:
    assert not index(*rows).is_done(KEY, uid="u1", resource_version="40")


def test_a_report_of_a_namesake_is_no_reason_to_look() -> None:
    older = replace(DONE, name="older", bound_uid="u0", ref_uid="u0", observed_version="3")
    assert index(DONE, older).is_done(KEY, uid="u1", resource_version="40")


def meta(version: str, *, uid: str = "r1", name: str = "etl-1") -> ObjectMeta:
    return ObjectMeta(namespace="ns", name=name, uid=uid, resource_version=version)


def test_a_report_is_known_by_its_resource_version_and_what_is_older_is_no_news() -> None:
    made = index(replace(DONE, resource_version="50"))
    assert made.knows(meta("50"))
    assert made.knows(meta("49"))
    assert not made.knows(meta("51"))
    assert not made.knows(meta("x"))
    assert not made.knows(meta("50", name="other"))
    assert not made.knows(meta("49", uid="made-anew"))


def test_an_answer_that_was_overtaken_does_not_take_the_index_back() -> None:
    newer, older = replace(DONE, resource_version="50"), replace(DONE, resource_version="49", observed_version="")
    made = index(newer, older)
    assert made.get(DONE.key) == newer
    made.put(replace(older, uid="made-anew"))
    assert made.get(DONE.key) == replace(older, uid="made-anew")


def test_the_event_of_our_own_write_is_no_news_and_that_of_another_is() -> None:
    made, event = index(DONE), ObjectMeta(namespace="ns", name="etl-1", resource_version="6")
    assert not made.observe(event)
    made.expect_write(DONE.key)
    assert made.observe(event)
    made.put(replace(DONE, resource_version="6"))
    assert not made.write_done(DONE.key)
    made.expect_write(DONE.key)
    assert made.observe(replace_version(event, "8"))
    made.put(replace(DONE, resource_version="7"))
    assert made.write_done(DONE.key)


def replace_version(meta: ObjectMeta, version: str) -> ObjectMeta:
    return ObjectMeta(namespace=meta.namespace, name=meta.name, resource_version=version)


names = st.sampled_from("abc")
rows = st.builds(
    lambda name, workflow, version: replace(DONE, name=name, workflow_name=workflow, resource_version=version),
    names,
    names,
    st.sampled_from("12"),
)


@given(st.lists(st.one_of(rows, names), max_size=30))
def test_both_ways_to_look_a_report_up_agree(steps: list[ReportEntry | str]) -> None:
    made = ReportCache()
    expected: dict[str, ReportEntry] = {}
    for step in steps:
        if isinstance(step, ReportEntry):
            made.put(step)
            if step.name not in expected or step.resource_version >= expected[step.name].resource_version:
                expected[step.name] = step
        else:
            assert made.remove(("ns", step)) == expected.pop(step, None)
    assert {row.name: row for row in made} == expected
    for workflow in "abc":
        assert {r.name for r in made.of_workflow(("ns", workflow))} == {
            r.name for r in expected.values() if r.workflow_name == workflow
        }
