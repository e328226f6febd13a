"""Performs the Dockerfile's steps in a plain root filesystem, twice, and runs the operator in it: `python -m image`.

For machines without a container engine. It needs root, `unshare` and `chroot`. The interpreter and libraries of this
machine take the place of the base image; everything else is what the image contains and how a pod runs it: uid 65532,
no capabilities, no new privileges, a read-only root, the environment and the command of the Dockerfile and of the
Deployment, and the token of its ServiceAccount.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from controlplane import ControlPlaneError
from controlplane.paths import REPO_ROOT
from image import smoke
from image.errors import ImageError
from image.layer import Layer, difference, layer_of
from image.rootfs import VENV, build

_MIB: Final = 1024 * 1024


def main() -> int:
    """Build twice, compare, run, and check. Return the exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix="wfreport-image-") as made:
            folder = Path(made)
            folder.chmod(0o755)
            smoke.check(_built_twice(folder), _log)
    except (ImageError, ControlPlaneError, OSError) as error:
        sys.stderr.write(f"image: {error}\n")
        return 1
    return 0


def _built_twice(folder: Path) -> Path:
    """Build twice, each time with an empty cache, and return the root filesystem if the layers are the same.

    Raises:
        ImageError: a step failed, or the layers differ.
    """
    epoch = _commit_time()
    layers: list[Layer] = []
    for name in ("first", "second"):
        _log(f"the Dockerfile's steps, {name} build")
        (folder / name / "cache").mkdir(parents=True)
        root = build(folder / name, folder / name / "cache")
        layers.append(layer_of(root, VENV, epoch=epoch))
        _log(f"{layers[-1].digest}, {len(layers[-1].entries)} entries, {layers[-1].size_bytes / _MIB:.1f} MiB")
    if different := difference(*layers):
        raise ImageError(f"two builds differ in {different}")
    return root


def _commit_time() -> int:
    """Return the time that a release gives as ``SOURCE_DATE_EPOCH``."""
    shown = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(shown, cwd=REPO_ROOT, capture_output=True, text=True, check=True).stdout)


def _log(line: str) -> None:
    sys.stderr.write(f"image: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
