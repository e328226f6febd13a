"""Waiting keys whose namespaces take turns, so that a namespace with very many keys delays no other one."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

from wfreport.kube.objects import NamespacedName

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """Keys with a value each. Between two keys of a namespace, each other namespace that waits gets a turn.

    Within a namespace, keys go in order of arrival. Each operation takes constant time, however many keys wait.
    (The dicts are ordered by links: taking the first key of a plain dict again and again is quadratic.)
    """

    def __init__(self) -> None:
        self._by_namespace: dict[str, OrderedDict[NamespacedName, T]] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()
        self._paused: set[str] = set()
        self._by_size: dict[int, dict[str, None]] = {}
        self._largest = 0
        self._size = 0

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size

    def get(self, key: NamespacedName) -> T | None:
        """Return the value of a key, or None if it does not wait."""
        keys = self._by_namespace.get(key[0])
        return keys.get(key) if keys else None

    def size_of(self, namespace: str) -> int:
        """Return the number of keys of a namespace."""
        return len(self._by_namespace.get(namespace, ()))

    @property
    def largest(self) -> int:
        """The number of keys of the namespace that has most."""
        return self._largest

    def put(self, key: NamespacedName, value: T) -> None:
        """Add a key behind the others of its namespace, or replace its value."""
        namespace = key[0]
        keys = self._by_namespace.get(namespace)
        if keys is None:
            keys = self._by_namespace[namespace] = OrderedDict()
            if namespace not in self._paused:
                self._turns[namespace] = None
        if key not in keys:
            self._resize(namespace, len(keys), len(keys) + 1)
        keys[key] = value

    def remove(self, key: NamespacedName) -> None:
        """Remove a key that waits."""
        keys = self._by_namespace[key[0]]
        del keys[key]
        self._removed(key[0], keys)

    def has_turn(self) -> bool:
        """Return whether a key waits whose namespace is not paused."""
        return bool(self._turns)

    def peek(self) -> T | None:
        """Return the value of the key whose turn it is, or None."""
        namespace = next(iter(self._turns), None)
        return None if namespace is None else next(iter(self._by_namespace[namespace].values()))

    def pop(self) -> tuple[NamespacedName, T]:
        """Remove the key whose turn it is, and return it with its value. Its namespace waits for the next turn.

        Raises:
            KeyError: no namespace has a turn.
        """
        namespace, _ = self._turns.popitem(last=False)
        self._turns[namespace] = None
        keys = self._by_namespace[namespace]
        popped = keys.popitem(last=False)
        self._removed(namespace, keys)
        return popped

    def pop_newest_of_largest(self) -> tuple[NamespacedName, T]:
        """Remove the newest key of the namespace that has most, and return it with its value.

        Raises:
            KeyError: no key waits.
        """
        namespace = next(iter(self._by_size[self._largest]))
        keys = self._by_namespace[namespace]
        popped = keys.popitem()
        self._removed(namespace, keys)
        return popped

    def pause(self, namespace: str) -> None:
        """Give a namespace no turns until it is resumed."""
        self._paused.add(namespace)
        self._turns.pop(namespace, None)

    def resume(self, namespace: str) -> None:
        """Give a namespace turns again, after those that have been waiting for theirs."""
        self._paused.discard(namespace)
        if namespace in self._by_namespace:
            self._turns[namespace] = None

    def first_values(self) -> Iterator[T]:
        """Yield the value of the first key of each namespace."""
        return (next(iter(keys.values())) for keys in self._by_namespace.values())

    def _removed(self, namespace: str, keys: OrderedDict[NamespacedName, T]) -> None:
        self._resize(namespace, len(keys) + 1, len(keys))
        if not keys:
            del self._by_namespace[namespace]
            self._turns.pop(namespace, None)

    def _resize(self, namespace: str, before: int, now: int) -> None:
        """Keep the largest namespaces at hand, by grouping namespaces by their number of keys."""
        self._size += now - before
        if before:
            group = self._by_size[before]
            del group[namespace]
            if not group:
                del self._by_size[before]
        if now:
            self._by_size.setdefault(now, {})[namespace] = None
        if now > self._largest or self._largest not in self._by_size:
            self._largest = now  # numbers change by one, so that a largest namespace that shrank still is a largest one
