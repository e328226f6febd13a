"""Whether an action without a trace was never performed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.core.record.builders import NOW, a_remediation, with_status

from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import RemediationStatus
from wfreport.core.record.freshness import INTENT_FRESH, is_fresh_intent


@pytest.mark.parametrize(
    ("age", "ttl", "expected"),
    [
        (timedelta(minutes=14), None, True),
        (INTENT_FRESH, None, False),
        (timedelta(seconds=59), {"secondsAfterSuccess": 60}, True),
        (timedelta(seconds=61), {"secondsAfterSuccess": 60, "secondsAfterFailure": 9999}, False),
        (timedelta(minutes=14), {"secondsAfterCompletion": 9999}, True),
    ],
)
def test_an_intent_is_fresh_for_as_long_as_argo_keeps_the_run_it_might_have_created(
    age: timedelta, ttl: dict[str, int] | None, expected: bool
) -> None:
    workflow = {"spec": {"ttlStrategy": ttl}}
    assert is_fresh_intent(a_remediation(), workflow, NOW + age) == expected
    by_template = {"spec": {}, "status": {"storedWorkflowTemplateSpec": {"ttlStrategy": ttl}}}
    assert is_fresh_intent(a_remediation(), by_template, NOW + age) == expected


@pytest.mark.parametrize("odd", ["x", 7, [], ["x"], None, {"ttlStrategy": "x"}, {"ttlStrategy": [1]}])
def test_a_workflow_of_another_form_is_taken_for_one_without_a_ttl(odd: object) -> None:
    for workflow in ({"spec": odd, "status": odd}, {}, {"status": {"storedWorkflowTemplateSpec": odd}}):
        assert is_fresh_intent(a_remediation(), workflow, NOW + timedelta(minutes=14))
        assert not is_fresh_intent(a_remediation(), workflow, NOW + INTENT_FRESH)


def test_an_approved_intent_is_fresh_since_its_approval() -> None:
    hour_later = NOW + timedelta(hours=1)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=hour_later)
    approved_late = with_status(a_remediation(), RemediationStatus(conditions=[approved]))
    assert is_fresh_intent(approved_late, {"spec": {}}, hour_later + timedelta(minutes=1))
    unneeded = approved.model_copy(update={"reason": RemediationReason.APPROVAL_NOT_REQUIRED})
    assert not is_fresh_intent(
        with_status(approved_late, RemediationStatus(conditions=[unneeded])), {"spec": {}}, hour_later
    )
    unborn = approved_late.model_copy(update={"metadata": ObjectMetadata(name="etl-1")})
    assert not is_fresh_intent(unborn, {"spec": {}}, NOW)
