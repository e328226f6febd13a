"""The interface of actions, and what they are given."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.actions import Action
from wfreport.api.reasons import Refusal
from wfreport.api.remediation import ObjectRef, Plan, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.model import Decision
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.progress import ExecutionResult
from wfreport.core.snapshot.chain import ChainLink, link_of
from wfreport.core.snapshot.model import Snapshot
from wfreport.remediation.gatherer import LiveWorkflow

RETRY_AFTER: Final = timedelta(seconds=60)
"""Delay before an action that is not possible for now is tried again."""


class Situation(Struct, frozen=True):
    """A decision and the live state that it was made from.

    Attributes:
        decision: the action to perform, with its policy and rule.
        report: the report of the run.
        live: the Workflow, just read; None if it is gone, which makes most actions impossible.
    """

    decision: Decision
    report: WorkflowReport
    live: LiveWorkflow | None

    @property
    def namespace(self) -> str:
        """Namespace of the report, and of everything about it."""
        return self.report.metadata.namespace

    @property
    def action(self) -> Action:
        """The action's settings in the rule."""
        rule = self.decision.rule
        return (rule.action if rule else None) or Action()

    @property
    def document(self) -> dict[str, Any]:
        """The whole Workflow, as JSON.

        Raises:
            RefusedError: the Workflow is gone.
        """
        return self._existing.document

    @property
    def snapshot(self) -> Snapshot:
        """The decoded Workflow.

        Raises:
            RefusedError: the Workflow is gone.
        """
        return self._existing.snapshot

    @property
    def link(self) -> ChainLink:
        """The run's place in its resubmission chain.

        Raises:
            RefusedError: the Workflow is gone.
        """
        metadata = self.snapshot.workflow.metadata
        return link_of(name=metadata.name, uid=metadata.uid, labels=metadata.labels)

    @property
    def _existing(self) -> LiveWorkflow:
        if self.live is None:
            raise RefusedError(Refusal.WORKFLOW_GONE, "the Workflow is gone")
        return self.live


class Planner(Protocol):
    """Plans an action. This is all that a notification needs: ``Notifier`` sends it, at least once."""

    async def plan(self, situation: Situation) -> Plan:
        """Return the changes that the action would make; equal situations yield equal plans.

        Raises:
            RefusedError: the action is not possible.
            ApiError: an object that the plan depends on could not be read.
        """
        ...


class ActionHandler(Planner, Protocol):
    """Plans an action, performs it at most once per Remediation, and finds the trace that it left."""

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Return the result of the action if this Remediation has performed it; None if there is no trace.

        Raises:
            ApiError: the trace could not be read.
        """
        ...

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Perform the action, unless it was performed before.

        Raises:
            RefusedError: the action is not possible, or not any longer.
            ApiError: a request failed; it may have taken effect. If the error is transient, try again.
        """
        ...


class Actions(Struct, frozen=True):
    """All actions.

    Attributes:
        handlers: handlers of the actions that change something in the cluster.
        notification: planner of Notify, which has no trace.
    """

    handlers: Mapping[ActionType, ActionHandler]
    notification: Planner

    def planner(self, action: ActionType) -> Planner:
        """Return the planner of an action."""
        return self.notification if action is ActionType.NOTIFY else self.handlers[action]


def ref_of(document: dict[str, Any]) -> ObjectRef:
    """Return a reference to an object that an action has created or changed."""
    metadata = document["metadata"]
    return ObjectRef(
        api_version=document["apiVersion"], kind=document["kind"], name=metadata["name"], uid=metadata.get("uid")
    )
