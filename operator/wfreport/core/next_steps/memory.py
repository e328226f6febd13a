"""Next steps about a container that exceeded its memory limit."""

from collections.abc import Iterator
from typing import Final

from wfreport.api.argo import MAIN_CONTAINER
from wfreport.api.classes import Owner
from wfreport.api.report import Failure
from wfreport.core.classify.kubeflow_programs import TASK_TEMPLATE
from wfreport.core.next_steps.commands import (
    after_the_spec_is_corrected,
    container_of,
    log_of,
    run_again,
    template_of,
)
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.snapshot.quantity import format_bytes, parse_bytes

_MEBIBYTE: Final = 2**20
_SUGGESTED_FACTOR: Final = 1.5
"""The factor that RaiseMemory has by default."""
_MEMORY_LIMIT: Final = "limits.memory"


def memory_steps(failure: Failure, run: ReportedRun) -> Iterator[NextStep]:
    """Yield what to do about a container that exceeded its memory limit."""
    if failure.owner == Owner.PLATFORM:
        yield NextStep(
            f"Raise the memory of Argo's own container {container_of(failure)}: executor.resources in the ConfigMap "
            "workflow-controller-configmap."
        )
        yield run_again(run, "when that is done")
        return
    limit = (failure.resources.limits or {}).get("memory") if failure.resources else None
    suggested = _suggested(limit, failure, run) if limit and parse_bytes(limit) else ""
    where = _kubeflow_task(failure, run) if failure.template_name == TASK_TEMPLATE else template_of(failure)
    yield NextStep(f"Raise the memory limit of container {container_of(failure)} in {where}{suggested}.")
    yield after_the_spec_is_corrected(run)
    yield from log_of(failure, run)


def _kubeflow_task(failure: Failure, run: ReportedRun) -> str:
    """Return where the memory of a task of Kubeflow Pipelines is set: each task has a step of the same name."""
    around, _, name = run.step_argument(failure).rpartition(".")
    task = around.rpartition(".")[2] if name == failure.display_name else ""
    return f"the pipeline's code (set_memory_limit of {f'task {task}' if task else 'the task'})"


def _suggested(limit: str, failure: Failure, run: ReportedRun) -> str:
    earlier = _earlier_limit(failure, run) if container_of(failure) == MAIN_CONTAINER else None
    if earlier and (parse_bytes(earlier) or 0) > (parse_bytes(limit) or 0):
        return f": it is {limit}, and was {earlier} when the run last succeeded"
    return f": it is {limit}, try {_more_than(limit)}"


def _earlier_limit(failure: Failure, run: ReportedRun) -> str | None:
    """Return the memory limit of the template's main container in the last success, if it was another one."""
    for change in (run.status.comparison.changes if run.status.comparison else None) or ():
        if change.part == _MEMORY_LIMIT and failure.template_name in change.templates:
            return change.before
    return None


def _more_than(limit: str) -> str:
    raised = int((parse_bytes(limit) or 0) * _SUGGESTED_FACTOR)
    return format_bytes(-(-raised // _MEBIBYTE) * _MEBIBYTE)
