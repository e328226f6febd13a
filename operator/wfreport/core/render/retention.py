"""How long a report is kept after its run .

Rules in order, the first that matches decides, as in Tekton Results. They are about the operator's own reports: a
report that a user applied is gone only by its own ``ttlSecondsAfterFinished``, or GitOps would make it again for ever.
Whoever asks here has seen that the report's Workflow is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wfreport.core.timing.durations import parse_duration

FOREVER = "forever"
DELETED = "Deleted"
"""Stands for the phase of a run that was deleted before it ended."""


def _keep(value: object) -> object:
    if value == FOREVER:
        return None
    return parse_duration(value) if isinstance(value, str) else value


class RetentionRule(BaseModel):
    """So long are these reports kept; what is left out of a rule is not looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Annotated[timedelta | None, BeforeValidator(_keep)] = Field(
        description="How long after the run's end: 12h, 30d, or forever."
    )
    phases: tuple[Literal["Succeeded", "Failed", "Error", "Deleted"], ...] = Field(
        (), description="How the run ended; Deleted: before its end."
    )
    namespaces: tuple[str, ...] = Field((), description="Names of namespaces, * and ? allowed.")
    labels: dict[str, str] = Field({}, description="Labels of the report, all of which it must have.")

    def may_match(self, namespace: str, phase: str) -> bool:
        """Whether it matches, labels aside."""
        return (not self.phases or phase in self.phases) and (
            not self.namespaces or any(fnmatchcase(namespace, pattern) for pattern in self.namespaces)
        )

    def matches(self, namespace: str, phase: str, labels: Mapping[str, str]) -> bool:
        """Whether a report is one of those that it is about."""
        return self.may_match(namespace, phase) and self.labels.items() <= labels.items()


@dataclass(frozen=True, slots=True)
class FinishedReport:
    """What decides how long a report is kept.

    Attributes:
        namespace: of the report.
        phase: how the run ended; ``DELETED`` where it was deleted before.
        ended_at: when; where that is not known, when the report was made.
        automatic: whether the operator made it.
        pinned: as its spec says.
        ttl_seconds: as its spec says; None for the rules.
        labels: of the report.
    """

    namespace: str
    phase: str
    ended_at: datetime
    automatic: bool
    pinned: bool = False
    ttl_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def expires_at(report: FinishedReport, rules: Sequence[RetentionRule]) -> datetime | None:
    """When a report may go; None for never."""
    first = next((r for r in rules if r.matches(report.namespace, report.phase, report.labels)), None)
    return _expiry(report, first.keep if first else None)


def may_expire_at(report: FinishedReport, rules: Sequence[RetentionRule]) -> datetime | None:
    """The earliest time at which a report may go, whatever its labels are; None for never."""
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
        keep = timedelta(seconds=report.ttl_seconds)
    elif not report.automatic:
        return None
    if keep is None or keep > _LONGEST:
        return None
    return report.ended_at + keep


_LONGEST = timedelta(days=365 * 1000)
"""Beyond it the calendar ends."""
