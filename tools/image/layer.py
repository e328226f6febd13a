"""The layer that the Dockerfile adds to its base, and how two builds of it differ."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer.

    Attributes:
        digest: of its tar.
        size_bytes: of its tar.
        entries: a digest of each entry's header and content, by path.
    """

    digest: str
    size_bytes: int
    entries: Mapping[str, str]


def layer_of(root: Path, path: str, *, epoch: int) -> Layer:
    """Return the layer of the folder `path` of a root filesystem: sorted, root's own, no time later than `epoch`.

    BuildKit does the same to times with ``SOURCE_DATE_EPOCH`` and ``rewrite-timestamp=true``.
    """
    whole = hashlib.sha256()
    size_bytes = 0
    entries = {}
    for found in sorted(_below(root / path)):
        entry = _entry(found, str(found.relative_to(root)), epoch)
        entries[str(found.relative_to(root))] = hashlib.sha256(entry).hexdigest()
        whole.update(entry)
        size_bytes += len(entry)
    return Layer(f"sha256:{whole.hexdigest()}", size_bytes, entries)


def _below(folder: Path) -> list[Path]:
    found = [folder]
    for parent, folders, files in os.walk(folder):
        found += [Path(parent, name) for name in (*folders, *files)]
    return found


def _entry(path: Path, name: str, epoch: int) -> bytes:
    """Return one entry of a tar: its header and its content."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tar.gettarinfo(path, name)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        # A file with several names is written as often: which one comes first is an accident.
        info.mtime = min(int(info.mtime), epoch)
        if path.is_file() and not path.is_symlink():
            info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(info, content)
        else:
            tar.addfile(info)
        # without the zeros at the end
        return written.getvalue()[: tar.offset]


def difference(one: Layer, other: Layer) -> str:
    """Return the paths by which two layers differ, or an empty text."""
    paths = sorted(
        path for path in one.entries.keys() | other.entries.keys() if one.entries.get(path) != other.entries.get(path)
    )
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(paths[:_SHOWN])}{more}"
