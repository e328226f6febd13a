"""Actions on a real API server, and runs that are left alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cases import COMMAND
from tests.eventually import eventually
from tests.live.operator.harness import WORKFLOWS, condition
from tests.live.remediation.harness import OWN, PODS, RemediationCluster, message_of, remediation_cluster
from tests.live.remediation.webhook import connections_to, hanging_endpoint, webhook
from tests.objects import a_remediation
from tests.remediation.documents import RESUBMIT

from controlplane import ControlPlane
from wfreport.api.remediation import LockClass
from wfreport.app.application import DRAIN_SECONDS
from wfreport.core.snapshot.names import remediation_name
from wfreport.core.snapshot.pod_names import fnv1a32

pytestmark = pytest.mark.cluster


def test_with_the_rights_to_report_only_nothing_is_changed_and_the_policy_says_why(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with remediation_cluster(plane, namespace, tmp_path, components=()) as cluster:
        cluster.apply_policy({**RESUBMIT, "labelPods": {}})
        cluster.start()
        ready = ("False", "RightsMissing")
        policy = eventually(cluster.policy, lambda current: condition(current, "Ready") == ready)
        message = message_of(policy, "Ready")
        assert "create workflows.argoproj.io" in message
        assert "manifests/components/remediate-label-pods, manifests/components/remediate-resubmit" in message
        cluster.fail("etl")
        eventually(lambda: cluster.policy()["status"]["counts"]["matched"], lambda current: current == 1)
        assert cluster.remediations() == []
        assert cluster.workflows() == ["etl"]
        reasons = [event["reason"] for event in cluster.events_about("p")]
        assert reasons == ["RightsMissing"]


def test_without_leader_election_no_policy_acts_and_each_says_so(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT)
    cluster.start(leader_election="false")
    policy = eventually(cluster.policy, lambda current: condition(current, "Ready")[0] == "False")
    assert "WFREPORT_LEADER_ELECTION" in json.dumps(policy["status"]["conditions"])
    cluster.fail("etl")
    eventually(lambda: cluster.policy()["status"]["counts"]["matched"], lambda current: current == 1)
    assert cluster.workflows() == ["etl"]


def test_a_policy_that_is_not_valid_says_which_field_and_what_to_do(cluster: RemediationCluster) -> None:
    raised = {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"raiseMemory": {"max": "much"}}}
    cluster.apply_policy(raised)
    cluster.start()
    policy = eventually(cluster.policy, lambda current: condition(current, "Ready") == ("False", "PolicyInvalid"))
    message = message_of(policy, "Ready")
    assert "spec.rules[0].action.raiseMemory.max" in message
    assert "'much'" in message


def test_a_remediation_made_by_hand_is_refused(cluster: RemediationCluster) -> None:
    cluster.apply_policy({"name": "never", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}})
    cluster.start()
    cluster.enforced()
    failed = cluster.fail("etl")
    report = eventually(lambda: cluster.report_of("etl"))
    body = a_remediation(
        "mine",
        policyRef={"name": "p", "uid": cluster.policy()["metadata"]["uid"], "generation": 1},
        reportRef={"name": report["metadata"]["name"]},
        target={"name": "etl", "uid": failed["metadata"]["uid"], "startedAt": failed["status"]["startedAt"]},
        rootUid=failed["metadata"]["uid"],
        rule="never",
        action="Resubmit",
        reason="ExitCode",
    )
    path = OWN.format(cluster.namespace, "remediations")
    cluster.plane.api.post(path, body)
    refused = ("False", "SpecNotReproduced")
    eventually(lambda: condition(cluster.plane.api.get(f"{path}/mine"), "Executed"), lambda current: current == refused)
    # under the right name, but for a failure that did not happen
    right = _name_of(failed)
    cluster.plane.api.post(path, {**body, "metadata": {"name": right}})
    eventually(
        lambda: condition(cluster.plane.api.get(f"{path}/{right}"), "Executed"), lambda current: current == refused
    )
    assert cluster.workflows() == ["etl"]


def _name_of(failed: dict[str, Any]) -> str:
    started = datetime.fromisoformat(failed["status"]["startedAt"])
    metadata = failed["metadata"]
    return remediation_name(metadata["name"], metadata["uid"], started, LockClass.MUTATE)


def test_a_dry_run_writes_down_what_it_would_do_and_locks_nothing(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT, mode="DryRun")
    cluster.start()
    eventually(lambda: condition(cluster.policy(), "Ready")[0], lambda current: current == "True")
    cluster.fail("etl")
    dry = cluster.wait_for_remediation("etl", "Executed", ("False",))
    assert dry["metadata"]["name"].startswith("dry-etl-")
    assert condition(dry, "Executed") == ("False", "DryRun")
    assert dry["spec"]["plan"]["newName"].endswith("-r1")
    assert cluster.workflows() == ["etl"]
    counts = eventually(lambda: cluster.policy()["status"]["counts"], lambda current: current["proposed"] == 1)
    assert counts["executed"] == 0


def test_an_action_that_needs_approval_waits_for_it(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT, mode="Approve")
    cluster.start()
    cluster.enforced()
    cluster.fail("etl")
    pending = eventually(lambda: cluster.remediation_of("etl"), lambda current: bool(condition(current, "Approved")[0]))
    assert condition(pending, "Approved") == ("Unknown", "ApprovalAwaited")
    assert cluster.workflows() == ["etl"]
    path = f"{OWN.format(cluster.namespace, 'remediations')}/{pending['metadata']['name']}/status"
    conditions = pending["status"]["conditions"]
    for each in conditions:
        if each["type"] == "Approved":
            each |= {"status": "True", "reason": "Approved", "message": "go ahead"}
    cluster.plane.api.patch(path, {"status": {"conditions": conditions, "approvedBy": "ana"}})
    done = cluster.wait_for_remediation("etl", "Executed", ("True",))
    assert done["status"]["approvedBy"] == "ana"
    assert len(cluster.workflows()) == 2


def test_a_run_that_failed_before_the_policy_was_enforced_is_left_alone(cluster: RemediationCluster) -> None:
    cluster.fail("before")
    cluster.apply_policy(RESUBMIT)
    cluster.start()
    cluster.enforced()
    cluster.fail("after")
    cluster.wait_for_remediation("after", "Executed", ("True",))
    assert [each["spec"]["target"]["name"] for each in cluster.remediations()] == ["after"]


def test_a_cron_that_git_does_not_manage_is_suspended_and_one_that_it_does_is_not(cluster: RemediationCluster) -> None:
    rule = {"name": "storm", "match": {}, "action": {"suspendCron": {}}}
    cluster.apply_policy(rule)
    cluster.start()
    cluster.enforced()
    for name, labels in (("mine", {}), ("gits", {"argocd.argoproj.io/instance": "etl"})):
        cluster.create_cron(name, labels)
        cluster.create(f"{name}-1")
        cluster.plane.api.patch(
            f"{WORKFLOWS.format(cluster.namespace)}/{name}-1",
            {"metadata": {"labels": {"workflows.argoproj.io/cron-workflow": name}}},
        )
        cluster.end(f"{name}-1", "Failed")
    eventually(lambda: cluster.is_suspended("mine"))
    mine = cluster.wait_for_remediation("mine-1", "Executed", ("True",))
    annotations = cluster.cron("mine")["metadata"]["annotations"]
    assert annotations["wfreport.dev/remediation-uid"] == mine["metadata"]["uid"]
    gits = cluster.wait_for_remediation("gits-1", "Executed", ("False",))
    assert condition(gits, "Executed") == ("False", "NotPossible")
    assert gits["status"]["message"].startswith("ManagedByGit: ")
    assert "suspend" not in cluster.cron("gits")["spec"]


def test_a_run_that_takes_too_long_is_stopped(cluster: RemediationCluster) -> None:
    rule = {"name": "sla", "match": {}, "action": {"stop": {"afterSeconds": 60}}}
    cluster.apply_policy(rule)
    cluster.start()
    cluster.enforced()
    cluster.create("slow")
    cluster.end("slow", "Running")
    eventually(lambda: cluster.workflow("slow")["spec"].get("shutdown"), lambda current: current == "Stop")
    done = cluster.wait_for_remediation("slow", "Executed", ("True",))
    assert condition(done, "Succeeded") == ("Unknown", "NoOutcome")


def test_a_failed_pod_is_labelled_while_the_run_goes_on_and_argos_labels_are_left_alone(
    cluster: RemediationCluster,
) -> None:
    rule = {"name": "quarantine", "match": {}, "labelPods": {"labels": {"team.example.com/hold": "true"}}}
    cluster.apply_policy(rule)
    cluster.start()
    cluster.enforced()
    made = cluster.create("etl")
    now = datetime.now(UTC)
    cluster.update_workflow("etl", phase="Running", done=1, started_at=now)
    eventually(lambda: cluster.phase_of("etl"), lambda phase: phase == "Running")
    pod = _failed_pod(cluster, made)
    cluster.update_workflow("etl", phase="Running", done=3, failed=True, started_at=now)
    labels = eventually(
        lambda: cluster.plane.api.get(f"{PODS.format(cluster.namespace)}/{pod}")["metadata"]["labels"],
        lambda current: "wfreport.dev/failure-class" in current,
    )
    assert labels["wfreport.dev/failure-class"] == "OOMKilled"
    assert labels["team.example.com/hold"] == "true"
    assert labels["workflows.argoproj.io/completed"] == "false"
    report = eventually(
        lambda: cluster.report_of("etl"),
        lambda current: any("labelled" in f for f in current["status"].get("failures", ())),
    )
    assert labels["wfreport.dev/report-name"] == report["metadata"]["name"]
    (labelled,) = [failure["labelled"] for failure in report["status"]["failures"]]
    assert "team.example.com/hold" in labelled
    assert cluster.remediations() == []


def _failed_pod(cluster: RemediationCluster, workflow: dict[str, Any]) -> str:
    """Create an OOM-killed pod of the third step, under the name that the harness derives."""
    name = f"{workflow['metadata']['name']}-work-{fnv1a32('etl.step-2')}"
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": "etl",
        "uid": workflow["metadata"]["uid"],
    }
    metadata = {
        "name": name,
        "labels": {"workflows.argoproj.io/workflow": "etl", "workflows.argoproj.io/completed": "false"},
        "annotations": {"workflows.argoproj.io/node-id": "etl-2", "workflows.argoproj.io/node-name": "etl.step-2"},
        "ownerReferences": [owner],
    }
    container = {"name": "main", "image": "busybox", "resources": {"limits": {"memory": "1Gi"}}}
    cluster.plane.api.post(PODS.format(cluster.namespace), {"metadata": metadata, "spec": {"containers": [container]}})
    killed = {"exitCode": 137, "reason": "OOMKilled", "startedAt": None, "finishedAt": None}
    status = {
        "phase": "Failed",
        "containerStatuses": [
            {
                "name": "main",
                "image": "busybox",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": killed},
            }
        ],
    }
    cluster.plane.api.patch(f"{PODS.format(cluster.namespace)}/{name}/status", {"status": status})
    return name


def test_a_failure_and_its_outcome_are_notified_although_the_endpoint_failed_first(
    cluster: RemediationCluster,
) -> None:
    with webhook([503, 503]) as (url, received):
        secret = "c2VjcmV0LXRva2Vu"
        sinks = [{"name": "hook", "cloudEvents": {"url": f"{url}/{secret}"}}]
        cluster.apply_policy({**RESUBMIT, "notify": {"sinks": sinks}})
        operator = cluster.start()
        cluster.enforced()
        cluster.fail("etl", message="main: Error (exit code 3)")
        eventually(lambda: len(received), lambda current: current >= 3)
        first = received[0]
        assert {event["id"] for event in received} == {first["id"]}
        assert (first["specversion"], first["subject"]) == ("1.0", f"{cluster.namespace}/etl")
        assert first["type"] == "dev.wfreport.run.failed.v1"
        assert first["contentType"] == "application/cloudevents+json; charset=utf-8"
        assert "exit code 3" in json.dumps(first["data"])
        # the action did not wait for the endpoint
        new = eventually(lambda: [name for name in cluster.workflows() if name != "etl"])[0]
        cluster.end(new, "Succeeded")
        ended = eventually(lambda: [event for event in received if event["id"] != first["id"]])[0]
        assert ended["data"]["outcome"] == "RunSucceeded"
        notification = eventually(
            lambda: cluster.remediation_of("etl", "Notify"),
            lambda current: condition(current, "Succeeded")[1] == "Notified",
        )
        assert secret not in operator.log.read_text()
        assert secret not in json.dumps(notification["status"])


def test_why_a_dead_endpoint_gets_no_message_is_shown_by_remediation_report_and_show(
    cluster: RemediationCluster,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:passw0rd@127.0.0.1:{closed.getsockname()[1]}/hooks/tok3n"
        sinks = [{"name": "hook", "cloudEvents": {"url": url}}]
        cluster.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
        cluster.start()
        cluster.enforced()
        cluster.fail("etl")
        remediation = cluster.wait_for_remediation("etl", "Executed", ("Unknown", "SinkFailing"))
        message = "sink hook: ClientConnectorError: Connection refused; tried again for a day"
        assert message_of(remediation, "Executed") == message
        eventually(lambda: cluster.chain_of("etl").get("last", {}).get("outcome"), lambda now: now == "SinkFailing")
        report = cluster.report_of("etl")["metadata"]["name"]
        for name in (report, remediation["metadata"]["name"]):
            events = eventually(lambda: [e for e in cluster.events_about(name) if e["reason"] == "SinkFailing"])  # noqa: B023
            assert [(event["type"], message in event["message"]) for event in events] == [("Warning", True)]
        command = [*COMMAND, "show", "etl", "-n", cluster.namespace]
        env = os.environ | {"KUBECONFIG": str(cluster.plane.kubeconfig)}
        shown = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
        section = shown.partition("\nREMEDIATION\n")[2].partition("\n\n")[0]
        assert message in " ".join(section.split())
        for text in (shown, json.dumps([remediation["status"], cluster.events_about(report)])):
            assert "tok3n" not in text
            assert "passw0rd" not in text


def test_apprise_urls_come_only_from_a_secret_that_is_labelled_for_it(
    cluster: RemediationCluster, plane: ControlPlane
) -> None:
    with webhook([]) as (url, received):
        port = url.rpartition(":")[2]
        secrets = f"/api/v1/namespaces/{cluster.namespace}/secrets"
        text = f"# Slack and so on\njson://127.0.0.1:{port}/tok3n\n"
        for name, labels in (("meant", {"wfreport.dev/notify": "true"}), ("other", {})):
            plane.api.post(secrets, {"metadata": {"name": name, "labels": labels}, "stringData": {"urls": text}})
        sinks = [{"name": name, "apprise": {"secretName": name}} for name in ("meant", "other")]
        cluster.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
        operator = cluster.start()
        cluster.enforced()
        cluster.fail("etl")
        notification = cluster.wait_for_remediation("etl", "Executed", ("True",), action="Notify")
        assert len(received) == 1
        assert "etl failed" in received[0]["title"]
        assert "sent to 1 of 2 sinks" in notification["status"]["message"]
        assert "not labelled" in notification["status"]["message"]
        assert "tok3n" not in operator.log.read_text()


def test_a_url_that_reads_files_is_refused_and_the_remediation_names_the_argument(
    cluster: RemediationCluster, plane: ControlPlane, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text('{"content": "t0psecret"}')
    with webhook([]) as (url, received):
        text = f"{url.replace('http', 'json', 1)}/ok\ndiscord://1/tok3n?template={file}\n"
        metadata = {"name": "notify", "labels": {"wfreport.dev/notify": "true"}}
        body = {"metadata": metadata, "stringData": {"urls": text}}
        plane.api.post(f"/api/v1/namespaces/{cluster.namespace}/secrets", body)
        sinks: list[dict[str, Any]] = [
            {"name": "team", "apprise": {"secretName": "notify"}},
            {"name": "metadata", "cloudEvents": {"url": "http://169.254.169.254/latest/meta-data"}},
        ]
        cluster.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
        operator = cluster.start()
        cluster.enforced()
        cluster.fail("etl")
        notification = cluster.wait_for_remediation("etl", "Executed", ("False",), action="Notify")
        message = notification["status"]["message"]
        assert "sink team: Secret notify, key urls: URL 2: the argument template is not allowed" in message
        assert "sink metadata: 169.254.169.254 is a link-local address" in message
        assert received == []
        for text in (operator.log.read_text(), json.dumps(notification)):
            assert "tok3n" not in text
            assert "t0psecret" not in text


def test_an_endpoint_that_hangs_does_not_delay_the_end_of_the_operator(cluster: RemediationCluster) -> None:
    with hanging_endpoint() as port:
        sinks = [{"name": "hook", "cloudEvents": {"url": f"http://127.0.0.1:{port}/"}}]
        cluster.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
        operator = cluster.start()
        cluster.enforced()
        cluster.fail("etl")
        eventually(lambda: connections_to(port))
        operator.process.send_signal(signal.SIGTERM)
        # Less than the time that other work gets to finish, and than the delivery's own timeout.
        assert operator.process.wait(DRAIN_SECONDS - 1) == 0


def test_a_namespace_that_opted_out_is_left_alone(cluster: RemediationCluster) -> None:
    path = f"/api/v1/namespaces/{cluster.namespace}"
    cluster.plane.api.patch(path, {"metadata": {"annotations": {"wfreport.dev/no-remediation": "true"}}})
    cluster.apply_policy(RESUBMIT)
    cluster.start()
    cluster.enforced()
    cluster.fail("etl")
    eventually(lambda: cluster.policy()["status"]["counts"]["blocked"], lambda current: current == 1)
    assert cluster.workflows() == ["etl"]
