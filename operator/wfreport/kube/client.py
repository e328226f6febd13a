"""The HTTP side of the API server: one pooled session, credentials that stay fresh, typed errors.

Bodies go in and out as bytes; what they mean is known to the modules beside this one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import aiohttp
import msgspec

from wfreport.kube.credentials import Credentials, Endpoint, NoCredentialsError
from wfreport.kube.errors import BadAnswerError, UnauthorizedError, UnreachableError, error_of
from wfreport.kube.exchange import Connections, Response
from wfreport.kube.objects import PARTIAL_KIND, Item, ListMeta
from wfreport.logs import kv

USER_AGENT = "wfreport"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
ACCEPT_JSON = "application/json"
ACCEPT_PARTIAL = f"application/json;as={PARTIAL_KIND};v=v1;g=meta.k8s.io"
ACCEPT_PARTIAL_LIST = f"application/json;as={PARTIAL_KIND}List;v=v1;g=meta.k8s.io"
TOKEN_FRESH_SECONDS = 60
log = logging.getLogger(__name__)
_decode_item = msgspec.json.Decoder(Item).decode
_METHODS = {"get": "GET", "list": "GET", "create": "POST", "apply": "PATCH", "patch": "PATCH", "delete": "DELETE"}
_UNAUTHORIZED, _REFUSED = 401, 400
_SUCCEEDED = range(200, 300)
_ERROR_BYTES = 64 * 1024
# Plain JSON: the API server zips every answer over 128 kB, at its own expense and ours, for bytes that rarely matter
# in a cluster.
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


class RequestObserver(Protocol):
    """Counts requests."""

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """One request ended."""
        ...

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Bytes of an answer came."""
        ...


class Page(Protocol):
    """A page of a list."""

    @property
    def metadata(self) -> ListMeta:
        """Has the continue token."""
        ...


PageT = TypeVar("PageT", bound=Page)
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a text.

    Attributes:
        text: the last bytes that were read.
        total_bytes: how many were read.
        reached_end: whether that is the text's own end, rather than the end of our patience.
    """

    text: bytes
    total_bytes: int
    reached_end: bool


class Client:
    """An async context manager; inside, requests can be made by any number of tasks."""

    def __init__(
        self,
        *,
        observer: RequestObserver,
        timeout_seconds: float,
        connections: int,
        credentials: Credentials | None = None,
    ) -> None:
        self._observer = observer
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._credentials = credentials or Credentials()
        self._endpoint: Endpoint | None = None
        self._session: aiohttp.ClientSession | None = None
        self._direct: Connections | None = None
        self._login = asyncio.Lock()
        self._fresh_until = 0.0

    async def __aenter__(self) -> Self:
        await self._log_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()
        if self._direct:
            await self._direct.close()

    @property
    def timeout_seconds(self) -> float:
        """The time limit of a request."""
        return self._timeout_seconds

    @property
    def endpoint(self) -> Endpoint:
        """Where the API server is."""
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
        """Make one request and return the answer's body.

        Args:
            verb: Kubernetes' verb: get, list, create, patch, delete; apply for a server-side apply.
            resource: the plural, for the metrics.
            path: from ``/api``.
            params: the query.
            body: what is sent.
            accept: the projection that is asked for.
            content_type: of the body.

        Raises:
            ApiError: the one that says what to do.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        authorization = await self.authorization()
        for last in (False, True):
            if authorization:
                headers["Authorization"] = authorization
            answer = await self._exchange(verb, resource, path, params, body, headers)
            if answer.status != _UNAUTHORIZED or last:
                break
            authorization = await self.renewed_authorization(authorization)
        if answer.status not in _SUCCEEDED:
            raise error_of(answer.status, answer.body, answer.retry_after)
        return answer.body

    async def end_of(
        self, resource: str, path: str, *, params: Mapping[str, str], keep_bytes: int, max_bytes: int, seconds: float
    ) -> Ending:
        """The end of a text of unknown length, without holding more than ``keep_bytes`` of it.

        Args:
            resource: the plural and subresource, for the metrics.
            path: from ``/api``.
            params: the query.
            keep_bytes: how much is kept.
            max_bytes: after so much reading ends, wherever the text does.
            seconds: how long it may take.

        Raises:
            ApiError: the one that says what to do.
        """
        authorization = await self.authorization()
        for last in (False, True):
            headers = {"Accept": "*/*"} | ({"Authorization": authorization} if authorization else {})
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with self._answered("get", resource, path, params=params, headers=headers, timeout=timeout) as answer:
                if answer.status < _REFUSED:
                    return await self._ending(answer, resource, keep_bytes, max_bytes)
                status, said = answer.status, await answer.content.read(_ERROR_BYTES)
                retry_after = answer.headers.get("Retry-After")
            if status != _UNAUTHORIZED or last:
                break
            authorization = await self.renewed_authorization(authorization)
        raise error_of(status, said, retry_after)

    async def _ending(self, answer: aiohttp.ClientResponse, resource: str, keep_bytes: int, max_bytes: int) -> Ending:
        kept, total = bytearray(), 0
        async for chunk in answer.content.iter_any():
            total += len(chunk)
            kept += chunk
            if len(kept) > 2 * keep_bytes:
                del kept[:-keep_bytes]
            if total > max_bytes:
                answer.close()
                break
        self._observer.observe_bytes("get", resource, total)
        return Ending(bytes(kept[-keep_bytes:]), total, reached_end=total <= max_bytes)

    async def pages(
        self,
        resource: str,
        path: str,
        decode: Callable[[bytes], PageT],
        *,
        limit: int,
        params: Mapping[str, str] | None = None,
        accept: str = ACCEPT_JSON,
    ) -> AsyncIterator[PageT]:
        """List in pages of ``limit`` objects.

        Raises:
            GoneError: the list took so long that its snapshot expired; begin again.
            ApiError: anything else.
        """
        query = {**(params or {}), "limit": str(limit)}
        while True:
            page = decoded(decode, await self.request("list", resource, path, params=query, accept=accept))
            yield page
            if not page.metadata.continue_token:
                return
            query["continue"] = page.metadata.continue_token

    async def authorization(self) -> str | None:
        """The Authorization header's value, looked after once a minute (token files rotate, exec tokens expire)."""
        if asyncio.get_running_loop().time() >= self._fresh_until:
            async with self._login:
                if asyncio.get_running_loop().time() >= self._fresh_until:
                    self._accept(replace(self.endpoint, authorization=await self._renewed()))
        return self.endpoint.authorization

    async def renewed_authorization(self, refused: str | None) -> str | None:
        """Log in again, unless another task has done so since ``refused`` was taken."""
        async with self._login:
            if self.endpoint.authorization == refused:
                try:
                    await self._log_in()
                except NoCredentialsError as error:
                    raise UnauthorizedError(str(error)) from error
        return self.endpoint.authorization

    def open_session(self, middlewares: Sequence[Any]) -> aiohttp.ClientSession:
        """A session of somebody else's (kopf closes it), with the same TLS and proxy, and without our limits."""
        endpoint = self.endpoint
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=endpoint.tls or False, limit=0),
            headers=_HEADERS,
            proxy=endpoint.proxy,
            middlewares=tuple(middlewares),
            read_bufsize=1 << 20,
        )

    async def _renewed(self) -> str | None:
        try:
            return await asyncio.to_thread(self._credentials.authorization)
        except UnauthorizedError as error:
            # what we have may still be good; if not, a 401 says so and leads to a new login
            log.warning("credentials could not be renewed, the old ones are used", extra=kv(reason=error.message))
            return self.endpoint.authorization

    async def _log_in(self) -> None:
        endpoint = await asyncio.to_thread(self._credentials.load)
        if self._session is None:
            self._open(endpoint)
        self._accept(endpoint)

    def _open(self, endpoint: Endpoint) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=endpoint.tls or False, limit=self._connections, keepalive_timeout=60),
            headers=_HEADERS,
            proxy=endpoint.proxy,
            timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            read_bufsize=1 << 20,
        )
        if endpoint.proxy is None:
            self._direct = Connections(
                endpoint.server,
                tls=endpoint.tls,
                server_name=endpoint.server_name,
                headers=_HEADERS,
                limit=self._connections,
                timeout_seconds=self._timeout_seconds,
            )

    def _accept(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._fresh_until = asyncio.get_running_loop().time() + TOKEN_FRESH_SECONDS

    async def _exchange(
        self,
        verb: str,
        resource: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Response:
        if self._direct is None:
            return await self._proxied(verb, resource, path, params=params, data=body, headers=headers)
        with self._counted(verb, resource) as counted:
            answer = await self._direct.exchange(_METHODS[verb], path, params=params, headers=headers, body=body)
            counted.code = str(answer.status)
        self._observer.observe_bytes(verb, resource, len(answer.body))
        return answer

    async def _proxied(self, verb: str, resource: str, path: str, **given: Any) -> Response:
        async with self._answered(verb, resource, path, **given) as response:
            body = await response.read()
            self._observer.observe_bytes(verb, resource, len(body))
            return Response(response.status, body, response.headers.get("Retry-After"))

    @asynccontextmanager
    async def _answered(
        self, verb: str, resource: str, path: str, **given: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose body is still to be read; counted, and what the network does to it is an ApiError."""
        if self._session is None:
            raise RuntimeError("use `async with client`")
        with self._counted(verb, resource) as counted:
            async with self._session.request(
                _METHODS[verb],
                self.endpoint.server + path,
                server_hostname=self.endpoint.server_name,
                **given,
            ) as response:
                yield response
                counted.code = str(response.status)

    @contextmanager
    def _counted(self, verb: str, resource: str) -> Iterator["_Counted"]:
        """A request, counted at its end by what the block says of it; what the network does to it is an ApiError."""
        counted = _Counted()
        try:
            yield counted
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{verb} {resource}: {type(error).__name__}: {error}"[:300]) from error
        finally:
            self._observer.observe_request(verb, resource, counted.code)


@dataclass(slots=True)
class _Counted:
    code: str = "unreachable"


def decoded(decode: Callable[[bytes], AnswerT], answer: bytes) -> AnswerT:
    """Decode an answer.

    Raises:
        BadAnswerError: it is not what was asked for.
    """
    try:
        return decode(answer)
    except msgspec.MsgspecError as error:
        raise BadAnswerError(f"cannot read the API server's answer: {error}"[:300]) from error


def decoded_item(answer: bytes) -> Item:
    """One projected object.

    Raises:
        BadAnswerError: it is none.
    """
    try:
        return _decode_item(answer)
    except msgspec.MsgspecError as error:
        raise BadAnswerError(f"cannot read the API server's answer: {error}"[:300]) from error


def join_path(base: str, namespace: str | None, plural: str, name: str = "", subresource: str = "") -> str:
    """The path of a collection, or of an object in it; ``namespace`` None is all of them."""
    parts = [
        base,
        *(("namespaces", namespace) if namespace else ()),
        plural,
        *(part for part in (name, subresource) if part),
    ]
    return "/".join(parts)
