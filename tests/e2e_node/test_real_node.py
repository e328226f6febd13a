"""Real pods on a real node: logs, exit codes, kernel OOM kills, an image that is not there.

Everything else is tested with played pods (tests/operator); here once with what a kubelet really writes.
`make e2e-node` asks for it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.e2e_node.conftest import NAMESPACE, REMEDIATION, RealCluster, Report
from tests.eventually import eventually
from tests.live.operator.harness import condition
from tests.manifests.test_samples import SAMPLES

from realnode import NODE

pytestmark = [pytest.mark.node, pytest.mark.timeout(1200)]

KEY = "AKIAQ3EGRJ7PLMZ2VWTN"
LIMIT = {"memory": "400Mi"}
COMPLETE = ("True", "EvidenceCaptured")


def only_failure(report: Report) -> dict[str, Any]:
    (failure,) = report["status"]["failures"]
    found: dict[str, Any] = failure
    return found


def containers(failure: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {container["name"]: container for container in failure["containers"]}


def test_a_step_that_exits_3_is_told_with_its_log_although_its_pod_is_deleted(real_cluster: RealCluster) -> None:
    report = real_cluster.report_of("exits-with-3")
    eventually(lambda: real_cluster.pods_of("exits-with-3"), lambda left: not left, timeout_seconds=120)
    failure = only_failure(report)
    assert condition(report, "EvidenceComplete") == COMPLETE
    assert (report["status"]["failureClass"], failure["exitCode"], failure["container"]) == ("ExitCode", 3, "main")
    assert failure["hostNodeName"] == NODE
    assert failure["resources"]["limits"] == LIMIT
    assert containers(failure)["main"]["exitCode"] == 3
    assert containers(failure)["wait"]["exitCode"] == 0
    lines = failure["logTail"]["text"].splitlines()
    assert "loading 4211 rows" in lines
    assert "bad row 17: no column price" in lines


def test_a_key_in_a_real_log_is_in_no_report_and_in_no_log_of_the_operator(real_cluster: RealCluster) -> None:
    report = real_cluster.report_of("exits-with-3")
    tail = only_failure(report)["logTail"]
    assert tail["redacted"] == 1
    assert "using AWS_ACCESS_KEY_ID=" in tail["text"]
    assert KEY not in str(report)
    assert KEY not in real_cluster.operator.log_path.read_text()
    events = real_cluster.plane.api.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
    assert KEY not in str([event for event in events if event["source"].get("component") == "wfreport"])


@pytest.mark.parametrize(
    ("workflow", "exit_code", "last_words"),
    [("out-of-memory", 137, "epoch 1"), ("child-out-of-memory", 1, "worker ended with 137")],
    ids=["the step itself", "a child of the step"],
)
def test_a_kernel_oom_kill_is_told_with_the_limit(
    real_cluster: RealCluster, workflow: str, exit_code: int, last_words: str
) -> None:
    report = real_cluster.report_of(workflow)
    failure = only_failure(report)
    assert condition(report, "EvidenceComplete") == COMPLETE
    assert report["status"]["failureClass"] == "OOMKilled"
    assert (failure["class"], failure["exitCode"], failure["container"]) == ("OOMKilled", exit_code, "main")
    assert containers(failure)["main"]["reason"] == "OOMKilled"
    assert failure["resources"]["limits"] == LIMIT
    assert last_words in failure["logTail"]["text"]


def test_an_oom_kill_that_the_step_swallowed_is_a_warning(real_cluster: RealCluster) -> None:
    report = real_cluster.report_of("swallowed-out-of-memory")
    assert condition(report, "Succeeded")[0] == "True"
    assert not report["status"].get("failures")
    (warning,) = report["status"]["warnings"]
    assert (warning["displayName"], warning["reason"]) == ("train", "OOMKilled")
    assert "container main was OOM-killed" in warning["message"]


def test_a_step_that_succeeds_at_its_third_attempt_is_a_success(real_cluster: RealCluster) -> None:
    report = real_cluster.report_of("third-time-lucky")
    assert condition(report, "Succeeded")[0] == "True"
    assert not report["status"].get("failures")
    attempts = report["status"]["supersededAttempts"]
    assert [(attempt["class"], attempt["exitCode"]) for attempt in attempts] == [("ExitCode", 7), ("ExitCode", 7)]


def test_an_image_that_is_not_there_is_told_rather_than_the_deadline(real_cluster: RealCluster) -> None:
    report = real_cluster.report_of("missing-image")
    assert report["status"]["failureClass"] == "ImagePull"
    assert "registry.invalid/etl:1.0" in str(only_failure(report))


def test_a_step_that_the_kernel_killed_for_its_memory_is_healed_by_the_ready_made_policy(
    real_cluster: RealCluster,
) -> None:
    policy = yaml.safe_load((SAMPLES / "oom-ladder.yaml").read_text())
    policy["spec"] |= {"mode": "Enforce", "backoff": {"initialSeconds": 0}, "circuitBreaker": {"minRuns": 1000}}
    plane = real_cluster.plane
    plane.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=json.dumps(policy))
    policies = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/remediationpolicies"
    eventually(
        lambda: condition(plane.api.get(f"{policies}/oom-ladder"), "RemediationAllowed"),
        lambda allowed: allowed == ("True", "Allowed"),
        timeout_seconds=120,
    )
    plane.kubectl("create", "-n", NAMESPACE, "-f", REMEDIATION / "needs-more-memory.yaml")
    assert real_cluster.report_of("needs-more-memory")["status"]["failureClass"] == "OOMKilled"
    (remediation,) = eventually(
        lambda: plane.api.get(f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/remediations")["items"],
        lambda found: bool(found) and condition(found[0], "Succeeded")[0] in {"True", "False"},
        timeout_seconds=240,
    )
    assert condition(remediation, "Succeeded") == ("True", "RunSucceeded")
    # the sample's factor of 1.5 would add less than its minIncrease of 256Mi
    limit = "spec.templates[train].resources[main].limits.memory"
    assert (remediation["spec"]["plan"]["before"][limit], remediation["spec"]["plan"]["after"][limit]) == (
        "400Mi",
        "656Mi",
    )
    healed = real_cluster.report_of(remediation["status"]["resultRef"]["name"])
    assert condition(healed, "Succeeded")[0] == "True"
