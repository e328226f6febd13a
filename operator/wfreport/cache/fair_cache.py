"""A bounded cache that namespaces share: the namespace that fills it loses its own values, not those of others."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FairCache(Generic[K, V]):
    """Values by key, each with a weight. One namespace can use all of it, as long as no other one needs a part.

    If it is full, the namespace that has most loses its oldest values. So a namespace that has less than its share (the
    whole, divided by the number of namespaces that use it) never loses a value because of others.
    """

    def __init__(
        self,
        *,
        namespace_of: Callable[[K], str],
        max_entries: int,
        max_weight: int = 0,
        weight_of: Callable[[V], int] = lambda _: 0,
    ) -> None:
        """Create an empty cache.

        Args:
            namespace_of: returns the namespace of a key.
            max_entries: maximum number of values.
            max_weight: maximum weight of all values. A single value may weigh more; it stays until the next one.
            weight_of: returns the weight of a value; it must not change.
        """
        self._namespace_of = namespace_of
        self._weight_of = weight_of
        self._max_entries = max_entries
        self._max_weight = max_weight
        self._entries: dict[K, V] = {}
        self._by_namespace: dict[str, OrderedDict[K, None]] = {}
        self._weights: dict[str, int] = {}
        self._weight = 0

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        """Return whether the cache has a value of this key."""
        return key in self._entries

    @property
    def weight(self) -> int:
        """The weight of all values."""
        return self._weight

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> list[tuple[K, V]]:
        """Store a value, in place of an earlier one. Return what was evicted for it."""
        self.remove(key)
        namespace = self._namespace_of(key)
        self._entries[key] = value
        self._by_namespace.setdefault(namespace, OrderedDict())[key] = None
        self._add_weight(namespace, self._weight_of(value))
        evicted = []
        while (victim := self._next_victim()) is not None and victim != key:
            evicted.append((victim, self._entries[victim]))
            self.remove(victim)
        return evicted

    def remove(self, key: K) -> V | None:
        """Remove a value and return it, or None if there is none."""
        value = self._entries.pop(key, None)
        if value is None:
            return None
        namespace = self._namespace_of(key)
        keys = self._by_namespace[namespace]
        del keys[key]
        self._add_weight(namespace, -self._weight_of(value))
        if not keys:
            del self._by_namespace[namespace], self._weights[namespace]
        return value

    def _add_weight(self, namespace: str, weight: int) -> None:
        self._weights[namespace] = self._weights.get(namespace, 0) + weight
        self._weight += weight

    def _next_victim(self) -> K | None:
        """Return the key to evict, or None if the cache is within its bounds."""
        if len(self._entries) > self._max_entries:
            largest = max(self._by_namespace, key=lambda namespace: len(self._by_namespace[namespace]))
        elif self._weight > self._max_weight:
            largest = max(self._weights, key=self._weights.__getitem__)
        else:
            return None
        return next(iter(self._by_namespace[largest]))
