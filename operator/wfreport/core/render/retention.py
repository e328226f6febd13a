"""Retention of reports: how long a report is kept after its run.

The first matching rule decides, as in Tekton Results. Rules apply to the operator's own reports. A report that a user
applied only expires by its own ``ttlSecondsAfterFinished``; otherwise GitOps would recreate it forever. Callers have
checked that the report's Workflow no longer exists.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Struct, field
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wfreport.api.calendar import duration_of, shifted
from wfreport.core.timing.durations import parse_duration

FOREVER = "forever"
DELETED = "Deleted"
"""Used in place of the phase of a run that was deleted before it completed."""


def _keep(value: object) -> object:
    if value == FOREVER:
        return None
    return parse_duration(value) if isinstance(value, str) else value


class RetentionRule(BaseModel):
    """A retention time for matching reports. A criterion that is not set matches every report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Annotated[timedelta | None, BeforeValidator(_keep)] = Field(
        description="Retention time after the run's end: 12h, 30d, or forever."
    )
    phases: tuple[Literal["Succeeded", "Failed", "Error", "Deleted"], ...] = Field(
        (), description="Final phases of the run; Deleted: it was deleted before it completed."
    )
    namespaces: tuple[str, ...] = Field((), description="Names of namespaces; * and ? are wildcards.")
    labels: dict[str, str] = Field({}, description="Labels that the report must have.")

    def may_match(self, namespace: str, phase: str) -> bool:
        """Return whether the rule matches, apart from labels."""
        return (not self.phases or phase in self.phases) and (
            not self.namespaces or any(fnmatchcase(namespace, pattern) for pattern in self.namespaces)
        )

    def matches(self, namespace: str, phase: str, labels: Mapping[str, str]) -> bool:
        """Return whether the rule matches a report."""
        return self.may_match(namespace, phase) and self.labels.items() <= labels.items()


class FinishedReport(Struct, frozen=True):
    """The properties of a report that determine its retention.

    Attributes:
        namespace: namespace of the report.
        phase: final phase of the run; ``DELETED`` if it was deleted before it completed.
        ended_at: end of the run, or the creation of the report if the end is unknown.
        automatic: whether the operator created the report.
        pinned: whether its spec pins it.
        ttl_seconds: its spec's ``ttlSecondsAfterFinished``; None if the rules apply.
        labels: labels of the report.
    """

    namespace: str
    phase: str
    ended_at: datetime
    automatic: bool
    pinned: bool = False
    ttl_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def expires_at(report: FinishedReport, rules: Sequence[RetentionRule]) -> datetime | None:
    """Return when the report expires; None if never."""
    first = next((r for r in rules if r.matches(report.namespace, report.phase, report.labels)), None)
    return _expiry(report, first.keep if first else None)


def may_expire_at(report: FinishedReport, rules: Sequence[RetentionRule]) -> datetime | None:
    """Return the earliest time at which the report may expire, whatever its labels are; None if never."""
    keeps: list[timedelta] = []
    for rule in rules:
        if rule.may_match(report.namespace, report.phase):
            keeps += [rule.keep] if rule.keep is not None else []
            if not rule.labels:
                break
    return _expiry(report, min(keeps, default=None))


def _expiry(report: FinishedReport, keep: timedelta | None) -> datetime | None:
    if report.pinned:
        return None
    if report.ttl_seconds is not None:
        keep = duration_of(report.ttl_seconds)
    elif not report.automatic:
        return None
    return None if keep is None or keep > _LONGEST else shifted(report.ended_at, keep)


_LONGEST = timedelta(days=365 * 1000)
"""Longer than this is for ever."""
