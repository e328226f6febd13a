"""What an API server's refusal means to the caller, one class per thing to do about it.

The HTTP client's own errors are not let through: a caller that has to know aiohttp cannot be tested without it.

    ApiError
    ├── NotFoundError              the object (or its kind) is not there
    ├── AlreadyExistsError         somebody made it first
    ├── ConflictError              the resourceVersion is stale: read again
    ├── ForbiddenError             a right is missing, or the namespace is going
    ├── UnauthorizedError          the credentials are not accepted, not even after a new login
    ├── InvalidError               the object breaks its schema: the same write fails for ever
    ├── TooLargeError              the object is larger than the server takes
    ├── GoneError                  a resourceVersion or a continue token has expired: list again
    ├── ThrottledError             too many requests: come back after ``retry_after_seconds``
    ├── AheadError                 the server has not yet seen the resourceVersion that was asked for
    ├── ServerError                the server failed (5xx)
    ├── UnreachableError           no answer: network, TLS, timeout
    └── BadAnswerError             an answer that makes no sense
"""

import re
from collections.abc import Mapping

import msgspec

from wfreport.api.argo import Struct


class ApiError(Exception):
    """A request failed.

    Attributes:
        message: the server's words, cut; never a body or a token.
        status: the HTTP status; 0 when there was none.
        field: the first field that the server complains of.
    """

    transient = False

    def __init__(self, message: str, *, status: int = 0, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.field = field


class NotFoundError(ApiError):
    """404."""


class AlreadyExistsError(ApiError):
    """409 with reason AlreadyExists."""


class ConflictError(ApiError):
    """409 with any other reason."""

    transient = True


class ForbiddenError(ApiError):
    """403."""


class UnauthorizedError(ApiError):
    """401 after a new login."""


class InvalidError(ApiError):
    """422, or 400."""


class TooLargeError(ApiError):
    """413, or etcd's refusal."""


class GoneError(ApiError):
    """410."""


class ThrottledError(ApiError):
    """429, or 503 with Retry-After."""

    transient = True

    def __init__(self, message: str, *, status: int = 429, retry_after_seconds: float = 1) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds


class AheadError(ApiError):
    """504 with cause ResourceVersionTooLarge: the watch cache lags, or the cluster was restored from a backup."""

    transient = True


class ServerError(ApiError):
    """5xx."""

    transient = True


class UnreachableError(ApiError):
    """No answer."""

    transient = True


class BadAnswerError(ApiError):
    """An answer that cannot be read."""


class _Cause(Struct, frozen=True):
    reason: str = ""
    field: str = ""


class _Details(Struct, frozen=True):
    causes: list[_Cause] | None = None
    retry_after_seconds: float = 0


class _StatusBody(Struct, frozen=True):
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_decode_status = msgspec.json.Decoder(_StatusBody).decode
_MESSAGE_MAX = 500
_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: TooLargeError,
    422: InvalidError,
}
# An apply of a field that the installed CRD does not have, which is older than this operator, is answered with a 500.
_UNDECLARED = re.compile(r"failed to create typed patch object .*?: \.(?P<field>\S+): field not declared in schema")
_THROTTLED, _UNAVAILABLE, _SERVER = 429, 503, 500


def error_of(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error that an answer of 400 or above means; ``retry_after`` is that header."""
    try:
        answer = _decode_status(body)
    except msgspec.MsgspecError:
        answer = _StatusBody(message=body[:_MESSAGE_MAX].decode(errors="replace"))
    details = answer.details or _Details()
    message = (answer.message or answer.reason or f"HTTP {status}")[:_MESSAGE_MAX]
    wait_seconds = _seconds(retry_after) or details.retry_after_seconds
    causes = details.causes or []
    if any(cause.reason == "ResourceVersionTooLarge" for cause in causes):
        return AheadError(message, status=status)
    if status == _THROTTLED or (status == _UNAVAILABLE and wait_seconds):
        return ThrottledError(message, status=status, retry_after_seconds=wait_seconds or 1)
    if answer.reason == "AlreadyExists":
        return AlreadyExistsError(message, status=status)
    undeclared = _UNDECLARED.search(message) if status >= _SERVER else None
    if undeclared:
        return InvalidError(message, status=status, field=undeclared["field"])
    if status >= _SERVER:
        too_large = "request is too large" in message
        return TooLargeError(message, status=status) if too_large else ServerError(message, status=status)
    kind = _BY_STATUS.get(status, BadAnswerError)
    return kind(message, status=status, field=causes[0].field if causes else "")


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds; its other form, a date, is not used by API servers."""
    return float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 0
