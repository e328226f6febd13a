"""The HTTP server of ``/metrics``, ``/healthz`` and ``/readyz``.

``/healthz`` responds if the event loop runs: a restart does not help against an unreachable API server. ``/readyz``
returns 503 until every stream has been listed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def health_server(
    *, host: str, port: int, metrics: Callable[[], tuple[bytes, str]], missing: Callable[[], list[str]]
) -> AsyncIterator[int]:
    """Serve while the context is open. It yields the port.

    Args:
        host: address to bind.
        port: port to bind; 0 for no server.
        metrics: returns the metrics in Prometheus' format, and their content type.
        missing: returns what is not ready yet; empty if everything is.
    """
    if not port:
        yield 0
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        not_ready = missing()
        return web.Response(
            text="".join(f"waiting for {name}\n" for name in not_ready) or "ok\n",
            status=503 if not_ready else 200,
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
