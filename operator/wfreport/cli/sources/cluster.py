"""Where a command meets the cluster: as kubectl finds it, with one line for whatever goes wrong."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.kube.client import Client
from wfreport.kube.credentials import SERVICE_ACCOUNT_NAMESPACE, Credentials, NoCredentialsError
from wfreport.kube.errors import ApiError, UnreachableError, error_of

REQUEST_SECONDS: Final = 30
CHUNK: Final = 100
"""Objects a page of a list (docs/decisions/0006)."""
_CONNECTIONS: Final = 8
_REFUSED: Final = 400
_INTERRUPTED: Final = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """Which cluster and namespace the user means; None is kubectl's default."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection, and the namespace that names are looked up in."""

    client: Client
    namespace: str


def run_connected(target: ClusterTarget, act: Callable[[Cluster], Awaitable[int]]) -> int:
    """Connect, act, and return the exit code.

    Raises:
        UnusableInput: the cluster cannot be reached or refuses us.
    """
    try:
        return asyncio.run(_connected(target, act))
    except KeyboardInterrupt:
        # Not click's 1, which means that a Workflow failed.
        return _INTERRUPTED
    except NoCredentialsError as error:
        raise UnusableInput("kubeconfig", one_line(str(error))) from error
    except ApiError as error:
        raise UnusableInput("API server", one_line(error.message)) from error


async def _connected(target: ClusterTarget, act: Callable[[Cluster], Awaitable[int]]) -> int:
    credentials = Credentials(kubeconfig=target.kubeconfig, context=target.context)
    client = Client(
        observer=_Unobserved(), timeout_seconds=REQUEST_SECONDS, connections=_CONNECTIONS, credentials=credentials
    )
    async with client:
        return await act(Cluster(client, target.namespace or current_namespace(target)))


def current_namespace(target: ClusterTarget) -> str:
    """As kubectl: the context's, the pod's own, else ``default``."""
    # Half a second to import, and not needed with -n.
    from kubernetes import config as untyped  # noqa: PLC0415

    config: Any = untyped
    with contextlib.suppress(config.ConfigException, OSError):
        contexts, active = config.list_kube_config_contexts(target.kubeconfig)
        chosen = next((found for found in contexts if found["name"] == target.context), active)
        return str(chosen["context"].get("namespace") or "default")
    own = Path(SERVICE_ACCOUNT_NAMESPACE)
    return own.read_text().strip() if own.exists() else "default"


@contextlib.asynccontextmanager
async def open_stream(
    client: Client, path: str, params: Mapping[str, str], *, accept: str = "*/*", silent_seconds: float | None = None
) -> AsyncIterator[aiohttp.StreamReader]:
    """An answer that comes bit by bit: a watch, or a log that is followed.

    Args:
        client: who asks.
        path: from ``/api``.
        params: the query.
        accept: the projection that is asked for.
        silent_seconds: how long it may say nothing; None: for ever.

    Raises:
        ApiError: the server refuses, or the connection breaks inside the block.
    """
    headers = {"Accept": accept}
    if authorization := await client.authorization():
        headers["Authorization"] = authorization
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=silent_seconds)
    server, name = client.endpoint.server, client.endpoint.server_name
    try:
        async with (
            client.open_session([]) as session,
            session.get(server + path, params=params, headers=headers, timeout=timeout, server_hostname=name) as answer,
        ):
            if answer.status >= _REFUSED:
                raise error_of(answer.status, await answer.read(), answer.headers.get("Retry-After"))
            yield answer.content
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreachableError(f"{path}: {type(error).__name__}: {error}"[:300]) from error


async def lines_of(content: aiohttp.StreamReader, *, longest_bytes: int) -> AsyncIterator[bytes]:
    """Lines however long, up to ``longest_bytes``, where it ends: aiohttp's own limit is too low for both uses."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > longest_bytes:
            return
        for line in lines:
            yield line
    if rest:
        yield rest


@dataclass(frozen=True, slots=True)
class _Unobserved:
    """A command has no metrics."""

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count nothing."""

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count nothing."""
