"""A namespace in which policies act: what the tests do to it and what they observe."""

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
    condition,
    may_read_logs,
    observed,
    rfc3339,
    state,
)
from tests.live.operator.harness import grant as grant_reporting
from tests.remediation.documents import policy_document
from tests.rights import bind_role, user

from controlplane import ControlPlane

ARGO = "/apis/argoproj.io/v1alpha1/namespaces/{}/{}"
OWN = "/apis/wfreport.dev/v1alpha1/namespaces/{}/{}"
PODS = "/api/v1/namespaces/{}/pods"
COMPONENTS = ROOT / "manifests" / "components"
ALL_COMPONENTS = ("label-pods", "resubmit", "suspend-cron", "stop", "notify")
ENFORCING = {**FAST, "leader_election": "true", "lease_seconds": 6, "resync_interval_seconds": 2}

LONG_SECONDS = 180
"""Timeout for anything that Argo does, on a busy machine."""

HELPED = ("True", "RunSucceeded")
"""Condition ``Succeeded`` of a Remediation whose new run succeeded."""


def argo_marks(timeout_seconds: int) -> list[pytest.MarkDecorator]:
    """Marks of a module whose tests need the real Argo controller."""
    return [
        pytest.mark.cluster,
        pytest.mark.argo,
        pytest.mark.long,
        pytest.mark.timeout(timeout_seconds),
        pytest.mark.usefixtures("argo_plane"),
    ]


def rules_of(component: str) -> list[dict[str, Any]]:
    """Return the rules that a component adds to the operator's role."""
    text = (COMPONENTS / f"remediate-{component}" / "kustomization.yaml").read_text()
    (patch,) = yaml.safe_load(text)["patches"]
    return [operation["value"] for operation in yaml.safe_load(patch["patch"])]


def grant(plane: ControlPlane, namespace: str, *components: str) -> None:
    """Grant the operator its Lease and the rights of these components, in one namespace."""
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]}
    rules = [lease, *(rule for component in components for rule in rules_of(component))]
    bind_role(plane, namespace, "remediation", rules, user(USER))


class RemediationCluster(Cluster):
    """A namespace in which policies act."""

    def start(self, prelude: str = "", /, **settings: Any) -> RunningOperator:
        """Start an operator with leader election, and wait until it leads."""
        return self.start_operator(
            prelude, **{**ENFORCING, "lease_namespace": self.namespace, "notify_loopback": "true", **settings}
        )

    # Policies

    def apply_policy(self, *rules: dict[str, Any], name: str = "p", mode: str = "Enforce", **spec: Any) -> None:
        """Apply a policy that acts on the Workflows of team data, without backoff."""
        self.apply(policy_document(*rules, namespace=self.namespace, name=name, mode=mode, **spec))

    def apply(self, document: dict[str, Any]) -> None:
        """Apply a document."""
        self.plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))

    def enforced(self, name: str = "p") -> None:
        """Wait until a policy acts on runs that fail from now on; ``enforcedSince`` has whole seconds."""

        def is_enforced() -> bool:
            policy = self.policy(name)
            status = policy.get("status", {})
            return (
                status.get("observedGeneration") == policy["metadata"]["generation"]
                and condition(policy, "RemediationAllowed") == ("True", "Allowed")
                and rfc3339(datetime.now(UTC)) > status["enforcedSince"]
            )

        eventually(is_enforced)

    def wait_for_policy(self, name: str, expected: tuple[str, str]) -> None:
        """Wait until the condition Ready of a policy has this status and reason."""
        eventually(lambda: condition(self.policy(name), "Ready"), lambda found: found == expected)

    def policy(self, name: str = "p") -> dict[str, Any]:
        """Return a policy."""
        policy: dict[str, Any] = self.plane.api.get(f"{OWN.format(self.namespace, 'remediationpolicies')}/{name}")
        return policy

    # Remediations

    def remediations(self) -> list[dict[str, Any]]:
        """Return all Remediations, by attempt and name."""
        items = self.plane.api.get(OWN.format(self.namespace, "remediations"))["items"]
        return sorted(items, key=lambda item: (item["spec"]["attempt"], item["metadata"]["name"]))

    def remediation_of(self, workflow: str, action: str | None = None) -> dict[str, Any]:
        """Return the only Remediation of a Workflow."""
        found = [
            item
            for item in self.remediations()
            if item["spec"]["target"]["name"] == workflow and action in {None, item["spec"]["action"]}
        ]
        assert len(found) == 1, [item["metadata"]["name"] for item in found]
        return found[0]

    def wait_for_remediation(
        self,
        workflow: str,
        kind: str,
        expected: tuple[str, ...],
        *,
        action: str | None = None,
        timeout_seconds: float = 30,
    ) -> dict[str, Any]:
        """Wait until the Remediation of a Workflow has a condition of this status, and of this reason if given."""
        return eventually(
            lambda: self.remediation_of(workflow, action),
            lambda remediation: condition(remediation, kind)[: len(expected)] == expected,
            timeout_seconds=timeout_seconds,
        )

    def wait_until_executed(self, workflow: str, action: str | None = None) -> dict[str, Any]:
        """Wait until the action on a Workflow was performed; return its Remediation."""
        return self.wait_for_remediation(workflow, "Executed", ("True",), action=action, timeout_seconds=LONG_SECONDS)

    def wait_until_helped(self, workflow: str) -> dict[str, Any]:
        """Wait until the new run of a Workflow has succeeded; return the Remediation that started it."""
        return self.wait_for_remediation(workflow, "Succeeded", HELPED, timeout_seconds=LONG_SECONDS)

    def chain_of(self, workflow: str) -> dict[str, Any]:
        """Return the state of a Workflow's resubmission chain, according to its report."""
        chain: dict[str, Any] = self.report_of(workflow)["status"].get("remediation", {})
        return chain

    # Workflows

    def fail(self, name: str, **node: Any) -> dict[str, Any]:
        """Create a Workflow that fails at a step without a pod, so that its evidence is complete at once."""
        self.create(name)
        return self.end(name, "Failed", **node)

    def end(self, name: str, phase: str, **node: Any) -> dict[str, Any]:
        """End a Workflow as Argo's controller does."""
        path = f"{WORKFLOWS.format(self.namespace)}/{name}"
        now = self.plane.api.get(path)
        failed = phase != "Succeeded"
        ended = state(name, phase=phase, failed=failed, started_at=datetime.now(UTC) - timedelta(minutes=5))
        ended["status"]["nodes"][f"{name}-2"] |= {"type": "HTTP", **node}
        now["metadata"]["labels"] |= ended["metadata"]["labels"]
        stored: dict[str, Any] = self.plane.api.put(path, now | {"status": ended["status"]})
        return stored

    def create(self, name: str) -> dict[str, Any]:
        """Create a Workflow of team data."""
        body = self.plane.api.post(WORKFLOWS.format(self.namespace), workflow_of(name, self.namespace))
        return dict(body)

    def workflows(self) -> list[str]:
        """Return the names of all Workflows."""
        return sorted(
            item["metadata"]["name"] for item in self.plane.api.get(WORKFLOWS.format(self.namespace))["items"]
        )

    # CronWorkflows

    def create_cron(self, name: str, labels: dict[str, str] | None = None) -> None:
        """Create a CronWorkflow that is never due during a test."""
        template = {"name": "main", "container": {"image": "busybox"}}
        spec = {"schedules": ["0 0 1 1 *"], "workflowSpec": {"entrypoint": "main", "templates": [template]}}
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": spec,
        }
        self.plane.api.post(ARGO.format(self.namespace, "cronworkflows"), body)

    def cron(self, name: str) -> dict[str, Any]:
        """Return a CronWorkflow."""
        cron: dict[str, Any] = self.plane.api.get(f"{ARGO.format(self.namespace, 'cronworkflows')}/{name}")
        return cron

    def is_suspended(self, name: str) -> bool:
        """Whether a CronWorkflow is suspended."""
        return bool(self.cron(name)["spec"].get("suspend"))


@contextmanager
def argo_plane_with(**options: Any) -> Iterator[ControlPlane]:
    """Start a control plane with the real Argo controller, and the operator's user."""
    with ControlPlane(argo=True, users={USER: ["system:authenticated"]}, **options) as started:
        grant_reporting(started)
        yield started


@contextmanager
def remediation_cluster(
    plane: ControlPlane,
    namespace: str,
    folder: Path,
    *,
    has_pods: bool = False,
    components: tuple[str, ...] = ALL_COMPONENTS,
) -> Iterator[RemediationCluster]:
    """Grant the operator the rights of components in a namespace; end its operators with the block.

    If the namespace has pods, the operator may read their logs: else it would wait for evidence.
    """
    grant(plane, namespace, *components)
    made = RemediationCluster(plane, namespace, folder)
    if has_pods:
        may_read_logs(made)
    try:
        yield made
    finally:
        made.stop_all()


def workflow_of(name: str, namespace: str) -> dict[str, Any]:
    """Return a Workflow of team data as it is submitted."""
    container = {"image": "busybox", "resources": {"limits": {"memory": "1Gi"}}}
    templates = [{"name": "main", "dag": {"tasks": []}}, {"name": "work", "container": container}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "data"}},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def message_of(document: dict[str, Any], kind: str) -> str:
    """Return the message of a condition."""
    message: str = next(each["message"] for each in document["status"]["conditions"] if each["type"] == kind)
    return message


# With the real Argo controller


def run(
    cluster: RemediationCluster,
    name: str,
    *,
    code: str,
    reason: str = "Error",
    pod: str = "",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> None:
    """Submit a Workflow of one pod that ends as its parameters determine."""
    template = {"name": "work", **simulated_pod()}
    parameters = {"code": code, "reason": reason, "pod": pod}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data", **(labels or {})}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": key, "value": value} for key, value in parameters.items()]},
            "templates": [{"name": "main", "dag": {"tasks": [{"name": "work", "template": "work"}]}}, template],
            **spec,
        },
    }
    cluster.plane.api.post(WORKFLOWS.format(cluster.namespace), body)


def simulated_pod() -> dict[str, Any]:
    """Return the part of a template that makes a pod whose end the Workflow's parameters determine."""
    parameters = {"exit-code": "code", "reason": "reason", "pod-reason": "pod"}
    annotations = {f"sim.wfreport.dev/{key}": f"{{{{workflow.parameters.{name}}}}}" for key, name in parameters.items()}
    container = {"image": "busybox", "command": ["true"], "resources": {"limits": {"memory": "1Gi"}}}
    return {"metadata": {"annotations": annotations}, "container": container}


def run_by_reference(cluster: RemediationCluster, name: str, template: str) -> dict[str, Any]:
    """Submit a Workflow whose pod runs out of memory as a WorkflowTemplate and a reference; return the template."""
    run(cluster, "model", code="137", reason="OOMKilled", suspend=True)
    workflows = WORKFLOWS.format(cluster.namespace)
    spec = cluster.plane.api.get(f"{workflows}/model")["spec"]
    del spec["suspend"]
    cluster.plane.api.delete(f"{workflows}/model")
    head = {"apiVersion": "argoproj.io/v1alpha1"}
    body = {**head, "kind": "WorkflowTemplate", "metadata": {"name": template}, "spec": spec}
    created: dict[str, Any] = cluster.plane.api.post(ARGO.format(cluster.namespace, "workflowtemplates"), body)
    until_argo_knows(cluster, template)
    workflow = {
        **head,
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data"}},
        "spec": {"workflowTemplateRef": {"name": template}},
    }
    cluster.plane.api.post(workflows, workflow)
    return created


def until_argo_knows(cluster: RemediationCluster, template: str) -> None:
    """Wait until runs may refer to a WorkflowTemplate: Argo's controller learns of it by a watch of its own."""
    workflows, spec = WORKFLOWS.format(cluster.namespace), {"workflowTemplateRef": {"name": template}, "suspend": True}

    def is_known() -> bool:
        document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "knows-"}}
        name = cluster.plane.api.post(workflows, document | {"spec": spec})["metadata"]["name"]
        phase = eventually(lambda: cluster.plane.api.get(f"{workflows}/{name}").get("status", {}).get("phase"))
        cluster.plane.api.delete(f"{workflows}/{name}")
        return bool(phase != "Error")

    eventually(is_known)


def pods_of(cluster: RemediationCluster, workflow: str) -> list[dict[str, Any]]:
    """Return the pods of a Workflow that still exist."""
    selector = f"workflows.argoproj.io/workflow={workflow}"
    pods: list[dict[str, Any]] = cluster.plane.api.get(PODS.format(cluster.namespace), labelSelector=selector)["items"]
    return pods


def memory_limit_of(pod: dict[str, Any]) -> str:
    """Return the memory limit of a pod's main container."""
    (main,) = [container for container in pod["spec"]["containers"] if container["name"] == "main"]
    limit: str = main["resources"]["limits"]["memory"]
    return limit


def pods_without(label: str) -> dict[str, Any]:
    """Return a podGC selector that spares the pods with a label."""
    return {"matchExpressions": [{"key": label, "operator": "DoesNotExist"}]}


def phases(cluster: RemediationCluster) -> list[str | None]:
    """Return the phase of each run that has a report."""
    return [observed(report).get("phase") for report in cluster.reports()]


def wait_for_ends(cluster: RemediationCluster, count: int) -> None:
    """Wait until this number of runs have a report, and all of them have ended."""
    ended = {"Failed", "Succeeded"}
    eventually(
        lambda: phases(cluster),
        lambda reported: len(reported) == count and set(reported) <= ended,
        timeout_seconds=2 * LONG_SECONDS,
        interval_seconds=0.5,
    )
