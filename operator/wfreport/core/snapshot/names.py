"""Names of Remediations and of the Workflows that they create.

The names are deterministic, so creating the object acts as a lock.
"""

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
    """Return the name of the only Remediation that a run can have for a lock class.

    It ends with a hash of the Workflow's uid, the run's start and the lock class. The Workflow's name before the hash
    is for readers. A dry run has a prefix, because it must not lock anything.
    """
    run = rfc3339(started_at) if started_at else ""
    digest = sha256(f"{uid}\x00{run}\x00{lock}".encode()).hexdigest()[:_DIGITS]
    return f"{_DRY if dry_run else ''}{_stem(workflow)}-{digest}"


def resubmission_name(root_name: str, root_uid: str, attempt: int) -> str:
    """Return the name of the ``attempt``-th resubmission of a chain. Argo accepts at most 63 characters."""
    return f"{_stem(root_name)}-{root_uid.replace('-', '')[:_DIGITS]}-r{attempt}"


def _stem(name: str) -> str:
    """Cut the name so that the result fits into 63 characters and is still a valid DNS name."""
    return name[:_NAME_LENGTH].rstrip("-.")
