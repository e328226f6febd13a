"""Completes names from the cluster: of runs, steps, Remediations and namespaces.

Completion runs while a person types. An error therefore yields no names, and the cluster has two seconds to answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import click

from wfreport.cli.options import ClusterTarget
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.reports import Filters, find_reports, newest_first
from wfreport.cli.sources.suggestions import namespace_names, remediation_names, run_names

_TIMEOUT_SECONDS: Final = 2
_MAX_NAMES: Final = 500


def complete_runs(context: click.Context, incomplete: str) -> list[str]:
    """Return the names of Workflows that exist or have a report."""

    async def names(cluster: Cluster) -> Iterable[str]:
        return [name async for name in run_names(cluster)]

    return _completed(context, incomplete, names)


def complete_steps(context: click.Context, incomplete: str) -> list[str]:
    """Return the display names of the steps of the run that is given as NAME, as its report has them."""
    run = str(context.params.get("name") or "").rpartition("/")[2]

    async def names(cluster: Cluster) -> Iterable[str]:
        listed = [report async for report in find_reports(cluster, cluster.namespace, Filters(workflow=run))]
        for report in newest_first(listed)[:1]:
            steps = report.object.get("status", {}).get("steps") or ()
            return [step["displayName"] for step in steps if step.get("podName")]
        return ()

    return _completed(context, incomplete, names) if run else []


def complete_remediations(context: click.Context, incomplete: str) -> list[str]:
    """Return the names of the Remediations."""
    return _completed(context, incomplete, remediation_names)


def complete_namespaces(context: click.Context, incomplete: str) -> list[str]:
    """Return the names of the namespaces."""
    return _completed(context, incomplete, namespace_names)


def _completed(
    context: click.Context, incomplete: str, names: Callable[[Cluster], Awaitable[Iterable[str]]]
) -> list[str]:
    found: list[str] = []

    async def execute(cluster: Cluster) -> int:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            found.extend(name for name in await names(cluster) if name.startswith(incomplete))
        return 0

    given = {name: context.params.get(name) for name in ("namespace", "context", "kubeconfig")}
    try:
        run_connected(ClusterTarget(**given), execute)
    except (click.ClickException, OSError):  # a timeout, too, is an OSError
        return []
    return list(dict.fromkeys(found))[:_MAX_NAMES]
