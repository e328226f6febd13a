"""The inputs of a decision, and the candidate that guards check."""

from datetime import datetime

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import Failure, ReportStatus
from wfreport.core.decide.model import History, LiveState, OperatorLimits, Run
from wfreport.core.decide.selection import Selection


class Hold(Struct, frozen=True):
    """A reason to take no action, or not yet.

    Attributes:
        reason: stable reason.
        message: reason in words.
        recheck_at: time at which the hold may end without an event; None if never.
    """

    reason: HoldReason
    message: str
    recheck_at: datetime | None = None


class DecisionInput(Struct, frozen=True):
    """Everything that a decision about a run depends on.

    Attributes:
        run: run to decide about.
        status: status of its report.
        live: current state of the Workflow.
        history: other runs and Remediations, without the Remediation for this very decision.
        limits: limits on the actions of all policies together, and on those of a namespace.
        now: current time.
    """

    run: Run
    status: ReportStatus
    live: LiveState
    history: History
    limits: OperatorLimits
    now: datetime


class Candidate(Struct, frozen=True):
    """An action that the matching rule proposes for a run. The guards may still hold it.

    Attributes:
        input: the run and everything else the decision depends on.
        lock: kind of decision: about the run itself, or about a notification.
        selection: policy and its rivals.
        rule: matching rule.
        action: proposed action.
        failure: failure to respond to; None for a running Workflow.
        stall: reason why the run hangs, if the action responds to that.
        is_second_step: whether this very action has stopped the run before, in order to resubmit it now.
        counts_toward_limit: whether the action counts as an ordinary attempt, not as one for infrastructure failures.
        attempt: number that the action would have in its chain.
    """

    input: DecisionInput
    lock: LockClass
    selection: Selection
    rule: Rule
    action: ActionType
    failure: Failure | None
    counts_toward_limit: bool
    attempt: int
    stall: str | None = None
    is_second_step: bool = False

    @property
    def policy(self) -> RemediationPolicy:
        """The selected policy."""
        return self.selection.policy
