"""Resubmit: create the Workflow of ``argo resubmit``, but with a predictable name and the labels of its chain.

Mirrors ``FormulateResubmitWorkflow`` (util.go:749). The intended differences are listed in
tests/core/plan/test_as_argo_resubmits.py, which compares the result with the CLI's for each recording. When a new
Argo version changes the function, run that test with the new CLI, and add each new difference here or to its list.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, field

from wfreport.api import argo, names
from wfreport.api.reasons import Refusal
from wfreport.core.plan.inherited import inherited_by_resubmission
from wfreport.core.plan.memoized import memoized_status, reuse_changes
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.refusal import RefusedError, refuses_malformed
from wfreport.core.plan.reusable import reusable_run
from wfreport.core.redact.bounds import cut_label
from wfreport.core.snapshot.chain import ChainLink

_CREATORS: Final = {
    names.ANNOTATION_CREATOR: argo.LABEL_CREATOR,
    names.ANNOTATION_CREATOR_EMAIL: argo.LABEL_CREATOR_EMAIL,
    names.ANNOTATION_CREATOR_USERNAME: argo.LABEL_CREATOR_USERNAME,
}
"""Annotations of a resubmission, by Argo's label of the first run."""


class Resubmission(Struct, frozen=True):
    """A new run of a chain.

    Attributes:
        link: the chain and its latest run.
        attempt: number of this resubmission, one above the latest.
        remediation_uid: uid of the Remediation that creates the new run.
        parameters: arguments to replace, by name.
        policy: name of the policy, for audit.
        remediation: name of the Remediation, for audit.
    """

    link: ChainLink
    attempt: int
    remediation_uid: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    remediation: str = ""

    @property
    def name(self) -> str:
        """Name of the new run."""
        return self.link.name_of(self.attempt)


@refuses_malformed
def resubmitted(
    workflow: Json,
    resubmission: Resubmission,
    *,
    spec: dict[str, Any] | None = None,
    memoized_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the new Workflow, ready to be created.

    Args:
        workflow: the complete failed Workflow.
        resubmission: the new run in its chain.
        spec: spec of the new run, if not the old one's; ``resubmitted_spec`` is applied to it in any case.
        memoized_at: current time, for a memoized resubmission that reuses succeeded steps.

    Raises:
        RefusedError: the run has not completed, or its succeeded steps cannot be reused.
    """
    metadata = workflow["metadata"]
    if workflow.get("status", {}).get("phase") not in argo.COMPLETED_PHASES:
        raise RefusedError(
            Refusal.RUN_NOT_COMPLETED, "the Workflow has not completed: only a completed run can be resubmitted"
        )
    labels = inherited_by_resubmission(metadata.get("labels") or {})
    annotations = inherited_by_resubmission(metadata.get("annotations") or {})
    status = _status(workflow, resubmission, memoized_at) if memoized_at else {}
    return {
        "apiVersion": workflow["apiVersion"],
        "kind": workflow["kind"],
        "metadata": {
            "name": resubmission.name,
            "namespace": metadata["namespace"],
            # set in addition to the name, so that a person's resubmission of the new run is named like the first run
            "generateName": metadata.get("generateName") or f"{metadata['name']}-",
            "labels": labels | _own_labels(metadata["name"], resubmission),
            "annotations": annotations | _audit_annotations(metadata, resubmission),
        },
        "spec": resubmitted_spec(workflow["spec"] if spec is None else spec, resubmission.parameters),
        **status,
    }


def _status(workflow: Json, resubmission: Resubmission, now: datetime) -> dict[str, Any]:
    return {"status": memoized_status(workflow, reusable_run(workflow), resubmission.name, now)}


@refuses_malformed
def reusable_changes(workflow: Json) -> tuple[Change, ...]:
    """Return the steps that a memoized resubmission reuses, for audit.

    Raises:
        RefusedError: the succeeded steps cannot be reused.
    """
    return reuse_changes(reusable_run(workflow))


def _own_labels(predecessor: str, resubmission: Resubmission) -> dict[str, str]:
    return {
        argo.LABEL_RESUBMITTED_FROM: cut_label(predecessor),
        names.LABEL_ROOT: cut_label(resubmission.link.root_name),
        names.LABEL_ROOT_UID: resubmission.link.root_uid,
        names.LABEL_ATTEMPT: str(resubmission.attempt),
        names.LABEL_REMEDIATION_UID: resubmission.remediation_uid,
    }


def _audit_annotations(metadata: Json, resubmission: Resubmission) -> dict[str, str]:
    """Return who caused the new run. To Argo, it is the operator's: labels of the creator are not copied.

    The creator is that of the chain's first run; each later run has it from its predecessor.
    """
    creators: Mapping[str, str]
    if resubmission.link.attempt:
        creators = metadata.get("annotations") or {}
    else:
        labels = metadata.get("labels") or {}
        creators = {key: labels[label] for key, label in _CREATORS.items() if label in labels}
    audit = {names.ANNOTATION_POLICY: resubmission.policy, names.ANNOTATION_REMEDIATION: resubmission.remediation}
    audit |= {key: creators[key] for key in _CREATORS if key in creators}
    return {key: value for key, value in audit.items() if value}


def resubmitted_spec(spec: Json, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec of a new run: the old one without shutdown or an expired deadline, and with new parameters."""
    new: dict[str, Any] = copy.deepcopy(dict(spec))
    new.pop("shutdown", None)
    if new.get("activeDeadlineSeconds") == 0:
        del new["activeDeadlineSeconds"]  # the run was terminated this way
    if parameters:
        arguments = new.setdefault("arguments", {})
        replaced = [{"name": name, "value": value} for name, value in parameters.items()]
        others = [p for p in arguments.get("parameters") or () if p.get("name") not in parameters]
        arguments["parameters"] = replaced + others  # in Argo's order (overrideParameters, util.go:312)
    return new


@refuses_malformed
def parameter_changes(workflow: Json, parameters: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes of replaced parameters, for audit."""
    before = {p.get("name"): p.get("value") for p in (workflow["spec"].get("arguments") or {}).get("parameters") or ()}
    return tuple(
        Change(
            f"spec.arguments.parameters[{name}].value",
            None if before.get(name) is None else str(before[name]),
            value,
        )
        for name, value in parameters.items()
    )


def is_resubmission_by(workflow: Json, remediation_uid: str) -> bool:
    """Return whether this Remediation created the Workflow."""
    labels = workflow["metadata"].get("labels") or {}
    return bool(remediation_uid) and labels.get(names.LABEL_REMEDIATION_UID) == remediation_uid
