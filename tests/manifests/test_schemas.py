"""kubeconform accepts our samples by our JSON schemas, strictly, and refuses what the API server would refuse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.binaries import binary

ROOT = Path(__file__).resolve().parents[2]
LOCATION = str(ROOT / "schemas" / "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")
SAMPLES = [ROOT / "manifests" / "samples", ROOT / "gitops" / "argocd" / "resource_customizations"]

pytestmark = pytest.mark.cluster


def kubeconform(*paths: Path, stdin: str = "") -> dict[str, Any]:
    """Validate files, or a document; return the summary and the problems."""
    command = [str(binary("kubeconform")), "-strict", "-output", "json", "-summary", "-schema-location", LOCATION]
    ignored = ["-ignore-filename-pattern", r"health_test\.yaml", "-ignore-filename-pattern", r"\.lua$"]
    done = subprocess.run(
        [*command, *ignored, *map(str, paths)], input=stdin, capture_output=True, text=True, check=False
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_every_sample_is_valid() -> None:
    found = kubeconform(*SAMPLES)
    assert found["resources"] == []
    assert found["summary"]["valid"] >= 25


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mode": "Enforced"}, "mode"),
        ({"modus": "DryRun"}, "modus"),
        ({"priority": "high"}, "priority"),
        ({"rules": "all"}, "rules"),
    ],
)
def test_a_wrong_policy_is_refused(change: dict[str, Any], named: str) -> None:
    (policy, *_) = yaml.safe_load_all((ROOT / "manifests" / "samples" / "oom-ladder.yaml").read_text())
    policy["spec"] |= change
    (problem,) = kubeconform(stdin=yaml.safe_dump(policy))["resources"]
    assert problem["status"] == "statusInvalid"
    assert named in problem["msg"]


def test_the_examples_of_the_chart_are_valid() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "wfreport" / "Chart.yaml").read_text())
    examples = yaml.safe_load(chart["annotations"]["artifacthub.io/crdsExamples"])
    found = kubeconform(stdin=yaml.safe_dump_all(examples))
    assert found["resources"] == []
    assert found["summary"]["valid"] == len(examples)
