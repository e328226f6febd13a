"""Writes Remediations: the intent before an action, its result, its outcome, and an Event for each."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from wfreport.api.names import KIND_REMEDIATION, KIND_REPORT
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Remediation, RemediationStatus
from wfreport.cache.remediation import RemediationIndex
from wfreport.core.record.intent import document_of
from wfreport.core.record.progress import (
    ExecutionResult,
    status_denied,
    status_executed,
    status_failing,
    status_intended,
    status_stopping,
    status_with_outcome,
)
from wfreport.core.render.conditions import Status
from wfreport.kube.errors import ConflictError, NotFoundError
from wfreport.kube.events import NORMAL, WARNING, Events, InvolvedObject
from wfreport.kube.remediations import read_remediation
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)


class RemediationWriter:
    """The only writer of Remediations. Each write updates the index at once, before its watch event arrives."""

    def __init__(
        self,
        remediations: Resource[Document],
        index: RemediationIndex,
        *,
        events: Events,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._remediations = remediations
        self._index = index
        self._events = events
        self._metrics = metrics
        self._clock = clock

    async def create(self, remediation: Remediation, *, needs_approval: bool) -> Remediation:
        """Create a Remediation, which takes the lock, and write its first status.

        Raises:
            AlreadyExistsError: the lock is taken, perhaps by an earlier request of ours that got no answer.
            ApiError: a request failed; it may have taken effect.
        """
        created = self._cached(
            await self._remediations.create(remediation.metadata.namespace, document_of(remediation))
        )
        self._metrics.remediations.labels(created.spec.action, "intended").inc()
        log.info("remediation created", extra=_pairs(created))
        return await self.write_first_status(created, needs_approval=needs_approval)

    async def write_first_status(self, remediation: Remediation, *, needs_approval: bool) -> Remediation:
        """Write the status of a new Remediation: whether it needs approval, and that its action is pending.

        Raises:
            ApiError: the request failed; it may have taken effect.
        """
        return await self._write(
            remediation, status_intended(remediation, self._clock(), needs_approval=needs_approval)
        )

    async def deny(self, remediation: Remediation) -> Remediation:
        """Deny a Remediation that nobody approved in time.

        Raises:
            ApiError: the request failed; it may have taken effect.
        """
        denied = await self._write(remediation, status_denied(remediation, self._clock()))
        await self._emit(denied, RemediationReason.APPROVAL_TIMED_OUT, "not approved in time", WARNING)
        return denied

    async def record_execution(
        self, remediation: Remediation, execution: ExecutionResult, *, awaits_outcome: bool | None = None
    ) -> Remediation:
        """Record the result of an action.

        Args:
            remediation: the Remediation.
            execution: the result.
            awaits_outcome: whether an outcome is expected; by default the type of the action decides.

        Raises:
            ConflictError: the Remediation has changed; the index now has its latest version.
            ApiError: the request failed; it may have taken effect.
        """
        status = status_executed(remediation, self._clock(), execution, expects_outcome=awaits_outcome)
        recorded = await self._write(remediation, status)
        self._metrics.remediations.labels(recorded.spec.action, execution.reason).inc()
        is_done = execution.status == "True"
        _log_execution(recorded, execution, is_done=is_done)
        await self._emit(recorded, execution.reason, execution.message, NORMAL if is_done else WARNING)
        if is_done:
            message = f"Remediation {recorded.metadata.name}: {recorded.spec.action}: {execution.message}"
            await self._events.record(
                _report_of(recorded), execution.reason, message, discriminator=recorded.metadata.uid or ""
            )
        return recorded

    async def record_failing(self, remediation: Remediation, message: str) -> Remediation:
        """Record why sinks do not have a notification yet, with an Event about the first failure.

        Raises:
            ConflictError: the Remediation has changed; the index now has its latest version.
            ApiError: the request failed; it may have taken effect.
        """
        recorded = await self._write(remediation, status_failing(remediation, self._clock(), message))
        reason = RemediationReason.SINK_FAILING
        await self._emit(recorded, reason, message, WARNING)
        await self._events.record(
            _report_of(recorded),
            reason,
            f"Remediation {recorded.metadata.name}: {message}",
            event_type=WARNING,
            discriminator=recorded.metadata.uid or "",
        )
        return recorded

    async def record_stop(self, remediation: Remediation, execution: ExecutionResult) -> Remediation:
        """Record that a run that hung was stopped, before it is resubmitted.

        Raises:
            ConflictError: the Remediation has changed; the index now has its latest version.
            ApiError: the request failed; it may have taken effect.
        """
        recorded = await self._write(remediation, status_stopping(remediation, self._clock(), execution))
        log.info("hung run stopped", extra=_pairs(recorded, reason=execution.reason, message=execution.message))
        await self._emit(recorded, execution.reason, execution.message, NORMAL)
        return recorded

    async def record_outcome(
        self, remediation: Remediation, status: Status, reason: RemediationReason, message: str, at: datetime
    ) -> Remediation:
        """Record whether an action helped, that is, how the run that it started has ended.

        Raises:
            ConflictError: the Remediation has changed; the index now has its latest version.
            ApiError: the request failed; it may have taken effect.
        """
        closed = await self._write(remediation, status_with_outcome(remediation, status, reason, message, at))
        self._metrics.remediation_outcomes.labels(closed.spec.action, reason).inc()
        log.info("remediation outcome recorded", extra=_pairs(closed, reason=reason, message=message))
        await self._emit(closed, reason, message, NORMAL if status == "True" else WARNING)
        return closed

    async def refresh(self, remediation: Remediation) -> Remediation | None:
        """Read a Remediation again; return None if it was deleted.

        Raises:
            ApiError: the request failed.
        """
        metadata = remediation.metadata
        try:
            return self._cached(await self._remediations.get(metadata.namespace, metadata.name))
        except NotFoundError:
            self._index.remove((metadata.namespace, metadata.name))
            return None

    async def _write(self, remediation: Remediation, status: RemediationStatus) -> Remediation:
        try:
            document = await self._remediations.apply_status(remediation.metadata, status.dump())
        except (ConflictError, NotFoundError):
            await self.refresh(remediation)
            raise ConflictError("the Remediation was changed or deleted concurrently", status=409) from None
        return self._cached(document)

    def _cached(self, document: dict[str, Any]) -> Remediation:
        remediation = read_remediation(document)
        self._index.put(remediation)
        return remediation

    async def _emit(self, remediation: Remediation, reason: str, message: str, event_type: str) -> None:
        metadata = remediation.metadata
        involved = InvolvedObject(KIND_REMEDIATION, metadata.namespace, metadata.name, metadata.uid or "")
        await self._events.record(involved, reason, message, event_type=event_type)


def _log_execution(recorded: Remediation, execution: ExecutionResult, *, is_done: bool) -> None:
    """Log the result of an action. A warning is for an action that somebody expects, and that is not performed."""
    pairs = _pairs(recorded, reason=execution.reason, message=execution.message)
    if is_done or recorded.spec.dry_run:
        log.info("remediation executed" if is_done else "remediation recorded", extra=pairs)
    else:
        log.warning("remediation not executed", extra=pairs)


def _report_of(remediation: Remediation) -> InvolvedObject:
    ref = remediation.spec.report_ref
    return InvolvedObject(KIND_REPORT, remediation.metadata.namespace, ref.name, ref.uid or "")


def _pairs(remediation: Remediation, **more: object) -> dict[str, Any]:
    spec = remediation.spec
    return kv(
        namespace=remediation.metadata.namespace,
        remediation=remediation.metadata.name,
        action=spec.action,
        workflow=spec.target.name,
        policy=spec.policy_ref.name,
        rule=spec.rule,
        **more,
    )
