"""Permits one node at a time on a machine: two would share addresses, cgroups and folders."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from realnode.requirements import LackingError

# An abstract socket leaves no file and disappears with the process.
_NAME: Final = "\0wfreport-node"


@contextmanager
def only_one(name: str = _NAME) -> Iterator[None]:
    """Hold the machine for this process.

    Raises:
        LackingError: another process holds it.
    """
    with socket.socket(socket.AF_UNIX) as held:
        try:
            held.bind(name)
        except OSError as error:
            raise LackingError("another node is up on this machine: end that one first") from error
        yield
