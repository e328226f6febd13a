"""Limits how often Events are listed, and shares that between namespaces."""

import time
from collections.abc import Callable
from typing import Final

SHARE_FACTOR: Final = 4
"""A namespace may have this many times as many lists as are left: alone it has four fifths of the burst, and the last
fifth is for those who come later."""


class EventsBudget:
    """Rate limit of listing Events: the API server has no index for them, so each list reads all of the namespace.

    Pods whose Events may add to what the pod itself shows can use the whole budget, all others only a part of it. The
    budget is a bucket that refills at a constant rate. Each namespace that has taken lists owes them; what refills pays
    off all debts evenly. So a namespace alone gets the whole rate, and several that want more get equal parts of it.
    """

    def __init__(
        self,
        *,
        burst: int = 50,
        reserve: int = 40,
        per_second: float = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a full budget.

        Args:
            burst: lists that a full budget allows at once.
            reserve: part of it for pods that need their Events.
            per_second: lists that it regains in a second.
            clock: returns seconds.
        """
        self._burst, self._reserve, self._per_second = burst, reserve, per_second
        self._clock = clock
        self._at = clock()
        self._debts: dict[str, float] = {}

    def take(self, namespace: str, *, needed: bool) -> bool:
        """Take one list out of the budget; return whether the namespace had one left."""
        now = self._clock()
        self._refill((now - self._at) * self._per_second)
        self._at = now
        left = self._burst - sum(self._debts.values()) - (0 if needed else self._reserve)
        debt = self._debts.get(namespace, 0.0)
        if left < 1 or debt >= SHARE_FACTOR * left:
            return False
        self._debts[namespace] = debt + 1
        return True

    def _refill(self, lists: float) -> None:
        """Pay off debts evenly, the smallest first, so that what it does not need goes to the others."""
        debts = sorted(self._debts.items(), key=lambda debt: debt[1])
        for number, (namespace, debt) in enumerate(debts):
            paid = min(debt, lists / (len(debts) - number))
            lists -= paid
            if debt - paid > 0:
                self._debts[namespace] = debt - paid
            else:
                del self._debts[namespace]
