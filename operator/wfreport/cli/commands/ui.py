"""``wfreport ui``: a read-only live page in the browser."""

import secrets
from contextlib import ExitStack
from typing import Final

import click

from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.reports import NO_REPORTS_KIND
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.kinds import REPORT
from wfreport.kube.objects import Item
from wfreport.kube.resource import Resource

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
    ),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Begin with the runs of all namespaces.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, metavar="PORT", help="Port; 0: any free one."
)
@click.option(
    "--open/--no-browser", "opens", default=False, help="Open the page in the browser. Default: --no-browser."
)
@cluster_options
def ui(target: ClusterTarget, *, all_namespaces: bool, port: int, opens: bool) -> int:
    """Serve a live, read-only page of runs, trends and remediations on 127.0.0.1, until Ctrl-C.

    It reads with the rights of your kubeconfig, and changes nothing. The URL on stdout contains a secret that is new at
    each start: whoever has the URL, on this machine, sees what you may see.
    """

    async def execute(cluster: Cluster) -> int:
        from wfreport.cli.web.guard import LOOPBACK_HOSTS, AccessRules  # noqa: PLC0415 - aiohttp is slow to import
        from wfreport.cli.web.server import LOOPBACK, open_in_browser, serve_until_signal, serving  # noqa: PLC0415
        from wfreport.cli.web.viewers import LocalViewers  # noqa: PLC0415

        namespace = None if all_namespaces else cluster.namespace
        await _check(cluster, namespace)
        viewers = LocalViewers(cluster, namespace)
        rules = AccessRules(secrets.token_urlsafe(_SECRET_BYTES), LOOPBACK_HOSTS)
        with ExitStack() as resources:
            async with serving(viewers, rules, address=LOOPBACK, port=port) as used_port:

                async def announce() -> None:
                    url = f"http://{LOOPBACK}:{used_port}{rules.base}/"
                    click.echo(url)
                    where = f"namespace {namespace}" if namespace else "all namespaces"
                    click.echo(f"Serving the runs of {where}. Keep the URL to yourself; Ctrl-C ends it.", err=True)
                    if opens and not open_in_browser(url, resources):
                        click.echo("There is no browser to open; use the URL.", err=True)

                await serve_until_signal(announce)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


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
