"""Errors of the API server, one class for each reaction of the caller.

Errors of the HTTP library do not leave this package: a caller that depends on aiohttp cannot be tested without it.

    ApiError
      x transient: the same request may succeed later
        · ConflictError        409      the object has changed: read it again
        · ThrottledError       429/503  too many requests: wait ``retry_after_seconds``
        · AheadError           504      the server's cache has not reached the requested resourceVersion yet
        · ServerError          5xx      the server failed
        · UnreachableError     -        no response: network, TLS or timeout
        · GoneError            410      the resourceVersion or continue token has expired: list again
      x permanent
        · NotFoundError        404      the object, or its kind, does not exist
        · AlreadyExistsError   409      an object of that name exists
        · ForbiddenError       403      a permission is missing, or the namespace is terminating
        · UnauthorizedError    401      the credentials are refused, even after a new login
        · InvalidError         400/422  the object violates its schema: the same write fails again
        · TooLargeError        413      the object exceeds the server's or etcd's limit, or the response exceeds ours
        · BadResponseError       -        the response cannot be understood
"""

from collections.abc import Mapping

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder
from wfreport.imports import lazy_pattern


class ApiError(Exception):
    """A request failed.

    Attributes:
        message: the server's message, truncated; never a whole body, never a token.
        status: the HTTP status; 0 if there was no response.
        field: the first field that the server names as invalid.
        transient: whether the same request may succeed later.
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
    """413, etcd's refusal, or a response that is too long to be read."""


class GoneError(ApiError):
    """410, also as an error within a watch. A list that begins anew may succeed.

    Attributes:
        continue_token: continues an expired list with the objects as they are now; empty if the server offers none.
    """

    transient = True
    continue_token = ""


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
    """No response."""

    transient = True


class BadResponseError(ApiError):
    """A response that cannot be decoded, or an unknown status."""


class _Cause(Struct, frozen=True):
    reason: str = ""
    field: str = ""


class _Details(Struct, frozen=True):
    causes: list[_Cause] | None = None
    retry_after_seconds: float = 0


class _Meta(Struct, frozen=True):
    continue_token: str = msgspec.field(default="", name="continue")


class _StatusBody(Struct, frozen=True):
    metadata: _Meta | None = None
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_decode_status = json_decoder(_StatusBody)
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
# If the installed CRD is older than this operator and lacks a field, the API server responds to an apply with 500.
_UNDECLARED = lazy_pattern(r"failed to create typed patch object .*?: \.(?P<field>\S+): field not declared in schema")
_THROTTLED, _UNAVAILABLE, _SERVER = 429, 503, 500


def error_of(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """Return the error for a response that is not a success; ``retry_after`` is the header of that name."""
    try:
        content = _decode_status(body)
    except msgspec.MsgspecError:
        content = _StatusBody(message=body[:_MESSAGE_MAX].decode(errors="replace"))
    details = content.details or _Details()
    message = (content.message or content.reason or f"HTTP {status}")[:_MESSAGE_MAX]
    wait_seconds = _seconds(retry_after) or details.retry_after_seconds
    causes = details.causes or []
    if any(cause.reason == "ResourceVersionTooLarge" for cause in causes):
        return AheadError(message, status=status)
    if status == _THROTTLED or (status == _UNAVAILABLE and wait_seconds):
        return ThrottledError(message, status=status, retry_after_seconds=wait_seconds or 1)
    if content.reason == "AlreadyExists":
        return AlreadyExistsError(message, status=status)
    undeclared = _UNDECLARED.search(message) if status >= _SERVER else None
    if undeclared:
        return InvalidError(message, status=status, field=undeclared["field"])
    if status >= _SERVER:
        too_large = "request is too large" in message
        return TooLargeError(message, status=status) if too_large else ServerError(message, status=status)
    error = _BY_STATUS.get(status, BadResponseError)(message, status=status, field=causes[0].field if causes else "")
    if isinstance(error, GoneError) and content.metadata:
        error.continue_token = content.metadata.continue_token
    return error


def _seconds(retry_after: str | None) -> float:
    """Parse Retry-After in seconds. API servers do not send the header's other form, a date."""
    return float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 0
