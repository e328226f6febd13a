"""Chooses free ports, at random, so that planes running side by side rarely collide."""

from __future__ import annotations

import random
import socket

# Below the kernel's ephemeral range (32768 and up), from which an outgoing connection could take a chosen port.
_LOWEST, _HIGHEST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Return distinct ports of 127.0.0.1 that are free now. The caller retries if one is taken meanwhile."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(_LOWEST, _HIGHEST)  # noqa: S311  (not a secret)
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
