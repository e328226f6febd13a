"""A report never outgrows its cap: it is cut in a declared order and says so.

The order is that of what is largest and easiest had elsewhere: log text, steps, Events, victims, outputs. It is gone
through twice. The first time a person keeps what explains the run: the first failures with logs and Events, and the
steps that did not go well. Only where a hundred failures with that are still too much it goes too, and then all but a
few failures.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from wfreport.api.classes import Role
from wfreport.api.evidence import LogTail
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Failure, ReportStatus, Step
from wfreport.core.redact.bounds import cut
from wfreport.core.render.conditions import condition
from wfreport.core.render.phrases import plural
from wfreport.core.render.steps import SETTLED_PHASES

_EXPLAINED = 5
"""So many failures, the first, keep their evidence in the first round; the commands tell as many in full."""
_SHORT_CHARACTERS = 200
_CAUSES = (Role.ROOT_CAUSE, Role.EXIT_HANDLER)
_CUT_LOG = LogTail(text="", lines=0, bytes=0, truncated=True)
"""Left in place of a log, so that a later look knows that there was one."""

Cut = Callable[[ReportStatus], ReportStatus]


def fit(
    status: ReportStatus, max_bytes: int, notes: list[str], at: datetime | None, generation: int | None
) -> ReportStatus:
    """The status within ``max_bytes``, with the condition Truncated that tells what was left out.

    ``notes`` tells what was left out already.
    """
    bare = status
    told = _with_condition(bare, notes + _left_out(status, bare), at, generation)
    for cut_down in _CUTS:
        if len(told.dump_json()) <= max_bytes:
            break
        bare = cut_down(bare)
        told = _with_condition(bare, notes + _left_out(status, bare), at, generation)
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


def _left_out(full: ReportStatus, bare: ReportStatus) -> list[str]:
    """What is in one and not in the other, with numbers; logs that an earlier look cut are counted too."""
    before, after = full.failures or [], bare.failures or []
    logs = sum(1 for f in before if f.log_tail) - sum(1 for f in after if f.log_tail and f.log_tail != _CUT_LOG)
    steps, listed = len(full.steps or ()), len(bare.steps or ())
    events = sum(1 for f in before if f.events) - sum(1 for f in after if f.events)
    containers = sum(1 for f in before if f.containers) - sum(1 for f in after if f.containers)
    causes, kept = (sum(1 for f in found if f.role in _CAUSES) for found in (before, after))
    others = len(before) - causes - (len(after) - kept)
    had_values, has_values = (s.outputs is not None or s.parameters is not None for s in (full, bare))
    notes = [
        plural(logs, "log tail") if logs else "",
        f"{steps - listed:,} of {steps:,} listed steps" if steps > listed else "",
        f"containers of {plural(containers, 'failure')}" if containers else "",
        f"Events of {plural(events, 'failure')}" if events else "",
        f"{others:,} victims and tolerated failures" if others else "",
        "parameters and outputs" if had_values and not has_values else "",
        f"{causes - kept:,} of {causes:,} failures" if causes > kept else "",
        "the critical path and details of failures" if full.critical_path and not bare.critical_path else "",
    ]
    return [note for note in notes if note]


def _without_logs(kept: int) -> Cut:
    def bare(failure: Failure) -> Failure:
        return failure.model_copy(update={"log_tail": _CUT_LOG}) if failure.log_tail else failure

    return lambda status: _with_failures(status, kept, bare)


def _without_containers(kept: int) -> Cut:
    return lambda status: _with_failures(status, kept, lambda failure: failure.model_copy(update={"containers": None}))


def _without_events(kept: int) -> Cut:
    return lambda status: _with_failures(status, kept, lambda failure: failure.model_copy(update={"events": None}))


def _with_failures(status: ReportStatus, kept: int, change: Callable[[Failure], Failure]) -> ReportStatus:
    """All but the first ``kept`` failures changed."""
    failures = status.failures or []
    return status.changed(failures=[*failures[:kept], *map(change, failures[kept:])] or None)


def _keep_steps(number: int) -> Cut:
    return lambda status: status.changed(steps=_telling(status.steps or [], number) or None)


def _telling(steps: Sequence[Step], number: int) -> list[Step]:
    """Those that did not go well before those that did, in their order; children are positions in the new list."""
    by_use = sorted(range(len(steps)), key=lambda index: (steps[index].phase in SETTLED_PHASES, index))
    chosen = sorted(by_use[:number])
    position = {index: new for new, index in enumerate(chosen)}
    return [
        steps[index].model_copy(
            update={"children": [position[c] for c in steps[index].children or () if c in position] or None}
        )
        for index in chosen
    ]


def _without_victims(status: ReportStatus) -> ReportStatus:
    return status.changed(failures=[f for f in status.failures or () if f.role in _CAUSES] or None)


def _without_outputs(status: ReportStatus) -> ReportStatus:
    return status.changed(outputs=None, parameters=None)


def _keep_failures(number: int) -> Cut:
    return lambda status: status.changed(failures=(status.failures or [])[:number] or None)


def _bare(status: ReportStatus) -> ReportStatus:
    """The last resort: few of everything, and short."""
    few: dict[str, object] = {
        "failures": [
            f.model_copy(update={"previous_attempts": None, "resources": None, "message": _short(f.message)})
            for f in status.failures or ()
        ],
        "waiting": [w.model_copy(update={"message": _short(w.message)}) for w in (status.waiting or [])[:_EXPLAINED]],
        "warnings": [w.model_copy(update={"message": _short(w.message)}) for w in (status.warnings or [])[:_EXPLAINED]],
        "runs": [run.model_copy(update={"summary": _short(run.summary)}) for run in status.runs or ()],
    }
    return status.changed(
        critical_path=None, superseded_attempts=None, **{name: found or None for name, found in few.items()}
    )


def _short(text: str | None) -> str | None:
    return cut(text, _SHORT_CHARACTERS) if text else text


_CUTS: tuple[Cut, ...] = (
    _without_logs(_EXPLAINED),
    _keep_steps(100),
    _without_containers(_EXPLAINED),
    _without_events(_EXPLAINED),
    _without_victims,
    _without_outputs,
    _keep_failures(200),
    _keep_failures(100),
    _without_logs(0),
    _keep_steps(0),
    _without_containers(0),
    _without_events(0),
    _keep_failures(50),
    _keep_failures(20),
    _keep_failures(_EXPLAINED),
    _bare,
)
"""In this order, one after the other, until the report fits."""
