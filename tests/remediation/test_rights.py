"""When the rights that a policy needs are checked again, and what is remembered of policies that are gone."""

from __future__ import annotations

from typing import Any

from tests.remediation.documents import RESUBMIT, policy_document

from wfreport.api.policy import RemediationPolicy
from wfreport.cache.policies import CachedPolicy
from wfreport.remediation.rights import RightsChecker


class CountingAccess:
    """An API server that allows everything."""

    def __init__(self) -> None:
        self.asked = 0

    async def is_allowed(self, *_: Any, **__: Any) -> bool:
        self.asked += 1
        return True


async def test_the_check_of_a_deleted_policy_is_forgotten() -> None:
    access: Any = CountingAccess()
    checker = RightsChecker(access, has_lease=True, clock=lambda: 0)
    document = policy_document(RESUBMIT, namespace="ns")
    policy = RemediationPolicy.model_validate(document)
    checked = CachedPolicy(document, policy, checked=True)

    async def asked() -> int:
        before = access.asked
        await checker.missing(policy, checked, now=False)
        return int(access.asked - before)

    assert await asked() > 0
    assert await asked() == 0, "the last check is recent"
    checker.forget(("ns", "p"))
    assert await asked() > 0
    checker.forget(("ns", "unknown"))
