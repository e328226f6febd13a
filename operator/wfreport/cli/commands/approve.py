"""``wfreport approve`` and ``deny``: a person's word on a Remediation that waits for it."""

from typing import Any, Final

import click

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.api.wire import LINE, TEXT
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.remediations import decoded_remediation, fetch_remediation, fetch_username, patch_status
from wfreport.clock import now as clock_now
from wfreport.core.decide.history import past_action_of
from wfreport.core.decide.model import ExecutionState, PastAction
from wfreport.core.redact.bounds import cut
from wfreport.kube.errors import ConflictError

_TRIES: Final = 3


def run_answer(target: ClusterTarget, name: str, *, approves: bool, reason: str | None) -> int:
    """Approve or deny, and return the exit code.

    Raises:
        NotFound: there is no such Remediation.
        UnusableInput: it does not wait for anybody, or the cluster cannot be used.
    """

    async def act(cluster: Cluster) -> int:
        for _ in range(_TRIES):
            found = decoded_remediation(await fetch_remediation(cluster, name.rpartition("/")[2]))
            _check_waits(found)
            who = await fetch_username(cluster)
            try:
                await patch_status(cluster, found, _answered(found, who, approves=approves, reason=reason))
            except ConflictError:
                continue
            click.echo(f"{'approved' if approves else 'denied'}: {_told(found)}")
            return ExitCode.SUCCEEDED
        raise UnusableInput(name, "it is being changed all the time; try again")

    return run_connected(target, act)


def _check_waits(found: Remediation) -> None:
    """Raise where nobody is asked about it."""
    why = _why_not_asked(found, past_action_of(found))
    if why:
        raise UnusableInput(found.metadata.name, why)


def _why_not_asked(found: Remediation, act: PastAction | None) -> str:
    if act is None:
        return "it is a dry run: nothing is going to be done"
    if not act.is_approval_required:
        return "it needs nobody's approval"
    if act.is_approved is not None:
        by = found.status.approved_by if found.status else None
        word = "approved" if act.is_approved else "denied"
        return f"it was {word} already{f' by {one_line(by)}' if by else ''}"
    return "" if act.execution == ExecutionState.PENDING else "it is over: there is nothing to approve any more"


def _answered(found: Remediation, who: str, *, approves: bool, reason: str | None) -> dict[str, Any]:
    """The parts of the status that say so; a condition is replaced in the list, for a merge patch replaces it whole."""
    said = f": {reason}" if reason else ""
    condition = Condition(
        type=RemediationConditionType.APPROVED,
        status="True" if approves else "False",
        reason=RemediationReason.APPROVED if approves else RemediationReason.DENIED,
        message=cut(f"{'approved' if approves else 'denied'} by {who or 'a person'}{said}", TEXT),
        last_transition_time=clock_now(),
        observed_generation=found.metadata.generation,
    )
    others = [kept for kept in (found.status.conditions if found.status else None) or () if kept.type != condition.type]
    written = [kept.model_dump(mode="json", by_alias=True, exclude_none=True) for kept in (condition, *others)]
    return {"conditions": written, "approvedBy": cut(who, LINE) or None}


def _told(found: Remediation) -> str:
    spec = found.spec
    makes = f", as {spec.plan.new_name}" if spec.plan.new_name else ""
    return one_line(f"{found.metadata.name} ({spec.action} {spec.target.name}{makes})")
