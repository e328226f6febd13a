"""What an answer of Argo Server means to the caller, one class per thing to do about it.

    ArgoServerError
    ├── ServerUnreachableError       no answer: network, TLS, timeout
    ├── ServerUnauthorizedError      it does not accept our token
    ├── ServerForbiddenError         the token may not read this
    ├── ServerNotFoundError          it has no such run, or one of another namespace, name or uid
    ├── ServerThrottledError         too many requests: come back after ``retry_after_seconds``
    ├── ServerFailedError            the server failed (5xx)
    ├── ServerBadAnswerError         an answer that makes no sense: not Argo Server, or something in between
    ├── ServerTooNewError            the same of a server whose major version is newer than what is known here
    ├── ServerWithoutDatabaseError   it has neither archive nor offloaded nodes
    └── ServerRefusedError           it understood, and will not: the same request fails for ever

Texts are of two kinds. ``message`` is for logs and has the server's words, cut, without the token. ``advice`` is for
reports: always the same for the same cause, so that a report is not written anew at every try.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar, Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.reasons import Reason

MESSAGE_MAX: Final = 500
PERMANENT_RETRY_SECONDS: Final = 30
"""What only a person can heal (a token, a right, a URL) is not asked for again within a second."""

DEFAULT_WAIT_SECONDS: Final = 1.0
"""After a 429 that does not say how long to wait."""


class ArgoServerError(Exception):
    """A request failed.

    Attributes:
        message: what happened, in the server's words where there are any; never a token.
        status: the HTTP status; 0 when there was none.
        transient: whether the same request may succeed soon.
        reason: the cause as one stable word.
        advice: what it means and what to do about it, one sentence for the report.
        pause_seconds: how long the server is to be left alone with the same, at least.
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
    """No answer."""

    transient = True
    reason = Reason.ARGO_SERVER_UNREACHABLE
    advice = (
        "Argo Server does not answer; it is asked again. Check WFREPORT_ARGO_SERVER_URL, network policies and, "
        "for https, WFREPORT_ARGO_SERVER_CA_FILE"
    )


class ServerUnauthorizedError(ArgoServerError):
    """401, or a token that cannot be had."""

    reason = Reason.ARGO_SERVER_UNAUTHORIZED
    advice = (
        "Argo Server does not accept the operator's token; check WFREPORT_ARGO_SERVER_TOKEN_FILE or "
        "WFREPORT_ARGO_SERVER_TOKEN_COMMAND, and that the server's --auth-mode fits the token"
    )


class ServerForbiddenError(ArgoServerError):
    """403."""

    reason = Reason.ARGO_SERVER_FORBIDDEN
    advice = (
        "Argo Server's user for this operator may not read this; give it the verb get on workflows.argoproj.io in "
        "this namespace"
    )


class ServerNotFoundError(ArgoServerError):
    """404, or an answer about something else than what was asked for."""

    reason = Reason.WORKFLOW_NOT_ARCHIVED
    advice = "Argo Server has no such run in this namespace, neither in the cluster nor in its archive"


class ServerThrottledError(ArgoServerError):
    """429, or 503 with Retry-After."""

    transient = True
    reason = Reason.ARGO_SERVER_THROTTLED
    advice = "Argo Server is asked too often (its --api-rate-limit); it is asked again when it says so"

    def __init__(self, message: str, *, status: int = 429, retry_after_seconds: float = DEFAULT_WAIT_SECONDS) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = self.pause_seconds = retry_after_seconds


class ServerFailedError(ArgoServerError):
    """5xx."""

    transient = True
    advice = "Argo Server fails; it is asked again. See its log"


class ServerBadAnswerError(ArgoServerError):
    """An answer that cannot be read."""

    reason = Reason.ARGO_SERVER_BAD_RESPONSE
    advice = (
        "what answers at WFREPORT_ARGO_SERVER_URL does not answer as Argo Server does; check the URL (scheme, port, "
        "base path) and any proxy in between"
    )

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message, status=status)
        self.pause_seconds = 0  # it may be a proxy's page, while the server is away


class ServerTooNewError(ArgoServerError):
    """An answer that cannot be read, of a server of a later major version."""

    reason = Reason.ARGO_SERVER_TOO_NEW
    advice = "Argo Server is of a later major version than this operator knows; upgrade wfreport"


class ServerWithoutDatabaseError(ArgoServerError):
    """The server has no database."""

    reason = Reason.ARGO_SERVER_WITHOUT_DATABASE
    advice = (
        "Argo Server has no database: give it the `persistence` of workflow-controller-configmap that the "
        "controller has, with `archive` and `nodeStatusOffLoad`"
    )


class ServerRefusedError(ArgoServerError):
    """Another 4xx."""

    reason = Reason.ARGO_SERVER_REFUSED
    advice = "Argo Server refuses the request; see the operator's log for its words"


class _ErrorBody(Struct, frozen=True):
    message: str = ""


_decode_answer: Final = msgspec.json.Decoder(_ErrorBody).decode
_BY_STATUS: Final[Mapping[int, type[ArgoServerError]]] = {
    401: ServerUnauthorizedError,
    403: ServerForbiddenError,
    404: ServerNotFoundError,
    # grpc-gateway's for a method that the server does not have
    501: ServerBadAnswerError,
}
_THROTTLED, _UNAVAILABLE, _SERVER, _REFUSED = 429, 503, 500, 400
# persist/sqldb: null_workflow_archive.go and explosive_offload_node_status_repo.go
_NO_DATABASE: Final = re.compile(r"archived workflows? (?:\w+ )*not supported|offload node status is not supported")
_WRONG_SCHEME: Final = "HTTP request to an HTTPS server"


def error_of(status: int, body: bytes, *, retry_after: str | None, now: datetime) -> ArgoServerError:
    """The error that an answer of 300 or above means.

    Args:
        status: of the answer.
        body: of the answer; grpc-gateway's JSON, or plain text.
        retry_after: that header, seconds or a date (Argo Server's own limiter sends a date).
        now: to turn that date into seconds.
    """
    message = _message(body) or f"HTTP {status}"
    if status < _REFUSED:
        return ServerBadAnswerError(f"HTTP {status}: it redirects, to a login or to https", status=status)
    wait_seconds = retry_after_seconds(retry_after, now)
    if status == _THROTTLED or (status == _UNAVAILABLE and wait_seconds is not None):
        return ServerThrottledError(
            message, status=status, retry_after_seconds=1 if wait_seconds is None else wait_seconds
        )
    if _NO_DATABASE.search(message):
        return ServerWithoutDatabaseError(message, status=status)
    if _WRONG_SCHEME in message:
        return ServerBadAnswerError(f"{message.strip()} The URL must begin with https:", status=status)
    fallback = ServerFailedError if status >= _SERVER else ServerRefusedError
    return _BY_STATUS.get(status, fallback)(message, status=status)


def _message(body: bytes) -> str:
    try:
        return _decode_answer(body).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body[:MESSAGE_MAX].decode(errors="replace").strip()


def retry_after_seconds(retry_after: str | None, now: datetime) -> float | None:
    """The Retry-After header in seconds from ``now``; None where it says nothing (RFC 9110 §10.2.3 has both forms)."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds()) if until.tzinfo else None
