"""What a policy says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.core.decide.builders import a_policy
from tests.core.record.builders import LATER, NOW, told, with_status

from wfreport.api.policy import PolicyStatus
from wfreport.api.reasons import PolicyReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.breaker import Breaker, BreakerState
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.policy_status import Judgement, policy_counts, policy_status, policy_verdict_of


def status_of(policy: Any, judgement: Judgement = Judgement(), at: datetime = NOW) -> PolicyStatus:  # noqa: B008
    return policy_status(policy, judgement, policy_counts("p", (), ()), at)


OPEN = Breaker(BreakerState.OPEN, allows=False, reason=PolicyReason.TOO_MANY_FAILURES, message="20 of 40 failed")


@pytest.mark.parametrize(
    ("policy", "judgement", "ready", "allowed"),
    [
        (a_policy(), Judgement(), ("True", "PolicyValid"), ("True", "Allowed")),
        (a_policy(mode="DryRun"), Judgement(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(mode="Observe"), Judgement(), ("True", "PolicyValid"), ("False", "NotEnforced")),
        (a_policy(), Judgement(problem="spec.x: y"), ("False", "PolicyInvalid"), ("False", "PolicyInvalid")),
        (a_policy(), Judgement(missing="create"), ("False", "RightsMissing"), ("False", "RightsMissing")),
        (a_policy(suspended=True), Judgement(), ("True", "PolicyValid"), ("False", "PolicySuspended")),
        (a_policy(pauseRequests=["upgrade"]), Judgement(), ("True", "PolicyValid"), ("False", "PolicyPaused")),
        (a_policy(), Judgement(breaker=OPEN), ("True", "PolicyValid"), ("False", "TooManyFailures")),
    ],
)
def test_a_policy_says_whether_it_is_valid_and_whether_it_may_act(
    policy: Any, judgement: Judgement, ready: tuple[str, str], allowed: tuple[str, str]
) -> None:
    conditions = told(status_of(policy, judgement))
    assert conditions["Ready"] == ready
    assert conditions["RemediationAllowed"] == allowed
    assert conditions["BreakerOpen"][0] == ("True" if judgement.breaker is OPEN else "False")


def test_since_when_it_acts_is_kept_and_begins_anew_after_it_only_tried() -> None:
    first = status_of(a_policy())
    assert first.enforced_since == NOW
    assert status_of(with_status(a_policy(), first), at=LATER).enforced_since == NOW
    assert status_of(with_status(a_policy(), first), at=LATER).dump() == first.dump()
    tried = status_of(with_status(a_policy(mode="DryRun"), first), at=LATER)
    assert tried.enforced_since is None
    assert status_of(with_status(a_policy(), tried), at=LATER).enforced_since == LATER
    assert status_of(with_status(a_policy(), first), Judgement(problem="x")).enforced_since is None


def test_conflicts_are_said() -> None:
    assert told(status_of(a_policy(), Judgement(is_conflicted=True)))["Conflicted"] == ("True", "SamePriority")


def test_a_run_that_no_policy_is_for_counts_for_none() -> None:
    decision = Decision(LockClass.MUTATE, "NoPolicy", "none", Run("data", "etl", "u-1"))
    assert policy_verdict_of(decision, Enforcement(EnforcementAction.HOLD)) is None
