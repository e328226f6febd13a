"""With the real Argo controller: what policies make of runs that fail, and whether it helps."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator import harness
from tests.live.remediation.endpoint import listening
from tests.live.remediation.world import (
    LONG_SECONDS,
    RESUBMIT,
    TEMPLATES,
    Acting,
    condition,
    phases,
    pods_of,
    run,
    run_by_reference,
    wait_for_ends,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.argo,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("argo_plane"),
]
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
BEFORE = "FailedBeforeEnforced"
CRONS = "/apis/argoproj.io/v1alpha1/namespaces/{}/cronworkflows"

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


def test_runs_are_remedied_by_what_failed_them_and_the_records_say_whether_it_helped(acting: Acting) -> None:
    acting.apply_policy(*POLICY)
    acting.start()
    acting.enforced()
    run(acting, "oom", code="137", reason="OOMKilled")
    run(acting, "evicted", code="137", pod="Evicted")
    run(acting, "poison", code="42")
    keep = {"matchExpressions": [{"key": "wfreport.dev/failure-class", "operator": "DoesNotExist"}]}
    run(acting, "kept", code="7", podGC={"strategy": "OnWorkflowCompletion", "labelSelector": keep})

    helped = ("True", "RunSucceeded")
    oom = eventually(
        lambda: acting.remediation_of("oom"),
        lambda seen: condition(seen, "Succeeded") == helped,
        timeout_seconds=LONG_SECONDS,
    )
    new = oom["status"]["resultRef"]["name"]
    assert oom["spec"]["plan"]["after"]["spec.templates[work].resources[main].limits.memory"] == "1536Mi"
    (pod,) = pods_of(acting, new)
    (main,) = [found for found in pod["spec"]["containers"] if found["name"] == "main"]
    assert main["resources"]["limits"]["memory"] == "1536Mi"
    assert acting.chain_of("oom")["chain"] == ["oom", new]

    evicted = eventually(
        lambda: acting.remediation_of("evicted"),
        lambda seen: condition(seen, "Succeeded") == helped,
        timeout_seconds=LONG_SECONDS,
    )
    assert evicted["spec"]["countsTowardLimit"] is False
    assert evicted["spec"]["reason"] == "Evicted"

    kept = eventually(
        lambda: acting.cluster.report_of("kept"),
        lambda seen: any("labelled" in failure for failure in seen["status"].get("failures", [])),
        timeout_seconds=LONG_SECONDS,
    )
    eventually(lambda: harness.observed(acting.cluster.report_of("poison")).get("phase"), lambda seen: seen == "Failed")
    acted_on = {found["spec"]["target"]["name"] for found in acting.remediations()}
    assert acted_on == {"oom", "evicted"}
    (failed,) = pods_of(acting, "kept")
    assert failed["metadata"]["labels"]["wfreport.dev/report-name"] == kept["metadata"]["name"]


def test_what_a_person_stopped_is_left_alone(acting: Acting) -> None:
    acting.apply_policy(RESUBMIT)
    acting.start()
    acting.enforced()
    run(acting, "stopped", code="0", suspend=True)
    path = f"{WORKFLOWS.format(acting.namespace)}/stopped"
    eventually(lambda: acting.plane.api.get(path).get("status", {}).get("phase"), timeout_seconds=60)
    acting.plane.api.patch(path, {"spec": {"shutdown": "Stop", "suspend": None}})
    eventually(
        lambda: harness.observed(acting.cluster.report_of("stopped")).get("phase"),
        lambda seen: seen == "Failed",
        timeout_seconds=LONG_SECONDS,
    )
    eventually(lambda: acting.policy()["status"]["counts"]["blocked"], lambda seen: seen == 1, timeout_seconds=60)
    assert acting.workflows() == ["stopped"]


def test_memory_is_raised_in_a_run_of_a_workflow_template_and_the_template_is_not_touched(acting: Acting) -> None:
    acting.apply_policy(*POLICY)
    acting.start()
    acting.enforced()
    template = run_by_reference(acting, "by-ref", "etl")
    done = eventually(
        lambda: acting.remediation_of("by-ref"),
        lambda seen: condition(seen, "Succeeded") == ("True", "RunSucceeded"),
        timeout_seconds=LONG_SECONDS,
    )
    assert done["spec"]["plan"]["after"]["spec.workflowTemplateRef"] == "inlined"
    (pod,) = pods_of(acting, done["status"]["resultRef"]["name"])
    (main,) = [found for found in pod["spec"]["containers"] if found["name"] == "main"]
    assert main["resources"]["limits"]["memory"] == "1536Mi"
    assert acting.plane.api.get(f"{TEMPLATES.format(acting.namespace)}/etl") == template


def test_memory_is_raised_in_a_task_that_is_written_inline(acting: Acting) -> None:
    acting.apply_policy(*POLICY)
    acting.start()
    acting.enforced()
    path = WORKFLOWS.format(acting.namespace)
    played = {"exit-code": "code", "reason": "reason"}
    annotations = {f"sim.wfreport.dev/{key}": f"{{{{workflow.parameters.{value}}}}}" for key, value in played.items()}
    container = {"image": "busybox", "command": ["true"], "resources": {"limits": {"memory": "1Gi"}}}
    task = {"name": "work", "inline": {"metadata": {"annotations": annotations}, "container": container}}
    given = {"code": "137", "reason": "OOMKilled"}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "inline", "labels": {"team": "data"}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": key, "value": value} for key, value in given.items()]},
            "templates": [{"name": "main", "dag": {"tasks": [task]}}],
        },
    }
    acting.plane.api.post(path, body)
    done = eventually(
        lambda: acting.remediation_of("inline"),
        lambda seen: condition(seen, "Succeeded") == ("True", "RunSucceeded"),
        timeout_seconds=LONG_SECONDS,
    )
    raised = "spec.templates[main].tasks[work].inline.resources[main].limits.memory"
    assert done["spec"]["plan"]["after"][raised] == "1536Mi"
    (pod,) = pods_of(acting, done["status"]["resultRef"]["name"])
    (main,) = [found for found in pod["spec"]["containers"] if found["name"] == "main"]
    assert main["resources"]["limits"]["memory"] == "1536Mi"


def test_a_run_is_retried_in_place_by_argo_server_and_its_record_says_how_that_ended(acting: Acting) -> None:
    acting.apply_policy(
        {"name": "again", "match": {}, "action": {"retry": {"parameters": [{"name": "code", "value": "0"}]}}}
    )
    acting.start(argo_server_url=acting.plane.argo_server_url)
    acting.enforced()
    run(acting, "etl", code="3")
    done = eventually(
        lambda: acting.remediation_of("etl"),
        lambda seen: condition(seen, "Succeeded") == ("True", "RunSucceeded"),
        timeout_seconds=LONG_SECONDS,
    )
    assert condition(done, "Executed") == ("True", "Executed")
    assert acting.workflows() == ["etl"]
    report = acting.cluster.report_of("etl")
    assert harness.observed(report)["phase"] == "Succeeded"
    assert [earlier["phase"] for earlier in report["status"]["runs"]] == ["Failed"]


@pytest.mark.parametrize("strategy", ["OnWorkflowCompletion", "OnPodCompletion"])
def test_failed_pods_that_are_labelled_in_time_are_kept(acting: Acting, strategy: str) -> None:
    """OnWorkflowCompletion keeps all of them; with OnPodCompletion Argo may decide first, and the rate is printed."""
    acting.apply_policy({"name": "quarantine", "match": {}, "labelPods": {}})
    acting.start(coalesce_seconds=0.2)
    acting.enforced()
    keep = {"matchExpressions": [{"key": "wfreport.dev/failure-class", "operator": "DoesNotExist"}]}
    names = [f"wf-{number}" for number in range(5)]
    for name in names:
        run(acting, name, code="7", podGC={"strategy": strategy, "labelSelector": keep, "deleteDelayDuration": "5s"})
    for name in names:
        eventually(
            partial(acting.cluster.phase_of, name), lambda phase: phase == "Failed", timeout_seconds=LONG_SECONDS
        )
    # a pod that is to go is gone after the delay; one that succeeds marks when that is over for all before it
    run(acting, "mark", code="0", podGC={"strategy": strategy, "deleteDelayDuration": "6s"})
    eventually(
        lambda: acting.plane.api.get(f"{WORKFLOWS.format(acting.namespace)}/mark").get("status", {}).get("finishedAt"),
        timeout_seconds=LONG_SECONDS,
    )
    eventually(lambda: not pods_of(acting, "mark"), timeout_seconds=60)
    kept = sum(bool(pods_of(acting, name)) for name in names)
    print(f"{strategy}: {kept} of {len(names)} failed pods were kept")
    if strategy == "OnWorkflowCompletion":
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


def test_a_replica_that_dies_right_after_the_act_leaves_it_to_the_other_to_find_out(acting: Acting) -> None:
    acting.apply_policy(
        {"name": "again", "match": {}, "action": {"resubmit": {"parameters": [{"name": "code", "value": "0"}]}}}
    )
    first = acting.start(KILLED_AFTER_CREATING)
    acting.enforced()
    acting.start()
    run(acting, "etl", code="3")
    eventually(first.process.poll, lambda code: code == -9, timeout_seconds=LONG_SECONDS)
    done = eventually(
        lambda: acting.remediation_of("etl"),
        lambda seen: condition(seen, "Succeeded") == ("True", "RunSucceeded"),
        timeout_seconds=LONG_SECONDS,
    )
    assert condition(done, "Executed") == ("True", "AlreadyDone")
    assert len(acting.workflows()) == 2


def test_a_cron_that_fails_three_times_in_a_row_is_suspended_once(acting: Acting) -> None:
    template = {"name": "main", "container": {"image": "busybox"}}
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 0 1 1 *"], "workflowSpec": {"entrypoint": "main", "templates": [template]}},
    }
    path = CRONS.format(acting.namespace)
    acting.plane.api.post(path, cron)
    match = {"consecutiveFailures": {"atLeast": 3, "of": "CronWorkflow"}}
    breaker = {"failurePercentAtMost": 100}
    acting.apply_policy({"name": "storm", "match": match, "action": {"suspendCron": {}}}, circuitBreaker=breaker)
    acting.start()
    acting.enforced()

    def is_suspended() -> bool:
        return bool(acting.plane.api.get(f"{path}/nightly")["spec"].get("suspend"))

    # a success between them: two and two are not four in a row
    for number, code in enumerate(["1", "1", "0", "1", "1", "1", "1"], start=1):
        run(acting, f"nightly-{number}", code=code, labels={"workflows.argoproj.io/cron-workflow": "nightly"})
        wait_for_ends(acting, number)
        if number == 6:
            eventually(is_suspended, timeout_seconds=LONG_SECONDS)
    eventually(lambda: acting.policy()["status"]["counts"]["blocked"], lambda seen: seen == 1, timeout_seconds=60)
    (remediation,) = acting.remediations()
    assert condition(remediation, "Executed")[0] == "True"
    assert remediation["spec"]["target"]["name"] == "nightly-6", "neither earlier nor again"


def remedies(acting: Acting) -> list[dict[str, Any]]:
    """All Remediations but those that tell people."""
    return [found for found in acting.remediations() if found["spec"]["action"] != "Notify"]


def test_the_breaker_opens_when_half_of_forty_runs_fail_at_once_and_only_notifies_and_then_tries_one(
    acting: Acting,
) -> None:
    breaker = {"failurePercentAtMost": 40, "minRuns": 10, "windowSeconds": 60, "cooldownSeconds": 30}
    with listening([]) as (url, received):
        notify = {"sinks": [{"name": "hook", "cloudEvents": {"url": url}}]}
        acting.apply_policy({**RESUBMIT, "delaySeconds": 40, "notify": notify}, circuitBreaker=breaker)
        acting.start()
        for number in range(40):
            run(acting, f"run-{number}", code=str(number % 2))
        wait_for_ends(acting, 40)
        assert phases(acting).count("Failed") == 20
        eventually(lambda: condition(acting.policy(), "BreakerOpen")[0], lambda seen: seen == "True")
        told = {f"{acting.namespace}/run-{number}" for number in range(1, 40, 2)}
        eventually(lambda: {event["subject"] for event in received}, lambda seen: seen == told)
        assert remedies(acting) == []
        assert condition(acting.policy(), "RemediationAllowed") == ("False", "TooManyFailures")
        (tried,) = eventually(partial(remedies, acting), timeout_seconds=LONG_SECONDS)
        name = tried["spec"]["target"]["name"]
        eventually(
            lambda: condition(acting.remediation_of(name, "Resubmit"), "Succeeded"),
            lambda seen: seen == ("False", "RunFailed"),
            timeout_seconds=LONG_SECONDS,
        )
        assert len(remedies(acting)) == 1
        # the run that was tried failed as well, and of the one that it was tried for is told how that ended
        own = f"{acting.namespace}/{name}"
        eventually(
            lambda: [event["data"].get("outcome") for event in received if event["subject"] == own],
            lambda seen: "RunFailed" in seen,
        )


def test_a_run_that_failed_before_enforce_was_switched_on_is_left_alone_also_after_a_restart(acting: Acting) -> None:
    rule = {"name": "again", "match": {}, "action": {"resubmit": {"parameters": [{"name": "code", "value": "0"}]}}}
    acting.apply_policy(rule, mode="DryRun")
    operator = acting.start()
    run(acting, "before", code="3")
    proposed = eventually(lambda: acting.remediation_of("before"), timeout_seconds=LONG_SECONDS)
    assert proposed["metadata"]["name"].startswith("dry-before-")
    acting.apply_policy(rule)
    acting.enforced()

    def is_helped(name: str) -> None:
        run(acting, name, code="3")
        eventually(
            lambda: condition(acting.remediation_of(name), "Succeeded"),
            lambda seen: seen == ("True", "RunSucceeded"),
            timeout_seconds=LONG_SECONDS,
        )

    eventually(lambda: acting.chain_of("before").get("held", {}).get("reason"), lambda seen: seen == BEFORE)
    is_helped("after")
    operator.stop()
    restarted = acting.start()
    eventually(
        lambda: restarted.metric("wfreport_decisions_total", lock="mutate", reason=BEFORE), lambda seen: seen == 1
    )
    is_helped("later")
    assert acting.chain_of("before")["held"]["reason"] == BEFORE
    done = {
        found["spec"]["target"]["name"] for found in acting.remediations() if condition(found, "Executed")[0] == "True"
    }
    assert done == {"after", "later"}
    assert len(acting.workflows()) == 5, "three that failed, and two resubmissions"
