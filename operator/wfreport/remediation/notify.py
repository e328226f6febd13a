"""Notify: plans and sends messages about a run that failed or hangs, and about the outcome of the action on it.

Messages are sent at least once, by workers of their own: an endpoint that does not answer delays no other namespace.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from wfreport.api.actions import Sink
from wfreport.api.policy import Rule
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import LockClass, Plan, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.api.wire import TEXT
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import Run
from wfreport.core.record.intent import planned
from wfreport.core.record.notification import (
    Notification,
    Stage,
    failure_notification,
    first_stage,
    is_answer,
    message_id,
    outcome_notification,
    stall_notification,
)
from wfreport.core.record.progress import (
    ExecutionResult,
    awaits_outcome,
    condition_of,
    has_outcome,
    is_denied,
    is_executed,
)
from wfreport.core.redact.bounds import cut
from wfreport.kube.errors import ConflictError
from wfreport.kube.objects import NamespacedName
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import Situation
from wfreport.remediation.delivery import GIVE_UP_AFTER, Delivery
from wfreport.remediation.gatherer import report_of
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.workqueue import Request


class _PendingError(Exception):
    """Some sinks do not have the message yet.

    Attributes:
        seconds: when to try them again.
        problems: why they do not have it; empty if that has been recorded, or is not known.
    """

    def __init__(self, seconds: float, problems: Sequence[str]) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.problems = problems


class NotifyPlanner:
    """Plans notifications. ``Notifier`` sends them; they leave no trace that could be searched."""

    async def plan(self, situation: Situation) -> Plan:
        """List the sinks of the rule."""
        return planned((), sinks=[sink.name for sink in _sinks(situation.decision.rule)])


class Notifier:
    """Sends the messages of Remediations of action Notify, one Remediation at a time. Run several of them."""

    def __init__(
        self,
        delivery: Delivery,
        *,
        cache: RemediationCache,
        writer: RemediationWriter,
        reports: ReportWriter,
        retry: Callable[[NamespacedName, float], None],
        on_recorded: Callable[[Remediation], None],
        clock: Callable[[], datetime],
    ) -> None:
        """``retry`` enqueues a Remediation again after a number of seconds; ``on_recorded`` gets each new version."""
        self._delivery = delivery
        self._retry = retry
        self._on_recorded = on_recorded
        self._cache = cache
        self._writer = writer
        self._reports = reports
        self._clock = clock

    async def reconcile(self, request: Request) -> None:
        """Send the message that is due: that the run has failed or hangs or, later, the outcome of the action on it.

        A sink that fails is tried again after its own backoff, not after that of the Remediation.

        Raises:
            ApiError: an object could not be read or written; try again.
        """
        remediation = self._cache.remediations.get(request.name)
        if remediation is None or is_denied(remediation):
            return
        try:
            if not is_executed(remediation):
                await self._notify(remediation)
            elif awaits_outcome(remediation):
                await self._follow_up(remediation)
        except _PendingError as pending:
            self._retry(request.name, pending.seconds)
            await self._record_failing(remediation, pending.problems)

    async def _notify(self, remediation: Remediation) -> None:
        """Send the first message, and record the result."""
        rule = self._rule_of(remediation)
        sinks = _sinks_of(remediation, rule)
        stage = first_stage(remediation)
        self._check_due(remediation, sinks, stage)
        report = await self._report_of(remediation)
        written = stall_notification if stage is Stage.STALLED else failure_notification
        message = written(report, remediation, self._action_of(remediation)) if report else None
        execution = await self._send_to_all(remediation, sinks, message)
        follows_up = rule is not None and rule.notify is not None and rule.notify.follow_up
        recorded = await self._writer.record_execution(
            remediation, execution, awaits_outcome=follows_up and execution.status == "True"
        )
        self._on_recorded(recorded)

    async def _record_failing(self, remediation: Remediation, problems: Sequence[str]) -> None:
        """Record why sinks do not have the message yet, unless that is recorded."""
        message = cut(f"{'; '.join(problems)}; tried again for a day", TEXT)
        if problems and (remediation.status is None or remediation.status.message != message):
            self._on_recorded(await self._writer.record_failing(remediation, message))

    async def _follow_up(self, remediation: Remediation) -> None:
        """Send the second message and close the Remediation, once the action has an outcome."""
        action = self._action_of(remediation)
        if action is None or not has_outcome(action):
            return
        sinks = _sinks_of(remediation, self._rule_of(remediation))
        self._check_due(remediation, sinks, Stage.ENDED)
        report = await self._report_of(remediation)
        message = outcome_notification(report, remediation, action) if report else None
        execution = await self._send_to_all(remediation, sinks, message)
        outcome = condition_of(action.status, RemediationConditionType.SUCCEEDED)
        status = outcome.status if outcome else "Unknown"
        text = f"the outcome of {action.metadata.name}: {execution.message}"
        await self._writer.record_outcome(remediation, status, RemediationReason.NOTIFIED, text, self._clock())

    async def _send_to_all(
        self, remediation: Remediation, sinks: list[Sink], message: Notification | None
    ) -> ExecutionResult:
        """Send a message to each sink that has not had it, and return the result for the Remediation.

        Raises:
            _PendingError: some sinks have to be tried again.
        """
        if not sinks or message is None:
            problem = "the report is gone" if message is None else "the policy no longer has any of these sinks"
            return ExecutionResult("False", RemediationReason.NOT_POSSIBLE, problem)
        delivery = await self._delivery.deliver(remediation.metadata.namespace, sinks, message)
        if delivery.retry_seconds is not None:
            raise _PendingError(delivery.retry_seconds, (*delivery.problems, *delivery.failing))
        problems = delivery.problems
        if len(problems) == len(sinks):
            return ExecutionResult("False", RemediationReason.EXECUTION_FAILED, "; ".join(problems))
        sent = f"sent to {len(sinks) - len(problems)} of {len(sinks)} sinks"
        return ExecutionResult("True", RemediationReason.EXECUTED, "; ".join([sent, *problems]))

    def _check_due(self, remediation: Remediation, sinks: list[Sink], stage: Stage) -> None:
        """Read nothing for a message none of whose sinks may be tried now.

        Raises:
            _PendingError: that is so.
        """
        metadata = remediation.metadata
        to_send = (metadata.namespace, sinks, message_id(remediation, stage))
        seconds = self._delivery.delay_seconds(*to_send)
        created = metadata.creation_timestamp
        if seconds and created and self._clock() - created < GIVE_UP_AFTER:
            # what another message found out is recorded once: the many that wait for a sink do not follow its errors
            problems = () if _is_failing(remediation) else self._delivery.failing(*to_send)
            raise _PendingError(seconds, problems)

    def _rule_of(self, remediation: Remediation) -> Rule | None:
        cached = self._cache.policies.get((remediation.metadata.namespace, remediation.spec.policy_ref.name))
        rules = cached.policy.spec.rules if cached and cached.policy else []
        return next((rule for rule in rules if rule.name == remediation.spec.rule), None)

    def _action_of(self, remediation: Remediation) -> Remediation | None:
        """Return the Remediation that acts on the same run, for the same cause."""
        target = remediation.spec.target
        run = Run(remediation.metadata.namespace, target.name, target.uid, started_at=target.started_at)
        action = self._cache.remediations.of_run(run, LockClass.MUTATE)
        return action if action and is_answer(action, remediation) else None

    async def _report_of(self, remediation: Remediation) -> WorkflowReport | None:
        entry = self._cache.reports.get((remediation.metadata.namespace, remediation.spec.report_ref.name))
        if entry is None:
            return None
        try:
            report = report_of(await self._reports.stored(entry))
        except ConflictError:
            return None
        return report if latest_run(report) else None


def _is_failing(remediation: Remediation) -> bool:
    """Return whether it is recorded why a message is not delivered; of a follow-up it is, once it was tried itself."""
    executed = condition_of(remediation.status, RemediationConditionType.EXECUTED)
    return executed is not None and (executed.reason == RemediationReason.SINK_FAILING or is_executed(remediation))


def _sinks(rule: Rule | None) -> list[Sink]:
    return list(rule.notify.sinks) if rule and rule.notify else []


def _sinks_of(remediation: Remediation, rule: Rule | None) -> list[Sink]:
    """Return the sinks of the rule that it had when the Remediation was created."""
    return [sink for sink in _sinks(rule) if sink.name in (remediation.spec.plan.sinks or ())]
