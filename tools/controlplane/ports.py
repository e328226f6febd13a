"""Free ports, chosen so that side-by-side planes seldom meet."""

from __future__ import annotations

import random
import socket

# Below the kernel's range for outgoing connections (32768…): one of those could take ours meanwhile.
_LOWEST, _HIGHEST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1, free just now; the caller starts again with others if one gets taken."""
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
