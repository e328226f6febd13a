"""Refusals: reasons why an action cannot be performed."""

from wfreport.api.reasons import Refusal


class RefusedError(Exception):
    """The action is impossible or not allowed in the current state.

    Attributes:
        reason: stable reason.
        message: the obstacle, and how to remove it.
        is_transient: whether the obstacle may disappear by itself.
    """

    def __init__(self, reason: Refusal, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.is_transient = is_transient
