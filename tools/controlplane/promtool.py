"""Finds promtool: on PATH, or in Debian's package of Prometheus, which is unpacked into the cache, not installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from controlplane.errors import BinaryUnavailableError
from controlplane.locking import exclusive
from controlplane.paths import cache_dir

_SECONDS = 180


def promtool() -> Path:
    """Return promtool.

    Raises:
        BinaryUnavailableError: it is not on PATH, and cannot be had from Debian.
    """
    on_path = shutil.which("promtool")
    if on_path:
        return Path(on_path)
    cached = cache_dir() / "bin" / "promtool-debian" / "promtool"
    if not cached.exists():
        with exclusive(cache_dir() / "locks" / "promtool", what="promtool"):
            if not cached.exists():
                _unpack(cached)
    return cached


def _unpack(target: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise BinaryUnavailableError(f"no promtool on PATH, and no {program} to get it: install Prometheus")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        try:
            _run("apt-get", "download", "-q", "prometheus", folder=folder)
        except BinaryUnavailableError:  # a new machine has no lists of packages
            _run("apt-get", "update", "-q", folder=folder)
            _run("apt-get", "download", "-q", "prometheus", folder=folder)
        (package,) = Path(folder).glob("prometheus_*.deb")
        _run("dpkg-deb", "-x", package.name, "unpacked", folder=folder)
        (Path(folder) / "unpacked" / "usr" / "bin" / "promtool").rename(target)


def _run(*command: str, folder: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BinaryUnavailableError(f"no promtool: `{' '.join(command)}` took more than {_SECONDS} s") from error
    if done.returncode:
        raise BinaryUnavailableError(f"no promtool: `{' '.join(command)}`: {done.stderr.strip()[-300:]}")
