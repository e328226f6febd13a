"""What a report says of its chain: the runs, how many acts there were, and what came of the last."""

from collections.abc import Iterable

from wfreport.api.reasons import RemediationConditionType
from wfreport.api.remediation import Remediation
from wfreport.api.report import RunRemediation
from wfreport.core.decide.model import CHAIN_ACTIONS, Run
from wfreport.core.record.intent import makes_new_run
from wfreport.core.record.progress import found_condition, is_executed

MAX_NAMES = 64


def chain_summary(run: Run, runs: Iterable[Run], remediations: Iterable[Remediation]) -> RunRemediation | None:
    """``status.remediation`` of the report of a run; None where nothing was done in its chain.

    Args:
        run: the run.
        runs: all that ran.
        remediations: all that was done; dry ones are left out.
    """
    chain = [other for other in (run, *runs) if other.root_uid == run.root_uid and other.namespace == run.namespace]
    acts = sorted(
        (found for found in remediations if _is_of(found, run)),
        key=lambda found: (found.spec.attempt, found.metadata.name),
    )
    if not acts and not run.attempt:
        return None
    made = {found.spec.attempt: found.spec.plan.new_name for found in acts if _has_made_run(found)}
    names = {**made, **{other.attempt: other.name for other in chain}, 0: run.root_name}
    return RunRemediation(
        attempts=max(names),
        root_uid=run.root_uid,
        chain=[name for _, name in sorted(names.items()) if name][-MAX_NAMES:],
        last=_last(acts[-1]) if acts else None,
    )


def _is_of(remediation: Remediation, run: Run) -> bool:
    spec = remediation.spec
    is_of_chain = spec.action in CHAIN_ACTIONS and spec.root_uid == run.root_uid
    is_of_run = spec.target.uid == run.uid
    return (is_of_chain or is_of_run) and not spec.dry_run and remediation.metadata.namespace == run.namespace


def _has_made_run(remediation: Remediation) -> bool:
    executed = found_condition(remediation.status, RemediationConditionType.EXECUTED)
    return makes_new_run(remediation.spec.action) and executed is not None and executed.status == "True"


def _last(remediation: Remediation) -> dict[str, str]:
    """The reference, the action, and how far it has come: the reason of the condition that says most."""
    outcome = found_condition(remediation.status, RemediationConditionType.SUCCEEDED)
    executed = found_condition(remediation.status, RemediationConditionType.EXECUTED)
    told = outcome if outcome and is_executed(remediation) and remediation.spec.action in CHAIN_ACTIONS else executed
    if executed is not None and executed.status != "True":
        told = executed
    return {
        "remediationRef": remediation.metadata.name,
        "action": remediation.spec.action,
        "outcome": told.reason if told else "ExecutionPending",
    }
