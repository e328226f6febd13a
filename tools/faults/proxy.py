"""A proxy in front of the API server that injects faults into watches and requests.

    operator ── http ──► FaultProxy (a thread with its own event loop) ── https ──► kube-apiserver

It speaks plain HTTP to the operator, as ``kubectl proxy`` does. One fault is active at a time.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

SLOW_SECONDS: Final = 3
"""Delay of each part of a slow watch."""
DROP_SECONDS: Final = 0.3
"""Life of a watch while watches are dropped."""
RETRY_AFTER_SECONDS: Final = 2
FAULTY_SHARE: Final = 0.6
"""Share of the requests that a fault of requests hits."""

_HOP_HEADERS: Final = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive"})
_MAX_BODY_BYTES: Final = 8 << 20
_EXPIRED: Final = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "too old resource version: 1 (2)",
    "reason": "Expired",
    "code": 410,
}


class Fault(Enum):
    """The faults, each with the sentence that describes it in the table."""

    DROPPED_WATCHES = "every watch is cut after 0.3 s"
    SILENT_WATCHES = "watches stay open and send nothing"
    SLOW_WATCHES = "each part of a watch is 3 s late"
    TORN_WATCHES = "a watch ends within a line of JSON"
    GONE_IN_WATCHES = "watches send an ERROR event with code 410"
    GONE_ON_CONTINUE = "continue tokens of lists are answered with 410"
    THROTTLED = "60 % of the requests are answered with 429 and Retry-After"
    SERVER_ERRORS = "60 % of the requests are answered with 500"
    TORN_RESPONSES = "60 % of the responses end after half of their body"
    LOST_RESPONSES = "60 % of the requests take effect, and their responses are lost"
    SILENT_REQUESTS = "60 % of the requests get no response"


_OF_WATCHES: Final = frozenset(
    {
        Fault.DROPPED_WATCHES,
        Fault.SILENT_WATCHES,
        Fault.SLOW_WATCHES,
        Fault.TORN_WATCHES,
        Fault.GONE_IN_WATCHES,
    }
)


class FaultProxy:
    """The proxy, as a context manager.

    Attributes:
        injected: the number of responses and watches that a fault has hit.
    """

    def __init__(self, server: str, *, ca: Path) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._random = random.Random(13)  # noqa: S311  (reproducible, not a secret)
        self._fault: Fault | None = None
        self._changed = asyncio.Event()
        self._port = 0
        self.injected = 0

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The URL to put into a kubeconfig."""
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def injecting(self, fault: Fault) -> Iterator[None]:
        """Inject a fault during the block; watches that are open already are hit as well."""
        self._call(self._set(fault))
        try:
            yield
        finally:
            self._call(self._set(None))

    # In the proxy's thread

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _set(self, fault: Fault | None) -> None:
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    async def _open(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
        )
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        await self._set(None)
        await self._runner.cleanup()
        await self._session.close()
        await asyncio.sleep(0.1)  # aiohttp closes connections with TLS in later iterations of the loop

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "true"
        fault = self._fault_of_request(request, is_watch=is_watch)
        answer = await self._early_answer(request, fault)
        if answer is not None:
            return answer
        try:
            upstream = await self._session.request(
                request.method,
                URL(self._server + request.raw_path, encoded=True),
                headers=_forwarded(request.headers),
                data=await request.read() or None,
                allow_redirects=False,
            )
        except aiohttp.ClientError:
            return _cut(request)
        async with upstream:
            if is_watch:
                return await self._forward_watch(request, upstream)
            return await self._forward(request, upstream, fault)

    def _fault_of_request(self, request: web.Request, *, is_watch: bool) -> Fault | None:
        fault = self._fault
        if fault is None or is_watch or fault in _OF_WATCHES:
            return None
        if fault is Fault.GONE_ON_CONTINUE:
            is_hit = "continue" in request.query
        else:
            is_hit = self._random.random() < FAULTY_SHARE
        if not is_hit:
            return None
        self.injected += 1
        return fault

    async def _early_answer(self, request: web.Request, fault: Fault | None) -> web.StreamResponse | None:
        """Return the answer to a request that does not reach the API server."""
        match fault:
            case Fault.THROTTLED:
                retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
                return _status(429, "TooManyRequests", headers=retry)
            case Fault.SERVER_ERRORS:
                return _status(500, "InternalError")
            case Fault.GONE_ON_CONTINUE:
                return web.json_response(_EXPIRED, status=410)
            case Fault.SILENT_REQUESTS:
                await self._changed.wait()
                return _cut(request)
        return None

    async def _forward(
        self, request: web.Request, upstream: aiohttp.ClientResponse, fault: Fault | None
    ) -> web.StreamResponse:
        body = await upstream.read()
        if fault is Fault.LOST_RESPONSES:
            return _cut(request)
        response = web.StreamResponse(status=upstream.status, headers=_forwarded(upstream.headers))
        response.content_length = len(body)
        await response.prepare(request)
        if fault is Fault.TORN_RESPONSES:
            await response.write(body[: len(body) // 2])
            return _cut(request, response)
        with suppress(ConnectionError):
            await response.write(body)
        return response

    async def _forward_watch(self, request: web.Request, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=upstream.status, headers=_forwarded(upstream.headers))
        response.enable_chunked_encoding()
        await response.prepare(request)
        reading: asyncio.Task[bytes] | None = None
        try:
            while True:
                if self._fault in _OF_WATCHES:
                    self.injected += 1
                    if await self._is_broken(request, response):
                        return response
                reading = reading or asyncio.ensure_future(upstream.content.readany())
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if not reading.done():
                    continue
                chunk, reading = reading.result(), None
                if not chunk:
                    return response
                await response.write(chunk)
        except (aiohttp.ClientError, ConnectionError):
            return _cut(request, response)
        finally:
            if reading:
                reading.cancel()

    async def _is_broken(self, request: web.Request, response: web.StreamResponse) -> bool:
        """Apply the fault to an open watch; return whether the watch has ended."""
        match self._fault:
            case Fault.DROPPED_WATCHES:
                await asyncio.sleep(DROP_SECONDS)
                _cut(request, response)
            case Fault.TORN_WATCHES:
                await response.write(b'{"type":"MODIFIED","object":{"kind":"PartialObjectMeta')
                _cut(request, response)
            case Fault.GONE_IN_WATCHES:
                await response.write(json.dumps({"type": "ERROR", "object": _EXPIRED}).encode() + b"\n")
                await asyncio.sleep(DROP_SECONDS)
            case Fault.SILENT_WATCHES:
                await asyncio.sleep(3600)  # only the client can end it
            case _:
                await asyncio.sleep(SLOW_SECONDS)
                return False
        return True


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_HEADERS}


def _status(code: int, reason: str, *, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return web.json_response(body | {"message": "injected by the fault proxy"}, status=code, headers=headers)


def _cut(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Close the connection without an answer, or within it."""
    if request.transport:
        request.transport.abort()
    return response or web.Response(status=502)
