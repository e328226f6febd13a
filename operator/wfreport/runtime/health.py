"""``/metrics``, ``/healthz`` and ``/readyz``.

Liveness is the event loop alone: an API server that is away is no reason to be restarted. Readiness is that every
stream was listed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def health_server(
    *, host: str, port: int, metrics: Callable[[], tuple[bytes, str]], missing: Callable[[], list[str]]
) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port (``port`` 0: none is served).

    Args:
        host: address to bind.
        port: port to bind.
        metrics: gives the exposition and its content type.
        missing: names what is not ready yet; empty means ready.
    """
    if not port:
        yield 0
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        waiting_for = missing()
        return web.Response(
            text="".join(f"waiting for {name}\n" for name in waiting_for) or "ok\n",
            status=503 if waiting_for else 200,
        )

    async def exposition(_: web.Request) -> web.Response:
        body, content_type = metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield port
    finally:
        await runner.cleanup()
