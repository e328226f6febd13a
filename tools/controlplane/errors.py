"""What can go wrong, each with the sentence a person needs."""

from __future__ import annotations


class ControlPlaneError(Exception):
    """Base of everything this package raises on purpose."""


class BinaryUnavailableError(ControlPlaneError):
    """A program is neither given, nor cached, nor could it be built."""


class ComponentDiedError(ControlPlaneError):
    """A component ended by itself; the message carries the tail of its log."""


class PortTakenError(ComponentDiedError):
    """A component lost the race for its port; starting again with other ports helps."""


class DeadlineError(ControlPlaneError):
    """Something did not become true in time."""


class ApiError(ControlPlaneError):
    """The API server answered with an error.

    Attributes:
        status: the HTTP status code.
        reason: the `reason` of the Status object, e.g. `Forbidden`; empty where there is none.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
