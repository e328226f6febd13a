"""Refusals of Kubernetes' admission plugins for resources, and errors of Argo's controller about locks.

``argo_messages`` has all others, and their order.
"""

from typing import Final

from msgspec import Struct

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.message_patterns import MessagePattern, message_pattern


class RefusalMessage(Struct, frozen=True):
    """A pattern of a refusal and its classification.

    Attributes:
        pattern: matches the message.
        failure_class: the class of the failure.
        reason: the stable reason of the failure.
        owner: the owner, if it differs from the class's default.
        retryable: whether a retry may succeed, if it differs from the class's default.
    """

    pattern: MessagePattern
    failure_class: Class
    reason: str
    owner: Owner | None = None
    retryable: bool | None = None


QUOTA_REFUSALS: Final[tuple[RefusalMessage, ...]] = (
    RefusalMessage(
        message_pattern(r"must specify [\w./-]{1,120} for: (?:init|wait)(?:,(?:init|wait))*(?:;|$)"),
        Class.QUOTA_EXCEEDED,
        "ExecutorResources",
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"(?:maximum|minimum) \S+ usage per|max limit to request ratio per"),
        Class.QUOTA_EXCEEDED,
        "LimitRange",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"must specify (?:limits|requests)\.|failed quota: \S{1,253}: must specify "),
        Class.QUOTA_EXCEEDED,
        "ResourcesNotSet",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"insufficient quota to (?:match|consume)|failed quota: "),
        Class.QUOTA_EXCEEDED,
        "QuotaExceeded",
        retryable=False,
    ),
    RefusalMessage(message_pattern(r"exceeded quota"), Class.QUOTA_EXCEEDED, "QuotaExceeded"),
)
"""ResourceQuota and LimitRanger. Limits of Argo's own containers are in its ``executor.resources``."""

LOCK_REFUSALS: Final[tuple[RefusalMessage, ...]] = (
    RefusalMessage(
        message_pattern(r"semaphore with both|invalid lock kind|unknown Synchronization Type"),
        Class.CONFIG_ERROR,
        "LockError",
    ),  # sync/lock_name.go
    RefusalMessage(
        message_pattern(
            r"semaphore limit for|Failed to add to queue|nil Synchronization|decode locks|current lock holders|"
            r"holder ?key|determine level for|verify hold on|^hold on \S{1,300} for|initialize lock at startup"
        ),
        Class.CONTROLLER_ERROR,
        "LockError",
    ),  # sync/sync_manager.go
    RefusalMessage(
        message_pattern(r"poisoned state"), Class.LOCK_WAIT, "LockPoisoned", Owner.PLATFORM, retryable=False
    ),  # sync/poison.go
    RefusalMessage(
        message_pattern(r"database session is not available|Sync configuration key"),
        Class.CONFIG_ERROR,
        "LockError",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            r"failed to initialize semaphore|(?:semaphore|mutex|lock).{0,300} not found|"
            r"requested configuration is invalid|"
            r"[Ii]nvalid (?:ConfigMap )?lock key|[Dd]uplicate synchronization item|cannot get ?[Ll]ock[Nn]ame"
        ),
        Class.CONFIG_ERROR,
        "LockError",
    ),
    RefusalMessage(
        message_pattern(r"re-establish (?:synchronization lock|recorded holder|\S{1,40} \")"),
        Class.LOCK_WAIT,
        "LockError",
        Owner.PLATFORM,
    ),  # controller.go:544, sync_manager.go
    RefusalMessage(
        message_pattern(r"synchronization lock\..{0,300} is forbidden: "),
        Class.CONFIG_ERROR,
        "LockError",
        Owner.PLATFORM,
    ),
    RefusalMessage(message_pattern(r"synchronization lock|^Waiting for \S+ lock"), Class.LOCK_WAIT, "LockError"),
)
"""Locks: ``workflow/sync``."""
