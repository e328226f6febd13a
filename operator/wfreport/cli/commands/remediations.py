"""``wfreport remediations``: the actions on failed runs, their state, and whether they helped."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
from msgspec import Struct
from rich.text import Text

from wfreport.api.condition import Condition
from wfreport.api.names import GROUP
from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Plan, Remediation
from wfreport.api.wire import rfc3339
from wfreport.cli.group import Command
from wfreport.cli.options import TABLE_FORMATS, ClusterTarget, cluster_options, color_option, completion, output_option
from wfreport.cli.problems import ExitCode, NotFound
from wfreport.cli.render.column import Column
from wfreport.cli.render.console import report_console
from wfreport.cli.render.output import as_list, print_object, print_table
from wfreport.cli.render.remediation_state import is_awaiting, state_of
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.remediations import (
    decode_remediation,
    fetch_remediation,
    list_chain,
    list_remediations,
    readable,
)
from wfreport.clock import now as clock_now
from wfreport.core.render.conditions import EPOCH
from wfreport.core.timing.durations import short_duration

_CONDITION_LABELS: Final[Mapping[str, str]] = {
    RemediationConditionType.APPROVED: "approved",
    RemediationConditionType.EXECUTED: "executed",
    RemediationConditionType.SUCCEEDED: "helped",
}
_LABEL_COLUMNS: Final = 10


class ListedRemediation(Struct, frozen=True):
    """A Remediation as the API server sent it, and decoded."""

    document: dict[str, Any]
    remediation: Remediation

    @property
    def is_awaiting(self) -> bool:
        """Whether it waits for approval."""
        return is_awaiting(self.remediation)


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success",
        ExitCode.UNUSABLE: "an argument or the cluster cannot be used",
        ExitCode.NOT_FOUND: "nothing is called NAME",
    },
    examples=(
        "%(prog)s remediations --awaiting -A",
        "%(prog)s remediations etl-x7k2p-d1323ffb83",
        "%(prog)s remediations etl-x7k2p -o yaml",
    ),
)
@click.argument("name", required=False, shell_complete=completion("remediations"))
@click.option("-A", "--all-namespaces", is_flag=True, help="Remediations of all namespaces.")
@click.option("--awaiting", is_flag=True, help="Only Remediations that wait for approval.")
@output_option(*TABLE_FORMATS)
@color_option
@cluster_options
def remediations(
    target: ClusterTarget, name: str | None, *, all_namespaces: bool, awaiting: bool, output: str, color: str
) -> int:
    """List the Remediations of a namespace, those that wait for approval first, or show the one called NAME.

    NAME can also be a Workflow: then all Remediations of its chain of resubmissions are listed.
    """

    async def execute(cluster: Cluster) -> int:
        namespace = None if all_namespaces else cluster.namespace
        name_only = name.rpartition("/")[2] if name else None
        listed = await _list(cluster, namespace, name_only)
        if name_only and not listed:
            _print_one(await _fetch(cluster, name_only), output=output, color=color)
            return ExitCode.SUCCEEDED
        selected = [each for each in listed if each.is_awaiting or not awaiting]
        _print_all(selected, output=output, color=color, all_namespaces=all_namespaces)
        if not selected and output in ("table", "wide"):
            where = "" if all_namespaces else f" in namespace {cluster.namespace}"
            click.echo(f"No Remediations found{where}.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


async def _list(cluster: Cluster, namespace: str | None, workflow: str | None) -> list[ListedRemediation]:
    """Return all Remediations, or those of one Workflow's chain: pending approvals first, then newest first."""
    if workflow:
        documents = await list_chain(cluster, workflow)
    else:
        documents = [document async for document in list_remediations(cluster, namespace, workflow=None)]
    return sorted((_listed(*each) for each in readable(documents)), key=_sort_key)


async def _fetch(cluster: Cluster, name: str) -> ListedRemediation:
    try:
        document = await fetch_remediation(cluster, name)
        return _listed(document, decode_remediation(document))
    except NotFound as error:
        suggestion = error.message.partition(";")[2]
        message = f"no Remediation {one_line(name)}, and none of a Workflow of that name, in namespace"
        raise NotFound(f"{message} {cluster.namespace}{f';{suggestion}' if suggestion else ''}") from error


def _listed(document: dict[str, Any], remediation: Remediation) -> ListedRemediation:
    # As kubectl does, leave out what only the API server needs.
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return ListedRemediation(document | {"metadata": metadata}, remediation)


def _sort_key(listed: ListedRemediation) -> tuple[bool, float, str]:
    created = listed.remediation.metadata.creation_timestamp or EPOCH
    return not listed.is_awaiting, -created.timestamp(), listed.remediation.metadata.name


def _print_all(listed: Sequence[ListedRemediation], *, output: str, color: str, all_namespaces: bool) -> None:
    if output == "name":
        for each in listed:
            click.echo(f"remediation.{GROUP}/{each.remediation.metadata.name}")
    elif output in ("json", "yaml"):
        print_object(as_list([each.document for each in listed]), output)
    elif listed:
        columns = remediation_columns(clock_now(), all_namespaces=all_namespaces, wide=output == "wide")
        print_table(columns, listed, color=color, drops_columns=output != "wide")


def remediation_columns(now: datetime, *, all_namespaces: bool, wide: bool) -> list[Column[ListedRemediation]]:
    """Return the columns of the table of Remediations."""
    return [
        Column("NAMESPACE", lambda each: each.remediation.metadata.namespace, shown=all_namespaces),
        Column("NAME", lambda each: each.remediation.metadata.name, "bold"),
        Column("POLICY", lambda each: each.remediation.spec.policy_ref.name, drop_order=5),
        Column("RULE", lambda each: each.remediation.spec.rule, shown=wide),
        Column("ACTION", lambda each: each.remediation.spec.action, drop_order=1),
        Column("WORKFLOW", lambda each: each.remediation.spec.target.name, drop_order=6),
        Column("REASON", lambda each: each.remediation.spec.reason, "yellow", drop_order=4),
        Column("ATTEMPT", lambda each: str(each.remediation.spec.attempt), drop_order=3),
        Column("STATE", lambda each: state_of(each.remediation)[0], lambda each: state_of(each.remediation)[1]),
        Column("AGE", lambda each: _age(each.remediation, now), drop_order=2),
        Column("RESULT", lambda each: _result(each.remediation), shown=wide),
    ]


def _result(remediation: Remediation) -> str | None:
    status = remediation.status
    return status.result_ref.name if status and status.result_ref else remediation.spec.plan.new_name


def _age(remediation: Remediation, now: datetime) -> str:
    created = remediation.metadata.creation_timestamp
    return short_duration((now - created).total_seconds()) if created else ""


def _print_one(listed: ListedRemediation, *, output: str, color: str) -> None:
    if output == "name":
        click.echo(f"remediation.{GROUP}/{listed.remediation.metadata.name}")
    elif output in ("json", "yaml"):
        print_object(listed.document, output)
    else:
        _print_fields(listed, color=color)


def _print_fields(listed: ListedRemediation, *, color: str) -> None:
    console = report_console(color, sys.stdout)
    state, style = state_of(listed.remediation)
    fields = ((label, Text(one_line(value))) for label, value in _fields(listed.remediation))
    for label, value in (("state", Text(state, style=style)), *fields):
        line = Text(f"{label:<{_LABEL_COLUMNS}}", style="dim") + value
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _fields(remediation: Remediation) -> Iterator[tuple[str, str]]:
    spec, status = remediation.spec, remediation.status
    yield "action", f"{spec.action}, attempt {spec.attempt}"
    yield "workflow", spec.target.name
    yield "because", f"{spec.reason}{f': {spec.message}' if spec.message else ''}"
    yield "policy", f"{spec.policy_ref.name}, rule {spec.rule}, generation {spec.policy_ref.generation}"
    yield from _changes(spec.plan)
    for condition in (status.conditions if status else None) or ():
        yield _CONDITION_LABELS.get(condition.type, condition.type), _condition_text(condition)
    if status and status.result_ref:
        yield "result", f"{status.result_ref.kind} {status.result_ref.name}"
    if status and status.message:
        yield "message", status.message


def _condition_text(condition: Condition) -> str:
    message = f": {condition.message}" if condition.message else ""
    return f"{condition.status} since {rfc3339(condition.last_transition_time)}, {condition.reason}{message}"


def _changes(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.new_name:
        yield "creates", plan.new_name
    before, after = plan.before or {}, plan.after or {}
    for key in [*before, *(key for key in after if key not in before)]:
        yield "changes", f"{key}: {before.get(key, 'unset')} -> {after.get(key, 'unset')}"
