"""The version of Argo Server, which may explain a response that cannot be decoded."""

import re
from typing import Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, read_body
from wfreport.argoserver.errors import ArgoServerError, ServerBadResponseError, ServerTooNewError

KNOWN_MAJOR: Final = 4
"""The newest major version whose API is known here; 3 and 4 are the same in all that we use."""

_MAJOR: Final = re.compile(r"v?(\d{1,9})\.")


class _Version(Struct, frozen=True):
    version: str = ""


_decode_version: Final = json_decoder(_Version)


async def fetch_version(server: ArgoServer) -> str:
    """Fetch the version, e.g. ``v4.1.2``.

    Raises:
        ArgoServerError: the request failed.
    """
    body = await server.get(ServerEndpoint.VERSION, "/api/v1/version", read=read_body)
    try:
        return _decode_version(body).version
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ServerBadResponseError(f"the version cannot be decoded: {error}") from None


async def version_checked(server: ArgoServer, error: ServerBadResponseError) -> ArgoServerError:
    """Return ServerTooNewError if the server's version is newer than we know, else the error itself."""
    try:
        version = await fetch_version(server)
    except ArgoServerError:
        return error
    major = _MAJOR.match(version)
    if major and int(major[1]) > KNOWN_MAJOR:
        return ServerTooNewError(f"Argo Server {version[:40]} is newer than v{KNOWN_MAJOR}: {error.message}")
    return error
