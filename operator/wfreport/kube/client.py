"""The HTTP client of the API server: pooled connections, credentials that stay fresh, typed errors.

Bodies are bytes here; `wfreport.kube.resource` decodes them.
"""

import asyncio
import logging
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import msgspec
from msgspec import Struct, structs

from wfreport.kube.credentials import Credentials, Endpoint, NoCredentialsError
from wfreport.kube.errors import BadResponseError, TooLargeError, UnauthorizedError, UnreachableError, error_of
from wfreport.kube.exchange import DirectTransport
from wfreport.kube.objects import PARTIAL_KIND
from wfreport.kube.transport import USER_AGENT, BodyTail, HttpTransport, LongBodyError, Response, Transport
from wfreport.large_work import run_by_size
from wfreport.logs import kv

if TYPE_CHECKING:
    import aiohttp

    from wfreport.kube.aiohttp_transport import AiohttpTransport

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
ACCEPT_JSON = "application/json"
ACCEPT_PARTIAL = f"application/json;as={PARTIAL_KIND};v=v1;g=meta.k8s.io"
ACCEPT_PARTIAL_LIST = f"application/json;as={PARTIAL_KIND}List;v=v1;g=meta.k8s.io"
LARGE_BODY_BYTES = 1 << 20
"""Few objects are larger: Argo compresses or offloads the nodes of a Workflow before, and etcd refuses 1.5 MiB."""
TOKEN_FRESH_SECONDS = 60
"""A token is renewed if it was loaded longer ago: token files rotate, tokens of exec plugins expire."""

UNTRUSTED_SECONDS = 5
"""Certificates of authorities rotate, too: if the server's is not trusted, they are read again after this time."""

log = logging.getLogger(__name__)
_METHODS = {"get": "GET", "list": "GET", "create": "POST", "apply": "PATCH", "patch": "PATCH", "delete": "DELETE"}
_UNAUTHORIZED, _REFUSED = 401, 400
_SUCCEEDED = range(200, 300)
_ERROR_BYTES = 64 * 1024
# No compression: the API server would compress every response over 128 kB, which costs both sides CPU to save bytes
# that rarely matter within a cluster.
_HEADERS = {"Accept-Encoding": "identity"}


class RequestObserver(Protocol):
    """Counts requests."""

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request that has ended; ``code`` is the HTTP status or ``unreachable``."""
        ...

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count the bytes of a response's body."""
        ...


DecodedT = TypeVar("DecodedT")


class Client:
    """The client. Enter it as an async context manager; any number of tasks may then make requests.

    Args:
        observer: counts the requests.
        timeout_seconds: the time limit of a request.
        connections: the most requests at the same time; further ones wait.
        transport: ``direct`` or ``aiohttp`` (docs/decisions/0023); a proxy needs aiohttp, which is then used anyway.
        credentials: None: from the default kubeconfig, else the pod's ServiceAccount.
    """

    _transport: Transport

    def __init__(
        self,
        *,
        observer: RequestObserver,
        timeout_seconds: float,
        connections: int,
        transport: HttpTransport = "direct",
        credentials: Credentials | None = None,
    ) -> None:
        self._observer = observer
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._transport_name = transport
        self._credentials = credentials or Credentials()
        self.on_large_body: Callable[[], Awaitable[None]] | None = None
        """Awaited after a response of more than ``LARGE_BODY_BYTES``, before anybody decodes it."""
        self._aiohttp: AiohttpTransport | None = None
        self._endpoint: Endpoint | None = None
        self._login = asyncio.Lock()
        self._fresh_until = 0.0
        self._is_untrusted = False

    async def __aenter__(self) -> Self:
        await self._log_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()
        if self._aiohttp is not None:
            await self._aiohttp.close()

    @property
    def timeout_seconds(self) -> float:
        """The time limit of a request."""
        return self._timeout_seconds

    @property
    def endpoint(self) -> Endpoint:
        """The API server's address, with the current credentials."""
        if self._endpoint is None:
            raise RuntimeError("use `async with client`")
        return self._endpoint

    async def request(
        self,
        verb: str,
        resource: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: str = ACCEPT_JSON,
        content_type: str = "application/json",
    ) -> bytes:
        """Make a request and return the response's body. After a 401, log in and try once more.

        Args:
            verb: Kubernetes' verb: get, list, create, patch, delete; apply for server-side apply.
            resource: the plural, for the metrics.
            path: from ``/api``.
            params: the query.
            body: the request's body.
            accept: the media type to request.
            content_type: the body's media type.

        Raises:
            ApiError: the request failed; its class determines the reaction.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        authorization = await self.authorization()
        for is_last in (False, True):
            if authorization:
                headers["Authorization"] = authorization
            response = await self._send(verb, resource, path, params, body, headers)
            if response.status != _UNAUTHORIZED or is_last:
                break
            authorization = await self.renewed_authorization(authorization)
        if response.status not in _SUCCEEDED:
            raise error_of(response.status, response.body, response.retry_after)
        if len(response.body) > LARGE_BODY_BYTES and self.on_large_body:
            await self.on_large_body()
        return response.body

    async def read_tail(
        self, resource: str, path: str, *, params: Mapping[str, str], keep_bytes: int, max_bytes: int, seconds: float
    ) -> BodyTail:
        """GET a body of any length and return its end; at most twice ``keep_bytes`` are held in memory.

        Args:
            resource: the plural and subresource, for the metrics.
            path: from ``/api``.
            params: the query.
            keep_bytes: the length of the end to keep.
            max_bytes: stop reading after this many bytes.
            seconds: the time limit.

        Raises:
            ApiError: the request failed; its class determines the reaction.
        """
        authorization = await self.authorization()
        for is_last in (False, True):
            headers = {"Accept": "*/*"} | ({"Authorization": authorization} if authorization else {})
            with self._counted("get", resource) as counted:
                opened = self._by_aiohttp().open("GET", path, seconds=seconds, params=params, headers=headers)
                async with opened as response:
                    if response.status < _REFUSED:
                        tail = await self._by_aiohttp().tail(response, keep_bytes, max_bytes)
                        self._observer.observe_bytes("get", resource, tail.total_bytes)
                        counted.code = str(response.status)
                        return tail
                    status, body = response.status, await response.content.read(_ERROR_BYTES)
                    retry_after = response.headers.get("Retry-After")
                    counted.code = str(status)
            if status != _UNAUTHORIZED or is_last:
                break
            authorization = await self.renewed_authorization(authorization)
        raise error_of(status, body, retry_after)

    async def authorization(self) -> str | None:
        """Return the Authorization header's value, renewed once a minute; None if the endpoint needs none."""
        if asyncio.get_running_loop().time() >= self._fresh_until:
            async with self._login:
                if asyncio.get_running_loop().time() >= self._fresh_until:
                    await self._reload()
        return self.endpoint.authorization

    async def renewed_authorization(self, refused: str | None) -> str | None:
        """Log in again, unless another task has done so since the API server refused ``refused``.

        Raises:
            UnauthorizedError: there are no usable credentials any more.
        """
        async with self._login:
            if self.endpoint.authorization == refused:
                try:
                    await self._log_in()
                except NoCredentialsError as error:
                    raise UnauthorizedError(str(error)) from error
        return self.endpoint.authorization

    def open_session(self, middlewares: Sequence[Any]) -> "aiohttp.ClientSession":
        """Open a session for the caller to close: the same TLS and proxy, no limit of connections."""
        from wfreport.kube.aiohttp_transport import open_session  # noqa: PLC0415 - slow to import

        endpoint = self.endpoint
        return open_session(
            tls=endpoint.tls or False,
            limit=0,
            headers=_HEADERS,
            proxy=endpoint.proxy,
            middlewares=tuple(middlewares),
        )

    async def _reload(self) -> None:
        """Renew the token; if the server's certificate is not trusted any more, read the authorities as well."""
        if self._is_untrusted:
            self._is_untrusted = False
            try:
                await self._log_in()
            except NoCredentialsError as error:
                log.warning("login failed, using the previous credentials", extra=kv(reason=str(error)))
            else:
                return
        self._use(structs.replace(self.endpoint, authorization=await self._reloaded_authorization()))

    def _note_untrusted(self, error: Exception) -> None:
        """Let the next request read the authorities again, at most every few seconds."""
        # aiohttp's own error wraps that of the ssl module
        if isinstance(getattr(error, "certificate_error", error), ssl.SSLCertVerificationError):
            self._is_untrusted = True
            renewed_at = self._fresh_until - TOKEN_FRESH_SECONDS
            self._fresh_until = min(self._fresh_until, renewed_at + UNTRUSTED_SECONDS)

    async def _reloaded_authorization(self) -> str | None:
        try:
            return await asyncio.to_thread(self._credentials.authorization)
        except UnauthorizedError as error:
            # the token may still be valid; if it is not, a 401 leads to a new login
            log.warning("credential renewal failed, using the previous token", extra=kv(reason=error.message))
            return self.endpoint.authorization

    async def _log_in(self) -> None:
        endpoint = await asyncio.to_thread(self._credentials.load)
        if self._endpoint is None:
            self._open_transports(endpoint)
        self._use(endpoint)

    def _open_transports(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        if self._transport_name == "aiohttp" or endpoint.proxy is not None:
            self._transport = self._by_aiohttp()
            return
        self._transport = DirectTransport(
            endpoint.server,
            tls=endpoint.tls,
            server_name=endpoint.server_name,
            headers={"User-Agent": USER_AGENT, **_HEADERS},
            limit=self._connections,
            timeout_seconds=self._timeout_seconds,
        )

    def _by_aiohttp(self) -> "AiohttpTransport":
        """Return the transport of requests that only aiohttp can make; the first one opens it."""
        if self._aiohttp is None:
            import aiohttp  # noqa: PLC0415 - slow to import

            from wfreport.kube.aiohttp_transport import AiohttpTransport, open_session  # noqa: PLC0415

            endpoint = self.endpoint
            session = open_session(
                tls=endpoint.tls or False,
                limit=self._connections,
                headers=_HEADERS,
                proxy=endpoint.proxy,
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            )
            self._aiohttp = AiohttpTransport(session, endpoint.server, server_name=endpoint.server_name)
        return self._aiohttp

    def _use(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._fresh_until = asyncio.get_running_loop().time() + TOKEN_FRESH_SECONDS

    async def _send(
        self,
        verb: str,
        resource: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Response:
        with self._counted(verb, resource) as counted:
            response = await self._transport.request(_METHODS[verb], path, params=params, headers=headers, body=body)
            counted.code = str(response.status)
        self._observer.observe_bytes(verb, resource, len(response.body))
        return response

    @contextmanager
    def _counted(self, verb: str, resource: str) -> Iterator["_RequestCode"]:
        """Count the request made inside the ``with`` block, and convert network errors to an ApiError."""
        counted = _RequestCode()
        try:
            yield counted
        except LongBodyError as error:
            raise TooLargeError(f"{verb} {resource}: {error}") from error
        except _network_errors() as error:
            self._note_untrusted(error)
            raise UnreachableError(f"{verb} {resource}: {type(error).__name__}: {error}"[:300]) from error
        finally:
            self._observer.observe_request(verb, resource, counted.code)


def _network_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the transports in use: aiohttp's cannot occur before it is imported."""
    loaded = sys.modules.get("aiohttp")
    return (TimeoutError, OSError, *([loaded.ClientError] if loaded else []))


class _RequestCode(Struct):
    code: str = "unreachable"


async def decoded_by_size(decode: Callable[[bytes], DecodedT], body: bytes) -> DecodedT:
    """Do the same as ``decoded``, for a large body in the thread for large work: a page can have many megabytes."""
    return await run_by_size(len(body) > LARGE_BODY_BYTES, decoded, decode, body)


def decoded(decode: Callable[[bytes], DecodedT], body: bytes) -> DecodedT:
    """Decode a response's body.

    Raises:
        BadResponseError: the body is not of the expected form.
    """
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise BadResponseError(f"cannot decode the API server's response: {error}"[:300]) from error
    except RecursionError as error:
        raise BadResponseError("cannot decode the API server's response: it is nested too deeply") from error
