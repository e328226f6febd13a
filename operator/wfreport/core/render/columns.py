"""Chooses what `kubectl get` shows of a run in one word each: the reason why it failed or waits, and the step."""

from collections.abc import Sequence
from typing import Final

from wfreport.api.classes import CLASS_OF_WAIT, FailureClass
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.report import Failure, ReportStatus, Stalled, Waiting
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.conditions import leading_class
from wfreport.core.snapshot.step_labels import step_label, unique_name
from wfreport.core.snapshot.tree import Tree


def leading_reason(failures: list[Failure], waiting: list[Waiting], stalled: Stalled | None = None) -> str | None:
    """Return the class of the leading failure, else the reason why the run hangs or waits; None if it is well.

    A run that failed and hangs, such as in its deletion, has both, separated by a comma.
    """
    failure_class = leading_class(failures)
    if failure_class and stalled:
        return f"{failure_class},{stalled.reason}"
    return failure_class or (stalled.reason if stalled else waiting[0].reason if waiting else None)


def cause_of(status: ReportStatus) -> str:
    """Return why a run failed, for a heading; empty if it did not. A newer version may have another class."""
    first = next(iter(status.failures or ()), None)
    if first is not None and first.failure_class == status.failure_class:
        return telling_reason(first)
    return status.failure_class or ""


def telling_reason(failure: Failure) -> str:
    """Return the class of a failure, or its reason if the class alone would mislead.

    What is a right that is missing to people is a ConfigError, and a container without limits exceeds no quota.
    """
    reason = failure.reason or ""
    is_known = reason in _OWN_REASONS or CLASS_OF_WAIT.get(reason) == failure.failure_class
    return reason if is_known and failure.failure_class in _WIDE_CLASSES else failure.failure_class.value


_OWN_REASONS: Final = frozenset(FailureReason) - {FailureReason.INVALID_SPEC}
"""The classifier's own reasons, without the one that says no more than its class, TemplateError."""
_WIDE_CLASSES: Final = frozenset(
    {
        FailureClass.CONFIG_ERROR,  # rights, mounts, commands
        FailureClass.QUOTA_EXCEEDED,  # quotas, and limits that are not set
        FailureClass.EXIT_CODE,  # programs, requests, daemons
        FailureClass.TEMPLATE_ERROR,  # expressions, and templates that do not exist
    }
)
"""Classes that hold what people call by different names."""


def leading_step(
    failures: list[Failure],
    waiting: list[Waiting],
    stalled: Stalled | None,
    labels: "StepLabels",
) -> str | None:
    """Return the name of the step that ``leading_reason`` is about; None if that is the Workflow itself."""
    name = labels.of(leading_node_id(failures, waiting, stalled))
    if name is None and leading_class(failures):
        return step_name(failures[0])
    return name


def leading_node_id(failures: Sequence[Failure], waiting: Sequence[Waiting], stalled: Stalled | None) -> str | None:
    """Return the id of the step that ``leading_reason`` is about; None if that is the Workflow itself."""
    if leading_class(failures):
        return failures[0].node_id
    if stalled:
        return stalled.node_id
    return waiting[0].node_id if waiting else None


class StepLabels:
    """The names by which people find steps.

    Args:
        tree: the nodes of the run.
        sanitizer: redacts and cuts names.
        stored: stored status of the same run: what is left if its nodes cannot be read any more.
    """

    def __init__(self, tree: Tree, sanitizer: TextSanitizer, stored: ReportStatus | None = None) -> None:
        self._tree = tree
        self._sanitizer = sanitizer
        self._stored = stored

    def readable(self, node_id: str | None) -> str | None:
        """Return the name of a step, if it is one that a sentence can have: no full name and no id."""
        node = self._tree.nodes.get(node_id) if node_id else None
        return self._sanitizer.line(step_label(node, self._tree)) or None if node else self.of(node_id)

    def of(self, node_id: str | None) -> str | None:
        """Return the name of a step; None if there is no such step."""
        node = self._tree.nodes.get(node_id) if node_id else None
        if node is not None:
            return self._sanitizer.line(unique_name(node, self._tree))
        stored = self._stored
        if stored is None or node_id is None:
            return None
        leading = leading_node_id(stored.failures or (), stored.waiting or (), stored.stalled)
        return stored.step if node_id == leading else None


def step_name(failure: Failure) -> str | None:
    """Return the display name of a failed step, without the number of its last attempt."""
    if failure.display_name is None or failure.attempt is None:
        return failure.display_name
    return failure.display_name.removesuffix(f"({failure.attempt - 1})")
