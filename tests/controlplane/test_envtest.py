"""etcd and kube-apiserver come from a released archive if its hash is the published one, else they are built."""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from controlplane import BinaryUnavailableError
from controlplane.binaries import binary, cached_path, module_version
from controlplane.envtest import choose

WANTED = module_version("kube-apiserver")
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no way to a program but the archive: a `go` that fails says that a build was tried."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\ncase "$1" in env) echo go1.99.0;; *) echo "built instead" >&2; exit 1;; esac\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WFREPORT_ENVTEST_INDEX", (tmp_path / "index.yaml").as_uri())
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def archive_of(path: Path, *members: str) -> str:
    """Write an archive and return its SHA-512."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            script = b"#!/bin/sh\nexit 0\n"
            entry = tarfile.TarInfo(member)
            entry.size = len(script)
            archive.addfile(entry, io.BytesIO(script))
    return hashlib.sha512(path.read_bytes()).hexdigest()


def entry_of(path: Path, sha512: str, version: str = WANTED) -> dict[str, dict[str, dict[str, str]]]:
    name = f"envtest-{version}-{sys.platform}-{MACHINE}.tar.gz"
    return {version: {name: {"hash": sha512, "selfLink": path.as_uri()}}}


def write_index(folder: Path, releases: object) -> None:
    (folder / "index.yaml").write_text(yaml.safe_dump({"releases": releases}))


PROGRAMS = ("controller-tools/envtest/etcd", "controller-tools/envtest/kube-apiserver")


def test_a_released_archive_gives_both_programs(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    write_index(
        tmp_path, entry_of(archive, archive_of(archive, *PROGRAMS, "../../outside", "controller-tools/kubectl"))
    )

    found = binary("kube-apiserver")
    archive.unlink()  # what is in the cache is not downloaded again

    assert sorted(path.name for path in found.parent.iterdir()) == ["etcd", "kube-apiserver"]
    assert binary("etcd") == found.with_name("etcd")
    assert found.stat().st_mode & 0o111
    assert not (tmp_path / "outside").exists()


def test_a_program_that_was_built_is_used_first() -> None:
    built = cached_path("etcd")
    built.parent.mkdir(parents=True)
    built.touch()
    assert binary("etcd") == built


def test_an_archive_that_was_tampered_with_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "a.tar.gz"
    published = archive_of(archive, *PROGRAMS)
    archive_of(archive, *PROGRAMS, "one-more")
    write_index(tmp_path, entry_of(archive, published))

    with pytest.raises(BinaryUnavailableError, match="built instead"):
        binary("etcd")

    assert "SHA-512" in capsys.readouterr().err
    assert not list((tmp_path / "cache").rglob("etcd"))
    assert not list((tmp_path / "cache").rglob("*.tar.gz"))


@pytest.mark.parametrize(
    "index", ["", "releases: []", "releases: {v1.2.3: {}}", "[", f"releases: {{{WANTED}: 5}}", "- 1"], ids=repr
)
def test_an_index_that_has_no_archive_leads_to_a_build(index: str, tmp_path: Path) -> None:
    (tmp_path / "index.yaml").write_text(index)
    with pytest.raises(BinaryUnavailableError, match="built instead"):
        binary("etcd")


@pytest.mark.parametrize("index", ["file:///nowhere/index.yaml", "http://127.0.0.1:1/index.yaml", "none"])
def test_an_index_that_cannot_be_read_leads_to_a_build(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_ENVTEST_INDEX", index)
    with pytest.raises(BinaryUnavailableError, match="built instead"):
        binary("etcd")


def test_an_archive_that_lacks_a_program_leads_to_a_build(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    write_index(tmp_path, entry_of(archive, archive_of(archive, PROGRAMS[0])))
    with pytest.raises(BinaryUnavailableError, match="built instead"):
        binary("kube-apiserver")


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        (["v1.36.0", "v1.36.10", "v1.36.9"], "v1.36.10"),
        (["v1.36.10", "v1.36.3"], "v1.36.3"),
        (["v1.36.1", "v1.37.0", "v1.36.4-alpha.2"], "v1.36.1"),
    ],
)
def test_the_wanted_version_comes_first_then_the_newest_of_its_minor(versions: list[str], chosen: str) -> None:
    releases: dict[str, object] = {}
    for version in versions:
        releases |= entry_of(Path("/a"), "0", version)
    assert choose({"releases": releases}, "v1.36.3").version == chosen
