"""docs/reference/versions.md names the versions that are really pinned and recorded."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.recorded import FOLDER, recordings

from controlplane.binaries import module_version

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "versions.md"
DEMO = ROOT / "tools" / "demo" / "recordings"


def row(tested: str) -> tuple[str, str, str]:
    """Argo's version, Kubernetes' version, and the description."""
    found = re.search(rf"^\| {tested} \| (.*?) \| (.*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert found, tested
    return found[1], found[2], found[3]


def executors(files: list[Path]) -> set[str]:
    """The versions of argoexec in the recorded pods."""
    contents = (gzip.decompress(path.read_bytes()) for path in files)
    return {version.decode() for content in contents for version in re.findall(rb"argoexec:(v[\d.]+)", content)}


def test_the_live_versions_are_the_pinned_ones() -> None:
    argo, kubernetes, covered = row("live")
    assert argo == module_version("argo") == module_version("workflow-controller") == module_version("argoexec")
    assert kubernetes == module_version("kube-apiserver") == module_version("kubelet")
    assert f"kwok {module_version('kwok')}" in covered


def test_the_recorded_versions_are_those_of_the_recordings() -> None:
    argo, kubernetes, covered = row("by recording")
    demo = sorted(DEMO.glob("*.gz"))
    newer = [path for path in demo if executors([path]) != {argo}]
    assert executors(sorted(FOLDER.glob("*.final.json.gz"))) == {argo}
    assert executors(newer) == {module_version("argo")}
    assert f"{len(newer)} of them of {module_version('argo')}" in covered
    assert f"kube-apiserver {kubernetes} " in (FOLDER / "README.md").read_text()
    assert f"{len(recordings())} recorded runs" in covered
    assert f"{len(demo)} in `tools/demo/recordings`" in covered
