"""The demo's main story with each way to install: an operator with the Deployment's settings and exactly its rights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from tests.manifests.rendered import CHART, run

from controlplane import ControlPlane
from controlplane.binaries import binary
from demo import story
from demo.installation import NAME, OPERATOR_NAMESPACE, WITHOUT_LOGS, install, start_operator, wait_until_ready
from demo.running import NAMESPACE, Demo

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

RESUBMIT = "remediate-resubmit"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


def by_overlay(plane: ControlPlane) -> str:
    """Install for one namespace, as its owner does, once an administrator has created the kinds."""
    plane.kubectl("apply", "--server-side", "-k", "crds")
    install(plane, components=[RESUBMIT], overlay="namespaced", namespace=NAMESPACE)
    return NAMESPACE


def by_helm(plane: ControlPlane) -> str:
    """Install for the whole cluster, kinds included."""
    where = ("--namespace", OPERATOR_NAMESPACE, "--create-namespace", "--kubeconfig", plane.kubeconfig)
    run(binary("helm"), "install", NAME, CHART, *where, "--set", "remediation.resubmit=true")
    return OPERATOR_NAMESPACE


@contextlib.contextmanager
def installed(plane: ControlPlane, way: Callable[[ControlPlane], str]) -> Iterator[Demo]:
    plane.create_namespace(NAMESPACE)
    operator, url = start_operator(plane, WITHOUT_LOGS, namespace=way(plane))
    try:
        wait_until_ready(operator, url)
        yield Demo(plane, replayed=True, operator=operator, url=url)
    finally:
        operator.stop(graceful=True)


@pytest.mark.parametrize("way", [by_overlay, by_helm])
def test_a_run_is_explained_and_another_is_healed_after_an_install(way: Callable[[ControlPlane], str]) -> None:
    logged: list[str] = []
    # The kinds are part of the installation.
    with ControlPlane(own_kinds=False) as plane, installed(plane, way) as demo:
        story.play(demo, logged.append)
        assert "forbidden" not in demo.operator.log_path.read_text().lower()
    assert len(logged) == 2
