"""Reconciles the latest run of a report with the policies of its namespace.

    state                      action                               reconcile
    _determine_state           _decide (core: decide,               Executor.enforce: create or resume the intent,
    report, latest run,        enforcement_of): for each lock       perform the action, record its result
    later the live Workflow    class and group of policies

Like a reconcile of a Workflow, it reads everything afresh and may run at any time, any number of times. Actions happen
once even so: see ``Executor``.

A namespace has one worker at a time. Two that decided about its runs at the same time would not count the actions that
the other is about to begin. For the same reason, the operator's budget can be exceeded by as many actions as there are
other workers: it is a fuse, not a promise.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, structs

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import Failure, Held, RunRemediation, WorkflowReport
from wfreport.api.wire import is_same_time
from wfreport.cache.remediation import RemediationCache
from wfreport.cache.reports import ReportEntry
from wfreport.core.decide.decision import decide, locks_of
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction, enforcement_of
from wfreport.core.decide.history import latest_run, past_action_of
from wfreport.core.decide.matching import estimated_steps
from wfreport.core.decide.model import Decision, LiveState, OperatorLimits, Run
from wfreport.core.decide.selection import ACTING_MODES, judging_steps, policy_groups
from wfreport.core.record.chain_summary import chain_summary
from wfreport.core.record.completeness import is_final
from wfreport.core.record.holds import hold_of
from wfreport.core.record.policy_status import PolicyVerdict, policy_verdict_of
from wfreport.core.record.progress import is_denied, is_executed
from wfreport.kube.reports import StoredReport
from wfreport.large_work import MANY_STEPS, run_by_steps
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import Situation
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import Gatherer, LiveWorkflow, live_state_as_reported, report_of
from wfreport.remediation.outcomes import key_of
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.workqueue import Priority, Request

SOON: Final = timedelta(seconds=2)
"""Delay before the next reconcile of a run whose report is about to be updated."""

RECOUNT_SECONDS: Final = 5
"""Delay before a policy's counts are updated, so that many runs that end together cost one write."""

_TEMPORARY: Final = frozenset(
    {
        HoldReason.STALE_OBSERVATION,
        HoldReason.CONTROLLER_SILENT,
        HoldReason.EVIDENCE_PENDING,
        HoldReason.RUN_STOPPING,
        HoldReason.POLICY_SUSPENDED,
        HoldReason.POLICY_PAUSED,
        HoldReason.POLICY_CONFLICT,
        HoldReason.COOLING_DOWN,
        HoldReason.BUDGET_EXHAUSTED,
        HoldReason.NAMESPACE_BUDGET_EXHAUSTED,
        HoldReason.OPERATOR_BUDGET_EXHAUSTED,
        HoldReason.BREAKER_OPEN,
        HoldReason.REMEDIATION_INEFFECTIVE,
        HoldReason.ALREADY_REMEDIATED,
    }
)
"""Holds that leave an open intent as it is; any other hold closes it."""

_ENFORCED: Final = frozenset(
    {EnforcementAction.REQUEST_APPROVAL, EnforcementAction.EXECUTE, EnforcementAction.WRITE_DRY_RUN}
)
"""Enforcement actions that write something, and so are decided again on the live Workflow."""


class _RunState(Struct):
    """The state of one reconcile.

    Attributes:
        stored: the report, as it was read.
        report: the stored report, converted to the input type of decisions.
        run: the latest run of the report.
        policies: the valid policies of the namespace.
        live: the Workflow; read at most once, and only if an action is due.
        is_read: whether it was.
        held: why no action is performed, for the report.
    """

    stored: StoredReport
    report: WorkflowReport
    run: Run
    policies: Sequence[RemediationPolicy] = ()
    live: LiveWorkflow | None = None
    is_read: bool = False
    held: Held | None = None


class RemediationReconciler:
    """Reconciles reports, one at a time."""

    def __init__(
        self,
        *,
        writer: ReportWriter,
        cache: RemediationCache,
        gatherer: Gatherer,
        executor: Executor,
        labeller: PodLabeller,
        limits: OperatorLimits,
        queues: RemediationQueues,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._cache = cache
        self._gatherer = gatherer
        self._executor = executor
        self._labeller = labeller
        self._limits = limits
        self._queues = queues
        self._metrics = metrics
        self._clock = clock

    async def reconcile(self, request: Request) -> None:
        """Carry out what the policies decide about the latest run of a report.

        Raises:
            ApiError: a request failed.
            NotAWorkflow: the Workflow cannot be decoded.
        """
        state = await self._determine_state(request)
        if state is None:
            return
        self._cache.runs.put(state.report)
        await self._executor.close_maker_of(state.report, state.run)
        await self._close_earlier_intents(state.run)
        state.policies = self._cache.policies.in_namespace(state.run.namespace)
        labelled = await self._label_pods(state)  # before anything slower: Argo deletes pods
        for lock_class in LockClass:
            if self._concerns(state, lock_class):
                await self._reconcile_lock_class(state, lock_class)
        await self._update_report(state, labelled)

    # State

    async def _determine_state(self, request: Request) -> _RunState | None:
        """Read the report; return None if no policy or Remediation concerns it."""
        entry = self._cache.reports.get(request.name)
        if entry is None:
            self._cache.runs.remove(request.name)
            return None
        if not self._cache.is_relevant(entry.namespace) or not self._is_first(entry):
            return None
        stored = await self._writer.stored(entry)
        report = report_of(stored)
        run = latest_run(report)
        if run is None:
            return None
        return _RunState(stored, report, run)

    def _is_first(self, entry: ReportEntry) -> bool:
        """Whether this is the report to act on, if several reports are about the same Workflow."""
        reports = self._cache.reports.of_workflow(entry.workflow_key)
        names = [other.name for other in reports if other.bound_uid == entry.bound_uid]
        return bool(entry.bound_uid) and entry.name == min(names)

    async def _close_earlier_intents(self, run: Run) -> None:
        """Close open intents for earlier runs of the same Workflow: they must not be carried out on this one."""
        for remediation in self._cache.remediations.of_chain(run):
            target = remediation.spec.target
            if target.uid == run.uid and not is_same_time(target.started_at, run.started_at):
                await self._executor.close(remediation, "the target is no longer the latest run of the Workflow")

    async def _live_state(self, state: _RunState, reported: LiveState) -> LiveState:
        """Return the live state of the Workflow. A Workflow that is gone counts as being deleted."""
        if not state.is_read:
            state.live = await self._gatherer.fetch(state.run.namespace, state.run.name)
            state.is_read = True
        live = state.live
        if live is None:
            return structs.replace(reported, is_deleting=True)
        if not live.is_consistent:
            return structs.replace(
                live.state, resource_version="inconsistent"
            )  # no report has that: the decision is to wait
        return live.state

    # Action

    def _concerns(self, state: _RunState, lock_class: LockClass) -> bool:
        """Whether the run needs a decision of a lock class, or has a Remediation of it."""
        return lock_class in locks_of(state.report) or self._remediation_of(state.run, lock_class) is not None

    async def _reconcile_lock_class(self, state: _RunState, lock_class: LockClass) -> None:
        """Recover the run's Remediation of a lock class, then decide for each group of policies and enforce."""
        remediation = self._remediation_of(state.run, lock_class)
        if remediation:
            await self._executor.recover(remediation)
            self._executor.follow_up(remediation, self._remediation_of(state.run, LockClass.MUTATE))
        # policies that act are first in the list, and last in turn: their hold is the one that the report shows
        verdicts: list[PolicyVerdict] = []
        for number, group in enumerate(reversed(policy_groups(state.policies))):
            if number:
                await asyncio.sleep(0)  # the decisions of many policies together take long
            verdict = await self._reconcile_group(state, group, lock_class)
            verdicts += [verdict] if verdict else []
        self._count(state, lock_class, tuple(verdicts))
        remediation = self._remediation_of(state.run, lock_class)
        has_acting_policy = any(policy.spec.mode in ACTING_MODES for policy in state.policies)
        if remediation and not is_executed(remediation) and not has_acting_policy:
            await self._executor.refuse(
                remediation, f"policy {remediation.spec.policy_ref.name} was deleted or no longer acts"
            )

    async def _reconcile_group(
        self, state: _RunState, group: Sequence[RemediationPolicy], lock_class: LockClass
    ) -> PolicyVerdict | None:
        """Decide on the reported state and, if an action is due, again on the live state; then enforce or hold."""
        reported = live_state_as_reported(state.report)
        decided = await self._decide(state, group, lock_class, reported) if reported else None
        if reported and decided and decided[1].action in _ENFORCED:
            live = await self._live_state(state, reported)
            decided = await self._decide(state, group, lock_class, live)
        if decided is None:
            return None
        decision, enforcement = decided
        self._requeue(state, enforcement.recheck_at)
        postponed = None
        if enforcement.action in _ENFORCED:
            situation = Situation(decision, state.report, state.live)
            postponed = await self._executor.enforce(situation, enforcement.action)
            self._requeue(state, self._clock() + postponed.delay if postponed else None)
        elif group[0].spec.mode in ACTING_MODES:
            await self._hold(state, decision, enforcement, lock_class)
        if lock_class is LockClass.MUTATE and not self._is_answered(state.run):
            state.held = hold_of(decision, enforcement, postponed.obstacle if postponed else None)
        return policy_verdict_of(decision, enforcement)

    async def _decide(
        self, state: _RunState, group: Sequence[RemediationPolicy], lock_class: LockClass, live: LiveState
    ) -> tuple[Decision, Enforcement] | None:
        now = self._clock()
        history = self._cache.history(state.run.namespace)
        failures = (state.report.status.failures if state.report.status else None) or ()
        known = len(history.runs) + len(history.actions)
        steps = estimated_steps(group, state.run, failures[:1]) + judging_steps(group, known)
        if steps > MANY_STEPS:
            history = history.fixed()
        decision = await run_by_steps(
            steps, decide, state.report, live, group, history, self._limits, now, lock=lock_class
        )
        if decision is None:
            return None
        remediation = self._remediation_of(state.run, lock_class)
        return decision, enforcement_of(decision, past_action_of(remediation) if remediation else None, now)

    async def _hold(
        self, state: _RunState, decision: Decision, enforcement: Enforcement, lock_class: LockClass
    ) -> None:
        """Deny or close the open intent of a run on which no action is due."""
        if decision.reason == HoldReason.STALE_OBSERVATION:
            self._requeue(state, self._clock() + SOON)
        remediation = self._remediation_of(state.run, lock_class)
        if remediation is None or is_executed(remediation) or is_denied(remediation):
            return
        if enforcement.action is EnforcementAction.DENY:
            await self._executor.deny(remediation)
        elif decision.action is None and decision.reason not in _TEMPORARY:
            await self._executor.drop(remediation, decision)

    def _is_answered(self, run: Run) -> bool:
        """Whether the one action on the run was carried out, or refused: what holds another one is of no interest."""
        remediation = self._remediation_of(run, LockClass.MUTATE)
        return remediation is not None and is_executed(remediation)

    def _remediation_of(self, run: Run, lock_class: LockClass) -> Remediation | None:
        return self._cache.remediations.of_run(run, lock_class)

    def _requeue(self, state: _RunState, at: datetime | None) -> None:
        if at is not None:
            seconds = max(0.1, (at - self._clock()).total_seconds())
            self._queues.runs.add_after(key_of(state.report), seconds, Priority.PROGRESS)

    # Result

    def _count(self, state: _RunState, lock_class: LockClass, verdicts: tuple[PolicyVerdict, ...]) -> None:
        """Count new verdicts, and enqueue their policies, whose status shows the counts."""
        if not self._cache.runs.record_verdicts(key_of(state.report), lock_class, verdicts):
            return
        for verdict in verdicts:
            self._metrics.decisions.labels(lock_class, verdict.action, verdict.reason).inc()
            key = (state.run.namespace, verdict.policy)
            self._queues.policies.add_after(key, RECOUNT_SECONDS, Priority.PROGRESS)

    async def _label_pods(self, state: _RunState) -> list[Failure] | None:
        acting = [policy for policy in state.policies if policy.spec.mode in ACTING_MODES]
        return await self._labeller.label(state.report, acting) if acting else None

    async def _update_report(self, state: _RunState, labelled: list[Failure] | None) -> None:
        """Write labelled pods and the state of the resubmission chain into the report."""
        before = state.stored.status
        if before is None:
            return
        status = before.changed(failures=labelled) if labelled else before
        runs, remediations = (
            self._cache.runs.in_namespace(state.run.namespace),
            self._cache.remediations.of_chain(state.run),
        )
        summary = chain_summary(state.run, runs, remediations) or RunRemediation()
        summary = summary.model_copy(update={"held": state.held})
        if summary != (before.remediation or RunRemediation()):
            status = status.changed(remediation=summary)
        if status is not before:
            await self._writer.apply(state.stored, status, is_final=is_final(status))
