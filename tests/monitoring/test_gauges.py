"""Counters that alerts read start at 0, and the gauge of circuit breakers counts those that are not closed."""

from __future__ import annotations

import asyncio

import pytest

from wfreport.cache.policies import PolicyCache
from wfreport.metrics import Metrics
from wfreport.remediation.policies import read_cached_policy


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("wfreport_runs_ended_total", {"phase": "Failed"}),
        ("wfreport_resync_repairs_total", {"kind": "unreported"}),
        ("wfreport_event_loop_blocked_total", {"controller": "other"}),
        ("wfreport_reconciles_abandoned_total", {"controller": "report"}),
        ("wfreport_remediations_total", {"action": "Retry", "reason": "NotPermitted"}),
        ("wfreport_remediation_outcomes_total", {"action": "Resubmit", "reason": "RunFailed"}),
    ],
)
def test_a_counter_that_an_alert_reads_starts_at_0(name: str, labels: dict[str, str]) -> None:
    assert Metrics().registry.get_sample_value(name, labels) == 0


def test_a_new_template_starts_at_0_and_the_pairs_stay_bounded() -> None:
    metrics = Metrics(max_templates=1)
    own = metrics.run_labels.of("data", "etl")
    metrics.runs_ended.labels("Failed", *own).inc()
    assert metrics.run_labels.of("data", "other-one") == ("other", "other")
    values = [
        metrics.registry.get_sample_value(
            "wfreport_runs_ended_total", {"phase": phase, "namespace": namespace, "template": template}
        )
        for phase, namespace, template in (
            ("Failed", "data", "etl"),
            ("Succeeded", "data", "etl"),
            ("Error", "other", "other"),
            ("Failed", "data", "other-one"),
        )
    ]
    assert values == [1, 0, 0, None]


def test_breakers_that_are_not_closed_are_counted() -> None:
    policies = PolicyCache(50)
    for name, state in {"a": "Open", "b": "HalfOpen", "c": "Closed", "d": None}.items():
        rule = {"name": "lost", "match": {"classes": ["NodeLost"]}, "action": {"resubmit": {}}}
        document = {
            "metadata": {"namespace": "data", "name": name},
            "spec": {"selector": {"matchLabels": {"team": "data"}}, "rules": [rule]},
            "status": {"breaker": state} if state else {},
        }
        policies.put(("data", name), asyncio.run(read_cached_policy(document)))
    assert policies.open_breakers() == 2
