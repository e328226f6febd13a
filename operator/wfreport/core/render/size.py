"""Keeps a report within its maximum size: parts are cut in a fixed order, and the condition Truncated lists them.

The cuts are applied one after the other until the report fits. Large parts that are easy to find elsewhere go first.
The order has two rounds. After the first one, the report still explains the run: the first 5 failures have their logs
and Events, and the steps that did not succeed are listed. The second round is for reports with a hundred failures that
are still too large; it cuts the same parts completely, and then the failures themselves:

    cut                          round 1 leaves                  round 2 leaves
    evidence of equal failures   that of 3 of each kind          none
    log tails                    those of the first 5 failures   none
    steps                        100, unsuccessful ones first    none
    containers                   those of the first 5 failures   none
    Events                       those of the first 5 failures   none
    victims and tolerated ones   none
    parameters and outputs       none
    comparison's steps           none
    definition                   none
    failures                     200, then 100                   50, then 20, then 5
    anything else                all                             short messages, no critical path

docs/decisions/0016-two-rounds-of-cutting.md has the reasons.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from wfreport.api.classes import CAUSES
from wfreport.api.evidence import LogTail
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Failure, ReportStatus, Step
from wfreport.core.plurals import plural
from wfreport.core.redact.bounds import cut
from wfreport.core.render.conditions import condition
from wfreport.core.render.equal_failures import equal_groups
from wfreport.core.render.steps import SUCCESSFUL_PHASES

_FULL_FAILURES = 5
"""Number of failures that keep their evidence in the first round; the CLI shows as many in full."""
_EQUAL_FAILURES = 3
"""Number of equal failures that keep their evidence if a report is too large."""
_SHORT_CHARACTERS = 200
_CUT_LOG = LogTail(text="", lines=0, bytes=0, truncated=True)
"""Placeholder for a log that was cut, so that later renderings know that it existed."""

Cut = Callable[[ReportStatus], ReportStatus]


def fit(
    status: ReportStatus, max_bytes: int, notes: list[str], at: datetime | None, generation: int | None
) -> ReportStatus:
    """Cut the status to ``max_bytes``, and add the condition Truncated, which lists the parts that were left out.

    ``notes`` lists the parts that were left out before.
    """
    reduced = status
    annotated = _with_condition(reduced, notes + _left_out(status, reduced), at, generation)
    for apply_cut in _CUTS:
        if len(annotated.dump_json()) <= max_bytes:
            break
        reduced = apply_cut(reduced)
        annotated = _with_condition(reduced, notes + _left_out(status, reduced), at, generation)
    return annotated


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


def _left_out(full: ReportStatus, reduced: ReportStatus) -> list[str]:
    """List the parts that are missing in the reduced status, with numbers, including logs that were cut earlier."""
    before, after = full.failures or [], reduced.failures or []
    logs = sum(1 for f in before if f.log_tail) - sum(1 for f in after if f.log_tail and f.log_tail != _CUT_LOG)
    steps, listed = len(full.steps or ()), len(reduced.steps or ())
    events = sum(1 for f in before if f.events) - sum(1 for f in after if f.events)
    containers = sum(1 for f in before if f.containers) - sum(1 for f in after if f.containers)
    causes, listed_causes = (sum(1 for f in failures if f.role in CAUSES) for failures in (before, after))
    others = len(before) - causes - (len(after) - listed_causes)
    had_values, has_values = (s.outputs is not None or s.parameters is not None for s in (full, reduced))
    notes = [
        plural(logs, "log tail") if logs else "",
        f"{steps - listed:,} of {steps:,} listed steps" if steps > listed else "",
        f"containers of {plural(containers, 'failure')}" if containers else "",
        f"Events of {plural(events, 'failure')}" if events else "",
        f"{others:,} victims and tolerated failures" if others else "",
        "parameters and outputs" if had_values and not has_values else "",
        "the steps of the comparison" if _has_compared_steps(full) and not _has_compared_steps(reduced) else "",
        "the definition" if full.definition and not reduced.definition else "",
        f"{causes - listed_causes:,} of {causes:,} failures" if causes > listed_causes else "",
        "the critical path and details of failures" if full.critical_path and not reduced.critical_path else "",
    ]
    return [note for note in notes if note]


def _cut_equal(status: ReportStatus) -> ReportStatus:
    """Cut the evidence of failures that equal at least three earlier ones: it adds nothing."""
    seen = (failure for group in equal_groups(status.failures or ()) for failure in group[_EQUAL_FAILURES:])
    repeated = {id(failure) for failure in seen}

    def without_evidence(failure: Failure) -> Failure:
        log = {"log_tail": _CUT_LOG} if failure.log_tail else {}
        return failure.model_copy(update=log | {"containers": None, "events": None})

    return status.changed(
        failures=[without_evidence(f) if id(f) in repeated else f for f in status.failures or ()] or None
    )


def _cut_logs(after: int) -> Cut:
    def without_log(failure: Failure) -> Failure:
        return failure.model_copy(update={"log_tail": _CUT_LOG}) if failure.log_tail else failure

    return lambda status: _change_failures(status, after, without_log)


def _cut_containers(after: int) -> Cut:
    return lambda status: _change_failures(status, after, lambda f: f.model_copy(update={"containers": None}))


def _cut_events(after: int) -> Cut:
    return lambda status: _change_failures(status, after, lambda f: f.model_copy(update={"events": None}))


def _change_failures(status: ReportStatus, after: int, change: Callable[[Failure], Failure]) -> ReportStatus:
    """Change all failures after the first ``after`` ones."""
    failures = status.failures or []
    return status.changed(failures=[*failures[:after], *map(change, failures[after:])] or None)


def _limit_steps(number: int) -> Cut:
    return lambda status: status.changed(steps=_most_relevant(status.steps or [], number) or None)


def _most_relevant(steps: Sequence[Step], number: int) -> list[Step]:
    """Return the given number of steps, unsuccessful ones first, in their original order and with new child indexes."""
    by_relevance = sorted(range(len(steps)), key=lambda index: (steps[index].phase in SUCCESSFUL_PHASES, index))
    chosen = sorted(by_relevance[:number])
    new_index = {index: new for new, index in enumerate(chosen)}
    return [
        steps[index].model_copy(
            update={"children": [new_index[c] for c in steps[index].children or () if c in new_index] or None}
        )
        for index in chosen
    ]


def _cut_victims(status: ReportStatus) -> ReportStatus:
    return status.changed(failures=[f for f in status.failures or () if f.role in CAUSES] or None)


def _cut_values(status: ReportStatus) -> ReportStatus:
    return status.changed(outputs=None, parameters=None)


def _cut_compared_steps(status: ReportStatus) -> ReportStatus:
    compared = status.comparison
    return status.changed(comparison=compared.model_copy(update={"steps": None}) if compared else None)


def _has_compared_steps(status: ReportStatus) -> bool:
    return bool(status.comparison and status.comparison.steps)


def _cut_definition(status: ReportStatus) -> ReportStatus:
    return status.changed(definition=None)


def _limit_failures(number: int) -> Cut:
    return lambda status: status.changed(failures=(status.failures or [])[:number] or None)


def _cut_to_minimum(status: ReportStatus) -> ReportStatus:
    """As the last resort, limit the other lists and shorten all messages."""
    waiting, warnings = (status.waiting or [])[:_FULL_FAILURES], (status.warnings or [])[:_FULL_FAILURES]
    lists: dict[str, object] = {
        "failures": [
            f.model_copy(
                update={
                    "previous_attempts": None,
                    "resources": None,
                    "message": _short(f.message),
                    "log_line": _short(f.log_line),
                }
            )
            for f in status.failures or ()
        ],
        "waiting": [w.model_copy(update={"message": _short(w.message)}) for w in waiting],
        "warnings": [w.model_copy(update={"message": _short(w.message)}) for w in warnings],
        "runs": [run.model_copy(update={"summary": _short(run.summary)}) for run in status.runs or ()],
    }
    return status.changed(
        critical_path=None, superseded_attempts=None, **{name: entries or None for name, entries in lists.items()}
    )


def _short(text: str | None) -> str | None:
    return cut(text, _SHORT_CHARACTERS) if text else text


_CUTS: tuple[Cut, ...] = (
    _cut_equal,
    _cut_logs(after=_FULL_FAILURES),
    _limit_steps(100),
    _cut_containers(after=_FULL_FAILURES),
    _cut_events(after=_FULL_FAILURES),
    _cut_victims,
    _cut_values,
    _cut_compared_steps,
    _cut_definition,
    _limit_failures(200),
    _limit_failures(100),
    _cut_logs(after=0),
    _limit_steps(0),
    _cut_containers(after=0),
    _cut_events(after=0),
    _limit_failures(50),
    _limit_failures(20),
    _limit_failures(_FULL_FAILURES),
    _cut_to_minimum,
)
"""The cuts, in the order in which they are applied until the report fits."""
