"""The pinned Go module of Argo Workflows: its folder, and the copy that Argo's programs are built from.

A copy is necessary for three reasons. `cmd/argo` embeds the built UI (`ui/dist/app`), which the module does not
contain. argoexec needs a source file that is a symbolic link in Argo's repository, and modules contain no links. And
both servers listen on all interfaces, which no flag changes; the copy makes them listen on loopback only, because
known vulnerabilities of the pinned version are accepted here. Go refuses an overlay of files in the module cache, so
a generated go.mod replaces the module with the copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from controlplane.errors import BinaryUnavailableError
from controlplane.golang import go_env
from controlplane.paths import MODULES_DIR, cache_dir

MODULE = "github.com/argoproj/argo-workflows/v4"
FOLDER = MODULES_DIR / "argo"


class Edit(NamedTuple):
    """One replacement in a source file. `before` must occur exactly once."""

    file: str
    before: str
    after: str


EDITS = (
    Edit("server/apiserver/argoserver.go", 'fmt.Sprintf(":%d", port)', 'fmt.Sprintf("127.0.0.1:%d", port)'),
    # The controller's health endpoint. Nothing uses it here, and a fixed port would collide between planes.
    Edit("cmd/workflow-controller/main.go", 'ListenAndServe(":6060", nil)', 'ListenAndServe("127.0.0.1:0", nil)'),
)
_UI = "ui/dist/app/index.html"
_UI_PAGE = "<!doctype html><title>Argo Server</title><p>This build contains no UI.</p>\n"
# Symbolic links of Argo's repository, each with its target.
_LINKS = {"workflow/executor/osspecific/signal_linux.go": "signal_darwin.go"}
# The largest folders; no package is in them.
_NOT_COPIED = ("docs", "manifests")


def edits_digest() -> bytes:
    """Return a digest of all that makes the copy differ from the module."""
    return hashlib.sha256(repr((EDITS, _LINKS, _UI, _UI_PAGE)).encode()).digest()


def module_dir(go: Path) -> Path:
    """Return the module's folder in Go's module cache, downloading it if necessary; go.sum verifies it.

    Raises:
        BinaryUnavailableError: the module cannot be downloaded.
    """
    command = [str(go), "mod", "download", "-json", MODULE]
    done = subprocess.run(command, cwd=FOLDER, env=go_env(), capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if done.returncode or "Dir" not in answer:
        raise BinaryUnavailableError(f"cannot download {MODULE}: {answer.get('Error') or done.stderr.strip()[-800:]}")
    return Path(answer["Dir"])


@contextmanager
def editable_module(go: Path) -> Iterator[Path]:
    """Yield a go.mod for `go build -modfile`, which replaces the module with an edited copy. Both are temporary."""
    (cache_dir() / "argo").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="source-", dir=cache_dir() / "argo") as made:
        folder = Path(made)
        copy_edited(module_dir(go), folder / "module")
        go_mod = (FOLDER / "go.mod").read_text()
        (folder / "go.mod").write_text(f"{go_mod}\nreplace {MODULE} => {json.dumps(str(folder / 'module'))}\n")
        shutil.copyfile(FOLDER / "go.sum", folder / "go.sum")
        yield folder / "go.mod"


def copy_edited(module: Path, copy: Path) -> None:
    """Copy the module, add a page in place of the UI and the missing links, and apply `EDITS`.

    Raises:
        BinaryUnavailableError: a line to edit is not there, so `EDITS` does not fit this version.
    """
    shutil.copytree(
        module, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED), copy_function=shutil.copyfile, symlinks=True
    )
    # The module cache is read-only, and copytree copies the modes of folders.
    for folder, _, _ in os.walk(copy):
        Path(folder).chmod(0o755)
    (copy / _UI).parent.mkdir(parents=True, exist_ok=True)
    (copy / _UI).write_text(_UI_PAGE)
    for link, target in _LINKS.items():
        shutil.copyfile((copy / link).with_name(target), copy / link)
    for edit in EDITS:
        text = (copy / edit.file).read_text()
        if text.count(edit.before) != 1:
            raise BinaryUnavailableError(f"{edit.file} of {MODULE} does not contain {edit.before!r} exactly once")
        (copy / edit.file).write_text(text.replace(edit.before, edit.after))
