"""Chooses what a person does next about a run: a pure function of its report and of what still exists.

Every run that failed, hangs or waits has at least one step.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from msgspec.structs import replace

from wfreport.api.argo import COMPLETED_PHASES, Phase
from wfreport.api.classes import CAUSES
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, Waiting
from wfreport.core.next_steps.commands import after_the_spec_is_corrected, controller_log, wfreport
from wfreport.core.next_steps.failures import failure_steps
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.stalls import stall_steps
from wfreport.core.next_steps.waits import follow, wait_steps
from wfreport.core.render.columns import telling_reason

_MAX_OF_FAILURE, _MAX_OF_STALL, _MAX_OF_WAITS = 8, 5, 5
_MAX_OF_STALL_BESIDE_FAILURE: Final = 3
_MAX_STEPS: Final = 8
_MAX_WAITS: Final = 2
_CREATING: Final = ("kubectl", "create")
_RUNNING_AGAIN: Final = frozenset({("argo", "resubmit"), ("argo", "retry"), ("argo", "submit")})


def next_steps(run: ReportedRun) -> list[NextStep]:
    """Return what a person does next, the most useful first; empty for a run that succeeded without a remark."""
    of_causes = chain(_of_policy(run), _of_incidents(run), _of_waits(run))
    steps = _without_repetitions(chain(of_causes, _of_the_others(run), _around(run)))[:_MAX_STEPS]
    return steps or list(_fallback(run))


def _of_incidents(run: ReportedRun) -> Iterator[NextStep]:
    """Yield steps about the stall, then about the failures: a run that hangs has to end before it is run again."""
    stalled, causes = run.status.stalled, _causes(run)
    if stalled is None or not causes:
        yield from chain(_of_stall(run), _of_failures(run))
        return
    # How it is run again depends on the failure.
    of_stall = [step for step in _of_stall(run) if step.command[:2] not in _RUNNING_AGAIN][
        :_MAX_OF_STALL_BESIDE_FAILURE
    ]
    yield from (replace(step, topic=f"First, about what hangs ({stalled.reason})") for step in of_stall)
    of_failures = islice(_of_failures(run, at_most=_MAX_STEPS - len(of_stall) - 1), _MAX_STEPS - len(of_stall))
    yield from (replace(step, topic=f"Then, about the failure ({telling_reason(causes[0])})") for step in of_failures)


def _without_repetitions(steps: Iterable[NextStep]) -> list[NextStep]:
    unique: dict[object, NextStep] = {}
    for step in steps:
        unique.setdefault((step.command, step.namespace) if step.command else step.text, step)
    return list(unique.values())


def _of_policy(run: ReportedRun) -> Iterator[NextStep]:
    """Yield what a policy does about the run: a person looks at that first."""
    if run.has_policy_action and (run.status.stalled or _causes(run)):
        yield wfreport("a RemediationPolicy acts on this run", "remediations", run.workflow)


def _of_failures(run: ReportedRun, *, at_most: int = _MAX_OF_FAILURE) -> Iterator[NextStep]:
    causes = _causes(run)
    if not causes:
        return
    steps = list(failure_steps(causes[0], run))
    # The last step runs it again, which is what all others are for.
    yield from steps if len(steps) <= at_most else [*_without_creations(steps)[: at_most - 1], steps[-1]]
    if len(causes) > 1:
        yield wfreport(f"all {len(causes)} failures", "logs", run.workflow, "--failed", "--tail", "5")


def _without_creations(steps: list[NextStep]) -> list[NextStep]:
    """Leave out the commands that create something: they need each other, and not all of them have room."""
    return [step for step in steps if step.command[:2] != _CREATING]


def _causes(run: ReportedRun) -> list[Failure]:
    return [failure for failure in run.status.failures or () if failure.role in CAUSES]


def _of_stall(run: ReportedRun) -> Iterator[NextStep]:
    if run.status.stalled:
        yield from islice(stall_steps(run.status.stalled, run), _MAX_OF_STALL)


def _of_waits(run: ReportedRun) -> Iterator[NextStep]:
    """Yield steps about the leading waits. If the run hangs, they repeat or contradict what mends that."""
    if run.status.stalled or run.phase in COMPLETED_PHASES:
        return
    for wait in _distinct(run.status.waiting or ()):
        steps = list(wait_steps(wait, run))
        yield from steps if len(steps) <= _MAX_OF_WAITS else _without_creations(steps)[:_MAX_OF_WAITS]


def _distinct(waits: Iterable[Waiting]) -> list[Waiting]:
    """Return the first wait of each of the first reasons, so that steps that wait alike have one advice."""
    unique: dict[str, Waiting] = {}
    for wait in waits:
        unique.setdefault(wait.reason, wait)
    return list(unique.values())[:_MAX_WAITS]


def _of_the_others(run: ReportedRun) -> Iterator[NextStep]:
    is_well = not run.status.stalled and not run.status.waiting and not _causes(run)
    if run.phase in COMPLETED_PHASES or not is_well:
        return
    if run.status.reason == Reason.WORKFLOW_NOT_FOUND:
        yield NextStep(f"Submit the Workflow {run.workflow}; the report is filled in when it appears.")
        yield NextStep("If the name is wrong, delete the report and create one with the right name.")
        return
    yield follow(run)
    yield wfreport("follow its logs", "logs", run.workflow, "-f")


def _around(run: ReportedRun) -> Iterator[NextStep]:
    source = run.status.workflow_source
    if source and source.cron_workflow and run.status.failure_class:
        yield wfreport("other runs of this CronWorkflow", "list", "--cron", source.cron_workflow)


def _fallback(run: ReportedRun) -> Iterator[NextStep]:
    """Yield steps about a run that failed without a known cause."""
    if run.phase in (Phase.FAILED, Phase.ERROR):
        yield controller_log(run)
        yield after_the_spec_is_corrected(run)
