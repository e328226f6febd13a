"""Starts the compared operators, each a separate program."""

from __future__ import annotations

import asyncio
import compileall
import os
import signal
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import wfreport
from bench.go_peers import peer
from bench.processes import Tree

OPERATOR_USER = "operator"
_STOP_SECONDS = 20
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Program:
    """Command of an operator, which finds its kubeconfig in ``$KUBECONFIG``.

    Attributes:
        name: its name in the tables.
        command: the program and its arguments; for a Go peer, none.
        env: variables.
        flags: arguments of a Go peer.
        is_go: whether it is our Go peer, which is built when it is needed.
    """

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    is_go: bool = False

    def built(self) -> Program:
        """Return the program with its command, built if necessary."""
        if self.is_go:
            return replace(self, command=(peer(), *self.flags), is_go=False)
        compile_bytecode()
        return self


def compile_bytecode() -> None:
    """Compile what Python operators import, as the image does. Else each start would compile what was edited since."""
    for folder in (Path(wfreport.__file__).parent, Path(sysconfig.get_path("purelib"))):
        compileall.compile_dir(folder, quiet=2)


WFREPORT = Program("wfreport", (sys.executable, "-m", "wfreport", "run"), {"WFREPORT_HTTP_PORT": "0"})
NAIVE = Program(
    "naive-kopf",
    (sys.executable, "-m", "kopf", "run", "--all-namespaces", "--standalone", _PEERS / "naive_kopf.py"),
)
GO_METADATA = Program("cr-metadata", (), flags=("--metadata-only",), is_go=True)
GO_FULL = Program("cr-full", (), is_go=True)
PROGRAMS = (WFREPORT, GO_METADATA, GO_FULL, NAIVE)


class OperatorEndedError(Exception):
    """The operator exited; the message names its log."""


class Operator:
    """A running operator."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self.tree = Tree(process.pid)

    @classmethod
    async def start(cls, program: Program, *, kubeconfig: Path, log: Path) -> Operator:
        """Start it and append its output to ``log``."""
        with _opened(log) as output:
            process = await asyncio.create_subprocess_exec(
                *map(str, program.command),
                env={**os.environ, **program.env, "KUBECONFIG": str(kubeconfig)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process, log)

    def ensure_running(self) -> None:
        """Check that it runs.

        Raises:
            OperatorEndedError: it exited; with the name of its log.
        """
        if self._process.returncode is not None:
            raise OperatorEndedError(f"the operator ended with {self._process.returncode}: see {self._log}")

    async def stop(self) -> None:
        """Stop it as Kubernetes does, with its children."""
        if self._process.returncode is None:
            self._process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")
