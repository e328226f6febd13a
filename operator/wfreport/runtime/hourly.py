"""What is logged, or emitted as an Event, at most once an hour for each subject."""

from collections.abc import Callable, Hashable
from datetime import datetime


class OnceAnHour:
    """Knows which subjects had their warning in the current hour."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._hour = ""
        self._warned: set[Hashable] = set()

    def begin(self, subject: Hashable) -> str | None:
        """Return the hour, as a text in UTC, if the subject had no warning in it until now; else None."""
        hour = f"{self._clock():%Y-%m-%dT%H}"
        if hour != self._hour:
            self._hour, self._warned = hour, set()
        if subject in self._warned:
            return None
        self._warned.add(subject)
        return hour

    def forget(self, subject: Hashable) -> None:
        """Forget a subject that was deleted: another one of its name is warned of again."""
        self._warned.discard(subject)
