"""What a comparison of runs of 300 steps costs, for the usual shape and for the worst ones."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from tests.core.compare.runs import a_dag, a_template, a_workflow, run_of

from wfreport.api.report import ReportStatus, Step
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns, compare
from wfreport.core.compare.durations import durations_by_step, step_durations
from wfreport.core.compare.origin import RunOutcome
from wfreport.core.snapshot.definition import digest_definition

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 300
USUAL, SLOW = 10, 500
EARLIER_RUNS = 5
MOST = 9
"""Between what the worst shape takes (5.5, and 7 on a busy machine) and what shapes took that were not linear (14)."""

Pair = tuple[ComparedRun, ComparedRun]


def a_step(name: str, seconds: int, kind: str = "Pod", children: Sequence[int] = ()) -> Step:
    return Step(
        display_name=name, node_id=name, type=kind, phase="Succeeded", template_name="work",
        started_at=BEGIN, finished_at=BEGIN + timedelta(seconds=seconds), children=list(children) or None,
    )  # fmt: skip


def pair(
    before: Sequence[Step],
    after: Sequence[Step],
    workflows: tuple[dict[str, object], dict[str, object]] | None = None,
) -> Pair:
    """Return a success and a slow failure that list these steps, of these Workflows or of equal ones."""
    templates = [a_template(f"t{number}") for number in range(30)]
    first, last = workflows or (a_workflow(*templates), a_workflow(*templates))
    last["metadata"], last["status"]["phase"] = {**last["metadata"], "name": "bad"}, "Failed"  # type: ignore[dict-item, index]
    old, new = run_of(first), run_of(last)
    assert new.status.timing
    timing = new.status.timing.model_copy(update={"duration_seconds": 3000 + SLOW})
    return (
        ComparedRun("good", old.status.changed(steps=list(before))),
        ComparedRun("bad", new.status.changed(steps=list(after), timing=timing)),
    )


def named(name: Callable[[int], str], is_slow: Callable[[int], bool] = bool) -> Pair:
    names = [name(number) for number in range(1, STEPS + 1)]
    after = [a_step(each, SLOW if is_slow(number) else USUAL) for number, each in enumerate(names, 1)]
    return pair([a_step(each, USUAL) for each in names], after)


def grouped(name: Callable[[int], str], links: Callable[[int], Sequence[int]], is_slow: Callable[[int], bool]) -> Pair:
    """Return runs with 150 groups, each with a step of the same name."""
    half = STEPS // 2
    groups = [a_step(name(number), SLOW, "DAG", links(number)) for number in range(half)]
    before, after = (
        [a_step("executor", SLOW if slow and is_slow(n) else USUAL) for n in range(half)] for slow in (False, True)
    )
    return pair([*groups, *before], [*groups, *after])


def with_tasks(prefix: str, count: int) -> Pair:
    """Return runs of a DAG in which each task has another name."""
    names = [f"task-{number}" for number in range(count)]
    workflows = [
        a_workflow(a_dag(*({"name": f"{start}{name}", "template": "work"} for name in names)), a_template())
        for start in ("", prefix)
    ]
    lists = [[a_step(f"{start}{name}", SLOW) for name in names] for start in ("", prefix)]
    return pair(lists[0], lists[1], (workflows[0], workflows[1]))


def with_templates() -> Pair:
    workflows = [a_workflow(*(a_template(f"t{n}", image=f"reg/x{n}:{v}", args=[v]) for n in range(64))) for v in "12"]
    steps = [[a_step(f"s{n}", seconds) for n in range(STEPS)] for seconds in (USUAL, SLOW)]
    return pair(steps[0], steps[1], (workflows[0], workflows[1]))


def with_parameters(
    value: Callable[[int, int], str], order: Callable[[int], Sequence[int]] = lambda _: range(STEPS)
) -> Pair:
    workflows = [a_workflow(parameters={f"p{n}": value(n, run) for n in order(run)}) for run in (1, 2)]
    steps = [[a_step(f"s{n}", seconds) for n in range(STEPS)] for seconds in (USUAL, SLOW)]
    return pair(steps[0], steps[1], (workflows[0], workflows[1]))


def own_child(number: int) -> Sequence[int]:
    return [STEPS // 2 + number]


def all_children(_: int) -> Sequence[int]:
    return range(STEPS // 2, STEPS)


SHAPES: dict[str, Callable[[], Pair]] = {
    "all steps slow": lambda: named(lambda n: f"step-{n}"),
    "a loop of 300 items, all slow": lambda: named(lambda n: f"day({n}:v{n})"),
    "a loop of 300 items, half of them slow": lambda: named(lambda n: f"day({n}:v{n})", lambda n: n % 2 == 0),
    "30 loops of 10 items": lambda: named(lambda n: f"day{n % 30}({n}:v{n})", lambda n: n % 3 == 0),
    "names of 250 characters": lambda: named(lambda n: f"day({n}:{')(' * 120}{n})", lambda n: n % 2 == 0),
    "150 groups with a step of one name": lambda: grouped(lambda n: f"task-{n}", own_child, lambda n: n % 2 == 0),
    "150 groups in a loop": lambda: grouped(lambda n: f"task({n}:v{n})", own_child, lambda n: n % 2 == 0),
    "two layers with 22,500 links": lambda: grouped(lambda n: f"task-{n}", all_children, lambda n: n % 2 == 0),
    "a loop with 22,500 links": lambda: grouped(lambda n: f"task({n}:v{n})", all_children, lambda n: n % 2 == 0),
    "300 other tasks": lambda: with_tasks("new-", 300),
    "150 renamed tasks": lambda: with_tasks("new-", 150),
    "64 changed templates": with_templates,
    "300 changed parameters": lambda: with_parameters(lambda n, run: f"{run} {n}"),
    "128 parameters in another order": lambda: with_parameters(
        lambda n, _: f"{n} 2026-01-01", lambda run: range(128)[:: 3 - 2 * run]
    ),
    "300 parameters with long times": lambda: with_parameters(lambda _, run: f"2026-01-0{run} " * 23),
    "300 parameters with long uuids": lambda: with_parameters(
        lambda _, run: f"deadbeef-dead-beef-dead-beefdeadbee{run} " * 7
    ),
    "300 parameters with long numbers": lambda: with_parameters(lambda _, run: f"1234567{run}" * 32),
}


def cpu_seconds(*calls: Callable[[], object]) -> list[float]:
    """Return the least CPU time of each call, measured in turns: a busy machine is busy for all.

    Coverage is not recorded meanwhile: it would take more time than what is measured.
    """
    took: list[list[float]] = [[] for _ in calls]
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        for _ in range(30):
            for call, times in zip(calls, took, strict=True):
                begin = process_time()
                call()
                times.append(process_time() - begin)
    finally:
        sys.settrace(tracer)
    return [min(times) for times in took]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_comparison_of_300_steps_takes_a_part_of_a_millisecond(
    shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measured beside the decoding of a usual report, so that a slow machine does not fail it."""
    before, after = SHAPES[shape]()
    usual = named(lambda n: f"step-{n}")[1].status.dump_json()
    outcome = RunOutcome("Workflow/wf", BEGIN - timedelta(days=1), 3000, has_succeeded=True)
    durations = step_durations(before.status, before.name)
    known = KnownRuns([outcome] * 20, before, durations_by_step([durations] * EARLIER_RUNS))
    took, decoding = cpu_seconds(lambda: compare(after, known), lambda: ReportStatus.model_validate_json(usual))
    with capsys.disabled():
        print(f"\n{shape}: {took * 1000:.2f} CPU ms, {took / decoding:.1f} of decoding a report", end=" ")
    found = compare(after, known)
    assert found
    assert found.steps or found.changes
    assert took < MOST * decoding


def test_long_names_of_stored_templates_are_not_remembered() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        for run in range(20):
            name = f"namespaced/{run}" + "n" * 200_000
            stored = {"storedTemplates": {name: {"name": "t", "container": {"image": "i"}}}}
            assert digest_definition(json.dumps({"status": stored}).encode()) is not None
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
