"""What an older version stored survives an upgrade, a later change of the API version, and the removal of wfreport."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docsite.who_runs import UPGRADE, commands_of
from tests.eventually import eventually
from tests.live.operator import harness

from controlplane import ControlPlane
from controlplane.binaries import kubectl
from controlplane.crds import load_crds, wait_until_served
from controlplane.paths import WFREPORT_CRDS_DIR

ROOT = Path(__file__).resolve().parents[2]
PREVIOUS = Path(__file__).parent / "previous"
OVERLAY = ROOT / "manifests" / "overlays" / "without-crds"
GROUP = "/apis/wfreport.dev"
NAMESPACE = "team-a"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLURALS = {
    "WorkflowReport": "workflowreports",
    "RemediationPolicy": "remediationpolicies",
    "Remediation": "remediations",
}


def objects() -> list[dict[str, Any]]:
    files = (PREVIOUS / name for name in ("reports.yaml", "policies.yaml"))
    return [found for path in files for found in yaml.safe_load_all(path.read_text()) if found]


def path_of(found: Mapping[str, Any], version: str = "v1alpha1") -> str:
    return f"{GROUP}/{version}/namespaces/{NAMESPACE}/{PLURALS[found['kind']]}/{found['metadata']['name']}"


def store(plane: ControlPlane, found: dict[str, Any]) -> None:
    """Store an object and its status, as the operator of then did."""
    made = copy.deepcopy(found)
    made["metadata"]["namespace"] = NAMESPACE
    status = made.pop("status", None)
    created = plane.api.post(path_of(made).rpartition("/")[0], made)
    if status:
        plane.api.put(f"{path_of(made)}/status", created | {"status": status})


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A plane on which the previous version is installed as the documentation says, with what it had stored."""
    with ControlPlane(workflow_crds="own", controller_manager=True) as started:
        started.kubectl("delete", "-k", ROOT / "crds", "--wait")
        started.kubectl("apply", "--server-side", "-f", PREVIOUS / "crds.yaml")
        wait_until_served(started.api, yaml.safe_load_all((PREVIOUS / "crds.yaml").read_text()))
        started.create_namespace(NAMESPACE)
        for found in objects():
            store(started, found)
        yield started


def upgrade(plane: ControlPlane) -> None:
    """Do what docs/howto/upgrade.md says."""
    plane.kubectl("apply", "--server-side", "-k", ROOT / "crds")
    plane.kubectl("apply", "--server-side", "-k", OVERLAY)


def phases(world: harness.Cluster) -> dict[str, str]:
    return {report["metadata"]["name"]: str(harness.observed(report).get("phase")) for report in world.reports()}


@pytest.mark.cluster
def test_an_upgrade_keeps_what_was_stored_and_a_removal_leaves_nothing(plane: ControlPlane, tmp_path: Path) -> None:
    before = {path_of(found): plane.api.get(path_of(found)) for found in objects()}
    upgrade(plane)
    for path, stored in before.items():
        now = plane.api.get(path)
        assert (now["spec"], now.get("status")) == (stored["spec"], stored.get("status")), path
        plane.api.put(path, now, dryRun="All")  # nothing in it became invalid

    kubeconfig = plane.kubeconfig_for(service_account="wfreport", namespace="wfreport-system")
    with harness.cluster(plane, NAMESPACE, tmp_path, kubeconfig) as world:
        operator = world.start_operator(**harness.FAST)
        policy = next(path for path in before if path.endswith("/oom-ladder"))
        eventually(lambda: harness.condition(plane.api.get(policy), "Ready")[0] == "True")
        eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report", result="ok"))
        old = phases(world)
        assert sorted(old.values()) == ["Failed", "Failed", "Succeeded"]
        world.create_workflow("new", phase="Succeeded")
        eventually(lambda: world.phase_of("new") == "Succeeded")
        assert phases(world).items() > old.items()
        assert operator.stop() == 0
        assert "Traceback" not in operator.log.read_text()

    everything = plane.kubectl("get", "wfr,rmp,rmd,wf", "-A", "-o", "jsonpath={.items[*].metadata.finalizers}")
    assert everything == ""
    plane.kubectl("delete", "-k", OVERLAY, "--wait", "--timeout=60s")
    plane.kubectl("delete", "-k", ROOT / "crds", "--wait", "--timeout=60s")
    assert world.workflow("new")["status"]["phase"] == "Succeeded"
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait", "--timeout=60s")
    assert_gone(plane)


def assert_gone(plane: ControlPlane) -> None:
    """Look at everything that an installation creates outside of namespaces."""
    kinds = "crd,clusterrole,clusterrolebinding,namespace,validatingwebhookconfigurations,apiservices"

    def left() -> list[str]:
        names = plane.kubectl("get", kinds, "-o", "name").split()
        return [name for name in names if "wfreport" in name or NAMESPACE in name]

    eventually(left, [].__eq__)  # the API server removes the APIService of a CRD after the CRD


@pytest.mark.cluster
def test_a_next_version_of_the_api_is_introduced_without_a_webhook(plane: ControlPlane) -> None:
    """Follow the plan in docs/howto/upgrade.md: serve both, store the new one, rewrite, and drop the old one."""
    upgrade(plane)
    for crd in load_crds(WFREPORT_CRDS_DIR):
        path = f"{CRDS}/{crd['metadata']['name']}"
        (old,) = crd["spec"]["versions"]
        new = copy.deepcopy(old) | {"name": "v1beta1"}
        both = [old | {"storage": False, "deprecated": True}, new]
        plane.api.patch(path, {"spec": {"versions": both}})
    before = [plane.api.get(path_of(found))["spec"] for found in objects()]
    kinds = load_crds(WFREPORT_CRDS_DIR)
    for crd in kinds:
        crd["spec"]["versions"][0]["name"] = "v1beta1"
    wait_until_served(plane.api, kinds)
    for found in objects():
        old_way, new_way = plane.api.get(path_of(found)), plane.api.get(path_of(found, "v1beta1"))
        assert (old_way["spec"], old_way.get("status")) == (new_way["spec"], new_way.get("status"))
    assert stored_versions(plane) == [["v1alpha1", "v1beta1"]] * len(PLURALS)
    (loop,) = (command.text for command in commands_of(UPGRADE))
    enter(plane, loop)
    assert stored_versions(plane) == [["v1beta1"]] * len(PLURALS)
    for crd in kinds:
        plane.api.patch(f"{CRDS}/{crd['metadata']['name']}", {"spec": {"versions": crd["spec"]["versions"]}})
    eventually(lambda: [plane.api.get(path_of(found, "v1beta1"))["spec"] for found in objects()] == before)


def enter(plane: ControlPlane, text: str) -> None:
    """Enter a command of the page as it is printed."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "PATH": f"{kubectl().parent}:{os.environ['PATH']}",
    }
    script = ["/bin/bash", "-e", "-o", "pipefail", "-c", text]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def stored_versions(plane: ControlPlane) -> list[list[str]]:
    names = [crd["metadata"]["name"] for crd in load_crds(WFREPORT_CRDS_DIR)]
    return [sorted(plane.api.get(f"{CRDS}/{name}")["status"]["storedVersions"]) for name in names]


Schema = dict[str, Any]


def narrowed(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Yield each way in which `new` refuses, or loses, what `old` accepts."""
    if old.get("type") != new.get("type"):
        yield f"{at}: type {old.get('type')} became {new.get('type')}"
    if not set(new.get("enum", ())) >= set(old.get("enum", ["any"]) if "enum" in new else ()):
        yield f"{at}: values were removed"
    yield from (
        f"{at}: {bound} became {new[bound]}"
        for bound in ("maxLength", "maxItems", "maxProperties", "maximum")
        if bound in new and new[bound] < old.get(bound, float("inf"))
    )
    for field in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{at}.{field}: became required"
    fields = new.get("properties", {})
    for name, schema in old.get("properties", {}).items():
        yield from narrowed(schema, fields[name], f"{at}.{name}") if name in fields else [f"{at}.{name}: was removed"]
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
            yield from narrowed(old[inner], new[inner], f"{at}[]")


def test_no_schema_refuses_what_the_previous_one_accepted() -> None:
    old = {crd["metadata"]["name"]: crd for crd in yaml.safe_load_all((PREVIOUS / "crds.yaml").read_text())}
    problems = [
        problem
        for crd in load_crds(WFREPORT_CRDS_DIR)
        for problem in narrowed(schema_of(old[crd["metadata"]["name"]]), schema_of(crd), crd["spec"]["names"]["kind"])
    ]
    assert problems == []


def schema_of(crd: Mapping[str, Any]) -> Schema:
    (version,) = crd["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize(
    "change",
    [
        {"type": "integer"},
        {"maxLength": 3},
        {"enum": ["a"]},
    ],
    ids=str,
)
def test_a_narrower_schema_is_noticed(change: Schema) -> None:
    old = {"type": "object", "properties": {"x": {"type": "string", "maxLength": 5}}}
    assert list(narrowed(old, {"type": "object", "properties": {"x": old["properties"]["x"] | change}}, "X"))  # type: ignore[index]
    assert list(narrowed(old, {"type": "object", "properties": {}}, "X")) == ["X.x: was removed"]
    assert list(narrowed(old, old | {"required": ["x"]}, "X")) == ["X.x: became required"]
