"""Everything that each request must pass, and the headers of each response.

A web page of another origin can make the browser send requests to loopback. It must neither read anything nor find out
whether a run exists:

    secret     the first part of the path, new at each start; compared in constant time, never logged
    Host       a name of loopback: a name that was rebound to 127.0.0.1 is refused
    method     GET and HEAD only; nothing changes anything
    response   no script or style but ours, no frame, no cookie, no cache, no referrer
"""

import hmac
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct

from wfreport.cli.render.live_page import page_policy

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEALTH_PATH: Final = "/healthz"
_READING: Final = frozenset({"GET", "HEAD"})


class AccessRules(Struct, frozen=True):
    """Which requests are answered.

    Attributes:
        secret: the first part of each path; empty for none, if each request carries a token.
        hosts: names that the Host header may have, in lower case; empty for any.
    """

    secret: str
    hosts: frozenset[str]

    @property
    def base(self) -> str:
        """The path before all pages."""
        return f"/{self.secret}" if self.secret else ""


def security_headers() -> Mapping[str, str]:
    """Return the headers of every response."""
    return {
        "Content-Security-Policy": page_policy(),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }


def guard(rules: AccessRules) -> Middleware:
    """Return the middleware that refuses what the rules do not allow."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = _refusal(request, rules)
        if refusal is not None:
            return refusal
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return _refused(404, "not found")

    return check


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to any response, also to errors of the server itself."""
    del request
    response.headers.update(security_headers())
    response.headers.popall("Server", None)


def _refusal(request: web.Request, rules: AccessRules) -> web.Response | None:
    if request.method not in _READING:
        return _refused(405, "only GET and HEAD are allowed", Allow="GET, HEAD")
    if request.path == HEALTH_PATH:
        return None
    if rules.hosts and host_name(request.headers.get("Host", "")) not in rules.hosts:
        return _refused(421, "this server does not serve that host")
    first = request.path[1:].partition("/")[0]
    if rules.secret and not hmac.compare_digest(first.encode("utf-8", "replace"), rules.secret.encode()):
        return _refused(404, "not found")
    return None


def _refused(status: int, text: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)


def host_name(header: str) -> str:
    """Return the name in a Host header in lower case, without its port."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else header.strip().lower()
