"""A page says each message once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli.test_tree import step, text, with_status

from wfreport.cli.render.shown_texts import ShownTexts, is_about_a_child
from wfreport.cli.render.style import Style

LONG = "withParam value could not be parsed as a JSON list: {{steps.list.outputs.result}}"
FAILURE = {"role": "RootCause", "class": "ControllerError", "owner": "Platform", "retryable": True,
           "confidence": "Medium", "displayName": "each", "nodeId": "each", "message": LONG}  # fmt: skip


@pytest.mark.parametrize(
    ("known", "message", "expected"),
    [
        (LONG, LONG, True),
        (f"each: it failed: {LONG}", LONG, True),
        (LONG, f"{LONG}.", True),
        (LONG, LONG.replace(" ", "\n  "), True),
        (LONG, f"step group deemed errored due to child wf[1].each error: {LONG}", True),
        ("0/2 nodes are available", "Unschedulable: 0/2 nodes are available", True),
        (LONG, f"{LONG}, and more", False),
        (f"each: {LONG[:40]}…", LONG, False),
        ("the step failed", "failed", False),
        ("failed", "failed", True),
    ],
)
def test_a_message_adds_nothing_if_it_is_shown_whatever_its_layout_and_prefixes(
    known: str, message: str, *, expected: bool
) -> None:
    texts = ShownTexts()
    texts.add(known)
    assert texts.has(message) is expected


def test_a_message_about_a_child_says_nothing_of_its_own() -> None:
    assert is_about_a_child("child 'wf-123' failed")
    assert not is_about_a_child("child 'wf-123' failed: out of memory")


def a_run(**status: Any) -> dict[str, Any]:
    group = f"step group deemed errored due to child wf[1].each error: {LONG}"
    steps = [step("wf", "Error", message=group, children=[1]) | {"type": "Steps"},
             step("each", "Error", message=LONG) | {"type": "Skipped"}]  # fmt: skip
    observed = {"phase": "Error", "message": group, "startedAt": "2026-01-01T00:00:00Z"}
    return with_status(**{"observedWorkflow": observed, "failures": [FAILURE], "steps": steps} | status)


def test_a_message_is_on_a_screen_once() -> None:
    assert text(a_run(), Style()).count("withParam") == 1
    assert text(a_run(summary=f"each: {LONG}"), Style()).count("withParam") == 1
    assert text(a_run(summary=f"each: {LONG}"), Style(width=80)).count("withParam") == 1


def test_what_a_terminal_cuts_off_the_summary_is_shown_below() -> None:
    summary = "each: " + "because of this and that " * 20 + LONG
    shown = text(a_run(summary=summary), Style(width=80))
    assert "…" in shown
    assert "could not be parsed" in shown.partition("ROOT CAUSE")[2]


def test_a_message_of_the_workflow_that_no_failure_has_is_shown() -> None:
    observed = {"phase": "Failed", "message": "max duration limit exceeded"}
    assert "  message    max duration limit exceeded\n" in text(a_run(observedWorkflow=observed), Style())
    of_a_child = with_status(observedWorkflow=observed | {"message": "child 'wf-1' failed"})
    assert "child 'wf-1' failed" in text(of_a_child, Style()), "nothing else is known"


def test_a_failed_step_that_never_ran_has_no_duration() -> None:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:19Z"}
    quota = FAILURE | {"class": "QuotaExceeded", "displayName": "train", "nodeId": "train", "message": "no room"}
    steps = [step("train", "Error", **times), step("skip", "Error", **times) | {"type": "Skipped"}]
    shown = text(with_status(failures=[quota], steps=steps), Style()).partition("STEPS")[2]
    assert shown.count("never ran") == 2
    assert "19s" not in shown


def test_all_groups_are_shown_if_one_has_several_steps() -> None:
    def groups(second: list[int]) -> str:
        steps = [step("wf", children=[1, 3]) | {"type": "Steps"}, step("[0]", children=[2]) | {"type": "StepGroup"},
                 step("a"), step("[1]", children=second) | {"type": "StepGroup"}, step("b"), step("c")]  # fmt: skip
        return text(with_status(steps=steps), Style())

    assert all(name in groups([4, 5]) for name in ("[0]", "[1]"))


def test_a_run_that_hangs_names_its_pod_and_says_once_why() -> None:
    stalled = {"reason": "MainEnded", "sinceAt": "2026-01-01T00:00:18Z", "message": "main of a exited, wait lives"}
    stalled["nodeId"] = "wf-1"
    wait = {
        "displayName": "a",
        "nodeId": "wf-1",
        "reason": "MainEnded",
        "podName": "wf-a-1",
        "message": "main exited with code 0",
    }
    other = {"displayName": "b", "reason": "Suspended"}
    summary = "hangs: main of a exited, wait lives"
    shown = text(with_status(step="a", stalled=stalled, waiting=[wait, other], summary=summary), Style())
    assert "STALLED  MainEnded since 2026-01-01 00:00:18Z\n  pod        wf-a-1\n" in shown
    assert shown.count("main of a exited") == 1
    assert "main exited with code 0" not in shown
    assert "b  Suspended" in shown
