"""Why Argo made no further attempt of a step, and attempts that it killed when their time was over."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import FailureClass
from wfreport.api.report import ReportStatus
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps

OVER = "Max duration limit exceeded"


def retried(message: str, *attempts: str) -> ReportStatus:
    """Return the report of a step whose attempts ended with these messages."""
    names = [f"wf({index})" for index in range(len(attempts))]
    retry = a_node("wf", Phase.FAILED, NodeType.RETRY, message=message, children=names)
    ended = (a_node(name, Phase.FAILED, message=text) for name, text in zip(names, attempts, strict=True))
    return a_report(a_snapshot(retry, *ended, message=message))


@pytest.mark.parametrize("code", [137, 143])
def test_an_attempt_that_was_killed_when_the_time_of_all_was_over_is_a_timeout(code: int) -> None:
    report = retried(OVER, "Error (exit code 10)", f"Error (exit code {code})")
    (failure,) = report.failures or []
    assert (failure.failure_class, failure.reason) == (FailureClass.TIMEOUT, "MaxDurationExceeded")
    assert report.summary == (
        f"wf: killed after 1s, as the maxDuration of all its attempts was over (exit {code}) after 2 attempts ({OVER})"
    )
    steps = next_steps(ReportedRun("wf", "ns", report, existing_pods=frozenset()))
    assert any("maxDuration in the retryStrategy" in step.text for step in steps)


@pytest.mark.parametrize(
    ("message", "attempt", "expected"),
    [
        (OVER, "OOMKilled (exit code 137)", FailureClass.OOM_KILLED),
        (OVER, "Error (exit code 10)", FailureClass.EXIT_CODE),
        ("No more retries left", "Error (exit code 143)", FailureClass.KILLED),
    ],
)
def test_any_other_end_of_the_last_attempt_is_its_own(message: str, attempt: str, expected: FailureClass) -> None:
    (failure,) = retried(message, attempt).failures or []
    assert failure.failure_class == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (OVER, OVER),
        ("Backoff would exceed max duration limit", "Backoff would exceed max duration limit"),
        ("retryStrategy.expression evaluated to false", "retryStrategy.expression evaluated to false"),
        ("No more retries left", None),
        ("Error (exit code 1)", None),
    ],
)
def test_the_reason_for_no_further_attempt_is_told_unless_it_is_their_number(
    message: str, expected: str | None
) -> None:
    report = retried(message, "Error (exit code 1)", "Error (exit code 1)")
    (failure,) = report.failures or []
    assert failure.retries_ended == expected
    end = f" ({expected})" if expected else ""
    assert (report.summary or "").endswith(f"exit code 1 after 2 attempts{end}")
