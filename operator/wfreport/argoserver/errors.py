"""Errors of Argo Server, one class for each reaction of the caller.

    ArgoServerError
      x transient: the same request may succeed soon
        · ServerUnreachableError      -        no response: network, TLS or timeout
        · ServerThrottledError        429/503  too many requests: wait ``retry_after_seconds``
        · ServerFailedError           5xx      the server failed
      x permanent: somebody has to change something
        · ServerUnauthorizedError     401      the token is refused, or there is none
        · ServerForbiddenError        403      the token's user lacks a permission
        · ServerNotFoundError         404      no such run, or the response is about another one
        · ServerBadResponseError        3xx/501  the response cannot be understood: no Argo Server, or a proxy's page
        · ServerTooNewError           -        the same, from a server of a newer major version
        · ServerTooLargeError         200      the response is too large to be read
        · ServerWithoutDatabaseError  -        the server has neither an archive nor offloaded nodes
        · ServerRefusedError          4xx      the server rejects the request
            · StaleWorkflowError      409      the Workflow has changed (workflows.py)

An error has two texts. ``message`` is for logs: the server's message, truncated, without the token. ``advice`` is for
reports: constant for each class, so that a report is not rewritten after every attempt.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder
from wfreport.api.reasons import Reason
from wfreport.imports import lazy_pattern

MESSAGE_MAX: Final = 500
PERMANENT_RETRY_SECONDS: Final = 30
"""The pause after an error that only a person can resolve (a token, a permission, a URL)."""

DEFAULT_WAIT_SECONDS: Final = 1.0
"""The wait after a 429 without Retry-After."""


class ArgoServerError(Exception):
    """A request failed.

    Attributes:
        message: what happened, in the server's words if it sent any; never a token.
        status: the HTTP status; 0 if there was no response.
        transient: whether the same request may succeed soon.
        reason: the cause as a stable word of the API.
        advice: the meaning, and what to do about it, in a sentence for the report.
        pause_seconds: the shortest time before the same request is made again.
    """

    transient: ClassVar[bool] = False
    reason: ClassVar[Reason] = Reason.ARGO_SERVER_FAILED
    advice: ClassVar[str] = "Argo Server failed; see its log"

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.pause_seconds: float = 0 if self.transient else PERMANENT_RETRY_SECONDS
        self.message = message[:MESSAGE_MAX]
        self.status = status


class ServerUnreachableError(ArgoServerError):
    """No response."""

    transient = True
    reason = Reason.ARGO_SERVER_UNREACHABLE
    advice = (
        "Argo Server does not respond; the request is retried. Check WFREPORT_ARGO_SERVER_URL, network policies and, "
        "for https, WFREPORT_ARGO_SERVER_CA_FILE"
    )


class ServerUnauthorizedError(ArgoServerError):
    """401, or no token can be loaded."""

    reason = Reason.ARGO_SERVER_UNAUTHORIZED
    advice = (
        "Argo Server does not accept the operator's token; check WFREPORT_ARGO_SERVER_TOKEN_FILE or "
        "WFREPORT_ARGO_SERVER_TOKEN_COMMAND, and that the server's --auth-mode matches the token"
    )


class ServerForbiddenError(ArgoServerError):
    """403."""

    reason = Reason.ARGO_SERVER_FORBIDDEN
    advice = (
        "Argo Server's user for this operator lacks a permission; grant it get on workflows.argoproj.io in this "
        "namespace"
    )


class ServerNotFoundError(ArgoServerError):
    """404, or a response about another run."""

    reason = Reason.WORKFLOW_NOT_ARCHIVED
    advice = "Argo Server has no such run in this namespace, neither in the cluster nor in its archive"


class ServerThrottledError(ArgoServerError):
    """429, or 503 with Retry-After."""

    transient = True
    reason = Reason.ARGO_SERVER_THROTTLED
    advice = "Argo Server limits our requests (its --api-rate-limit); they are retried after the time that it names"

    def __init__(self, message: str, *, status: int = 429, retry_after_seconds: float = DEFAULT_WAIT_SECONDS) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = self.pause_seconds = retry_after_seconds


class ServerFailedError(ArgoServerError):
    """5xx."""

    transient = True
    advice = "Argo Server failed; the request is retried. See its log"


class ServerBadResponseError(ArgoServerError):
    """A response that cannot be decoded."""

    reason = Reason.ARGO_SERVER_BAD_RESPONSE
    advice = (
        "the response from WFREPORT_ARGO_SERVER_URL is not Argo Server's; check the URL (scheme, port, base path) and "
        "any proxy in between"
    )

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message, status=status)
        self.pause_seconds = 0  # it may be the page of a proxy while the server is down


class ServerTooNewError(ArgoServerError):
    """A response that cannot be decoded, from a server of a newer major version."""

    reason = Reason.ARGO_SERVER_TOO_NEW
    advice = "Argo Server has a newer major version than this operator supports; upgrade wfreport"


class ServerTooLargeError(ArgoServerError):
    """The response is too large to be read."""

    reason = Reason.TOO_LARGE
    advice = "Argo Server's response is larger than 32 MiB, which is more than the operator reads"


class ServerWithoutDatabaseError(ArgoServerError):
    """The server has no database."""

    reason = Reason.ARGO_SERVER_WITHOUT_DATABASE
    advice = (
        "Argo Server has no database: configure `persistence` in its workflow-controller-configmap as for the "
        "controller, with `archive` and `nodeStatusOffLoad`"
    )


class ServerRefusedError(ArgoServerError):
    """Any other 4xx."""

    reason = Reason.ARGO_SERVER_REFUSED
    advice = "Argo Server rejected the request; its message is in the operator's log"


class _ErrorBody(Struct, frozen=True):
    message: str = ""


_decode_error: Final = json_decoder(_ErrorBody)
_BY_STATUS: Final[Mapping[int, type[ArgoServerError]]] = {
    401: ServerUnauthorizedError,
    403: ServerForbiddenError,
    404: ServerNotFoundError,
    # grpc-gateway's status for an unknown method
    501: ServerBadResponseError,
}
_THROTTLED, _UNAVAILABLE, _SERVER, _REFUSED = 429, 503, 500, 400
# persist/sqldb: null_workflow_archive.go and explosive_offload_node_status_repo.go
_NO_DATABASE: Final = lazy_pattern(
    r"archived workflows? (?:\w{1,40} ){0,8}not supported|offload node status is not supported"
)
_WRONG_SCHEME: Final = "HTTP request to an HTTPS server"


def error_of(status: int, body: bytes, *, retry_after: str | None, now: datetime) -> ArgoServerError:
    """Return the error for a response whose status is 300 or above.

    Args:
        status: the HTTP status.
        body: grpc-gateway's JSON, or plain text.
        retry_after: the header of that name: seconds, or a date as Argo Server's own limiter sends it.
        now: the current time, to turn that date into seconds.
    """
    message = _message(body) or f"HTTP {status}"
    if status < _REFUSED:
        return ServerBadResponseError(
            f"HTTP {status}: the server redirects, to a login page or to https", status=status
        )
    wait_seconds = retry_after_seconds(retry_after, now)
    if status == _THROTTLED or (status == _UNAVAILABLE and wait_seconds is not None):
        return ServerThrottledError(
            message, status=status, retry_after_seconds=1 if wait_seconds is None else wait_seconds
        )
    if _NO_DATABASE.search(message):
        return ServerWithoutDatabaseError(message, status=status)
    if _WRONG_SCHEME in message:
        return ServerBadResponseError(f"{message.strip()} The URL must begin with https:", status=status)
    fallback = ServerFailedError if status >= _SERVER else ServerRefusedError
    return _BY_STATUS.get(status, fallback)(message, status=status)


def _message(body: bytes) -> str:
    try:
        return _decode_error(body).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body[:MESSAGE_MAX].decode(errors="replace").strip()


def retry_after_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Parse Retry-After, seconds or a date (RFC 9110 §10.2.3), to seconds from ``now``; None if it is neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import

    try:
        retry_at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (retry_at - now).total_seconds()) if retry_at.tzinfo else None
