"""Chooses free ports that no other process chooses meanwhile, so that planes and operators can run side by side.

A port is free when it is chosen, and taken only once the program that gets it has started: a second later, or after a
restart. Until then another process must not choose it too. So each process has a block of ports of its own.
"""

from __future__ import annotations

import functools
import itertools
import random
import socket
from collections.abc import Iterator
from typing import Final

# Below the kernel's ephemeral range (32768 and up), from which an outgoing connection could take a chosen port.
_LOWEST, _HIGHEST = 20_000, 32_000
_BLOCK: Final = 200


def free_ports(count: int) -> list[int]:
    """Return distinct ports of 127.0.0.1 that are free now. The caller retries if one is taken meanwhile."""
    ports: list[int] = []
    while len(ports) < count:
        port = next(_own_ports())
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


@functools.cache
def _own_ports() -> Iterator[int]:
    """Return the ports of this process in turn. It holds them by binding the first one of their block until it ends."""
    starts = list(range(_LOWEST, _HIGHEST, _BLOCK))
    random.shuffle(starts)
    holder = socket.socket()
    start = next((start for start in starts if _is_bound(holder, start)), starts[0])
    holder.detach()  # open until the process ends
    return itertools.cycle(range(start + 1, start + _BLOCK))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return _is_bound(probe, port)


def _is_bound(bound: socket.socket, port: int) -> bool:
    """Bind a socket to a port; return whether that was possible."""
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
