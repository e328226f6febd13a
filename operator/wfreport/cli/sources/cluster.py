"""The connection of a command to its cluster, found as kubectl finds it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from wfreport.cli.options import ClusterTarget
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.kube.client import Client
from wfreport.kube.credentials import Credentials, NoCredentialsError
from wfreport.kube.errors import ApiError

REQUEST_SECONDS: Final = 30
_CONNECTIONS: Final = 8
_INTERRUPTED: Final = 128 + signal.SIGINT


class Cluster(Struct, frozen=True):
    """A connection to the API server, and the namespace that names refer to."""

    client: Client
    namespace: str


def run_connected(target: ClusterTarget, action: Callable[[Cluster], Awaitable[int]]) -> int:
    """Connect, run the action, and return its exit code.

    Raises:
        UnusableInput: the cluster cannot be reached, or it refuses the request.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # From here on, connections and the terminal have to be left in order; asyncio replaces only this handler.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return asyncio.run(_connected(target, action))
    except KeyboardInterrupt:
        # click would exit with 1, which means that a Workflow failed.
        return _INTERRUPTED
    except NoCredentialsError as error:
        raise UnusableInput("kubeconfig", one_line(str(error))) from error
    except ApiError as error:
        raise UnusableInput("API server", one_line(error.message)) from error


async def _connected(target: ClusterTarget, action: Callable[[Cluster], Awaitable[int]]) -> int:
    credentials = Credentials(kubeconfig=target.kubeconfig, context=target.context)
    async with open_client(credentials) as client:
        return await action(Cluster(client, target.namespace or credentials.namespace()))


def open_client(credentials: Credentials) -> Client:
    """Return a client with the time limits of commands; enter it to connect."""
    return Client(
        observer=_NoMetrics(), timeout_seconds=REQUEST_SECONDS, connections=_CONNECTIONS, credentials=credentials
    )


class _NoMetrics(Struct, frozen=True):
    """Discards request metrics: a command does not export any."""

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Do nothing."""

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Do nothing."""
