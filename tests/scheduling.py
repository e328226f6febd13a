"""Which worker runs which file of tests, if workers run side by side (`pytest -n`).

A test with the real Argo waits for most of its time, one on an API server for some of it, and any other one computes.
Each worker prefers one of the three kinds, so that they use the cores evenly and few workers start the same processes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

_ROOT = Path(__file__).parents[1]
# From the kind whose processes take the longest to start to the one that starts none.
_KINDS = ("argo", "cluster", "none")


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole files: of the kind that a worker prefers, then of the one that costs the fewest new processes."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(next_file(list(self.workqueue), int(node.gateway.id.removeprefix("gw"))), last=False)
        super()._assign_work_unit(node)


def next_file(files: list[str], worker: int) -> str:
    """Return the file that a worker runs next; of one kind, the first."""
    preferred = _KINDS[worker % len(_KINDS)]
    return min(files, key=lambda file: (kind(file) != preferred, -_KINDS.index(kind(file))))


@cache
def kind(file: str) -> str:
    """Return the mark that tests of a file have: the process that hands out the files knows only their names."""
    text = (_ROOT / file).read_text()
    if "mark.argo" in text or "argo_marks(" in text:
        return "argo"
    return "cluster" if "mark.cluster" in text else "none"
