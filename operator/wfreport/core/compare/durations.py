"""Compares durations of runs and steps with those of earlier runs.

A duration is slow if it exceeds the 95th percentile of earlier ones, and their median by three median absolute
deviations (MAD), and their median by 30 seconds. The first two hold for a distribution of any shape; the third keeps
short steps, which vary by seconds, out of the report.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wfreport.api.argo import NodeType
from wfreport.api.comparison import Baseline, SlowerStep, SlowReason
from wfreport.api.report import ReportStatus, Step
from wfreport.imports import lazy_pattern

MIN_RUNS: Final = 5
"""With fewer runs, no duration is called slow."""
MAX_RUNS: Final = 20
MIN_EXCESS_SECONDS: Final = 30
MAX_STEPS: Final = 10

_MADS: Final = 3
_SHARE: Final = 0.1
_MIN_STEP_SECONDS: Final = 5
_MIN_STEP_FACTOR: Final = 1.25
_ITEM_OR_ATTEMPT: Final = lazy_pattern(r"\(\d+(?::[^()]*)?\)$")
_WORK: Final = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND, NodeType.RETRY})

StepKey = tuple[str, str]
"""Display name without the number of an item or attempt, and the template's name."""


class StepDuration(NamedTuple):
    """The duration of a step of one run.

    Attributes:
        seconds: from its creation to its end; the median of a loop's items.
        queued_seconds: the part before its main container started; 0 if unknown.
        attempts: number of its attempts.
    """

    seconds: int
    queued_seconds: int = 0
    attempts: int = 1


def describe_baseline(durations: Sequence[int]) -> Baseline | None:
    """Return the percentiles of earlier durations, in seconds; None if there are none."""
    if not durations:
        return None
    return Baseline(runs=len(durations), p50_seconds=round(median(durations)), p95_seconds=percentile_95(durations))


def median(numbers: Iterable[float]) -> float:
    """Return the median. The module ``statistics`` takes a hundredth of a command's CPU time to import."""
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile_95(durations: Sequence[int]) -> int:
    """Return the 95th percentile by the nearest rank."""
    return sorted(durations)[math.ceil(0.95 * len(durations)) - 1]


def is_slow(seconds: float, durations: Sequence[int]) -> bool:
    """Return whether a duration is slow beside earlier ones."""
    if len(durations) < MIN_RUNS:
        return False
    middle = median(durations)
    deviation = median(abs(each - middle) for each in durations)
    return (
        seconds > percentile_95(durations)
        and seconds > middle + _MADS * deviation
        and seconds - middle >= MIN_EXCESS_SECONDS
    )


def step_durations(status: ReportStatus) -> dict[StepKey, StepDuration]:
    """Return the durations of the listed steps that did work and have ended. Attempts belong to their step."""
    steps = status.steps or []
    by_key: defaultdict[StepKey, list[StepDuration]] = defaultdict(list)
    for step in working_steps(steps):
        if step.started_at and step.finished_at:
            by_key[step_key(step)].append(_duration(step, steps))
    return {key: _median(durations) for key, durations in by_key.items()}


def durations_by_step(statuses: Iterable[ReportStatus]) -> dict[StepKey, list[StepDuration]]:
    """Return the durations of each step in several runs."""
    found: defaultdict[StepKey, list[StepDuration]] = defaultdict(list)
    for status in statuses:
        for key, duration in step_durations(status).items():
            found[key].append(duration)
    return dict(found)


def run_seconds(status: ReportStatus) -> int | None:
    """Return the duration of a run; None if it is unknown."""
    return status.timing.duration_seconds if status.timing else None


def working_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps that do work themselves. Attempts are left out: their parent stands for them."""
    attempts = {child for step in steps if step.type == NodeType.RETRY for child in step.children or ()}
    return (step for index, step in enumerate(steps) if index not in attempts and step.type in _WORK)


def step_key(step: Step) -> StepKey:
    """Return what a step has in common with the same step of another run."""
    name = step.display_name
    # most names have no number: a pattern costs more than a look at their last character
    return (_ITEM_OR_ATTEMPT.sub("", name) if name.endswith(")") else name), step.template_name or ""


def _duration(step: Step, steps: Sequence[Step]) -> StepDuration:
    ended, began = step.finished_at, step.started_at
    seconds = max(0, round((ended - began).total_seconds())) if ended and began else 0
    if step.type != NodeType.RETRY:
        return StepDuration(seconds, step.queued_seconds or 0)
    children = [steps[child] for child in step.children or () if child < len(steps)]
    return StepDuration(seconds, sum(child.queued_seconds or 0 for child in children), max(1, len(children)))


def _median(durations: Sequence[StepDuration]) -> StepDuration:
    if len(durations) == 1:
        return durations[0]
    return StepDuration(
        round(median(each.seconds for each in durations)),
        round(median(each.queued_seconds for each in durations)),
        max(each.attempts for each in durations),
    )


def slower_steps(
    run_excess_seconds: int, steps: Mapping[StepKey, StepDuration], earlier: Mapping[StepKey, Sequence[StepDuration]]
) -> list[SlowerStep]:
    """Return the steps that explain at least 10 % of a run's longer duration, those that grew most first.

    Args:
        run_excess_seconds: how much longer the run took.
        steps: durations of its steps.
        earlier: durations of the same steps in earlier runs.
    """
    least = max(_MIN_STEP_SECONDS, _SHARE * run_excess_seconds)
    found: list[tuple[int, SlowerStep]] = []
    for key, now in steps.items() if run_excess_seconds > 0 else ():
        before = earlier.get(key)
        if not before or now.seconds < least:
            continue
        usual = before[0].seconds if len(before) == 1 else round(median(each.seconds for each in before))
        if now.seconds - usual >= least and now.seconds >= usual * _MIN_STEP_FACTOR:
            found.append((now.seconds - usual, _slower(key[0], now, before, usual)))
    found.sort(key=lambda pair: (-pair[0], pair[1].display_name))
    return [step for _, step in found[:MAX_STEPS]]


def _slower(name: str, now: StepDuration, before: Sequence[StepDuration], usual: int) -> SlowerStep:
    queued = now.queued_seconds - median(each.queued_seconds for each in before)
    if now.attempts > max(each.attempts for each in before):
        why = SlowReason.RETRIED
    else:
        why = SlowReason.QUEUED if queued * 2 > now.seconds - usual else SlowReason.RAN
    return SlowerStep(display_name=name, seconds=now.seconds, baseline_seconds=usual, runs=len(before), why=why)
