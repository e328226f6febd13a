"""Immutable values that decisions are made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from wfreport.api.action_types import ActionType
from wfreport.api.argo import COMPLETED_PHASES, FAILED_PHASES, Phase
from wfreport.api.classes import FailureClass
from wfreport.api.remediation import LockClass
from wfreport.api.report import Failure
from wfreport.core.decide.labels import NO_LABELS, LabelSet

if TYPE_CHECKING:  # pydantic's models, which a command that shows a run does not import
    from wfreport.api.policy import RemediationPolicy, Rule

CHAIN_ACTIONS: Final = frozenset({ActionType.RESUBMIT, ActionType.RAISE_MEMORY, ActionType.RETRY})
"""Actions that run the work again, so that its new outcome shows whether they helped."""


class Run(Struct, frozen=True):
    """One run of a Workflow, as reported.

    Attributes:
        namespace: namespace of the Workflow.
        name: name of the Workflow.
        uid: uid of the Workflow; together with ``started_at``, it identifies the run.
        started_at: start of the run; a manual retry starts another run with the same uid.
        finished_at: end of the run; None while it is in progress.
        phase: Argo's phase.
        root_name: name of the chain's first Workflow.
        root_uid: uid of the chain's first Workflow; it identifies the chain.
        attempt: number of the operator's resubmission that created it; 0 for the root.
        failure_class: class of the first failure.
        fingerprint: fingerprint of the first failure.
        cron_workflow: CronWorkflow that created it.
        template: template it refers to; a ClusterWorkflowTemplate has a leading slash.
        resubmitted_from: name of the Workflow that a person or the operator resubmitted.
        labels: labels of the Workflow.
        was_stopped_by_policy: whether a policy ended it, because it hung or took too long.
    """

    namespace: str
    name: str
    uid: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    phase: str = ""
    root_name: str = ""
    root_uid: str = ""
    attempt: int = 0
    failure_class: FailureClass | None = None
    fingerprint: str | None = None
    cron_workflow: str | None = None
    template: str | None = None
    resubmitted_from: str | None = None
    labels: LabelSet = NO_LABELS
    was_stopped_by_policy: bool = False

    @property
    def is_completed(self) -> bool:
        """Whether the run has completed, by its phase."""
        return self.phase in COMPLETED_PHASES

    @property
    def has_succeeded(self) -> bool:
        """Whether the run succeeded."""
        return self.phase == Phase.SUCCEEDED

    @property
    def is_cancelled(self) -> bool:
        """Whether a person ended the run, which is neither a failure nor a success."""
        return self.failure_class == FailureClass.CANCELLED and not self.was_stopped_by_policy

    @property
    def has_failed(self) -> bool:
        """Whether the run failed, and was not cancelled."""
        return self.phase in FAILED_PHASES and not self.is_cancelled


class ExecutionState(StrEnum):
    """Progress of an action."""

    PENDING = "Pending"
    DONE = "Done"
    NOT_DONE = "NotDone"
    LOST = "Lost"


class PastAction(Struct, frozen=True):
    """An action of an existing Remediation, dry runs excluded, with everything later decisions depend on.

    Attributes:
        namespace: namespace of the Remediation, its policy and its Workflow.
        name: name of the Remediation.
        policy_name: name of the policy; a deleted and recreated policy is considered the same.
        workflow_uid: uid of the run's Workflow.
        started_at: start of the run.
        root_uid: uid of the chain's first Workflow.
        lock: lock class of the Remediation.
        type: type of the action.
        attempt: number of the action in its chain.
        counts_toward_limit: whether it counts as an ordinary attempt, not as one for infrastructure failures.
        fingerprint: fingerprint of the failure it responds to.
        created_at: creation time of the Remediation.
        is_approval_required: whether a person has to approve it.
        is_approved: whether a person approved it; None while undecided.
        execution: progress of the action.
        executed_at: time at which the action was performed.
        has_helped: whether the new run succeeded; None if that is not known yet or never will be.
        finished_at: time at which the outcome became known.
        has_outcome: whether its outcome is final, even if it will never be known.
        rule: name of the rule of its policy.
        reason: class of the failure, or reason of the stall, that it responds to.
        stopped_at: time at which it stopped a run that hung, in order to resubmit it.
    """

    namespace: str
    name: str
    policy_name: str
    workflow_uid: str
    root_uid: str
    lock: LockClass
    type: ActionType
    created_at: datetime
    started_at: datetime | None = None
    attempt: int = 1
    counts_toward_limit: bool = True
    fingerprint: str | None = None
    is_approval_required: bool = False
    is_approved: bool | None = None
    execution: ExecutionState = ExecutionState.PENDING
    executed_at: datetime | None = None
    has_helped: bool | None = None
    finished_at: datetime | None = None
    has_outcome: bool = False
    rule: str = ""
    reason: str = ""
    stopped_at: datetime | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether it has stopped a run that hung and has not resubmitted it yet."""
        return self.stopped_at is not None and not self.is_final

    @property
    def at(self) -> datetime:
        """Time at which it was performed, or else created."""
        return self.executed_at or self.created_at

    @property
    def is_final(self) -> bool:
        """Whether it will not be performed any more: it is denied, done, not done or lost."""
        return self.is_approved is False or self.execution != ExecutionState.PENDING

    @property
    def counts(self) -> bool:
        """Whether it counts toward limits and budgets: it changed something, may have, or is about to."""
        return self.execution in (ExecutionState.DONE, ExecutionState.LOST) or self.is_under_way

    @property
    def is_under_way(self) -> bool:
        """Whether it may be performed at any moment: it is pending and needs no further approval."""
        is_allowed = self.is_approved is True or (self.is_approved is None and not self.is_approval_required)
        return self.execution == ExecutionState.PENDING and is_allowed

    @property
    def is_in_flight(self) -> bool:
        """Whether its outcome is still open."""
        awaits_outcome = self.execution == ExecutionState.DONE and self.type in CHAIN_ACTIONS and not self.has_outcome
        return awaits_outcome or self.is_under_way


class ActionTimes(Struct, frozen=True):
    """When actions of one lock class were performed, in ascending order.

    Attributes:
        in_flight: of the actions whose outcome is open.
        counted: of all actions that count toward limits.
    """

    in_flight: Sequence[datetime] = ()
    counted: Sequence[datetime] = ()


class History(Struct, frozen=True):
    """Known runs and actions of a namespace, and what limits for all namespaces depend on.

    Attributes:
        runs: each known run once, completed or not, in no particular order.
        actions: the action of each Remediation, dry runs excluded, in no particular order.
        everywhere: the actions of all namespaces, by lock class; None if ``actions`` are all that there are.
        excluded: an action that ``everywhere`` contains and that does not count.
    """

    runs: tuple[Run, ...] = ()
    actions: tuple[PastAction, ...] = ()
    everywhere: Mapping[LockClass, ActionTimes] | None = None
    excluded: PastAction | None = None

    def fixed(self) -> "History":
        """Return the history as it is now; ``everywhere`` may go on changing otherwise."""
        times = {
            lock: ActionTimes(tuple(of.in_flight), tuple(of.counted)) for lock, of in (self.everywhere or {}).items()
        }
        return structs.replace(self, everywhere=None if self.everywhere is None else times)

    def without(self, action: PastAction | None) -> "History":
        """Return the history without one of its actions."""
        if action is None:
            return self
        others = tuple(other for other in self.actions if other is not action)
        return structs.replace(self, actions=others, excluded=action)


class LiveState(Struct, frozen=True):
    """Current state of a Workflow and its Namespace, which a stored report may not reflect yet.

    Attributes:
        uid: uid of the Workflow.
        resource_version: resourceVersion of the completed Workflow; None while it runs, because it changes constantly.
        started_at: start of its latest run.
        is_deleting: whether it has a deletionTimestamp or no longer exists.
        is_opted_out: whether it or its Namespace has the annotation ``wfreport.dev/no-remediation``.
    """

    uid: str
    resource_version: str | None
    started_at: datetime | None
    is_deleting: bool = False
    is_opted_out: bool = False


class OperatorLimits(Struct, frozen=True):
    """Limits on the actions of all policies together, and on those of one namespace. Lock classes count separately.

    Attributes:
        max_concurrent: maximum number of actions without a known outcome.
        max_per_hour: maximum number of actions in the last hour.
        max_concurrent_per_namespace: maximum number of actions of one namespace without a known outcome.
        max_per_hour_per_namespace: maximum number of actions of one namespace in the last hour.
    """

    max_concurrent: int = 50
    max_per_hour: int = 300
    max_concurrent_per_namespace: int = 10
    max_per_hour_per_namespace: int = 60


class Decision(Struct, frozen=True):
    """A decision about a run: an action to take, or a hold.

    Attributes:
        lock: kind of decision: about the run itself, or about a notification.
        reason: class of the failure if an action is due, else a ``HoldReason``.
        message: the reason in words.
        run: run of the decision.
        action: action that is due; None for a hold.
        policy: policy of the decision; None if none selects the Workflow.
        rule: matching rule.
        failure: failure to respond to; None for a running Workflow.
        stall: reason why the run hangs, if the decision is about that.
        attempt: number that the action would have in its chain, from 1.
        counts_toward_limit: whether it would count as an ordinary attempt.
        recheck_at: time at which the decision may change without an event; None if never.
    """

    lock: LockClass
    reason: str
    message: str
    run: Run
    action: ActionType | None = None
    policy: "RemediationPolicy | None" = None
    rule: "Rule | None" = None
    failure: Failure | None = None
    stall: str | None = None
    attempt: int = 1
    counts_toward_limit: bool = True
    recheck_at: datetime | None = None
