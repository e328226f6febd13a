"""What the release workflow names is what the sources pin, and the image has what a release fills in."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from controlplane.binaries import module_version

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yaml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_release_uses_the_pinned_tools() -> None:
    env = yaml.safe_load(WORKFLOW.read_text())["env"]
    (in_makefile,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (in_image,) = re.findall(r"^ARG UV_IMAGE=\S+:(\S+)$", DOCKERFILE, re.MULTILINE)
    assert env["UV_VERSION"] == in_makefile == in_image
    assert env["HELM"].endswith(f"@{module_version('helm')}")


def test_the_release_runs_no_action_of_anybody() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    assert len(steps) > 5
    assert not [step for step in steps if "uses" in step]


def test_the_release_fills_every_argument_of_the_image() -> None:
    arguments = set(re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE))
    passed = set(re.findall(r"--build-arg (\w+)=", WORKFLOW.read_text()))
    assert passed == arguments


def test_the_release_finds_the_lines_of_the_values_that_it_replaces() -> None:
    lines = (ROOT / "charts" / "wfreport" / "values.yaml").read_text().splitlines()
    for line in ("  repository: wfreport", "  digest: ''"):
        assert line in lines
        assert f"s|^{line}$|" in WORKFLOW.read_text()


def test_the_image_runs_as_the_user_of_the_manifests() -> None:
    (user,) = re.findall(r"^USER (\d+:\d+)$", DOCKERFILE, re.MULTILINE)
    deployment = yaml.safe_load((ROOT / "manifests" / "base" / "deployment.yaml").read_text())
    context = deployment["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
