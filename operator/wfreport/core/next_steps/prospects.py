"""Who can end a wait or a stall, and whether another run would help: what a failure has as its owner and retry."""

from typing import Final

from msgspec import Struct

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.api.classes import CLASS_OF_WAIT, FailureClass, Owner
from wfreport.api.reasons import ORDINARY_WAITS, StallReason
from wfreport.api.report import ReportStatus, Stalled, Waiting
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.verdicts import CLASS_DEFAULTS
from wfreport.core.next_steps.stalls import DAEMONS
from wfreport.imports import lazy_pattern

NEW_RUN_MAY_HELP: Final = "a new run may help"
NEW_RUN_HANGS_TOO: Final = "a new run would hang as well until that is corrected"
ENDS_BY_ITSELF: Final = "it goes on by itself"
ENDS_WITH_OTHERS: Final = "it goes on as soon as others have ended"
WAITS_FOR_A_PERSON: Final = "it waits for a person"
STARTS_WHEN_CORRECTED: Final = "it starts by itself once that is corrected; a new run would wait as well"
WILL_NOT_END: Final = "it does not end by itself"


class Prospect(Struct, frozen=True):
    """What to expect of a run that waits or hangs.

    Attributes:
        owner: the party that can end it.
        outlook: whether it ends by itself, and whether another run would help.
    """

    owner: Owner
    outlook: str


_STALLS: Final[dict[str, Prospect]] = {
    StallReason.POD_GONE: Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    StallReason.MAIN_ENDED: Prospect(Owner.USER, NEW_RUN_HANGS_TOO),
    StallReason.MAIN_NOT_STARTED: Prospect(Owner.USER, NEW_RUN_HANGS_TOO),
    StallReason.POD_TERMINATING: Prospect(Owner.INFRASTRUCTURE, NEW_RUN_MAY_HELP),
    StallReason.MACHINE_SILENT: Prospect(Owner.INFRASTRUCTURE, NEW_RUN_MAY_HELP),
    StallReason.TASK_RESULT_MISSING: Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    StallReason.AGENT_GONE: Prospect(Owner.INFRASTRUCTURE, NEW_RUN_MAY_HELP),
    StallReason.NOTHING_SCHEDULED: Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    StallReason.EXIT_HANDLER_NOT_STARTED: Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    StallReason.SUSPENDED_AND_TERMINATED: Prospect(Owner.USER, "it ends once it is resumed"),
    StallReason.DELETION_BLOCKED: Prospect(Owner.PLATFORM, WILL_NOT_END),
    StallReason.ARTIFACT_GC_FAILED: Prospect(Owner.PLATFORM, WILL_NOT_END),
    StallReason.LOCK_LEAKED: Prospect(Owner.PLATFORM, NEW_RUN_HANGS_TOO),
    StallReason.CONTROLLER_SILENT: Prospect(Owner.PLATFORM, NEW_RUN_HANGS_TOO),
}

_WAITS: Final[dict[str, Prospect]] = {
    "LabelledCompleted": Prospect(Owner.USER, STARTS_WHEN_CORRECTED),
    "NotStarted": Prospect(Owner.PLATFORM, STARTS_WHEN_CORRECTED),
    "RetryNotStarted": Prospect(Owner.PLATFORM, STARTS_WHEN_CORRECTED),
    "HTTPPending": Prospect(Owner.PLATFORM, STARTS_WHEN_CORRECTED),
    "PluginPending": Prospect(Owner.PLATFORM, STARTS_WHEN_CORRECTED),
    "Suspended": Prospect(Owner.USER, WAITS_FOR_A_PERSON),
    "WorkflowSuspended": Prospect(Owner.USER, WAITS_FOR_A_PERSON),
    "LockWait": Prospect(Owner.USER, ENDS_WITH_OTHERS),
    "LockLimitMissing": Prospect(Owner.USER, STARTS_WHEN_CORRECTED),
    "ParallelismLimit": Prospect(Owner.USER, ENDS_WITH_OTHERS),
    "Stopping": Prospect(Owner.USER, "it ends with the steps that still run"),
    "PodFailed": Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    "PodSucceeded": Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    "PodTerminating": _STALLS[StallReason.POD_TERMINATING],
    "MainNotStarted": _STALLS[StallReason.MAIN_NOT_STARTED],
    "MainEnded": _STALLS[StallReason.MAIN_ENDED],
    "ExecutorFailed": Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    "MachineSilent": Prospect(Owner.INFRASTRUCTURE, NEW_RUN_MAY_HELP),
    "DeadlinePassed": Prospect(Owner.PLATFORM, WILL_NOT_END),
}
"""Waits without a failure class."""


_BY_WORDS: Final = (
    (
        StallReason.MAIN_ENDED,
        lazy_pattern(rf"(?:and|but) (?:{'|'.join(sorted(EXECUTOR_CONTAINERS))}) (?:keeps|still runs)\b"),
        Prospect(Owner.PLATFORM, NEW_RUN_MAY_HELP),
    ),
    (
        StallReason.MAIN_ENDED,
        lazy_pattern(r"although no container of it runs"),
        Prospect(Owner.INFRASTRUCTURE, NEW_RUN_MAY_HELP),
    ),
    (StallReason.NOTHING_SCHEDULED, lazy_pattern(DAEMONS), Prospect(Owner.USER, NEW_RUN_HANGS_TOO)),
)
"""What the message of a reason tells besides: that of a stall, or of a wait that has the same reason."""


def prospect_of_stall(stalled: Stalled) -> Prospect | None:
    """Return what to expect of a run that hangs; None for a reason of a newer version."""
    return _by_words(stalled.reason, stalled.message) or _STALLS.get(stalled.reason)


def _by_words(reason: str, message: str | None) -> Prospect | None:
    found = (prospect for of, words, prospect in _BY_WORDS if of == reason and words.search(message or ""))
    return next(found, None)


def prospect_of_wait(wait: Waiting) -> Prospect | None:
    """Return what to expect of a wait; None if nothing is known of its reason."""
    if wait.reason in _WAITS:
        return _by_words(wait.reason, wait.message) or _WAITS[wait.reason]
    if wait.reason in ORDINARY_WAITS:
        return Prospect(Owner.USER, ENDS_BY_ITSELF)
    failure_class = CLASS_OF_WAIT.get(wait.reason)
    if failure_class is None:
        return None
    return Prospect(_owner(failure_class, wait.message or ""), STARTS_WHEN_CORRECTED)


def _owner(failure_class: FailureClass, message: str) -> Owner:
    if _is_temporary(failure_class, message):
        return Owner.INFRASTRUCTURE
    is_argos = kubelet_messages.EXECUTOR_IMAGE.search(message) is not None
    return Owner.PLATFORM if is_argos else CLASS_DEFAULTS[failure_class][0]


def leading_prospect(status: ReportStatus) -> Prospect | None:
    """Return what to expect of the run, by its stall or else by its leading wait."""
    if status.stalled:
        return prospect_of_stall(status.stalled)
    return prospect_of_wait(status.waiting[0]) if status.waiting else None


def _is_temporary(failure_class: FailureClass, message: str) -> bool:
    """Whether the registry or the storage fails, not a name in the spec."""
    errors = {
        FailureClass.IMAGE_PULL: kubelet_messages.REGISTRY_ERRORS,
        FailureClass.CONFIG_ERROR: kubelet_messages.STARTUP_ERRORS,
    }.get(failure_class)
    return errors is not None and errors.search(message) is not None
