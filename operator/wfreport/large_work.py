"""Runs what takes long for honest reasons in a thread of its own, so that the event loop goes on.

Large Workflows have one thread, so that the work of one never competes with that of another for the interpreter. Small
Workflows are handled on the loop: a change of threads costs more than a short computation. Namespaces take turns: a
Workflow of sixty steps is large, and must not wait for all the huge ones of another namespace.
"""

import asyncio
import functools
import gc
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from wfreport.core.snapshot.texts import texts_of_pod

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

_namespace: Final = ContextVar("namespace", default="")

P = ParamSpec("P")
R = TypeVar("R")


def is_large_json(raw: bytes) -> bool:
    """Whether the JSON of a Workflow is large. Argo compresses nodes only if they do not fit into the object."""
    return len(raw) > LARGE_BYTES or _COMPRESSED in raw


def is_large(snapshot: "Snapshot", *evidence: "PodEvidence") -> bool:
    """Whether a Workflow, together with the evidence of its pods, is large."""
    if snapshot.json_bytes > LARGE_BYTES or is_large_evidence(*evidence):
        return True
    return snapshot.json_bytes > LARGE_FAILURES and _failure_characters(snapshot) > LARGE_FAILURES


def _failure_characters(snapshot: "Snapshot") -> int:
    nodes = snapshot.nodes.values()
    return sum(len(node.message) + (_FAILURE_CHARACTERS if node.has_failed else 0) for node in nodes)


def take_turns_as(namespace: str) -> None:
    """Let the large work of the current task take turns as that of a namespace."""
    _namespace.set(namespace)


class _Thread:
    """A thread in which namespaces take turns: between two pieces of work of one, each other that waits gets one."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._is_taken = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, work: Callable[[], R]) -> R:
        """Run a pure function and return its result."""
        await self._take(_namespace.get())
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._give()

    async def _take(self, namespace: str) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(namespace, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # it had just been given
            raise

    def _give(self) -> None:
        """End a turn, and give one to the namespace that has waited longest."""
        while self._waiting:
            namespace, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[namespace] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False


_LARGE: Final = _Thread("large-work")
_SEARCHES: Final = _Thread("searches")
"""A thread of its own, because RE2 releases the interpreter's lock: other large work goes on beside it."""


async def run_in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function in the thread for large Workflows and return its result."""
    return await _LARGE.run(functools.partial(without_collections, work, *args, **kwargs))


def without_collections(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function while the garbage collector waits. Its objects live until its end, and a collection visits all.

    For one thread at a time. What the event loop leaves meanwhile is collected afterwards.
    """
    gc.disable()
    try:
        return work(*args, **kwargs)
    finally:
        gc.enable()


def is_large_evidence(*evidence: "PodEvidence") -> bool:
    """Whether the evidence of pods is large, by their number or their texts."""
    return len(evidence) > LARGE_EVIDENCE or sum(map(_evidence_characters, evidence)) > LARGE_FAILURES


def _evidence_characters(evidence: "PodEvidence") -> int:
    """Return the length of the texts of a pod and its Events. Logs were searched when they were read."""
    texts = [text for event in evidence.events for text in (event.message, event.reason)]
    texts += texts_of_pod(evidence.pod.status) if evidence.pod else ()
    return sum(map(len, texts))


async def run_by_steps(steps: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a pure function that searches with the expressions of policies: in a thread if that may take many steps."""
    if steps <= MANY_STEPS:
        return work(*args, **kwargs)
    return await _SEARCHES.run(functools.partial(work, *args, **kwargs))


async def run_by_size(is_large: bool, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: FBT001
    """Run a pure function: in the thread if the Workflow is large, else at once."""
    return await run_in_thread(work, *args, **kwargs) if is_large else work(*args, **kwargs)
