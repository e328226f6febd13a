"""What a policy would have done: the past, replayed in the order of time through the same decision.

At each moment the decision sees what the operator saw then: the runs that had begun, and the acts of this replay. Where
the past has the run that an act makes (the operator did act), its end is the act's outcome. Where it has not, the
outcome is not known: the act is in flight for as long as the run that it answers took, and tells nothing after that.
A report keeps of runs before a manual retry only what a later decision needs, so these are history and not judged.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.argo import Phase
from wfreport.api.policy import RemediationPolicy
from wfreport.api.remediation import LockClass
from wfreport.api.report import ObservedWorkflow, WorkflowReport
from wfreport.core.decide.decision import decide
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

_AT_LEAST: Final = timedelta(seconds=1)
_ENDED, _LOOK, _BEGAN = range(3)
"""What happens at a moment; of the same second, in this order: what an act makes begins after the look at its cause."""


@dataclass(frozen=True, slots=True)
class ReplayedDecision:
    """A decision of the replay.

    Attributes:
        at: when it was made.
        decision: what it was.
        pods: what would have been labelled then.
    """

    at: datetime
    decision: Decision
    pods: tuple[PodLabels, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would have done.

    Attributes:
        judged: all decisions, in the order in which they were made; a run that had to wait has several.
        acts: what would have been done, with its outcome where the past tells it.
    """

    decisions: tuple[ReplayedDecision, ...]
    actions: tuple[PastAction, ...]


@dataclass(slots=True)
class _World:
    """The past as far as it has been replayed."""

    policies: Sequence[RemediationPolicy]
    limits: OperatorLimits
    ends: dict[tuple[str, int], Run]
    runs: dict[tuple[str, datetime | None], Run] = field(default_factory=dict)
    actions: list[PastAction] = field(default_factory=list)
    decisions: list[ReplayedDecision] = field(default_factory=list)

    def history(self, now: datetime) -> History:
        return History(tuple(self.runs.values()), tuple(_as_of(act, now) for act in self.actions))


def replay(
    reports: Iterable[WorkflowReport],
    policies: Sequence[RemediationPolicy],
    *,
    since: datetime,
    until: datetime,
    limits: OperatorLimits,
) -> Replay:
    """Replay the past as if the policies had acted since ``since``.

    Args:
        reports: of all runs that are known; runs from before ``since`` are history only.
        policies: policies that act together, in mode Enforce as it were.
        since: from when on the policies act.
        until: the moment up to which is replayed.
        limits: what all policies together may do.
    """
    known = [_unlabelled(report) for report in reports if latest_run(report) is not None]
    world = _World(policies, limits, _outcomes(known))
    stops = any(map(is_for_running, (rule for policy in policies for rule in policy.spec.rules)))
    moments = list(_moments(known, since, looks_at_running=stops))
    heapq.heapify(moments)
    order = itertools.count(len(moments))
    while moments:
        at, kind, _, report, run = heapq.heappop(moments)
        if at > until:
            break
        if kind == _ENDED:
            world.runs[run.uid, run.started_at] = run
        elif kind == _BEGAN:
            world.runs.setdefault((run.uid, run.started_at), _going_on(run))
        else:
            for again_at in _reconcile(world, report, run, at):
                heapq.heappush(moments, (again_at, _LOOK, next(order), report, run))
    return Replay(tuple(world.decisions), tuple(_as_of(act, until) for act in world.actions))


_Moment = tuple[datetime, int, int, WorkflowReport, Run]


def _moments(reports: Iterable[WorkflowReport], since: datetime, *, looks_at_running: bool) -> Iterator[_Moment]:
    """When each run began and ended, and when the policies look at it."""
    order = itertools.count()
    for report in reports:
        for run in runs_of(report):
            if run.started_at is not None:
                yield run.started_at, _BEGAN, next(order), report, run
            if run.finished_at is not None:
                yield run.finished_at, _ENDED, next(order), report, run
        for at in _states_at(run, since, looks_at_running=looks_at_running):
            yield at, _LOOK, next(order), report, run


def _states_at(latest: Run, since: datetime, *, looks_at_running: bool) -> Iterator[datetime]:
    ended = latest.finished_at
    if looks_at_running and latest.started_at is not None and (ended is None or ended > since):
        yield max(latest.started_at, since)
    if ended is not None and ended >= since:
        yield ended


def _reconcile(world: _World, report: WorkflowReport, run: Run, now: datetime) -> set[datetime]:
    """Decide what the operator would have decided now; when it would have looked again."""
    seen = _as_seen(report, run, now)
    look, history = _live_state_at(seen, run), world.history(now)
    again: set[datetime] = set()
    pods = tuple(pods_to_label(seen, look, world.policies, history))
    made_of = (decide(seen, look, world.policies, history, world.limits, now, lock=lock) for lock in LockClass)
    for made in (decision for decision in made_of if decision is not None):
        world.decisions.append(ReplayedDecision(now, made, pods if made.lock == LockClass.MUTATE else ()))
        if made.action is not None:
            world.actions.append(_done(world, made, now))
        elif made.recheck_at is not None and _is_still_so(run, now, made.recheck_at):
            again.add(made.recheck_at)
    return again


def _is_still_so(run: Run, now: datetime, again_at: datetime) -> bool:
    """A run that has ended by then is looked at when it ends."""
    return run.finished_at is None or run.finished_at <= now or again_at < run.finished_at


def _unlabelled(report: WorkflowReport) -> WorkflowReport:
    """The report before its pods were labelled by a policy of the past."""
    status = report.status
    if status is None or not status.failures:
        return report
    failures = [failure.model_copy(update={"labelled": None}) for failure in status.failures]
    return report.model_copy(update={"status": status.changed(failures=failures)})


def _as_seen(report: WorkflowReport, run: Run, now: datetime) -> WorkflowReport:
    """The report as it was: before the run's end it told of a run that goes on."""
    status = report.status
    if status is None or status.observed_workflow is None or run.finished_at is None or run.finished_at <= now:
        return report
    going_on = {"phase": Phase.RUNNING, "finished_at": None, "resource_version": None, "shutdown": None}
    observed = status.observed_workflow.model_copy(update=going_on)
    earlier = {"observed_workflow": observed, "failures": None, "failure_class": None}
    return report.model_copy(update={"status": status.changed(**earlier)})


def _live_state_at(report: WorkflowReport, run: Run) -> LiveState:
    """The Workflow as it was then: as the report tells of it."""
    observed = (report.status.observed_workflow if report.status else None) or ObservedWorkflow()
    return LiveState(
        run.uid, observed.resource_version, observed.started_at, is_opted_out=bool(observed.no_remediation)
    )


def _going_on(run: Run) -> Run:
    return replace(run, phase=Phase.RUNNING, finished_at=None, failure_class=None, fingerprint=None)


def _outcomes(reports: Sequence[WorkflowReport]) -> dict[tuple[str, int], Run]:
    """The runs that acts have made, by chain and attempt: as they first ended."""
    return {(first.root_uid, first.attempt): first for first in (next(runs_of(report)) for report in reports)}


def _done(world: _World, decision: Decision, now: datetime) -> PastAction:
    """The act, as if it had been done at once."""
    run, action = decision.run, decision.action or ActionType.NONE
    act = PastAction(
        namespace=run.namespace,
        name=remediation_name(run.name, run.uid, run.started_at, decision.lock),
        policy_name=decision.policy.metadata.name if decision.policy else "",
        workflow_uid=run.uid,
        root_uid=run.root_uid,
        lock=decision.lock,
        action=action,
        created_at=now,
        started_at=run.started_at,
        attempt=decision.attempt,
        counts_toward_limit=decision.counts_toward_limit,
        fingerprint=run.fingerprint,
        is_approved=True,
        execution=ExecutionState.DONE,
        executed_at=now,
    )
    return _with_outcome(world, act, run) if action in CHAIN_ACTIONS else act


def _with_outcome(world: _World, act: PastAction, run: Run) -> PastAction:
    """How the run that the act made ended; where the past has none, that is not known, and it took as long."""
    made = world.ends.get((act.root_uid, act.attempt))
    if made is not None:
        helped = made.has_succeeded if made.is_completed else None
        return replace(act, has_helped=helped, finished_at=made.finished_at, has_outcome=made.is_completed)
    took = max(run.finished_at - run.started_at, _AT_LEAST) if run.finished_at and run.started_at else _AT_LEAST
    return replace(act, finished_at=act.at + took, has_outcome=True)


def _as_of(act: PastAction, now: datetime) -> PastAction:
    """The act as it was: its outcome is not known before it came."""
    if act.finished_at is None or act.finished_at <= now:
        return act
    return replace(act, has_helped=None, finished_at=None, has_outcome=False)
