"""Policies act on failed runs of the real Argo controller."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator import harness
from tests.live.operator.harness import WORKFLOWS, condition
from tests.live.remediation.harness import (
    ARGO,
    LONG_SECONDS,
    RemediationCluster,
    argo_marks,
    memory_limit_of,
    phases,
    pods_of,
    pods_without,
    run,
    run_by_reference,
    simulated_pod,
    wait_for_ends,
)
from tests.live.remediation.test_hung_runs_live import HELD, end_labelled
from tests.live.remediation.webhook import webhook
from tests.remediation.documents import RESUBMIT

pytestmark = argo_marks(900)
BEFORE = "FailedBeforeEnforced"

POLICY: list[dict[str, Any]] = [
    {"name": "poison", "match": {"exitCodes": {"operator": "In", "values": [42]}}, "action": {"none": {}}},
    {
        "name": "oom",
        "match": {"classes": ["OOMKilled"]},
        "action": {
            "raiseMemory": {
                "factor": "1.5",
                "max": "4Gi",
                "parameters": [{"name": "code", "value": "0"}, {"name": "reason", "value": "Completed"}],
            }
        },
    },
    {
        "name": "infra",
        "match": {"owners": ["Infrastructure"]},
        "action": {"resubmit": {"parameters": [{"name": "code", "value": "0"}, {"name": "pod", "value": ""}]}},
    },
    {"name": "quarantine", "match": {"exitCodes": {"operator": "In", "values": [7]}}, "labelPods": {}},
    RESUBMIT,
]


def test_each_class_of_failure_gets_its_action_and_the_records_show_whether_it_helped(
    cluster: RemediationCluster,
) -> None:
    cluster.apply_policy(*POLICY)
    cluster.start()
    cluster.enforced()
    keep = {"strategy": "OnWorkflowCompletion", "labelSelector": pods_without("wfreport.dev/failure-class")}
    run(cluster, "kept", code="7", podGC=keep, podMetadata=HELD)
    end_labelled(cluster, "kept")
    run(cluster, "oom", code="137", reason="OOMKilled")
    run(cluster, "evicted", code="137", pod="Evicted")
    run(cluster, "poison", code="42")

    oom = cluster.wait_until_helped("oom")
    new = oom["status"]["resultRef"]["name"]
    assert oom["spec"]["plan"]["after"]["spec.templates[work].resources[main].limits.memory"] == "1536Mi"
    (pod,) = pods_of(cluster, new)
    assert memory_limit_of(pod) == "1536Mi"
    eventually(lambda: cluster.chain_of("oom").get("chain"), lambda current: current == ["oom", new])

    evicted = cluster.wait_until_helped("evicted")
    assert evicted["spec"]["countsTowardLimit"] is False
    assert evicted["spec"]["reason"] == "Evicted"

    kept = eventually(
        lambda: cluster.report_of("kept"),
        lambda current: any("labelled" in failure for failure in current["status"].get("failures", [])),
        timeout_seconds=LONG_SECONDS,
    )
    eventually(lambda: harness.observed(cluster.report_of("poison")).get("phase"), lambda current: current == "Failed")
    acted_on = {each["spec"]["target"]["name"] for each in cluster.remediations()}
    assert acted_on == {"oom", "evicted"}
    (failed,) = pods_of(cluster, "kept")
    assert failed["metadata"]["labels"]["wfreport.dev/report-name"] == kept["metadata"]["name"]


def test_a_run_that_a_person_stopped_is_held(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT)
    cluster.start()
    cluster.enforced()
    run(cluster, "stopped", code="0", suspend=True)
    path = f"{WORKFLOWS.format(cluster.namespace)}/stopped"
    eventually(lambda: cluster.plane.api.get(path).get("status", {}).get("phase"), timeout_seconds=60)
    cluster.plane.api.patch(path, {"spec": {"shutdown": "Stop", "suspend": None}})
    eventually(
        lambda: harness.observed(cluster.report_of("stopped")).get("phase"),
        lambda current: current == "Failed",
        timeout_seconds=LONG_SECONDS,
    )
    eventually(
        lambda: cluster.policy()["status"]["counts"]["blocked"], lambda current: current == 1, timeout_seconds=60
    )
    assert cluster.workflows() == ["stopped"]


def test_memory_is_raised_in_a_run_of_a_workflow_template_and_the_template_is_not_touched(
    cluster: RemediationCluster,
) -> None:
    cluster.apply_policy(*POLICY)
    cluster.start()
    cluster.enforced()
    template = run_by_reference(cluster, "by-ref", "etl")
    done = cluster.wait_until_helped("by-ref")
    assert done["spec"]["plan"]["after"]["spec.workflowTemplateRef"] == "inlined"
    (pod,) = pods_of(cluster, done["status"]["resultRef"]["name"])
    assert memory_limit_of(pod) == "1536Mi"
    assert cluster.plane.api.get(f"{ARGO.format(cluster.namespace, 'workflowtemplates')}/etl") == template


def test_memory_is_raised_in_a_task_that_is_written_inline(cluster: RemediationCluster) -> None:
    cluster.apply_policy(*POLICY)
    cluster.start()
    cluster.enforced()
    task = {"name": "work", "inline": simulated_pod()}
    run(cluster, "inline", code="137", reason="OOMKilled", templates=[{"name": "main", "dag": {"tasks": [task]}}])
    done = cluster.wait_until_helped("inline")
    raised = "spec.templates[main].tasks[work].inline.resources[main].limits.memory"
    assert done["spec"]["plan"]["after"][raised] == "1536Mi"
    (pod,) = pods_of(cluster, done["status"]["resultRef"]["name"])
    assert memory_limit_of(pod) == "1536Mi"


def test_a_run_is_retried_in_place_by_argo_server_and_its_record_says_how_that_ended(
    cluster: RemediationCluster,
) -> None:
    cluster.apply_policy(
        {"name": "again", "match": {}, "action": {"retry": {"parameters": [{"name": "code", "value": "0"}]}}}
    )
    cluster.start(argo_server_url=cluster.plane.argo_server_url)
    cluster.enforced()
    run(cluster, "etl", code="3")
    done = cluster.wait_until_helped("etl")
    assert condition(done, "Executed") == ("True", "Executed")
    assert cluster.workflows() == ["etl"]
    report = cluster.report_of("etl")
    assert harness.observed(report)["phase"] == "Succeeded"
    assert [earlier["phase"] for earlier in report["status"]["runs"]] == ["Failed"]


@pytest.mark.parametrize("strategy", ["OnWorkflowCompletion", "OnPodCompletion"])
def test_failed_pods_that_are_labelled_in_time_are_kept(cluster: RemediationCluster, strategy: str) -> None:
    """Argo decides once, when it notices a failed pod; here that is after the pod was labelled, on any machine."""
    cluster.apply_policy({"name": "quarantine", "match": {}, "labelPods": {}})
    cluster.start(coalesce_seconds=0.2)
    cluster.enforced()
    keep = pods_without("wfreport.dev/failure-class")
    collected = {"strategy": strategy, "labelSelector": keep, "deleteDelayDuration": "5s"}
    names = [f"wf-{number}" for number in range(5)]
    for name in names:
        run(cluster, name, code="7", podGC=collected, podMetadata=HELD)
    end_labelled(cluster, *names)
    for name in names:
        eventually(partial(cluster.phase_of, name), lambda phase: phase == "Failed", timeout_seconds=LONG_SECONDS)
    # once the pod of this last Workflow is deleted, the delay has passed for all pods before it
    run(cluster, "mark", code="0", podGC={"strategy": strategy, "deleteDelayDuration": "6s"})
    eventually(
        lambda: (
            cluster.plane.api.get(f"{WORKFLOWS.format(cluster.namespace)}/mark").get("status", {}).get("finishedAt")
        ),
        timeout_seconds=LONG_SECONDS,
    )
    eventually(lambda: not pods_of(cluster, "mark"), timeout_seconds=60)
    kept = sum(bool(pods_of(cluster, name)) for name in names)
    assert kept == len(names)


KILLED_AFTER_CREATING = """
from wfreport.kube.resource import Resource

create = Resource.create

async def create_and_die(self, namespace, document):
    import os
    created = await create(self, namespace, document)
    if document["kind"] == "Workflow":
        os.kill(os.getpid(), 9)
    return created

Resource.create = create_and_die
"""


def test_a_replica_that_dies_right_after_the_action_leaves_a_trace_that_the_other_finds(
    cluster: RemediationCluster,
) -> None:
    cluster.apply_policy(
        {"name": "again", "match": {}, "action": {"resubmit": {"parameters": [{"name": "code", "value": "0"}]}}}
    )
    first = cluster.start(KILLED_AFTER_CREATING)
    cluster.enforced()
    cluster.start()
    run(cluster, "etl", code="3")
    eventually(first.process.poll, lambda code: code == -9, timeout_seconds=LONG_SECONDS)
    done = cluster.wait_until_helped("etl")
    assert condition(done, "Executed") == ("True", "AlreadyDone")
    assert len(cluster.workflows()) == 2


def test_a_cron_that_fails_three_times_in_a_row_is_suspended_once(cluster: RemediationCluster) -> None:
    cluster.create_cron("nightly")
    match = {"consecutiveFailures": {"atLeast": 3, "of": "CronWorkflow"}}
    breaker = {"failurePercentAtMost": 100}
    cluster.apply_policy({"name": "storm", "match": match, "action": {"suspendCron": {}}}, circuitBreaker=breaker)
    cluster.start()
    cluster.enforced()

    # a success in between: two failures and two are not four in a row
    for number, code in enumerate(["1", "1", "0", "1", "1", "1", "1"], start=1):
        run(cluster, f"nightly-{number}", code=code, labels={"workflows.argoproj.io/cron-workflow": "nightly"})
        wait_for_ends(cluster, number)
        if number == 6:
            eventually(lambda: cluster.is_suspended("nightly"), timeout_seconds=LONG_SECONDS)
    eventually(
        lambda: cluster.policy()["status"]["counts"]["blocked"], lambda current: current == 1, timeout_seconds=60
    )
    (remediation,) = cluster.remediations()
    assert condition(remediation, "Executed")[0] == "True"
    assert remediation["spec"]["target"]["name"] == "nightly-6", "neither earlier nor again"


def actions(cluster: RemediationCluster) -> list[dict[str, Any]]:
    """Return all Remediations except notifications."""
    return [each for each in cluster.remediations() if each["spec"]["action"] != "Notify"]


def subjects_of(received: list[dict[str, Any]]) -> set[str]:
    """Return what the received messages are about."""
    return {event["subject"] for event in received}


def test_the_breaker_opens_when_half_of_forty_runs_fail_at_once_and_only_notifies_and_then_tries_one(
    cluster: RemediationCluster,
) -> None:
    breaker = {"failurePercentAtMost": 40, "minRuns": 10, "windowSeconds": 60, "cooldownSeconds": 30}
    with webhook([]) as (url, received):
        notify = {"sinks": [{"name": "hook", "cloudEvents": {"url": url}}]}
        cluster.apply_policy({**RESUBMIT, "delaySeconds": 40, "notify": notify}, circuitBreaker=breaker)
        cluster.start()
        cluster.enforced()
        for number in range(40):
            run(cluster, f"run-{number}", code=str(number % 2))
        wait_for_ends(cluster, 40)
        assert phases(cluster).count("Failed") == 20
        first_end = min(harness.observed(report)["finishedAt"] for report in cluster.reports())
        policy = eventually(cluster.policy, lambda current: condition(current, "BreakerOpen")[0] == "True")
        assert condition(policy, "RemediationAllowed") == ("False", "TooManyFailures")
        failed = {f"{cluster.namespace}/run-{number}" for number in range(1, 40, 2)}
        subjects = partial(subjects_of, received)
        eventually(subjects, lambda current: current == failed, timeout_seconds=LONG_SECONDS)
        (tried,) = eventually(partial(actions, cluster), timeout_seconds=LONG_SECONDS)
        created_at = datetime.fromisoformat(tried["metadata"]["creationTimestamp"])
        closed_for = timedelta(seconds=breaker["windowSeconds"] + breaker["cooldownSeconds"])
        assert created_at - datetime.fromisoformat(first_end) >= closed_for, "sooner, a run would be acted on by itself"
        name = tried["spec"]["target"]["name"]
        eventually(
            lambda: condition(cluster.remediation_of(name, "Resubmit"), "Succeeded"),
            lambda current: current == ("False", "RunFailed"),
            timeout_seconds=LONG_SECONDS,
        )
        assert len(actions(cluster)) == 1
        # the trial failed as well, and the follow-up of the run that it was for reports that
        own = f"{cluster.namespace}/{name}"
        eventually(
            lambda: [event["data"].get("outcome") for event in received if event["subject"] == own],
            lambda current: "RunFailed" in current,
            timeout_seconds=LONG_SECONDS,
        )


def test_a_run_that_failed_before_enforce_was_switched_on_is_left_alone_also_after_a_restart(
    cluster: RemediationCluster,
) -> None:
    rule = {"name": "again", "match": {}, "action": {"resubmit": {"parameters": [{"name": "code", "value": "0"}]}}}
    cluster.apply_policy(rule, mode="DryRun")
    operator = cluster.start()
    run(cluster, "before", code="3")
    proposed = eventually(lambda: cluster.remediation_of("before"), timeout_seconds=LONG_SECONDS)
    assert proposed["metadata"]["name"].startswith("dry-before-")
    cluster.apply_policy(rule)
    cluster.enforced()

    def is_helped(name: str) -> None:
        run(cluster, name, code="3")
        eventually(
            lambda: condition(cluster.remediation_of(name), "Succeeded"),
            lambda current: current == ("True", "RunSucceeded"),
            timeout_seconds=LONG_SECONDS,
        )

    eventually(lambda: cluster.chain_of("before").get("held", {}).get("reason"), lambda current: current == BEFORE)
    is_helped("after")
    operator.stop()
    restarted = cluster.start()
    eventually(
        lambda: restarted.metric("wfreport_decisions_total", lock="mutate", reason=BEFORE), lambda current: current == 1
    )
    is_helped("later")
    assert cluster.chain_of("before")["held"]["reason"] == BEFORE
    done = {
        each["spec"]["target"]["name"] for each in cluster.remediations() if condition(each, "Executed")[0] == "True"
    }
    assert done == {"after", "later"}
    assert len(cluster.workflows()) == 5, "three that failed, and two resubmissions"
