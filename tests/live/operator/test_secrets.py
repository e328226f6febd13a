"""A secret in any text of a run reaches neither etcd, nor a log, nor the output of a command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cases import COMMAND
from tests.cli.kubelet import serving
from tests.eventually import eventually
from tests.live.operator import fake_secrets
from tests.live.operator.harness import ROOT, Cluster, condition, may_read_logs
from tests.live.remediation.harness import RemediationCluster, grant

pytestmark = pytest.mark.cluster

RESUBMIT = {"name": "all", "match": {}, "action": {"resubmit": {}}}


def test_no_secret_reaches_etcd_a_log_or_a_command(world: Cluster, tmp_path: Path) -> None:
    may_read_logs(world)
    cluster = RemediationCluster(world.plane, world.namespace, world.folder, started=world.started)
    grant(world.plane, world.namespace)
    cluster.apply_policy(RESUBMIT, mode="DryRun")
    node = f"{world.namespace}-node"[-60:].lstrip("-")
    with serving(world.plane, node, tmp_path) as kubelet:
        kubelet.logs |= {(f"etl-{step}", "main"): log.encode() for step, log in fake_secrets.LOGS.items()}
        operator = cluster.start(log_tail_lines=150, log_tail_bytes=fake_secrets.TAIL_BYTES)
        fake_secrets.create_run(world, "etl", node)
        report = eventually(
            lambda: world.report_of("etl"),
            lambda report: (
                condition(report, "Succeeded")[0] == "False" and condition(report, "EvidenceComplete")[0] != "Unknown"
            ),
            timeout_seconds=60,
        )
        eventually(cluster.remediations, timeout_seconds=60)
    workflow = world.workflow("etl")
    pods = world.plane.api.get(f"/api/v1/namespaces/{world.namespace}/pods")
    for pod in pods["items"]:
        world.plane.api.delete(f"/api/v1/namespaces/{world.namespace}/pods/{pod['metadata']['name']}")
    texts = in_etcd(world) | of_the_operator(operator) | of_commands(world, report, workflow, pods, tmp_path)
    assert_everything_was_read(report, texts)
    assert fake_secrets.find_leaks(texts) == []


def assert_everything_was_read(report: dict[str, Any], texts: dict[str, str]) -> None:
    """Check that the secrets were read: only then could they leak."""
    failures = report["status"]["failures"]
    assert {failure["displayName"].partition("(")[0] for failure in failures} == set(fake_secrets.LOGS)
    assert all(failure["podUid"] and failure["events"] and failure["containers"] for failure in failures)
    tails = {failure["podName"].removeprefix("etl-"): failure.get("logTail") for failure in failures}
    assert all(tails[step] for step in ("many-lines", "a-cut-key", "a-cut-assignment", "long-lines"))
    assert tails["many-lines"]["text"].endswith("boom")
    assert tails["many-lines"]["redacted"] >= 2 * len(fake_secrets.LINES)
    assert "artifacts" in report["status"]["outputs"]
    assert [where for where, text in texts.items() if where.startswith("wfreport ") and "[redacted]" not in text] == []
    assert any("/remediations/" in where for where in texts)


def in_etcd(world: Cluster) -> dict[str, str]:
    """Return what the operator stored in etcd: objects of its kinds and Events."""
    values = fake_secrets.read_etcd(world.plane)
    with_secret = [key for key, value in values.items() if fake_secrets.GITHUB.encode() in value]
    assert any("/workflows/" in key for key in with_secret), (
        "a secret of the Workflow itself is found in etcd, which stores text as it is"
    )
    assert any("/events/" in key for key in with_secret)
    ours = [key for key in values if "/wfreport.dev/" in key or ("/events/" in key and "/secret-" not in key)]
    assert any("/workflowreports/" in key for key in ours)
    return {key: values[key].decode("utf-8", "replace") for key in ours}


def of_the_operator(operator: Any) -> dict[str, str]:
    return {"its log": operator.log.read_text(), "/metrics": operator.answer("/metrics")}


def of_commands(world: Cluster, report: dict[str, Any], workflow: Any, pods: Any, folder: Path) -> dict[str, str]:
    """Return the output of the commands after the pods were deleted, when only the report is left."""
    events = world.plane.api.get(f"/api/v1/namespaces/{world.namespace}/events")
    files = {"workflow": workflow, "pods": pods, "events": events}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    explained = [str(folder / "workflow.json"), f"--pods={folder}/pods.json", f"--events={folder}/events.json"]
    name = report["metadata"]["name"]
    commands = [
        ["show", "etl", "-n", world.namespace],
        ["list", "-n", world.namespace, "-o", "json"],
        ["list", "-n", world.namespace, "-o", "wide"],
        ["logs", "etl", "--failed", "-n", world.namespace],
        ["pods", "etl", "-n", world.namespace],
        *(["explain", *explained, "-o", output] for output in ("yaml", "json", "tree")),
    ]
    outputs = {f"wfreport {' '.join(command[:1] + command[-1:])}": run(world, *command) for command in commands}
    described = world.plane.kubectl("describe", "workflowreport", name, "-n", world.namespace)
    return outputs | {"kubectl describe": described}


def run(world: Cluster, *arguments: str) -> str:
    env = {**os.environ, "KUBECONFIG": str(world.plane.kubeconfig), "PYTHONPATH": str(ROOT / "operator")}
    completed = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, env=env)
    return completed.stdout + completed.stderr
