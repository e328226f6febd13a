"""Runs what takes long for honest reasons in a thread of its own, so that the event loop goes on.

There is one thread, so that the work of one Workflow never competes with that of another for the interpreter. Small
Workflows are handled on the loop: a change of threads costs more than a short computation.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from wfreport.core.snapshot.model import PodEvidence, Snapshot

LARGE_BYTES: Final = 64 * 1024
"""JSON of a Workflow above which it counts as large: about 100 nodes."""

LARGE_EVIDENCE: Final = 20
"""Pods with evidence above which a Workflow counts as large."""

_COMPRESSED: Final = b'"compressedNodes"'

_THREAD: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-work")

P = ParamSpec("P")
R = TypeVar("R")


def is_large_json(raw: bytes) -> bool:
    """Whether the JSON of a Workflow is large. Argo compresses nodes only if they do not fit into the object."""
    return len(raw) > LARGE_BYTES or _COMPRESSED in raw


def is_large(snapshot: "Snapshot", *evidence: "PodEvidence") -> bool:
    """Whether a Workflow, together with the evidence of its pods, is large."""
    return snapshot.json_bytes > LARGE_BYTES or len(evidence) > LARGE_EVIDENCE


async def run_in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function in the thread for large Workflows and return its result."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREAD, functools.partial(work, *args, **kwargs))


async def run_by_size(is_large: bool, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: FBT001
    """Run a pure function: in the thread if the Workflow is large, else at once."""
    return await run_in_thread(work, *args, **kwargs) if is_large else work(*args, **kwargs)
