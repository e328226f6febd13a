"""Where programs come from, and what is said when they cannot be had."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from controlplane import BinaryUnavailableError, ControlPlane
from controlplane.argo import PROGRAMS, ArgoRelease, argo_cached, argo_release
from controlplane.argo_module import EDITS, copy_edited
from controlplane.binaries import binary, cached_path, kubectl, module_version, source_digest
from controlplane.golang import find_go, required_version


def _program(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_kubebuilder_assets_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: _program(tmp_path / name) for name in ("etcd", "kubectl")}
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    assert binary("etcd") == given["etcd"]
    assert kubectl() == given["kubectl"]


def test_what_assets_lack_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path / "cache"))
    cached = _program(cached_path("kwok"))

    assert cached.is_relative_to(tmp_path / "cache")
    assert module_version("kwok") in str(cached)
    assert binary("kwok") == cached


def test_a_failed_build_shows_the_compilers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = _program(
        tmp_path / "bin" / "go", 'case "$1" in env) echo go1.99.0;; *) echo "no room left" >&2; exit 1;; esac'
    )
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)

    with pytest.raises(BinaryUnavailableError, match="no room left"):
        binary("etcd")

    assert not cached_path("etcd").exists()


def test_a_machine_without_any_go_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "uv", 'echo "no network" >&2; exit 1')
    _program(tmp_path / "go", "echo go1.4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path / "cache"))

    with pytest.raises(BinaryUnavailableError, match=r"go\.dev/dl.*KUBEBUILDER_ASSETS.*no network"):
        find_go()


def test_an_incomplete_folder_of_argos_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFREPORT_ARGO_DIR", str(tmp_path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kwok"):
        _program(tmp_path / name)

    with pytest.raises(BinaryUnavailableError, match="WFREPORT_ARGO_DIR"):
        ControlPlane(argo=True).start()


def test_a_folder_of_argos_takes_precedence_and_names_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WFREPORT_ARGO_DIR", str(tmp_path / "release"))
    for name in ("argo-cli-and-server-x", "workflow-controller-x"):
        script = _program(tmp_path / "release" / name, "echo 'argo: v4.2.7'")
        script.with_suffix(".xz").write_bytes(lzma.compress(script.read_bytes()))

    release = argo_release()

    assert argo_cached()
    assert release.executor_image == "quay.io/argoproj/argoexec:v4.2.7"
    assert release.controller.is_relative_to(tmp_path / "cache")


def test_argo_is_cached_when_programs_and_crds_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WFREPORT_ARGO_DIR", raising=False)
    monkeypatch.setenv("WFREPORT_CACHE_DIR", str(tmp_path))
    controller, cli = (_program(cached_path(name)) for name in PROGRAMS)

    assert not argo_cached()
    (tmp_path / "argo" / f"crds-{module_version('argo')}-{source_digest('argo')}").mkdir(parents=True)

    assert argo_cached()
    assert argo_release() == ArgoRelease(module_version("argo"), controller, cli)


def test_argos_source_is_built_only_with_every_edit_applied(tmp_path: Path) -> None:
    module = tmp_path / "module"
    for edit in EDITS:
        (module / edit.file).parent.mkdir(parents=True, exist_ok=True)
        (module / edit.file).write_text(f"a {edit.before} b")
    link = module / "workflow/executor/osspecific/signal_linux.go"
    link.parent.mkdir(parents=True)
    link.with_name("signal_darwin.go").write_text("package osspecific")
    copy_edited(module, tmp_path / "copy")
    assert (tmp_path / "copy" / link.relative_to(module)).read_text() == "package osspecific"
    assert [(tmp_path / "copy" / edit.file).read_text() for edit in EDITS] == [f"a {edit.after} b" for edit in EDITS]

    (module / EDITS[0].file).write_text("listens elsewhere")
    with pytest.raises(BinaryUnavailableError, match=EDITS[0].file):
        copy_edited(module, tmp_path / "again")


def test_the_newest_go_that_any_module_requires_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in {"a": "1.9.9", "b": "1.26.0", "c": "1.25.7"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module x\n\ngo {version}\n")
    monkeypatch.setattr("controlplane.golang.MODULES_DIR", tmp_path)
    assert required_version() == (1, 26, 0)
