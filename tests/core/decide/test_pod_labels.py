"""Failed pods are labelled separately, immediately and once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.core.decide.builders import END, UID, a_failure, a_policy, a_report, live_state_of

from wfreport.core.decide.expressions import instructions_of
from wfreport.core.decide.model import History
from wfreport.core.decide.pod_labels import PodLabels, pods_to_label

QUARANTINE = {"name": "keep", "match": {}, "labelPods": {"labels": {"keep": "true"}}}


def labelled(report: Any = None, *policies: Any, **live: Any) -> list[PodLabels]:
    report = report or a_report()
    return pods_to_label(report, live_state_of(report, **live), policies or (a_policy(QUARANTINE),), History())


def test_a_failed_pod_is_labelled() -> None:
    (labels,) = labelled()
    assert (labels.pod_name, labels.pod_uid, labels.labels) == ("etl-transform-1", "pod-1", {"keep": "true"})
    assert (labels.rule, labels.policy.metadata.name, labels.failure.failure_class) == ("keep", "batch", "OOMKilled")


def test_a_pod_is_labelled_while_the_run_is_in_progress() -> None:
    report = a_report("etl", UID, a_failure(role="Tolerated"), phase="Running")
    assert len(labelled(report)) == 1


def test_rules_are_applied_to_each_pod_separately() -> None:
    policy = a_policy(
        {"name": "oom", "match": {"classes": ["OOMKilled"]}, "labelPods": {}},
        {"name": "left", "match": {"classes": ["Evicted"]}, "action": {"none": {}}},
        QUARANTINE,
    )
    failures = [
        a_failure(podName=f"p-{name}", podUid=name, **{"class": name}) for name in ("OOMKilled", "Evicted", "ExitCode")
    ]
    assert [(labels.pod_name, labels.rule) for labels in labelled(a_report("etl", UID, *failures), policy)] == [
        ("p-OOMKilled", "oom"),
        ("p-ExitCode", "keep"),
    ]


@pytest.mark.parametrize(
    "failure",
    [
        {"podName": None},
        {"podUid": None},
        {"class": "Cancelled"},
        {"role": "Victim"},
        {"labelled": ["keep", "wfreport.dev/failure-class"]},
    ],
    ids=str,
)
def test_some_pods_are_not_labelled(failure: dict[str, Any]) -> None:
    assert labelled(a_report("etl", UID, a_failure(**failure))) == []


def test_a_pod_with_all_labels_is_not_labelled_again() -> None:
    assert labelled(a_report("etl", UID, a_failure(labelled=["keep"]))) == []


def test_a_pod_that_lacks_a_label_is_labelled_again() -> None:
    assert len(labelled(a_report("etl", UID, a_failure(labelled=["wfreport.dev/failure-class"])))) == 1
    plain = a_policy({"name": "own", "match": {}, "labelPods": {}})
    assert labelled(a_report("etl", UID, a_failure(labelled=["wfreport.dev/failure-class"])), plain) == []
    assert len(labelled(None, plain)) == 1
    assert labelled(None, plain)[0].labels == {}


@pytest.mark.parametrize(
    "policies",
    [
        [a_policy(QUARANTINE, suspended=True)],
        [a_policy(QUARANTINE, pauseRequests=["x"])],
        [a_policy(QUARANTINE), a_policy(QUARANTINE, name="rival")],
        [a_policy(QUARANTINE, selector={"matchLabels": {"team": "web"}})],
        [a_policy()],
        [a_policy(QUARANTINE, enforced_since=END + timedelta(seconds=1))],
    ],
    ids=["suspended", "paused", "in conflict", "not selected", "no labels stated", "failed before"],
)
def test_some_policies_label_nothing(policies: list[Any]) -> None:
    assert labelled(None, *policies) == []


def test_pods_that_failed_since_the_enforcement_are_labelled() -> None:
    assert len(labelled(None, a_policy(QUARANTINE, enforced_since=END))) == 1
    unknown = a_report("etl", UID, a_failure(finishedAt=None))
    assert len(labelled(unknown, a_policy(QUARANTINE, enforced_since=END))) == 1


def test_an_opt_out_prevents_labels() -> None:
    assert labelled(is_opted_out=True) == []


def test_a_run_without_failures_has_no_pods_to_label() -> None:
    assert labelled(a_report(phase="Running")) == []
    empty = a_report().model_copy(update={"status": None})
    assert pods_to_label(empty, live_state_of(a_report()), (a_policy(QUARANTINE),), History()) == []


def test_pods_are_labelled_as_far_as_the_expressions_can_be_searched_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfreport.core.decide.pod_labels.MAX_STEPS", 3_000_000)
    expression = r"\b(a|b)*a(a|b){600}\b!"
    slow = {"name": "slow", "match": {"logRegex": expression}, "action": {"none": {}}}
    tail = {"text": "ab" * 250, "lines": 1, "bytes": 500}
    failures = [a_failure(podName=f"p-{n}", podUid=f"{n}", logTail=tail) for n in range(9)]
    expected = 3_000_000 // (instructions_of(expression) * 500)
    assert 0 < expected < len(failures)
    assert len(labelled(a_report("etl", UID, *failures), a_policy(slow, QUARANTINE))) == expected
    assert len(labelled(a_report("etl", UID, *failures))) == len(failures)
