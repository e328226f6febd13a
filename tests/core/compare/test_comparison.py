"""How a run is told apart from the earlier runs of its origin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.compare.runs import a_template, a_workflow, run_of

from wfreport.api.comparison import Comparison, FailureNovelty
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns, clause_of, compare
from wfreport.core.compare.durations import durations_by_step, step_durations
from wfreport.core.compare.origin import RunOutcome

T0 = datetime(2025, 12, 1, tzinfo=UTC)
SUCCESS = run_of(a_workflow(name="good"))


def failed(**container: Any) -> ComparedRun:
    workflow = a_workflow(a_template(**container), name="bad", phase="Failed")
    workflow["status"]["nodes"]["bad-work"] |= {"phase": "Failed", "message": "Error (exit code 3)"}
    return run_of(workflow)


FINGERPRINT = (failed().status.failures or [])[0].fingerprint


def outcomes(text: str, seconds: int | None = None) -> list[RunOutcome]:
    """Return earlier runs: `s` succeeded, `f` failed as the run does, `o` failed otherwise."""
    return [
        RunOutcome(
            "x", T0 + timedelta(days=n), seconds, kind == "s", {"f": FINGERPRINT or "", "o": "other"}.get(kind, "")
        )
        for n, kind in enumerate(text)
    ]


def comparison(run: ComparedRun, earlier: str, *, seconds: int | None = None, **known: Any) -> Comparison:
    last = SUCCESS if "s" in earlier else None
    found = compare(run, KnownRuns(outcomes(earlier, seconds), **({"last_success": last} | known)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("earlier", "novelty", "occurrences", "consecutive"),
    [
        ("s", FailureNovelty.NEW, 1, 1),
        ("so", FailureNovelty.NEW, 1, 1),
        ("sf", FailureNovelty.RECURRING, 2, 2),
        ("fsff", FailureNovelty.RECURRING, 4, 3),
        ("fs", FailureNovelty.KNOWN, 2, 1),
        ("ffo", FailureNovelty.KNOWN, 3, 1),
    ],
)
def test_a_failure_is_new_recurring_or_known(
    earlier: str, novelty: FailureNovelty, occurrences: int, consecutive: int
) -> None:
    failure = comparison(failed(), earlier).failure
    assert failure is not None
    assert (failure.novelty, failure.occurrences, failure.consecutive) == (novelty, occurrences, consecutive)
    first = T0 + timedelta(days=earlier.index("f")) if "f" in earlier else None
    assert failure.first_seen_at == (first or failed().status.observed_workflow.finished_at)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("earlier", "runs_since", "successes"), [("s", 0, 1), ("osss", 0, 3), ("ssof", 2, 2), ("soso", 1, 1)]
)
def test_the_last_success_and_how_long_ago_it_was(earlier: str, runs_since: int, successes: int) -> None:
    last = comparison(failed(), earlier).last_success
    assert last is not None
    assert (last.workflow_name, last.runs_since, last.successes) == ("good", runs_since, successes)


@pytest.mark.parametrize(
    ("run", "earlier", "clause"),
    [
        (failed(image="etl:1.9"), "sss", "first failure after 3 successes; image etl:1.8 → 1.9"),
        (failed(), "os", "first failure after 1 success"),
        (failed(image="etl:1.9", args=["x"]), "so", "image etl:1.8 → 1.9 and 1 other change"),
        (failed(), "sff", "failed the same way 3 times in a row"),
        (failed(), "o", ""),
        (run_of(a_workflow(a_template(image="etl:1.9"), name="next")), "s", ""),
    ],
)
def test_the_clause_of_the_summary(run: ComparedRun, earlier: str, clause: str) -> None:
    assert clause_of(comparison(run, earlier)) == clause


def test_many_changes_are_counted() -> None:
    many = {f"p{n}": "1" for n in range(30)}
    found = comparison(run_of(a_workflow(name="next", parameters=many)), "s")
    assert (len(found.changes or ()), found.more_changes) == (20, 10)
    failing = found.model_copy(update={"failure": comparison(failed(), "o").failure})
    assert clause_of(failing).endswith("parameter p0 (none) → 1 and 29 other changes")


def test_a_slow_run_names_the_steps_that_made_it_so() -> None:
    usual = run_of(a_workflow(name="good", seconds={"a": 60, "b": 30}))
    run = run_of(a_workflow(name="next", seconds={"a": 300, "b": 30}))
    steps = durations_by_step([step_durations(usual.status)] * 6)
    found = comparison(run, "ssssss", seconds=90, steps=steps)
    assert found.slow
    assert found.baseline is not None
    assert (found.baseline.runs, found.baseline.p50_seconds) == (6, 90)
    assert [(each.display_name, each.baseline_seconds, each.runs) for each in found.steps or ()] == [("a", 60, 6)]


def test_equal_runs_have_no_difference() -> None:
    found = comparison(run_of(a_workflow(name="next")), "s", seconds=10)
    assert (found.slow, found.failure, found.changes, found.steps, found.unknown) == (None,) * 5
    assert clause_of(found) == ""


def test_what_is_unknown_is_named() -> None:
    assert comparison(failed(), "o").unknown == "no earlier run that succeeded is known"
    bare = ComparedRun("good", SUCCESS.status.changed(definition=None))
    assert "of the last success, its definition" in (comparison(failed(), "s", last_success=bare).unknown or "")
    own = ComparedRun("bad", failed().status.changed(definition=None))
    assert "of the run, its definition" in (comparison(own, "s").unknown or "")
    assert SUCCESS.status.definition is not None
    cut = SUCCESS.status.changed(definition=SUCCESS.status.definition.model_copy(update={"truncated": True}))
    found = comparison(failed(), "s", last_success=ComparedRun("good", cut))
    assert found.unknown == "the definition of the last success is too large to be recorded as a whole"


def test_all_that_is_unknown_is_named() -> None:
    def run(name: str, **definition: Any) -> ComparedRun:
        status = run_of(a_workflow(name=name, parameters={f"p{n}": "1" for n in range(200)})).status
        assert status.definition is not None
        return ComparedRun(name, status.changed(definition=status.definition.model_copy(update=definition)))

    cut = run("good", truncated=True)
    assert comparison(run("next"), "s", last_success=cut).unknown == (
        "of the parameters of the last success, only the first are recorded; "
        "the definition of the last success is too large to be recorded as a whole; "
        "of the parameters of the run, only the first are recorded"
    )
    other = run("next", format=1)
    assert (comparison(other, "s", last_success=cut).unknown or "").split("; ") == [
        "the definition of one run was recorded by another version of wfreport, and is not compared",
        "of the parameters of the last success, only the first are recorded",
        "of the parameters of the run, only the first are recorded",
    ]
    bare = ComparedRun("next", other.status.changed(definition=None))
    assert (comparison(bare, "s", last_success=cut).unknown or "").split("; ")[1:] == [
        "of the run, its definition is not recorded, so that changes of templates, images and resources are unknown",
        "of the parameters of the run, only the first are recorded",
    ]


def test_a_run_without_earlier_ones_or_without_an_end_is_not_compared() -> None:
    assert compare(failed(), KnownRuns()) is None
    running = run_of(a_workflow(phase="Running"))
    assert compare(running, KnownRuns(outcomes("s"), SUCCESS)) is None
    nothing = ComparedRun("x", failed().status.changed(observed_workflow=None))
    assert compare(nothing, KnownRuns(outcomes("s"), SUCCESS)) is None
