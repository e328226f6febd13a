"""Reports by Workflow, whether a Workflow is reported, and expectations of our own writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.kube.objects import ObjectMeta

KEY = ("ns", "etl")
DONE = ReportEntry("ns", "etl-1", "r1", "5", 1, True, "etl", "u1", "u1", "40", 1, True, False)


def cache_of(*entries: ReportEntry) -> ReportCache:
    cache = ReportCache()
    for entry in entries:
        cache.put(entry)
    return cache


def test_a_workflow_is_reported_if_its_report_describes_this_version_of_it() -> None:
    assert cache_of(DONE).is_reported(KEY, uid="u1", resource_version="40")


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([], id="no report"),
        pytest.param([replace(DONE, observed_version="39")], id="the Workflow has changed since"),
        pytest.param([replace(DONE, generation=2)], id="the spec has changed since"),
        pytest.param([replace(DONE, ref_uid="u2", bound_uid="u2")], id="about a namesake"),
        pytest.param(
            [DONE, replace(DONE, name="mine", ref_uid="", bound_uid="", observed_version="")],
            id="a second report is not written yet",
        ),
    ],
)
def test_a_workflow_is_not_reported(entries: list[ReportEntry]) -> None:
    assert not cache_of(*entries).is_reported(KEY, uid="u1", resource_version="40")


def test_a_report_about_an_earlier_workflow_of_the_same_name_does_not_count() -> None:
    older = replace(DONE, name="older", bound_uid="u0", ref_uid="u0", observed_version="3")
    assert cache_of(DONE, older).is_reported(KEY, uid="u1", resource_version="40")


def meta(version: str, *, uid: str = "r1", name: str = "etl-1") -> ObjectMeta:
    return ObjectMeta(namespace="ns", name=name, uid=uid, resource_version=version)


def test_the_cache_has_a_version_if_its_own_is_as_new() -> None:
    cache = cache_of(replace(DONE, resource_version="50"))
    assert cache.has_version(meta("50"))
    assert cache.has_version(meta("49"))
    assert not cache.has_version(meta("51"))
    assert not cache.has_version(meta("x"))
    assert not cache.has_version(meta("50", name="other"))
    assert not cache.has_version(meta("49", uid="recreated"))


def test_a_response_that_arrives_late_does_not_replace_a_newer_entry() -> None:
    newer, older = replace(DONE, resource_version="50"), replace(DONE, resource_version="49", observed_version="")
    cache = cache_of(newer, older)
    assert cache.get(DONE.key) == newer
    cache.put(replace(older, uid="recreated"))
    assert cache.get(DONE.key) == replace(older, uid="recreated")


def test_write_done_tells_an_event_of_our_own_write_from_one_of_another_client() -> None:
    cache, event = cache_of(DONE), ObjectMeta(namespace="ns", name="etl-1", resource_version="6")
    assert not cache.observe(event)
    cache.expect_write(DONE.key)
    assert cache.observe(event)
    cache.put(replace(DONE, resource_version="6"))
    assert not cache.write_done(DONE.key)
    cache.expect_write(DONE.key)
    assert cache.observe(replace_version(event, "8"))
    cache.put(replace(DONE, resource_version="7"))
    assert cache.write_done(DONE.key)


def replace_version(meta: ObjectMeta, version: str) -> ObjectMeta:
    return ObjectMeta(namespace=meta.namespace, name=meta.name, resource_version=version)


names = st.sampled_from("abc")
entries = st.builds(
    lambda name, workflow, version: replace(DONE, name=name, workflow_name=workflow, resource_version=version),
    names,
    names,
    st.sampled_from("12"),
)


@given(st.lists(st.one_of(entries, names), max_size=30))
def test_both_indexes_agree(steps: list[ReportEntry | str]) -> None:
    cache = ReportCache()
    expected: dict[str, ReportEntry] = {}
    for step in steps:
        if isinstance(step, ReportEntry):
            cache.put(step)
            if step.name not in expected or step.resource_version >= expected[step.name].resource_version:
                expected[step.name] = step
        else:
            assert cache.remove(("ns", step)) == expected.pop(step, None)
    assert {entry.name: entry for entry in cache} == expected
    for workflow in "abc":
        assert {r.name for r in cache.of_workflow(("ns", workflow))} == {
            r.name for r in expected.values() if r.workflow_name == workflow
        }
