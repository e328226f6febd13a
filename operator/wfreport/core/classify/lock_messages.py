"""Errors of Argo's controller about locks (``workflow/sync``)."""

from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.message_patterns import message_pattern
from wfreport.core.classify.refusals import RefusalMessage

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
"""The first match counts."""
