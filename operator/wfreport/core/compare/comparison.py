"""Compares a run that has ended with the earlier runs of its origin: the same cron, template or generateName."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from msgspec import Struct

from wfreport.api.comparison import (
    MAX_CHANGES,
    Comparison,
    FailureHistory,
    FailureNovelty,
    LastSuccess,
    RunDefinition,
    SlowerStep,
)
from wfreport.api.report import ReportStatus
from wfreport.core.compare.changes import ComparedRun, comparable_definitions, find_changes, has_all_parameters
from wfreport.core.compare.durations import (
    MAX_RUNS,
    NO_DURATIONS,
    EarlierDurations,
    describe_baseline,
    is_slow,
    least_growth_seconds,
    run_seconds,
    slower_steps,
    step_durations,
)
from wfreport.core.compare.origin import RunOutcome
from wfreport.core.compare.words import in_words
from wfreport.core.plurals import plural

_UNKNOWN_DEFINITION = "its definition is not recorded, so that changes of templates, images and resources are unknown"
_OTHER_FORMAT: Final = "the definition of one run was recorded by another version of wfreport, and is not compared"


class KnownRuns(Struct, frozen=True):
    """Knowledge about the earlier runs of an origin.

    Attributes:
        outcomes: how they ended, oldest first.
        last_success: the last one that succeeded, with its report; None if there is none, or its report is gone.
        steps: durations of the steps in these runs.
    """

    outcomes: Sequence[RunOutcome] = ()
    last_success: ComparedRun | None = None
    steps: EarlierDurations = NO_DURATIONS

    @property
    def durations(self) -> list[int]:
        """Durations of the latest successful runs, in seconds."""
        successes = [each.seconds for each in self.outcomes if each.has_succeeded][-MAX_RUNS:]
        return [seconds for seconds in successes if seconds is not None]


NO_RUNS: Final = KnownRuns()


def compare(run: ComparedRun, known: KnownRuns) -> Comparison | None:
    """Return how a run differs from the earlier ones of its origin; None if there are none, or it goes on."""
    observed = run.status.observed_workflow
    if not known.outcomes or observed is None or observed.finished_at is None:
        return None
    last = known.last_success
    changes = find_changes(last, run) if last else []
    seconds, durations = run_seconds(run.status), known.durations
    baseline = describe_baseline(durations)
    excess = seconds - baseline.p50_seconds if baseline and seconds is not None else 0
    return Comparison(
        baseline=baseline,
        slow=(seconds is not None and is_slow(seconds, durations)) or None,
        last_success=_last_success(last, known.outcomes) if last else None,
        failure=_failure_history(run.status, known.outcomes),
        changes=changes[:MAX_CHANGES] or None,
        more_changes=max(0, len(changes) - MAX_CHANGES) or None,
        steps=_slower_steps(run, excess, known) or None,
        unknown=unknown_parts(run, last),
    )


def _slower_steps(run: ComparedRun, excess_seconds: int, known: KnownRuns) -> list[SlowerStep]:
    # a shorter step cannot have grown by so much
    least = least_growth_seconds(excess_seconds)
    return slower_steps(excess_seconds, step_durations(run.status, run.name, at_least_seconds=least), known.steps)


def unknown_parts(run: ComparedRun, last: ComparedRun | None) -> str | None:
    """Return what could not be compared, and why, as clauses; None if everything could."""
    if last is None:
        return "no earlier run that succeeded is known"
    definitions = comparable_definitions(last, run)
    of_runs = zip(("last success", "run"), (last, run), definitions, strict=True)
    clauses = [clause for which, each, definition in of_runs for clause in _unknown_of(which, each.status, definition)]
    if None in definitions and all(each.status.definition for each in (last, run)):
        clauses.insert(0, _OTHER_FORMAT)
    return "; ".join(clauses) or None


def _unknown_of(which: str, status: ReportStatus, comparable: RunDefinition | None) -> Iterator[str]:
    """Yield what is unknown of one run, whose definition can be compared or not."""
    if status.definition is None:
        yield f"of the {which}, {_UNKNOWN_DEFINITION}"
    if not has_all_parameters(status, comparable) and (status.parameters or status.definition):
        recorded = "only the first are recorded" if status.parameters else "none are recorded"
        yield f"of the parameters of the {which}, {recorded}"
    if comparable and comparable.truncated:
        yield f"the definition of the {which} is too large to be recorded as a whole"


def _last_success(last: ComparedRun, outcomes: Sequence[RunOutcome]) -> LastSuccess:
    since = list(takewhile(lambda each: not each.has_succeeded, reversed(outcomes)))
    before = outcomes[: len(outcomes) - len(since)]
    successes = list(takewhile(lambda each: each.has_succeeded, reversed(before)))
    observed = last.status.observed_workflow
    return LastSuccess(
        workflow_name=last.name,
        finished_at=observed.finished_at if observed else None,
        runs_since=len(since),
        successes=max(1, len(successes)),
    )


def _failure_history(status: ReportStatus, outcomes: Sequence[RunOutcome]) -> FailureHistory | None:
    fingerprint = status.failures[0].fingerprint if status.failures and status.failure_class else None
    observed = status.observed_workflow
    if not fingerprint or observed is None:
        return None
    equal = [each for each in outcomes if each.fingerprint == fingerprint]
    in_a_row = len(list(takewhile(lambda each: each.fingerprint == fingerprint, reversed(outcomes))))
    novelty = FailureNovelty.KNOWN if equal else FailureNovelty.NEW
    return FailureHistory(
        novelty=FailureNovelty.RECURRING if in_a_row else novelty,
        first_seen_at=equal[0].finished_at if equal else observed.finished_at,
        occurrences=len(equal) + 1,
        consecutive=in_a_row + 1,
    )


def clause_of(comparison: Comparison) -> str:
    """Return the comparison as a clause of the summary; empty if it adds nothing new."""
    parts = [part for part in (_streak(comparison), *_leading_changes(comparison)) if part]
    return "; ".join(parts)


def _streak(comparison: Comparison) -> str:
    failure, last = comparison.failure, comparison.last_success
    if failure and failure.consecutive > 1:
        return f"failed the same way {failure.consecutive} times in a row"
    if failure and last and not last.runs_since:
        return f"first failure after {plural(last.successes, 'success')}"
    return ""


def _leading_changes(comparison: Comparison) -> list[str]:
    """Return the most telling change, and how many others there are."""
    changes = comparison.changes or []
    if not changes or not comparison.failure:
        return []
    more = len(changes) - 1 + (comparison.more_changes or 0)
    return [in_words(changes[0]) + (f" and {plural(more, 'other change')}" if more else "")]
