"""Next steps about a step that found no room on a disk."""

from collections.abc import Iterator
from typing import Final

from wfreport.api.report import Failure
from wfreport.core.next_steps.commands import describe_host, run_again, template_of
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.imports import lazy_pattern

_FULL: Final = lazy_pattern(
    r"(?i)no space left on device|disk quota exceeded|\bENOSPC\b|\bEDQUOT\b|"
    r"(?:not enough|insufficient) (?:free disk|disk(?: free)?) space|not enough (?:free )?space (?:left )?(?:on|in) "
    r"(?:the )?(?:disk|device|drive|file ?system|volume)\b|out of disk space|\b(?:disk|file ?system) is full\b|"
    r"write error: No space"
)
_NO_DISK: Final = lazy_pattern(r"(?i)StorageFull|InsufficientStorage|inotify|file watchers|could not extend file")
"""What has the words of a full disk as well: a full store or database that a step calls, and limits of the kernel."""

_SHARED_MEMORY: Final = lazy_pattern(r"(?i)/dev/shm\b|shared memory|</torch_")


def is_disk_full(text: str) -> bool:
    """Return whether a message tells that a disk of the step has no room."""
    return bool(_FULL.search(text)) and not _NO_DISK.search(text)


def room_steps(failure: Failure, run: ReportedRun, text: str, what: str) -> Iterator[NextStep]:
    """Yield how to get the room that a step needs: whatever is run again needs it as well.

    Args:
        failure: the failed step.
        run: the run.
        text: what it said about the disk.
        what: what it could write less of.
    """
    if _SHARED_MEMORY.search(text):
        yield NextStep(
            f"Give the step more shared memory in {template_of(failure)}: "
            "mount an emptyDir with medium: Memory at /dev/shm."
        )
    else:
        yield from describe_host(failure, "is it under DiskPressure, or was a volume of the pod full?")
        yield NextStep(
            "Give the step more room on the disk: larger requests of ephemeral-storage or a larger volume in "
            f"{template_of(failure)}, a higher quota of the volume's storage, or {what}."
        )
    yield run_again(
        run, "when there is room, for example on another machine; a changed template must be submitted anew"
    )
