"""Resubmit: the Workflow that ``argo resubmit`` would create, under a name of its own and without what is not its own.

FormulateResubmitWorkflow (util.go:749); the differences are intended and listed in
tests/core/plan/test_as_argo_resubmits.py.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wfreport.api import argo, names
from wfreport.api.reasons import Refusal
from wfreport.core.plan.inherited import inherited_by_resubmission
from wfreport.core.plan.memoized import memoized_status, taken_over_changes
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.reusable import reusable_run
from wfreport.core.redact.bounds import cut_label
from wfreport.core.snapshot.chain import ChainLink


@dataclass(frozen=True, slots=True)
class Resubmission:
    """A new run of a chain.

    Attributes:
        link: the chain, and its last run.
        attempt: the number of this resubmission: the last one's and one.
        remediation_uid: of the Remediation that does it: whose the new run is.
        parameters: values that replace the run's.
    """

    link: ChainLink
    attempt: int
    remediation_uid: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the new run."""
        return self.link.name_of(self.attempt)


def resubmitted(
    workflow: Json,
    resubmission: Resubmission,
    *,
    spec: dict[str, Any] | None = None,
    memoized_at: datetime | None = None,
) -> dict[str, Any]:
    """The new Workflow, to be created as it is.

    Args:
        workflow: the run that failed, whole.
        resubmission: which one this is.
        spec: the new run's spec, where it is not the old one's (``resubmitted_spec`` is applied to it all the same).
        memoized_at: now, where pods that succeeded are not to run again.

    Raises:
        RefusedError: the run has not ended, or what succeeded in it cannot be taken over.
    """
    metadata = workflow["metadata"]
    if workflow.get("status", {}).get("phase") not in argo.COMPLETED_PHASES:
        raise RefusedError(
            Refusal.RUN_NOT_COMPLETED, "the Workflow has not ended: only a run that is over is resubmitted"
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
            # kept although there is a name, so that a person's resubmission of the new run is named as the first was
            "generateName": metadata.get("generateName") or f"{metadata['name']}-",
            "labels": labels | _own_labels(metadata["name"], resubmission),
            "annotations": annotations,
        },
        "spec": resubmitted_spec(workflow["spec"] if spec is None else spec, resubmission.parameters),
        **status,
    }


def _status(workflow: Json, resubmission: Resubmission, now: datetime) -> dict[str, Any]:
    return {"status": memoized_status(workflow, reusable_run(workflow), resubmission.name, now)}


def reusable_changes(workflow: Json) -> tuple[Change, ...]:
    """What a memoized resubmission does not run again, for the audit.

    Raises:
        RefusedError: what succeeded cannot be taken over.
    """
    return taken_over_changes(reusable_run(workflow))


def _own_labels(predecessor: str, resubmission: Resubmission) -> dict[str, str]:
    return {
        argo.LABEL_RESUBMITTED_FROM: cut_label(predecessor),
        names.LABEL_ROOT: cut_label(resubmission.link.root_name),
        names.LABEL_ROOT_UID: resubmission.link.root_uid,
        names.LABEL_ATTEMPT: str(resubmission.attempt),
        names.LABEL_REMEDIATION_UID: resubmission.remediation_uid,
    }


def resubmitted_spec(spec: Json, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The spec of a new run: as it was, neither stopped nor out of time, with parameters replaced."""
    new: dict[str, Any] = copy.deepcopy(dict(spec))
    new.pop("shutdown", None)
    if new.get("activeDeadlineSeconds") == 0:
        del new["activeDeadlineSeconds"]  # it was terminated that way
    if parameters:
        arguments = new.setdefault("arguments", {})
        given = [{"name": name, "value": value} for name, value in parameters.items()]
        others = [p for p in arguments.get("parameters") or () if p.get("name") not in parameters]
        arguments["parameters"] = given + others  # in Argo's order (overrideParameters, util.go:312)
    return new


def parameter_changes(workflow: Json, parameters: Mapping[str, str]) -> tuple[Change, ...]:
    """What replaced parameters mean, for the audit."""
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
    """Whether a Workflow that has the name of our new run is ours, made by this very Remediation."""
    labels = workflow["metadata"].get("labels") or {}
    return bool(remediation_uid) and labels.get(names.LABEL_REMEDIATION_UID) == remediation_uid
