"""Reads what a page shows besides the report: the Remediations of the run's chain, and what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from wfreport.api.remediation import Remediation
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.next_steps import next_commands
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.remediations import list_of_root, readable
from wfreport.cli.sources.runs import decode_report, workflow_exists
from wfreport.clock import now
from wfreport.core.next_steps.lines import Invocation, NextCommand
from wfreport.core.next_steps.stalls import pod_of_stall
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.kinds import POD
from wfreport.kube.resource import documents


async def live_details(cluster: Cluster, report: Mapping[str, Any], invocation: Invocation) -> LiveDetails:
    """Read the Remediations of the run's chain if its report has one, and suggest the next commands.

    Raises:
        UnusableInput: this version cannot decode the report.
    """
    decoded = decode_report(report)
    actions = await _actions(cluster, decoded)
    return LiveDetails(now(), actions, await read_next(cluster, decoded, actions, invocation))


async def read_next(
    cluster: Cluster, report: WorkflowReport, actions: Sequence[Remediation], invocation: Invocation
) -> list[NextCommand]:
    """Suggest the next commands, by what still exists of a run that failed or hangs."""
    has_failed = bool(report.status and report.status.failures)
    has_workflow = not has_failed or await workflow_exists(cluster, report)
    pods = await _existing_pods(cluster, report) if has_workflow else frozenset[str]()
    return next_commands(report, actions, invocation, has_workflow=has_workflow, existing_pods=pods)


async def _existing_pods(cluster: Cluster, report: WorkflowReport) -> frozenset[str] | None:
    """Return which pods of the leading failure and of the stall exist; None if that cannot be read."""
    existing = {name: await _exists(cluster, name, uid) for name, uid in _pods_of_interest(report).items()}
    return None if None in existing.values() else frozenset(name for name, exists in existing.items() if exists)


def _pods_of_interest(report: WorkflowReport) -> dict[str, str | None]:
    """Return the uids of the pods that next steps may be about, by name; None for one that is unknown."""
    status = report.status or ReportStatus()
    leading, hanging = next(iter(status.failures or ()), None), pod_of_stall(status)
    pods: dict[str, str | None] = {hanging: None} if hanging else {}
    return pods | ({leading.pod_name: leading.pod_uid} if leading and leading.pod_name else {})


async def _exists(cluster: Cluster, name: str, uid: str | None) -> bool | None:
    """Return whether a pod exists; None if that cannot be read."""
    try:
        found = await documents(cluster.client, POD).metadata_only().get(cluster.namespace, name)
    except NotFoundError:
        return False
    except ApiError:
        return None
    return uid in (None, found.metadata.uid)


async def _actions(cluster: Cluster, report: WorkflowReport) -> list[Remediation]:
    remediation = report.status.remediation if report.status else None
    if remediation is None or not remediation.root_uid:
        return []
    try:
        documents = await list_of_root(cluster, remediation.root_uid)
    except NotFoundError:
        return []
    except ApiError as error:
        click.echo(f"cannot list Remediations: {one_line(error.message)}", err=True)
        return []
    return [remediation for _, remediation in readable(documents)]
