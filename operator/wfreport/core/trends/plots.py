"""Places runs on plots: how many ended on each day, and how long those of one origin took."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from wfreport.core.trends.facts import RunFacts

WIDTH: Final = 900
HEIGHT: Final = 120
MAX_DAYS: Final = 60
MAX_POINTS: Final = 300


class DayBar(Struct, frozen=True):
    """The runs that ended on one day: a bar of two parts, with its place on the plot.

    Attributes:
        day: the day, in UTC.
        succeeded: number of runs that succeeded.
        failed: number of runs that did not.
        x: left end of the bar.
        width: its width.
        succeeded_height: height of the part of those that succeeded, which is at the bottom.
        failed_height: height of the part above.
    """

    day: date
    succeeded: int
    failed: int
    x: float
    width: float
    succeeded_height: float
    failed_height: float


class DurationPoint(Struct, frozen=True):
    """A run on a plot of durations."""

    x: float
    y: float
    has_succeeded: bool
    workflow: str
    seconds: int


class DurationPlot(Struct, frozen=True):
    """The durations of the latest runs of one origin, by their end.

    Attributes:
        points: a point per run.
        max_seconds: the duration at the top.
        first_at: end of the first run.
        last_at: end of the last run.
    """

    points: Sequence[DurationPoint]
    max_seconds: int
    first_at: datetime
    last_at: datetime

    def height_of(self, seconds: int | None) -> float | None:
        """Return the y of a duration; None if it is unknown."""
        return None if seconds is None else _y(seconds, self.max_seconds)


def plot_days(runs: Iterable[RunFacts]) -> Sequence[DayBar]:
    """Return a bar for each of the last days up to the last end of a run; days without a run have an empty one."""
    counts = Counter(
        (run.finished_at.astimezone(UTC).date(), run.has_succeeded) for run in runs if run.finished_at is not None
    )
    if not counts:
        return ()
    last = max(day for day, _ in counts)
    first = max(min(day for day, _ in counts).toordinal(), last.toordinal() - MAX_DAYS + 1)
    days = [date.fromordinal(number) for number in range(first, last.toordinal() + 1)]
    highest = max(counts[day, True] + counts[day, False] for day in days)
    slot = WIDTH / len(days)
    return [_bar(day, number * slot, slot, counts, highest) for number, day in enumerate(days)]


def _bar(day: date, x: float, slot: float, counts: Counter[tuple[date, bool]], highest: int) -> DayBar:
    succeeded, failed = counts[day, True], counts[day, False]
    # the day of the last end has a run, so that the highest bar is not empty
    unit = HEIGHT / highest
    width = min(slot * 0.8, 60)
    heights = round(succeeded * unit, 2), round(failed * unit, 2)
    return DayBar(day, succeeded, failed, round(x, 2), round(width, 2), *heights)


def plot_durations(runs: Iterable[RunFacts], namespace: str, origin: str) -> DurationPlot | None:
    """Return the durations of the latest runs of one origin; None if none is known."""
    ended = sorted(
        (run.finished_at.timestamp(), run.workflow, run.seconds, run.has_succeeded)
        for run in runs
        if run.finished_at and run.seconds is not None and (run.namespace, run.origin) == (namespace, origin)
    )[-MAX_POINTS:]
    if not ended:
        return None
    first, last = ended[0][0], ended[-1][0]
    highest = max(1, *(seconds for _, _, seconds, _ in ended))
    # runs that all ended at once are at the left
    span = last - first or 1.0
    points = [
        DurationPoint(round(WIDTH * (at - first) / span, 2), _y(seconds, highest), has_succeeded, workflow, seconds)
        for at, workflow, seconds, has_succeeded in ended
    ]
    return DurationPlot(points, highest, datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))


def _y(seconds: int, highest: int) -> float:
    return round(HEIGHT - HEIGHT * min(max(seconds, 0), highest) / highest, 2)
