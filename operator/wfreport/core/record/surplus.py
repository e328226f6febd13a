"""Selects the Remediations that a namespace has too many of. They are the record of actions, and kept for months.

Budgets bound the actions that are performed. Nothing bounds the runs that fail, each of which may lead to dry runs and
refusals. All Remediations are in the operator's memory, with 4 kB each.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.remediation import Remediation
from wfreport.core.record.progress import has_outcome, is_denied, is_executed
from wfreport.core.render.conditions import EPOCH

MAX_DRY_RUNS: Final = 2000
"""Dry runs in a namespace, the newest."""

MAX_FINAL: Final = 5000
"""Other Remediations in a namespace that are final, the newest."""

MIN_AGE: Final = timedelta(days=7)
"""A younger Remediation may be a lock: a policy acts on runs that have ended within this time at most."""


def is_final(remediation: Remediation) -> bool:
    """Return whether nothing more happens to a Remediation."""
    return is_denied(remediation) or (is_executed(remediation) and has_outcome(remediation))


def created_at(remediation: Remediation) -> datetime:
    """Return when a Remediation was created; long ago if that is unknown."""
    return remediation.metadata.creation_timestamp or EPOCH


def surplus(remediations: Iterable[Remediation], now: datetime) -> list[Remediation]:
    """Return the final Remediations beyond the maximum of their namespace, those of the smallest surplus first."""
    groups = defaultdict[tuple[str, bool], list[Remediation]](list)
    for each in remediations:
        if is_final(each):
            groups[each.metadata.namespace, each.spec.dry_run].append(each)
    oldest = [_oldest(those, MAX_DRY_RUNS if is_dry else MAX_FINAL) for (_, is_dry), those in groups.items()]
    return [
        each
        for those in sorted(oldest, key=len)
        for each in those
        if each.spec.dry_run or now - created_at(each) > MIN_AGE
    ]


def _oldest(remediations: list[Remediation], most: int) -> list[Remediation]:
    """Return the oldest ones beyond the maximum."""
    number = max(0, len(remediations) - most)
    return sorted(remediations, key=created_at)[:number] if number else []
