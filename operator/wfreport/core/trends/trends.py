"""Computes trends from the facts of runs. Pure and deterministic: the order of the runs does not matter."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from wfreport.core.compare.durations import median, percentile_95
from wfreport.core.trends.facts import RunFacts
from wfreport.core.trends.failures import fingerprints, flaky_runs, flaky_templates, remediation_trends
from wfreport.core.trends.model import DurationChange, Durations, OriginTrend, Recovery, Share, Trends, Waste

MIN_CHANGE_RUNS: Final = 5
"""With fewer successful runs in a half, its median is not compared."""


def compute_trends(runs: Iterable[RunFacts]) -> Trends:
    """Return the trends of some runs; of several reports about one run, one counts."""
    distinct = {(run.namespace, run.uid, run.started_at): run for run in sorted(runs, key=_by_name)}
    ordered = sorted(distinct.values(), key=_by_end)
    ended = [run for run in ordered if run.finished_at]
    redone = _redone_seconds(ended)
    by_origin: defaultdict[tuple[str, str], list[RunFacts]] = defaultdict(list)
    for run in ordered:
        by_origin[run.namespace, run.origin].append(run)
    ends = [run.finished_at for run in ended]
    return Trends(
        runs=len(ended),
        running=len(ordered) - len(ended),
        first_ended_at=ends[0] if ends else None,
        last_ended_at=ends[-1] if ends else None,
        success=_success(ended),
        origins=tuple(sorted((_trend(key, group, redone) for key, group in by_origin.items()), key=_most_runs)),
        fingerprints=tuple(fingerprints(ended)),
        flaky=tuple(flaky_templates(ended)),
        flaky_runs=sum(map(len, flaky_runs(ended).values())),
        remediations=tuple(remediation_trends(ordered)),
    )


def _by_name(run: RunFacts) -> tuple[str, str, str]:
    return run.namespace, run.workflow, run.uid


def _by_end(run: RunFacts) -> tuple[float, str, str, str]:
    at = run.finished_at.timestamp() if run.finished_at else float("inf")
    return at, run.namespace, run.workflow, run.uid


def _most_runs(trend: OriginTrend) -> tuple[int, str, str]:
    return -trend.success.runs - trend.running, trend.namespace, trend.origin


def _trend(key: tuple[str, str], runs: Sequence[RunFacts], redone: dict[str, int]) -> OriginTrend:
    ended = [run for run in runs if run.finished_at]
    return OriginTrend(
        namespace=key[0],
        origin=key[1],
        running=len(runs) - len(ended),
        success=_success(ended),
        duration=describe_durations([run.seconds for run in ended if run.has_succeeded and run.seconds is not None]),
        recovery=describe_recovery(ended),
        waste=_waste(ended, redone),
    )


def _success(ended: Sequence[RunFacts]) -> Share:
    succeeded = sum(run.has_succeeded for run in ended)
    return Share(len(ended), succeeded, round(succeeded / len(ended), 4) if ended else None)


def describe_durations(seconds: Sequence[int]) -> Durations:
    """Return percentiles of durations in the order of their runs, and the change from their earlier to later half."""
    if not seconds:
        return Durations(0)
    return Durations(len(seconds), round(median(seconds)), percentile_95(seconds), _change(seconds))


def _change(seconds: Sequence[int]) -> DurationChange | None:
    middle = len(seconds) // 2
    if middle < MIN_CHANGE_RUNS:
        return None
    before, after = round(median(seconds[:middle])), round(median(seconds[middle:]))
    ratio = round(after / before, 3) if before else None
    return DurationChange(middle, before, len(seconds) - middle, after, after - before, ratio)


def describe_recovery(ended: Iterable[RunFacts]) -> Recovery:
    """Return how long runs, in the order of their ends, kept failing until one succeeded."""
    times: list[int] = []
    since: datetime | None = None
    for run in ended:
        if run.finished_at is None:
            continue
        if not run.has_succeeded:
            since = since or run.finished_at
        elif since:
            times.append(round((run.finished_at - since).total_seconds()))
            since = None
    return Recovery(
        len(times),
        round(median(times)) if times else None,
        max(times, default=None),
        since,
    )


def _waste(ended: Sequence[RunFacts], redone: dict[str, int]) -> Waste:
    retried = [run.retried_seconds for run in ended if run.retried_seconds is not None]
    queued = [run.queued_seconds for run in ended if run.queued_seconds is not None]
    again = [redone[run.uid] for run in ended if run.uid in redone]
    return Waste(sum(retried), len(retried), sum(again), len(again), sum(queued), len(queued))


def _redone_seconds(ended: Iterable[RunFacts]) -> dict[str, int]:
    """Return, by uid of a run that repeats another, the seconds of steps that had succeeded and ran again."""
    runs = list(ended)
    by_name = {(run.namespace, run.workflow): run for run in runs}
    found: dict[str, int] = {}
    for run in runs:
        repeated = by_name.get((run.namespace, run.resubmitted_from))
        if repeated is not None:
            found[run.uid] = sum(seconds for key, seconds in run.steps.items() if key in repeated.steps)
    return found
