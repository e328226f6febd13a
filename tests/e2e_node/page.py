"""docs/examples/real-node.md: the reports of a run of these tests."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from examples.pages import shown

_MADE_BY = "<!-- Made by `make e2e-node PAGE=docs/examples/real-node.md` from what the operator wrote. -->"
_INTRODUCTION = (
    "Nothing here is played: the pods ran under kubelet, containerd and runc, the logs are theirs, and the kernel "
    "({kernel}, {cgroups}) did the killing. See [reference/e2e-node.md](../reference/e2e-node.md)."
)


def write_page(path: Path, workflows: Sequence[Path], reports: Mapping[str, Mapping[str, Any]]) -> None:
    """One chapter for each Workflow: its manifest, and what ``wfreport show`` says of its report."""
    cgroups = "cgroup v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "cgroup v1"
    introduction = _INTRODUCTION.format(kernel=f"Linux {platform.release()}", cgroups=cgroups)
    chapters = [_chapter(workflow, reports) for workflow in workflows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([_MADE_BY, "", "# On a real node", "", introduction, "", *chapters]))


def _chapter(workflow: Path, reports: Mapping[str, Mapping[str, Any]]) -> str:
    comment, _, manifest = workflow.read_text().partition("\n")
    name = yaml.safe_load(manifest)["metadata"]["name"]
    console = ["```console", f"$ kubectl wfreport show {name}", shown(reports[name]).rstrip(), "```"]
    details = ["<details><summary>The Workflow</summary>", "", "```yaml", manifest.rstrip(), "```", "", "</details>"]
    return "\n".join([f"## {name}", "", comment.removeprefix("# "), "", *console, "", *details, ""])
