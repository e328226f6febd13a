"""Suggests the next command for a failed run, for Events and notifications."""

import shlex
from typing import Final

from wfreport.api.classes import FailureClass
from wfreport.api.report import ReportStatus

_PLUGIN: Final = ("kubectl", "wfreport")
_NEVER_RAN: Final = frozenset(
    {FailureClass.IMAGE_PULL, FailureClass.UNSCHEDULABLE, FailureClass.CONFIG_ERROR, FailureClass.QUOTA_EXCEEDED}
)
"""Classes of failures without a log: the container never started."""


def next_command(status: ReportStatus, *, namespace: str, workflow: str) -> str:
    """Return a command line to copy: the logs of the leading failure if it has any, else the page of the run."""
    failure = status.failures[0] if status.failures else None
    is_hidden = failure is None or not failure.pod_name or failure.failure_class in _NEVER_RAN
    if failure is None or is_hidden:
        return shlex.join([*_PLUGIN, "show", workflow, "-n", namespace])
    step = failure.display_name or ""
    names = [each.display_name for each in status.steps or ()]
    # a pod's name stands for a step that shares its name, or that looks like an option
    subject = step if names.count(step) == 1 and not step.startswith("-") else failure.pod_name or step
    return shlex.join([*_PLUGIN, "logs", workflow, subject, "-n", namespace])
