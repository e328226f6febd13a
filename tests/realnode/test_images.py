"""Images are made without any tool for images."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from realnode.images import Image, write_archive


def test_an_archive_holds_what_containerd_asks_for(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/true\n")
    image = Image("example.com/tool:1", {"bin/tool": program}, ["tool"], {"bin/alias": "tool"})
    write_archive(image, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        files = {name: reader.read() for name in archive.getnames() if (reader := archive.extractfile(name))}
    (manifest,) = json.loads(files["manifest.json"])
    config = json.loads(files[manifest["Config"]])
    (layer,) = (files[name] for name in manifest["Layers"])
    assert manifest["RepoTags"] == ["example.com/tool:1"]
    assert config["config"]["Cmd"] == ["tool"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as packed:
        assert packed.getmember("bin/tool").mode == 0o755
        assert packed.getmember("bin/alias").linkname == "tool"
        assert packed.getmember("tmp").mode == 0o1777
