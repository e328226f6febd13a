"""Each block of YAML on a page is accepted: by the API server, by kustomize or by the chart, whichever it is for."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.docsite.desk import policy
from tests.manifests.rendered import ARGO, CHART, SYSTEM, Object, by_helm, documents, run
from tests.manifests.test_chart import refusal
from tests.pages import ROOT, Block, yaml_blocks

from controlplane import ControlPlane
from controlplane.argo import argo_release
from controlplane.binaries import kubectl
from controlplane.foreign_crds import ARGO_CD, FLUX, PROMETHEUS_OPERATOR, foreign_crds

pytestmark = pytest.mark.cluster

BLOCKS: Final = list(yaml_blocks())
KUSTOMIZATION: Final = {
    *("apiVersion", "kind", "namespace", "resources", "components", "patches", "images", "labels"),
    *("configMapGenerator", "replacements"),
}
VALUES: Final = frozenset(yaml.safe_load((CHART / "values.yaml").read_text()))
GITOPS: Final = ROOT / "gitops"
LINTED: Final = frozenset({"Workflow", "CronWorkflow"})
NAMESPACES: Final = ("argocd", "flux-system", SYSTEM, ARGO)


@pytest.fixture(scope="module")
def ready(plane: ControlPlane) -> ControlPlane:
    """The kinds of all projects that pages are about, and the namespaces that they name."""
    for module in (PROMETHEUS_OPERATOR, ARGO_CD, *FLUX):
        plane.install_crds(foreign_crds(module))
    named = {entry["metadata"]["namespace"] for entry in objects() if "namespace" in entry["metadata"]}
    for name in {*named, *NAMESPACES}:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        plane.api.apply(f"/api/v1/namespaces/{name}", body, manager="test")
    return plane


def objects() -> Iterator[Object]:
    """Yield the objects that blocks contain, or are parts of."""
    for block in BLOCKS:
        for document in yaml.safe_load_all(block.text):
            if not is_kustomization(document):
                yield from whole(document)


def is_kustomization(document: Any) -> bool:
    return isinstance(document, dict) and document.keys() <= KUSTOMIZATION and "metadata" not in document


def is_values(document: Any) -> bool:
    return isinstance(document, dict) and document.keys() <= VALUES


def whole(document: Any) -> Iterator[Object]:
    """Yield the object of a document; of a part of one, an object that has this part."""
    if isinstance(document, list):
        document = {"env": document}
    if {"apiVersion", "kind", "metadata"} <= document.keys():
        yield document
        return
    for fits, complete in PARTS:
        if fits(document):
            yield complete(document)


def merged(base: Object, part: Object) -> Object:
    result = copy.deepcopy(base)
    for key, value in part.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


WORKFLOW: Final[Object] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "part", "namespace": ARGO},
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "busybox"}}]},
}
CRON: Final = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "CronWorkflow",
    "metadata": {"name": "part", "namespace": ARGO},
    "spec": {"schedules": ["0 0 * * *"], "workflowSpec": WORKFLOW["spec"]},
}


def of_application(part: Object) -> Object:
    _, application, _ = yaml.safe_load_all((GITOPS / "argocd" / "applications.yaml").read_text())
    return merged(application, {"spec": {"source": part}})


def of_release(part: Object) -> Object:
    _, release = yaml.safe_load_all((GITOPS / "flux" / "operator.yaml").read_text())
    return merged(release, {"spec": part})


def of_cron_workflow(part: Object) -> Object:
    return merged(CRON, part)


def of_policy(part: Object) -> Object:
    sample = policy("oom-ladder")
    sample["metadata"]["namespace"] = ARGO
    return merged(sample, part)


def of_deployment(part: Object) -> Object:
    pod = {"containers": [{"name": "operator", "image": "wfreport", **part}]}
    labels = {"app": "part"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "part", "namespace": ARGO},
        "spec": spec,
    }


PARTS: Final[tuple[tuple[Callable[[Object], bool], Callable[[Object], Object]], ...]] = (
    (lambda part: part.get("kind") == "CronWorkflow", of_cron_workflow),
    (lambda part: part.get("kind") == "RemediationPolicy", of_policy),
    (lambda part: part.keys() == {"rules"}, lambda part: of_policy({"spec": part})),
    (lambda part: part.keys() == {"spec"}, lambda part: merged(WORKFLOW, part)),
    (lambda part: part.keys() == {"env"}, of_deployment),
    (lambda part: part.keys() == {"kustomize"}, of_application),
    (lambda part: part.keys() == {"values"}, of_release),
)
"""Pages show parts of objects. What a part belongs to is seen by its fields."""


def kustomized(document: Object, folder: Path) -> list[Object]:
    """Build a kustomization of a page; one without resources is added to that of the page about kustomize."""
    document = {"resources": ["../wfreport/manifests/overlays/default"]} | document
    if "NetworkPolicy" in str(document):
        document = {"components": ["../wfreport/manifests/components/network-policy"]} | document
    if "PrometheusRule" in str(document):
        document = {"components": ["../wfreport/manifests/components/alerts"]} | document
    text = yaml.safe_dump(document).replace("../wfreport", os.path.relpath(ROOT, folder))
    (folder / "kustomization.yaml").write_text(text)
    return documents(run(kubectl(), "kustomize", folder))


def refusals(plane: ControlPlane, entries: list[Object]) -> list[str]:
    plurals: dict[tuple[str, str], str] = {}
    return [problem for entry in entries if (problem := refusal(plane, entry, plurals))]


def lint(entry: Object, folder: Path) -> str:
    """Return what Argo's own linter says of an object of Argo's; nothing if it has no complaint."""
    path = folder / "linted.yaml"
    path.write_text(yaml.safe_dump(entry))
    command = [str(argo_release().cli), "lint", "--offline", "--no-color", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.removeprefix('docs/')}-{block.number}")
def test_each_block_is_accepted(ready: ControlPlane, tmp_path: Path, block: Block) -> None:
    for document in yaml.safe_load_all(block.text):
        if is_kustomization(document):
            built = kustomized(document, tmp_path.resolve())
            assert refusals(ready, [entry for entry in built if entry["kind"] != "Namespace"]) == []
        elif is_values(document):
            (tmp_path / "values.yaml").write_text(block.text)
            assert by_helm(tmp_path / "values.yaml")
        else:
            (entry,) = whole(document)
            entry["metadata"].setdefault("namespace", ARGO)
            assert refusals(ready, [entry]) == []
            if entry["kind"] in LINTED:
                assert lint(entry, tmp_path) == ""


def test_the_examples_for_gitops_are_accepted(ready: ControlPlane) -> None:
    files = [GITOPS / "argocd" / "applications.yaml", *sorted((GITOPS / "flux").glob("*.yaml"))]
    entries = [entry for path in files for entry in documents(path.read_text())]
    assert len(entries) == 7
    assert refusals(ready, entries) == []


def test_a_field_that_a_kind_lacks_is_refused(ready: ControlPlane) -> None:
    wrong = [
        of_application({"kustomize": {"componentz": []}}),
        of_release({"valuez": {}}),
        of_policy({"spec": {"ruules": []}}),
    ]
    problems = refusals(ready, wrong)
    assert len(problems) == len(wrong)
    assert all(re.search("unknown field|not declared in schema", problem) for problem in problems), problems


def test_argos_linter_refuses_a_workflow_whose_entrypoint_no_template_has(tmp_path: Path) -> None:
    assert "template name 'absent' undefined" in lint(merged(WORKFLOW, {"spec": {"entrypoint": "absent"}}), tmp_path)
