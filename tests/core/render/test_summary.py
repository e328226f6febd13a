"""The summary of every recorded run and of every kind of failure."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_node, a_report, a_snapshot, at, final_of
from tests.recorded import recordings

from wfreport.api.argo import Node, NodeType, Phase, Template, WorkflowSpec
from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.evidence import EventSummary
from wfreport.api.report import Failure, ReportStatus, Resources, Waiting
from wfreport.core.render.phrases import shorten, stored_line, tidy
from wfreport.core.render.sentences import failure_phrase, waiting_phrase
from wfreport.core.snapshot.messages import parse_exit
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
    difference = "".join(difflib.unified_diff(approved, lines, "approved", "current"))
    assert not difference, f"{difference}\nUPDATE_GOLDEN=1 approves it"


# --- summaries


def with_message(message: str, **fields: object) -> Snapshot:
    """Return a run of one step that failed with this message."""
    return a_snapshot(a_node("wf", FAILED, message=message, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("snapshot", "summary"),
    [
        (a_snapshot(a_node("wf"), phase=OK), "Succeeded in 1m00s"),
        (a_snapshot(a_node("wf"), phase=OK, end=None), "Succeeded"),
        (with_message("main: Error (exit code 3): boom"), "wf: exit code 3: boom"),
        (a_snapshot(message="invalid spec: x"), "workflow: invalid spec: x"),
        (a_snapshot(), "workflow: failed without a message"),
        (a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, progress="1/2"), "Running 1/2"),
        (a_snapshot(phase="", started_at=None), "Not started"),
        (
            with_message("main: Error (exit code 137)"),
            "wf: main killed by signal 9 (exit 137), sender unknown",
        ),
        (
            with_message("ImagePullBackOff: Back-off pulling image"),
            "wf: image could not be pulled: Back-off pulling image",
        ),
        (with_message("pod deleted"), "wf: pod deleted while running, cause unknown"),
        (with_message("code: 404", node_type=NodeType.HTTP), "wf: code: 404"),
        (with_message("imminent node shutdown", host_node_name=""), "wf: its machine was lost (NodeLost)"),
        (
            with_message("Pod was active on the node longer than the specified deadline"),
            "wf: exceeded its deadline after 1s",
        ),
    ],
)
def test_the_summary_is_one_line(snapshot: Snapshot, summary: str) -> None:
    assert a_report(snapshot, now=at(60)).summary == summary


def test_the_summary_of_a_running_workflow_has_failures_and_waits() -> None:
    nodes = [
        a_node("wf", RUNNING, NodeType.DAG, end=None),
        a_node("wf.a", FAILED, message="main: Error (exit code 1)"),
        a_node("wf.b", FAILED, message="main: Error (exit code 1)"),
        a_node("wf.c", Phase.PENDING, message="ImagePullBackOff: no", end=None),
        a_node("wf.d", RUNNING, NodeType.SUSPEND, end=None),
    ]
    assert a_report(a_snapshot(*nodes, phase=RUNNING)).summary == (
        "Running; a: exit code 1; 1 other failure; "
        "c cannot pull its image (since 2026-11-22 03:00Z): no; 1 more waiting"
    )


def test_the_summary_mentions_unreadable_steps() -> None:
    bare = a_snapshot(message="child 'wf-1234567' failed")
    unreadable = Snapshot(bare.workflow, {}, NodesState.OFFLOADED)
    assert a_report(unreadable).summary == "workflow: a step of it failed; its steps cannot be read"


def test_tolerated_failures_are_named() -> None:
    def tolerated(name: str) -> Node:
        return a_node(f"wf.{name}.onExit", FAILED, message="main: Error (exit code 2)", hooked=True)

    one = a_report(a_snapshot(a_node("wf"), tolerated("a"), phase=OK)).summary
    assert one == "Succeeded in 1m00s; 1 failure tolerated (onExit: exit code 2)"
    names = [a_node(f"wf.h{n}", FAILED, message="x", hooked=True, start=n) for n in range(5)]
    many = a_report(a_snapshot(a_node("wf"), *names, phase=OK)).summary
    assert many == "Succeeded in 1m00s; 5 failures tolerated (h0, h1, 3 more)"


def test_warnings_of_a_succeeded_run_are_in_its_summary() -> None:
    stored = a_report(a_snapshot(a_node("wf"), phase=OK))
    warnings = [{"displayName": f"s{n}", "reason": "OOMKilled", "message": "main was killed"} for n in range(3)]
    stored = ReportStatus.model_validate(stored.dump() | {"warnings": warnings})
    summary = a_report(a_snapshot(a_node("wf"), phase=OK), stored=stored).summary
    assert summary == "Succeeded in 1m00s; s0: main was killed; 2 other warnings"


@pytest.mark.parametrize(
    ("template", "phrase"),
    [
        (Template(name="t", active_deadline_seconds=90), "exceeded its deadline of 1m30s"),
        (Template(name="t", timeout="2m"), "exceeded its deadline of 2m"),
        (Template(name="t", active_deadline_seconds="{{inputs.parameters.s}}"), "exceeded its deadline after 1s"),
        (Template(name="other", active_deadline_seconds=90), "exceeded its deadline after 1s"),
    ],
)
def test_an_exceeded_deadline_has_its_value_if_the_workflow_states_it(template: Template, phrase: str) -> None:
    message = "Pod was active on the node longer than the specified deadline"
    node = a_node("wf", FAILED, message=message, template_name="t")
    assert a_report(a_snapshot(node, spec=WorkflowSpec(templates=[template]))).summary == f"wf: {phrase}"


def test_step_groups_and_exit_handlers_are_named() -> None:
    group = a_node("wf[0]", Phase.ERROR, NodeType.STEP_GROUP, message="bad", display_name="[0]")
    assert a_report(a_snapshot(group)).summary == "step group [0]: bad"
    handler = a_node("wf.onExit", FAILED, message="main: Error (exit code 2)", display_name="wf.onExit")
    assert a_report(a_snapshot(handler)).summary == "exit handler: exit code 2"


# --- phrases of failures


def a_failure(failure_class: FailureClass, **fields: object) -> Failure:
    """Return the failure of a step ``s``."""
    common = {"role": Role.ROOT_CAUSE, "owner": Owner.USER, "retryable": False, "confidence": Confidence.HIGH}
    values: dict[str, Any] = {"display_name": "s", "failure_class": failure_class, **common, **fields}
    return Failure(**values)


@pytest.mark.parametrize(
    ("failure", "phrase"),
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
        (a_failure(FailureClass.OOM_KILLED, container="wait", owner=Owner.PLATFORM), "Argo's wait container OOMKilled"),
        (a_failure(FailureClass.OOM_KILLED, container="s"), "OOMKilled"),
        (a_failure(FailureClass.EXIT_CODE, reason="DaemonExited"), "daemon exited while it was still needed"),
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
            'image could not be pulled: Failed to pull image "x": no such host, gave up after 5m00s',
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
        (
            a_failure(
                FailureClass.EXIT_CODE,
                exit_code=1,
                message="main: Error (exit code 1): "
                + "row read\n" * 20
                + "ERROR: no column price\nclosing the connection",
            ),
            "exit code 1: no column price",
        ),
        (
            a_failure(
                FailureClass.EXIT_CODE, exit_code=1, message="main: Error (exit code 1): " + "row\n" * 60 + "last row"
            ),
            "exit code 1: last row",
        ),
        (a_failure(FailureClass.UNKNOWN), "failed without a message"),
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
def test_a_failure_is_described_with_its_most_relevant_number(failure: Failure, phrase: str) -> None:
    assert failure_phrase(failure) == phrase


@pytest.mark.parametrize("failure_class", list(FailureClass))
@pytest.mark.parametrize("message", [None, "", "main: Error (exit code 1)", "some text"])
def test_every_class_has_a_phrase_whatever_is_known(failure_class: FailureClass, message: str | None) -> None:
    phrase = failure_phrase(a_failure(failure_class, message=message, exit_code=1, signal=9))
    assert phrase
    assert phrase == " ".join(phrase.split()).strip(" :;")


@pytest.mark.parametrize(
    ("message", "phrase"),
    [
        ("main: Error (exit code 139)", "exit code 139 (128 + SIGSEGV)"),
        ("main: Error (exit code 127)", "exit code 127 (in a shell: command not found)"),
        ("main: Error (exit code 127): sh: foo: not found", "exit code 127: sh: foo: not found"),
        ("main: Error (exit code 3)", "exit code 3"),
    ],
)
def test_an_exit_code_has_its_conventional_meaning_unless_the_program_gave_words(message: str, phrase: str) -> None:
    ending = parse_exit(message)
    assert ending
    assert failure_phrase(a_failure(FailureClass.EXIT_CODE, message=message, exit_code=ending.code)) == phrase


# --- phrases of waits


@pytest.mark.parametrize(
    ("reason", "message", "phrase"),
    [
        ("LockWait", "Waiting for ns/Mutex/m lock. Lock status: 0/1", "is waiting for lock Mutex/m, 0 of 1 free"),
        ("LockWait", "", "is waiting for a lock"),
        (
            "QuotaExceeded",
            'pods "x-1" is forbidden: exceeded quota: q, used: pods=1',
            "exceeds the quota q: used: pods=1",
        ),
        ("QuotaExceeded", "odd", "exceeds a quota: odd"),
        ("ImageCommandLookupFailed", "odd", "cannot start: odd"),
        ("Backoff", "Backoff for 10 seconds", "is in backoff for 10 seconds"),
        ("Novel", "", "is waiting (Novel)"),
        ("Unschedulable", "Unschedulable: 0/3 nodes. preemption: none", "is unschedulable: 0/3 nodes"),
    ],
)
def test_a_wait_is_described_in_plain_words(reason: str, message: str, phrase: str) -> None:
    assert waiting_phrase(Waiting(reason=reason, message=message)) == phrase


# --- texts


_MERGED = f"/var/lib/docker/overlay2/{'8340' * 16}/merged"
OLD_RUNC = (
    f'OCI runtime create failed: container_linux.{"go"}:3: starting container process caused "process_linux.{"go"}:4: '
    rf"container init caused \"rootfs_linux.{'go'}:58: mounting \\\"/var/lib/kubelet/pods/c64c85b8-9681-11ea-be06-0ec0"
    rf"/volume-subpaths/input-artifacts/main/2\\\" to rootfs \\\"{_MERGED}\\\" at \\\"{_MERGED}/workdir\\\" caused "
    r'\\\"not a directory\\\"\"": unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check it'
)
NEW_RUNC = (
    "OCI runtime create failed: runc create failed: unable to start container process: error during container init: "
    'error mounting "/a/..data" to rootfs at "/etc/app.conf": mount src=/x, dst=/y, flags=0x5001: not a directory: '
    "unknown: Are you trying to mount a directory onto a file (or vice-versa)?"
)


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("Traceback (most recent call last):\n  File x\nKeyError: 'a'", "KeyError: 'a'"),
        (
            "Traceback (most recent call last):\n  File x\npg.errors.UndefinedColumn: no column a\nLINE 1: SELECT a",
            "pg.errors.UndefinedColumn: no column a",
        ),
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
        (
            (
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
                "failed: unable to start container process: error during container init: mkdir /s: not a directory: "
                "unknown"
            ),
            "error during container init: mkdir /s: not a directory",
        ),
        (OLD_RUNC, "mounting /var/lib/kubelet/pods/c6…s/input-artifacts/main/2 at /workdir caused: not a directory"),
        (NEW_RUNC, 'error mounting "/a/..data" at "/etc/app.conf": not a directory'),
        (
            r'container create failed: time="2020-03-03T10:00:00Z" level=error msg="exec: \"foo\": no"',
            r"exec: \"foo\": no",
        ),
        (
            (
                "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[v w], failed to process "
                "volumes=[]: timed out waiting for the condition"
            ),
            "Unable to attach or mount volumes: unmounted volumes=[v]: timed out waiting for the condition",
        ),
        (
            "mount failed: exit status 32\nMounting command: systemd-run\nOutput: mount.nfs: Connection timed out\n",
            "mount failed: exit status 32: mount.nfs: Connection timed out",
        ),
        ('Pod "a-1" is invalid: spec.x: Required value', "its pod is invalid: spec.x: Required value"),
        (
            'no more retries Error from server (NotFound): jobs "x" not found',
            'Error from server (NotFound): jobs "x" not found',
        ),
        (
            'admission webhook "x" denied the request: pods "a" is forbidden: exceeded quota: q, used: pods=5',
            "exceeded quota: q, used: pods=5",
        ),
        ('admission webhook "x" denied the request: no',) * 2,
        ("AccessDenied: Access Denied\n\tstatus code: 403, request id: X, host id: Y", "AccessDenied: Access Denied"),
        (
            "kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name x not found",
            "driver name x not found",
        ),
        (
            f'OCI runtime create failed: container_linux.{"go"}:380: starting container process caused: exec: "x": no',
            'exec: "x": no',
        ),
        (
            (
                "failed to copy: httpReadSeeker: failed open: unexpected status code https://r.io/v2/x: 429 Too Many "
                "Requests: your pull rate limit. https://www.docker.com/increase-rate-limit"
            ),
            "429 Too Many Requests: your pull rate limit",
        ),
        ("read tcp 10.0.0.1:5->10.0.0.2:8080: read: connection reset by peer", "read: connection reset by peer"),
        (
            (
                "workflow is longer than maximum allowed size. compressed size 2 > maxSize 1Tried to offload but "
                "encountered error: Error 1062: Duplicate entry"
            ),
            "its nodes could not be stored in Argo's database: Error 1062: Duplicate entry",
        ),
    ],
)
def test_a_message_is_adapted_to_a_sentence(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


def test_a_long_text_is_cut_after_a_word() -> None:
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("cause", "is_kept"), [("refused", False), ("too late", True), ("x" * 20, True), ("x" * 21, False)]
)
def test_a_short_cause_at_the_end_is_kept_if_a_text_is_cut(cause: str, is_kept: bool) -> None:
    tidied = tidy(f"failed to put the file of the step: {cause}", 40)
    assert tidied.endswith(f"… {cause}") is is_kept
    assert tidied.startswith("failed to put")


@given(st.text(max_size=2000), st.integers(10, 200))
def test_no_text_exceeds_its_limit_or_breaks_the_line(text: str, limit: int) -> None:
    tidied = tidy(text, limit)
    assert len(tidied) <= limit
    assert tidied == " ".join(tidied.split())


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59, "59s"), (61, "1m01s"), (3720, "1h02m"), (273_600, "3d04h")]
)
def test_durations_have_two_units(seconds: int, words: str) -> None:
    assert short_duration(seconds) == words


@pytest.mark.parametrize("lead", ["", "kubernetes.client.exceptions.ApiException: (403) ", f"{'GET at ' * 60}: "])
def test_a_right_that_a_program_lacks_is_named_whatever_stands_before_it(lead: str) -> None:
    denied = (
        'pods is forbidden: User "system:serviceaccount:data:default" cannot list resource "pods" in API group "" in '
        'the namespace "data"'
    )
    line = stored_line(f"{lead}{denied} and more", 253)
    failure = a_failure(FailureClass.EXIT_CODE, exit_code=1, log_line=line)
    assert len(line) <= 253
    assert failure_phrase(failure) == "exit code 1: ServiceAccount data/default may not list pods in namespace data"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([a_node("a", Phase.SKIPPED, NodeType.SKIPPED, message="when '1 == 2' evaluated false")], "a: when '1 == 2'"),
        ([a_node("a", Phase.OMITTED, NodeType.SKIPPED)], "no step ran"),
        ([a_node("a", Phase.SUCCEEDED, NodeType.TASK_GROUP)], "no step ran"),
        ([a_node("a", Phase.SUCCEEDED), a_node("b", Phase.SKIPPED, NodeType.SKIPPED)], None),
        ([], None),
    ],
    ids=["skipped", "omitted", "empty loop", "one ran", "no nodes"],
)
def test_a_run_that_succeeded_without_doing_anything_says_so(steps: list[Node], said: str | None) -> None:
    summary = a_report(a_snapshot(*steps, phase=Phase.SUCCEEDED)).summary or ""
    assert ("no step ran" in summary) == (said is not None)
    assert (said or "") in summary


def test_a_run_that_succeeded_after_it_was_told_to_stop_says_so() -> None:
    run = a_snapshot(a_node("a", Phase.SUCCEEDED), phase=Phase.SUCCEEDED, spec=WorkflowSpec(shutdown="Stop"))
    assert (a_report(run).summary or "").endswith("; it was told to stop (shutdown Stop)")
