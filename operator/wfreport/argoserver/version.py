"""Which Argo Server it is, and what it links to."""

import re
from typing import Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, whole
from wfreport.argoserver.errors import ArgoServerError, ServerBadAnswerError, ServerTooNewError

KNOWN_MAJOR: Final = 4
"""The newest major version whose API is known here; 3 and 4 are the same as far as it is in use."""

_MAJOR: Final = re.compile(r"v?(\d+)\.")


class _Version(Struct, frozen=True):
    version: str = ""


class UiLink(Struct, frozen=True):
    """A link that the server's configuration gives its UI.

    Attributes:
        name: its text.
        scope: what it is shown at: ``workflow``, ``pod``, ``pod-logs``, …
        url: with ``${metadata.name}`` and the like in it.
    """

    name: str = ""
    scope: str = ""
    url: str = ""


class Info(Struct, frozen=True):
    """``/api/v1/info``, as far as it is in use.

    Attributes:
        links: of ``links`` in workflow-controller-configmap.
        managed_namespace: the one namespace that the server is for; empty for all of them.
    """

    links: list[UiLink] | None = None
    managed_namespace: str = ""


_decode_version: Final = msgspec.json.Decoder(_Version).decode
_decode_info: Final = msgspec.json.Decoder(Info).decode


async def fetch_version(server: ArgoServer) -> str:
    """The version, as ``v4.1.2``.

    Raises:
        ArgoServerError: it cannot be had.
    """
    body = await server.get(ServerEndpoint.VERSION, "/api/v1/version", read=whole)
    try:
        return _decode_version(body).version
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ServerBadAnswerError(f"the version cannot be read: {error}") from None


async def fetch_info(server: ArgoServer) -> Info:
    """What the server says of itself.

    Raises:
        ArgoServerError: it cannot be had.
    """
    body = await server.get(ServerEndpoint.INFO, "/api/v1/info", read=whole)
    try:
        return _decode_info(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise await judged(server, ServerBadAnswerError(f"the info cannot be read: {error}")) from None


async def judged(server: ArgoServer, error: ServerBadAnswerError) -> ArgoServerError:
    """The error, or that the server is too new, which then is why its answer makes no sense."""
    try:
        version = await fetch_version(server)
    except ArgoServerError:
        return error
    major = _MAJOR.match(version)
    if major and int(major[1]) > KNOWN_MAJOR:
        return ServerTooNewError(f"Argo Server {version[:40]} is newer than v{KNOWN_MAJOR}: {error.message}")
    return error
