"""Cached policies, by namespace. A namespace has a maximum of them that are in force: the oldest ones.

Each policy in force costs a decision about every run, and a check of its expressions. What one namespace may have is
therefore bounded, whatever its users create; of the others only the metadata is kept.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any

from msgspec import Struct

from wfreport.api.policy import RemediationPolicy
from wfreport.core.decide.breaker import BreakerState
from wfreport.core.decide.selection import ACTING_MODES
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of


class CachedPolicy(Struct, frozen=True):
    """A policy, and whether the operator may perform its actions.

    Attributes:
        document: the policy as the API server sent it.
        policy: the decoded policy; None if it is invalid.
        problem: why it is invalid, or not in force; None if it is valid.
        missing: permissions that the operator lacks for its actions; None if none are missing, once ``checked``.
        checked: whether the permissions were checked for this generation.
        is_ignored: whether it was beyond the maximum of its namespace when it was cached.
    """

    document: Mapping[str, Any]
    policy: RemediationPolicy | None
    problem: str | None = None
    missing: str | None = None
    checked: bool = False
    is_ignored: bool = False

    @property
    def resource_version(self) -> str:
        """Return the resourceVersion, or an empty string."""
        return str(self.document["metadata"].get("resourceVersion", ""))

    @property
    def may_enforce(self) -> bool:
        """Return whether the policy is enforced by its mode and status, and no permission is missing."""
        policy = self.policy
        if policy is None or not self.checked or self.missing or policy.spec.mode not in ACTING_MODES:
            return False
        status = policy.status
        return bool(status and status.enforced_since and status.observed_generation == policy.metadata.generation)


class PolicyCache:
    """All RemediationPolicies, by namespace: a question about a namespace costs what that namespace has.

    Args:
        per_namespace: most policies of a namespace that are in force.
    """

    def __init__(self, per_namespace: int) -> None:
        self.per_namespace = per_namespace
        self._policies: dict[str, dict[NamespacedName, CachedPolicy]] = {}
        self._valid: dict[str, tuple[RemediationPolicy, ...]] = {}
        self._oldest: dict[str, list[tuple[str, str]]] = {}
        self._created_at: dict[NamespacedName, str] = {}

    def __iter__(self) -> Iterator[NamespacedName]:
        """Iterate over a copy of the policies' names."""
        return iter([key for policies in self._policies.values() for key in policies])

    def get(self, key: NamespacedName) -> CachedPolicy | None:
        """Return a policy, or None."""
        return self._policies.get(key[0], {}).get(key)

    def place(self, key: NamespacedName, created_at: str) -> NamespacedName | None:
        """Order a policy among those of its namespace by its creation; return a policy that it displaces.

        The time is compared as the API server wrote it, which always has the same form.
        """
        if self._created_at.get(key) == created_at:
            return None
        self._displace(key)
        self._valid.pop(key[0], None)
        self._created_at[key] = created_at
        oldest = self._oldest.setdefault(key[0], [])
        insort(oldest, (created_at, key[1]))
        if len(oldest) <= self.per_namespace or not self.is_in_force(key):
            return None
        return key[0], oldest[self.per_namespace][1]

    def is_in_force(self, key: NamespacedName) -> bool:
        """Return whether a policy that was placed is one of the oldest of its namespace."""
        oldest = self._oldest.get(key[0], [])
        return bisect_left(oldest, (self._created_at.get(key, ""), key[1])) < self.per_namespace

    def admitted(self, namespace: str) -> list[NamespacedName]:
        """Return the policies that were ignored when they were cached, and now are in force."""
        keys = [(namespace, name) for _, name in islice(self._oldest.get(namespace, ()), self.per_namespace)]
        return [key for key in keys if (cached := self.get(key)) is not None and cached.is_ignored]

    def put(self, key: NamespacedName, policy: CachedPolicy) -> None:
        """Add or replace a policy."""
        if key not in self._created_at:
            self.place(key, created_at_of(policy.document))
        self._policies.setdefault(key[0], {})[key] = policy
        self._valid.pop(key[0], None)

    def remove(self, key: NamespacedName) -> CachedPolicy | None:
        """Forget a policy, and return it."""
        self._valid.pop(key[0], None)
        self._displace(key)
        of_namespace = self._policies.get(key[0], {})
        removed = of_namespace.pop(key, None)
        if not of_namespace:
            self._policies.pop(key[0], None)
        return removed

    def _displace(self, key: NamespacedName) -> None:
        """Undo ``place``."""
        created_at = self._created_at.pop(key, None)
        if created_at is None:
            return
        oldest = self._oldest[key[0]]
        del oldest[bisect_left(oldest, (created_at, key[1]))]
        if not oldest:
            del self._oldest[key[0]]

    def has_version(self, meta: ObjectMeta) -> bool:
        """Return whether the cached policy is at least as new as this metadata."""
        cached = self.get((meta.namespace, meta.name))
        return cached is not None and version_of(cached.resource_version) >= meta.version > 0

    def in_namespace(self, namespace: str) -> tuple[RemediationPolicy, ...]:
        """Return the valid policies of a namespace that are in force, ordered by name."""
        policies = self._policies.get(namespace)
        if policies is None:
            return ()
        if namespace not in self._valid:
            oldest = islice(self._oldest[namespace], self.per_namespace)
            cached = [policies.get((namespace, name)) for name in sorted(map(itemgetter(1), oldest))]
            self._valid[namespace] = tuple(one.policy for one in cached if one is not None and one.policy is not None)
        return self._valid[namespace]

    def has_any(self, namespace: str) -> bool:
        """Return whether a namespace has a policy."""
        return namespace in self._policies

    def count_ignored(self) -> int:
        """Return how many policies are beyond the maximum of their namespace."""
        return sum(max(0, len(oldest) - self.per_namespace) for oldest in self._oldest.values())

    def open_breakers(self) -> int:
        """Return how many policies have a circuit breaker that is not closed, by their status."""
        valid = [policy for namespace in self._policies for policy in self.in_namespace(namespace)]
        states = [policy.status.breaker for policy in valid if policy.status]
        return sum(state not in {None, BreakerState.CLOSED} for state in states)

    def namespaces(self) -> set[str]:
        """Return the namespaces that have a policy."""
        return set(self._policies)


def created_at_of(document: Mapping[str, Any]) -> str:
    """Return the ``creationTimestamp`` of an object as text; an empty one if it has none."""
    return str(document["metadata"].get("creationTimestamp") or "")
