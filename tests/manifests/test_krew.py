"""Krew's own validator accepts the manifest of a release, and refuses one that lacks something."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
import yaml

from controlplane.binaries import binary
from release import krew

ADDRESS = "https://example.com"


def written(folder: Path, capsys: pytest.CaptureFixture[str], *names: str) -> str:
    archives = [folder / f"kubectl-wfreport-{name}.tar.gz" for name in names]
    for archive in archives:
        archive.write_bytes(archive.name.encode())
    options = ["--version", "v1.2.3", "--home", ADDRESS, "--downloads", f"{ADDRESS}/v1.2.3/"]
    assert krew.main([*options, *map(str, archives)]) == 0
    return capsys.readouterr().out


def judged(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    path = folder / "wfreport.yaml"  # the validator asks that the file is named like the plugin
    path.write_text(text)
    command = [str(binary("validate-krew-manifest")), "-skip-install", "-manifest", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.cluster
def test_krew_accepts_the_manifest_of_a_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = written(tmp_path, capsys, "linux-amd64", "linux-arm64", "darwin-arm64")
    verdict = judged(tmp_path, text)
    assert verdict.returncode == 0, verdict.stderr


@pytest.mark.cluster
def test_krew_refuses_two_archives_for_one_platform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = yaml.safe_load(written(tmp_path, capsys, "linux-amd64"))
    made["spec"]["platforms"] *= 2
    assert judged(tmp_path, yaml.safe_dump(made)).returncode != 0


def test_each_archive_is_named_with_its_platform_and_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (platform,) = yaml.safe_load(written(tmp_path, capsys, "darwin-arm64"))["spec"]["platforms"]
    assert platform["selector"]["matchLabels"] == {"os": "darwin", "arch": "arm64"}
    assert platform["uri"] == f"{ADDRESS}/v1.2.3/kubectl-wfreport-darwin-arm64.tar.gz"
    assert platform["sha256"] == hashlib.sha256(b"kubectl-wfreport-darwin-arm64.tar.gz").hexdigest()


def test_an_archive_of_an_unknown_platform_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "kubectl-wfreport-plan9.tar.gz"
    assert krew.main(["--version", "v1", "--home", "h", "--downloads", "d", str(archive)]) == 2
    assert "kubectl-wfreport-OS-ARCH.tar.gz" in capsys.readouterr().err
