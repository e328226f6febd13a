"""How many reports of users are followed, and that it costs nothing to ignore the others."""

from __future__ import annotations

import tracemalloc
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wfreport.cache.followed_reports import MAX_PER_WORKFLOW
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.kube.objects import NamespacedName

NUMBERS = count()


def a_user_report(namespace: str = "ns", name: str = "", *, workflow: str = "", ended: bool = False) -> ReportEntry:
    """Return the entry of a report that a user created."""
    number = next(NUMBERS)
    return ReportEntry(
        namespace,
        name or f"r-{number}",
        f"u-{number}",
        "5",
        1,
        False,
        workflow or f"wf-{number}",
        "",
        "",
        "",
        1,
        ended,
        True,
    )


def test_a_namespace_has_a_maximum_of_user_reports_and_takes_none_from_others() -> None:
    cache = ReportCache(user_reports_max=3)
    assert [cache.put(a_user_report()) for _ in range(5)] == [True, True, True, False, False]
    assert cache.put(a_user_report("neighbour"))
    assert len(cache) == 4


def test_automatic_reports_do_not_count_and_labels_alone_do_not_make_a_report_automatic() -> None:
    cache = ReportCache(user_reports_max=1)
    forged = replace(a_user_report(), automatic=True)
    assert cache.put(forged)
    assert not cache.put(replace(a_user_report(), automatic=True))
    for _ in range(5):
        own = replace(a_user_report(), automatic=True)
        assert cache.put(own, own=True)
        assert cache.put(replace(own, bound_uid="u", resource_version="6"))
    assert not cache.put(a_user_report())


def test_a_report_whose_run_has_ended_makes_room_for_one_that_waits() -> None:
    cache = ReportCache(user_reports_max=2)
    ended, waiting, later = a_user_report(ended=True), a_user_report(), a_user_report()
    assert [cache.put(entry) for entry in (ended, waiting, later)] == [True, True, True]
    assert [entry.name for entry in cache] == [waiting.name, later.name]
    assert not cache.put(a_user_report(ended=True)), "an ended one makes no room for itself"


def test_room_is_made_by_deleting_a_report() -> None:
    cache = ReportCache(user_reports_max=1)
    first, second = a_user_report(), a_user_report()
    assert cache.put(first)
    assert not cache.put(second)
    cache.remove(first.key)
    assert cache.put(second)


def test_a_workflow_has_few_reports_of_users() -> None:
    cache = ReportCache()
    followed = [cache.put(a_user_report(workflow="etl")) for _ in range(MAX_PER_WORKFLOW + 1)]
    assert followed == [True] * MAX_PER_WORKFLOW + [False]


def test_room_is_reserved_for_reports_that_are_to_be_read() -> None:
    followed = ReportCache(user_reports_max=2).followed
    claims = [followed.claim(("ns", name)) for name in ("a", "b", "a", "c", "d")]
    assert claims == [True, True, True, True, False], "the first without room is read, so that someone learns of it"
    assert followed.claim(("ns", "c")), "as often as it is asked about"
    followed.release_claim(("ns", "a"))
    assert followed.claim(("ns", "e"))
    assert followed.claim(("neighbour", "a"))


def test_half_a_million_reports_of_one_namespace_take_little_memory() -> None:
    cache = ReportCache()
    tracemalloc.start()
    try:
        for number in range(50_000):
            name = ("flood", f"report-{number}")
            if cache.followed.claim(name):
                cache.followed.release_claim(name)
                cache.put(a_user_report("flood", name[1]))
            else:
                cache.followed.count_ignored("flood")
        assert tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
    assert (len(cache), cache.followed.ignored_reports, cache.followed.ignored_namespaces) == (1000, 48_999, 1)


REPORTS = st.tuples(st.sampled_from("xy"), st.integers(0, 6), st.sampled_from(["w1", "w2", "w3"]))
STEPS = st.tuples(REPORTS, st.sampled_from(["open", "ended", "ours", "deleted", "claimed", "read"]))


def change(cache: ReportCache, key: NamespacedName, workflow: str, state: str) -> None:
    """Bring a report into another state."""
    cached = cache.get(key)
    if state == "deleted":
        cache.remove(key)
    elif state == "claimed":
        cache.followed.claim(key)
    elif state == "read":
        cache.followed.release_claim(key)
    elif cached is None or not cached.is_made_by_us:  # a status that we wrote stays
        entry = a_user_report(*key, workflow=workflow, ended=state == "ended")
        cache.put(replace(entry, automatic=True, bound_uid="u") if state == "ours" else entry)


@pytest.mark.parametrize("most", [1, 3])
@given(steps=st.lists(STEPS, max_size=40))
def test_the_maximum_holds_after_any_changes(most: int, steps: list[tuple[tuple[str, int, str], str]]) -> None:
    cache = ReportCache(user_reports_max=most)
    for (namespace, number, workflow), state in steps:
        change(cache, (namespace, f"r{number}"), workflow, state)
        for each in "xy":
            users = [entry for entry in cache if entry.namespace == each and not entry.is_made_by_us]
            assert len(users) <= most
            assert all((entry.key in cache.followed) for entry in users)
            assert cache.followed.is_full(each) or len(users) < most
    for entry in cache:
        cache.remove(entry.key)
    for namespace, number, _ in {report for report, _ in steps}:
        cache.followed.release_claim((namespace, f"r{number}"))
    assert not any(cache.followed.is_full(each) for each in "xy")
