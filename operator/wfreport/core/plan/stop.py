"""Stop: set a running Workflow's shutdown strategy to Stop. Its exit handlers still run."""

import json

from wfreport.api import argo
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Change, Json, Patch, PatchTarget, is_signed, object_at, precondition, signed
from wfreport.core.plan.refusal import RefusedError, refuses_malformed

STRATEGY = "Stop"
STOP_PATCH = json.dumps({"spec": {"shutdown": STRATEGY}})
"""The patch of a stop without preconditions, for audit."""


@refuses_malformed
def stop_of(workflow: Json, *, remediation_uid: str = "") -> Patch | None:
    """Return the patch that stops a Workflow, as ``argo stop`` does (util.go:1543); None if it is stopping already.

    If the uid of a Remediation is given, an annotation on the Workflow records it.

    Raises:
        RefusedError: the run has completed. A completed run is never modified.
    """
    metadata, spec = workflow["metadata"], workflow["spec"]
    phase = (workflow.get("status") or {}).get("phase", "")
    if phase in argo.COMPLETED_PHASES or (metadata.get("labels") or {}).get(argo.LABEL_COMPLETED) == "true":
        raise RefusedError(
            Refusal.RUN_COMPLETED, f"the Workflow has ended ({phase or 'completed'}): there is nothing to stop"
        )
    before = spec.get("shutdown")
    if before:
        return None
    target = PatchTarget(metadata["uid"], metadata["resourceVersion"])
    return Patch(
        {"metadata": precondition(target) | signed(remediation_uid), "spec": {"shutdown": STRATEGY}},
        stop_changes(),
    )


def stop_changes() -> tuple[Change, ...]:
    """Return the changes of a stop, for audit."""
    return (Change("spec.shutdown", None, STRATEGY),)


def is_stopped_by(workflow: Json, remediation_uid: str) -> bool:
    """Return whether this Remediation stopped the Workflow."""
    return bool(object_at(workflow, "spec").get("shutdown")) and is_signed(workflow, remediation_uid)
