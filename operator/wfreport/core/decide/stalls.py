"""Answers to runs that hang: which rule answers one, and when; and the second step of a resubmission."""

from datetime import datetime, timedelta

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.calendar import shifted
from wfreport.api.policy import Rule
from wfreport.api.reasons import HoldReason, StallReason
from wfreport.api.report import Stalled
from wfreport.core.decide.answers import ANSWERABLE, NO_HELP
from wfreport.core.decide.inputs import DecisionInput, Hold
from wfreport.core.decide.matching import match_stalled
from wfreport.core.decide.model import PastAction
from wfreport.core.decide.selection import Selection


class StallAnswer(Struct, frozen=True):
    """A rule that matches a run that hangs.

    Attributes:
        rule: the rule.
        stalled: why the run hangs.
        due_at: time from which the rule applies; None if it is unknown since when the run hangs.
    """

    rule: Rule
    stalled: Stalled
    due_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Return whether the run has hung for long enough."""
        return self.due_at is not None and self.due_at <= now

    def hold(self) -> Hold:
        """Return the hold of a rule that does not apply yet."""
        message = f"rule {self.rule.name} does not answer {self.stalled.reason} yet"
        return Hold(HoldReason.STALL_NOT_DUE, message, self.due_at)


def stall_answer(inputs: DecisionInput, selection: Selection) -> StallAnswer | None:
    """Return the policy's answer to a run that hangs; None if the run does not, or if no rule matches."""
    stalled = inputs.status.stalled
    rule = match_stalled(selection.policy, inputs.run, stalled.reason) if stalled else None
    if stalled is None or rule is None or rule.match.stalled is None:
        return None
    wait = timedelta(seconds=rule.match.stalled.for_seconds)
    return StallAnswer(rule, stalled, shifted(stalled.since_at, wait) if stalled.since_at else None)


def controller_silent(inputs: DecisionInput) -> Hold | None:
    """Return a hold if Argo's controller is silent: then all runs hang, and no action on one of them has any effect."""
    stalled = inputs.status.stalled
    if stalled is None or stalled.reason != StallReason.CONTROLLER_SILENT:
        return None
    return Hold(HoldReason.CONTROLLER_SILENT, stalled.message or "Argo's controller does not work on its Workflows")


def cannot_help(action: ActionType, reason: str) -> Hold | None:
    """Return a hold if an action can do nothing about the reason why a run hangs."""
    if action == ActionType.NONE or reason in ANSWERABLE:
        return None
    why = NO_HELP.get(reason, "no action is known that does")
    return Hold(HoldReason.CANNOT_HELP, f"{action} does not help a run that hangs with {reason}: {why}")


def _is_of_action(rule: Rule, own: PastAction) -> bool:
    is_same_action = rule.action is not None and rule.action.type == own.type
    return rule.name == own.rule and rule.match.stalled is not None and is_same_action


def second_step(inputs: DecisionInput, selection: Selection, own: PastAction) -> Rule | Hold:
    """Return the rule of a resubmission whose run has been stopped by it and has ended, or a hold."""
    rules = selection.policy.spec.rules if selection.policy.metadata.name == own.policy_name else ()
    rule = next((rule for rule in rules if _is_of_action(rule, own)), None)
    if rule is None or own.stopped_at is None:
        message = f"the run was stopped, but rule {own.rule} of policy {own.policy_name} no longer resubmits it"
        return Hold(HoldReason.NO_RULE_MATCHES, message)
    if inputs.run.is_completed:
        return rule
    limit = selection.policy.spec.limits.max_age_seconds
    deadline = shifted(own.stopped_at, timedelta(seconds=limit))
    if inputs.now < deadline:
        message = "the run has been stopped; it is resubmitted once it has ended"
        return Hold(HoldReason.RUN_STOPPING, message, deadline)
    message = f"the run has not ended {limit} seconds after it was stopped, and is not resubmitted beside itself"
    return Hold(HoldReason.STOP_INEFFECTIVE, message)
