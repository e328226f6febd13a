"""Builds the Go operators that the benchmark compares with, once, from our module `peers/controller_runtime`."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

from controlplane.gobuild import run_build
from controlplane.golang import find_go
from controlplane.locking import exclusive
from controlplane.paths import cache_dir
from controlplane.progress import Ticker

MODULE = Path(__file__).parent / "peers" / "controller_runtime"
_NAME = "controller-runtime-peer"
_SOURCES = ("go.mod", "go.sum", "main.go")


def peer() -> Path:
    """Return the program of both Go operators, building it if necessary.

    Raises:
        BinaryUnavailableError: there is no Go, or the build failed.
    """
    digest = hashlib.sha256(b"".join((MODULE / name).read_bytes() for name in _SOURCES)).hexdigest()[:10]
    folder = cache_dir() / "bin" / f"{_NAME}-{sys.platform}-{platform.machine()}-{digest}"
    program = folder / _NAME
    if not program.exists():
        with exclusive(cache_dir() / "locks" / folder.name, what=_NAME):
            if not program.exists():
                _build(program)
    return program


def _build(program: Path) -> None:
    go, unfinished = find_go(), program.with_name(f"{_NAME}.part")
    program.parent.mkdir(parents=True, exist_ok=True)
    with Ticker(f"building {_NAME} (first time only): about 2 min on two cores") as ticker:
        run_build([str(go), "build", "-v", "-trimpath", "-o", str(unfinished), "."], MODULE, ticker)
    unfinished.rename(program)
