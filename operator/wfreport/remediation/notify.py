"""Notify: plans and sends messages about a failed run and its outcome.

Messages are sent at least once, by workers of their own: an endpoint that does not answer delays nothing else.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.actions import Sink
from wfreport.api.policy import Rule
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import LockClass, Plan, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import Run
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.intent import planned
from wfreport.core.record.notification import Notification, failure_notification, outcome_notification
from wfreport.core.record.progress import (
    ExecutionResult,
    awaits_outcome,
    condition_of,
    has_outcome,
    is_denied,
    is_executed,
)
from wfreport.kube.errors import ConflictError, UnreachableError
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.remediation.actions.base import Situation
from wfreport.remediation.gatherer import report_of
from wfreport.remediation.sinks import Sender, SinkError
from wfreport.remediation.writer import RemediationWriter
from wfreport.runtime.lease import Lease, NotLeadingError
from wfreport.runtime.workqueue import Request

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = timedelta(days=1)
"""Age of a message after which a failing endpoint is not tried again."""

_MAX_SENT: Final = 10_000


class NotifyPlanner:
    """Plans notifications. ``Notifier`` sends them; they leave no trace that could be searched."""

    async def plan(self, situation: Situation) -> Plan:
        """List the sinks of the rule."""
        return planned((), sinks=[sink.name for sink in _sinks(situation.decision.rule)])


class Notifier:
    """Sends the messages of Remediations of action Notify, one Remediation at a time. Run several of them."""

    def __init__(
        self,
        sender: Sender,
        *,
        cache: RemediationCache,
        writer: RemediationWriter,
        reports: ReportWriter,
        lease: Lease | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._sender = sender
        self._cache = cache
        self._writer = writer
        self._reports = reports
        self._lease = lease
        self._metrics = metrics
        self._clock = clock
        self._sent: set[tuple[str, str]] = set()

    async def reconcile(self, request: Request) -> None:
        """Send the message that is due: that the run has failed or, later, the outcome of the action on it.

        Raises:
            ApiError: an object could not be read or written, or a sink failed; try again.
        """
        remediation = self._cache.remediations.get(request.name)
        if remediation is None or is_denied(remediation):
            return
        if not is_executed(remediation):
            await self._notify(remediation)
        elif awaits_outcome(remediation):
            await self._follow_up(remediation)

    async def _notify(self, remediation: Remediation) -> None:
        """Send the first message, and record the result."""
        rule = self._rule_of(remediation)
        report = await self._report_of(remediation)
        message = failure_notification(report, remediation, self._action_of(remediation)) if report else None
        execution = await self._send_to_all(remediation, rule, message)
        follows_up = rule is not None and rule.notify is not None and rule.notify.follow_up
        await self._writer.record_execution(
            remediation, execution, awaits_outcome=follows_up and execution.status == "True"
        )

    async def _follow_up(self, remediation: Remediation) -> None:
        """Send the second message and close the Remediation, once the action has an outcome."""
        action, report = self._action_of(remediation), await self._report_of(remediation)
        if action is None or not has_outcome(action):
            return
        message = outcome_notification(report, remediation, action) if report else None
        await self._send_to_all(remediation, self._rule_of(remediation), message)
        outcome = condition_of(action.status, RemediationConditionType.SUCCEEDED)
        status = outcome.status if outcome else "Unknown"
        text = f"sent the outcome of {action.metadata.name}"
        await self._writer.record_outcome(remediation, status, RemediationReason.NOTIFIED, text, self._clock())

    async def _send_to_all(
        self, remediation: Remediation, rule: Rule | None, message: Notification | None
    ) -> ExecutionResult:
        """Send a message to each sink that has not had it, and return the result for the Remediation."""
        sinks = [sink for sink in _sinks(rule) if sink.name in (remediation.spec.plan.sinks or ())]
        if not sinks or message is None:
            problem = "the report is gone" if message is None else "the policy no longer has any of these sinks"
            return ExecutionResult("False", RemediationReason.NOT_POSSIBLE, problem)
        problems: list[str] = []
        for sink in sinks:
            try:
                await self._send(remediation, sink, message)
            except RefusedError as error:
                problems.append(error.message)
            except SinkError as error:
                self._metrics.notifications.labels(_kind(sink), "failed").inc()
                if self._clock() - message.at < GIVE_UP_AFTER:
                    raise UnreachableError(str(error)) from error
                problems.append(str(error))
        if len(problems) == len(sinks):
            return ExecutionResult("False", RemediationReason.EXECUTION_FAILED, "; ".join(problems))
        sent = f"sent to {len(sinks) - len(problems)} of {len(sinks)} sinks"
        return ExecutionResult("True", RemediationReason.EXECUTED, "; ".join([sent, *problems]))

    async def _send(self, remediation: Remediation, sink: Sink, message: Notification) -> None:
        if (message.id, sink.name) in self._sent:
            return
        if self._lease is None:
            raise NotLeadingError("leader election is off, and actions require it")
        async with self._lease.held():
            await self._sender.send(remediation.metadata.namespace, sink, message)
        self._metrics.notifications.labels(_kind(sink), "sent").inc()
        log.info(
            "notification sent",
            extra=kv(namespace=remediation.metadata.namespace, sink=sink.name, workflow=message.subject),
        )
        if len(self._sent) >= _MAX_SENT:
            self._sent.clear()
        self._sent.add((message.id, sink.name))

    def _rule_of(self, remediation: Remediation) -> Rule | None:
        cached = self._cache.policies.get((remediation.metadata.namespace, remediation.spec.policy_ref.name))
        rules = cached.policy.spec.rules if cached and cached.policy else []
        return next((rule for rule in rules if rule.name == remediation.spec.rule), None)

    def _action_of(self, remediation: Remediation) -> Remediation | None:
        """Return the Remediation that acts on the same run."""
        target = remediation.spec.target
        run = Run(remediation.metadata.namespace, target.name, target.uid, started_at=target.started_at)
        return self._cache.remediations.of_run(run, LockClass.MUTATE)

    async def _report_of(self, remediation: Remediation) -> WorkflowReport | None:
        entry = self._cache.reports.get((remediation.metadata.namespace, remediation.spec.report_ref.name))
        if entry is None:
            return None
        try:
            report = report_of(await self._reports.stored(entry))
        except ConflictError:
            return None
        return report if latest_run(report) else None


def _sinks(rule: Rule | None) -> list[Sink]:
    return list(rule.notify.sinks) if rule and rule.notify else []


def _kind(sink: Sink) -> str:
    return "apprise" if sink.apprise else "cloudevents"
