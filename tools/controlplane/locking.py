"""File locks, so that only one process at a time builds a program."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.progress import echo


@contextmanager
def exclusive(lock_path: Path, *, what: str) -> Iterator[None]:
    """Hold the file lock for the duration of the block. The kernel releases it if the process dies."""
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            echo(f"waiting for another process that is getting {what}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
