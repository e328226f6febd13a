"""The form in which the tables of refusals are written."""

from msgspec import Struct

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.message_patterns import MessagePattern


class RefusalMessage(Struct, frozen=True):
    """A pattern of a refusal and its classification.

    Attributes:
        pattern: matches the message.
        failure_class: the class of the failure.
        reason: the stable reason of the failure.
        owner: the owner, if it differs from the class's default.
        retryable: whether a retry may succeed, if it differs from the class's default.
    """

    pattern: MessagePattern
    failure_class: Class
    reason: str
    owner: Owner | None = None
    retryable: bool | None = None
