"""Restricts a process that sends one notification: what it may read, reach, start and use up.

The text of an Apprise URL decides which of a hundred plugins runs, and with which options. The allow-list is the first
line of defence; this is the second, for an option that it missed. It holds against options, not against code: code
that runs in the process could get around it.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from wfreport.remediation.destinations import DestinationRules, RefusedAddressError

_CPU_SECONDS: Final = 10
_MORE_DATA_BYTES: Final = 40 * 1024 * 1024
"""Memory for one delivery, beyond what it shares with the server. All deliveries and the operator share one limit."""
_OPEN_FILES: Final = 64

_SYSTEM_FILES: Final = (
    "/dev/null",
    "/dev/urandom",
    "/etc/mime.types",
    "/etc/pki",
    "/etc/ssl",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
)
_CA_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DESTINATIONS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_REFUSED_EVENTS: Final = frozenset(
    {
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn", "subprocess.Popen"),
        *("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"),
        *("ctypes.dlopen", "os.putenv", "socket.bind"),
    }
)


class Sandbox:
    """Checks what this process does, by an audit hook (PEP 578), from ``enter`` until the process ends."""

    def __init__(self, rules: DestinationRules, environment: dict[str, str]) -> None:
        """``environment`` is that of the process: it may name CA certificates."""
        self._rules = rules
        certificates = [environment[name] for name in _CA_VARIABLES if environment.get(name)]
        self._readable = _real_paths([sys.prefix, sys.base_prefix, *sys.path, *_SYSTEM_FILES, *certificates])
        self.refused_address: RefusedAddressError | None = None

    def enter(self) -> None:
        """Restrict this process for good."""
        _prefer_for_out_of_memory_kill()
        for kind, limit in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CPU, _CPU_SECONDS),
            (resource.RLIMIT_DATA, _data_bytes() + _MORE_DATA_BYTES),
            (resource.RLIMIT_NOFILE, _OPEN_FILES),
        ):
            resource.setrlimit(kind, (limit, limit))
        sys.addaudithook(self._check)

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._check_file(*arguments)
        elif event in _DESTINATIONS:
            self._check_destination(arguments[1])
        elif event in _REFUSED_EVENTS:
            raise PermissionError(f"{event} is refused")

    def _check_file(self, path: object, _mode: object, flags: int) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]  # the interpreter passes a path
        if flags & _WRITES or not f"{real}/".startswith(self._readable):
            raise PermissionError("this file is refused")

    def _check_destination(self, address: object) -> None:
        if address is None:  # of a socket that is connected
            return
        if not isinstance(address, tuple):
            raise PermissionError("only network addresses are allowed")
        try:
            self._rules.check(str(address[0]), int(address[1]))
        except RefusedAddressError as error:
            self.refused_address = error
            raise


def _real_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes of these paths and of all files below them, each with a slash at its end."""
    real = {os.path.realpath(path) for path in paths if path}
    return tuple(sorted(f"{path}/" for path in real if path != "/"))


def _data_bytes() -> int:
    """Return the size of the memory that the limit counts, as far as it is used now."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ()  # only Linux enforces the limit
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)


def _prefer_for_out_of_memory_kill() -> None:
    """Let the kernel end this process before the operator, if their container runs out of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
