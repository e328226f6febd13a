"""A control plane with Argo, a real node, and the operator as its ServiceAccount."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e_node.page import write_page
from tests.eventually import eventually
from tests.live.operator.harness import condition, observed
from tests.live.remediation.harness import rules_of
from tests.rights import RBAC

from controlplane import ControlPlane
from controlplane.component import Component
from demo import installation
from realnode import RealNode, provide

ASKED_FOR = "WFREPORT_E2E_NODE"
PAGE = "WFREPORT_E2E_NODE_PAGE"
NAMESPACE = "etl"
WORKFLOWS = Path(__file__).parent / "workflows"
REMEDIATION = Path(__file__).parent / "remediation"
SETTINGS = {"WFREPORT_WAITING_GRACE_IMAGE_PULL_SECONDS": "5"}
_ENDED = {"Succeeded", "Failed", "Error"}
_PATIENCE_SECONDS = 400

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RealCluster:
    """A cluster whose pods run."""

    plane: ControlPlane
    operator: Component

    def report_of(self, workflow: str) -> Report:
        """The report of a run, when it has ended and its evidence is there or known to be missing."""
        return eventually(
            lambda: self._one_report(workflow), _is_final, timeout_seconds=_PATIENCE_SECONDS, interval_seconds=1
        )

    def pods_of(self, workflow: str) -> list[str]:
        """The names of the pods that there are."""
        items = self.plane.api.get(
            f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=f"workflows.argoproj.io/workflow={workflow}"
        )["items"]
        return [item["metadata"]["name"] for item in items]

    def write_page(self, page: Path) -> None:
        """Show all the reports in a page of the documentation."""
        workflows = [path for path in sorted(WORKFLOWS.glob("*.yaml")) if path.stem != "rbac"]
        write_page(page, workflows, {path.stem: self.report_of(path.stem) for path in workflows})

    def _one_report(self, workflow: str) -> Report:
        self.operator.ensure_running()
        self.plane.ensure_running()
        items = self.plane.api.get(f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/workflowreports")["items"]
        found: list[Report] = [item for item in items if item["spec"]["workflowRef"]["name"] == workflow]
        assert len(found) == 1
        return found[0]


def _is_final(report: Report) -> bool:
    return observed(report).get("phase") in _ENDED and condition(report, "EvidenceComplete")[0] != "Unknown"


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealCluster]:
    """All Workflows of `workflows/` are submitted at once: the node runs them side by side."""
    if not os.environ.get(ASKED_FOR):
        pytest.skip("a real node is brought up by `make e2e-node` only: it changes the machine that it runs on")
    provide()
    with ControlPlane(argo=True, real_pods=True) as plane, RealNode(plane):
        installation.install(plane)
        may_resubmit(plane)
        operator, url = installation.start_operator(plane, SETTINGS)
        try:
            installation.wait_until_ready(operator, url)
            plane.create_namespace(NAMESPACE)
            eventually(lambda: _has_account(plane))
            plane.kubectl("create", "-n", NAMESPACE, "-f", WORKFLOWS)
            cluster = RealCluster(plane, operator)
            yield cluster
            if os.environ.get(PAGE):
                cluster.write_page(Path(os.environ[PAGE]))
        finally:
            operator.stop(graceful=True)


def may_resubmit(plane: ControlPlane) -> None:
    """Grant the operator's ServiceAccount the rights of the component ``remediate-resubmit``."""
    role = {"metadata": {"name": "remediation"}, "rules": rules_of("resubmit")}
    plane.api.post(f"{RBAC}/clusterroles", role)
    account = {"kind": "ServiceAccount", "name": installation.NAME, "namespace": installation.OPERATOR_NAMESPACE}
    binding = {
        "metadata": {"name": "remediation"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "remediation"},
        "subjects": [account],
    }
    plane.api.post(f"{RBAC}/clusterrolebindings", binding)


def _has_account(plane: ControlPlane) -> bool:
    accounts = plane.api.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts")["items"]
    return any(account["metadata"]["name"] == "default" for account in accounts)
