"""Names of Remediations and of the Workflows they make: the same whoever asks, so that creating one is the lock."""

from datetime import datetime
from hashlib import sha256
from typing import Final

from wfreport.api.remediation import LockClass
from wfreport.api.wire import rfc3339

_NAME_LENGTH: Final = 46
_DIGITS: Final = 10
_DRY: Final = "dry-"


def remediation_name(
    workflow: str, uid: str, started_at: datetime | None, lock: LockClass, *, dry_run: bool = False
) -> str:
    """Name of the one Remediation that a run can have of a lock class.

    It is a hash over the Workflow's uid, the run's start and the lock class; the Workflow's name before it is for
    people. One of mode DryRun has another name, for it locks nothing.
    """
    run = rfc3339(started_at) if started_at else ""
    digest = sha256(f"{uid}\x00{run}\x00{lock}".encode()).hexdigest()[:_DIGITS]
    return f"{_DRY if dry_run else ''}{_stem(workflow)}-{digest}"


def resubmission_name(root_name: str, root_uid: str, attempt: int) -> str:
    """Name of the ``attempt``-th resubmission of a chain's first Workflow (Argo takes at most 63 characters)."""
    return f"{_stem(root_name)}-{root_uid.replace('-', '')[:_DIGITS]}-r{attempt}"


def _stem(name: str) -> str:
    """So much of the name that the rest fits into 63 characters, and that it ends as a DNS name may."""
    return name[:_NAME_LENGTH].rstrip("-.")
