"""The client of the Argo Server that the settings name."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from wfreport.argoserver.client import ArgoServer, RetryPolicy, ServerObserver
from wfreport.argoserver.connection import connection_of
from wfreport.settings import Settings


@asynccontextmanager
async def configured_server(
    settings: Settings, *, clock: Callable[[], datetime], observer: ServerObserver | None = None
) -> AsyncIterator[ArgoServer | None]:
    """Open the client for the block, without a request; None if no server is configured."""
    connection = connection_of(settings, clock=clock)
    if connection is None:
        yield None
        return
    async with ArgoServer(
        connection,
        observer=observer,
        clock=clock,
        retry_policy=RetryPolicy(timeout_seconds=settings.argo_server_timeout_seconds),
        connections=settings.argo_server_workers + 2,
    ) as server:
        yield server
