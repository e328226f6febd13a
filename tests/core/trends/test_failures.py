"""Equal failures, flaky definitions and remediations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.trends.runs import a_run, history

from wfreport.core.trends.failures import CLEARING_PASSES, MAX_FINGERPRINTS
from wfreport.core.trends.model import RemediationTrend
from wfreport.core.trends.trends import compute_trends


class TestFingerprints:
    def test_the_most_frequent_come_first_with_the_last_run(self) -> None:
        runs = [
            a_run(1, failed="OOMKilled", fingerprint="rare"),
            a_run(2, failed="ExitCode", fingerprint="often"),
            a_run(3, failed="ExitCode", fingerprint="often", cron="ml"),
            a_run(4, failed="ExitCode", fingerprint=""),
        ]
        often, rare = compute_trends(runs).fingerprints
        assert (often.fingerprint, often.runs, often.last_workflow, often.failure_class) == (
            "often",
            2,
            "ml-3",
            "ExitCode",
        )
        assert often.origins == ("CronWorkflow/etl", "CronWorkflow/ml")
        assert often.last_seen_at > often.first_seen_at
        assert (rare.fingerprint, rare.runs, rare.summary) == ("rare", 1, "load: OOMKilled")

    def test_their_number_is_bounded(self) -> None:
        runs = [a_run(n, failed="ExitCode", fingerprint=f"f{n}") for n in range(MAX_FINGERPRINTS + 5)]
        assert len(compute_trends(runs).fingerprints) == MAX_FINGERPRINTS


class TestFlaky:
    @pytest.mark.parametrize(
        ("pattern", "is_flaky"),
        [
            ("ssss", False),  # never failed
            ("ffff", False),  # never passed: broken, not flaky
            ("sf", True),
            ("fs", True),
            ("fssss", True),  # four passes since
            ("fsssss", False),  # five passes clear it
            ("fsssssf", True),  # and a failure brings it back
            ("sisis", False),  # the infrastructure's failures never count
            ("fissss", True),  # nor do they interrupt the passes
            ("fsisssis", False),
        ],
    )
    def test_it_passed_and_failed_on_the_same_definition(self, pattern: str, is_flaky: bool) -> None:
        assert bool(compute_trends(history(pattern)).flaky) is is_flaky

    @pytest.mark.parametrize(
        "change",
        [
            {"definition": None},
            {"failureClass": None},
            {"owner": "Platform"},
            {"definition": {"digest": "d1", "parametersDigest": "other"}},
            {"definition": {"digest": "d2", "parametersDigest": "p1"}},
        ],
        ids=str,
    )
    def test_what_is_unknown_or_different_is_not_called_flaky(self, change: dict[str, Any]) -> None:
        assert compute_trends([a_run(1, failed="ExitCode", **change), a_run(2)]).flaky == ()

    def test_it_names_what_failed_and_how_often(self) -> None:
        found = compute_trends(history("sfsffs")).flaky[0]
        assert (found.origin, found.runs, found.failed, found.flips) == ("CronWorkflow/etl", 6, 3, 4)
        assert (found.steps, found.passes_since, found.definition) == (("work",), 1, "d1")

    def test_the_number_of_runs_among_which_was_looked(self) -> None:
        assert compute_trends(history("ssif")).flaky_runs == 3

    @given(pattern=st.text("sfi", min_size=1, max_size=30))
    def test_it_is_what_the_definition_says(self, pattern: str) -> None:
        counted = pattern.replace("i", "")
        passes = len(counted) - len(counted.rstrip("s"))
        expected = "s" in counted and "f" in counted and passes < CLEARING_PASSES
        assert bool(compute_trends(history(pattern)).flaky) is expected


def remediated(
    number: int, outcome: str, *, ref: str, failed: str | None = "OOMKilled", action: str = "RaiseMemory"
) -> Any:
    return a_run(
        number, failed=failed, remediation={"last": {"remediationRef": ref, "action": action, "outcome": outcome}}
    )


class TestRemediations:
    def test_which_helped_by_action_and_class(self) -> None:
        runs = [
            remediated(1, "RunSucceeded", ref="r1"),
            remediated(2, "RunSucceeded", ref="r1", failed=None),  # the run that it made: the same remediation
            remediated(3, "RunFailed", ref="r2"),
            remediated(4, "OutcomeAwaited", ref="r3"),
            remediated(5, "RunSucceeded", ref="r4", failed="Evicted", action="Resubmit"),
        ]
        assert compute_trends(runs).remediations == (
            RemediationTrend("RaiseMemory", "OOMKilled", 3, 1, 1, 1),
            RemediationTrend("Resubmit", "Evicted", 1, 1, 0, 0),
        )

    def test_the_class_is_empty_if_the_report_of_the_failure_is_gone(self) -> None:
        assert (
            compute_trends([remediated(1, "RunSucceeded", ref="r1", failed=None)]).remediations[0].failure_class == ""
        )
