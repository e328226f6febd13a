"""The index of ended runs: always the newest of each origin, in the order in which they ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wfreport.cache.ended_runs import MAX_RUNS, EndedRuns
from wfreport.core.compare.origin import RunOutcome

T0 = datetime(2026, 1, 1, tzinfo=UTC)
END = T0 + timedelta(days=365)


def outcome(day: int, origin: str = "CronWorkflow/etl") -> RunOutcome:
    return RunOutcome(origin, T0 + timedelta(days=day), 10, has_succeeded=True)


puts = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.one_of(st.none(), st.builds(outcome, st.integers(0, 5), st.sampled_from(["x", "y"]))),
)


@given(st.lists(puts, max_size=30), st.integers(0, 6))
def test_it_answers_as_a_search_through_all_reports_would(
    changes: list[tuple[str, RunOutcome | None]], day: int
) -> None:
    past, reports = EndedRuns(), dict[str, RunOutcome | None]()
    for name, each in changes:
        past.put(("ns", name), each)
        reports[name] = each
    for origin in ("x", "y"):
        expected = sorted(
            (each.finished_at, name)
            for name, each in reports.items()
            if each and each.origin == origin and each.finished_at < T0 + timedelta(days=day)
        )
        found = past.before("ns", origin, T0 + timedelta(days=day))
        assert [(each.finished_at, name) for name, each in found] == expected
        assert past.before("other", origin, END) == []


def test_the_oldest_runs_of_an_origin_are_forgotten() -> None:
    past = EndedRuns()
    for day in range(MAX_RUNS + 10):
        past.put(("ns", f"r{day}"), outcome(day))
    found = past.before("ns", "CronWorkflow/etl", END)
    assert [name for name, _ in found] == [f"r{day}" for day in range(10, MAX_RUNS + 10)]
    past.remove(("ns", "r0"))
    past.remove(("ns", "r20"))
    assert len(past.before("ns", "CronWorkflow/etl", END)) == MAX_RUNS - 1
