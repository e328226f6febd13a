"""Commands in forks of one process that has imported what they need: most of a command's second is Python's start.

A fork has its own environment, output and exit code, as a process that the user starts. That commands import what they
need by themselves is seen where they are started for real: on terminals, as a plugin, in the background.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).parents[2]
_LENGTH_BYTES = 4


def run(arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`wfreport` with these arguments, in a pipe."""
    channel = _started()
    request = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        socket.send_fds(channel, [len(request).to_bytes(_LENGTH_BYTES)], [out.fileno(), err.fileno()])
        channel.sendall(request)
        code = int.from_bytes(_received(channel, _LENGTH_BYTES), signed=True)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read().decode(), err.read().decode())


@functools.cache
def _started() -> socket.socket:
    """The channel to a process that ends when this one does."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], cwd=_ROOT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    atexit.register(_end, ours, process)
    return ours


def _end(channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
    channel.close()
    process.wait(10)


def _received(channel: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = channel.recv(count - len(found))
        if not part:
            raise ConnectionError("the process that runs commands has ended")
        found += part
    return found


def _serve(channel: socket.socket) -> None:
    import wfreport.cli  # noqa: PLC0415

    for module in pkgutil.walk_packages(wfreport.cli.__path__, "wfreport.cli."):
        importlib.import_module(module.name)
    importlib.import_module("kubernetes.client")
    while True:
        head, outputs, _, _ = socket.recv_fds(channel, _LENGTH_BYTES, 2)
        if not head:
            return
        request = json.loads(_received(channel, int.from_bytes(head)))
        child = os.fork()
        if not child:
            channel.close()
            _become(request["arguments"], request["env"], outputs)
        for output in outputs:
            os.close(output)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.sendall(code.to_bytes(_LENGTH_BYTES, signed=True))


def _become(arguments: list[str], env: Mapping[str, str], outputs: Sequence[int]) -> NoReturn:
    for output, number in zip(outputs, (1, 2), strict=True):
        os.dup2(output, number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(env)
    # It reads $KUBECONFIG when it is imported; what is slow in it stays.
    for name in [name for name in sys.modules if name == "kubernetes" or name.startswith("kubernetes.config")]:
        del sys.modules[name]
    code = 1
    try:
        from wfreport.cli.main import cli  # noqa: PLC0415

        cli(arguments, prog_name="wfreport")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  (as the interpreter's own end: a traceback, and 1)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
