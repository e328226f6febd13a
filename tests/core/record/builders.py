"""Remediations that are there, and statuses in short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests.crds import objects

from wfreport.api.metadata import ObjectMetadata
from wfreport.api.policy import PolicyStatus, RemediationPolicy
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Remediation, RemediationStatus
from wfreport.core.record.progress import ExecutionResult, status_executed

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
DONE = ExecutionResult("True", RemediationReason.EXECUTED, "created Workflow etl-r1")

Kind = TypeVar("Kind", Remediation, RemediationPolicy)


def a_remediation(name: str = "etl-1", **spec: Any) -> Remediation:
    """A Remediation as it is there right after its creation, at ``NOW``; a resubmission unless stated otherwise."""
    written = Remediation.model_validate(objects.a_remediation(name, **{"action": "Resubmit", **spec}))
    made = ObjectMetadata(name=name, namespace="data", uid="r-1", generation=1, creation_timestamp=NOW)
    return written.model_copy(update={"metadata": made})


def done(remediation: Remediation, execution: ExecutionResult = DONE) -> Remediation:
    """The same after the act, at ``NOW``."""
    return with_status(remediation, status_executed(remediation, NOW, execution))


def with_status(of: Kind, status: RemediationStatus | PolicyStatus) -> Kind:
    """The same object with another status."""
    return of.model_copy(update={"status": status})


def told(status: RemediationStatus | PolicyStatus | None) -> dict[str, tuple[str, str]]:
    """The conditions: status and reason."""
    return {found.type: (found.status, found.reason) for found in (status.conditions if status else None) or ()}
