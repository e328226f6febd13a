"""Each ready-made policy with the real Argo controller.

A policy is applied as it is, except for its namespace, mode, delays and sinks. The rule `refused` of flaky-exit-codes
depends on a pod's log, which simulated pods do not have: tests/manifests/test_samples.py covers it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from tests.eventually import eventually
from tests.live.operator.harness import WORKFLOWS
from tests.live.remediation.harness import (
    LONG_SECONDS,
    PODS,
    RemediationCluster,
    argo_marks,
    memory_limit_of,
    pods_of,
    pods_without,
    run,
    wait_for_ends,
)
from tests.live.remediation.test_hung_runs_live import (
    HELD,
    IMPATIENT,
    busy_controller,
    end_labelled,
    play,
    running_step,
    submit,
    work,
)
from tests.live.remediation.webhook import webhook
from tests.manifests.test_samples import NAMES, SAMPLES

pytestmark = argo_marks(600)
SHORT = {"backoff": {"initialSeconds": 0, "maxSeconds": 0}}

Messages = list[dict[str, Any]]


def enforce(cluster: RemediationCluster, name: str, changes: dict[str, Any] | None = None, /, **settings: Any) -> None:
    """Apply a sample in mode Enforce, without backoff, and wait until it acts."""
    policy = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    policy["metadata"]["namespace"] = cluster.namespace
    policy["spec"] |= {"mode": "Enforce", **SHORT, **(changes or {})}
    cluster.apply(policy)
    cluster.start(**settings)
    cluster.enforced(name)


def rules_of(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())["spec"]["rules"]
    return found


def create_sinks(cluster: RemediationCluster, url: str, *keys: str) -> None:
    """Create the Secret that the samples refer to, with the URLs of the test's webhook."""
    urls = {key: f"{url.replace('http', 'json')}/{key}" for key in keys}
    labels = {"wfreport.dev/notify": "true"}
    body = {"metadata": {"name": "wfreport-notify", "labels": labels}, "stringData": urls}
    cluster.plane.api.post(f"/api/v1/namespaces/{cluster.namespace}/secrets", body)


def reported(cluster: RemediationCluster, name: str) -> None:
    eventually(lambda: cluster.phase_of(name), lambda phase: phase == "Failed", timeout_seconds=LONG_SECONDS)


def is_left_alone(cluster: RemediationCluster, name: str) -> None:
    """Assert that a run that no rule matches is reported and not acted on."""
    reported(cluster, name)
    assert name not in {each["spec"]["target"]["name"] for each in cluster.remediations()}


def label_of(cluster: RemediationCluster, workflow: str, key: str) -> str:
    """Return a label of the only pod of a Workflow; empty while either does not exist."""
    return "".join(pod["metadata"]["labels"].get(key, "") for pod in pods_of(cluster, workflow))


def infrastructure_failures(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    enforce(cluster, "infrastructure-failures")
    run(cluster, "broken", code="1")
    run(cluster, "evicted", code="137", pod="Evicted")
    first = cluster.wait_until_executed("evicted", "Resubmit")
    assert first["spec"]["countsTowardLimit"] is False
    assert first["status"]["resultRef"]["name"] in cluster.workflows()
    is_left_alone(cluster, "broken")


def oom_ladder(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    enforce(cluster, "oom-ladder")
    run(cluster, "oom", code="137", reason="OOMKilled")
    name = "oom"
    for memory in ("1536Mi", "2304Mi", "3456Mi"):
        name = cluster.wait_until_executed(name, "RaiseMemory")["status"]["resultRef"]["name"]
        (pod,) = eventually(partial(pods_of, cluster, name), timeout_seconds=LONG_SECONDS)
        assert memory_limit_of(pod) == memory
    is_left_alone(cluster, name)


def flaky_exit_codes(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    enforce(cluster, "flaky-exit-codes")
    for name, code in (("poison", "42"), ("other", "3"), ("temporary", "75")):
        run(cluster, name, code=code)
    cluster.wait_until_executed("temporary", "Resubmit")
    is_left_alone(cluster, "poison")
    is_left_alone(cluster, "other")


def cron_storm(cluster: RemediationCluster, url: str, received: Messages) -> None:
    cluster.create_cron("nightly")
    create_sinks(cluster, url, "urls")
    enforce(cluster, "cron-storm")
    for number in range(1, 4):
        run(cluster, f"nightly-{number}", code="1", labels={"workflows.argoproj.io/cron-workflow": "nightly"})
        wait_for_ends(cluster, number)
    pending = cluster.wait_for_remediation(
        "nightly-3",
        "Approved",
        ("Unknown", "ApprovalAwaited"),
        action="SuspendCron",
        timeout_seconds=LONG_SECONDS,
    )
    assert not cluster.is_suspended("nightly")
    eventually(lambda: [each for each in received if "nightly-3" in json.dumps(each)], timeout_seconds=LONG_SECONDS)
    command = [sys.executable, "-m", "wfreport", "approve", pending["metadata"]["name"], "-n", cluster.namespace]
    environment = {**os.environ, "KUBECONFIG": str(cluster.plane.kubeconfig)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    cluster.wait_until_executed("nightly-3", "SuspendCron")
    assert cluster.is_suspended("nightly")


def quarantine_failed_pods(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    enforce(cluster, "quarantine-failed-pods")
    keep = pods_without("example.com/quarantine")
    pods_gone = {"strategy": "OnWorkflowCompletion", "labelSelector": keep, "deleteDelayDuration": "5s"}
    run(cluster, "broken", code="7", podGC=pods_gone, podMetadata=HELD)
    end_labelled(cluster, "broken", label="example.com/quarantine")
    run(cluster, "evicted", code="137", pod="Evicted", podGC=pods_gone)
    # the pod of the evicted run is not worth keeping: podGC deletes it, after the same delay
    reported(cluster, "evicted")
    eventually(lambda: not pods_of(cluster, "evicted"), timeout_seconds=LONG_SECONDS)
    assert label_of(cluster, "broken", "example.com/quarantine") == "true"


def label_only(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    enforce(cluster, "label-only")
    run(cluster, "broken", code="137", reason="OOMKilled")
    found = eventually(lambda: label_of(cluster, "broken", "wfreport.dev/failure-class"), timeout_seconds=LONG_SECONDS)
    assert found == "OOMKilled"
    reported(cluster, "broken")
    name = cluster.report_of("broken")["metadata"]["name"]
    assert label_of(cluster, "broken", "wfreport.dev/report-name") == name
    assert cluster.workflows() == ["broken"]


def notify_only(cluster: RemediationCluster, url: str, received: Messages) -> None:
    create_sinks(cluster, url, "platform", "team")
    platform, team = rules_of("notify-only")
    (events,) = [sink for sink in team["notify"]["sinks"] if "cloudEvents" in sink]
    events["cloudEvents"]["url"] = f"{url}/events"
    enforce(cluster, "notify-only", {"rules": [platform, team]})
    run(cluster, "evicted", code="137", pod="Evicted")
    run(cluster, "broken", code="3")
    cluster.wait_until_executed("evicted", "Notify")
    cluster.wait_until_executed("broken", "Notify")
    paths = {each["path"]: json.dumps(each) for each in received}
    assert set(paths) == {"/platform", "/team", "/events"}
    assert "evicted" in paths["/platform"]
    assert "exit code 3" in paths["/team"]
    assert "exit code 3" in paths["/events"]
    assert cluster.workflows() == ["broken", "evicted"]


def stuck_workflows(cluster: RemediationCluster, _url: str, _received: Messages) -> None:
    (rule,) = rules_of("stuck-workflows")
    rule["action"]["stop"] = {"afterSeconds": 60, "pendingAfterSeconds": 3600}
    enforce(cluster, "stuck-workflows", {"rules": [rule]})
    run(cluster, "stuck", code="0", templates=[{"name": "main", "suspend": {}}])
    cluster.wait_until_executed("stuck", "Stop")
    assert cluster.plane.api.get(f"{WORKFLOWS.format(cluster.namespace)}/stuck")["spec"]["shutdown"] == "Stop"
    reported(cluster, "stuck")


def hung_runs(cluster: RemediationCluster, url: str, received: Messages) -> None:
    rules = rules_of("hung-runs")
    for rule in rules:
        rule["match"]["stalled"]["forSeconds"] = 0
    create_sinks(cluster, url, "urls")
    enforce(cluster, "hung-runs", {"rules": rules}, **IMPATIENT)
    with busy_controller(cluster):
        submit(cluster, "dead-machine")
        submit(cluster, "sidecar", work(sidecars=[{"name": "db", "image": "busybox", "command": ["sleep"]}]))
        play(cluster, running_step(cluster, "sidecar"), "main")
        terminating = running_step(cluster, "dead-machine")["metadata"]["name"]
        cluster.plane.api.delete(f"{PODS.format(cluster.namespace)}/{terminating}")
        again = cluster.wait_until_executed("dead-machine", "Resubmit")
        assert (again["spec"]["reason"], again["spec"]["rule"]) == ("PodTerminating", "pod-hangs")
        assert again["status"]["resultRef"]["name"] in cluster.workflows()
        told = cluster.wait_until_executed("sidecar", "Notify")
        assert (told["spec"]["reason"], told["spec"]["rule"]) == ("MainEnded", "other")
    eventually(lambda: [each for each in received if "sidecar" in json.dumps(each)], timeout_seconds=LONG_SECONDS)
    assert "shutdown" not in cluster.plane.api.get(f"{WORKFLOWS.format(cluster.namespace)}/sidecar")["spec"]


SCENARIOS: dict[str, Callable[[RemediationCluster, str, Messages], None]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        cron_storm,
        flaky_exit_codes,
        hung_runs,
        infrastructure_failures,
        label_only,
        notify_only,
        oom_ladder,
        quarantine_failed_pods,
        stuck_workflows,
    )
}


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_made_policy_does_what_it_says(cluster: RemediationCluster, name: str) -> None:
    """A policy without a scenario fails this test."""
    with webhook([]) as (url, received):
        SCENARIOS[name](cluster, url, received)
