"""Runs that people reported in public: their reports have the class, the owner and the words that a person expects."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from wfreport.api.argo import MAIN_CONTAINER, NodeType
from wfreport.api.classes import FailureClass, Role
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_names import pod_name

FOLDER = Path(__file__).parents[1] / "field"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())
LOGS: dict[str, str] = yaml.load((FOLDER / "logs.yaml").read_bytes(), yaml.CSafeLoader)


def _items(name: str) -> list[dict[str, Any]]:
    path = FOLDER / name
    items: list[dict[str, Any]] = json.loads(path.read_text())["items"] if path.exists() else []
    return items


@functools.cache
def report_of(name: str) -> WorkflowReport:
    """Return the report of a run, with the pods, Events and logs that the person had."""
    events = [decode_event(event) for event in _items(f"{name}-events.json")]
    evidence = {}
    for pod in map(decode_pod, _items(f"{name}-pods.json")):
        own = tuple(event for event in events if event.involved_object.name == pod.metadata.name)
        evidence[pod.metadata.name] = PodEvidence(pod, own)
    snapshot = decode_workflow(yaml.load((FOLDER / f"{name}.yaml").read_bytes(), yaml.CSafeLoader))
    for node in (node for node in snapshot.nodes.values() if name in LOGS and node.type == NodeType.POD):
        evidence[pod_name(snapshot.workflow, node) or ""] = PodEvidence(
            logs={MAIN_CONTAINER: LOGS[name]}, is_archived=True
        )
    return WorkflowReport.model_validate(compute_report(snapshot, evidence))


def of_state(state: str) -> list[str]:
    return [name for name, expected in EXPECTED.items() if expected["state"] == state]


@pytest.mark.parametrize("name", of_state("finished"))
def test_the_leading_failure_is_the_one_that_a_person_names(name: str) -> None:
    status, expected = report_of(name).status, EXPECTED[name]
    assert status is not None
    if not expected["classes"]:
        assert status.failure_class is None
        return
    assert status.failure_class in expected["classes"]
    lead = (status.failures or [])[0]
    assert lead.owner in expected["owners"]
    assert expected["retryable"] in {None, lead.retryable}
    assert expected["rootDisplayName"] in {None, lead.display_name}
    assert expected["exitCode"] in {None, lead.exit_code}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_report_has_the_words_that_a_person_needs(name: str) -> None:
    status = report_of(name).status
    assert status is not None
    listed = [*(status.failures or ()), *(status.warnings or ()), *(status.waiting or ())]
    texts = [status.summary or "", *(text for entry in listed for text in entry.dump().values())]
    shown = "\n".join(str(text) for text in texts)
    assert [words for words in EXPECTED[name]["words"] if not re.search(words, shown)] == []


def test_the_summary_of_an_agent_that_was_evicted_names_the_agent() -> None:
    status = report_of("18-agent-evicted").status
    assert status is not None
    assert "Argo's agent, which runs the HTTP and plugin steps: its pod was evicted" in (status.summary or "")


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if "stalled" in expected])
def test_a_run_that_hangs_is_named(name: str) -> None:
    status = report_of(name).status
    assert status is not None
    assert status.stalled is not None
    assert status.stalled.reason in EXPECTED[name]["stalled"]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_to_do_next_is_suggested_unless_the_run_is_well(name: str) -> None:
    status = report_of(name).status
    assert status is not None
    if status.reason:
        assert next_steps(ReportedRun("wf", "team", status, existing_pods=frozenset()))


def object_report(name: str) -> ReportStatus:
    """Return the report of an object with one oddity."""
    document = yaml.load((FOLDER / "objects" / name).read_bytes(), yaml.CSafeLoader)
    status = WorkflowReport.model_validate(compute_report(decode_workflow(document), {})).status
    assert status is not None
    return status


@pytest.mark.parametrize("name", ["onexit-retry-recovered-succeeded", "task-hook-retry-recovered"])
def test_a_hook_that_succeeded_on_a_later_attempt_is_no_failure(name: str) -> None:
    status = object_report(f"{name}.yaml")
    assert (status.failure_class, status.failures) == (None, None)
    assert status.counts is not None
    assert status.counts.retried_attempts == 1


def test_only_the_last_attempt_of_an_exit_handler_is_its_failure() -> None:
    status = object_report("onexit-retry-exhausted.yaml")
    assert [(f.role, f.failure_class, f.attempt) for f in status.failures or ()] == [
        (Role.EXIT_HANDLER, FailureClass.OOM_KILLED, 2)
    ]


def test_hooks_of_a_retry_are_no_attempts() -> None:
    status = object_report("retry-with-hooks-attempt-count.yaml")
    (failure,) = status.failures or []
    assert (failure.attempt, len(failure.previous_attempts or ())) == (2, 1)


@pytest.mark.parametrize(
    ("name", "failure_class"),
    [
        ("msg-oomkilled-2x.json", FailureClass.OOM_KILLED),
        ("msg-save-outputs-2x.json", FailureClass.ARTIFACT_IO),
        ("msg-absent-optional.json", FailureClass.TEMPLATE_ERROR),
        ("msg-malformed-workflow-template.json", FailureClass.TEMPLATE_ERROR),
        ("daemon-not-a-daemon.yaml", FailureClass.UNKNOWN),
    ],
)
def test_a_text_of_another_version_is_known(name: str, failure_class: FailureClass) -> None:
    assert object_report(name).failure_class == failure_class


def test_a_limit_that_a_pod_spec_patch_may_change_is_not_claimed() -> None:
    (failure,) = object_report("podspecpatch-overrides-limit.json").failures or []
    assert failure.resources is None


def test_a_run_that_was_just_retried_by_hand_waits_for_the_controller() -> None:
    status = object_report("retry-window-phase-empty.yaml")
    assert (status.summary or "").startswith("Retried by hand; ")
    assert [wait.reason for wait in status.waiting or ()] == ["RetryNotStarted"]


def test_a_wait_for_a_lock_names_its_holder() -> None:
    status = object_report("lock-holder-in-object.yaml")
    assert {(wait.reason, (wait.message or "").rpartition("; ")[2]) for wait in status.waiting or ()} == {
        ("LockWait", "held by synchronization-acquire-lock(0:1) since 2024-09-17 00:11Z")
    }


def test_the_pods_of_an_old_controller_have_the_names_of_their_nodes() -> None:
    (failure,) = object_report("no-annotation-v1-pod-name.yaml").failures or []
    assert failure.pod_name == failure.node_id


def test_an_exit_code_proves_a_pod_although_no_machine_is_recorded() -> None:
    status = object_report("old-no-hostnodename.yaml")
    (failure,) = status.failures or []
    assert (failure.pod_name, [a.pod_name for a in failure.previous_attempts or ()]) == ("o-1-3", ["o-1-2"])
    assert status.timing is not None
    assert status.timing.retries is not None
    assert status.timing.retries.pods == 1


def test_a_workflow_without_a_kind_is_read() -> None:
    assert object_report("no-kind-argo-get.json").failure_class == FailureClass.OOM_KILLED
