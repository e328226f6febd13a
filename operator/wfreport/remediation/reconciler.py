"""One look at what is to be done about the run of a report: decide, write the intent, act, write the outcome.

As a look at a Workflow, it reads everything afresh and may be made at any time, again and again. What it does it does
once: the Remediation that it creates first is the lock, and every act finds its own trace.

There is one worker: two that decide at the same time would not see what the other is about to spend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import Failure, Held, ReportStatus, RunRemediation, WorkflowReport
from wfreport.api.wire import is_same_time
from wfreport.cache.remediation import RemediationCache
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.core.decide.decision import decide
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction, enforcement_of
from wfreport.core.decide.history import latest_run, past_action_of
from wfreport.core.decide.model import Decision, LiveState, OperatorLimits, Run
from wfreport.core.decide.selection import ACTING_MODES, policy_groups
from wfreport.core.record.chain_summary import chain_summary
from wfreport.core.record.holds import hold_of
from wfreport.core.record.policy_status import PolicyVerdict, policy_verdict_of
from wfreport.core.record.progress import has_outcome, is_denied, is_executed, is_succeeding
from wfreport.kube.reports import StoredReport
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import Situation
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import Gatherer, LiveWorkflow, live_state_as_reported, report_of
from wfreport.remediation.outcomes import Outcomes, key_of
from wfreport.remediation.pod_labels import PodLabeller
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

SOON: Final = timedelta(seconds=2)
"""When a run is looked at again that is about to be reported anew."""

RECOUNT_SECONDS: Final = 5
"""Many runs that end at once make one write of a policy's status."""

_MAY_CHANGE: Final = frozenset(
    {
        HoldReason.STALE_OBSERVATION,
        HoldReason.EVIDENCE_PENDING,
        HoldReason.POLICY_SUSPENDED,
        HoldReason.POLICY_PAUSED,
        HoldReason.POLICY_CONFLICT,
        HoldReason.COOLING_DOWN,
        HoldReason.BUDGET_EXHAUSTED,
        HoldReason.OPERATOR_BUDGET_EXHAUSTED,
        HoldReason.BREAKER_OPEN,
        HoldReason.REMEDIATION_INEFFECTIVE,
        HoldReason.ALREADY_REMEDIATED,
    }
)
"""Holds that an intent outlasts; any other one closes it."""

_DOING: Final = frozenset(
    {EnforcementAction.REQUEST_APPROVAL, EnforcementAction.EXECUTE, EnforcementAction.WRITE_DRY_RUN}
)


@dataclass(slots=True)
class _RunState:
    """What one look is about; the Workflow is read once, and only if there is something to do."""

    stored: StoredReport
    report: WorkflowReport
    run: Run
    live: LiveWorkflow | None = None
    is_read: bool = False
    held: Held | None = None


class RemediationReconciler:
    """Looks at reports, one at a time."""

    def __init__(
        self,
        *,
        index: ReportCache,
        writer: ReportWriter,
        books: RemediationCache,
        gatherer: Gatherer,
        journal: RemediationWriter,
        outcomes: Outcomes,
        labeller: PodLabeller,
        executor: Executor,
        notify: Callable[[Remediation], None],
        limits: OperatorLimits,
        queue: WorkQueue,
        policies: WorkQueue,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._index = index
        self._writer = writer
        self._books = books
        self._gatherer = gatherer
        self._journal = journal
        self._outcomes = outcomes
        self._labeller = labeller
        self._executor = executor
        self._notify = notify
        self._limits = limits
        self._queue = queue
        self._policies = policies
        self._metrics = metrics
        self._clock = clock

    async def reconcile(self, request: Request) -> None:
        """See what is to be done about the run of a report, and do it.

        Raises:
            ApiError: a request failed; the look is to be made again.
            NotAWorkflow: what was read is none.
        """
        row = self._index.get(request.name)
        if row is None:
            self._books.runs.remove(request.name)
            return
        if not self._books.concerns(row.namespace) or not self._is_first(row):
            return
        stored = await self._writer.stored(row)
        report = report_of(stored)
        run = latest_run(report)
        if run is None:
            return
        self._books.runs.put(report)
        subject = _RunState(stored, report, run)
        await self._outcomes.close_maker_of(report, run)
        await self._close_earlier(run)
        policies = self._books.policies.in_namespace(row.namespace)
        labelled = await self._label(report, policies)  # first: Argo deletes pods
        for lock in LockClass:
            await self._decide_all(subject, lock, policies)
        await self._tell(subject, labelled)

    def _is_first(self, row: ReportEntry) -> bool:
        """Of several reports about one run, one is acted on."""
        rivals = [other.name for other in self._index.of_workflow(row.workflow_key) if other.bound_uid == row.bound_uid]
        return bool(row.bound_uid) and row.name == min(rivals)

    async def _close_earlier(self, run: Run) -> None:
        """What was asked for an earlier run of the same Workflow, and not done, is not done to this one."""
        for found in self._books.remediations.about(run):
            target = found.spec.target
            if target.uid == run.uid and not is_same_time(target.started_at, run.started_at):
                await self._executor.close(found, "the Workflow was retried since, or never ran then")

    # What is to be done

    async def _decide_all(self, subject: _RunState, lock: LockClass, policies: Sequence[RemediationPolicy]) -> None:
        own = self._own(subject.run, lock)
        if own:
            await self._executor.recover(own)
            self._follow_up(subject.run, own)
        # those that act come first, and are heard last
        verdicts = [await self._follow(subject, circle, lock) for circle in reversed(policy_groups(policies))]
        said = tuple(verdict for verdict in verdicts if verdict)
        if self._books.runs.note(key_of(subject.report), lock, said):
            for verdict in said:
                self._metrics.decisions.labels(lock, verdict.action, verdict.reason).inc()
                key = (subject.run.namespace, verdict.policy)
                self._policies.add_after(key, RECOUNT_SECONDS, Priority.PROGRESS)
        own = self._own(subject.run, lock)
        if own and not is_executed(own) and not any(policy.spec.mode in ACTING_MODES for policy in policies):
            await self._executor.refuse(own, f"policy {own.spec.policy_ref.name} is gone, or acts no more")

    def _follow_up(self, run: Run, own: Remediation) -> None:
        """Tell how the remedy ended, if people were told that there was something to remedy."""
        remedy = self._own(run, LockClass.MUTATE)
        if own.spec.lock_class is LockClass.NOTIFY and is_succeeding(own) and remedy and has_outcome(remedy):
            self._notify(own)

    async def _follow(
        self, subject: _RunState, circle: Sequence[RemediationPolicy], lock: LockClass
    ) -> PolicyVerdict | None:
        look = live_state_as_reported(subject.report)
        decided = self._decided(subject, circle, lock, look) if look else None
        if look and decided and decided[1].action in _DOING:
            decided = self._decided(subject, circle, lock, await self._live_state(subject, look))
        if decided is None:
            return None
        decision, step = decided
        self._again(subject, step.recheck_at)
        if step.action in _DOING:
            situation = Situation(decision, subject.report, subject.live)
            again = await self._executor.carry_out(situation, step.action)
            self._again(subject, self._clock() + again if again else None)
        elif circle[0].spec.mode in ACTING_MODES:
            await self._hold(subject, decision, step, lock)
        if lock is LockClass.MUTATE:
            subject.held = hold_of(decision, step)
        return policy_verdict_of(decision, step)

    def _decided(
        self, subject: _RunState, circle: Sequence[RemediationPolicy], lock: LockClass, look: LiveState
    ) -> tuple[Decision, Enforcement] | None:
        now = self._clock()
        decision = decide(subject.report, look, circle, self._books.history(), self._limits, now, lock=lock)
        if decision is None:
            return None
        own = self._own(subject.run, lock)
        return decision, enforcement_of(decision, past_action_of(own) if own else None, now)

    async def _live_state(self, subject: _RunState, reported: LiveState) -> LiveState:
        """The Workflow as it is now; of one that is gone, that it is going."""
        if not subject.is_read:
            subject.live = await self._gatherer.fetch(subject.run.namespace, subject.run.name)
            subject.is_read = True
        fresh = subject.live
        if fresh is None:
            return replace(reported, is_deleting=True)
        if not fresh.is_done:
            return replace(fresh.state, resource_version="Argo is not done with it")
        return fresh.state

    async def _hold(self, subject: _RunState, decision: Decision, step: Enforcement, lock: LockClass) -> None:
        if decision.reason == HoldReason.STALE_OBSERVATION:
            self._again(subject, self._clock() + SOON)
        own = self._own(subject.run, lock)
        if own is None or is_executed(own) or is_denied(own):
            return
        if step.action is EnforcementAction.DENY:
            await self._journal.deny(own)
        elif decision.action is None and decision.reason not in _MAY_CHANGE:
            await self._executor.refuse(own, decision.message)

    def _own(self, run: Run, lock: LockClass) -> Remediation | None:
        return self._books.remediations.of_run(run, lock)

    def _again(self, subject: _RunState, at: datetime | None) -> None:
        if at is not None:
            seconds = max(0.1, (at - self._clock()).total_seconds())
            self._queue.add_after(key_of(subject.report), seconds, Priority.PROGRESS)

    # What the report tells of it

    async def _label(self, report: WorkflowReport, policies: Sequence[RemediationPolicy]) -> list[Failure] | None:
        acting = [policy for policy in policies if policy.spec.mode in ACTING_MODES]
        return await self._labeller.label(report, acting) if acting else None

    async def _tell(self, subject: _RunState, labelled: list[Failure] | None) -> None:
        """Write into the report what was labelled, and how its chain stands."""
        before = subject.stored.status
        if before is None:
            return
        status = before.changed(failures=labelled) if labelled else before
        summary = (
            chain_summary(subject.run, self._books.runs.all(), self._books.remediations.about(subject.run))
            or RunRemediation()
        )
        summary = summary.model_copy(update={"held": subject.held})
        if summary != (before.remediation or RunRemediation()):
            status = status.changed(remediation=summary)
        if status is not before:
            await self._writer.apply(subject.stored, status, is_final=_is_final(status))


def _is_final(status: ReportStatus) -> bool:
    return bool(status.observed_workflow and status.observed_workflow.resource_version)
