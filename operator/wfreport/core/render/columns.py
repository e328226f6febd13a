"""Chooses what `kubectl get` shows of a run in one word each: the reason why it failed or waits, and the step."""

from wfreport.api.report import Failure, Stalled, Waiting
from wfreport.core.render.conditions import leading_class


def leading_reason(failures: list[Failure], waiting: list[Waiting], stalled: Stalled | None = None) -> str | None:
    """Return the class of the leading failure, else the reason why the run hangs or waits; None if it is well.

    A run that failed and hangs, such as in its deletion, has both, separated by a comma.
    """
    failure_class = leading_class(failures)
    if failure_class and stalled:
        return f"{failure_class},{stalled.reason}"
    return failure_class or (stalled.reason if stalled else waiting[0].reason if waiting else None)


def leading_step(
    failures: list[Failure], waiting: list[Waiting], stalled: Stalled | None = None, stalled_step: str | None = None
) -> str | None:
    """Return the name of the step that ``leading_reason`` is about; None if that is the Workflow itself."""
    if leading_class(failures):
        return step_name(failures[0])
    if stalled:
        return stalled_step
    return waiting[0].display_name if waiting else None


def step_name(failure: Failure) -> str | None:
    """Return the display name of a failed step, without the number of its last attempt."""
    if failure.display_name is None or failure.attempt is None:
        return failure.display_name
    return failure.display_name.removesuffix(f"({failure.attempt - 1})")
