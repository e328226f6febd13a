"""Alerts and dashboard ask for metrics and labels that exist; each alert has a runbook, and fires when it should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase
from tests.monitoring.promql import grouped_by, parsed, selectors

from controlplane.errors import BinaryUnavailableError
from controlplane.promtool import promtool
from generate.alerts import (
    ALERTS,
    COMPONENT,
    LATE_SECONDS,
    QUEUED_SECONDS,
    RUNBOOKS,
    SILENT_SECONDS,
    alert_files,
    groups,
)
from generate.dashboard import COMPONENT as DASHBOARD
from generate.dashboard import dashboard_files, queries
from generate.kinds import KINDS
from wfreport.api.action_types import ActionType
from wfreport.api.reasons import RemediationReason
from wfreport.metric_labels import CONTROLLERS, REPAIR_KINDS
from wfreport.metrics import LAG_BUCKETS, Metrics
from wfreport.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = ROOT / "manifests" / "kube-state-metrics" / "custom-resource-state.yaml"
OBJECT_RIGHTS = OBJECTS.with_name("cluster-role.yaml")
SERIES = Path(__file__).with_name("series.yaml")
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
TARGETS = {"namespace", "pod", "instance", "job"}
"""Labels of every scraped series, whose namespace is the operator's unless the metric has its own."""


def exposed() -> dict[str, set[str]]:
    """Return the name of each series with its own labels, with the labels of templates switched on."""
    names: dict[str, set[str]] = {
        "process_resident_memory_bytes": set(),
        "process_cpu_seconds_total": set(),
        "process_start_time_seconds": set(),
        "up": set(),
    }
    for metric in vars(Metrics(max_templates=10)).values():
        if isinstance(metric, MetricWrapperBase):
            name, labels = metric._name, set(metric._labelnames)
            if isinstance(metric, Histogram):
                names |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
            else:
                names[f"{name}_total" if isinstance(metric, Counter) else name] = labels
    return names


EXPOSED = exposed()
VALUES: dict[str, set[str]] = {
    "controller": set(CONTROLLERS),
    "kind": set(REPAIR_KINDS),
    "action": set(ActionType),
    "phase": {"Pending", "Running", "Succeeded", "Failed", "Error"},
}


def of_pages() -> list[tuple[str, str]]:
    return [
        (page.name, line)
        for page in [*sorted(RUNBOOKS.glob("*.md")), ROOT / "docs" / "howto" / "alerts.md"]
        for block in re.findall(r"^```promql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


EXPRESSIONS = [
    *((alert.name, alert.expr) for alert in ALERTS),
    *((title, query.expr) for title, query in queries()),
    *of_pages(),
]


@pytest.mark.parametrize(("where", "text"), EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_exist(where: str, text: str) -> None:
    expr = parsed(text)
    found = list(selectors(expr))
    assert found, where
    for name, matchers in found:
        assert name in EXPOSED, (where, name)
        assert matchers.keys() <= EXPOSED[name] | TARGETS, (where, name)
        for label, value in matchers.items():
            if label in VALUES:
                assert set(value.split("|")) <= VALUES[label], (where, name, label)
    for labels, names in grouped_by(expr):
        for name in names:
            assert labels <= EXPOSED[name] | TARGETS, (where, name)


@pytest.mark.parametrize(
    "text", ["sum by (phase) (wfreport_workflows_active)", 'wfreport_runs{phas="Failed"}', "wfreport_run", "sum(1"]
)
def test_a_wrong_expression_is_noticed(text: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        test_an_expression_names_metrics_and_labels_that_exist("here", text)


def test_reasons_of_remediations_exist() -> None:
    text = COMPONENT.joinpath("prometheus-rule.yaml").read_text()
    named = {reason for group in re.findall(r'reason=~"([^"]*)"', text) for reason in group.split("|")}
    assert named
    assert named <= set(RemediationReason)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_tells_where_how_much_and_what_next(alert: Any) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    kept = set.union(*(labels for labels, _ in grouped_by(parsed(alert.expr))), set())
    assert used <= kept, "a label that the expression drops is empty in the text"
    assert kept - used <= {"le"}, "a label that tells alerts apart is in their text"
    assert "Next: kubectl " in alert.description
    assert len(alert.summary) < 100
    if alert.expr.endswith(("== 0", ")")) or alert.name == "WfreportWatchdogHit":
        return  # the value tells nothing
    assert "$value" in alert.description


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    pages = {page.stem: page.read_text() for page in RUNBOOKS.glob("*.md")}
    assert pages.keys() == {alert.name for alert in ALERTS}
    for name, text in pages.items():
        assert text.startswith(f"# {name}\n"), name
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS, name
        assert "```sh" in text.split("## Diagnosis")[1].split("## Mitigation")[0], name
        assert "```promql" in text, name


def test_thresholds_fit_the_settings() -> None:
    settings = Settings()
    alerts = {alert.name: alert for alert in ALERTS}
    assert LATE_SECONDS in LAG_BUCKETS, "a quantile is exact only at the bound of a bucket"
    assert 2 * (settings.debounce_seconds + settings.coalesce_seconds + settings.lease_seconds / 3) < LATE_SECONDS
    assert SILENT_SECONDS > 2 * 60, "the API server sends a bookmark every minute"
    assert 2 * settings.request_timeout_seconds < QUEUED_SECONDS
    assert _seconds(alerts["WfreportNoLeader"].lasts) > 2 * settings.lease_seconds
    (window,) = re.findall(r"\[(\w+)\]", alerts["WfreportResyncRepairing"].expr)
    assert _seconds(window) >= 10 * settings.resync_interval_seconds


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def test_what_is_generated_is_what_is_written() -> None:
    for path, text in [*alert_files(), *dashboard_files()]:
        assert path.read_text() == text, f"run `make docs`: {path}"


def test_the_dashboard_is_a_configmap_that_grafana_can_load() -> None:
    document = yaml.safe_load((DASHBOARD / "dashboard.yaml").read_text())
    assert document["metadata"]["labels"]["grafana_dashboard"] == "1"
    board = json.loads(document["data"]["wfreport.json"])
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert sum(len(panel["targets"]) for panel in shown) == len(list(queries()))
    assert all(panel["description"] and panel["datasource"]["uid"] == "${datasource}" for panel in shown)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(places) == len(set(places)), "panels lie on each other"


def resources() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(OBJECTS.read_text())["spec"]["resources"]
    return found


@pytest.mark.parametrize("resource", resources(), ids=lambda resource: resource["groupVersionKind"]["kind"])
def test_each_path_of_kube_state_metrics_is_a_field(resource: dict[str, Any]) -> None:
    (kind,) = (kind for kind in KINDS if kind.name == resource["groupVersionKind"]["kind"])
    (version,) = yaml.safe_load(kind.path.read_text())["spec"]["versions"]
    assert resource["groupVersionKind"] == {"group": "wfreport.dev", "version": version["name"], "kind": kind.name}
    schema = version["schema"]["openAPIV3Schema"]
    for path in resource["labelsFromPath"].values():
        assert path[0] == "metadata"
    for metric in resource["metrics"]:
        each = metric["each"][metric["each"]["type"].lower()]
        at = _field(schema, each.get("path", []))
        for path in [*each.get("labelsFromPath", {}).values(), each.get("valueFrom", [])]:
            _field(at, path)
        if metric["each"]["type"] == "Gauge" and "valueFrom" not in each:
            assert at["type"] == "integer", metric["name"]


def _field(schema: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for name in path:
        schema = schema["properties"][name]
    found: dict[str, Any] = schema.get("items", schema)
    return found


def test_kube_state_metrics_may_list_the_kinds_and_find_them_among_all_crds() -> None:
    rules = yaml.safe_load(OBJECT_RIGHTS.read_text())["rules"]
    assert {resource for rule in rules for resource in rule["resources"]} == {
        "customresourcedefinitions",
        *(yaml.safe_load(kind.path.read_text())["spec"]["names"]["plural"] for kind in KINDS),
    }
    assert all(rule["verbs"] == ["list", "watch"] for rule in rules)


def test_the_page_names_the_metrics_of_objects() -> None:
    named = {
        f"{resource['metricNamePrefix']}_{metric['name']}" for resource in resources() for metric in resource["metrics"]
    }
    page = (ROOT / "docs" / "howto" / "alerts.md").read_text().split("## Metrics of single objects")[1]
    assert set(re.findall(r"`(wfreport_\w+)`", page)) == named
    assert not named & EXPOSED.keys()


def cases() -> list[dict[str, Any]]:
    series: list[dict[str, Any]] = yaml.safe_load(SERIES.read_text())
    return series


def test_each_alert_has_a_series_that_fires_and_one_that_does_not() -> None:
    tried: dict[str, set[bool]] = {}
    for case in cases():
        for expected in case["alert_rule_test"]:
            tried.setdefault(expected["alertname"], set()).add(bool(expected["exp_alerts"]))
    assert tried == {alert.name: {True, False} for alert in ALERTS}


def test_promtool_finds_that_alerts_fire_and_do_not(tmp_path: Path) -> None:
    try:
        program = promtool()
    except BinaryUnavailableError as error:
        pytest.skip(str(error))
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}))
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": _with_annotations(cases())}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "test.yaml"]):
        done = subprocess.run([program, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _with_annotations(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Expect the texts of the alerts, with the labels and the value of the case put in."""
    alerts = {alert.name: alert for alert in ALERTS}
    for case in tests:
        for expected in case["alert_rule_test"]:
            alert = alerts[expected["alertname"]]
            for one in expected["exp_alerts"]:
                labels, shown = one["exp_labels"], one.pop("shown", "")
                annotations = {
                    "summary": _filled(alert.summary, labels, shown),
                    "description": _filled(alert.description, labels, shown),
                    "runbook_url": f"https://git.example.com/platform/wfreport/docs/runbooks/{alert.name}.md",
                }
                one |= {"exp_annotations": annotations, "exp_labels": {"severity": alert.severity, **labels}}
    return tests


def _filled(text: str, labels: dict[str, str], shown: str) -> str:
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
    return re.sub(r"\{\{ \$value[^}]*\}\}", shown, text)
