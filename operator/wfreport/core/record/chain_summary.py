"""Summarizes a run's chain for its report: the runs, the number of actions, and the last action's outcome."""

from collections.abc import Iterable

from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Remediation
from wfreport.api.report import RunRemediation
from wfreport.core.decide.model import CHAIN_ACTIONS, Run
from wfreport.core.record.intent import makes_new_run
from wfreport.core.record.progress import condition_of, is_executed

MAX_NAMES = 64


def chain_summary(run: Run, runs: Iterable[Run], remediations: Iterable[Remediation]) -> RunRemediation | None:
    """Return ``status.remediation`` of the report of a run; None if its chain has no actions.

    Args:
        run: the run.
        runs: all known runs.
        remediations: all Remediations; dry runs are ignored.
    """
    chain = [other for other in (run, *runs) if other.root_uid == run.root_uid and other.namespace == run.namespace]
    own = sorted(
        (remediation for remediation in remediations if _is_of(remediation, run)),
        key=lambda remediation: (remediation.spec.attempt, remediation.metadata.name),
    )
    if not own and not run.attempt:
        return None
    created = {one.spec.attempt: one.spec.plan.new_name for one in own if _has_created_run(one)}
    names = {**created, **{other.attempt: other.name for other in chain}, 0: run.root_name}
    return RunRemediation(
        attempts=max(names),
        root_uid=run.root_uid,
        chain=[name for _, name in sorted(names.items()) if name][-MAX_NAMES:],
        last=_last(own[-1]) if own else None,
    )


def _is_of(remediation: Remediation, run: Run) -> bool:
    spec = remediation.spec
    is_of_chain = spec.action in CHAIN_ACTIONS and spec.root_uid == run.root_uid
    is_of_run = spec.target.uid == run.uid
    return (is_of_chain or is_of_run) and not spec.dry_run and remediation.metadata.namespace == run.namespace


def _has_created_run(remediation: Remediation) -> bool:
    executed = condition_of(remediation.status, RemediationConditionType.EXECUTED)
    return makes_new_run(remediation.spec.action) and executed is not None and executed.status == "True"


def _last(remediation: Remediation) -> dict[str, str]:
    """Return the name, action and outcome of a Remediation. The outcome is the most informative condition's reason."""
    outcome = condition_of(remediation.status, RemediationConditionType.SUCCEEDED)
    executed = condition_of(remediation.status, RemediationConditionType.EXECUTED)
    latest = outcome if outcome and is_executed(remediation) and remediation.spec.action in CHAIN_ACTIONS else executed
    if executed is not None and executed.status != "True":
        latest = executed
    return {
        "remediationRef": remediation.metadata.name,
        "action": remediation.spec.action,
        "outcome": latest.reason if latest else "ExecutionPending",
    }
