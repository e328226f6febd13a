"""What the class of a failure means, without the alternatives that the failure itself rules out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.next_steps.runs import a_failure

from wfreport.api.classes import CLASS_MEANINGS, FailureClass, Owner
from wfreport.core.render.meanings import class_meaning, reason_beyond_class, reason_meaning


@pytest.mark.parametrize(
    ("failure_class", "fields", "expected"),
    [
        (FailureClass.EVICTED, {"owner": Owner.INFRASTRUCTURE}, "The kubelet evicted the pod: the machine ran short."),
        (FailureClass.EVICTED, {"owner": Owner.USER}, "The kubelet evicted the pod: it exceeded its storage limit."),
        (FailureClass.ARTIFACT_IO, {"container": "init"}, "An input could not be loaded."),
        (FailureClass.ARTIFACT_IO, {"container": "wait"}, "An output could not be saved."),
        (FailureClass.ARTIFACT_IO, {"container": "main"}, CLASS_MEANINGS[FailureClass.ARTIFACT_IO]),
        (FailureClass.EXIT_CODE, {"exit_code": 2}, "The step's program ended with an exit code other than 0."),
        (FailureClass.EXIT_CODE, {"exit_code": 0}, CLASS_MEANINGS[FailureClass.EXIT_CODE]),
        (FailureClass.EXIT_CODE, {"reason": "HTTPError"}, CLASS_MEANINGS[FailureClass.EXIT_CODE]),
        (
            FailureClass.QUOTA_EXCEEDED,
            {"message": "exceeded quota: q, used: pods=1"},
            "A ResourceQuota is used up.",
        ),
        (FailureClass.QUOTA_EXCEEDED, {}, CLASS_MEANINGS[FailureClass.QUOTA_EXCEEDED]),
        (FailureClass.OOM_KILLED, {}, CLASS_MEANINGS[FailureClass.OOM_KILLED]),
    ],
)
def test_a_meaning_leaves_out_what_the_failure_rules_out(
    failure_class: FailureClass, fields: dict[str, Any], expected: str
) -> None:
    assert class_meaning(a_failure(failure_class, **fields)) == expected


@pytest.mark.parametrize(
    ("failure_class", "reason", "telling", "is_explained"),
    [
        (FailureClass.CONFIG_ERROR, "Forbidden", "Forbidden", True),
        (FailureClass.EXIT_CODE, "Error", "", False),
        (FailureClass.EXIT_CODE, None, "", False),
        (FailureClass.EVICTED, "Evicted", "", False),
        (FailureClass.QUOTA_EXCEEDED, "QuotaExceeded", "", False),
        (FailureClass.NODE_LOST, "NodeShutdown", "NodeShutdown", False),
    ],
)
def test_a_reason_is_shown_if_it_says_more_than_the_class(
    failure_class: FailureClass, reason: str | None, telling: str, is_explained: bool
) -> None:
    failure = a_failure(failure_class, reason=reason)
    assert reason_beyond_class(failure) == telling
    assert bool(reason_meaning(failure)) == is_explained
