"""Exceptions of this package. Each message states the failure and what to do about it."""

from __future__ import annotations


class ControlPlaneError(Exception):
    """Base class of all errors that this package raises deliberately."""


class BinaryUnavailableError(ControlPlaneError):
    """A program is not provided, not cached, and could not be built."""


class ComponentDiedError(ControlPlaneError):
    """A component exited unexpectedly. The message contains the end of its log."""


class PortTakenError(ComponentDiedError):
    """A component found its port in use. The caller retries with other ports."""


class DeadlineError(ControlPlaneError):
    """A condition was not met within its timeout."""


class ApiError(ControlPlaneError):
    """The API server returned an error.

    Attributes:
        status: the HTTP status code.
        reason: the `reason` of the Status object, e.g. `Forbidden`; empty if the response has none.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
