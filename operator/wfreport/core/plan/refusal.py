"""Refusals: reasons why an action cannot be performed."""

import functools
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from wfreport.api.reasons import Refusal
from wfreport.core.redact.bounds import cut

_MESSAGE_CHARACTERS: Final = 1000
_CAUSE_CHARACTERS: Final = 200

P = ParamSpec("P")
R = TypeVar("R")


class RefusedError(Exception):
    """The action is impossible or not allowed in the current state.

    Attributes:
        reason: stable reason.
        message: the obstacle, and how to remove it.
        is_transient: whether the obstacle may disappear by itself.
    """

    def __init__(self, reason: Refusal, message: str, *, is_transient: bool = False) -> None:
        self.message = cut(message, _MESSAGE_CHARACTERS)  # it may quote what a user wrote
        super().__init__(self.message)
        self.reason = reason
        self.is_transient = is_transient


def refuses_malformed(plan: Callable[P, R]) -> Callable[P, R]:
    """Refuse a Workflow whose spec or status has other types than Argo's, or is nested too deeply.

    The CRD of a Workflow has no schema in the default installation, so anything can be anywhere in it.
    """

    @functools.wraps(plan)
    def planned(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return plan(*args, **kwargs)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            cause = cut(f"{type(error).__name__}: {error}", _CAUSE_CHARACTERS)
            raise RefusedError(
                Refusal.SPEC_UNREADABLE,
                f"the Workflow does not have the form of a Workflow ({cause}): check it with argo lint",
            ) from error

    return planned
