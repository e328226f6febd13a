"""WorkflowTemplates, ClusterWorkflowTemplates and ConfigMaps that nobody should write.

The operator reads none of these kinds. It reads Argo's copies of templates in the status of a Workflow, and inlines
them when a policy raises the memory of a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import HOSTILE, ODD, YAML_BOMB, Json, is_stored, mutations
from tests.live.operator.harness import WORKFLOWS, condition, state
from tests.live.remediation.harness import ARGO, RemediationCluster, message_of
from tests.live.remediation.neighbours import assert_alive, start_enforcing

from wfreport.api.names import LABEL_REMEDIATION_UID
from wfreport.core.snapshot.quantity import parse_bytes

pytestmark = pytest.mark.cluster

MAXIMUM: Final = "4Gi"
RAISE: Final = {
    "name": "oom",
    "match": {"classes": ["OOMKilled"]},
    "action": {"raiseMemory": {"factor": "1.5", "max": MAXIMUM}},
}
CLUSTER_TEMPLATES: Final = "/apis/argoproj.io/v1alpha1/clusterworkflowtemplates"
UNREAD: Final = frozenset({"configmaps", "workflowtemplates", "clusterworkflowtemplates"})
STEP: Final = 61


def template_spec() -> Json:
    """Return the spec of a template; the first item of each list is what the tests replace."""
    container = {"image": "busybox", "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}}
    work = {
        "name": "work",
        "container": container,
        "podSpecPatch": '{"priority": 1}',
        "inputs": {"parameters": [{"name": "p", "value": "v"}]},
        "podResources": {"limits": {"memory": "64Gi"}},
        "synchronization": {"semaphore": {"configMapKeyRef": {"name": "semaphores", "key": "k"}}},
    }
    task = {"name": "work", "template": "work", "onExit": "work", "hooks": {"exit": {"template": "work"}}}
    return {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "p", "value": "v"}]},
        "templateDefaults": {"container": {"resources": {}}},
        "podSpecPatch": "priority: 2",
        "ttlStrategy": {"secondsAfterCompletion": 600},
        "artifactRepositoryRef": {"configMap": "artifact-repositories", "key": "k"},
        "templates": [work, {"name": "main", "dag": {"tasks": [task]}}],
    }


def stored_templates(spec: Any, address: str) -> Any:
    """Return what Argo copies of a template's spec into the status of a run."""
    templates = spec.get("templates") if isinstance(spec, dict) else None
    first = templates[0] if isinstance(templates, list) and templates else templates
    return {f"{address}/work": first, f"{address}/main": spec, "odd": [], "": None, "a/b/c/d": "x"}


def fail_by_reference(cluster: RemediationCluster, name: str, spec: Any, kind: str) -> None:
    """Fail a run out of memory whose template is the Workflow's by reference, or that of one of its steps."""
    made = cluster.create(name)
    ended = state(name, phase="Failed", failed=True, started_at=datetime.now(UTC) - timedelta(minutes=5))
    node: Json = ended["status"]["nodes"][f"{name}-2"]
    node["message"] = "OOMKilled (exit code 137)"
    if kind == "whole":
        made["spec"] = {"workflowTemplateRef": {"name": name}}
        more = {"storedWorkflowTemplateSpec": spec}
    else:
        del node["templateName"]
        node["templateRef"] = {"name": name, "template": "work", "clusterScope": kind == "cluster"}
        more = {"storedTemplates": stored_templates(spec, f"{kind}/{name}")}
    made["metadata"]["labels"] |= ended["metadata"]["labels"]
    cluster.plane.api.put(f"{WORKFLOWS.format(cluster.namespace)}/{name}", made | {"status": ended["status"] | more})


@pytest.fixture
def cluster_templates(cluster: RemediationCluster) -> Iterator[list[str]]:
    """Names of ClusterWorkflowTemplates, which end with the test: they belong to no namespace."""
    names: list[str] = []
    yield names
    for name in names:
        cluster.plane.api.delete(f"{CLUSTER_TEMPLATES}/{name}")


def create_template(cluster: RemediationCluster, name: str, spec: Any, cluster_templates: list[str]) -> bool:
    head = {"apiVersion": "argoproj.io/v1alpha1", "metadata": {"name": name}, "spec": spec}
    if is_stored(cluster.plane.api.post, CLUSTER_TEMPLATES, head | {"kind": "ClusterWorkflowTemplate"}):
        cluster_templates.append(name)
    namespaced = ARGO.format(cluster.namespace, "workflowtemplates")
    return is_stored(cluster.plane.api.post, namespaced, head | {"kind": "WorkflowTemplate"})


def test_hostile_templates_are_inlined_or_refused_and_never_read_from_their_own_kinds(
    cluster: RemediationCluster, neighbour: RemediationCluster, cluster_templates: list[str]
) -> None:
    for number, name in enumerate(("workflow-controller-configmap", "artifact-repositories", "semaphores")):
        data = {"config": YAML_BOMB, "k": ODD * 10_000, f"k{number}": "x" * 500_000}
        cluster.plane.api.post(
            f"/api/v1/namespaces/{cluster.namespace}/configmaps", {"metadata": {"name": name}, "data": data}
        )
    operator = start_enforcing(cluster, neighbour, RAISE)
    since = cluster.audit_position()
    specs: list[Any] = [body for _, _, body in mutations(template_spec(), step=STEP)]
    specs += [value for value in HOSTILE if not isinstance(value, str)][::4]
    names: list[str] = []
    for number, spec in enumerate(specs):
        name = f"{cluster.namespace}-{number}"
        if create_template(cluster, name, spec, cluster_templates):
            names.append(name)
            fail_by_reference(cluster, name, spec, ("whole", "namespaced", "cluster")[number % 3])
    assert len(names) >= 20
    executed = eventually(
        lambda: executions(cluster, names), lambda found: len(found) == len(names), timeout_seconds=90
    )
    made = {workflow["metadata"]["name"]: workflow for workflow in new_runs(cluster)}
    assert len(made) == [status for status, _ in executed.values()].count("True") >= 5
    assert {reason for status, reason in executed.values() if status == "False"} == {"NotPossible"}
    maximum = parse_bytes(MAXIMUM) or 0
    for name in names:
        remediation = cluster.remediation_of(name)
        limits = [value for path, value in raised(remediation).items() if path.endswith(".limits.memory")]
        assert all((parse_bytes(limit) or 0) <= maximum for limit in limits)
        assert not any(character in message_of(remediation, "Executed") for character in ODD[0] + ODD[4:7])
    asked = {(event.get("objectRef") or {}).get("resource") for event in cluster.plane.audit_events()[since:]}
    assert not asked & UNREAD
    assert_alive(operator, neighbour, "run")


def raised(remediation: Json) -> dict[str, str]:
    return dict(remediation["spec"]["plan"].get("after") or {})


def executions(cluster: RemediationCluster, names: list[str]) -> dict[str, tuple[str, str]]:
    """Return the condition Executed of the Remediations of these runs, once it is final."""
    found = {each["spec"]["target"]["name"]: condition(each, "Executed") for each in cluster.remediations()}
    return {name: found[name] for name in names if found.get(name, ("",))[0] in {"True", "False"}}


def new_runs(cluster: RemediationCluster) -> list[Json]:
    items = cluster.plane.api.get(WORKFLOWS.format(cluster.namespace))["items"]
    return [item for item in items if LABEL_REMEDIATION_UID in item["metadata"].get("labels", {})]
