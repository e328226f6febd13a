"""The intent of an action: a Remediation that is created before the action is performed, as lock, plan and record.

The same decision about the same objects leads to the same Remediation, in name and spec. An unfinished Remediation is
therefore continued only if deciding again reproduces it; one that a person made up is not.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from wfreport.api import names
from wfreport.api.action_types import ActionType
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.remediation import Plan, PolicyRef, Remediation, RemediationSpec, ReportRef, Target
from wfreport.api.wire import LINE, TEXT
from wfreport.core.decide.enforcement import needs_approval
from wfreport.core.decide.model import Decision
from wfreport.core.plan.plan import Change
from wfreport.core.redact.bounds import cut, cut_label
from wfreport.core.snapshot.names import remediation_name

MAX_CHANGES = 64


class Basis(Struct, frozen=True):
    """The objects that a decision is based on, in addition to its policy.

    Attributes:
        report: the report.
        resource_version: resourceVersion of the completed Workflow; None while it runs, because it changes constantly.
    """

    report: ReportRef
    resource_version: str | None


def intended_remediation(decision: Decision, basis: Basis, plan: Plan, *, dry_run: bool = False) -> Remediation:
    """Return the Remediation for a decision to act.

    Raises:
        ValueError: the decision is a hold.
    """
    policy, rule, run, action = decision.policy, decision.rule, decision.run, decision.action
    if policy is None or rule is None or action is None:
        raise ValueError("a hold has no Remediation")
    spec = RemediationSpec(
        policy_ref=PolicyRef(
            name=policy.metadata.name, uid=policy.metadata.uid or "", generation=policy.metadata.generation or 0
        ),
        report_ref=basis.report,
        target=Target(name=run.name, uid=run.uid, resource_version=basis.resource_version, started_at=run.started_at),
        root_name=run.root_name,
        root_uid=run.root_uid,
        rule=rule.name,
        action=action,
        lock_class=decision.lock,
        attempt=decision.attempt,
        counts_toward_limit=decision.counts_toward_limit,
        reason=decision.reason,
        fingerprint=decision.failure.fingerprint if decision.failure else None,
        message=cut(decision.message, TEXT),
        plan=plan,
        approval_required=needs_approval(policy, decision) and not dry_run,
        dry_run=dry_run,
    )
    name = remediation_name(run.name, run.uid, run.started_at, decision.lock, dry_run=dry_run)
    return Remediation(metadata=ObjectMetadata(name=name, namespace=run.namespace, labels=_labels(spec)), spec=spec)


def _labels(spec: RemediationSpec) -> dict[str, str]:
    return {
        names.LABEL_WORKFLOW: cut_label(spec.target.name),
        names.LABEL_WORKFLOW_UID: cut_label(spec.target.uid),
        names.LABEL_ROOT: cut_label(spec.root_name),
        names.LABEL_ROOT_UID: cut_label(spec.root_uid),
        names.LABEL_POLICY: cut_label(spec.policy_ref.name),
    }


def document_of(remediation: Remediation) -> dict[str, Any]:
    """Return the JSON with which a Remediation is created: without the status, which is written later."""
    return remediation.model_copy(update={"status": None}).dump()


def is_reproduced(existing: Remediation, intended: Remediation) -> bool:
    """Return whether deciding again reproduces an existing Remediation."""
    return _identity(existing) == _identity(intended)


def _identity(remediation: Remediation) -> dict[str, Any]:
    spec = remediation.spec.model_copy(update={"message": None}).dump()
    return {"name": remediation.metadata.name, "namespace": remediation.metadata.namespace, **spec}


def planned(changes: Iterable[Change], **fields: Any) -> Plan:
    """Return a plan with the changed values before and after."""
    listed = list(changes)[:MAX_CHANGES]
    before = {cut(change.path, LINE): cut(change.before, TEXT) for change in listed if change.before is not None}
    after = {cut(change.path, LINE): cut(change.after, TEXT) for change in listed if change.after is not None}
    return Plan(before=before or None, after=after or None, **fields)


def makes_new_run(action: ActionType) -> bool:
    """Return whether the action creates a Workflow, whose end is the action's outcome."""
    return action in {ActionType.RESUBMIT, ActionType.RAISE_MEMORY}
