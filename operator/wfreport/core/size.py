"""A report never outgrows its cap: it is cut in a declared order and says so (design.md §3)."""

from collections.abc import Callable
from datetime import datetime

from wfreport.api.classes import Role
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ReportStatus
from wfreport.core.conditions import condition

_FEW = 20
Cut = Callable[[ReportStatus], tuple[ReportStatus, str]]


def fit(
    status: ReportStatus, max_bytes: int, notes: list[str], at: datetime | None, generation: int | None
) -> ReportStatus:
    """The status within ``max_bytes``, with the condition Truncated that tells what was left out.

    ``notes`` tells what was left out already.
    """
    bare, notes = status, list(notes)
    told = _with_condition(bare, notes, at, generation)
    for cut_down in _CUTS:
        if len(told.dump_json()) <= max_bytes:
            break
        bare, note = cut_down(bare)
        notes += [note] if note else []
        told = _with_condition(bare, notes, at, generation)
    return told


def _with_condition(
    status: ReportStatus, notes: list[str], at: datetime | None, generation: int | None
) -> ReportStatus:
    truncated = condition(
        ConditionType.TRUNCATED,
        "True" if notes else "False",
        Reason.SIZE_LIMIT if notes else Reason.WITHIN_LIMITS,
        "left out: " + "; ".join(notes) if notes else "nothing was left out",
        at,
        generation,
    )
    return status.changed(conditions=[*(status.conditions or []), truncated])


def _without_logs(status: ReportStatus) -> tuple[ReportStatus, str]:
    with_logs = sum(1 for failure in status.failures or () if failure.log_tail)
    failures = [failure.model_copy(update={"log_tail": None}) for failure in status.failures or ()]
    return status.changed(failures=failures or None), f"{with_logs} log tails" if with_logs else ""


def _keep_steps(number: int) -> Cut:
    def cut_down(status: ReportStatus) -> tuple[ReportStatus, str]:
        steps = status.steps or []
        if len(steps) <= number:
            return status, ""
        kept = [
            step.model_copy(update={"children": [c for c in step.children or () if c < number] or None})
            for step in steps[:number]
        ]
        return status.changed(steps=kept or None), f"{len(steps) - number} of {len(steps)} listed steps"

    return cut_down


def _without_events(status: ReportStatus) -> tuple[ReportStatus, str]:
    with_events = sum(1 for failure in status.failures or () if failure.events)
    failures = [failure.model_copy(update={"events": None}) for failure in status.failures or ()]
    return status.changed(failures=failures or None), f"Events of {with_events} failures" if with_events else ""


def _without_victims(status: ReportStatus) -> tuple[ReportStatus, str]:
    causes = [f for f in status.failures or () if f.role in (Role.ROOT_CAUSE, Role.EXIT_HANDLER)]
    dropped = len(status.failures or ()) - len(causes)
    return status.changed(failures=causes or None), f"{dropped} victims and tolerated failures" if dropped else ""


def _without_outputs(status: ReportStatus) -> tuple[ReportStatus, str]:
    if status.outputs is None and status.parameters is None:
        return status, ""
    return status.changed(outputs=None, parameters=None), "parameters and outputs"


def _few_failures(status: ReportStatus) -> tuple[ReportStatus, str]:
    failures = status.failures or []
    kept = [failure.model_copy(update={"previous_attempts": None}) for failure in failures[:_FEW]]
    dropped = len(failures) - len(kept)
    update = {
        "failures": kept or None,
        "waiting": (status.waiting or [])[:_FEW] or None,
        "critical_path": None,
    }
    return status.changed(**update), f"{dropped} of {len(failures)} failures" if dropped else "details of failures"


_CUTS: tuple[Cut, ...] = (
    _without_logs,
    _keep_steps(100),
    _keep_steps(0),
    _without_events,
    _without_victims,
    _without_outputs,
    _few_failures,
)
"""What goes first: what is largest and easiest had elsewhere."""
