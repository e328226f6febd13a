"""``wfreport remediations``: what was done about runs, what waits for a person, and whether it helped."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click
from rich.text import Text

from wfreport.api.condition import Condition
from wfreport.api.names import GROUP
from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Plan, Remediation
from wfreport.api.wire import rfc3339
from wfreport.cli.problems import ExitCode, NotFound
from wfreport.cli.render.console import report_console
from wfreport.cli.render.output import as_list, print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.render.table import Column, print_table
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.remediations import decoded_remediation, fetch_remediation, list_remediations
from wfreport.clock import now as clock_now
from wfreport.core.decide.history import past_action_of
from wfreport.core.decide.model import ExecutionState, PastAction
from wfreport.core.render.conditions import EPOCH
from wfreport.core.timing.durations import short_duration


@dataclass(frozen=True, slots=True)
class RemediationFilter:
    """Which Remediations are wanted.

    Attributes:
        name: of one, or of the Workflow they are about; None: all.
        everywhere: of all namespaces.
        awaiting_only: only those that wait for a person.
    """

    name: str | None = None
    everywhere: bool = False
    awaiting_only: bool = False


@dataclass(frozen=True, slots=True)
class _FoundRemediation:
    document: dict[str, Any]
    remediation: Remediation

    @property
    def act(self) -> PastAction | None:
        return past_action_of(self.remediation)

    @property
    def awaits(self) -> bool:
        act = self.act
        is_open = act is not None and act.execution == ExecutionState.PENDING and act.is_approved is None
        return is_open and act is not None and act.is_approval_required


def run_remediations(target: ClusterTarget, wanted: RemediationFilter, *, output: str, color: str) -> int:
    """Print Remediations, and return the exit code.

    Raises:
        NotFound: there is nothing of the name that is wanted.
        UnusableInput: the cluster or what is in it cannot be used.
    """

    async def act(cluster: Cluster) -> int:
        found, is_one = await _find(cluster, wanted)
        if is_one and output in ("table", "wide"):
            _print_one(found[0], color=color)
        else:
            _print_all(found, output=output, color=color, everywhere=wanted.everywhere, is_one=is_one)
        if not found and output in ("table", "wide"):
            where = "" if wanted.everywhere else f" in namespace {cluster.namespace}"
            click.echo(f"No Remediations found{where}.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, act)


async def _find(cluster: Cluster, wanted: RemediationFilter) -> tuple[list[_FoundRemediation], bool]:
    """What is wanted, newest first but what waits before; and whether it is the one that was named."""
    name = wanted.name.rpartition("/")[2] if wanted.name else None
    namespace = None if wanted.everywhere else cluster.namespace
    documents = [document async for document in list_remediations(cluster, namespace, workflow=name)]
    if name and not documents:
        try:
            return [_read(await fetch_remediation(cluster, name))], True
        except NotFound as error:
            message = f"no Remediation {one_line(name)}, and none about a Workflow of that name, in namespace"
            raise NotFound(f"{message} {cluster.namespace}") from error
    found = [each for each in map(_read, documents) if each.awaits or not wanted.awaiting_only]
    return sorted(found, key=_newest_first), False


def _read(document: dict[str, Any]) -> _FoundRemediation:
    # What only the API server needs is not printed, as kubectl does.
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return _FoundRemediation(document | {"metadata": metadata}, decoded_remediation(document))


def _newest_first(found: _FoundRemediation) -> tuple[bool, float, str]:
    created = found.remediation.metadata.creation_timestamp or EPOCH
    return not found.awaits, -created.timestamp(), found.remediation.metadata.name


def _print_all(found: Sequence[_FoundRemediation], *, output: str, color: str, everywhere: bool, is_one: bool) -> None:
    if output == "name":
        for each in found:
            click.echo(f"remediation.{GROUP}/{each.remediation.metadata.name}")
    elif output in ("json", "yaml"):
        print_object(found[0].document if is_one else as_list([each.document for each in found]), output)
    elif found:
        _print_table(found, color=color, everywhere=everywhere, wide=output == "wide")


def _print_table(found: Sequence[_FoundRemediation], *, color: str, everywhere: bool, wide: bool) -> None:
    now = clock_now()

    def plain(cell: Callable[[Remediation], str | None], style: str = "") -> Callable[[_FoundRemediation], Text]:
        return lambda each: Text(one_line(cell(each.remediation) or ""), style=style)

    cells: list[tuple[Column, Callable[[_FoundRemediation], Text], bool]] = [
        (Column("NAMESPACE", least=8), plain(lambda one: one.metadata.namespace), everywhere),
        (Column("NAME", least=12), plain(lambda one: one.metadata.name, "bold"), True),
        (Column("POLICY", least=8), plain(lambda one: one.spec.policy_ref.name), True),
        (Column("RULE", least=6), plain(lambda one: one.spec.rule), wide),
        (Column("ACTION"), plain(lambda one: one.spec.action), True),
        (Column("WORKFLOW", least=12), plain(lambda one: one.spec.target.name), True),
        (Column("CLASS"), plain(lambda one: one.spec.reason, "yellow"), True),
        (Column("ATTEMPT"), plain(lambda one: str(one.spec.attempt)), True),
        (Column("STATE"), _state, True),
        (Column("AGE"), plain(lambda one: _age(one, now)), True),
        (Column("RESULT", least=12), plain(_result), wide),
    ]
    shown = [(column, cell) for column, cell, wanted in cells if wanted]
    rows = [[cell(each) for _, cell in shown] for each in found]
    print_table([column for column, _ in shown], rows, report_console(color, sys.stdout))


def _state(found: _FoundRemediation) -> Text:
    """Where it stands, in a word."""
    act = found.act
    if act is None:
        return Text("DryRun", style="dim")
    if found.awaits:
        return Text("Awaiting", style="bold yellow")
    if act.is_approved is False:
        return Text("Denied", style="dim")
    if act.execution != ExecutionState.DONE:
        return Text(act.execution, style="red" if act.execution == ExecutionState.LOST else "")
    if act.has_helped is None:
        return Text("Executed", style="cyan")
    return Text("Helped", style="green") if act.has_helped else Text("NotHelped", style="red")


def _result(found: Remediation) -> str | None:
    return found.status.result_ref.name if found.status and found.status.result_ref else found.spec.plan.new_name


def _age(found: Remediation, now: datetime) -> str:
    created = found.metadata.creation_timestamp
    return short_duration((now - created).total_seconds()) if created else ""


def _print_one(found: _FoundRemediation, *, color: str) -> None:
    """One Remediation, line by line."""
    console = report_console(color, sys.stdout)
    told = ((label, Text(one_line(value))) for label, value in _fields(found.remediation))
    for label, value in (("state", _state(found)), *told):
        line = Text(f"{label:<10}", style="dim") + value
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _fields(found: Remediation) -> Iterator[tuple[str, str]]:
    spec, status = found.spec, found.status
    yield "action", f"{spec.action}, attempt {spec.attempt}"
    yield "workflow", spec.target.name
    yield "because", f"{spec.reason}{f': {spec.message}' if spec.message else ''}"
    yield "policy", f"{spec.policy_ref.name}, rule {spec.rule}, generation {spec.policy_ref.generation}"
    yield from _changes(spec.plan)
    for condition in (status.conditions if status else None) or ():
        yield _LABELS.get(condition.type, condition.type), _words(condition)
    if status and status.result_ref:
        yield "result", f"{status.result_ref.kind} {status.result_ref.name}"
    if status and status.message:
        yield "message", status.message


_LABELS: Final[Mapping[str, str]] = {
    RemediationConditionType.APPROVED: "approved",
    RemediationConditionType.EXECUTED: "executed",
    RemediationConditionType.SUCCEEDED: "helped",
}


def _words(condition: Condition) -> str:
    said = f": {condition.message}" if condition.message else ""
    return f"{condition.status} since {rfc3339(condition.last_transition_time)}, {condition.reason}{said}"


def _changes(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.new_name:
        yield "makes", plan.new_name
    before, after = plan.before or {}, plan.after or {}
    for key in [*before, *(key for key in after if key not in before)]:
        yield "changes", f"{key}: {before.get(key, 'unset')} -> {after.get(key, 'unset')}"
