"""Compares durations of runs and steps with those of earlier runs.

A duration is slow if it exceeds the 95th percentile of earlier ones, and their median by three median absolute
deviations (MAD), and their median by 30 seconds. The first two hold for a distribution of any shape; the third keeps
short steps, which vary by seconds, out of the report.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct, field

from wfreport.api.argo import NodeType
from wfreport.api.comparison import Baseline, SlowerStep, SlowReason
from wfreport.api.report import ReportStatus, Step
from wfreport.core.compare.loops import LoopItem, enclosing_items, item_of, without_item

MIN_RUNS: Final = 5
"""With fewer runs, no duration is called slow."""
MAX_RUNS: Final = 20
MIN_EXCESS_SECONDS: Final = 30
MAX_STEPS: Final = 10

_MADS: Final = 3
_SHARE: Final = 0.1
_MIN_STEP_SECONDS: Final = 5
_MIN_STEP_FACTOR: Final = 1.1
_OUTLIER: Final = 2
_LABELS: Final = {"": "the only step", ".onExit": "the exit handler"}
_RETRY: Final = NodeType.RETRY.value
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


class ItemDuration(NamedTuple):
    """The duration of a step for an item of a loop."""

    key: StepKey
    item: LoopItem
    duration: StepDuration


class StepDurations(Struct, frozen=True):
    """Durations of the steps of one run.

    Attributes:
        steps: by step; the median of a loop's items.
        items: of each item of a loop.
    """

    steps: Mapping[StepKey, StepDuration]
    items: Sequence[ItemDuration] = ()


class EarlierDurations(Struct, frozen=True):
    """Durations of the same steps in earlier runs, by step, and by the value and the position of an item."""

    steps: Mapping[StepKey, Sequence[StepDuration]] = field(default_factory=dict)
    items: Mapping[tuple[StepKey, str], Sequence[StepDuration]] = field(default_factory=dict)

    def of(self, step: Step, workflow_name: str) -> Sequence[StepDuration]:
        """Return the durations of the same item if it is known, else of the same step."""
        key, item = step_key(step, workflow_name), item_of(step.display_name)
        of_item = self.items.get((key, item.by_value)) if item else None
        return of_item or self.steps.get(key, ())


NO_DURATIONS: Final = EarlierDurations()


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


def step_durations(status: ReportStatus, workflow_name: str = "") -> StepDurations:
    """Return the durations of the listed steps that did work and have ended. Attempts belong to their step.

    Args:
        status: the run.
        workflow_name: name of its Workflow, which is the name of its outermost step.
    """
    steps = status.steps or []
    loops = enclosing_items(steps)
    by_key: dict[StepKey, list[StepDuration]] = {}
    items: list[ItemDuration] = []
    for index, step in _working_steps(steps):
        began, ended = step.started_at, step.finished_at
        if began is None or ended is None:
            continue
        key, duration = step_key(step, workflow_name), _duration(step, steps, (ended - began).total_seconds())
        by_key.setdefault(key, []).append(duration)
        # most names have no item: a call costs more than a look at their last character
        item = (item_of(step.display_name) if step.display_name.endswith(")") else None) or loops.get(index)
        if item:
            items.append(ItemDuration(key, item, duration))
    medians = {key: each[0] if len(each) == 1 else _median(each) for key, each in by_key.items()}
    return StepDurations(medians, items)


def durations_by_step(runs: Iterable[StepDurations]) -> EarlierDurations:
    """Return the durations of each step in several runs."""
    steps: defaultdict[StepKey, list[StepDuration]] = defaultdict(list)
    items: defaultdict[tuple[StepKey, str], list[StepDuration]] = defaultdict(list)
    for run in runs:
        for key, duration in run.steps.items():
            steps[key].append(duration)
        for key, item, duration in run.items:
            items[key, item.by_value].append(duration)
            items[key, item.by_position].append(duration)
    return EarlierDurations(dict(steps), dict(items))


def run_seconds(status: ReportStatus) -> int | None:
    """Return the duration of a run; None if it is unknown."""
    return status.timing.duration_seconds if status.timing else None


def working_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps that do work themselves. Attempts are left out: their parent stands for them."""
    return (step for _, step in _working_steps(steps))


def _working_steps(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    attempts = {child for step in steps if step.type == _RETRY for child in step.children or ()}
    return ((index, step) for index, step in enumerate(steps) if index not in attempts and step.type in _WORK)


def step_key(step: Step, workflow_name: str = "") -> StepKey:
    """Return what a step has in common with the same step of another run."""
    name = step.display_name
    if workflow_name and name.startswith(workflow_name) and name[len(workflow_name) :] in _LABELS:
        name = name[len(workflow_name) :]
    return without_item(name) if name.endswith(")") else name, step.template_name or ""


def _duration(step: Step, steps: Sequence[Step], seconds: float) -> StepDuration:
    whole = round(seconds) if seconds > 0 else 0
    if step.type != _RETRY:
        return StepDuration(whole, step.queued_seconds or 0)
    children = [steps[child] for child in step.children or () if child < len(steps)]
    return StepDuration(whole, sum(child.queued_seconds or 0 for child in children), max(1, len(children)))


def _median(durations: Sequence[StepDuration]) -> StepDuration:
    return StepDuration(
        _median_low([each.seconds for each in durations]),
        _median_low([each.queued_seconds for each in durations]),
        max(each.attempts for each in durations),
    )


def _median_low(numbers: Sequence[int]) -> int:
    """Return the lower one of two medians, so that one slow item of two is not the loop."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def slower_steps(run_excess_seconds: int, now: StepDurations, earlier: EarlierDurations) -> list[SlowerStep]:
    """Return the steps that explain at least 10 % of a run's longer duration, those that grew most first.

    A loop is one step, by the median of its items. An item is listed by itself if it grew at least twice as much.

    Args:
        run_excess_seconds: how much longer the run took.
        now: durations of its steps.
        earlier: durations of the same steps in earlier runs.
    """
    if run_excess_seconds <= 0:
        return []
    least = max(_MIN_STEP_SECONDS, _SHARE * run_excess_seconds)
    found: list[tuple[float, SlowerStep]] = []
    for key, duration in now.steps.items():
        before = earlier.steps.get(key) if duration.seconds >= least else None
        growth = _growth(duration, before) if before else 0
        if before and growth >= least:
            found.append((growth, _slower(_LABELS.get(key[0], key[0]), duration, before)))
    found += _slower_items(now, earlier, least)
    found.sort(key=lambda pair: (-pair[0], pair[1].display_name))
    return [step for _, step in found[:MAX_STEPS]]


def _slower_items(now: StepDurations, earlier: EarlierDurations, least: float) -> Iterator[tuple[float, SlowerStep]]:
    known = {each.key for each in now.items if (each.key, each.item.by_value) in earlier.items}
    for key, item, duration in now.items:
        if duration.seconds < least or key not in earlier.steps:
            continue
        of_loop = earlier.steps[key]
        # if values differ in every run, such as dates, items are compared by their position
        before = earlier.items.get((key, item.by_value if key in known else item.by_position)) or of_loop
        growth = _growth(duration, before)
        if growth >= max(least, _OUTLIER * _growth(now.steps[key], of_loop)):
            yield growth, _slower(item.label(key[0]), duration, before)


def _growth(now: StepDuration, before: Sequence[StepDuration]) -> float:
    """Return how many seconds longer a step took; 0 if it is within the usual variation."""
    usual = _usual(before)
    return now.seconds - usual if now.seconds >= usual * _MIN_STEP_FACTOR else 0


def _usual(before: Sequence[StepDuration]) -> int:
    return before[0].seconds if len(before) == 1 else round(median(each.seconds for each in before))


def _slower(name: str, now: StepDuration, before: Sequence[StepDuration]) -> SlowerStep:
    usual = _usual(before)
    queued = now.queued_seconds - median(each.queued_seconds for each in before)
    if now.attempts > max(each.attempts for each in before):
        why = SlowReason.RETRIED
    else:
        why = SlowReason.QUEUED if queued * 2 > now.seconds - usual else SlowReason.RAN
    return SlowerStep(display_name=name, seconds=now.seconds, baseline_seconds=usual, runs=len(before), why=why)
