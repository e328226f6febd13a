"""Whether an act of which there is no trace was never done."""

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
def test_an_intent_is_fresh_for_as_long_as_a_run_that_it_made_would_still_be_there(
    age: timedelta, ttl: dict[str, int] | None, expected: bool
) -> None:
    workflow = {"spec": {"ttlStrategy": ttl}}
    assert is_fresh_intent(a_remediation(), workflow, NOW + age) == expected
    by_template = {"spec": {}, "status": {"storedWorkflowTemplateSpec": {"ttlStrategy": ttl}}}
    assert is_fresh_intent(a_remediation(), by_template, NOW + age) == expected


def test_an_intent_that_a_person_approved_is_fresh_from_then_on() -> None:
    hour_later = NOW + timedelta(hours=1)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=hour_later)
    asked = with_status(a_remediation(), RemediationStatus(conditions=[approved]))
    assert is_fresh_intent(asked, {"spec": {}}, hour_later + timedelta(minutes=1))
    unneeded = approved.model_copy(update={"reason": RemediationReason.APPROVAL_NOT_REQUIRED})
    assert not is_fresh_intent(with_status(asked, RemediationStatus(conditions=[unneeded])), {"spec": {}}, hour_later)
    unborn = asked.model_copy(update={"metadata": ObjectMetadata(name="etl-1")})
    assert not is_fresh_intent(unborn, {"spec": {}}, NOW)
