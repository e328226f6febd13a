"""The state of a Remediation in one word."""

from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Remediation
from wfreport.cli.render.style import one_line


def is_awaiting(remediation: Remediation) -> bool:
    """Whether the Remediation waits for approval."""
    from wfreport.core.decide.history import past_action_of  # noqa: PLC0415 - few runs have a Remediation
    from wfreport.core.decide.model import ExecutionState  # noqa: PLC0415

    action = past_action_of(remediation)
    if action is None or action.execution != ExecutionState.PENDING:
        return False
    return action.is_approval_required and action.is_approved is None


def state_of(remediation: Remediation) -> tuple[str, str]:
    """Return the state in one word, and its style."""
    from wfreport.core.decide.history import past_action_of  # noqa: PLC0415 - few runs have a Remediation
    from wfreport.core.decide.model import ExecutionState  # noqa: PLC0415

    action = past_action_of(remediation)
    if action is None:
        return "DryRun", "dim"
    if is_awaiting(remediation):
        return "Awaiting", "bold yellow"
    if action.is_approved is False:
        return "Denied", "dim"
    if action.execution != ExecutionState.DONE:
        return action.execution, "red" if action.execution == ExecutionState.LOST else ""
    if action.has_helped is None:
        return "Executed", "cyan"
    return ("Helped", "green") if action.has_helped else ("NotHelped", "red")


def message_of(action: Remediation) -> str:
    """Return why an action waits, was not done, or did not help; empty if its state is the whole answer."""
    if is_awaiting(action):
        return "waits for approval"
    conditions = {one.type: one for one in (action.status.conditions if action.status else None) or ()}
    executed = conditions.get(RemediationConditionType.EXECUTED)
    outcome = conditions.get(RemediationConditionType.SUCCEEDED)
    latest = outcome if outcome and executed and executed.status == "True" else executed
    return one_line(latest.message) if latest and latest.message else ""
