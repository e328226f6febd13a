"""What a process holds: memory, file descriptors, sockets; and the bounds within which it counts as free of leaks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a process holds at a moment."""

    rss_bytes: int
    descriptors: int
    sockets: int

    def __str__(self) -> str:
        return f"{self.rss_bytes >> 20} MiB, {self.descriptors} descriptors, {self.sockets} of them sockets"


def holdings_of(pid: int) -> Holdings:
    """Read what a process holds from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    links = [_target(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return Holdings(pages * _PAGE_BYTES, len(links), sum(link.startswith("socket:") for link in links))


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""
