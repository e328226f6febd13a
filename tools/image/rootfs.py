"""A plain root filesystem: how commands run in it, and the Dockerfile's steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from controlplane.paths import REPO_ROOT
from image.dockerfile import BUILD, RESULT, stage, steps_of, variables_of
from image.errors import ImageError

USER: Final = "65532:65532"
VENV: Final = "app/.venv"
_SHARED: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/ssl", "/proc", "/dev")
_FOR_DOWNLOADS: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
_COPIED: Final = ("pyproject.toml", "uv.lock")
_CACHE: Final = "/root/.cache/uv"
_UV: Final = "/uv/uv"


def build(made: Path, cache: Path) -> Path:
    """Perform the Dockerfile's steps in the new folder `made` and return the image's root filesystem.

    `cache` is uv's; the folder may be empty.
    """
    if os.geteuid() != 0:
        raise ImageError("root is required, for unshare and chroot")
    building = _new_root(made / "build")
    for file in _COPIED:  # the first RUN mounts them
        shutil.copy(REPO_ROOT / file, building / "app" / file)
    for instruction, text in steps_of(stage(BUILD)):
        if instruction == "COPY":
            *paths, target = text.split()
            _copy(paths, building / "app" / target)
        else:
            _run_step(building, text, cache)
    root = _new_root(made / "image")
    shutil.copytree(building / VENV, root / VENV, symlinks=True)
    return root


def _new_root(root: Path) -> Path:
    for path in (*_SHARED, "/tmp", "/app", "/root", _prefix()):  # noqa: S108  (folders of the new root)
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    shutil.copy("/etc/passwd", root / "etc" / "passwd")
    return root


def _copy(paths: Sequence[str], target: Path) -> None:
    for path in paths:
        source = REPO_ROOT / path
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _run_step(root: Path, command: str, cache: Path) -> None:
    """Run a command of the build stage as root in /app, with this machine's network and uv."""
    uv = shutil.which("uv") or os.environ.get("UV") or str(REPO_ROOT / ".cache" / "uv" / "bin" / "uv")
    (root / _UV.lstrip("/")).parent.mkdir(exist_ok=True)
    (root / _UV.lstrip("/")).touch()
    (root / _CACHE.lstrip("/")).mkdir(parents=True, exist_ok=True)
    binds = {os.path.realpath(uv): _UV, str(cache): _CACHE}
    for path in filter(os.path.exists, _FOR_DOWNLOADS):
        (root / path.lstrip("/")).touch()
        binds[os.path.realpath(path)] = path
    # The machine's Python takes the place of the base image's.
    base = {"UV_PYTHON": os.path.realpath(sys.executable), "HOME": "/root", "PATH": f"{Path(_UV).parent}:/usr/bin:/bin"}
    enter = f'exec "{shutil.which("chroot")}" "{root}" sh -c "cd /app && $1"'
    lines = _unshared([*_mounts(root, binds), enter], [command])
    environment = {**_for_downloads(), **variables_of(stage(BUILD)), **base}
    done = subprocess.run(lines, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{command}: {done.stderr.strip()[-800:]}")


def _for_downloads() -> dict[str, str]:
    """Return the variables by which this machine reaches the index of packages."""
    named = ("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_INDEX_URL", "UV_DEFAULT_INDEX")
    return {name: value for name, value in os.environ.items() if name in named or name.lower().endswith("_proxy")}


def _prefix() -> str:
    """Return the folder of the interpreter, which the image has from its base."""
    return str(Path(os.path.realpath(sys.executable)).parents[1])


def _mounts(root: Path, binds: Mapping[str, str]) -> list[str]:
    """Return the lines of a script that mount the base, read-only, and `binds` from this machine."""
    return [
        "set -e",
        f'mount --bind "{root}" "{root}"',
        *(
            f'mount --rbind {path} "{root}{path}" && mount -o remount,bind,ro "{root}{path}" 2>/dev/null || true'
            for path in (*_SHARED, _prefix())
        ),
        *(f'mount --bind "{source}" "{root}{target}"' for source, target in binds.items()),
    ]


def _unshared(lines: Sequence[str], command: Sequence[str]) -> list[str]:
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines), "sh", *command]


def command_in(root: Path, *command: str) -> list[str]:
    """Return a command line that runs a command as a container does: read-only root, no capabilities, uid 65532."""
    lines = [
        *_mounts(root, {}),
        f'mount -o remount,bind,ro "{root}"',
        f'exec setpriv --no-new-privs "{shutil.which("chroot")}" --userspec={USER} --groups= "{root}" "$@"',
    ]
    return _unshared(lines, command)


def environment_in(further: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the image's last stage, without that of this machine."""
    variables = variables_of(stage(RESULT))
    variables["PATH"] = variables["PATH"].replace("${PATH}", "/usr/bin:/bin")
    return {**variables, **further}
