"""How many objects a pass of retention may delete."""


class DeletionQuota:
    """A fixed number of deletions in each pass, and as many more as objects have come since the last one.

    So years of old objects do not delay what comes after a pass, and objects do not become more and more.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._left_last_time: int | None = None

    def of(self, present: int) -> int:
        """Return how many of the present objects may be deleted now."""
        return self._at_once + (0 if self._left_last_time is None else max(0, present - self._left_last_time))

    def record(self, left: int) -> None:
        """Record how many objects a pass has left."""
        self._left_last_time = left
