"""The status of a policy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.core.decide.builders import a_policy
from tests.core.record.builders import LATER, NOW, conditions_of, with_status

from wfreport.api.policy import PolicyStatus
from wfreport.api.reasons import PolicyReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.breaker import Breaker, BreakerState
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.policy_status import PolicyCheck, policy_counts, policy_status, policy_verdict_of


def status_of(policy: Any, check: PolicyCheck = PolicyCheck(), at: datetime = NOW) -> PolicyStatus:  # noqa: B008
    return policy_status(policy, check, policy_counts("p", (), ()), at)


OPEN = Breaker(BreakerState.OPEN, allows=False, reason=PolicyReason.TOO_MANY_FAILURES, message="20 of 40 failed")


@pytest.mark.parametrize(
    ("policy", "check", "ready", "allowed"),
    [
        (a_policy(), PolicyCheck(), ("True", "PolicyValid"), ("True", "Allowed")),
        (a_policy(mode="DryRun"), PolicyCheck(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(mode="Observe"), PolicyCheck(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(), PolicyCheck(problem="spec.x: y"), ("False", "PolicyInvalid"), ("False", "PolicyInvalid")),
        (a_policy(), PolicyCheck(missing_rights="create"), ("False", "RightsMissing"), ("False", "RightsMissing")),
        (a_policy(suspended=True), PolicyCheck(), ("True", "PolicyValid"), ("False", "PolicySuspended")),
        (a_policy(pauseRequests=["upgrade"]), PolicyCheck(), ("True", "PolicyValid"), ("False", "PolicyPaused")),
        (a_policy(), PolicyCheck(breaker=OPEN), ("True", "PolicyValid"), ("False", "TooManyFailures")),
    ],
)
def test_conditions_show_whether_a_policy_is_valid_and_may_act(
    policy: Any, check: PolicyCheck, ready: tuple[str, str], allowed: tuple[str, str]
) -> None:
    conditions = conditions_of(status_of(policy, check))
    assert conditions["Ready"] == ready
    assert conditions["RemediationAllowed"] == allowed
    assert conditions["BreakerOpen"][0] == ("True" if check.breaker is OPEN else "False")


def test_enforced_since_is_stable_until_the_policy_becomes_passive() -> None:
    first = status_of(a_policy())
    assert first.enforced_since == NOW
    assert status_of(with_status(a_policy(), first), at=LATER).enforced_since == NOW
    assert status_of(with_status(a_policy(), first), at=LATER).dump() == first.dump()
    passive = status_of(with_status(a_policy(mode="DryRun"), first), at=LATER)
    assert passive.enforced_since is None
    assert status_of(with_status(a_policy(), passive), at=LATER).enforced_since == LATER
    assert status_of(with_status(a_policy(), first), PolicyCheck(problem="x")).enforced_since is None


def test_a_conflict_is_a_condition() -> None:
    assert conditions_of(status_of(a_policy(), PolicyCheck(is_conflicted=True)))["Conflicted"] == (
        "True",
        "SamePriority",
    )


def test_a_run_without_a_policy_counts_for_none() -> None:
    decision = Decision(LockClass.MUTATE, "NoPolicy", "none", Run("data", "etl", "u-1"))
    assert policy_verdict_of(decision, Enforcement(EnforcementAction.HOLD)) is None
