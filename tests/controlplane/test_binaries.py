"""Where programs come from, and what is said when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane import BinaryUnavailableError, ControlPlane
from controlplane.argo import argo_release
from controlplane.binaries import binary, cached_path, kubectl, module_version
from controlplane.golang import find_go
from controlplane.ports import free_ports


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


def test_argo_is_refused_clearly_where_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_ARGO_DIR", str(tmp_path))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kwok"):
        _program(tmp_path / name)

    assert argo_release() is None
    with pytest.raises(BinaryUnavailableError, match="WFREPORT_ARGO_DIR"):
        ControlPlane(argo=True).start()


def test_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50
