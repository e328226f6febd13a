"""A resubmission equals the one of `argo resubmit`, apart from a list of intended differences.

The oracle is Argo's own CLI on a real API server, for every recorded run that failed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.recorded import Recording, recordings

from controlplane import ControlPlane
from controlplane.argo import argo_release
from wfreport.core.plan.memoized import ended_run, memoized_status
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import Resubmission, resubmitted
from wfreport.core.plan.reusable import reusable_run
from wfreport.core.snapshot.chain import link_of
from wfreport.core.snapshot.compressed_nodes import unpack_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
FROM = "workflows.argoproj.io/resubmitted-from-workflow"
PLAIN, MEMOIZED = "--memoized=false", "--memoized"
FLAGS = (PLAIN, MEMOIZED)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REMEDIATION_UID = "0d5b7f0e-0000-4000-8000-000000000001"
PARAMETERS = {"added": "by us", "also": "1"}

WE_LEAVE_OUT = {
    "metadata.ownerReferences": "a CronWorkflow would count the new run as its own, and Forbid the next one",
    "metadata.labels.app.kubernetes.io/instance": "Argo CD would prune the new run",
    "metadata.annotations.argocd.argoproj.io/tracking-id": "Argo CD would prune the new run",
    "metadata.labels.kustomize.toolkit.fluxcd.io/name": "Flux would prune the new run",
    "metadata.labels.workflows.argoproj.io/actor": "who stopped the old run did nothing to the new one",
    "metadata.annotations.workflows.argoproj.io/trace-id": "it is the old run's trace",
    "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration": "nobody applied the new run",
    "metadata.annotations.kopf.zalando.org/last-handled-configuration": "it is some operator's state",
    "metadata.annotations.wfreport.dev/note": "the new run has its own",
}
WE_ADD = {
    "metadata.name": "deterministic, so that only one is created",
    "metadata.labels.wfreport.dev/root-uid": "the chain",
    "metadata.labels.wfreport.dev/attempt": "the chain",
    "metadata.labels.wfreport.dev/remediation-uid": "whose it is",
    "metadata.labels.wfreport.dev/root": "the chain",
    "metadata.annotations.wfreport.dev/creator": "for audit: to Argo, the operator created it",
}
ARGO_READS_SINCE = {"compressed-zstd": ((4, 1), "its nodes are compressed with zstd")}
"""Recordings whose nodes an older Argo cannot read, so that it does not resubmit them with --memoized."""

_ARGO_REFUSES = {
    "invalid-depends": "the CLI finds out at once, the controller later",
    "invalid-output-ref": "the same",
    "invalid-template-ref": "the same",
    "wftemplate-ref-missing": "the same",
    "name-over-63-dag": "the old run's name does not fit a label; ours is cut",
}
ARGO_REFUSES = {
    PLAIN: _ARGO_REFUSES,
    MEMOIZED: {
        **_ARGO_REFUSES,
        "large-3000": "Argo writes the nodes unpacked, which etcd does not take; ours stay packed as they were",
        "long-names": "Argo's new name is too long; ours is cut",
    },
}

WE_REFUSE = {
    "real-node-dag": "task after depends on 'good.Succeeded', and a reused task counts as skipped",
    "ex-influxdb-ci": "template influxdb-server is a daemon, which would not start again",
    "ex-variables-showcase": "template svc-daemon is a daemon, which would not start again",
}
"""Runs that Argo resubmits, with a wrong result."""

WE_RUN_AGAIN = {
    "depends-a-failed": (".cleanup", "it follows a failed step"),
    "ex-influxdb-ci": ("[2].test-e2e[1].initdb", "the same"),
    "hooks-workflow": (".hooks.running", "the same"),
    "retry-on-dag-template": ("[0].sub(1).x", "a retryStrategy of a DAG starts again"),
    "too-large": (".a(9:9)", "it was Pending when the run ended"),
}
"""Pods that Argo reuses and our resubmission runs again: the last one of each run, and the reason."""

DECORATION = {
    "ownerReferences": [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "name": "nightly",
            "uid": "c-1",
            "controller": True,
        }
    ],
    "labels": {
        "team": "data",
        "workflows.argoproj.io/cron-workflow": "nightly",
        **{key.removeprefix("metadata.labels."): "x" for key in WE_LEAVE_OUT if key.startswith("metadata.labels.")},
        "workflows.argoproj.io/creator": "system-serviceaccount-argo-ci",
    },
    "annotations": {
        "team.example.com/on-call": "data",
        **{
            key.removeprefix("metadata.annotations."): "x"
            for key in WE_LEAVE_OUT
            if key.startswith("metadata.annotations.")
        },
    },
}
"""Metadata added to every recorded run, so that each difference has an effect."""


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> str:
    return plane.create_namespace("as-argo-resubmits")


@pytest.fixture(scope="module")
def originals(plane: ControlPlane, namespace: str) -> Mapping[str, dict[str, Any]]:
    """Return every recorded run that failed, as stored by the API server, by case."""
    return {case.name: _posted(plane, namespace, case) for case in recordings() if _has_failed(case)}


@pytest.fixture(scope="module")
def by_argo(
    plane: ControlPlane, namespace: str, originals: Mapping[str, dict[str, Any]]
) -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """Return the Workflows that `argo resubmit` creates, by flag and case, without those that it refuses."""
    release = argo_release()
    cases = {original["metadata"]["name"]: case for case, original in originals.items()}
    return {flag: _made_by_argo(plane, release.cli, namespace, cases, flag) for flag in FLAGS}


@pytest.mark.parametrize("flag", FLAGS)
def test_every_failed_recording_is_resubmitted_as_argo_does(
    originals: Mapping[str, dict[str, Any]], by_argo: Mapping[str, Mapping[str, dict[str, Any]]], flag: str
) -> None:
    assert len(by_argo[flag]) == len(originals) - len(argo_refuses(flag)) > 70
    for case, argos in by_argo[flag].items():
        ours = _ours(originals[case])
        assert ours["spec"] == argos["spec"], case
        assert (ours["apiVersion"], ours["kind"]) == (argos["apiVersion"], argos["kind"])
        if flag == PLAIN:
            assert not argos.get("status", {}).get("nodes"), case  # the CLI's validation leaves storedTemplates behind


def test_nodes_of_failed_recordings_are_reused_as_argo_does(
    originals: Mapping[str, dict[str, Any]], by_argo: Mapping[str, Mapping[str, dict[str, Any]]]
) -> None:
    reused, done_again = 0, dict[str, str]()
    for case, argos in by_argo[MEMOIZED].items():
        run, name = ended_run(originals[case]), argos["metadata"]["name"]
        status = memoized_status(originals[case], run, name, NOW)
        ours, theirs = _nodes(status), _nodes(argos["status"])
        for key in ours.keys() & theirs.keys():
            assert _of_itself(ours[key]) == _of_itself(theirs[key]), case
        assert {ours[key]["type"] for key in ours.keys() - theirs.keys()} <= {"Skipped"}, case
        assert all(_links(node) <= ours.keys() for node in ours.values()), case
        dropped = [node for key, node in theirs.items() if _is_reused(node) and key not in ours]
        if dropped:
            done_again[case] = max(node["name"].removeprefix(name) for node in dropped)
        assert {k: v for k, v in status.items() if "odes" not in k} == {
            k: v for k, v in argos["status"].items() if "odes" not in k and v is not None
        }, case
        reused += sum(1 for _ in run.reused_steps)
    assert done_again == {case: last for case, (last, _) in WE_RUN_AGAIN.items()}
    assert reused > 40


def test_pods_that_argo_would_reuse_and_we_run_again_are_listed(originals: Mapping[str, dict[str, Any]]) -> None:
    refused = {}
    for case, original in originals.items():
        try:
            reusable_run(original)
        except RefusedError as error:
            refused[case] = error.message.split(":")[0]
    assert refused == WE_REFUSE


def test_metadata_differs_only_as_intended(
    originals: Mapping[str, dict[str, Any]], by_argo: Mapping[str, Mapping[str, dict[str, Any]]]
) -> None:
    for case, created in by_argo[PLAIN].items():
        argos, ours = _flat(created), _flat(_ours(originals[case]))
        assert argos.keys() - ours.keys() == WE_LEAVE_OUT.keys(), case
        assert ours.keys() - argos.keys() == WE_ADD.keys() - argos.keys(), case
        same = argos.keys() & ours.keys() - {"metadata.name"}
        assert {key: ours[key] for key in same} == {key: argos[key] for key in same}, case


@pytest.mark.parametrize("case", ["nested-3-deep-b", "compressed-zstd", "large-3000"])
def test_the_api_server_stores_the_nodes_of_a_new_workflow(
    plane: ControlPlane, namespace: str, originals: Mapping[str, dict[str, Any]], case: str
) -> None:
    ours = _ours(originals[case], memoized_at=NOW)
    made = plane.api.post(WORKFLOWS.format(namespace), ours)
    assert _nodes(made["status"]) == _nodes(ours["status"])
    assert made["spec"] == _ours(originals[case])["spec"]
    assert ("nodes" in made["status"]) == ("nodes" in originals[case]["status"])


def test_the_api_server_accepts_our_workflow_once(
    plane: ControlPlane, namespace: str, originals: Mapping[str, dict[str, Any]]
) -> None:
    original = originals["oom-main"]
    made = plane.api.post(WORKFLOWS.format(namespace), _ours(original))
    assert made["metadata"]["name"] == _ours(original)["metadata"]["name"]
    assert made["spec"] == _ours(original)["spec"]


def argo_refuses(flag: str) -> Mapping[str, str]:
    """The cases that the CLI in use does not resubmit, each with the reason."""
    version = tuple(int(part) for part in argo_release().version.removeprefix("v").split(".")[:2])
    unreadable = {case: reason for case, (since, reason) in ARGO_READS_SINCE.items() if version < since}
    return {**ARGO_REFUSES[flag], **(unreadable if flag == MEMOIZED else {})}


def _made_by_argo(
    plane: ControlPlane, cli: Path, namespace: str, cases: Mapping[str, str], flag: str
) -> Mapping[str, dict[str, Any]]:
    command: list[str | Path] = [cli, "resubmit", "-n", namespace, "--kubeconfig", plane.kubeconfig, "-o=name", flag]
    command += [f"-p={name}={value}" for name, value in PARAMETERS.items()]
    made: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for name, case in cases.items():
        done = subprocess.run([*command, name], capture_output=True, text=True, check=False, env={})
        if done.returncode:
            refused[case] = done.stderr
        else:
            made[case] = plane.api.get(f"{WORKFLOWS.format(namespace)}/{done.stdout.strip()}")
    assert refused.keys() == argo_refuses(flag).keys(), refused
    return made


def _nodes(status: dict[str, Any]) -> dict[str, Any]:
    """Return the nodes, decompressed if necessary, with times replaced by whether they are set."""
    nodes = status.get("nodes") or json.loads(
        unpack_nodes(status["compressedNodes"]) if "compressedNodes" in status else "{}"
    )
    return {key: _without_times(node) for key, node in nodes.items()}


def _of_itself(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node without its links. Phases of nodes other than reused pods differ: Argo's run starts them again."""
    progress = set() if _is_reused(node) else {"phase", "message"}
    return {key: value for key, value in node.items() if key not in {"children", "outboundNodes", *progress}}


def _is_reused(node: dict[str, Any]) -> bool:
    return str(node.get("message")).startswith("original pod")


def _links(node: dict[str, Any]) -> set[str]:
    return {*(node.get("children") or ()), *(node.get("outboundNodes") or ())}


def _without_times(node: dict[str, Any]) -> dict[str, Any]:
    return node | {field: bool(node.get(field)) for field in ("startedAt", "finishedAt")}


def _has_failed(case: Recording) -> bool:
    return case.final["workflow"].get("status", {}).get("phase") in {"Failed", "Error"}


def _posted(plane: ControlPlane, namespace: str, case: Recording) -> dict[str, Any]:
    workflow = case.final["workflow"]
    metadata = {key: workflow["metadata"][key] for key in ("name", "generateName") if key in workflow["metadata"]}
    for field in ("labels", "annotations"):
        metadata[field] = {**(workflow["metadata"].get(field) or {}), **DECORATION[field]}  # type: ignore[dict-item]
    metadata["ownerReferences"] = DECORATION["ownerReferences"]
    _create_templates(plane, namespace, workflow)
    posted: dict[str, Any] = plane.api.post(WORKFLOWS.format(namespace), {**workflow, "metadata": metadata})
    return posted


def _create_templates(plane: ControlPlane, namespace: str, workflow: dict[str, Any]) -> None:
    """Create the WorkflowTemplates of a run, with the templates that it used."""
    by_owner: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, template in (workflow.get("status", {}).get("storedTemplates") or {}).items():
        scope, name, _ = key.split("/", 2)
        by_owner.setdefault((scope, name), []).append(template)
    stored = workflow.get("status", {}).get("storedWorkflowTemplateSpec") or {}
    for (scope, name), templates in by_owner.items():
        spec = {**{key: stored[key] for key in ("entrypoint", "arguments") if key in stored}, "templates": templates}
        kind, path = ("ClusterWorkflowTemplate", "clusterworkflowtemplates")
        if scope == "namespaced":
            kind, path = ("WorkflowTemplate", f"namespaces/{namespace}/workflowtemplates")
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        plane.api.apply(f"/apis/argoproj.io/v1alpha1/{path}/{name}", body)


def _ours(original: dict[str, Any], *, memoized_at: datetime | None = None) -> dict[str, Any]:
    meta = original["metadata"]
    link = link_of(name=meta["name"], uid=meta["uid"], labels=meta["labels"])
    return resubmitted(
        original, Resubmission(link, link.attempt + 1, REMEDIATION_UID, PARAMETERS), memoized_at=memoized_at
    )


def _flat(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that a client can set, by field."""
    meta = workflow["metadata"]
    flat = {f"metadata.{key}": meta[key] for key in ("name", "generateName", "ownerReferences") if key in meta}
    for field in ("labels", "annotations"):
        flat |= {f"metadata.{field}.{key}": value for key, value in meta.get(field, {}).items()}
    return flat
