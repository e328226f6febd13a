"""Serves the live page until Ctrl-C or SIGTERM."""

import asyncio
import logging
import os
import signal
import socket
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from html import escape
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from wfreport.cli.problems import UnusableInput
from wfreport.cli.web.guard import AccessRules
from wfreport.cli.web.site import Site
from wfreport.cli.web.viewers import Viewers

LOOPBACK: Final = "127.0.0.1"
ANY_ADDRESS: Final = ""
"""All addresses of the pod, of both families."""

HEADER_MAX_BYTES: Final = 32 * 1024
"""Tokens of an identity provider with many groups are long."""

_SHUTDOWN_SECONDS: Final = 2.0


@asynccontextmanager
async def serving(viewers: Viewers, rules: AccessRules, *, address: str, port: int) -> AsyncIterator[int]:
    """Serve while the context is open. It yields the port.

    Raises:
        UnusableInput: the port cannot be used.
    """
    application = Site(viewers, rules).application()
    runner = web.AppRunner(application, handle_signals=False, handler_cancellation=True, **server_options())
    await runner.setup()
    try:
        listener = _listener(address, port)
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


def server_options() -> dict[str, Any]:
    """Return the options of the HTTP server.

    Nothing of a request is logged: its path has the secret, and a header may have a token.
    """
    logger = logging.getLogger(__name__)
    logger.addFilter(_has_no_request)
    return {
        "access_log": None,
        "logger": logger,
        "max_field_size": HEADER_MAX_BYTES,
        "shutdown_timeout": _SHUTDOWN_SECONDS,
    }


def _has_no_request(record: logging.LogRecord) -> bool:
    """Whether a record is about our code: an error in HTTP itself quotes the bytes that it could not read."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _listener(address: str, port: int) -> socket.socket:
    is_dual = address == ANY_ADDRESS and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=is_dual)
    except OSError as error:
        raise UnusableInput(f"--port {port}", f"{os.strerror(error.errno or 0)}; 0 takes any free port") from error


async def serve_until_signal(ready: Callable[[], Awaitable[None]]) -> None:
    """Call ``ready``, then wait for Ctrl-C or SIGTERM."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await ready()
        await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def open_in_browser(url: str, resources: ExitStack) -> bool:
    """Open a URL in the user's browser; return whether there is one.

    Other users of the machine can read the arguments of a browser's process. It therefore gets a file, which only this
    user can read, and which leads to the URL. The file is deleted with ``resources``.
    """
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="wfreport-")))
    page = folder / "open.html"
    page.touch(mode=0o600)
    target = escape(url, quote=True)
    page.write_text(
        f'<!doctype html><title>wfreport</title><meta http-equiv="refresh" content="0;url={target}">'
        f'<a href="{target}">Open wfreport</a>'
    )
    return webbrowser.open(page.as_uri())
