"""The other acts on a real API server, and what is never done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator import harness
from tests.live.remediation.endpoint import listening
from tests.live.remediation.world import OWN, RESUBMIT, Acting, condition, grant, message_of

from controlplane import ControlPlane
from wfreport.api.remediation import LockClass
from wfreport.core.snapshot.names import remediation_name
from wfreport.core.snapshot.pod_names import fnv1a32

pytestmark = pytest.mark.cluster
PODS = "/api/v1/namespaces/{}/pods"


def test_with_the_rights_to_report_only_nothing_is_changed_and_the_policy_says_why(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    grant(plane, namespace)
    with harness.cluster(plane, namespace, tmp_path) as cluster:
        acting = Acting(cluster)
        acting.apply_policy({**RESUBMIT, "labelPods": {}})
        acting.start()
        ready = ("False", "RightsMissing")
        policy = eventually(acting.policy, lambda seen: condition(seen, "Ready") == ready)
        message = message_of(policy, "Ready")
        assert "create workflows.argoproj.io" in message
        assert "manifests/components/remediate-label-pods, manifests/components/remediate-resubmit" in message
        acting.fail("etl")
        eventually(lambda: acting.policy()["status"]["counts"]["matched"], lambda seen: seen == 1)
        assert acting.remediations() == []
        assert acting.workflows() == ["etl"]
        reasons = [event["reason"] for event in cluster.events_about("p")]
        assert reasons == ["RightsMissing"]


def test_without_leader_election_no_policy_acts_and_each_says_so(acting: Acting) -> None:
    acting.apply_policy(RESUBMIT)
    acting.start(leader_election="false")
    policy = eventually(acting.policy, lambda seen: condition(seen, "Ready")[0] == "False")
    assert "WFREPORT_LEADER_ELECTION" in json.dumps(policy["status"]["conditions"])
    acting.fail("etl")
    eventually(lambda: acting.policy()["status"]["counts"]["matched"], lambda seen: seen == 1)
    assert acting.workflows() == ["etl"]


def test_a_policy_that_is_not_valid_says_which_field_and_what_to_do(acting: Acting) -> None:
    raised = {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"raiseMemory": {"max": "much"}}}
    acting.apply_policy(raised)
    acting.start()
    policy = eventually(acting.policy, lambda seen: condition(seen, "Ready") == ("False", "PolicyInvalid"))
    message = message_of(policy, "Ready")
    assert "spec.rules[0].action.raiseMemory.max" in message
    assert "'much'" in message


def test_a_remediation_made_by_hand_is_refused(acting: Acting) -> None:
    acting.apply_policy({"name": "never", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}})
    acting.start()
    acting.enforced()
    failed = acting.fail("etl")
    report = eventually(lambda: acting.cluster.report_of("etl"))
    body = {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "Remediation",
        "metadata": {"name": "mine", "namespace": acting.namespace},
        "spec": {
            "policyRef": {"name": "p", "uid": acting.policy()["metadata"]["uid"], "generation": 1},
            "reportRef": {"name": report["metadata"]["name"]},
            "target": {"name": "etl", "uid": failed["metadata"]["uid"], "startedAt": failed["status"]["startedAt"]},
            "rootName": "etl",
            "rootUid": failed["metadata"]["uid"],
            "rule": "never",
            "action": "Resubmit",
            "lockClass": "mutate",
            "attempt": 1,
            "reason": "ExitCode",
        },
    }
    path = OWN.format(acting.namespace, "remediations")
    acting.plane.api.post(path, body)
    refused = ("False", "SpecNotReproduced")
    eventually(lambda: condition(acting.plane.api.get(f"{path}/mine"), "Executed"), lambda seen: seen == refused)
    # under the name that it would have, but for another failure than there was
    right = _name_of(failed)
    acting.plane.api.post(path, {**body, "metadata": {"name": right, "namespace": acting.namespace}})
    eventually(lambda: condition(acting.plane.api.get(f"{path}/{right}"), "Executed"), lambda seen: seen == refused)
    assert acting.workflows() == ["etl"]


def _name_of(failed: dict[str, Any]) -> str:
    started = datetime.fromisoformat(failed["status"]["startedAt"])
    metadata = failed["metadata"]
    return remediation_name(metadata["name"], metadata["uid"], started, LockClass.MUTATE)


def test_a_dry_run_writes_down_what_it_would_do_and_locks_nothing(acting: Acting) -> None:
    acting.apply_policy(RESUBMIT, mode="DryRun")
    acting.start()
    eventually(lambda: condition(acting.policy(), "Ready")[0], lambda seen: seen == "True")
    acting.fail("etl")
    dry = eventually(lambda: acting.remediation_of("etl"), lambda seen: condition(seen, "Executed")[0] == "False")
    assert dry["metadata"]["name"].startswith("dry-etl-")
    assert condition(dry, "Executed") == ("False", "DryRun")
    assert dry["spec"]["plan"]["newName"].endswith("-r1")
    assert acting.workflows() == ["etl"]
    counts = eventually(lambda: acting.policy()["status"]["counts"], lambda seen: seen["proposed"] == 1)
    assert counts["executed"] == 0


def test_an_act_that_needs_approval_waits_for_it(acting: Acting) -> None:
    acting.apply_policy(RESUBMIT, mode="Approve")
    acting.start()
    acting.enforced()
    acting.fail("etl")
    asked = eventually(lambda: acting.remediation_of("etl"), lambda seen: bool(condition(seen, "Approved")[0]))
    assert condition(asked, "Approved") == ("Unknown", "ApprovalAwaited")
    assert acting.workflows() == ["etl"]
    path = f"{OWN.format(acting.namespace, 'remediations')}/{asked['metadata']['name']}/status"
    conditions = asked["status"]["conditions"]
    for each in conditions:
        if each["type"] == "Approved":
            each |= {"status": "True", "reason": "Approved", "message": "go ahead"}
    acting.plane.api.patch(path, {"status": {"conditions": conditions, "approvedBy": "ana"}})
    done = eventually(lambda: acting.remediation_of("etl"), lambda seen: condition(seen, "Executed")[0] == "True")
    assert done["status"]["approvedBy"] == "ana"
    assert len(acting.workflows()) == 2


def test_a_run_that_failed_before_the_policy_was_enforced_is_left_alone(acting: Acting) -> None:
    acting.fail("before")
    acting.apply_policy(RESUBMIT)
    acting.start()
    acting.enforced()
    acting.fail("after")
    eventually(lambda: acting.remediation_of("after"), lambda seen: condition(seen, "Executed")[0] == "True")
    assert [found["spec"]["target"]["name"] for found in acting.remediations()] == ["after"]


def test_a_cron_that_git_does_not_manage_is_suspended_and_one_that_it_does_is_not(acting: Acting) -> None:
    rule = {"name": "storm", "match": {}, "action": {"suspendCron": {}}}
    acting.apply_policy(rule)
    acting.start()
    acting.enforced()
    crons = f"/apis/argoproj.io/v1alpha1/namespaces/{acting.namespace}/cronworkflows"
    for name, labels in (("mine", {}), ("gits", {"argocd.argoproj.io/instance": "etl"})):
        spec = {"schedules": ["0 3 * * *"], "workflowSpec": {"entrypoint": "main"}}
        acting.plane.api.post(
            crons,
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "CronWorkflow",
                "metadata": {"name": name, "labels": labels},
                "spec": spec,
            },
        )
        acting.create(f"{name}-1")
        acting.plane.api.patch(
            f"/apis/argoproj.io/v1alpha1/namespaces/{acting.namespace}/workflows/{name}-1",
            {"metadata": {"labels": {"workflows.argoproj.io/cron-workflow": name}}},
        )
        acting.end(f"{name}-1", "Failed")
    eventually(lambda: acting.plane.api.get(f"{crons}/mine")["spec"].get("suspend"), lambda seen: seen is True)
    mine = eventually(lambda: acting.remediation_of("mine-1"), lambda seen: condition(seen, "Executed")[0] == "True")
    annotations = acting.plane.api.get(f"{crons}/mine")["metadata"]["annotations"]
    assert annotations["wfreport.dev/remediation-uid"] == mine["metadata"]["uid"]
    gits = eventually(lambda: acting.remediation_of("gits-1"), lambda seen: condition(seen, "Executed")[0] == "False")
    assert condition(gits, "Executed") == ("False", "NotPossible")
    assert gits["status"]["message"].startswith("ManagedByGit: ")
    assert "suspend" not in acting.plane.api.get(f"{crons}/gits")["spec"]


def test_a_run_that_takes_too_long_is_told_to_stop(acting: Acting) -> None:
    rule = {"name": "sla", "match": {}, "action": {"stop": {"afterSeconds": 60}}}
    acting.apply_policy(rule)
    acting.start()
    acting.enforced()
    acting.create("slow")
    acting.end("slow", "Running")
    eventually(lambda: acting.cluster.workflow("slow")["spec"].get("shutdown"), lambda seen: seen == "Stop")
    done = eventually(lambda: acting.remediation_of("slow"), lambda seen: condition(seen, "Executed")[0] == "True")
    assert condition(done, "Succeeded") == ("Unknown", "NoOutcome")


def test_a_failed_pod_is_labelled_while_the_run_goes_on_and_argos_labels_are_left_alone(acting: Acting) -> None:
    rule = {"name": "quarantine", "match": {}, "labelPods": {"labels": {"team.example.com/hold": "true"}}}
    acting.apply_policy(rule)
    acting.start()
    acting.enforced()
    made = acting.create("etl")
    now = datetime.now(UTC)
    acting.cluster.update_workflow("etl", phase="Running", done=1, started_at=now)
    eventually(lambda: acting.cluster.phase_of("etl"), lambda phase: phase == "Running")
    pod = _failed_pod(acting, made)
    acting.cluster.update_workflow("etl", phase="Running", done=3, failed=True, started_at=now)
    labels = eventually(
        lambda: acting.plane.api.get(f"{PODS.format(acting.namespace)}/{pod}")["metadata"]["labels"],
        lambda seen: "wfreport.dev/failure-class" in seen,
    )
    assert labels["wfreport.dev/failure-class"] == "OOMKilled"
    assert labels["team.example.com/hold"] == "true"
    assert labels["workflows.argoproj.io/completed"] == "false"
    report = eventually(
        lambda: acting.cluster.report_of("etl"),
        lambda seen: any("labelled" in f for f in seen["status"].get("failures", ())),
    )
    assert labels["wfreport.dev/report-name"] == report["metadata"]["name"]
    (labelled,) = [failure["labelled"] for failure in report["status"]["failures"]]
    assert "team.example.com/hold" in labelled
    assert acting.remediations() == []


def _failed_pod(acting: Acting, workflow: dict[str, Any]) -> str:
    """A pod of the third step, as the harness names it, that was OOM-killed."""
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
    acting.plane.api.post(PODS.format(acting.namespace), {"metadata": metadata, "spec": {"containers": [container]}})
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
    acting.plane.api.patch(f"{PODS.format(acting.namespace)}/{name}/status", {"status": status})
    return name


def test_people_are_told_of_a_failure_and_then_of_its_end_though_the_endpoint_failed_first(acting: Acting) -> None:
    with listening([503, 503]) as (url, received):
        secret = "c2VjcmV0LXRva2Vu"
        sinks = [{"name": "hook", "cloudEvents": {"url": f"{url}/{secret}"}}]
        acting.apply_policy({**RESUBMIT, "notify": {"sinks": sinks}})
        operator = acting.start()
        acting.enforced()
        acting.fail("etl", message="main: Error (exit code 3)")
        eventually(lambda: len(received), lambda seen: seen >= 3)
        first = received[0]
        assert {event["id"] for event in received} == {first["id"]}
        assert (first["specversion"], first["subject"]) == ("1.0", f"{acting.namespace}/etl")
        assert first["type"] == "dev.wfreport.run.failed.v1"
        assert first["contentType"] == "application/cloudevents+json; charset=utf-8"
        assert "exit code 3" in json.dumps(first["data"])
        # the act did not wait for the endpoint
        new = eventually(lambda: [name for name in acting.workflows() if name != "etl"])[0]
        acting.end(new, "Succeeded")
        ended = eventually(lambda: [event for event in received if event["id"] != first["id"]])[0]
        assert ended["data"]["outcome"] == "RunSucceeded"
        told = eventually(
            lambda: acting.remediation_of("etl", "Notify"), lambda seen: condition(seen, "Succeeded")[1] == "Notified"
        )
        assert secret not in operator.log.read_text()
        assert secret not in json.dumps(told["status"])


def test_apprise_urls_come_only_from_a_secret_that_is_labelled_for_it(acting: Acting, plane: ControlPlane) -> None:
    with listening([]) as (url, received):
        port = url.rpartition(":")[2]
        secrets = f"/api/v1/namespaces/{acting.namespace}/secrets"
        text = f"# Slack and so on\njson://127.0.0.1:{port}/tok3n\n"
        for name, labels in (("meant", {"wfreport.dev/notify": "true"}), ("other", {})):
            plane.api.post(secrets, {"metadata": {"name": name, "labels": labels}, "stringData": {"urls": text}})
        sinks = [{"name": name, "apprise": {"secretName": name}} for name in ("meant", "other")]
        acting.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
        operator = acting.start()
        acting.enforced()
        acting.fail("etl")
        told = eventually(
            lambda: acting.remediation_of("etl", "Notify"), lambda seen: condition(seen, "Executed")[0] == "True"
        )
        assert len(received) == 1
        assert "etl failed" in received[0]["title"]
        assert "sent to 1 of 2 sinks" in told["status"]["message"]
        assert "not labelled" in told["status"]["message"]
        assert "tok3n" not in operator.log.read_text()


def test_a_namespace_that_opted_out_is_left_alone(acting: Acting) -> None:
    path = f"/api/v1/namespaces/{acting.namespace}"
    acting.plane.api.patch(path, {"metadata": {"annotations": {"wfreport.dev/no-remediation": "true"}}})
    acting.apply_policy(RESUBMIT)
    acting.start()
    acting.enforced()
    acting.fail("etl")
    eventually(lambda: acting.policy()["status"]["counts"]["blocked"], lambda seen: seen == 1)
    assert acting.workflows() == ["etl"]
