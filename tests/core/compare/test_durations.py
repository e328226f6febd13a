"""Slow beside earlier runs, by the published rule, and the steps that explain it."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.compare.runs import a_workflow, run_of
from tests.core.hostile import cpu_seconds

from wfreport.api.comparison import SlowReason
from wfreport.api.report import ReportStatus, Step
from wfreport.core.compare.durations import (
    MIN_RUNS,
    EarlierDurations,
    StepDuration,
    StepDurations,
    describe_baseline,
    durations_by_step,
    is_slow,
    least_growth_seconds,
    median,
    percentile_95,
    slower_steps,
    step_durations,
)
from wfreport.core.compare.loops import item_of, split_item

durations = st.lists(st.integers(0, 10_000), min_size=MIN_RUNS, max_size=20)


@given(st.lists(st.integers(0, 20_000), min_size=1))
def test_the_median_is_that_of_the_standard_library(numbers: list[int]) -> None:
    assert median(numbers) == statistics.median(numbers)


@given(durations, st.integers(0, 20_000))
def test_slow_exceeds_p95_and_three_mad_and_thirty_seconds(earlier: list[int], seconds: int) -> None:
    median = statistics.median(earlier)
    mad = statistics.median(abs(each - median) for each in earlier)
    expected = seconds > percentile_95(earlier) and seconds > median + 3 * mad and seconds >= median + 30
    assert is_slow(seconds, earlier) is expected


@given(durations, st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_slow_stays_slow_if_it_takes_longer(earlier: list[int], seconds: int, more: int) -> None:
    assert not is_slow(seconds, earlier) or is_slow(seconds + more, earlier)


@pytest.mark.parametrize(
    ("seconds", "earlier", "expected"),
    [
        (1000, [10] * (MIN_RUNS - 1), False),  # too few runs
        (41, [10] * 5, True),
        (39, [10] * 5, False),  # not 30 seconds longer
        (200, [10, 20, 100, 150, 190], False),  # they vary as much
        (200, [10] * 18 + [300, 300], False),  # below p95
    ],
)
def test_examples_of_slow(seconds: int, earlier: list[int], expected: bool) -> None:
    assert is_slow(seconds, earlier) is expected


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (5, 5), (19, 19), (20, 19)])
def test_the_percentile_is_of_the_nearest_rank(count: int, rank: int) -> None:
    assert percentile_95(list(range(count, 0, -1))) == rank


def test_a_baseline_has_its_number_of_runs() -> None:
    assert describe_baseline([]) is None
    baseline = describe_baseline([10, 20, 40])
    assert baseline is not None
    assert (baseline.runs, baseline.p50_seconds, baseline.p95_seconds) == (3, 20, 40)


def seconds_of(**steps: int) -> StepDurations:
    return step_durations(run_of(a_workflow(seconds=steps)).status)


def test_only_steps_that_explain_a_tenth_of_the_difference_are_listed_most_first() -> None:
    before = durations_by_step([seconds_of(a=100, b=100, c=100, d=100)])
    now = seconds_of(a=200, b=400, c=109, d=90, new=500)
    found = slower_steps(400, now, before)
    assert [(each.display_name, each.seconds, each.baseline_seconds, each.runs) for each in found] == [
        ("b", 400, 100, 1),
        ("a", 200, 100, 1),
    ]
    assert slower_steps(0, now, before) == []


def test_a_step_that_varies_by_seconds_is_not_slower() -> None:
    before = durations_by_step([seconds_of(a=2, b=100)])
    assert slower_steps(10, seconds_of(a=6, b=108), before) == []


def test_items_of_a_loop_are_one_step_with_the_median_of_their_durations() -> None:
    found = seconds_of(**{"day(0:mon)": 10, "day(1:tue)": 30, "day(2:wed)": 20, "other(x)": 5})
    assert {name: each.seconds for (name, _), each in found.steps.items()} == {"day": 20, "other(x)": 5}


def step(name: str, kind: str, begin: int, end: int | None, **fields: object) -> Step:
    at = "2026-01-01T00:{:02}:{:02}Z"
    times = {"startedAt": at.format(*divmod(begin, 60)), "finishedAt": at.format(*divmod(end, 60)) if end else None}
    return Step.model_validate(
        {"displayName": name, "nodeId": name, "type": kind, "phase": "Succeeded", **times, **fields}
    )


def test_attempts_belong_to_their_step_and_explain_it() -> None:
    once = ReportStatus(steps=[step("a", "Retry", 0, 10, children=[1]), step("a(0)", "Pod", 0, 10, queuedSeconds=2)])
    twice = ReportStatus(
        steps=[step("a", "Retry", 0, 60, children=[1, 2, 9]), step("a(0)", "Pod", 0, 10), step("a(1)", "Pod", 50, 60)]
    )
    before = durations_by_step([step_durations(once)])
    assert before.steps == {("a", ""): [StepDuration(10, 2, 1)]}
    assert slower_steps(50, step_durations(twice), before)[0].why is SlowReason.RETRIED


def test_a_step_that_was_queued_for_longer_has_that_as_the_reason() -> None:
    before = EarlierDurations({("a", ""): [StepDuration(10)]})
    assert slower_steps(90, StepDurations({("a", ""): StepDuration(100, 80)}), before)[0].why is SlowReason.QUEUED
    assert slower_steps(90, StepDurations({("a", ""): StepDuration(100, 20)}), before)[0].why is SlowReason.RAN


def test_steps_that_have_not_ended_and_groups_have_no_duration() -> None:
    assert step_durations(ReportStatus(steps=[step("a", "Pod", 0, None), step("g", "DAG", 0, 9)])).steps == {}
    assert step_durations(ReportStatus()).steps == {}


def loop(count: int = 20, name: str = "day", first: int = 0, **slow: int) -> dict[str, int]:
    """Return the durations of the items of a loop: 60 s, but for those that are given by their value."""
    values = [f"v{first + number}" for number in range(count)]
    return {f"{name}({position}:{value})": slow.get(value, 60) for position, value in enumerate(values)}


def slower(now: dict[str, int], before: dict[str, int], excess: int = 600) -> list[tuple[str, int]]:
    earlier = durations_by_step([seconds_of(**before)])
    return [(each.display_name, each.baseline_seconds) for each in slower_steps(excess, seconds_of(**now), earlier)]


def test_one_slow_item_of_a_loop_is_named_with_the_same_items_baseline() -> None:
    assert slower(loop(v3=600), loop(v3=100)) == [("day(3:v3)", 100)]
    assert slower(loop(v3=600), loop(v3=595)) == []
    assert slower(loop(v3=700), loop(), excess=6000) == [("day(3:v3)", 60)]
    assert slower(loop(v3=600, v4=500), loop()) == [("day(3:v3)", 60), ("day(4:v4)", 60)]


def test_items_that_moved_are_found_by_their_value() -> None:
    assert slower(loop(first=5, v8=600), loop(v8=590)) == []
    assert slower(loop(first=5, v8=600), loop(v8=100)) == [("day(3:v8)", 100)]


def test_items_whose_values_differ_in_every_run_are_found_by_their_position() -> None:
    assert slower(loop(first=100, v103=600), loop(v3=590)) == []
    assert slower(loop(first=100, v103=600), loop(v3=200)) == [("day(3:v103)", 200)]


def test_a_new_item_has_the_baseline_of_the_loop() -> None:
    assert slower(loop(21, v20=600), loop()) == [("day(20:v20)", 60)]


def test_a_loop_whose_items_all_grew_is_named_once_but_for_an_item_that_grew_more() -> None:
    longer = dict.fromkeys(loop(), 200)
    assert slower(longer, loop()) == [("day", 60)]
    assert slower({**longer, "day(3:v3)": 900}, loop()) == [("day(3:v3)", 60), ("day", 60)]


@pytest.mark.parametrize("value", ["f(x)", "a:b", "{k:1}", "", "x)(y", "(", "ü (1)"])
def test_values_of_items_may_have_brackets(value: str) -> None:
    name = f"day(1:{value})"
    before, now = {"day(0:a)": 60, name: 60}, {"day(0:a)": 60, name: 700}
    assert slower(now, before)[0] == (name, 60)


def test_a_step_within_a_loop_over_groups_is_named_with_its_item() -> None:
    def run(seconds: int) -> StepDurations:
        steps = [step("main", "DAG", 0, 2000, children=[1, 2])]
        for position, value in enumerate("ab"):
            length = seconds if value == "b" else 60
            steps.append(step(f"sub({position}:{value})", "DAG", 0, length, children=[3 + position]))
        steps += [step("work", "Pod", 0, 60, children=[5]), step("work", "Pod", 0, seconds, children=[5])]
        steps += [step("load", "Pod", seconds, seconds + 60)]
        return step_durations(ReportStatus(steps=steps))

    earlier = durations_by_step([run(60)])
    found = slower_steps(600, run(700), earlier)
    assert [(each.display_name, each.baseline_seconds) for each in found] == [("work of sub(1:b)", 60)]
    assert [(each.key[0], each.item.enclosing, each.item.value) for each in run(60).items] == [
        ("work", "sub", "a"),
        ("work", "sub", "b"),
    ]


def test_a_slow_step_is_found_among_steps_of_the_same_name_in_other_groups() -> None:
    def run(**seconds: int) -> StepDurations:
        steps = [step("main", "DAG", 0, 2000, children=[1, 2, 3])]
        steps += [step(name, "DAG", 0, 2000, children=[4 + place]) for place, name in enumerate("abc")]
        steps += [step("load", "Pod", 0, seconds.get(name, 60), children=[7]) for name in "abc"]
        steps += [step("load", "Pod", 0, 60)]  # follows the groups
        return step_durations(ReportStatus(steps=steps))

    earlier = durations_by_step([run(c=300)])
    found = slower_steps(600, run(b=700, c=300), earlier)
    assert [(each.display_name, each.seconds, each.baseline_seconds) for each in found] == [("load of b", 700, 60)]
    assert slower_steps(600, run(c=300), earlier) == []


def kubeflow(tasks: tuple[str, ...], groups: tuple[str, ...], seconds: dict[str, int] | None = None) -> StepDurations:
    """Return a run of Kubeflow Pipelines: within these groups, each task is a group with a step `executor`."""
    around = [
        step(name, "DAG", 0, 2000, children=[place + 1]) for place, name in enumerate(("pipeline-x7k2p", *groups))
    ]
    first = len(around)
    tops = [step(name, "DAG", 0, 2000, children=[first + len(tasks) + place]) for place, name in enumerate(tasks)]
    around[-1] = step(around[-1].display_name, "DAG", 0, 2000, children=list(range(first, first + len(tasks))))
    executors = [step("executor", "Pod", 0, (seconds or {}).get(name.partition("(")[0], 60)) for name in tasks]
    return step_durations(ReportStatus(steps=[*around, *tops, *executors]), "pipeline-x7k2p")


@pytest.mark.parametrize(
    ("tasks", "groups", "expected"),
    [
        (("train", "load", "save"), (), "executor of train"),
        (("train",), (), "executor of train"),  # the only one, in a group of its own
        (("train", "load", "save"), ("root",), "executor of train"),
        (("train(0)", "load(0)", "save(0)"), (), "executor"),  # attempts of the whole run
        (("train(0)",), ("train",), "executor of train"),  # an attempt of a group
        (("train", "load", "save"), ("iteration(1:b)",), "executor of train of iteration(1:b)"),
        (("executor",), (), "executor"),
    ],
)
def test_a_slow_step_whose_name_others_share_is_named_with_its_task(
    tasks: tuple[str, ...], groups: tuple[str, ...], expected: str
) -> None:
    slow = {"executor" if tasks == ("executor",) else "train": 700}
    earlier = durations_by_step([kubeflow(tasks, groups)])
    found = slower_steps(600, kubeflow(tasks, groups, slow), earlier)
    assert [each.display_name for each in found] == [expected]


def test_equal_items_of_one_run_count_as_one_run() -> None:
    before = {f"day({position}:same)": 60 for position in range(5)}
    found = slower_steps(
        600, seconds_of(**before | {"day(3:same)": 700}), durations_by_step([seconds_of(**before)] * 2)
    )
    assert [(each.display_name, each.baseline_seconds, each.runs) for each in found] == [("day(3:same)", 60, 2)]


def equal_items(count: int, seconds: int) -> list[Step]:
    return [step(f"day({n}:same)", "Pod", 0, seconds if n % 2 else 60) for n in range(count)]


def nested_groups(count: int, seconds: int) -> list[Step]:
    groups = [step("g" * 100, "DAG", 0, 60, children=[n + 1, count + n]) for n in range(count)]
    return [*groups, *(step("work", "Pod", 0, seconds) for _ in range(count))]


@pytest.mark.parametrize("shape", [equal_items, nested_groups])
def test_four_times_the_steps_are_compared_in_linear_time(shape: Callable[[int, int], list[Step]]) -> None:
    def seconds(count: int) -> float:
        before, after = ReportStatus(steps=shape(count, 60)), ReportStatus(steps=shape(count, 900))

        def compare_steps() -> None:
            slower_steps(100, step_durations(after), durations_by_step([step_durations(before)]))

        return cpu_seconds(compare_steps, tries=3)

    assert seconds(4_000) <= 10 * max(seconds(1_000), 0.01)


def test_the_only_step_of_a_run_and_its_exit_handler_are_found_in_runs_of_other_names() -> None:
    def run(name: str, seconds: int) -> StepDurations:
        steps = [step(name, "Pod", 0, seconds), step(f"{name}.onExit", "Pod", seconds, 2 * seconds)]
        return step_durations(ReportStatus(steps=steps), name)

    found = slower_steps(600, run("etl-bbbbb", 700), durations_by_step([run("etl-aaaaa", 60)]))
    assert [each.display_name for each in found] == ["the exit handler", "the only step"]


def test_attempts_of_an_item_belong_to_it() -> None:
    names = [item_of(name) for name in ("work(0)", "work(3:c)(1)", "work", "work(x)", "work(3:c)")]
    assert [(name.position, name.value) if name else None for name in names] == [
        None,
        ("3", "c"),
        None,
        None,
        ("3", "c"),
    ]
    assert [split_item(name)[0] for name in ("work(0)", "work(3:c)(1)", "work", "work(x)")] == [
        "work",
        "work",
        "work",
        "work(x)",
    ]


@given(st.data())
def test_steps_that_are_shorter_than_the_least_growth_can_be_left_out(data: st.DataObject) -> None:
    names = st.sampled_from(["a", "b", "c(0:x)", "c(1:y)", "c(2:z)", "c(3:x)", "c(1)", "bad", "bad.onExit"])
    drawn = st.lists(st.tuples(names, st.sampled_from(["Pod", "Retry"]), st.integers(0, 400)), max_size=12)

    def drawn_run() -> ReportStatus:
        return ReportStatus(
            steps=[step(name, kind, 0, max(1, end), templateName=name[0]) for name, kind, end in data.draw(drawn)]
        )

    earlier = durations_by_step([step_durations(drawn_run(), "bad") for _ in range(data.draw(st.integers(1, 3)))])
    status, excess = drawn_run(), data.draw(st.integers(1, 3000))
    long_ones = step_durations(status, "bad", at_least_seconds=least_growth_seconds(excess))
    assert slower_steps(excess, long_ones, earlier) == slower_steps(excess, step_durations(status, "bad"), earlier)
