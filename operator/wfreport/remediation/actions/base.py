"""The one interface of all acts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

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
"""When an act is tried again that is not possible for now."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What an act is decided and done on, read afresh.

    Attributes:
        decision: what is to be done.
        report: the report that it was decided from.
        fresh: the Workflow; None where it is gone, which an act on it finds impossible.
    """

    decision: Decision
    report: WorkflowReport
    live: LiveWorkflow | None

    @property
    def namespace(self) -> str:
        """Of everything in it."""
        return self.report.metadata.namespace

    @property
    def action(self) -> Action:
        """The settings of the action that the rule states."""
        rule = self.decision.rule
        return (rule.action if rule else None) or Action()

    @property
    def document(self) -> dict[str, Any]:
        """The Workflow, whole.

        Raises:
            RefusedError: it is gone.
        """
        return self._found.document

    @property
    def snapshot(self) -> Snapshot:
        """The Workflow, decoded.

        Raises:
            RefusedError: it is gone.
        """
        return self._found.snapshot

    @property
    def link(self) -> ChainLink:
        """The run's place in its chain."""
        metadata = self.snapshot.workflow.metadata
        return link_of(name=metadata.name, uid=metadata.uid, labels=metadata.labels)

    @property
    def _found(self) -> LiveWorkflow:
        if self.live is None:
            raise RefusedError(Refusal.WORKFLOW_GONE, "the Workflow is gone")
        return self.live


class Planner(Protocol):
    """Something that can be intended about a run."""

    async def plan(self, situation: Situation) -> Plan:
        """What it would change: the same for the same situation.

        Raises:
            RefusedError: it is not possible.
            ApiError: something that is needed for the plan could not be read.
        """
        ...


class ActionHandler(Planner, Protocol):
    """Something that can be done about a run; done twice for one Remediation, it is done once."""

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Whether it was done already, by this very Remediation; None where nothing says so.

        Raises:
            ApiError: that could not be read.
        """
        ...

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Do it, unless it was done.

        Raises:
            RefusedError: it is not possible (any more).
            ApiError: it failed, or may have been done without an answer; a transient error is to be tried again.
        """
        ...


def ref_of(document: dict[str, Any]) -> ObjectRef:
    """What an act made or changed."""
    metadata = document["metadata"]
    return ObjectRef(
        api_version=document["apiVersion"], kind=document["kind"], name=metadata["name"], uid=metadata.get("uid")
    )
