"""Compares durations of runs and steps with those of earlier runs.

A duration is slow if it exceeds the 95th percentile of earlier ones, and their median by three median absolute
deviations (MAD), and their median by 30 seconds. The first two hold for a distribution of any shape; the third keeps
short steps, which vary by seconds, out of the report.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from msgspec import Struct, field

from wfreport.api.argo import NodeType
from wfreport.api.comparison import Baseline, SlowerStep, SlowReason
from wfreport.api.report import ReportStatus, Step
from wfreport.core.compare.loops import (
    EnclosingGroups,
    LoopItem,
    enclosing_groups,
    enclosing_items,
    item_of,
    split_item,
)

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


class StepDuration(Struct, frozen=True, order=True, gc=False):
    """The duration of a step of one run.

    Attributes:
        seconds: from its creation to its end; the median of a loop's items.
        queued_seconds: the part before its main container started; 0 if unknown.
        attempts: number of its attempts.
    """

    seconds: int
    queued_seconds: int = 0
    attempts: int = 1


class ItemDuration(Struct, frozen=True):
    """The duration of a step for an item of a loop, or in one of several groups that have a step of its name.

    Attributes:
        key: the step.
        item: the item, or the group.
        duration: the duration.
        index: position of the step in the report.
    """

    key: StepKey
    item: LoopItem
    duration: StepDuration
    index: int = -1


class StepDurations(Struct, frozen=True):
    """Durations of the steps of one run.

    Attributes:
        steps: by step; the median of a loop's items.
        items: of each item of a loop.
        indexes: position of each step in the report; that of the first one, if there are several.
        listed: the steps of the report.
        groups: the groups around them, if some have the same name.
    """

    steps: Mapping[StepKey, StepDuration]
    items: Sequence[ItemDuration] = ()
    indexes: Mapping[StepKey, int] = field(default_factory=dict)
    listed: Sequence[Step] = ()
    groups: EnclosingGroups | None = None


class EarlierDurations(Struct, frozen=True):
    """Durations of the same steps in earlier runs, by step, and by the value and the position of an item.

    Each list is in ascending order.
    """

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


def step_durations(status: ReportStatus, workflow_name: str = "", *, at_least_seconds: float = 0) -> StepDurations:
    """Return the durations of the listed steps that did work and have ended. Attempts belong to their step.

    Args:
        status: the run.
        workflow_name: name of its Workflow, which is the name of its outermost step.
        at_least_seconds: leave out the steps of which not even one item took so long.
    """
    steps = status.steps or []
    ended = _ended_steps(steps)
    long = {step.template_name for _, step, seconds in ended if seconds >= at_least_seconds}
    loops = enclosing_items(steps) if long else {}
    first: dict[StepKey, StepDuration] = {}
    repeated: dict[StepKey, list[StepDuration]] = {}
    indexes: dict[StepKey, int] = {}
    items: list[ItemDuration] = []
    others: list[tuple[int, StepKey, StepDuration]] = []
    for index, step, exact_seconds in ended:
        if step.template_name not in long:
            continue
        seconds = round(exact_seconds) if exact_seconds > 0 else 0
        name, own_item = step.display_name, None
        # few steps need these calls, which cost more than all the rest
        if name.endswith(")"):
            name, own_item = split_item(name)
        if name.startswith(workflow_name):
            name = _without_workflow(name, workflow_name)
        key = (name, step.template_name or "")
        if step.type == _RETRY:
            duration = _with_attempts(step, steps, seconds)
        else:
            duration = StepDuration(seconds, step.queued_seconds or 0)
        known = first.setdefault(key, duration)
        if known is duration:
            indexes[key] = index
        else:
            repeated.setdefault(key, [known]).append(duration)
        item = own_item or loops.get(index)
        if item:
            items.append(ItemDuration(key, item, duration, index))
        else:
            others.append((index, key, duration))
    alike = [each for each in others if each[1] in repeated] if repeated else []
    groups = enclosing_groups(steps) if alike else None
    items += _same_named(groups, alike)
    medians = {key: _median(each) for key, each in repeated.items()}
    alone = {key: index for key, index in indexes.items() if key not in repeated} if repeated else indexes
    return StepDurations(first | medians, items, alone, steps, groups)


def _same_named(
    groups: EnclosingGroups | None, alike: Iterable[tuple[int, StepKey, StepDuration]]
) -> Iterator[ItemDuration]:
    """Yield the durations of steps that have the same name in several groups, by the group."""
    if groups is not None:
        for index, key, duration in alike:
            yield ItemDuration(key, LoopItem("", groups.paths.get(index, ""), "", key[0]), duration, index)


def durations_by_step(runs: Iterable[StepDurations]) -> EarlierDurations:
    """Return the durations of each step in several runs."""
    steps: defaultdict[StepKey, list[StepDuration]] = defaultdict(list)
    items: defaultdict[tuple[StepKey, str], list[StepDuration]] = defaultdict(list)
    for run in runs:
        for key, duration in run.steps.items():
            steps[key].append(duration)
        # a run counts once: else the time would grow with the square of the number of equal items
        equal: defaultdict[tuple[StepKey, str], list[StepDuration]] = defaultdict(list)
        for each in run.items:
            equal[each.key, each.item.by_value].append(each.duration)
            equal[each.key, each.item.by_position].append(each.duration)
        for place, alike in equal.items():
            items[place].append(alike[0] if len(alike) == 1 else _median(alike))
    for durations in (*steps.values(), *items.values()):
        durations.sort()
    return EarlierDurations(dict(steps), dict(items))


def run_seconds(status: ReportStatus) -> int | None:
    """Return the duration of a run; None if it is unknown."""
    return status.timing.duration_seconds if status.timing else None


def working_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps that do work themselves. Attempts are left out: their parent stands for them."""
    attempts = _attempts(steps)
    return (step for index, step in enumerate(steps) if step.type in _WORK and index not in attempts)


def _attempts(steps: Sequence[Step]) -> Set[int]:
    return {child for step in steps if step.type == _RETRY for child in step.children or ()}


def _ended_steps(steps: Sequence[Step]) -> list[tuple[int, Step, float]]:
    """Return the working steps that have ended, with their positions and their seconds."""
    attempts = _attempts(steps)
    return [
        (index, step, (step.finished_at - step.started_at).total_seconds())
        for index, step in enumerate(steps)
        if step.finished_at and step.started_at and step.type in _WORK and index not in attempts
    ]


def step_key(step: Step, workflow_name: str = "") -> StepKey:
    """Return what a step has in common with the same step of another run."""
    return _without_workflow(split_item(step.display_name)[0], workflow_name), step.template_name or ""


def _without_workflow(step_name: str, workflow_name: str) -> str:
    is_outermost = workflow_name and step_name.startswith(workflow_name) and step_name[len(workflow_name) :] in _LABELS
    return step_name[len(workflow_name) :] if is_outermost else step_name


def _with_attempts(step: Step, steps: Sequence[Step], seconds: int) -> StepDuration:
    attempts = [steps[child] for child in step.children or () if child < len(steps)]
    return StepDuration(seconds, sum(each.queued_seconds or 0 for each in attempts), max(1, len(attempts)))


def _median(durations: Sequence[StepDuration]) -> StepDuration:
    return StepDuration(
        _median_low([each.seconds for each in durations]),
        _median_low([each.queued_seconds for each in durations]),
        max(each.attempts for each in durations),
    )


def _median_low(numbers: Sequence[int]) -> int:
    """Return the lower one of two medians, so that one slow item of two is not the loop."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def least_growth_seconds(run_excess_seconds: int) -> float:
    """Return how many seconds longer a step has to take to explain 10 % of a run's longer duration."""
    return max(_MIN_STEP_SECONDS, _SHARE * run_excess_seconds)


def slower_steps(run_excess_seconds: int, now: StepDurations, earlier: EarlierDurations) -> list[SlowerStep]:
    """Return the steps that explain at least 10 % of a run's longer duration, those that grew most first.

    A loop is one step, by the median of its items. An item is listed by itself if it grew at least twice as much.

    Args:
        run_excess_seconds: how much longer the run took.
        now: durations of its steps; at least of those that are as long as the least growth.
        earlier: durations of the same steps in earlier runs.
    """
    if run_excess_seconds <= 0:
        return []
    least = least_growth_seconds(run_excess_seconds)
    found = [*_grown_steps(now, earlier, least), *_grown_items(now, earlier, least)]
    slowest = heapq.nsmallest(MAX_STEPS, found)
    if not slowest:
        return []
    groups = now.groups or enclosing_groups(now.listed)
    return [_slower(_label(name, place, groups), duration, before) for _, name, duration, before, place in slowest]


_Place = tuple[StepKey, int, LoopItem | None]
"""A step, its position in the report (-1 for several steps of one name), and the item of a loop, or the group."""

_Grown = tuple[float, str, StepDuration, Sequence[StepDuration], _Place]
"""A step that takes longer: by how many seconds, negated, its name, its duration, those before, and its place."""


def _label(name: str, place: _Place, groups: EnclosingGroups) -> str:
    """Return the name of a step as people know it: with its group, if other groups have a step of its name.

    In Kubeflow Pipelines, each task is a group with a step ``executor``.
    """
    (step, _), index, item = place
    group = groups.name(index, step)
    if not group or (item is None and not groups.is_alone(index)):
        return name
    if item is None or not item.position:
        return f"{step} of {group}"
    return f"{step} of {group} of {item.name}" if item.enclosing and group != item.name else name


def _grown_steps(now: StepDurations, earlier: EarlierDurations, least: float) -> Iterator[_Grown]:
    for key, duration in now.steps.items():
        before = earlier.steps.get(key) if duration.seconds >= least else None
        if before and (growth := _growth(duration, before)) >= least:
            yield -growth, _LABELS.get(key[0], key[0]), duration, before, (key, now.indexes.get(key, -1), None)


def _grown_items(now: StepDurations, earlier: EarlierDurations, least: float) -> Iterator[_Grown]:
    bounds = {
        key: max(least, _OUTLIER * _growth(now.steps[key], of_loop))
        for key in dict.fromkeys(each.key for each in now.items)
        if (of_loop := earlier.steps.get(key))
    }
    candidates = [each for each in now.items if each.duration.seconds >= bounds.get(each.key, math.inf)]
    known = _known_by_value(now.items, {each.key for each in candidates}, earlier) if candidates else ()
    for each in candidates:
        # if values differ in every run, such as dates, items are compared by their position
        position = each.item.by_value if each.key in known else each.item.by_position
        before = earlier.items.get((each.key, position)) or earlier.steps[each.key]
        growth = _growth(each.duration, before)
        if growth >= bounds[each.key]:
            place = (each.key, each.index, each.item)
            yield -growth, each.item.label(each.key[0]), each.duration, before, place


def _known_by_value(items: Iterable[ItemDuration], keys: Set[StepKey], earlier: EarlierDurations) -> Set[StepKey]:
    """Return those of the loops that had at least one of their values before."""
    found: set[StepKey] = set()
    for each in items:
        if each.key in keys and each.key not in found and (each.key, each.item.by_value) in earlier.items:
            found.add(each.key)
    return found


def _growth(now: StepDuration, before: Sequence[StepDuration]) -> float:
    """Return how many seconds longer a step took; 0 if it is within the usual variation."""
    usual = _usual(before)
    return now.seconds - usual if now.seconds >= usual * _MIN_STEP_FACTOR else 0


def _usual(before: Sequence[StepDuration]) -> int:
    middle = len(before) // 2
    if len(before) % 2:
        return before[middle].seconds
    return round((before[middle - 1].seconds + before[middle].seconds) / 2)


def _slower(name: str, now: StepDuration, before: Sequence[StepDuration]) -> SlowerStep:
    usual = _usual(before)
    queued = now.queued_seconds - median(each.queued_seconds for each in before)
    if now.attempts > max(each.attempts for each in before):
        why = SlowReason.RETRIED
    else:
        why = SlowReason.QUEUED if queued * 2 > now.seconds - usual else SlowReason.RAN
    return SlowerStep(display_name=name, seconds=now.seconds, baseline_seconds=usual, runs=len(before), why=why)
