"""The state of a Remediation in one word."""

from wfreport.api.remediation import Remediation


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
