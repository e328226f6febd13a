"""Why an act is not done: a stable reason and a message that says what to do."""

from wfreport.api.reasons import Refusal


class RefusedError(Exception):
    """The act is not possible, or not allowed, as things are.

    Attributes:
        reason: stable.
        message: names what stands in the way and what to do about it.
        passing: whether it may be possible later, without anybody's doing.
    """

    def __init__(self, reason: Refusal, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.passing = passing
