"""``wfreport approve`` and ``deny``: a person's decision on a pending Remediation."""

from typing import Any, Final

import click

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.api.wire import LINE, TEXT
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, completion
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.remediations import decode_remediation, fetch_remediation, fetch_username, patch_status
from wfreport.clock import now as clock_now
from wfreport.core.decide.history import past_action_of
from wfreport.core.decide.model import ExecutionState, PastAction
from wfreport.core.redact.bounds import cut
from wfreport.kube.errors import ConflictError

_MAX_ATTEMPTS: Final = 3
_EXIT_CODES: Final = {
    ExitCode.SUCCEEDED: "success",
    ExitCode.UNUSABLE: "it is not pending, or the cluster cannot be used",
    ExitCode.NOT_FOUND: "no such Remediation",
}
_reason_option = click.option("--reason", metavar="TEXT", help="Reason, recorded in the Remediation.")


@click.command(cls=Command, exit_codes=_EXIT_CODES, examples=("%(prog)s approve etl-x7k2p-d1323ffb83",))
@click.argument("name", shell_complete=completion("remediations"))
@_reason_option
@cluster_options
def approve(target: ClusterTarget, name: str, reason: str | None) -> int:
    """Approve the pending Remediation NAME.

    This needs permission to patch remediations/status. The operator decides again before it acts: a change in the
    meantime, such as an exhausted budget, can still hold the action.
    """
    return _record_approval(target, name, approved=True, reason=reason)


@click.command(
    cls=Command,
    exit_codes=_EXIT_CODES,
    examples=('%(prog)s deny etl-x7k2p-d1323ffb83 --reason "the input is being fixed"',),
)
@click.argument("name", shell_complete=completion("remediations"))
@_reason_option
@cluster_options
def deny(target: ClusterTarget, name: str, reason: str | None) -> int:
    """Reject the pending Remediation NAME for good.

    This needs permission to patch remediations/status.
    """
    return _record_approval(target, name, approved=False, reason=reason)


def _record_approval(target: ClusterTarget, name: str, *, approved: bool, reason: str | None) -> int:
    """Write the decision into the status, and return the exit code.

    Raises:
        NotFound: the Remediation does not exist.
        UnusableInput: it is not pending, or the cluster cannot be used.
    """

    async def execute(cluster: Cluster) -> int:
        for _ in range(_MAX_ATTEMPTS):
            remediation = decode_remediation(await fetch_remediation(cluster, name.rpartition("/")[2]))
            _check_pending(remediation)
            user = await fetch_username(cluster)
            status = _status_patch(remediation, user, approved=approved, reason=reason)
            try:
                await patch_status(cluster, remediation, status)
            except ConflictError:
                continue
            click.echo(f"{'approved' if approved else 'denied'}: {_description(remediation)}")
            return ExitCode.SUCCEEDED
        raise UnusableInput(name, "it keeps changing; try again")

    return run_connected(target, execute)


def _check_pending(remediation: Remediation) -> None:
    problem = _why_not_pending(remediation, past_action_of(remediation))
    if problem:
        raise UnusableInput(remediation.metadata.name, problem)


def _why_not_pending(remediation: Remediation, action: PastAction | None) -> str:
    if action is None:
        return "it is a dry run; nothing will be done"
    if not action.is_approval_required:
        return "it needs no approval"
    if action.is_approved is not None:
        user = remediation.status.approved_by if remediation.status else None
        decision = "approved" if action.is_approved else "denied"
        return f"it was already {decision}{f' by {one_line(user)}' if user else ''}"
    return "" if action.execution == ExecutionState.PENDING else "it is over; there is nothing left to approve"


def _status_patch(remediation: Remediation, user: str, *, approved: bool, reason: str | None) -> dict[str, Any]:
    """Return the changed parts of the status. The list of conditions is complete: a merge patch replaces it."""
    because = f": {reason}" if reason else ""
    condition = Condition(
        type=RemediationConditionType.APPROVED,
        status="True" if approved else "False",
        reason=RemediationReason.APPROVED if approved else RemediationReason.DENIED,
        message=cut(f"{'approved' if approved else 'denied'} by {user or 'a person'}{because}", TEXT),
        last_transition_time=clock_now(),
        observed_generation=remediation.metadata.generation,
    )
    stored = (remediation.status.conditions if remediation.status else None) or ()
    conditions = [condition, *(other for other in stored if other.type != condition.type)]
    dumped = [each.dump() for each in conditions]
    return {"conditions": dumped, "approvedBy": cut(user, LINE) or None}


def _description(remediation: Remediation) -> str:
    spec = remediation.spec
    result = f", as {spec.plan.new_name}" if spec.plan.new_name else ""
    return one_line(f"{remediation.metadata.name} ({spec.action} {spec.target.name}{result})")
