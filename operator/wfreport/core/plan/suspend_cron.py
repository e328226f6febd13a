"""SuspendCron: a CronWorkflow starts nothing any more, until somebody resumes it."""

from wfreport.api.reasons import Refusal
from wfreport.core.plan.inherited import git_manager
from wfreport.core.plan.plan import Change, Json, Patch, PatchTarget, is_signed, precondition, signed
from wfreport.core.plan.refusal import RefusedError


def suspension_of(cron: Json, *, allow_drift: bool, remediation_uid: str = "") -> Patch | None:
    """The patch that suspends a CronWorkflow; None for one that is suspended already.

    Args:
        cron: the CronWorkflow, whole.
        allow_drift: whether it may be changed although Git says otherwise.
        remediation_uid: of the Remediation that suspends it: an annotation says so.

    Raises:
        RefusedError: it is kept in Git, whose manager would undo the change, or fight it.
    """
    spec, metadata = cron.get("spec") or {}, cron["metadata"]
    if spec.get("suspend") is True:
        return None
    manager = None if allow_drift else _git_manager_of(metadata)
    if manager:
        raise RefusedError(
            Refusal.MANAGED_BY_GIT,
            f"CronWorkflow {metadata['name']} is {manager}'s: suspend it in Git, or set allowDrift on the action",
        )
    target = PatchTarget(metadata["uid"], metadata.get("resourceVersion", ""))
    return Patch(
        {"metadata": precondition(target) | signed(remediation_uid), "spec": {"suspend": True}},
        (Change("spec.suspend", str(bool(spec.get("suspend"))).lower(), "true"),),
    )


def is_suspended_by(cron: Json, remediation_uid: str) -> bool:
    """Whether a CronWorkflow is suspended, and was by this very Remediation."""
    return (cron.get("spec") or {}).get("suspend") is True and is_signed(cron, remediation_uid)


def _git_manager_of(metadata: Json) -> str | None:
    managers = [str(entry.get("manager")) for entry in metadata.get("managedFields") or ()]
    return git_manager(metadata.get("labels") or {}, metadata.get("annotations") or {}, managers)
