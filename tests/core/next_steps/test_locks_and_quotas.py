"""Who holds a lock, and who uses a quota."""

from __future__ import annotations

import pytest
from tests.core.next_steps.runs import a_failed, a_failure, a_stalled, a_waiting, lines, sentences

from wfreport.api.classes import FailureClass
from wfreport.api.report import Waiting
from wfreport.core.next_steps.steps import next_steps

HOLDERS = (
    "NAME:.metadata.name,SEMAPHORE:.status.synchronization.semaphore.holding[*].semaphore,"
    "MUTEX:.status.synchronization.mutex.holding[*].mutex"
)
RUNNING = "-l workflows.argoproj.io/completed!=true -o custom-columns="


@pytest.mark.parametrize(
    ("message", "command", "text"),
    [
        ("lock m; held by each(0:1)", f"{RUNNING}{HOLDERS}", "which Workflow holds which lock"),
        ("Waiting for data/Mutex/m lock. Lock status: 0/1", f"{RUNNING}{HOLDERS}", "who holds it: the lines with m"),
        (
            "Waiting for ops/configmap/limits/gpu lock. Lock status: 0/2",
            f"--all-namespaces {RUNNING}NAMESPACE:.metadata.namespace,{HOLDERS}",
            "who holds it: the lines with limits/gpu",
        ),
    ],
)
def test_the_holders_of_a_lock_are_listed_unless_they_are_known(message: str, command: str, text: str) -> None:
    waits = next_steps(a_waiting(Waiting(reason="LockWait", display_name="e2e", message=message)))
    failed = next_steps(a_failed(a_failure(FailureClass.LOCK_WAIT, message)))
    for steps in (waits, failed):
        assert lines(steps)[0] == f"kubectl get workflows {command}"
        assert steps[0].text == text
        assert (steps[0].namespace == "") == ("--all-namespaces" in command)


@pytest.mark.parametrize("after", ["", ", data/third", " since 2026-11-20 08:00Z", "; the Workflow is being stopped"])
def test_a_holder_that_is_known_is_looked_at(after: str) -> None:
    wait = Waiting(
        reason="LockWait", message=f"Waiting for data/Mutex/m lock. Lock status: 0/1; held by data/other{after}"
    )
    assert lines(next_steps(a_waiting(wait)))[0] == "argo get other"


def test_the_limit_of_a_semaphore_is_a_key_of_its_configmap() -> None:
    message = "Waiting for data/ConfigMap/limits/template lock. Lock status: 0/2"
    steps = next_steps(a_waiting(Waiting(reason="LockWait", message=message)))
    assert "the key named template of the ConfigMap limits" in sentences(steps)


PODS = "kubectl get pods --field-selector=status.phase!=Succeeded,status.phase!=Failed"
COLUMNS = " -o custom-columns=NAME:.metadata.name,STATUS:.status.phase"


@pytest.mark.parametrize(
    ("requested", "command"),
    [
        (
            "requests.nvidia.com/gpu=1",
            f"{PODS}{COLUMNS},requests.nvidia.com/gpu:.spec.containers[*].resources.requests.nvidia\\.com/gpu",
        ),
        ("memory=4Gi", f"{PODS}{COLUMNS},memory:.spec.containers[*].resources.requests.memory"),
        (
            "limits.cpu=2,limits.memory=4Gi",
            (
                f"{PODS}{COLUMNS},limits.cpu:.spec.containers[*].resources.limits.cpu,"
                "limits.memory:.spec.containers[*].resources.limits.memory"
            ),
        ),
        ("pods=1", PODS),
        ("count/pods=1", PODS),
        ("requests.storage=1Gi", "kubectl get pvc"),
        ("persistentvolumeclaims=1", "kubectl get pvc"),
        ("gold.storageclass.storage.k8s.io/requests.storage=1Gi", "kubectl get pvc"),
        ("count/jobs.batch=1", None),
    ],
)
def test_who_uses_what_is_exhausted_is_listed(requested: str, command: str | None) -> None:
    message = f"exceeded quota: q, requested: {requested}, used: x, limited: y"
    failure = a_failure(FailureClass.QUOTA_EXCEEDED, message, retryable=True)
    shown = lines(next_steps(a_failed(failure)))
    assert shown[0] == "kubectl describe quota q"
    assert [line for line in shown if line.startswith("kubectl get")] == ([command] if command else [])
    assert ("argo list --running" in shown) == (command != "kubectl get pvc")
    assert shown[-1] == "argo retry wf"


def test_the_parallelism_that_daemons_use_up_is_to_be_raised() -> None:
    message = "daemons use up the Workflow's parallelism of 2, so no other step can start: db, cache"
    steps = next_steps(a_stalled("NothingScheduled", message))
    assert steps[0].text == "Raise spec.parallelism above the number of daemons: Argo counts their pods as well."
    assert not any("restart" in line or "resubmit" in line for line in lines(steps)), "that runs the old spec"
    assert steps[-1].text.startswith("Then submit the corrected Workflow")
    assert any("restart" in line for line in lines(next_steps(a_stalled("NothingScheduled", "no step runs"))))
