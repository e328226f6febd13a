"""Everything a guard may look at."""

from dataclasses import dataclass
from datetime import datetime

from wfreport.api.actions import ActionType
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import Failure, ReportStatus
from wfreport.core.decide.model import History, LiveState, OperatorLimits, Run
from wfreport.core.decide.selection import Selection


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is done, or not yet.

    Attributes:
        reason: as one stable word.
        message: for people.
        recheck_at: when the answer may be another one, without any object having changed; None for never.
    """

    reason: HoldReason
    message: str
    recheck_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DecisionInput:
    """The run that is decided on, and the world it is in.

    Attributes:
        run: the run.
        status: its report's status.
        look: the Workflow as it is now.
        history: what else ran and was done; without the Remediation of this very decision.
        limits: what all policies together may do.
        now: the moment.
    """

    run: Run
    status: ReportStatus
    live: LiveState
    history: History
    limits: OperatorLimits
    now: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject for which a rule has been found.

    Attributes:
        subject: the run and its world.
        lock: whether it is about the run itself, or about whom to tell.
        selection: the policy, and its rivals.
        rule: the rule that matches.
        action: what the rule says to do.
        failure: the failure it answers; None for a run that goes on.
        counts_toward_limit: whether the act counts as an ordinary attempt.
        attempt: which act on its chain it would be.
    """

    input: DecisionInput
    lock: LockClass
    selection: Selection
    rule: Rule
    action: ActionType
    failure: Failure | None
    counts_toward_limit: bool
    attempt: int

    @property
    def policy(self) -> RemediationPolicy:
        """The policy that decides."""
        return self.selection.policy
