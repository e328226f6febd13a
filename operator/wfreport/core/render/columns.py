"""Chooses what `kubectl get` shows of a run in one word each: the reason why it failed or waits, and the step."""

from wfreport.api.report import Failure, Waiting
from wfreport.core.render.conditions import leading_class


def leading_reason(failures: list[Failure], waiting: list[Waiting]) -> str | None:
    """Return the class of the leading failure, else the reason of the leading wait; None if the run is well."""
    return leading_class(failures) or (waiting[0].reason if waiting else None)


def leading_step(failures: list[Failure], waiting: list[Waiting]) -> str | None:
    """Return the name of the step that ``leading_reason`` is about; None if that is the Workflow itself."""
    if leading_class(failures):
        return step_name(failures[0])
    return waiting[0].display_name if waiting else None


def step_name(failure: Failure) -> str | None:
    """Return the display name of a failed step, without the number of its last attempt."""
    if failure.display_name is None or failure.attempt is None:
        return failure.display_name
    return failure.display_name.removesuffix(f"({failure.attempt - 1})")
