"""A resubmission is what the real `argo resubmit` creates, but for a list of intended differences.

The oracle is Argo's own CLI on a real API server, asked for every recorded run that failed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.recorded import Recording, recordings

from controlplane import ControlPlane
from controlplane.argo import argo_release
from wfreport.core.chain import link_of
from wfreport.core.remedy.resubmit import Resubmission, resubmitted

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
FROM = "workflows.argoproj.io/resubmitted-from-workflow"
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
    "metadata.annotations.wfreport.dev/note": "what is ours is said anew",
}
WE_ADD = {
    "metadata.name": "deterministic, so that only one is created",
    "metadata.labels.wfreport.dev/root-uid": "the chain",
    "metadata.labels.wfreport.dev/attempt": "the chain",
    "metadata.labels.wfreport.dev/remediation-uid": "whose it is",
    "metadata.labels.wfreport.dev/root": "the chain",
}
ARGO_REFUSES = {
    "invalid-depends": "the CLI finds out at once, the controller later",
    "invalid-output-ref": "the same",
    "invalid-template-ref": "the same",
    "wftemplate-ref-missing": "the same",
    "name-over-63-dag": "the old run's name does not fit a label; ours is cut",
}

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
"""Put on every recorded run, so that each difference has something to differ in."""


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> str:
    return plane.create_namespace("as-argo-resubmits")


@pytest.fixture(scope="module")
def originals(plane: ControlPlane, namespace: str) -> Mapping[str, dict[str, Any]]:
    """Every recorded run that failed, as the API server has it, by case."""
    return {case.name: _posted(plane, namespace, case) for case in recordings() if _has_failed(case)}


@pytest.fixture(scope="module")
def by_argo(
    plane: ControlPlane, namespace: str, originals: Mapping[str, dict[str, Any]]
) -> Mapping[str, dict[str, Any]]:
    """What `argo resubmit` made of each, by case; without those that it refuses."""
    release = argo_release()
    if release is None:
        pytest.skip("Argo's programs are absent: set WFREPORT_ARGO_DIR, or have ../shared/argo")
    cases = {original["metadata"]["name"]: case for case, original in originals.items()}
    command: list[str | Path] = [release.cli, "resubmit", "-n", namespace, "--kubeconfig", plane.kubeconfig, "-o=name"]
    command += [f"-p={name}={value}" for name, value in PARAMETERS.items()]
    for name, case in cases.items():
        done = subprocess.run([*command, name], capture_output=True, text=True, check=False, env={})
        assert (done.returncode != 0) == (case in ARGO_REFUSES), f"{case}: {done.stderr}"
    made = plane.api.get(WORKFLOWS.format(namespace), labelSelector=FROM)["items"]
    new = [workflow for workflow in made if workflow["metadata"]["name"] not in cases]
    return {cases[workflow["metadata"]["labels"][FROM]]: workflow for workflow in new}


def test_every_failed_recording_is_resubmitted_as_argo_does(
    originals: Mapping[str, dict[str, Any]], by_argo: Mapping[str, dict[str, Any]]
) -> None:
    assert len(by_argo) == len(originals) - len(ARGO_REFUSES) > 70
    for case, argos in by_argo.items():
        ours = _ours(originals[case])
        assert ours["spec"] == argos["spec"], case
        assert (ours["apiVersion"], ours["kind"]) == (argos["apiVersion"], argos["kind"])
        assert not argos.get("status", {}).get("nodes"), case  # the CLI's validation leaves storedTemplates behind


def test_metadata_differs_by_what_is_intended_and_nothing_else(
    originals: Mapping[str, dict[str, Any]], by_argo: Mapping[str, dict[str, Any]]
) -> None:
    for case, created in by_argo.items():
        argos, ours = _flat(created), _flat(_ours(originals[case]))
        assert argos.keys() - ours.keys() == WE_LEAVE_OUT.keys(), case
        assert ours.keys() - argos.keys() == WE_ADD.keys() - argos.keys(), case
        same = argos.keys() & ours.keys() - {"metadata.name"}
        assert {key: ours[key] for key in same} == {key: argos[key] for key in same}, case


def test_the_api_server_takes_ours_once(
    plane: ControlPlane, namespace: str, originals: Mapping[str, dict[str, Any]]
) -> None:
    original = originals["oom-main"]
    made = plane.api.post(WORKFLOWS.format(namespace), _ours(original))
    assert made["metadata"]["name"] == _ours(original)["metadata"]["name"]
    assert made["spec"] == _ours(original)["spec"]


def _has_failed(case: Recording) -> bool:
    return case.final["workflow"].get("status", {}).get("phase") in {"Failed", "Error"}


def _posted(plane: ControlPlane, namespace: str, case: Recording) -> dict[str, Any]:
    workflow = case.final["workflow"]
    kept = {key: workflow["metadata"][key] for key in ("name", "generateName") if key in workflow["metadata"]}
    for field in ("labels", "annotations"):
        kept[field] = {**(workflow["metadata"].get(field) or {}), **DECORATION[field]}  # type: ignore[dict-item]
    kept["ownerReferences"] = DECORATION["ownerReferences"]
    _create_templates(plane, namespace, workflow)
    posted: dict[str, Any] = plane.api.post(WORKFLOWS.format(namespace), {**workflow, "metadata": kept})
    return posted


def _create_templates(plane: ControlPlane, namespace: str, workflow: dict[str, Any]) -> None:
    """The WorkflowTemplates of a run, as far as it used them."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, template in (workflow.get("status", {}).get("storedTemplates") or {}).items():
        scope, name, _ = key.split("/", 2)
        found.setdefault((scope, name), []).append(template)
    stored = workflow.get("status", {}).get("storedWorkflowTemplateSpec") or {}
    for (scope, name), templates in found.items():
        spec = {**{key: stored[key] for key in ("entrypoint", "arguments") if key in stored}, "templates": templates}
        kind, path = ("ClusterWorkflowTemplate", "clusterworkflowtemplates")
        if scope == "namespaced":
            kind, path = ("WorkflowTemplate", f"namespaces/{namespace}/workflowtemplates")
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        plane.api.apply(f"/apis/argoproj.io/v1alpha1/{path}/{name}", body)


def _ours(original: dict[str, Any]) -> dict[str, Any]:
    meta = original["metadata"]
    link = link_of(name=meta["name"], uid=meta["uid"], labels=meta["labels"])
    return resubmitted(original, Resubmission(link, link.attempt + 1, REMEDIATION_UID, PARAMETERS))


def _flat(workflow: dict[str, Any]) -> dict[str, Any]:
    """What a person decides of an object's metadata, field by field."""
    meta = workflow["metadata"]
    flat = {f"metadata.{key}": meta[key] for key in ("name", "generateName", "ownerReferences") if key in meta}
    for field in ("labels", "annotations"):
        flat |= {f"metadata.{field}.{key}": value for key, value in meta.get(field, {}).items()}
    return flat
