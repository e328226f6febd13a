"""A minimal client for the API server, based on paths and JSON."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
import urllib3

from controlplane.errors import ApiError

# Decoded JSON. This client does not know its schema.
Json = Any

FIELD_MANAGER = "controlplane"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_ERROR = 400
_TIMEOUT = urllib3.Timeout(connect=5, read=60)


class Api:
    """Blocking client, thread-safe. Each call raises `ApiError` on a status of 400 or above."""

    def __init__(self, server: str, *, token: str, ca: Path) -> None:
        self.server = server
        self.token = token
        self.ca = ca
        self._pool = urllib3.PoolManager(ca_certs=str(ca), maxsize=8, retries=False, timeout=_TIMEOUT)

    def get(self, path: str, **query: str | int) -> Json:
        """Read `path`. `query` holds parameters such as `labelSelector=`."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Json, **query: str | int) -> Json:
        """Create an object in the collection `path`."""
        return self.call("POST", path, body, query=query)

    def put(self, path: str, body: Json, **query: str | int) -> Json:
        """Replace an object."""
        return self.call("PUT", path, body, query=query)

    def patch(self, path: str, body: Json, *, content_type: str = MERGE_PATCH, **query: str | int) -> Json:
        """Patch an object, by default with a JSON merge patch."""
        return self.call("PATCH", path, body, content_type=content_type, query=query)

    def apply(self, path: str, body: Json, *, manager: str = FIELD_MANAGER, force: bool = True) -> Json:
        """Apply an object (server-side apply)."""
        query = {"fieldManager": manager, "force": str(force).lower()}
        return self.call("PATCH", path, body, content_type=APPLY_PATCH, query=query)

    def delete(self, path: str, body: Json = None, **query: str | int) -> Json:
        """Delete an object. `body` may be DeleteOptions."""
        return self.call("DELETE", path, body, query=query)

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str | int] | None = None,
    ) -> Json:
        """Send any request. A response that is not JSON (logs, /readyz) is returned as text."""
        answer = self._pool.request(
            method,
            _url(self.server, path, query),
            body=None if body is None else json.dumps(body).encode(),
            headers=_headers(self.token, content_type),
        )
        return _decoded(answer.status, answer.headers.get("content-type", ""), answer.data)

    def as_user(self, token: str) -> Api:
        """Return a client of the same server with another token."""
        return Api(self.server, token=token, ca=self.ca)

    def session(self) -> AsyncApi:
        """Return the same client for asyncio: `async with plane.api.session() as api: await api.get(…)`."""
        return AsyncApi(self.server, token=self.token, ca=self.ca)

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        self._pool.clear()


class AsyncApi:
    """`Api` for asyncio, as an async context manager."""

    def __init__(self, server: str, *, token: str, ca: Path, connections: int = 8) -> None:
        self.server = server
        self.token = token
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AsyncApi:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=self._connections)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **query: str | int) -> Json:
        """Read `path`. `query` holds parameters such as `labelSelector=`."""
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Json, **query: str | int) -> Json:
        """Create an object in the collection `path`."""
        return await self.call("POST", path, body, query=query)

    async def put(self, path: str, body: Json, **query: str | int) -> Json:
        """Replace an object."""
        return await self.call("PUT", path, body, query=query)

    async def patch(self, path: str, body: Json, *, content_type: str = MERGE_PATCH, **query: str | int) -> Json:
        """Patch an object, by default with a JSON merge patch."""
        return await self.call("PATCH", path, body, content_type=content_type, query=query)

    async def delete(self, path: str, body: Json = None, **query: str | int) -> Json:
        """Delete an object. `body` may be DeleteOptions."""
        return await self.call("DELETE", path, body, query=query)

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str | int] | None = None,
    ) -> Json:
        """Send any request. A response that is not JSON is returned as text."""
        if self._session is None:
            raise RuntimeError("use `async with api.session() as api`")
        async with self._session.request(
            method,
            _url(self.server, path, query),
            data=None if body is None else json.dumps(body).encode(),
            headers=_headers(self.token, content_type),
        ) as answer:
            return _decoded(answer.status, answer.content_type, await answer.read())


def _url(server: str, path: str, query: Mapping[str, str | int] | None) -> str:
    return f"{server}{path}?{urlencode(query)}" if query else f"{server}{path}"


def _headers(token: str, content_type: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": content_type, "Accept": "application/json"}


def _decoded(status: int, content_type: str, content: bytes) -> Json:
    answer = json.loads(content) if content_type.startswith("application/json") else content.decode(errors="replace")
    if status < _ERROR:
        return answer
    if isinstance(answer, dict):
        raise ApiError(status, str(answer.get("reason", "")), str(answer.get("message", "")))
    raise ApiError(status, "", answer)
