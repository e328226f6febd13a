"""Starts the process that sends by Apprise when it is first needed, and hands it one message at a time."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wfreport.remediation.apprise_server import FAILED, READY

_START_SECONDS: Final = 30
_WORKER_START_SECONDS: Final = 5

_PROGRAM: Final = (
    "import sys; sys.path[:] = {path!r}; from wfreport.remediation.apprise_server import main; main({descriptor})"
)


class AppriseClient:
    """The operator's end of the process that sends by Apprise. The operator itself never imports Apprise."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment`` is all that the process gets; the operator's own may contain tokens."""
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting: asyncio.Task[socket.socket | None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, while the process runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def deliver(self, request: Mapping[str, Any]) -> tuple[str, str]:
        """Send a message; return the result (``SENT``, ``REFUSED``, ``BLOCKED`` or ``FAILED``) and its explanation.

        To end a delivery that hangs, cancel the call: the process of the delivery is killed.
        """
        control = await self._running_server()
        if control is None:
            return FAILED, "the process that sends did not start"
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(control, [b"\n"], [theirs.fileno()])
            except OSError:
                ours.close()
                self.close()
                return FAILED, "the process that sends has ended"
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            return await self._exchange(reader, writer, request)
        except (OSError, ValueError):
            return FAILED, "the process that sends has ended: it used too much memory or CPU, or was killed"
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Mapping[str, Any]
    ) -> tuple[str, str]:
        try:
            async with asyncio.timeout(_WORKER_START_SECONDS):
                await reader.readexactly(len(READY))
        except (TimeoutError, asyncio.IncompleteReadError):
            self.close()  # the server itself hangs, or has ended
            return FAILED, "the process that sends did not start"
        writer.write(json.dumps(request).encode() + b"\n")
        answer = json.loads(await reader.readline())
        return answer["result"], answer["message"]

    def close(self) -> None:
        """Kill the process and all that it started. ``deliver`` starts a new one."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control:
            control.close()
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    async def _running_server(self) -> socket.socket | None:
        """Return the control socket of the server, and start it if necessary. Return None if it does not start.

        If the caller is cancelled, the start goes on: on a busy machine it may take longer than a delivery may.
        """
        if self._starting is None or (self._starting.done() and not self.pid):
            self.close()
            self._starting = asyncio.create_task(self._start(), name="start of Apprise")
        return await asyncio.shield(self._starting)

    async def _start(self) -> socket.socket | None:
        """Start the server and wait until it has imported Apprise."""
        control = self._spawn()
        try:
            async with asyncio.timeout(_START_SECONDS):
                is_ready = await asyncio.get_running_loop().sock_recv(control, len(READY)) == READY
        except (TimeoutError, OSError):
            is_ready = False
        if is_ready:
            return control
        self.close()
        return None

    def _spawn(self) -> socket.socket:
        """Start the server: its own session, nothing inherited but the control socket, no token in its environment."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003
        path = [entry for entry in sys.path if entry]
        with theirs:
            program = _PROGRAM.format(path=path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                _command(program),
                env=dict(self._environment),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = ours
        return ours


def _command(program: str) -> Sequence[str]:
    """Return the command of an interpreter that ignores the user's settings and writes no files."""
    return [sys.executable, "-I", "-B", "-c", program]
