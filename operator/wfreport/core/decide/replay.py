"""Replays past runs in chronological order through the same decisions, to find out what a policy would have done.

At each point in time, the decision is given what the operator knew then: the runs that had started, and the actions of
this replay. If history contains the run that an action creates (because the operator did act), the end of that run is
the action's outcome. Otherwise the outcome is unknown: the action is in flight for as long as the original run took.

Runs before a manual retry are history only and are not decided about, because reports hold few details of them. That
a run hung for a while is in no report once it has gone on: only runs that hang now are decided about as such.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field, structs

from wfreport.api.action_types import ActionType
from wfreport.api.argo import Phase
from wfreport.api.calendar import shifted
from wfreport.api.policy import RemediationPolicy
from wfreport.api.remediation import LockClass
from wfreport.api.report import ObservedWorkflow, WorkflowReport
from wfreport.core.decide.decision import decide, locks_of
from wfreport.core.decide.history import latest_run, runs_of
from wfreport.core.decide.matching import is_for_running
from wfreport.core.decide.model import (
    CHAIN_ACTIONS,
    Decision,
    ExecutionState,
    History,
    LiveState,
    OperatorLimits,
    PastAction,
    Run,
)
from wfreport.core.decide.pod_labels import PodLabels, pods_to_label
from wfreport.core.snapshot.names import remediation_name

_MIN_DURATION: Final = timedelta(seconds=1)
_ENDED, _DECIDE, _BEGAN = range(3)
"""Kinds of events, in their order at equal times: a run that an action creates starts after the decision."""


class ReplayedDecision(Struct, frozen=True):
    """A decision of a replay.

    Attributes:
        at: time of the decision.
        decision: the decision.
        pods: pods that would have been labelled at this time.
    """

    at: datetime
    decision: Decision
    pods: tuple[PodLabels, ...] = ()


class Replay(Struct, frozen=True):
    """The result of a replay.

    Attributes:
        decisions: all decisions in chronological order; a run that had to wait has several.
        actions: actions that would have been performed, with outcomes if history has them.
    """

    decisions: tuple[ReplayedDecision, ...]
    actions: tuple[PastAction, ...]


class _ReplayState(Struct):
    """The state of a replay at a point in time."""

    policies: Sequence[RemediationPolicy]
    limits: OperatorLimits
    ends: dict[tuple[str, int], Run]
    runs: dict[tuple[str, datetime | None], Run] = field(default_factory=dict)
    actions: list[PastAction] = field(default_factory=list)
    decisions: list[ReplayedDecision] = field(default_factory=list)
    scheduled: set[tuple[str, datetime | None, datetime]] = field(default_factory=set)

    def history(self, now: datetime) -> History:
        return History(tuple(self.runs.values()), tuple(_as_of(action, now) for action in self.actions))


def replay(
    reports: Iterable[WorkflowReport],
    policies: Sequence[RemediationPolicy],
    *,
    since: datetime,
    until: datetime,
    limits: OperatorLimits,
) -> Replay:
    """Replay history as if the policies had been enforced since ``since``.

    Args:
        reports: reports of all known runs; runs that ended before ``since`` are history only.
        policies: policies of one group, treated as if in mode Enforce.
        since: start of the enforcement.
        until: end of the replay.
        limits: limits on the actions of all policies together, and on those of a namespace.
    """
    known = [_without_pod_labels(report) for report in reports if latest_run(report) is not None]
    state = _ReplayState(policies, limits, _outcomes(known))
    rules = (rule for policy in policies for rule in policy.spec.rules)
    is_for_active = any(is_for_running(rule) or rule.match.stalled is not None for rule in rules)
    events = list(_events(known, since, includes_running=is_for_active))
    heapq.heapify(events)
    order = itertools.count(len(events))
    while events:
        at, kind, _, report, run = heapq.heappop(events)
        if at > until:
            break
        if kind == _ENDED:
            state.runs[run.uid, run.started_at] = run
        elif kind == _BEGAN:
            state.runs.setdefault((run.uid, run.started_at), _running(run))
        else:
            for recheck_at in _decide_at(state, report, run, at):
                heapq.heappush(events, (recheck_at, _DECIDE, next(order), report, run))
    return Replay(tuple(state.decisions), tuple(_as_of(action, until) for action in state.actions))


_ReplayEvent = tuple[datetime, int, int, WorkflowReport, Run]


def _events(reports: Iterable[WorkflowReport], since: datetime, *, includes_running: bool) -> Iterator[_ReplayEvent]:
    """Yield the start and the end of each run, and the times of decisions about it."""
    order = itertools.count()
    for report in reports:
        for run in runs_of(report):
            if run.started_at is not None:
                yield run.started_at, _BEGAN, next(order), report, run
            if run.finished_at is not None:
                yield run.finished_at, _ENDED, next(order), report, run
        for at in _decision_times(run, since, includes_running=includes_running):
            yield at, _DECIDE, next(order), report, run


def _decision_times(latest: Run, since: datetime, *, includes_running: bool) -> Iterator[datetime]:
    ended = latest.finished_at
    if includes_running and latest.started_at is not None and (ended is None or ended > since):
        yield max(latest.started_at, since)
    if ended is not None and ended >= since:
        yield ended


def _decide_at(state: _ReplayState, report: WorkflowReport, run: Run, now: datetime) -> set[datetime]:
    """Make the decisions that the operator would have made now; return the times of further checks."""
    report_now = _report_at(report, run, now)
    live, history = _live_state_at(report_now, run), state.history(now)
    recheck_at: set[datetime] = set()
    pods = tuple(pods_to_label(report_now, live, state.policies, history))
    locks = locks_of(report_now)
    by_lock = (decide(report_now, live, state.policies, history, state.limits, now, lock=lock) for lock in locks)
    for decision in (one for one in by_lock if one is not None):
        state.decisions.append(ReplayedDecision(now, decision, pods if decision.lock == LockClass.MUTATE else ()))
        if decision.action is not None:
            state.actions.append(_performed(state, decision, now))
        elif decision.recheck_at is not None and _is_unchanged_until(run, now, decision.recheck_at):
            recheck_at.add(decision.recheck_at)
    # Each check decides about both locks, so without this, checks of two held locks would multiply.
    new = {at for at in recheck_at if (run.uid, run.started_at, at) not in state.scheduled}
    state.scheduled.update((run.uid, run.started_at, at) for at in new)
    return new


def _is_unchanged_until(run: Run, now: datetime, until: datetime) -> bool:
    """Return whether the run does not end between now and ``until``. Its end triggers a decision anyway."""
    return run.finished_at is None or run.finished_at <= now or until < run.finished_at


def _without_pod_labels(report: WorkflowReport) -> WorkflowReport:
    """Return the report as it was before a policy labelled its pods."""
    status = report.status
    if status is None or not status.failures:
        return report
    failures = [failure.model_copy(update={"labelled": None}) for failure in status.failures]
    return report.model_copy(update={"status": status.changed(failures=failures)})


def _report_at(report: WorkflowReport, run: Run, now: datetime) -> WorkflowReport:
    """Return the report as it was at this time: before the run's end, it described a running Workflow."""
    status = report.status
    if status is None or status.observed_workflow is None or run.finished_at is None or run.finished_at <= now:
        return report
    in_progress = {"phase": Phase.RUNNING, "finished_at": None, "resource_version": None, "shutdown": None}
    observed = status.observed_workflow.model_copy(update=in_progress)
    earlier = {"observed_workflow": observed, "failures": None, "failure_class": None, "stalled": None}
    return report.model_copy(update={"status": status.changed(**earlier)})


def _live_state_at(report: WorkflowReport, run: Run) -> LiveState:
    """Return the state of the Workflow at the time of the report."""
    observed = (report.status.observed_workflow if report.status else None) or ObservedWorkflow()
    return LiveState(
        run.uid, observed.resource_version, observed.started_at, is_opted_out=bool(observed.no_remediation)
    )


def _running(run: Run) -> Run:
    return structs.replace(run, phase=Phase.RUNNING, finished_at=None, failure_class=None, fingerprint=None)


def _outcomes(reports: Sequence[WorkflowReport]) -> dict[tuple[str, int], Run]:
    """Return the runs that actions created, by chain and attempt; before any manual retry of theirs."""
    return {(first.root_uid, first.attempt): first for first in (next(runs_of(report)) for report in reports)}


def _performed(state: _ReplayState, decision: Decision, now: datetime) -> PastAction:
    """Return the decided action as if it had been performed at once."""
    run, action_type = decision.run, decision.action or ActionType.NONE
    action = PastAction(
        namespace=run.namespace,
        name=remediation_name(run.name, run.uid, run.started_at, decision.lock),
        policy_name=decision.policy.metadata.name if decision.policy else "",
        workflow_uid=run.uid,
        root_uid=run.root_uid,
        lock=decision.lock,
        type=action_type,
        created_at=now,
        started_at=run.started_at,
        attempt=decision.attempt,
        counts_toward_limit=decision.counts_toward_limit,
        fingerprint=run.fingerprint,
        is_approved=True,
        execution=ExecutionState.DONE,
        executed_at=now,
    )
    return _with_outcome(state, action, run) if action_type in CHAIN_ACTIONS else action


def _with_outcome(state: _ReplayState, action: PastAction, run: Run) -> PastAction:
    """Attach the outcome of the resulting run.

    If history has none, the outcome is unknown, and the duration is assumed to equal the original run's.
    """
    resulting = state.ends.get((action.root_uid, action.attempt))
    if resulting is not None:
        helped = resulting.has_succeeded if resulting.is_completed else None
        return structs.replace(
            action, has_helped=helped, finished_at=resulting.finished_at, has_outcome=resulting.is_completed
        )
    measured = run.finished_at - run.started_at if run.finished_at and run.started_at else _MIN_DURATION
    duration = max(measured, _MIN_DURATION)
    return structs.replace(action, finished_at=shifted(action.at, duration), has_outcome=True)


def _as_of(action: PastAction, now: datetime) -> PastAction:
    """Return the action as it was known at this time, without an outcome that was still to come."""
    if action.finished_at is None or action.finished_at <= now:
        return action
    return structs.replace(action, has_helped=None, finished_at=None, has_outcome=False)
