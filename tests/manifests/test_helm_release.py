"""Helm installs, upgrades and removes a release on a real API server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.manifests.rendered import CHART

from controlplane import ControlPlane
from controlplane.binaries import binary

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.mark.cluster
def test_helm_installs_upgrades_and_removes_it_and_keeps_the_crds(plane: ControlPlane, namespace: str) -> None:
    release = f"wfreport-{namespace[-12:].strip('-')}"

    def helm(*arguments: str | Path) -> str:
        command = [binary("helm"), *arguments, "--namespace", namespace, "--kubeconfig", plane.kubeconfig]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def names(path: str) -> set[str]:
        return {entry["metadata"]["name"] for entry in plane.api.get(path)["items"]}

    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    before = names(roles)
    # the CRDs were applied without Helm, which takes them over only if told to
    printed = helm("install", release, CHART, "--take-ownership")
    assert "It only reports." in printed
    assert names(f"/apis/apps/v1/namespaces/{namespace}/deployments") == {release}
    plane.api.post(
        f"/apis/wfreport.dev/v1alpha1/namespaces/{namespace}/workflowreports",
        {
            "apiVersion": "wfreport.dev/v1alpha1",
            "kind": "WorkflowReport",
            "metadata": {"name": "etl"},
            "spec": {"workflowRef": {"name": "etl"}},
        },
    )

    helm("upgrade", release, CHART, "--set", "remediation.stop=true")
    rules = plane.api.get(f"{roles}/{release}")["rules"]
    assert {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["patch"]} in rules

    helm("uninstall", release)
    assert names(roles) == before
    assert names(f"/apis/apps/v1/namespaces/{namespace}/deployments") == set()
    assert "workflowreports.wfreport.dev" in names(CRDS)
    assert names(f"/apis/wfreport.dev/v1alpha1/namespaces/{namespace}/workflowreports") == {"etl"}
