"""Notify: people are told, at least once, by a worker of its own: a dead endpoint holds up nothing but itself."""

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
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import Run
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.intent import planned
from wfreport.core.record.notification import Notification, failure_notification, outcome_notification
from wfreport.core.record.progress import (
    ExecutionResult,
    found_condition,
    has_outcome,
    is_denied,
    is_executed,
    is_succeeding,
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

GIVEN_UP_AFTER: Final = timedelta(days=1)
"""An endpoint that was dead for so long need not be told any more."""

_REMEMBERED: Final = 10_000


class NotifyPlanner:
    """The plan of a notification. What is done of it, ``Notifications`` does: nobody can tell whether it arrived."""

    async def plan(self, situation: Situation) -> Plan:
        """Which sinks are told."""
        rule = situation.decision.rule
        return planned((), sinks=[sink.name for sink in _sinks(rule)])


class Notifications:
    """Sends, one Remediation at a time; run several of them."""

    def __init__(
        self,
        sender: Sender,
        *,
        books: RemediationCache,
        journal: RemediationWriter,
        index: ReportCache,
        writer: ReportWriter,
        lease: Lease | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._sender = sender
        self._books = books
        self._journal = journal
        self._index = index
        self._writer = writer
        self._lease = lease
        self._metrics = metrics
        self._clock = clock
        self._sent: set[tuple[str, str]] = set()

    async def reconcile(self, request: Request) -> None:
        """Send what a Remediation has to tell and has not told: of the failure, or of how the remedy ended.

        Raises:
            ApiError: something could not be read or written, or a sink did not answer: to be tried again.
        """
        own = self._books.remediations.get(request.name)
        if own is None or is_denied(own):
            return
        if not is_executed(own):
            await self._tell_of_failure(own)
        elif is_succeeding(own):
            await self._follow_up(own)

    async def _tell_of_failure(self, own: Remediation) -> None:
        rule = self._rule_of(own)
        report = await self._report_of(own)
        message = failure_notification(report, own, self._remedy_of(own)) if report else None
        execution = await self._sent_to_all(own, rule, message)
        follows_up = rule is not None and rule.notify is not None and rule.notify.follow_up
        await self._journal.record(own, execution, awaits_outcome=follows_up and execution.status == "True")

    async def _follow_up(self, own: Remediation) -> None:
        remedy, report = self._remedy_of(own), await self._report_of(own)
        if remedy is None or not has_outcome(remedy):
            return
        message = outcome_notification(report, own, remedy) if report else None
        await self._sent_to_all(own, self._rule_of(own), message)
        outcome = found_condition(remedy.status, RemediationConditionType.SUCCEEDED)
        status = outcome.status if outcome else "Unknown"
        await self._journal.record_outcome(
            own, status, RemediationReason.NOTIFIED, f"{remedy.metadata.name}: told", self._clock()
        )

    async def _sent_to_all(self, own: Remediation, rule: Rule | None, message: Notification | None) -> ExecutionResult:
        """Send to each sink that has not had it; what becomes of the Remediation then."""
        sinks = [sink for sink in _sinks(rule) if sink.name in (own.spec.plan.sinks or ())]
        if not sinks or message is None:
            what = "the report is gone" if message is None else "the policy has none of these sinks any more"
            return ExecutionResult("False", RemediationReason.NOT_POSSIBLE, what)
        problems: list[str] = []
        for sink in sinks:
            try:
                await self._send(own, sink, message)
            except RefusedError as error:
                problems.append(error.message)
            except SinkError as error:
                self._metrics.notifications.labels(_kind(sink), "failed").inc()
                if self._clock() - message.at < GIVEN_UP_AFTER:
                    raise UnreachableError(str(error)) from error
                problems.append(str(error))
        if len(problems) == len(sinks):
            return ExecutionResult("False", RemediationReason.EXECUTION_FAILED, "; ".join(problems))
        told = f"told {len(sinks) - len(problems)} of {len(sinks)} sinks"
        return ExecutionResult("True", RemediationReason.EXECUTED, "; ".join([told, *problems]))

    async def _send(self, own: Remediation, sink: Sink, message: Notification) -> None:
        if (message.id, sink.name) in self._sent:
            return
        if self._lease is None:
            raise NotLeadingError("there is no leader election, and without it nothing is done")
        async with self._lease.held():
            await self._sender.send(own.metadata.namespace, sink, message)
        self._metrics.notifications.labels(_kind(sink), "sent").inc()
        log.info("notified", extra=kv(namespace=own.metadata.namespace, sink=sink.name, about=message.subject))
        if len(self._sent) >= _REMEMBERED:
            self._sent.clear()
        self._sent.add((message.id, sink.name))

    def _rule_of(self, own: Remediation) -> Rule | None:
        known = self._books.policies.get((own.metadata.namespace, own.spec.policy_ref.name))
        rules = known.policy.spec.rules if known and known.policy else []
        return next((rule for rule in rules if rule.name == own.spec.rule), None)

    def _remedy_of(self, own: Remediation) -> Remediation | None:
        """What is done about the same run."""
        target = own.spec.target
        run = Run(own.metadata.namespace, target.name, target.uid, started_at=target.started_at)
        return self._books.remediations.of_run(run, LockClass.MUTATE)

    async def _report_of(self, own: Remediation) -> WorkflowReport | None:
        row = self._index.get((own.metadata.namespace, own.spec.report_ref.name))
        if row is None:
            return None
        try:
            report = report_of(await self._writer.stored(row))
        except ConflictError:
            return None
        return report if latest_run(report) else None


def _sinks(rule: Rule | None) -> list[Sink]:
    return list(rule.notify.sinks) if rule and rule.notify else []


def _kind(sink: Sink) -> str:
    return "apprise" if sink.apprise else "cloudevents"
