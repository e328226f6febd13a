"""Finds or builds Argo's programs and CRDs.

`$WFREPORT_ARGO_DIR`, a folder with the packed files of a release, takes precedence. Otherwise everything comes from
the Go module that `modules/argo` pins (see argo_module.py).
"""

from __future__ import annotations

import functools
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from controlplane.argo_module import module_dir
from controlplane.binaries import binary, cached_path, module_version, source_digest
from controlplane.errors import BinaryUnavailableError
from controlplane.golang import find_go
from controlplane.locking import exclusive
from controlplane.paths import cache_dir
from controlplane.progress import Ticker

PROGRAMS = ("workflow-controller", "argo")
_CRDS = Path("manifests") / "base" / "crds"


@dataclass(frozen=True, slots=True)
class ArgoRelease:
    """The Argo release in use.

    Attributes:
        version: as in `v4.0.5`.
        controller: the workflow-controller.
        cli: the CLI, which is also Argo Server.
    """

    version: str
    controller: Path
    cli: Path

    @property
    def executor_image(self) -> str:
        """The image of Argo's executor of the same version."""
        return f"quay.io/argoproj/argoexec:{self.version}"


def argo_dir() -> Path | None:
    """Return `$WFREPORT_ARGO_DIR`, or None if it is not set."""
    configured = os.environ.get("WFREPORT_ARGO_DIR")
    return Path(configured).expanduser() if configured else None


def argo_cached() -> bool:
    """Return whether `argo_release` has nothing to build."""
    return argo_dir() is not None or (_module_crds_path().exists() and all(cached_path(p).exists() for p in PROGRAMS))


def argo_release() -> ArgoRelease:
    """Return the release in use, building it if necessary.

    Raises:
        BinaryUnavailableError: `$WFREPORT_ARGO_DIR` is incomplete, or the build failed.
    """
    folder = argo_dir()
    if folder:
        cli = _unpacked(folder, "argo-cli-and-server-*.xz", _decompress)
        return ArgoRelease(_version_of(cli), _unpacked(folder, "workflow-controller-*.xz", _decompress), cli)
    argo_crds_dir()
    return ArgoRelease(module_version("argo"), *(binary(program) for program in PROGRAMS))


def argo_executor() -> Path:
    """Return argoexec of the release in use, building it if necessary. Only a real node runs it.

    Raises:
        BinaryUnavailableError: as for `argo_release`.
    """
    folder = argo_dir()
    return _unpacked(folder, "argoexec-*.xz", _decompress) if folder else binary("argoexec")


def argo_crds_dir() -> Path:
    """Return the folder with `full/` and `minimal/`. It needs the module's source, but no build.

    Raises:
        BinaryUnavailableError: `$WFREPORT_ARGO_DIR` is incomplete, or the module cannot be downloaded.
    """
    folder = argo_dir()
    return _unpacked(folder, "crds-*.tar.xz", _untar) / "crds" if folder else _module_crds()


@functools.cache
def _version_of(cli: Path) -> str:
    done = subprocess.run([cli, "version", "--short"], capture_output=True, text=True, check=False, env={})
    version = re.search(r"v\d+\.\d+\.\d+\S*", done.stdout)
    if not version:
        raise BinaryUnavailableError(f"`{cli.name} version` reports no version: {(done.stderr or done.stdout).strip()}")
    return version[0]


def _module_crds_path() -> Path:
    return cache_dir() / "argo" / f"crds-{module_version('argo')}-{source_digest('argo')}"


def _module_crds() -> Path:
    target = _module_crds_path()

    def copy(unfinished: Path) -> None:
        shutil.copytree(module_dir(find_go()) / _CRDS, unfinished, copy_function=shutil.copyfile)
        # The module cache is read-only, and copytree copies the modes of folders.
        for folder in (unfinished, *unfinished.iterdir()):
            folder.chmod(0o755)
        _write_json(unfinished)

    _made_once(target, f"taking Argo's CRDs {module_version('argo')} from its Go module", copy)
    return target


def _unpacked(folder: Path, pattern: str, unpack: Callable[[Path, Path], None]) -> Path:
    packed = next(iter(sorted(folder.glob(pattern))), None)
    if packed is None:
        raise BinaryUnavailableError(f"WFREPORT_ARGO_DIR is {folder}, which has no {pattern}")
    # Size and time identify a replaced file. Hashing 60 MB at every start would be too slow.
    facts = packed.stat()
    key = hashlib.sha256(f"{packed.name} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()[:10]
    target = cache_dir() / "argo" / f"{packed.name.split('.xz')[0].removesuffix('.tar')}-{key}"
    _made_once(target, f"unpacking {packed.name}", functools.partial(unpack, packed))
    return target


def _made_once(target: Path, title: str, make: Callable[[Path], None]) -> None:
    """Create `target` if it does not exist. It appears only when complete."""
    with exclusive(cache_dir() / "locks" / target.name, what=target.name):
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.part")
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        with Ticker(title):
            make(unfinished)
        unfinished.rename(target)


def _decompress(packed: Path, target: Path) -> None:
    with lzma.open(packed) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    target.chmod(0o755)


def _untar(packed: Path, target: Path) -> None:
    with tarfile.open(packed) as archive:
        archive.extractall(target, filter="data")
    _write_json(target)


def _write_json(folder: Path) -> None:
    """Convert the CRDs once: parsing 10 MB of YAML at every start takes seconds, JSON a tenth of one."""
    for path in folder.rglob("argoproj.io_*.yaml"):
        parsed = next(yaml.load_all(path.read_text(), YAML_LOADER))
        path.with_suffix(".json").write_text(json.dumps(parsed))


# libyaml's loader is ten times faster, if it is available.
YAML_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
