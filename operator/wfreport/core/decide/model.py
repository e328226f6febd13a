"""The frozen values that decisions are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.argo import COMPLETED_PHASES, FAILED_PHASES, Phase
from wfreport.api.classes import FailureClass
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.remediation import LockClass
from wfreport.api.report import Failure

CHAIN_ACTIONS: Final = frozenset({ActionType.RESUBMIT, ActionType.RAISE_MEMORY, ActionType.RETRY})
"""Actions after which the work runs again, so that one can tell whether they helped."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a Workflow, as its report tells.

    Attributes:
        namespace: of the Workflow.
        name: of the Workflow.
        uid: of the Workflow; with ``started_at`` it says which run.
        started_at: a manual retry starts another run of the same uid.
        finished_at: None while it goes on.
        phase: Argo's word.
        root_name: the chain's first Workflow.
        root_uid: the chain.
        attempt: how many resubmissions of ours led to it; 0 for the root.
        failure_class: of the first failure.
        fingerprint: of the first failure.
        cron_workflow: the CronWorkflow that made it.
        template: the template it came from, cluster-wide ones with a leading slash.
        resubmitted_from: the Workflow of which somebody, or we, resubmitted it.
        labels: of the Workflow.
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
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_completed(self) -> bool:
        """Whether it has ended, by its phase."""
        return self.phase in COMPLETED_PHASES

    @property
    def has_succeeded(self) -> bool:
        """Whether it ended well."""
        return self.phase == Phase.SUCCEEDED

    @property
    def is_cancelled(self) -> bool:
        """Whether a person ended it: that is neither a failure nor a success."""
        return self.failure_class == FailureClass.CANCELLED

    @property
    def has_failed(self) -> bool:
        """Whether it ended badly by itself."""
        return self.phase in FAILED_PHASES and not self.is_cancelled


class ExecutionState(StrEnum):
    """How far an act has come."""

    PENDING = "Pending"
    DONE = "Done"
    NOT_DONE = "NotDone"
    LOST = "Lost"


@dataclass(frozen=True, slots=True)
class PastAction:
    """A Remediation that is not a dry run, as far as later decisions depend on it.

    Attributes:
        namespace: of the Remediation, its policy and its Workflow.
        name: of the Remediation.
        policy_name: of the policy; one that was deleted and made again is the same.
        workflow_uid: of the run it is about.
        started_at: of that run.
        root_uid: the chain.
        lock: what it locks.
        action: what it does.
        attempt: which act on the chain it is.
        counts_toward_limit: whether it counts as an ordinary attempt, rather than one of the infrastructure.
        fingerprint: of the failure it answers.
        created_at: when it was asked for.
        is_approval_required: whether a person has to agree.
        is_approved: True, False, or None while nobody has said.
        execution: how far it has come.
        executed_at: when it was done.
        has_helped: how the new run ended; None while that is not known, or never will be.
        finished_at: when that was known.
        is_settled: whether its outcome is known, or will never be.
    """

    namespace: str
    name: str
    policy_name: str
    workflow_uid: str
    root_uid: str
    lock: LockClass
    action: ActionType
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

    @property
    def at(self) -> datetime:
        """When it was done, or asked for."""
        return self.executed_at or self.created_at

    @property
    def is_final(self) -> bool:
        """Whether nothing will come of it any more beyond what it did: denied, done, not done or lost."""
        return self.is_approved is False or self.execution != ExecutionState.PENDING

    @property
    def counts(self) -> bool:
        """Whether it has, or may have, changed something: it counts toward limits and budgets."""
        return self.execution in (ExecutionState.DONE, ExecutionState.LOST) or self.is_under_way

    @property
    def is_under_way(self) -> bool:
        """Whether it may be done at any moment: nobody has to agree any more, and it is not done yet."""
        is_allowed = self.is_approved is True or (self.is_approved is None and not self.is_approval_required)
        return self.execution == ExecutionState.PENDING and is_allowed

    @property
    def is_in_flight(self) -> bool:
        """Whether its outcome is still to come."""
        awaits = self.execution == ExecutionState.DONE and self.action in CHAIN_ACTIONS and not self.has_outcome
        return awaits or self.is_under_way


@dataclass(frozen=True, slots=True)
class History:
    """What ran and what was done, in all namespaces.

    Attributes:
        runs: each run once, completed or not, in no order.
        acts: each Remediation once, dry ones left out, in no order.
    """

    runs: tuple[Run, ...] = ()
    actions: tuple[PastAction, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveState:
    """The Workflow and its Namespace as they are at this moment: what a stored report cannot say.

    Attributes:
        uid: of the Workflow.
        resource_version: of the completed Workflow; None while it runs, for then it changes all the time.
        started_at: of its latest run.
        is_deleting: whether it has a deletionTimestamp, or is gone.
        is_opted_out: whether it or its Namespace has the annotation ``wfreport.dev/no-remediation``.
    """

    uid: str
    resource_version: str | None
    started_at: datetime | None
    is_deleting: bool = False
    is_opted_out: bool = False


@dataclass(frozen=True, slots=True)
class OperatorLimits:
    """What all policies together may do.

    Attributes:
        max_concurrent: acts whose outcome is not known yet.
        max_per_hour: acts in the last hour.
    """

    max_concurrent: int = 50
    max_per_hour: int = 300


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about a run, or why nothing, or not yet.

    Attributes:
        lock: which of the two decisions about a run it is: about the run itself, or whom to tell.
        reason: of an act, the class of the failure; of a hold, a ``HoldReason``.
        message: the same for people.
        action: what is to be done; None for a hold.
        policy: the policy that decides; None where none selects the Workflow.
        rule: the rule that matched.
        failure: the failure it answers; None for a run that goes on.
        run: the run.
        attempt: which act on its chain it would be, from 1.
        counts_toward_limit: whether that counts as an ordinary attempt.
        recheck_at: when the answer may be another one, without any object having changed; None for never.
    """

    lock: LockClass
    reason: str
    message: str
    run: Run
    action: ActionType | None = None
    policy: RemediationPolicy | None = None
    rule: Rule | None = None
    failure: Failure | None = None
    attempt: int = 1
    counts_toward_limit: bool = True
    recheck_at: datetime | None = None
