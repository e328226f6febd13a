"""``wfreport ui``: a read-only live page in the browser."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.reports import NO_REPORTS_KIND
from wfreport.kube.credentials import NoCredentialsError, pod_endpoint
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.kinds import REPORT
from wfreport.kube.objects import Item
from wfreport.kube.resource import Resource

DEFAULT_CA_FILE: Final = "/etc/wfreport/kubernetes/ca.crt"
_SECRET_BYTES: Final = 32


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "stopped by Ctrl-C or SIGTERM",
        ExitCode.UNUSABLE: "an argument, the port or the cluster cannot be used",
    },
    examples=(
        "%(prog)s ui",
        "%(prog)s ui -A --open",
        "%(prog)s ui -n team-a --port 8080",
        "%(prog)s ui --in-cluster --port 8080 --allowed-host wfreport.example.com",
    ),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Begin with the runs of all namespaces.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, metavar="PORT", help="Port; 0: any free one."
)
@click.option("--open/--no-browser", "opens", default=False, help="Open the page in the browser. Default: do not.")
@click.option(
    "--in-cluster", is_flag=True, help="Serve on all addresses of the pod, with the bearer token of each request."
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="With --in-cluster: answer only requests for this host. Can be repeated.",
)
@click.option(
    "--ca-file",
    metavar="FILE",
    default=DEFAULT_CA_FILE,
    show_default=True,
    help="With --in-cluster: certificate authority of the API server.",
)
@cluster_options
@click.pass_context
def ui(
    context: click.Context,
    target: ClusterTarget,
    *,
    all_namespaces: bool,
    port: int,
    opens: bool,
    in_cluster: bool,
    hosts: Sequence[str],
    ca_file: str,
) -> int:
    """Serve a live, read-only page of runs, trends and remediations on 127.0.0.1, until Ctrl-C.

    It reads with the rights of your kubeconfig, and changes nothing. The URL on stdout contains a secret that is new at
    each start: anyone with the URL, on this machine, sees what you may see.

    With --in-cluster it has no rights of its own. Each request must carry a bearer token in its Authorization header,
    as a proxy in front of it adds it, and reads with the rights of that token.
    """
    if in_cluster:
        if opens or target.context or target.kubeconfig:
            raise click.UsageError("--in-cluster uses neither a kubeconfig nor a browser", context)
        return _serve_in_cluster(target.namespace, port=port, hosts=hosts, ca_file=Path(ca_file))
    if hosts:
        raise click.UsageError(
            "--allowed-host needs --in-cluster; on loopback, only its own names are answered", context
        )

    async def execute(cluster: Cluster) -> int:
        await _serve_locally(cluster, None if all_namespaces else cluster.namespace, port=port, opens=opens)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


async def _serve_locally(cluster: Cluster, namespace: str | None, *, port: int, opens: bool) -> None:
    from wfreport.cli.web.guard import LOOPBACK_HOSTS, AccessRules  # noqa: PLC0415 - aiohttp is slow to import
    from wfreport.cli.web.server import LOOPBACK, open_in_browser, serve_until_signal, serving  # noqa: PLC0415
    from wfreport.cli.web.viewers import LocalViewers  # noqa: PLC0415

    await _check(cluster, namespace)
    rules = AccessRules(secrets.token_urlsafe(_SECRET_BYTES), LOOPBACK_HOSTS)
    with ExitStack() as resources:
        async with serving(LocalViewers(cluster, namespace), rules, address=LOOPBACK, port=port) as used_port:

            async def announce() -> None:
                url = f"http://{LOOPBACK}:{used_port}{rules.base}/"
                click.echo(url)
                where = f"namespace {namespace}" if namespace else "all namespaces"
                click.echo(f"Serving the runs of {where}. Keep the URL to yourself; Ctrl-C ends it.", err=True)
                if opens and not open_in_browser(url, resources):
                    click.echo("There is no browser to open; use the URL.", err=True)

            await serve_until_signal(announce)


def _serve_in_cluster(namespace: str | None, *, port: int, hosts: Sequence[str], ca_file: Path) -> int:
    """Serve until SIGTERM.

    Raises:
        UnusableInput: this is no pod, or the port cannot be used.
    """
    from wfreport.cli.web.guard import AccessRules  # noqa: PLC0415
    from wfreport.cli.web.server import ANY_ADDRESS, serve_until_signal, serving  # noqa: PLC0415
    from wfreport.cli.web.viewers import TokenViewers  # noqa: PLC0415

    try:
        server, tls = pod_endpoint(ca_file)
    except NoCredentialsError as error:
        raise UnusableInput("--in-cluster", str(error)) from error

    async def serve() -> None:
        viewers = TokenViewers(server, tls, namespace=namespace)
        rules = AccessRules("", frozenset(host.lower() for host in hosts))
        async with serving(viewers, rules, address=ANY_ADDRESS, port=port) as used_port:

            async def announce() -> None:
                click.echo(f"Serving on port {used_port} with the rights of each request's token.", err=True)

            await serve_until_signal(announce)

    asyncio.run(serve())
    return ExitCode.SUCCEEDED


async def _check(cluster: Cluster, namespace: str | None) -> None:
    """Fail early if there is nothing to show. A missing right is shown in the page, which may have other namespaces.

    Raises:
        UnusableInput: the cluster has no WorkflowReport kind.
        ApiError: the cluster cannot be reached.
    """
    try:
        await Resource(cluster.client, REPORT, Item, metadata_only=True).list_page(namespace, limit=1)
    except ForbiddenError:
        return
    except NotFoundError as error:
        raise UnusableInput("API server", NO_REPORTS_KIND) from error
