"""Writes Remediations: the intent before an act, the outcome after it, and what ``kubectl describe`` shows of both."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from wfreport.api.names import KIND_REMEDIATION, KIND_REPORT
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Remediation, RemediationStatus
from wfreport.cache.remediation import RemediationIndex
from wfreport.core.record.intent import document_of
from wfreport.core.record.progress import (
    ExecutionResult,
    status_denied,
    status_executed,
    status_intended,
    status_with_outcome,
)
from wfreport.core.render.conditions import Status
from wfreport.kube.errors import BadAnswerError, ConflictError, NotFoundError
from wfreport.kube.events import NORMAL, WARNING, Events, Involved
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)


class RemediationWriter:
    """The one writer of Remediations; what it has written, the book knows."""

    def __init__(
        self,
        remediations: Resource[Document],
        book: RemediationIndex,
        *,
        events: Events,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._remediations = remediations
        self._book = book
        self._events = events
        self._metrics = metrics
        self._clock = clock

    async def intend(self, remediation: Remediation, *, needs_approval: bool) -> Remediation:
        """Create it, which is the lock, and say whether a person is asked.

        Raises:
            AlreadyExistsError: somebody has the lock.
            ApiError: a request failed; it may have been done.
        """
        made = self._remember(await self._remediations.create(remediation.metadata.namespace, document_of(remediation)))
        self._metrics.remediations.labels(made.spec.action, "intended").inc()
        log.info("remediation intended", extra=_pairs(made))
        return await self.begin(made, needs_approval=needs_approval)

    async def begin(self, remediation: Remediation, *, needs_approval: bool) -> Remediation:
        """Write the first status of a Remediation that has none."""
        return await self._write(
            remediation, status_intended(remediation, self._clock(), needs_approval=needs_approval)
        )

    async def deny(self, remediation: Remediation) -> Remediation:
        """Nobody has approved it in time."""
        denied = await self._write(remediation, status_denied(remediation, self._clock()))
        await self._tell(denied, RemediationReason.APPROVAL_TIMED_OUT, "nobody approved it in time", WARNING)
        return denied

    async def record(
        self, remediation: Remediation, execution: ExecutionResult, *, awaits_outcome: bool | None = None
    ) -> Remediation:
        """What became of the act; whether an outcome is awaited is the action's to say, where it is not given.

        Raises:
            ConflictError: it was changed since; it is known again as it is, and is to be looked at again.
            ApiError: the request failed; it may have been done.
        """
        status = status_executed(remediation, self._clock(), execution, awaits_outcome=awaits_outcome)
        recorded = await self._write(remediation, status)
        self._metrics.remediations.labels(recorded.spec.action, execution.reason).inc()
        log.info("remediation executed", extra=_pairs(recorded, reason=execution.reason, message=execution.message))
        is_done = execution.status == "True"
        await self._tell(recorded, execution.reason, execution.message, NORMAL if is_done else WARNING)
        if is_done:
            message = f"Remediation {recorded.metadata.name}: {recorded.spec.action}: {execution.message}"
            await self._events.tell(_report_of(recorded), execution.reason, message, about=recorded.metadata.uid or "")
        return recorded

    async def record_outcome(
        self, remediation: Remediation, status: Status, reason: RemediationReason, message: str, at: datetime
    ) -> Remediation:
        """How the new run ended: whether it helped."""
        settled = await self._write(remediation, status_with_outcome(remediation, status, reason, message, at))
        self._metrics.remediation_outcomes.labels(settled.spec.action, reason).inc()
        log.info("remediation settled", extra=_pairs(settled, reason=reason, message=message))
        await self._tell(settled, reason, message, NORMAL if status == "True" else WARNING)
        return settled

    async def refresh(self, remediation: Remediation) -> Remediation | None:
        """Read it again; None where it is gone."""
        metadata = remediation.metadata
        try:
            return self._remember(await self._remediations.get(metadata.namespace, metadata.name))
        except NotFoundError:
            self._book.remove((metadata.namespace, metadata.name))
            return None

    async def _write(self, remediation: Remediation, status: RemediationStatus) -> Remediation:
        try:
            answer = await self._remediations.apply_status(remediation.metadata, status.dump())
        except (ConflictError, NotFoundError):
            await self.refresh(remediation)
            raise ConflictError("the Remediation was changed or deleted meanwhile", status=409) from None
        return self._remember(answer)

    def _remember(self, document: dict[str, Any]) -> Remediation:
        remediation = read_remediation(document)
        self._book.put(remediation)
        return remediation

    async def _tell(self, remediation: Remediation, reason: str, message: str, event_type: str) -> None:
        metadata = remediation.metadata
        about = Involved(KIND_REMEDIATION, metadata.namespace, metadata.name, metadata.uid or "")
        await self._events.tell(about, reason, message, event_type=event_type)


def read_remediation(document: dict[str, Any]) -> Remediation:
    """A Remediation as the API server has it.

    Raises:
        BadAnswerError: it is none that this operator can read.
    """
    try:
        return Remediation.model_validate(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BadAnswerError(f"cannot read the Remediation: {where}: {error.errors()[0]['msg']}"[:300]) from error


def _report_of(remediation: Remediation) -> Involved:
    ref = remediation.spec.report_ref
    return Involved(KIND_REPORT, remediation.metadata.namespace, ref.name, ref.uid or "")


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
