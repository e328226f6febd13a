"""Next steps about a lock: who holds it, and where its limit is set."""

from collections.abc import Iterator
from typing import Final

from wfreport.core.next_steps.commands import argo, kubectl
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.imports import lazy_pattern

_HOLDER: Final = lazy_pattern(r"held by (?:([a-z0-9][a-z0-9-]{0,62})/)?([a-z0-9][a-z0-9.-]{0,252})(?=[,;]| since |$)")
_LOCK: Final = lazy_pattern(r"(?i)Waiting for ([a-z0-9][a-z0-9-]{0,62})/\w{1,40}/(\w[\w./-]{0,600}) lock")
_SEMAPHORE: Final = lazy_pattern(
    r"(?i)Waiting for ([a-z0-9][a-z0-9-]{0,62})/configmap/([a-z0-9][a-z0-9.-]{0,252})/([\w.-]{1,253}) lock"
)
_NO_LIMIT: Final = lazy_pattern(
    r"(?i)semaphore limit for ([a-z0-9][a-z0-9-]{0,62})/configmap/([a-z0-9][a-z0-9.-]{0,252})/([\w.-]{1,253})"
)
_HOLDING: Final = ".status.synchronization.{0}.holding[*].{0}"
_RUNNING: Final = "workflows.argoproj.io/completed!=true"


def holder_steps(text: str, run: ReportedRun) -> Iterator[NextStep]:
    """Yield the command that shows who holds the lock that a message names."""
    holder, lock = _HOLDER.search(text), _LOCK.search(text)
    if holder:
        yield argo("what its holder does", "get", holder[2], namespace=holder[1])
        return
    columns = [f"{kind.upper()}:{_HOLDING.format(kind)}" for kind in ("semaphore", "mutex")]
    # A Workflow may share a semaphore of another namespace with those of all others.
    is_shared = lock is not None and lock[1] != run.namespace
    where = ["NAMESPACE:.metadata.namespace"] if is_shared else []
    shown = ",".join([*where, "NAME:.metadata.name", *columns])
    command = ("get", "workflows", *(["--all-namespaces"] if is_shared else []), "-l", _RUNNING)
    text = f"who holds it: the lines with {lock[2]}" if lock else "which Workflow holds which lock"
    yield kubectl(text, *command, "-o", f"custom-columns={shown}", namespace="" if is_shared else None)


def limit_steps(text: str) -> Iterator[NextStep]:
    """Yield where the limit of the semaphore is set that a message names."""
    semaphore = _SEMAPHORE.search(text)
    if semaphore:
        yield NextStep(
            f"Wait until a holder ends, end one, or raise the limit: the key named {semaphore[3]} of the ConfigMap "
            f"{semaphore[2]}."
        )
        yield kubectl("the limit", "edit", "configmap", semaphore[2], namespace=semaphore[1])


def missing_limit_steps(text: str) -> Iterator[NextStep]:
    """Yield where the limit of the semaphore should be that a message misses."""
    semaphore = _NO_LIMIT.search(text)
    if semaphore:
        question = f"is it there, with a number above 0 under the key {semaphore[3]}?"
        yield kubectl(question, "get", "configmap", semaphore[2], "-o", "yaml", namespace=semaphore[1])
        yield NextStep(
            f"If not, set the key {semaphore[3]} of the ConfigMap {semaphore[2]}; nobody gets the lock before."
        )
