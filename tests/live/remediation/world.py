"""A cluster with policies: what a test of remediation does and sees, over the operator's harness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.eventually import eventually
from tests.live.operator.harness import (
    FAST,
    ROOT,
    USER,
    WORKFLOWS,
    Cluster,
    RunningOperator,
    cluster,
    may_read_logs,
    observed,
    rfc3339,
    state,
)
from tests.live.operator.harness import grant as grant_reporting

from controlplane import ControlPlane
from controlplane.argo import argo_dir

PODS = "/api/v1/namespaces/{}/pods"
TEMPLATES = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflowtemplates"
LONG_SECONDS = 180
"""How long Argo may take on a busy machine."""
OWN = "/apis/wfreport.dev/v1alpha1/namespaces/{}/{}"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
COMPONENTS = ROOT / "manifests" / "components"
ENFORCING = {**FAST, "leader_election": "true", "lease_seconds": 6, "resync_interval_seconds": 2}
ACTING = ("label-pods", "resubmit", "suspend-cron", "stop", "notify")


def rules_of(component: str) -> list[dict[str, Any]]:
    """The rules that a component adds to the operator's role."""
    text = (COMPONENTS / f"remediate-{component}" / "kustomization.yaml").read_text()
    (patch,) = yaml.safe_load(text)["patches"]
    return [operation["value"] for operation in yaml.safe_load(patch["patch"])]


def grant(plane: ControlPlane, namespace: str, *components: str) -> None:
    """Give the operator what these components give it, in one namespace; and its Lease there."""
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]}
    rules = [lease, *(rule for component in components for rule in rules_of(component))]
    at = f"{RBAC}/namespaces/{namespace}"
    plane.api.post(f"{at}/roles", {"metadata": {"name": "acting"}, "rules": rules})
    binding = {
        "metadata": {"name": "acting"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "acting"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    plane.api.post(f"{at}/rolebindings", binding)


class Acting:
    """A namespace in which policies act."""

    def __init__(self, world: Cluster) -> None:
        self.cluster = world
        self.plane = world.plane
        self.namespace = world.namespace

    def start(self, prelude: str = "", /, **settings: Any) -> RunningOperator:
        """Start an operator that may act, once it holds the Lease."""
        given = {**ENFORCING, "lease_namespace": self.namespace, **settings}
        return self.cluster.start_operator(prelude, **given)

    def apply_policy(self, *rules: dict[str, Any], name: str = "p", mode: str = "Enforce", **spec: Any) -> None:
        """Apply a policy for the Workflows of team data that acts at once."""
        body = {
            "apiVersion": "wfreport.dev/v1alpha1",
            "kind": "RemediationPolicy",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "mode": mode,
                "selector": {"matchLabels": {"team": "data"}},
                "backoff": {"initialSeconds": 0, "maxSeconds": 0},
                "rules": list(rules),
                **spec,
            },
        }
        self.plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(body))

    def enforced(self, name: str = "p") -> None:
        """Wait until a policy acts on what fails from now on: that it may is known to the second."""

        def is_enforced() -> bool:
            found = self.policy(name)
            status = found.get("status", {})
            return (
                status.get("observedGeneration") == found["metadata"]["generation"]
                and condition(found, "RemediationAllowed") == ("True", "Allowed")
                and rfc3339(datetime.now(UTC)) > status["enforcedSince"]
            )

        eventually(is_enforced)

    def policy(self, name: str = "p") -> dict[str, Any]:
        """A policy."""
        found: dict[str, Any] = self.plane.api.get(f"{OWN.format(self.namespace, 'remediationpolicies')}/{name}")
        return found

    def remediations(self) -> list[dict[str, Any]]:
        """All Remediations, by name."""
        found = self.plane.api.get(OWN.format(self.namespace, "remediations"))["items"]
        return sorted(found, key=lambda item: (item["spec"]["attempt"], item["metadata"]["name"]))

    def remediation_of(self, workflow: str, action: str | None = None) -> dict[str, Any]:
        """The one Remediation of a Workflow."""
        found = [
            item
            for item in self.remediations()
            if item["spec"]["target"]["name"] == workflow and action in {None, item["spec"]["action"]}
        ]
        assert len(found) == 1, [item["metadata"]["name"] for item in found]
        return found[0]

    def chain_of(self, workflow: str) -> dict[str, Any]:
        """What the report of a Workflow says of its chain."""
        found: dict[str, Any] = self.cluster.report_of(workflow)["status"].get("remediation", {})
        return found

    def fail(self, name: str, **node: Any) -> dict[str, Any]:
        """A Workflow of team data that fails now, at a step without a pod: its evidence is complete at once."""
        self.create(name)
        return self.end(name, "Failed", **node)

    def end(self, name: str, phase: str, **node: Any) -> dict[str, Any]:
        """Let a Workflow end, as Argo's controller does."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/workflows/{name}"
        now = self.plane.api.get(path)
        failed = phase != "Succeeded"
        ended = state(name, phase=phase, failed=failed, started_at=datetime.now(UTC) - timedelta(minutes=5))
        ended["status"]["nodes"][f"{name}-2"] |= {"type": "HTTP", **node}
        now["metadata"]["labels"] |= ended["metadata"]["labels"]
        stored: dict[str, Any] = self.plane.api.put(path, now | {"status": ended["status"]})
        return stored

    def create(self, name: str) -> dict[str, Any]:
        """A Workflow of team data."""
        body = self.cluster.plane.api.post(
            f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/workflows",
            workflow_of(name, self.namespace),
        )
        return dict(body)

    def workflows(self) -> list[str]:
        """The names of all Workflows."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/workflows"
        return sorted(item["metadata"]["name"] for item in self.plane.api.get(path)["items"])


@contextmanager
def argo_plane_with(**options: Any) -> Iterator[ControlPlane]:
    """A plane with the real Argo controller, and the operator's user."""
    if argo_dir() is None:
        pytest.skip("Argo's programs are absent: set WFREPORT_ARGO_DIR, or have ../shared/argo")
    with ControlPlane(argo=True, users={USER: ["system:authenticated"]}, **options) as started:
        grant_reporting(started)
        yield started


@contextmanager
def acting_in(plane: ControlPlane, namespace: str, folder: Path, *, has_pods: bool) -> Iterator[Acting]:
    """A namespace in which the operator may do everything; where there are pods, it need not wait for their logs."""
    grant(plane, namespace, *ACTING)
    with cluster(plane, namespace, folder) as made:
        if has_pods:
            may_read_logs(made)
        yield Acting(made)


def workflow_of(name: str, namespace: str) -> dict[str, Any]:
    """A Workflow of team data as it is submitted."""
    container = {"image": "busybox", "resources": {"limits": {"memory": "1Gi"}}}
    templates = [{"name": "main", "dag": {"tasks": []}}, {"name": "work", "container": container}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "data"}},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def condition(found: dict[str, Any], kind: str) -> tuple[str, str]:
    """Status and reason of a condition; empty where it is not there."""
    for each in found.get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return each["status"], each["reason"]
    return "", ""


def message_of(found: dict[str, Any], kind: str) -> str:
    """Message of a condition."""
    message: str = next(each["message"] for each in found["status"]["conditions"] if each["type"] == kind)
    return message


RESUBMIT: dict[str, Any] = {"name": "again", "match": {}, "action": {"resubmit": {}}}


# With the real Argo controller


def run(
    acting: Acting,
    name: str,
    *,
    code: str,
    reason: str = "Error",
    pod: str = "",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> None:
    """Submit a Workflow of one pod that ends as its parameters say."""
    played = {"exit-code": "code", "reason": "reason", "pod-reason": "pod"}
    annotations = {f"sim.wfreport.dev/{key}": f"{{{{workflow.parameters.{value}}}}}" for key, value in played.items()}
    template = {
        "name": "work",
        "metadata": {"annotations": annotations},
        "container": {"image": "busybox", "command": ["true"], "resources": {"limits": {"memory": "1Gi"}}},
    }
    parameters = {"code": code, "reason": reason, "pod": pod}
    given = [{"name": key, "value": value} for key, value in parameters.items()]
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data", **(labels or {})}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": given},
            "templates": [{"name": "main", "dag": {"tasks": [{"name": "work", "template": "work"}]}}, template],
            **spec,
        },
    }
    acting.plane.api.post(WORKFLOWS.format(acting.namespace), body)


def run_by_reference(acting: Acting, name: str, template: str) -> dict[str, Any]:
    """Submit a Workflow of a WorkflowTemplate whose pod runs out of memory; returns the template."""
    run(acting, "model", code="137", reason="OOMKilled", suspend=True)
    workflows = WORKFLOWS.format(acting.namespace)
    spec = acting.plane.api.get(f"{workflows}/model")["spec"]
    del spec["suspend"]
    acting.plane.api.delete(f"{workflows}/model")
    head = {"apiVersion": "argoproj.io/v1alpha1"}
    body = {**head, "kind": "WorkflowTemplate", "metadata": {"name": template}, "spec": spec}
    made: dict[str, Any] = acting.plane.api.post(TEMPLATES.format(acting.namespace), body)
    workflow = {
        **head,
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data"}},
        "spec": {"workflowTemplateRef": {"name": template}},
    }
    acting.plane.api.post(workflows, workflow)
    return made


def pods_of(acting: Acting, workflow: str) -> list[dict[str, Any]]:
    """The pods of a Workflow that are still there."""
    selector = f"workflows.argoproj.io/workflow={workflow}"
    found: list[dict[str, Any]] = acting.plane.api.get(PODS.format(acting.namespace), labelSelector=selector)["items"]
    return found


def phases(acting: Acting) -> list[str | None]:
    """How the runs stand that have a report."""
    return [observed(report).get("phase") for report in acting.cluster.reports()]


def wait_for_ends(acting: Acting, count: int) -> None:
    """Wait until there are so many reports, all of runs that have ended."""
    ended = {"Failed", "Succeeded"}
    eventually(
        lambda: phases(acting), lambda seen: len(seen) == count and set(seen) <= ended, timeout_seconds=LONG_SECONDS
    )
