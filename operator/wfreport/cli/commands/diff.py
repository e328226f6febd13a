"""``wfreport diff``: what differs between two runs."""

from collections.abc import Sequence
from typing import Final

import click
from msgspec import Struct

from wfreport.api.comparison import Difference, SlowerStep
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, color_option, completion, output_option
from wfreport.cli.problems import ExitCode, NotFound, UnusableInput
from wfreport.cli.render.column import Column
from wfreport.cli.render.output import print_object, print_table
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.compared_runs import compared_run, read_run
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.cli.sources.documents import STDIN
from wfreport.cli.sources.runs import find_run
from wfreport.core.compare.changes import ComparedRun, find_changes
from wfreport.core.compare.comparison import unknown_parts
from wfreport.core.compare.durations import StepDurations, durations_by_step, run_seconds, slower_steps, step_durations
from wfreport.core.compare.words import then_and_now
from wfreport.core.timing.durations import short_duration

_FILES: Final = (".json", ".yaml", ".yml", ".gz")


class _Line(Struct, frozen=True):
    what: str
    name: str
    before: str
    after: str


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, also if nothing differs",
        ExitCode.UNUSABLE: "a file or the cluster cannot be used",
        ExitCode.NOT_FOUND: "no such run, or no earlier run that succeeded",
    },
    examples=(
        "%(prog)s diff etl-x7k2p",
        "%(prog)s diff etl-x7k2p etl-p4m1z -o json",
        "%(prog)s diff failed.json good.json",
    ),
)
@click.argument("run", shell_complete=completion("runs"))
@click.argument("other", required=False, shell_complete=completion("runs"))
@output_option("table", "json", "yaml")
@color_option
@cluster_options
def diff(target: ClusterTarget, run: str, other: str | None, *, output: str, color: str) -> int:
    """Show what differs between RUN and OTHER, an earlier run.

    Both are names of reports or Workflows, or both are files with a Workflow each (a name that ends in .json, .yaml,
    .yml or .gz; - is stdin). Without OTHER, RUN is compared with the last run of the same cron, template or
    generateName that succeeded.
    """
    if _is_file(run) or (other and _is_file(other)):
        if other is None:
            raise UnusableInput(one_line(run), "give the file of an earlier run, too")
        if run == other == STDIN:
            raise UnusableInput("stdin", "it can be read only once; put the other Workflow into a file")
        _print(read_run(other), read_run(run), output=output, color=color)
        return ExitCode.SUCCEEDED

    async def execute(cluster: Cluster) -> int:
        after = await _find(cluster, run)
        before = await _find(cluster, other or _last_success(after))
        _print(before, after, output=output, color=color)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


def _is_file(name: str) -> bool:
    return name == STDIN or name.endswith(_FILES)


async def _find(cluster: Cluster, name: str) -> ComparedRun:
    found = await find_run(cluster, name, with_workflow=False)
    if found.report is None and found.snapshot:
        return compared_run(compute_report(found.snapshot, {}))
    return compared_run(found.report or {})


def _last_success(run: ComparedRun) -> str:
    comparison = run.status.comparison
    if comparison is None or comparison.last_success is None:
        raise NotFound(f"no earlier run that succeeded is known of {one_line(run.name)}; name one as OTHER")
    return comparison.last_success.workflow_name


def _print(before: ComparedRun, after: ComparedRun, *, output: str, color: str) -> None:
    changes, slower = find_changes(before, after), _slower(before, after)
    unknown = unknown_parts(after, before)
    if output != "table":
        document = {
            "before": before.name,
            "after": after.name,
            "changes": [change.dump() for change in changes],
            "steps": [step.dump() for step in slower],
            "unknown": unknown,
        }
        print_object({key: value for key, value in document.items() if value is not None}, output)
        return
    click.echo(f"{one_line(after.name)} beside {one_line(before.name)}, which ran before:")
    lines = [*map(_change_line, changes), *map(_step_line, slower)]
    if lines:
        print_table(_COLUMNS, lines, color=color)
    else:
        click.echo("Nothing differs.")
    if unknown:
        click.echo(f"Not compared: {unknown}.", err=True)


def _slower(before: ComparedRun, after: ComparedRun) -> Sequence[SlowerStep]:
    lasted, usual = run_seconds(after.status), run_seconds(before.status)
    excess = lasted - usual if lasted is not None and usual is not None else 0
    return slower_steps(excess, _durations(after), durations_by_step([_durations(before)]))


def _durations(run: ComparedRun) -> StepDurations:
    return step_durations(run.status, run.name)


def _change_line(change: Difference) -> _Line:
    return _Line(change.what, change.name or "", *then_and_now(change))


def _step_line(step: SlowerStep) -> _Line:
    before, after = short_duration(step.baseline_seconds), short_duration(step.seconds)
    return _Line(f"Slower ({step.why})", step.display_name, before, after)


_COLUMNS: Final[Sequence[Column[_Line]]] = (
    Column("WHAT", lambda line: line.what, "bold"),
    Column("NAME", lambda line: line.name),
    Column("BEFORE", lambda line: line.before, min_width=12),
    Column("AFTER", lambda line: line.after, min_width=12),
)
