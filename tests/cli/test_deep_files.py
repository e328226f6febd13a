"""Files that are nested more deeply than a decoder can follow: an answer, or one line with the problem."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wfreport.cli.main import cli

pytestmark = [pytest.mark.long, pytest.mark.parametrize("levels", [1_500, 9_000])]

FAILED = {"phase": "Failed", "message": "boom"}
NODES = '{"etl":{"id":"etl","name":"etl","type":"Pod","phase":"Failed","message":"no disk","x":DEEP}}'


def deep(levels: int) -> str:
    return '{"a":' * levels + "[]" + "}" * levels


def a_workflow(**status: object) -> str:
    """Return a Workflow as JSON; ``DEEP`` in it stands for a deep value."""
    metadata = {"name": "etl", "namespace": "data", "uid": "u"}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    made = kind | {"metadata": metadata, "spec": {"plugin": "DEEP"}, "status": FAILED | status}
    return json.dumps(made).replace('"DEEP"', "DEEP")


def invoke(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "input"
    path.write_text(text)
    return CliRunner().invoke(cli, [*arguments, str(path)])


def test_a_deep_workflow_in_json_is_explained(levels: int, tmp_path: Path) -> None:
    result = invoke(tmp_path, a_workflow().replace("DEEP", deep(levels)), "explain", "-o", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["status"]["observedWorkflow"]["message"] == "boom"


def test_deep_nodes_that_argo_compressed_are_explained(levels: int, tmp_path: Path) -> None:
    packed = gzip.compress(NODES.replace("DEEP", deep(levels)).encode(), mtime=0)
    text = a_workflow(compressedNodes=base64.b64encode(packed).decode()).replace("DEEP", "1")
    result = invoke(tmp_path, text, "explain", "-o", "json")
    assert result.exit_code == 0, result.output
    (failure,) = json.loads(result.stdout)["status"]["failures"]
    assert failure["message"] == "no disk"


@pytest.mark.parametrize("style", ["flow", "block"])
def test_deep_yaml_is_refused_in_one_line(levels: int, style: str, tmp_path: Path) -> None:
    if style == "flow":
        text = "# a comment, so that it is no JSON\n" + a_workflow().replace("DEEP", deep(levels))
    else:
        depth = min(levels, 2_000)  # the indentation alone of more levels is beyond the limit for YAML
        text = "kind: Workflow\nspec:\n" + "".join(f"{' ' * level}a:\n" for level in range(1, depth))
    result = invoke(tmp_path, text, "explain")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "nested more than 100 levels deep at line" in line


def test_a_deep_policy_and_deep_pods_are_no_traceback(levels: int, tmp_path: Path) -> None:
    policy = '{"apiVersion":"wfreport.dev/v1alpha1","kind":"RemediationPolicy","metadata":{"name":"p"},"spec":DEEP}'
    reports = tmp_path / "reports"
    reports.write_text('{"kind":"List","items":[]}')
    result = invoke(tmp_path, policy.replace("DEEP", deep(levels)), "simulate", "--reports", str(reports), "-f")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "spec.selector" in line
    (tmp_path / "workflow").write_text(a_workflow().replace("DEEP", "1"))
    pod = '{"kind":"Pod","metadata":{"name":"etl","namespace":"data","x":DEEP},"status":{"phase":"Failed"}}'
    arguments = ("explain", str(tmp_path / "workflow"), "-o", "json", "--pods")
    result = invoke(tmp_path, pod.replace("DEEP", deep(levels)), *arguments)
    assert result.exit_code == 0, result.output
