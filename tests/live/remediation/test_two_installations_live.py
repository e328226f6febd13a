"""Two installations that select the same Workflows: each report has one writer, each action happens once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import RunningOperator, observed
from tests.live.remediation.harness import HELPED, RemediationCluster
from tests.remediation.documents import RESUBMIT

pytestmark = pytest.mark.cluster

RUNS = 6
FIRST, SECOND = "first", "second"
IMPATIENT = """
import datetime, wfreport.reconcile.ownership as ownership
ownership.TAKEOVER_AFTER = datetime.timedelta(seconds=3)
"""


def start(cluster: RemediationCluster, installation: str, prelude: str = "") -> RunningOperator:
    """Start an installation that renders every report differently from others."""
    template = f"https://{installation}/{{namespace}}/{{name}}/{{uid}}"
    return cluster.start(prelude, lease_name=installation, ui_url_template=template)


def reporter_of(report: dict[str, Any]) -> str:
    return str(report.get("status", {}).get("reporter", ""))


def resyncs(operator: RunningOperator) -> float:
    return operator.metric("wfreport_resyncs_total", controller="report", result="ok")


def writes_since(cluster: RemediationCluster, position: int) -> Counter[str]:
    """Count the writes of both installations in the namespace, Leases apart, by resource."""
    counts: Counter[str] = Counter()
    for event in cluster.plane.audit_events()[position:]:
        about = event.get("objectRef") or {}
        is_write = event["verb"] in {"create", "patch", "update", "delete"}
        if is_write and about.get("namespace") == cluster.namespace and about["resource"] != "leases":
            counts[f"{about['resource']}/{about.get('subresource', '')}"] += 1
    return counts


def writes_in_two_resyncs(cluster: RemediationCluster, *operators: RunningOperator) -> Counter[str]:
    position = cluster.audit_position()
    done = [resyncs(operator) for operator in operators]
    eventually(lambda: all(resyncs(each) > before + 1 for each, before in zip(operators, done, strict=True)))
    return writes_since(cluster, position)


def test_each_report_has_one_writer_and_each_action_happens_once(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT, budget={"maxConcurrent": 100, "maxPerWindow": 1000})
    first, second = start(cluster, FIRST), start(cluster, SECOND)
    cluster.enforced()
    names = [f"run-{n}" for n in range(RUNS)]
    for name in names:
        cluster.create(name)
    eventually(lambda: len(cluster.reports()), lambda count: count == RUNS)
    cluster.apply_report("mine", "run-0")
    eventually(lambda: [reporter_of(report) for report in cluster.reports()], all)
    for name in names:
        cluster.end(name, "Failed" if name == "run-5" else "Succeeded")
    cluster.wait_for_remediation("run-5", "Executed", ("True",))
    (again,) = [name for name in cluster.workflows() if name not in names]
    cluster.end(again, "Succeeded")
    cluster.wait_for_remediation("run-5", "Succeeded", HELPED)
    reports = eventually(
        cluster.reports,
        lambda found: len(found) == RUNS + 2 and all(observed(each).get("resourceVersion") for each in found),
    )
    for report in reports:
        installation = reporter_of(report).removeprefix(f"{cluster.namespace}/")
        assert report["status"]["links"]["ui"].startswith(f"https://{installation}/"), "who writes is who is named"
    # What was begun ends, and then they write no more: installations that write against each other never stop.
    eventually(lambda: writes_in_two_resyncs(cluster, first, second), lambda writes: not writes, timeout_seconds=60)
    assert cluster.workflows() == sorted([*names, again])


def test_the_other_installation_is_logged_counted_and_recorded_once(cluster: RemediationCluster) -> None:
    start(cluster, FIRST)
    cluster.create("run-0")
    reporter = f"{cluster.namespace}/{FIRST}"
    eventually(lambda: reporter_of(cluster.report_of("run-0")), lambda name: name == reporter)
    second = start(cluster, SECOND)
    eventually(lambda: second.metric("wfreport_reports_left_total"), lambda count: count >= 3)
    events = [
        event
        for event in cluster.plane.api.get(f"/api/v1/namespaces/{cluster.namespace}/events")["items"]
        if event["reason"] == "ReportedByOther"
    ]
    assert [event["involvedObject"]["name"] for event in events] == [cluster.report_of("run-0")["metadata"]["name"]]
    assert reporter in events[0]["message"]
    assert second.log.read_text().count("another installation reports this Workflow") == 1
    assert reporter_of(cluster.report_of("run-0")) == reporter


def test_the_reports_of_an_installation_that_is_gone_are_taken_over(cluster: RemediationCluster) -> None:
    first = start(cluster, FIRST)
    cluster.create("etl")
    eventually(lambda: reporter_of(cluster.report_of("etl")))
    first.stop()
    start(cluster, SECOND, IMPATIENT)
    cluster.end("etl", "Succeeded")
    report = eventually(
        lambda: cluster.report_of("etl"), lambda found: observed(found).get("phase") == "Succeeded", timeout_seconds=40
    )
    assert reporter_of(report) == f"{cluster.namespace}/{SECOND}"
