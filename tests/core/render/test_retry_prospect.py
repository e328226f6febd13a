"""What is said of a retry is certain only if nothing would be different."""

from __future__ import annotations

import pytest

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.report import Failure
from wfreport.core.render.sentences import retry_prospect


@pytest.mark.parametrize(
    ("failure_class", "retryable", "expected"),
    [
        (FailureClass.NODE_LOST, True, "retry may help"),
        (FailureClass.EXIT_CODE, False, "a retry alone is unlikely to help"),
        (FailureClass.TEMPLATE_ERROR, False, "a retry alone will not help"),
    ],
)
def test_an_exit_code_makes_a_retry_unlikely_to_help_and_no_more(
    failure_class: FailureClass, retryable: bool, expected: str
) -> None:
    failure = Failure(
        role=Role.ROOT_CAUSE,
        failure_class=failure_class,
        owner=Owner.USER,
        retryable=retryable,
        confidence=Confidence.LOW,
    )
    assert retry_prospect(failure) == expected


def test_a_retry_does_not_run_the_step_whose_result_is_lost() -> None:
    failure = Failure(
        role=Role.ROOT_CAUSE,
        failure_class=FailureClass.CONTROLLER_ERROR,
        reason="TaskResultLost",
        owner=Owner.PLATFORM,
        retryable=True,
        confidence=Confidence.HIGH,
    )
    assert retry_prospect(failure) == "a new run may help; a retry would not run the step whose result is lost"
