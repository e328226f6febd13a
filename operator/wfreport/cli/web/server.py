"""Serves the live page until Ctrl-C or SIGTERM."""

import asyncio
import signal
import socket
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from html import escape
from pathlib import Path
from typing import Final

from aiohttp import web

from wfreport.cli.problems import UnusableInput
from wfreport.cli.web.guard import AccessRules
from wfreport.cli.web.site import Site
from wfreport.cli.web.viewers import Viewers

LOOPBACK: Final = "127.0.0.1"
_SHUTDOWN_SECONDS: Final = 2.0


@asynccontextmanager
async def serving(viewers: Viewers, rules: AccessRules, *, address: str, port: int) -> AsyncIterator[int]:
    """Serve while the context is open. It yields the port.

    Raises:
        UnusableInput: the port cannot be used.
    """
    # no access log: its lines would have the secret
    runner = web.AppRunner(
        Site(viewers, rules).application(),
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        handler_cancellation=True,
        handle_signals=False,
    )
    await runner.setup()
    try:
        listener = _listener(address, port)
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


def _listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise UnusableInput(f"--port {port}", f"{error.strerror or error}; 0 takes any free port") from error


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
