"""Runs what takes long for honest reasons in a thread of its own, so that the event loop goes on.

There is one thread, so that the work of one Workflow never competes with that of another for the interpreter. Small
Workflows are handled on the loop: a change of threads costs more than a short computation.
"""

import asyncio
import functools
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from wfreport.core.snapshot.model import PodEvidence, Snapshot

LARGE_BYTES: Final = 32 * 1024
"""JSON of a Workflow above which it counts as large: about 50 nodes."""

LARGE_FAILURES: Final = 8 * 1024
"""Cost of a Workflow's failures above which it counts as large: the characters of all messages, and of each failure."""

_FAILURE_CHARACTERS: Final = 100
"""Classifying a failure without a message takes as long as searching a message of this length for secrets."""

LARGE_EVIDENCE: Final = 5
"""Pods with evidence above which a Workflow counts as large: each can have a log tail."""

_COMPRESSED: Final = b'"compressedNodes"'

MANY_STEPS: Final = 2_000_000
"""Steps of the expressions of policies above which they are searched for in a thread: at worst 35 ms."""

_THREAD: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-work")
_SEARCHES: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="searches")
"""A thread of its own, because RE2 releases the interpreter's lock: other large work goes on beside it."""

P = ParamSpec("P")
R = TypeVar("R")


def is_large_json(raw: bytes) -> bool:
    """Whether the JSON of a Workflow is large. Argo compresses nodes only if they do not fit into the object."""
    return len(raw) > LARGE_BYTES or _COMPRESSED in raw


def is_large(snapshot: "Snapshot", *evidence: "PodEvidence") -> bool:
    """Whether a Workflow, together with the evidence of its pods, is large."""
    if snapshot.json_bytes > LARGE_BYTES or len(evidence) > LARGE_EVIDENCE:
        return True
    return snapshot.json_bytes > LARGE_FAILURES and _failure_characters(snapshot) > LARGE_FAILURES


def _failure_characters(snapshot: "Snapshot") -> int:
    nodes = snapshot.nodes.values()
    return sum(len(node.message) + (_FAILURE_CHARACTERS if node.has_failed else 0) for node in nodes)


async def run_in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function in the thread for large Workflows and return its result."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREAD, functools.partial(without_collections, work, *args, **kwargs))


def without_collections(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function while the garbage collector waits. Its objects live until its end, and a collection visits all.

    For one thread at a time. What the event loop leaves meanwhile is collected afterwards.
    """
    gc.disable()
    try:
        return work(*args, **kwargs)
    finally:
        gc.enable()


async def run_by_steps(steps: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function that searches with the expressions of policies: in a thread if that may take many steps."""
    if steps <= MANY_STEPS:
        return work(*args, **kwargs)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_SEARCHES, functools.partial(work, *args, **kwargs))


async def run_by_size(is_large: bool, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: FBT001
    """Run a pure function: in the thread if the Workflow is large, else at once."""
    return await run_in_thread(work, *args, **kwargs) if is_large else work(*args, **kwargs)
