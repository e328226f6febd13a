"""`make e2e-node` names in one line what this machine lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.argo import argo_executor
from realnode import requirements
from realnode.__main__ import main
from realnode.only_one import only_one
from realnode.requirements import LackingError


@pytest.fixture(autouse=True)
def able_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root, on a Debian with all packages, with Argo, and without another kubelet."""
    (tmp_path / "os-release").write_text("NAME=Debian\nID=debian\n")
    monkeypatch.setattr(requirements, "_OS_RELEASE", tmp_path / "os-release")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "missing_packages", list)
    monkeypatch.setattr(requirements, "_another_kubelet", lambda: "")
    monkeypatch.setattr("realnode.__main__.binary", lambda name: tmp_path / name)
    for name in ("argo_release", "argo_executor"):
        monkeypatch.setattr(f"realnode.__main__.{name}", lambda: None)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    line, rest = capsys.readouterr().err.split("\n")
    assert not rest
    return line


def test_nothing_is_said_where_nothing_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provide"]) == 0
    assert not capsys.readouterr().err


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["provide"]) == 2
    assert told(capsys).startswith("realnode: not root: ")


@pytest.mark.parametrize("release", ["ID=fedora\n", "NAME=Debian\n", ""])
def test_another_distribution_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], release: str) -> None:
    (tmp_path / "os-release").write_text(release)
    assert main(["provide"]) == 2
    assert told(capsys).startswith("realnode: not Debian: ")


def test_an_argo_that_cannot_be_had_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("realnode.__main__.argo_executor", argo_executor)
    monkeypatch.setenv("WFREPORT_ARGO_DIR", str(tmp_path))
    assert main(["provide"]) == 2
    assert "WFREPORT_ARGO_DIR" in told(capsys)


def test_packages_that_cannot_be_installed_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: Unable to fetch some archives' >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(requirements, "missing_packages", lambda: ["runc", "socat"])
    assert main(["provide"]) == 2
    first, last, rest = capsys.readouterr().err.split("\n")
    assert first == "realnode: installing Debian packages by apt-get: runc, socat"
    assert last == (
        "realnode: no runc, socat: apt-get update failed (E: Unable to fetch some archives); install them by hand"
    )
    assert not rest


def test_a_second_node_is_refused_while_the_first_is_up(tmp_path: Path) -> None:
    name = f"\0{tmp_path}"
    with only_one(name), pytest.raises(LackingError, match="another node is up"), only_one(name):
        pass
    with only_one(name):
        pass
