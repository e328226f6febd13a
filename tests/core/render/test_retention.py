"""Retention of reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from wfreport.core.render.retention import FinishedReport, RetentionRule, expires_at, may_expire_at

ENDED = datetime(2026, 11, 1, tzinfo=UTC)
RULES = TypeAdapter(tuple[RetentionRule, ...]).validate_json(
    """[
    {"keep": "forever", "labels": {"audit": "yes"}},
    {"keep": "1h", "namespaces": ["ci-*", "sandbox"]},
    {"keep": "7d", "phases": ["Succeeded"]},
    {"keep": "180d", "phases": ["Failed", "Error"], "labels": {"tier": "prod"}},
    {"keep": "30d"}
    ]"""
)


def report(
    phase: str = "Failed",
    *,
    namespace: str = "team-a",
    automatic: bool = True,
    pinned: bool = False,
    ttl_seconds: int | None = None,
    **labels: str,
) -> FinishedReport:
    return FinishedReport(namespace, phase, ENDED, automatic, pinned, ttl_seconds, labels)


@pytest.mark.parametrize(
    ("finished", "kept"),
    [
        pytest.param(report("Succeeded"), timedelta(days=7), id="by phase"),
        pytest.param(report(tier="prod"), timedelta(days=180), id="by phase and label"),
        pytest.param(report(tier="dev"), timedelta(days=30), id="a label that differs: the next rule"),
        pytest.param(report("Deleted", tier="prod"), timedelta(days=30), id="deleted before its end"),
        pytest.param(report(namespace="ci-7"), timedelta(hours=1), id="by a pattern of namespaces"),
        pytest.param(report("Succeeded", namespace="sandbox"), timedelta(hours=1), id="the first that matches"),
        pytest.param(report(namespace="my-ci-7"), timedelta(days=30), id="a pattern is of the whole name"),
        pytest.param(report(namespace="ci-7", audit="yes"), None, id="for ever, by a rule before"),
        pytest.param(report(ttl_seconds=60), timedelta(seconds=60), id="its own ttl goes before all rules"),
        pytest.param(report(ttl_seconds=0, audit="yes"), timedelta(0), id="also before one that keeps it for ever"),
        pytest.param(report(ttl_seconds=60, pinned=True), None, id="pinned goes before its ttl"),
        pytest.param(report(automatic=False), None, id="a user's is theirs"),
        pytest.param(report(automatic=False, ttl_seconds=60), timedelta(seconds=60), id="unless it has a ttl"),
    ],
)
def test_a_report_is_kept_as_long_as_the_first_rule_says(finished: FinishedReport, kept: timedelta | None) -> None:
    assert expires_at(finished, RULES) == (ENDED + kept if kept is not None else None)


def test_without_rules_a_report_is_kept_for_ever() -> None:
    assert expires_at(report(), ()) is None
    assert expires_at(report(), (RetentionRule(keep=timedelta(days=999_999)),)) is None


reports = st.builds(
    FinishedReport,
    namespace=st.sampled_from(["ci-1", "sandbox", "team-a"]),
    phase=st.sampled_from(["Succeeded", "Failed", "Error", "Deleted"]),
    ended_at=st.just(ENDED),
    automatic=st.booleans(),
    pinned=st.booleans(),
    ttl_seconds=st.none() | st.integers(0, 10_000_000),
    labels=st.dictionaries(st.sampled_from(["audit", "tier"]), st.sampled_from(["yes", "prod"])),
)
rules = st.lists(
    st.builds(
        RetentionRule,
        keep=st.sampled_from(["1h", "30d", "forever"]),
        phases=st.lists(st.sampled_from(["Succeeded", "Failed", "Error", "Deleted"]), max_size=2).map(tuple),
        namespaces=st.lists(st.sampled_from(["ci-*", "team-a"]), max_size=1).map(tuple),
        labels=st.dictionaries(st.sampled_from(["audit", "tier"]), st.sampled_from(["yes", "prod"]), max_size=1),
    ),
    max_size=4,
)


@given(reports, rules)
def test_what_is_known_without_labels_never_comes_after_the_expiry(
    finished: FinishedReport, given_rules: list[RetentionRule]
) -> None:
    exact, earliest = expires_at(finished, given_rules), may_expire_at(finished, given_rules)
    if exact is not None:
        assert earliest is not None
        assert earliest <= exact
