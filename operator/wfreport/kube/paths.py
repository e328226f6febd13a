"""URL paths made of names: the only place that puts a name into a path.

A name comes from an object that a user wrote. One such as ``../../other/secrets/x`` would address another object,
because servers, proxies and HTTP libraries resolve dots. The API server refuses such names for its own objects
(`IsValidPathSegmentName` of apimachinery), so no object can have one.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    import yarl

_DOTS: Final = frozenset({"", ".", ".."})
_NEVER: Final = frozenset("/%\\")


class PathNameError(ValueError):
    """The name cannot be a segment of a path, so that no object has it."""


def path_segment(name: str) -> str:
    """Quote a name for a URL's path.

    Raises:
        PathNameError: the name is empty, ``.`` or ``..``, or contains a slash, a backslash or a percent sign.
    """
    if name in _DOTS or not _NEVER.isdisjoint(name):
        raise PathNameError(f"no object can have the name {name[:253]!r}")
    return quote(name, safe="", errors="replace")


def join_segments(*names: str) -> str:
    """Join names to a path without a slash at its ends.

    Raises:
        PathNameError: see `path_segment`.
    """
    return "/".join(map(path_segment, names))


def request_url(server: str, path: str) -> "yarl.URL":
    """Return the URL of a quoted path. The path is not changed: yarl would resolve its dots otherwise."""
    import yarl  # noqa: PLC0415 - slow to import, and only aiohttp needs it

    return yarl.URL(server + path, encoded=True)
