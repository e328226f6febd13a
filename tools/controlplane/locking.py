"""One builder at a time, across processes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.progress import say


@contextmanager
def exclusive(lock_path: Path, *, what: str) -> Iterator[None]:
    """Hold the file lock while the body runs; the kernel drops it when the holder dies."""
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes {what}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
