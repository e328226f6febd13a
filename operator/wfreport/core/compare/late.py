"""Finds out whether a run that goes on, and its running steps, already take longer than earlier ones did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from wfreport.api.report import Step, StepWarning
from wfreport.core.compare.durations import (
    EarlierDurations,
    is_slow,
    median,
    percentile_95,
    working_steps,
)
from wfreport.core.timing.durations import seconds_between, short_duration

SLOW: Final = "Slow"
"""Reason of the warning."""
MAX_LATE_STEPS: Final = 10


def late_run(started_at: datetime, durations: Sequence[int], now: datetime) -> StepWarning | None:
    """Return a warning if a run is slow beside earlier ones. Its text does not depend on the present time."""
    seconds = seconds_between(started_at, now) or 0
    return StepWarning(reason=SLOW, message=_usual(durations, "runs")) if is_slow(seconds, durations) else None


def late_steps(
    steps: Sequence[Step], earlier: EarlierDurations, now: datetime, workflow_name: str
) -> list[StepWarning]:
    """Return warnings for steps that run and are slow beside the same steps of earlier runs."""
    found: list[StepWarning] = []
    for step in working_steps(steps):
        if step.finished_at:
            continue
        durations = [each.seconds for each in earlier.of(step, workflow_name)]
        if is_slow(seconds_between(step.started_at, now) or 0, durations):
            found.append(
                StepWarning(display_name=step.display_name, reason=SLOW, message=_usual(durations, "runs of the step"))
            )
    return found[:MAX_LATE_STEPS]


def _usual(durations: Sequence[int], what: str) -> str:
    half, most = short_duration(median(durations)), short_duration(percentile_95(durations))
    return (
        f"takes longer than usual: {half} is the median of the last {len(durations)} {what}, {most} the 95th percentile"
    )
