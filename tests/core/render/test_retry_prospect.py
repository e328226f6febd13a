"""What is said of a retry is certain only if nothing would be different."""

from __future__ import annotations

import pytest

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.report import Failure
from wfreport.core.render.sentences import retry_prospect


def a_platform_failure(
    failure_class: FailureClass, *, reason: str | None = None, message: str | None = None
) -> Failure:
    return Failure(
        role=Role.ROOT_CAUSE,
        failure_class=failure_class,
        owner=Owner.PLATFORM,
        retryable=True,
        confidence=Confidence.HIGH,
        reason=reason,
        message=message,
    )


@pytest.mark.parametrize(
    ("failure_class", "retryable", "can_retry", "expected"),
    [
        (FailureClass.NODE_LOST, True, True, "retry may help"),
        (FailureClass.NODE_LOST, True, False, "a new run may help"),
        (FailureClass.EXIT_CODE, False, True, "a retry alone is unlikely to help"),
        (FailureClass.TEMPLATE_ERROR, False, True, "a retry alone will not help"),
        (FailureClass.TEMPLATE_ERROR, False, False, "a new run alone will not help"),
    ],
)
def test_an_exit_code_makes_a_retry_unlikely_to_help_and_no_more(
    failure_class: FailureClass, retryable: bool, can_retry: bool, expected: str
) -> None:
    failure = Failure(
        role=Role.ROOT_CAUSE,
        failure_class=failure_class,
        owner=Owner.USER,
        retryable=retryable,
        confidence=Confidence.LOW,
    )
    assert retry_prospect(failure, can_retry=can_retry) == expected


def test_a_retry_does_not_run_the_step_whose_result_is_lost() -> None:
    failure = a_platform_failure(FailureClass.CONTROLLER_ERROR, reason="TaskResultLost")
    assert (
        retry_prospect(failure, can_retry=True)
        == "a new run may help; a retry would not run the step whose result is lost"
    )


def test_a_retry_needs_the_room_in_the_quota_that_it_lacked() -> None:
    failure = a_platform_failure(
        FailureClass.QUOTA_EXCEEDED,
        message='pods "wf-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
    )
    assert retry_prospect(failure, can_retry=True) == "retry may help once there is room in the quota"
    assert retry_prospect(failure, can_retry=False) == "a new run may help once there is room in the quota"
