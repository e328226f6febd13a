"""The one line a person reads, of every recorded run and of every kind of trouble."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_node, a_report, a_snapshot, at, final_of
from tests.recorded import recordings

from wfreport.api.argo import Node, NodeType, Phase, Template, WorkflowSpec
from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.evidence import EventSummary
from wfreport.api.report import Failure, ReportStatus, Resources, Waiting
from wfreport.core.render.phrases import shorten, tidy
from wfreport.core.render.sentences import what_happened, what_is_waited_for
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.timing.durations import short_duration

OK, FAILED, RUNNING = Phase.SUCCEEDED, Phase.FAILED, Phase.RUNNING
GOLDEN = Path(__file__).parent / "golden" / "summaries.txt"


def test_the_summaries_of_all_recorded_runs_are_as_they_were_approved() -> None:
    lines = []
    for case in recordings():
        snapshot, evidence = final_of(case)
        lines.append(f"{case.name}: {a_report(snapshot, evidence=evidence).summary}\n")
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("".join(lines))
    approved = GOLDEN.read_text().splitlines(keepends=True)
    difference = "".join(difflib.unified_diff(approved, lines, "approved", "told"))
    assert not difference, f"{difference}\nUPDATE_GOLDEN=1 approves it"


# --- the whole sentence


def with_message(message: str, **fields: object) -> Snapshot:
    """A run of one step that failed with this message."""
    return a_snapshot(a_node("wf", FAILED, message=message, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("snapshot", "summary"),
    [
        (a_snapshot(a_node("wf"), phase=OK), "Succeeded in 1m00s"),
        (a_snapshot(a_node("wf"), phase=OK, end=None), "Succeeded"),
        (with_message("main: Error (exit code 3): boom"), "wf: main exited with code 3: boom"),
        (a_snapshot(message="invalid spec: x"), "workflow: invalid spec: x"),
        (a_snapshot(), "workflow: failed, and Argo does not say why"),
        (a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, progress="1/2"), "Running 1/2"),
        (a_snapshot(phase="", started_at=None), "Not started"),
        (
            with_message("main: Error (exit code 137)"),
            "wf: main killed by signal 9 (exit 137), by whom is not known",
        ),
        (
            with_message("ImagePullBackOff: Back-off pulling image"),
            "wf: image could not be pulled: Back-off pulling image",
        ),
        (with_message("pod deleted"), "wf: pod deleted while it ran, by whom is not known"),
        (with_message("code: 404", node_type=NodeType.HTTP), "wf: code: 404"),
        (with_message("imminent node shutdown", host_node_name=""), "wf: its machine was lost (NodeLost)"),
        (
            with_message("Pod was active on the node longer than the specified deadline"),
            "wf: exceeded its deadline after 1s",
        ),
    ],
)
def test_the_summary_is_a_sentence(snapshot: Snapshot, summary: str) -> None:
    assert a_report(snapshot, now=at(60)).summary == summary


def test_a_running_workflow_says_what_failed_and_what_it_waits_for() -> None:
    nodes = [
        a_node("wf", RUNNING, NodeType.DAG, end=None),
        a_node("wf.a", FAILED, message="main: Error (exit code 1)"),
        a_node("wf.b", FAILED, message="main: Error (exit code 1)"),
        a_node("wf.c", Phase.PENDING, message="ImagePullBackOff: no", end=None),
        a_node("wf.d", RUNNING, NodeType.SUSPEND, end=None),
    ]
    assert a_report(a_snapshot(*nodes, phase=RUNNING)).summary == (
        "Running; a: main exited with code 1; 1 other failure; "
        "c cannot pull its image since 2026-11-22 03:00Z: no; 1 more waiting"
    )


def test_a_run_whose_steps_cannot_be_read_says_so() -> None:
    bare = a_snapshot(message="child 'wf-1234567' failed")
    unreadable = Snapshot(bare.workflow, {}, NodesState.OFFLOADED)
    assert a_report(unreadable).summary == "workflow: a step of it failed; its steps cannot be read"


def test_failures_that_were_tolerated_are_named() -> None:
    def tolerated(name: str) -> Node:
        return a_node(f"wf.{name}.onExit", FAILED, message="main: Error (exit code 2)", hooked=True)

    one = a_report(a_snapshot(a_node("wf"), tolerated("a"), phase=OK)).summary
    assert one == "Succeeded in 1m00s; 1 failure tolerated (onExit: main exited with code 2)"
    names = [a_node(f"wf.h{n}", FAILED, message="x", hooked=True, start=n) for n in range(5)]
    many = a_report(a_snapshot(a_node("wf"), *names, phase=OK)).summary
    assert many == "Succeeded in 1m00s; 5 failures tolerated (h0, h1, 3 more)"


def test_what_went_wrong_in_steps_that_succeeded_is_told() -> None:
    stored = a_report(a_snapshot(a_node("wf"), phase=OK))
    warnings = [{"displayName": f"s{n}", "reason": "OOMKilled", "message": "main was killed"} for n in range(3)]
    stored = ReportStatus.model_validate(stored.dump() | {"warnings": warnings})
    told = a_report(a_snapshot(a_node("wf"), phase=OK), stored=stored).summary
    assert told == "Succeeded in 1m00s; s0: main was killed; 2 other warnings"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (Template(name="t", active_deadline_seconds=90), "exceeded its deadline of 1m30s"),
        (Template(name="t", timeout="2m"), "exceeded its deadline of 2m"),
        (Template(name="t", active_deadline_seconds="{{inputs.parameters.s}}"), "exceeded its deadline after 1s"),
        (Template(name="other", active_deadline_seconds=90), "exceeded its deadline after 1s"),
    ],
)
def test_a_deadline_that_passed_is_told_where_the_workflow_says_it(template: Template, told: str) -> None:
    message = "Pod was active on the node longer than the specified deadline"
    node = a_node("wf", FAILED, message=message, template_name="t")
    assert a_report(a_snapshot(node, spec=WorkflowSpec(templates=[template]))).summary == f"wf: {told}"


def test_a_group_of_steps_and_the_exit_handler_have_names() -> None:
    group = a_node("wf[0]", Phase.ERROR, NodeType.STEP_GROUP, message="bad", display_name="[0]")
    assert a_report(a_snapshot(group)).summary == "step group [0]: bad"
    handler = a_node("wf.onExit", FAILED, message="main: Error (exit code 2)", display_name="wf.onExit")
    assert a_report(a_snapshot(handler)).summary == "exit handler: main exited with code 2"


# --- what happened


def a_failure(failure_class: FailureClass, **fields: object) -> Failure:
    """A failed step ``s``."""
    common = {"role": Role.ROOT_CAUSE, "owner": Owner.USER, "retryable": False, "confidence": Confidence.HIGH}
    given: dict[str, object] = {"display_name": "s", "failure_class": failure_class, **common, **fields}
    return Failure.model_validate(given)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            a_failure(
                FailureClass.OOM_KILLED,
                container="main",
                exit_code=137,
                resources=Resources(limits={"memory": "4Gi"}),
            ),
            "main OOMKilled at 4Gi (exit 137)",
        ),
        (a_failure(FailureClass.OOM_KILLED, container="wait"), "Argo's wait container OOMKilled"),
        (a_failure(FailureClass.OOM_KILLED, container="s"), "OOMKilled"),
        (a_failure(FailureClass.EXIT_CODE, reason="DaemonExited"), "daemon ended while it was needed"),
        (a_failure(FailureClass.EVICTED, message="Evicted by hand"), "evicted by hand"),
        (
            a_failure(FailureClass.EVICTED, message="The node was low on resource: memory. Bye."),
            "evicted, its machine was low on memory",
        ),
        (a_failure(FailureClass.EVICTED, message="main: Error (exit code 137)"), "evicted"),
        (a_failure(FailureClass.TIMEOUT), "exceeded its deadline"),
        (a_failure(FailureClass.CANCELLED), "stopped by hand"),
        (
            a_failure(FailureClass.NODE_LOST, host_node_name="m1", reason="Shutdown"),
            "its machine m1 was lost (Shutdown)",
        ),
        (
            a_failure(
                FailureClass.CONFIG_ERROR,
                message="Step exceeded its deadline",
                events=[
                    EventSummary(reason="BackOff", message="Back-off restarting"),
                    EventSummary(reason="Failed", message='Error: configmap "nope" not found'),
                ],
            ),
            'could not start: configmap "nope" not found',
        ),
        (
            a_failure(
                FailureClass.IMAGE_PULL,
                started_at=at(0),
                finished_at=at(300),
                events=[
                    EventSummary(reason="Failed", message="Error: ImagePullBackOff"),
                    EventSummary(reason="Failed", message='Failed to pull image "x": no such host'),
                ],
            ),
            'image could not be pulled: Failed to pull image "x": no such host, given up after 5m00s',
        ),
        (
            a_failure(FailureClass.CONFIG_ERROR, exit_code=64, message="main: Error (exit code 64): no such file"),
            "could not start: no such file (exit 64)",
        ),
        (
            a_failure(
                FailureClass.ARTIFACT_IO, container="init", exit_code=64, message="init: Error (exit code 64): no"
            ),
            "Argo's init container exited with code 64: no",
        ),
        (a_failure(FailureClass.UNKNOWN), "failed, and Argo does not say why"),
        (a_failure(FailureClass.UNKNOWN, reason="Odd"), "Odd"),
        (
            a_failure(FailureClass.UNKNOWN, message="Pod failed before main container starts due to X"),
            "its pod failed before its main container started",
        ),
        (
            a_failure(FailureClass.PREEMPTED, message="Preempted in order to admit critical pod"),
            "preempted in order to admit critical pod",
        ),
    ],
)
def test_a_failure_is_told_with_the_number_that_matters(failure: Failure, told: str) -> None:
    assert what_happened(failure) == told


@pytest.mark.parametrize("failure_class", list(FailureClass))
@pytest.mark.parametrize("message", [None, "", "main: Error (exit code 1)", "some text"])
def test_every_class_has_a_sentence_whatever_is_known(failure_class: FailureClass, message: str | None) -> None:
    told = what_happened(a_failure(failure_class, message=message, exit_code=1, signal=9))
    assert told
    assert told == " ".join(told.split()).strip(" :;")


# --- what is waited for


@pytest.mark.parametrize(
    ("reason", "message", "told"),
    [
        ("LockWait", "Waiting for ns/Mutex/m lock. Lock status: 0/1", "waits for lock Mutex/m (0 of 1 free)"),
        ("LockWait", "", "waits for a lock"),
        (
            "QuotaExceeded",
            'pods "x-1" is forbidden: exceeded quota: q, used: pods=1',
            "exceeds the quota q: used: pods=1",
        ),
        ("QuotaExceeded", "odd", "exceeds a quota: odd"),
        ("ImageCommandLookupFailed", "odd", "cannot start: odd"),
        ("Backoff", "Backoff for 10 seconds", "waits for its next attempt: for 10 seconds"),
        ("Novel", "", "waits (Novel)"),
        ("Unschedulable", "Unschedulable: 0/3 nodes. preemption: none", "finds no machine: 0/3 nodes"),
    ],
)
def test_a_wait_is_told_in_plain_words(reason: str, message: str, told: str) -> None:
    assert what_is_waited_for(Waiting(reason=reason, message=message)) == told


# --- texts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Traceback (most recent call last):\n  File x\nKeyError: 'a'", "KeyError: 'a'"),
        ("Traceback (most recent call last):", "Traceback (most recent call last)"),
        ("goroutine\npanic: nil map\n\tmain.go:3", "panic: nil map"),
        ('code: 500 {"error": "no \\"x\\"", "a": 1}', 'code: 500: no "x"'),
        ('{"kind": "Status", "message": "quota"}', "quota"),
        ('{"a": [1, 2]}', '{"a": [1, 2]}'),
        ('body: [{"a": 1}]', "body"),
        ("the the end is the end", "the end is the end"),
        ("fs.PathError: open x", "open x"),
        ("a" * 100, "a" * 24 + "…" + "a" * 24),
        ("task 'wf.a' errored: no such template.", "no such template"),
        (
            (
                'Failed to pull image "r/x": failed to pull and unpack image "r/x": failed to resolve reference "r/x": '
                'failed to do request: Head "https://r.io/v2/x": dial tcp: lookup r: no such host'
            ),
            'Failed to pull image "r/x": dial tcp: lookup r: no such host',
        ),
        ('failed to resolve reference "r/x:1": r/x:1: not found',) * 2,
    ],
)
def test_a_text_is_made_fit_for_a_sentence(text: str, told: str) -> None:
    assert tidy(text) == told


def test_a_long_text_is_cut_behind_a_word() -> None:
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"


@given(st.text(max_size=2000), st.integers(10, 200))
def test_no_text_is_longer_than_its_place_or_breaks_the_line(text: str, limit: int) -> None:
    told = tidy(text, limit)
    assert len(told) <= limit
    assert told == " ".join(told.split())


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59, "59s"), (61, "1m01s"), (3720, "1h02m"), (273_600, "3d04h")]
)
def test_durations_have_two_units(seconds: int, words: str) -> None:
    assert short_duration(seconds) == words
