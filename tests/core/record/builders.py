"""Builders of stored Remediations, and a short form of their conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests import objects

from wfreport.api.metadata import ObjectMetadata
from wfreport.api.policy import PolicyStatus, RemediationPolicy
from wfreport.api.remediation import Remediation, RemediationStatus

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)

Kind = TypeVar("Kind", Remediation, RemediationPolicy)


def a_remediation(name: str = "etl-1", **spec: Any) -> Remediation:
    """Return a Remediation as stored right after its creation at ``NOW``; by default a resubmission."""
    created = Remediation.model_validate(objects.a_remediation(name, **{"action": "Resubmit", **spec}))
    metadata = ObjectMetadata(name=name, namespace="data", uid="r-1", generation=1, creation_timestamp=NOW)
    return created.model_copy(update={"metadata": metadata})


def with_status(of: Kind, status: RemediationStatus | PolicyStatus) -> Kind:
    """Return the object with another status."""
    return of.model_copy(update={"status": status})


def conditions_of(status: RemediationStatus | PolicyStatus | None) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition, by type."""
    conditions = (status.conditions if status else None) or ()
    return {condition.type: (condition.status, condition.reason) for condition in conditions}
