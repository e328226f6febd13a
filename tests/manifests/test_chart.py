"""Helm chart and kustomizations create the same objects, an API server accepts them, and wrong values are refused."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.manifests.rendered import (
    ACTIONS,
    ARGO,
    CHART,
    MANIFESTS,
    ROOT,
    SYSTEM,
    VARIANTS,
    Object,
    Objects,
    Variant,
    by_helm,
    by_kustomize,
    run,
)

from controlplane import ApiError, ControlPlane
from controlplane.binaries import binary
from controlplane.foreign_crds import PROMETHEUS_OPERATOR, foreign_crds
from wfreport.app.application import DRAIN_SECONDS
from wfreport.settings import Settings

HELMS = re.compile(r"helm\.sh/.*|app\.kubernetes\.io/(managed-by|instance|version)")
"""Labels and annotations that Helm charts have by convention."""

APPLY = "application/apply-patch+yaml"
Render = Callable[[Variant], list[Object]]

VARIANT = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)


def comparable(objects: list[Object]) -> Objects:
    """Return the objects by kind and name, without Helm's labels, and sorted where order has no meaning."""
    return {
        (entry["kind"], entry["metadata"]["name"]): _without_helms(_sorted(entry))
        for entry in objects
        if entry["kind"] != "Namespace"  # `helm install --create-namespace` creates it
    }


def _without_helms(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_helms(entry) for entry in value]
    if isinstance(value, dict):
        kept = {key: _without_helms(entry) for key, entry in value.items() if not HELMS.fullmatch(key)}
        return {key: entry for key, entry in kept.items() if entry or not value[key] or key != "annotations"}
    return value


def _sorted(entry: Object) -> Object:
    if "rules" in entry:
        return entry | {"rules": sorted(entry["rules"], key=repr)}
    if entry["kind"] == "Deployment":
        for container in entry["spec"]["template"]["spec"]["containers"]:
            container.get("env", []).sort(key=lambda variable: variable["name"])
    return entry


@pytest.mark.cluster
@VARIANT
def test_chart_and_kustomization_are_the_same_objects(variant: Variant) -> None:
    built = comparable(by_kustomize(variant))
    templated = comparable(by_helm(variant.values, namespace=variant.namespace))
    assert templated.keys() == built.keys()
    for key, entry in built.items():
        assert templated[key] == entry, key


TRIAL = "chart-trial"
"""Another namespace than that of the kustomizations: the selector of a Deployment that exists cannot be changed."""


def by_chart(variant: Variant) -> list[Object]:
    return by_helm(variant.values, namespace=TRIAL)


@pytest.fixture(scope="module")
def ready(plane: ControlPlane) -> ControlPlane:
    """Both namespaces exist, and the kinds of the Prometheus Operator."""
    plane.install_crds(foreign_crds(PROMETHEUS_OPERATOR))
    for name in (SYSTEM, ARGO, TRIAL):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        plane.api.apply(f"/api/v1/namespaces/{name}", body, manager="test")
    return plane


def distinct(rendered: Iterable[Object]) -> Iterator[Object]:
    """Variants have most of their objects in common: each is applied once."""
    yield from {json.dumps(entry, sort_keys=True): entry for entry in rendered}.values()


def refusal(plane: ControlPlane, entry: Object, plurals: dict[tuple[str, str], str]) -> str:
    """Apply an object as `kubectl apply --server-side --dry-run=server` does. Return the refusal, or an empty text."""
    version, kind, metadata = entry["apiVersion"], entry["kind"], entry["metadata"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if (version, kind) not in plurals:
        plurals |= {(version, found["kind"]): found["name"] for found in plane.api.get(base)["resources"][::-1]}
    plural = plurals[version, kind].split("/")[0]
    scope = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    query = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "trial", "force": "true"}
    path = f"{base}{scope}/{plural}/{metadata['name']}"
    try:
        plane.api.call("PATCH", path, entry, content_type=APPLY, query=query)
    except ApiError as error:
        return f"{kind} {metadata['name']}: {error}"
    return ""


@pytest.mark.cluster
@pytest.mark.parametrize("render", [by_kustomize, by_chart])
def test_the_api_server_accepts_every_object_of_every_variant(ready: ControlPlane, render: Render) -> None:
    rendered = (entry for variant in VARIANTS for entry in render(variant))
    plurals: dict[tuple[str, str], str] = {}
    refusals = [refusal(ready, entry, plurals) for entry in distinct(rendered)]
    assert len(refusals) > 25
    assert not any(refusals), "\n".join(filter(None, refusals))


@pytest.mark.cluster
def test_a_field_that_does_not_exist_is_refused(ready: ControlPlane) -> None:
    (service,) = (entry for entry in by_chart(VARIANTS[0]) if entry["kind"] == "Service")
    service["spec"]["sellector"] = {}
    assert "sellector" in refusal(ready, service, {})


@pytest.mark.cluster
def test_helm_finds_no_fault_in_the_chart() -> None:
    for variant in VARIANTS:
        printed = run(binary("helm"), "lint", "--strict", "--quiet", CHART, "--values", variant.values)
        assert not printed.strip(), printed


@pytest.mark.cluster
def test_the_charts_own_unit_tests_pass() -> None:
    printed = run(binary("helm-unittest"), "--strict", CHART)
    assert re.search(r"Tests: +[1-9]\d* passed, \d+ total", printed), printed


@pytest.mark.cluster
def test_the_values_on_the_page_are_accepted_and_create_what_it_names(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "helm.md").read_text()
    (tmp_path / "values.yaml").write_text(page.partition("```yaml\n# values.yaml\n")[2].partition("```")[0])
    kinds = {entry["kind"] for entry in by_helm(tmp_path / "values.yaml")}
    assert kinds >= {"Deployment", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_each_template_has_a_unit_test() -> None:
    named = {
        Path(name).name
        for path in (CHART / "tests").glob("*_test.yaml")
        for name in re.findall(r"templates/[\w.-]+", path.read_text())
    }
    # the notes are not an object: a test of a release reads them
    assert {path.name for path in (CHART / "templates").glob("*.yaml")} == named


@pytest.mark.cluster
def test_uninstalling_keeps_the_crds_by_default(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("crds: {keep: false}")
    policies = [
        {
            entry["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
            for entry in by_helm(values)
            if entry["kind"] == "CustomResourceDefinition"
        }
        for values in (CHART / "ci" / "default-values.yaml", tmp_path / "values.yaml")
    ]
    assert policies == [{"keep"}, {None}]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("podlogs: false", "podlogs"),
        ("replicas: 0", "replicas"),
        ("remediation: {resubmitt: true}", "resubmitt"),
        ("settings: {WFREPORT_WORKRES: 4}", "WFREPORT_WORKRES"),
        ("settings: {WFREPORT_WORKERS: 65}", "WFREPORT_WORKERS"),
        ("settings: {WFREPORT_HTTP_PORT: 9000}", "WFREPORT_HTTP_PORT"),
        ("image: {digest: 'sha256:abc'}", "digest"),
        ("networkPolicy: {ports: [0]}", "ports"),
        ("singleNamespace: true\nsettings: {WFREPORT_NAMESPACES: other}", "WFREPORT_NAMESPACES"),
    ],
)
def test_wrong_values_are_refused_by_name(tmp_path: Path, values: str, named: str) -> None:
    (tmp_path / "values.yaml").write_text(values)
    command = (str(binary("helm")), "template", "wfreport", str(CHART), "--values", str(tmp_path / "values.yaml"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.cluster
def test_settings_reach_the_operator_as_it_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "WFREPORT_REPORT_MAX_BYTES": 1048576,
        "WFREPORT_POLLS_PER_SECOND": 0.5,
        "WFREPORT_IGNORE_EVENTS": False,
        "WFREPORT_NO_LOGS_NAMESPACES": "payments-*,hr",
        "WFREPORT_RETENTION": '[{"keep": "3d"}]',
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"settings": given}))
    (deployment,) = (entry for entry in by_helm(tmp_path / "values.yaml") if entry["kind"] == "Deployment")
    for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        if variable["name"] in given:
            monkeypatch.setenv(variable["name"], variable["value"])
    settings = Settings()
    assert settings.report_max_bytes == 1048576
    assert settings.polls_per_second == 0.5
    assert settings.ignore_events is False
    assert settings.no_logs_namespaces == ("payments-*", "hr")
    assert len(settings.retention) == 1


@pytest.mark.cluster
def test_two_releases_in_a_namespace_share_no_name() -> None:
    values = CHART / "ci" / "without-crds-values.yaml"
    first, second = (
        {(entry["kind"], entry["metadata"]["name"]) for entry in by_helm(values, release=release)}
        for release in ("wfreport", "wfreport-team-a")
    )
    assert not first & second


def test_every_component_is_a_variant_of_both() -> None:
    components = {path.parent.name for path in (MANIFESTS / "components").glob("*/kustomization.yaml")}
    compared = {component for variant in VARIANTS for component in variant.components} | {"pod-logs"}
    assert components == compared
    files = {path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")}
    assert files == {variant.name for variant in VARIANTS}
    assert set(ACTIONS) == {name.removeprefix("remediate-") for name in components if name.startswith("remediate-")}


def test_the_chart_has_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_a_stopping_pod_gets_more_time_than_the_operator_needs() -> None:
    deployment = yaml.safe_load((MANIFESTS / "base" / "deployment.yaml").read_text())
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= DRAIN_SECONDS + 10


@pytest.mark.parametrize("component", ["network-policy", "ui"])
def test_no_egress_leads_to_link_local_addresses(component: str) -> None:
    policy = yaml.safe_load((MANIFESTS / "components" / component / "network-policy.yaml").read_text())
    blocks = [
        peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule.get("to", [{}]) if "ipBlock" in peer
    ]
    assert {block["cidr"]: block["except"] for block in blocks} == {
        "0.0.0.0/0": ["169.254.0.0/16"],
        "::/0": ["fe80::/10"],
    }
    assert all(rule.get("to") for rule in policy["spec"]["egress"])
