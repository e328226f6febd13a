"""Writes images in the format of `docker save`, without a registry or a build tool."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controlplane.argo import ArgoRelease, argo_executor
from realnode.layout import BUSYBOX_IMAGE, PAUSE_IMAGE

_BUSYBOX: Final = Path("/bin/busybox")
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CREATED: Final = "2026-01-01T00:00:00Z"
_ACCOUNTS: Final = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nnobody:x:65534:\n",
}
_SHARED_FOLDER_MODE: Final = 0o1777


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one layer.

    Attributes:
        name: name with tag; not `latest`, which a kubelet would try to pull.
        programs: path in the image → source file.
        links: symbolic link → target.
        command: default command.
    """

    name: str
    programs: Mapping[str, Path]
    command: Sequence[str]
    links: Mapping[str, str] = field(default_factory=dict)


def images(release: ArgoRelease) -> list[Image]:
    """Return the images of the node's pods: their sandbox, Argo's executor, and the steps' busybox."""
    listed = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    applets = {f"bin/{applet}": "busybox" for applet in listed if applet != "busybox"}
    busybox = {"bin/busybox": _BUSYBOX}
    return [
        Image(PAUSE_IMAGE, busybox, ["/bin/busybox", "sleep", "2147483647"]),
        Image(BUSYBOX_IMAGE, busybox, ["sh"], applets),
        Image(release.executor_image, {"bin/argoexec": argo_executor()}, ["argoexec"]),
    ]


def write_archive(image: Image, path: Path) -> None:
    """Write the image as an archive that `ctr images import` takes."""
    layer = _layer(image)
    layer_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(_config(image, layer_id)).encode()
    config_name, layer_name = f"{hashlib.sha256(config).hexdigest()}.json", f"{layer_id}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": [layer_name]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, config_name, config)
        _add(archive, layer_name, layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(image: Image) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("bin", "etc", "root", "var", "var/run"):
            _add_folder(archive, folder)
        _add_folder(archive, "tmp", _SHARED_FOLDER_MODE)
        for name, content in _ACCOUNTS.items():
            _add(archive, name, content)
        for name, source in image.programs.items():
            _add(archive, name, source.read_bytes(), 0o755)
        for name, target in image.links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return packed.getvalue()


def _config(image: Image, layer_id: str) -> Mapping[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": _CREATED,
        "config": {"Env": [_PATH], "WorkingDir": "/", "Cmd": list(image.command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_id}"]},
        "history": [{"created": _CREATED, "created_by": "wfreport tools/realnode"}],
    }


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _add_folder(archive: tarfile.TarFile, name: str, mode: int = 0o755) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)
