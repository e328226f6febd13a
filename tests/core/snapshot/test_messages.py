"""Prefixes of messages are removed in linear time, however many there are."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot
from tests.core.hostile import cpu_seconds

from wfreport.api.argo import Phase
from wfreport.core.redact.bounds import TEXT_END, TEXT_START, ClippedText, clip_text
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.messages import is_exit, parse_exit, unwrap

PREFIX = "task '' errored: "


def test_prefixes_of_dags_steps_and_the_entrypoint_are_removed() -> None:
    wrapped = (
        "error in entry template execution: task 'a.b' errored: step group deemed errored due to child x error: boom"
    )
    assert unwrap(wrapped) == "boom"
    assert unwrap("task 'a' errored: agent pod failed with reason:\"evicted\"") == "evicted"


def test_at_most_ten_prefixes_are_removed() -> None:
    assert unwrap(PREFIX * 10 + "boom") == "boom"
    assert unwrap(PREFIX * 11 + "boom") == PREFIX + "boom"


@pytest.mark.parametrize(
    "prefix", [PREFIX, "step group deemed errored due to child  error: ", "error in exit template execution: "]
)
def test_a_message_of_prefixes_takes_no_time(prefix: str) -> None:
    assert cpu_seconds(lambda: unwrap(prefix * 500_000), tries=1) < 0.5


def test_a_long_text_is_its_start_and_its_end_and_the_number_of_omitted_characters_is_kept() -> None:
    text = "a" * 100_000 + "b" * 100_000
    clipped = clip_text(text)
    assert isinstance(clipped, ClippedText)
    assert clipped.startswith("a" * TEXT_START)
    assert clipped.endswith("b" * TEXT_END)
    assert len(clipped) + clipped.omitted == len(text)
    assert clip_text("a" * (TEXT_START + TEXT_END)) == "a" * (TEXT_START + TEXT_END)


def test_a_report_names_all_characters_that_it_omits_of_a_clipped_message() -> None:
    raw = {"metadata": {"name": "wf"}, "status": {"phase": "Failed", "message": "x" * 1_000_000, "nodes": {}}}
    snapshot = decode_workflow(raw)
    assert len(snapshot.workflow.status.message) < 50_000
    failures = a_report(snapshot).failures
    assert failures is not None
    shown, _, note = (failures[0].message or "").partition("… (+")
    assert int(note.removesuffix(" characters)").replace(",", "")) + len(shown) == 1_000_000


def test_every_message_of_a_workflow_a_pod_and_an_event_is_clipped() -> None:
    long = "x" * 1_000_000
    status = {"message": long, "conditions": [{"message": long}], "nodes": {"a": {"id": "a", "message": long}}}
    snapshot = decode_workflow({"status": status})
    assert len(snapshot.nodes["a"].message) < 50_000
    assert len(snapshot.workflow.status.conditions[0].message) < 50_000
    state = {"waiting": {"message": long}, "terminated": {"reason": long, "message": long}}
    pod = decode_pod(
        {
            "metadata": {"name": "p", "labels": {"a": "b"}},
            "status": {
                "conditions": [{"message": "short"}],
                "initContainerStatuses": [{"state": {}}, {}],
                "containerStatuses": [{"name": "main", "state": state, "lastState": state}],
            },
        }
    )
    (main,) = pod.status.container_statuses
    assert main.last_state is not None
    assert main.last_state.terminated is not None
    assert len(main.last_state.terminated.message) < 50_000
    assert pod.metadata.labels == {"a": "b"}
    assert len(decode_event({"reason": "Failed", "message": long}).message) < 50_000


@pytest.mark.parametrize("lead", [0, 1000, TEXT_START - 20])
def test_no_part_of_a_secret_beside_a_clip_is_shown(lead: int) -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    message = "x" * lead + f" {secret} " + "y" * 100_000 + f" {secret}"
    report = a_report(a_snapshot(a_node("wf", Phase.FAILED, message=clip_text(message))))
    assert secret[:12] not in report.dump_json().decode()


def test_an_old_message_names_its_container_or_none() -> None:
    named, unnamed = parse_exit("sidecar 'proxy' failed with exit code 3"), parse_exit("failed with exit code 3")
    assert named is not None
    assert unnamed is not None
    assert [(one.container, one.reason, one.code) for one in (named, unnamed)] == [
        ("proxy", "Error", 3), (None, "Error", 3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("main: Error (exit code 3)", True),
        ("Error (exit code 3): no such file", True),
        ("failed with exit code 3", True),
        ("pod deleted", False),
        ("", False),
    ],
)
def test_a_message_is_that_of_a_container_that_ended_if_it_can_be_parsed(message: str, *, expected: bool) -> None:
    assert is_exit(message) is expected
    assert (parse_exit(message) is not None) is expected
