"""Checks whether the operator has the rights that a policy needs."""

from collections.abc import Callable
from typing import Final

from wfreport.api.policy import RemediationPolicy
from wfreport.cache.policies import CachedPolicy
from wfreport.core.record.rights import Right, missing_rights_message, needed_rights
from wfreport.kube.access import Access
from wfreport.kube.objects import NamespacedName

RECHECK_SECONDS: Final = 300
MISSING_SECONDS: Final = 20
"""Interval of checks while a right is missing: it is likely to be granted soon, and no event reports that."""

NO_LEASE: Final = "actions require a Lease: set WFREPORT_LEADER_ELECTION and WFREPORT_LEASE_NAMESPACE"


class RightsChecker:
    """Asks the API server for the rights of the operator, at intervals."""

    def __init__(self, access: Access, *, has_lease: bool, clock: Callable[[], float]) -> None:
        """``has_lease`` is whether leader election is on, which actions require as they require rights."""
        self._access = access
        self._has_lease = has_lease
        self._clock = clock
        self._recheck_at: dict[NamespacedName, float] = {}

    async def missing(self, policy: RemediationPolicy, before: CachedPolicy | None, *, now: bool) -> str | None:
        """Return a message that names the missing rights, or None if the policy may act.

        Args:
            policy: the policy.
            before: the cached version, with the result of the last check.
            now: whether to check even if that result is recent and the spec has not changed.

        Raises:
            ApiError: a request failed.
        """
        key = (policy.metadata.namespace, policy.metadata.name)
        is_same = before and before.checked and before.policy and before.policy.spec == policy.spec
        if before and is_same and not now and self._clock() < self._recheck_at.get(key, 0.0):
            return before.missing
        missing = await self._check(policy)
        self._recheck_at[key] = self._clock() + recheck_seconds(missing)
        return missing

    def forget(self, key: NamespacedName) -> None:
        """Forget a deleted policy."""
        self._recheck_at.pop(key, None)

    async def _check(self, policy: RemediationPolicy) -> str | None:
        needed = needed_rights(policy.spec)
        if needed and not self._has_lease:
            return NO_LEASE
        lacking = [right for right in needed if not await self._is_allowed(policy.metadata.namespace, right)]
        return missing_rights_message(policy.spec, lacking) if lacking else None

    async def _is_allowed(self, namespace: str, right: Right) -> bool:
        return await self._access.is_allowed(namespace, verb=right.verb, group=right.group, resource=right.resource)


def recheck_seconds(missing: str | None) -> float:
    """Return the seconds until the rights of a policy are checked again."""
    return MISSING_SECONDS if missing else RECHECK_SECONDS
