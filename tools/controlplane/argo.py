"""Argo's own programs and CRDs, where this machine has them (`$WFREPORT_ARGO_DIR`, else `../shared/argo`)."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from controlplane.errors import BinaryUnavailableError
from controlplane.locking import exclusive
from controlplane.paths import REPO_ROOT, cache_dir
from controlplane.progress import Ticker

VERSION = "v4.1.2"
EXECUTOR_IMAGE = f"quay.io/argoproj/argoexec:{VERSION}"


@dataclass(frozen=True, slots=True)
class ArgoRelease:
    """Argo as released: programs and CRDs, unpacked once into the cache."""

    controller: Path
    cli: Path
    executor: Path
    crds: Path


def argo_dir() -> Path | None:
    """The folder that holds Argo's packed files, or None."""
    named = os.environ.get("WFREPORT_ARGO_DIR")
    folder = Path(named).expanduser() if named else REPO_ROOT.parent / "shared" / "argo"
    return folder if any(folder.glob("workflow-controller-*.xz")) else None


def argo_release() -> ArgoRelease | None:
    """The release, or None where this machine has none."""
    folder = argo_dir()
    if folder is None:
        return None
    return ArgoRelease(
        controller=_unpacked(folder, "workflow-controller-*.xz", _decompress),
        cli=_unpacked(folder, "argo-cli-and-server-*.xz", _decompress),
        executor=_unpacked(folder, "argoexec-*.xz", _decompress),
        crds=argo_crds_dir(folder),
    )


def argo_crds_dir(folder: Path) -> Path:
    """The folder with `full/` and `minimal/`, without unpacking the programs."""
    return _unpacked(folder, "crds-*.tar.xz", _untar) / "crds"


def _unpacked(folder: Path, pattern: str, unpack: Callable[[Path, Path], None]) -> Path:
    packed = next(iter(sorted(folder.glob(pattern))), None)
    if packed is None:
        raise BinaryUnavailableError(f"{folder} has no {pattern}: is WFREPORT_ARGO_DIR complete?")
    # Size and time tell a replaced file; hashing 60 MB at every start would not be worth it.
    facts = packed.stat()
    key = hashlib.sha256(f"{packed.name} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()[:10]
    target = cache_dir() / "argo" / f"{packed.name.split('.xz')[0].removesuffix('.tar')}-{key}"
    with exclusive(cache_dir() / "locks" / target.name, what=packed.name):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f"{target.name}.part")
            with Ticker(f"unpacking {packed.name}"):
                unpack(packed, unfinished)
            unfinished.rename(target)
    return target


def _decompress(packed: Path, target: Path) -> None:
    with lzma.open(packed) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    target.chmod(0o755)


def _untar(packed: Path, target: Path) -> None:
    with tarfile.open(packed) as archive:
        archive.extractall(target, filter="data")
    # Parsed once: YAML of this size takes seconds at every start, JSON a tenth of one.
    for path in target.rglob("argoproj.io_*.yaml"):
        parsed = next(yaml.load_all(path.read_text(), YAML_LOADER))
        path.with_suffix(".json").write_text(json.dumps(parsed))


# libyaml's, where it is there, is ten times faster.
YAML_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
