"""Takes etcd and kube-apiserver from controller-tools' released envtest archives, as setup-envtest does.

The published index names each archive and its SHA-512. An archive whose hash differs is refused. Building the same
programs takes minutes, so this is what lets a newcomer see the demo at once. `$WFREPORT_ENVTEST_INDEX` names another
index, e.g. a mirror; `none` means that everything is built.

Sources: setup-envtest of kubernetes-sigs/controller-runtime; envtest-releases.yaml of kubernetes-sigs/controller-tools.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import urlopen

import yaml

from controlplane.errors import BinaryUnavailableError
from controlplane.progress import Ticker, echo

INDEX = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"
PROGRAMS = ("etcd", "kube-apiserver")
_TIMEOUT_SECONDS = 15
_CHUNK_BYTES = 1 << 20
_MAX_INDEX_BYTES = 4 << 20
_MAX_ARCHIVE_BYTES = 512 << 20
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive of the index: its Kubernetes version, address and hash."""

    version: str
    url: str
    sha512: str


def install(wanted: str, folder: Path) -> bool:
    """Put etcd and kube-apiserver of the archive that fits Kubernetes `wanted` into `folder`.

    Returns False, after one line on stderr, if there is no such archive or it cannot be had.
    """
    index = os.environ.get("WFREPORT_ENVTEST_INDEX") or INDEX
    if index == "none":
        return False
    try:
        archive = choose(_read_index(index), wanted)
        _install(archive, folder)
    except (OSError, BinaryUnavailableError, tarfile.TarError, yaml.YAMLError) as error:
        echo(f"no envtest archive of Kubernetes {wanted}, so it is built: {error}")
        return False
    return True


def choose(index: object, wanted: str) -> Archive:
    """Return the archive of version `wanted` for this machine, else the newest one of the same minor version.

    Raises:
        BinaryUnavailableError: the index has none.
    """
    minor = wanted.rpartition(".")[0]
    releases = _mapping(_mapping(index).get("releases"))
    patches = {str(version): _patch(str(version), minor) for version in releases}
    newest_first = sorted((version for version in patches if patches[version] >= 0), key=patches.__getitem__)[::-1]
    for version in sorted(newest_first, key=lambda version: version != wanted):
        entry = _mapping(_mapping(releases[version]).get(f"envtest-{version}-{_this_platform()}.tar.gz"))
        if "selfLink" in entry and "hash" in entry:
            return Archive(version, str(entry["selfLink"]), str(entry["hash"]))
    raise BinaryUnavailableError(f"the index has none of {minor} for {_this_platform()}")


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _patch(version: str, minor: str) -> int:
    """Return 3 for `v1.36.3` if `minor` is `v1.36`, and -1 for other minor versions and pre-releases."""
    start, _, patch = version.rpartition(".")
    return int(patch) if start == minor and patch.isdigit() else -1


def _this_platform() -> str:
    return f"{sys.platform}-{_MACHINES.get(platform.machine(), platform.machine())}"


def _read_index(url: str) -> object:
    with _open(url) as answer:
        return yaml.safe_load(answer.read(_MAX_INDEX_BYTES))


def _open(url: str) -> BinaryIO:
    if urlsplit(url).scheme not in {"https", "file"}:
        raise BinaryUnavailableError(
            f"WFREPORT_ENVTEST_INDEX and its archives must be https:// or file://, not {url!r}"
        )
    answer: BinaryIO = urlopen(url, timeout=_TIMEOUT_SECONDS)  # noqa: S310 (the scheme is checked)
    return answer


def _install(archive: Archive, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    packed = folder.with_name(f"{folder.name}.tar.gz")
    unpacked = folder.with_name(f"{folder.name}.part")
    try:
        with Ticker(f"downloading etcd and kube-apiserver {archive.version}, an envtest archive") as ticker:
            _download(archive, packed, ticker)
        _unpack(packed, unpacked)
        unpacked.rename(folder)
    finally:
        packed.unlink(missing_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)


def _download(archive: Archive, target: Path, ticker: Ticker) -> None:
    digest = hashlib.sha512()
    size = 0
    with _open(archive.url) as answer, target.open("wb") as packed:
        while chunk := answer.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += packed.write(chunk)
            if size > _MAX_ARCHIVE_BYTES:
                raise BinaryUnavailableError(f"{archive.url} has more than {_MAX_ARCHIVE_BYTES >> 20} MiB")
            ticker.tick(f"{size >> 20} MiB")
    if digest.hexdigest() != archive.sha512:
        raise BinaryUnavailableError(f"the SHA-512 of {archive.url} is not the one in the index: refused")


def _unpack(packed: Path, folder: Path) -> None:
    """Copy the programs, and nothing else, so that no path of the archive matters."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(packed, "r:gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            content = archive.extractfile(member) if name in PROGRAMS and member.isfile() else None
            if content:
                with (folder / name).open("wb") as program:
                    shutil.copyfileobj(content, program)
                (folder / name).chmod(0o755)
    missing = [name for name in PROGRAMS if not (folder / name).exists()]
    if missing:
        raise BinaryUnavailableError(f"the archive lacks {' and '.join(missing)}")
