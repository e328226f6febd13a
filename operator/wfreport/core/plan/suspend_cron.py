"""SuspendCron: suspend a CronWorkflow, so that it creates no Workflows until a person resumes it."""

from wfreport.api.reasons import Refusal
from wfreport.core.plan.inherited import git_manager
from wfreport.core.plan.plan import Change, Json, Patch, PatchTarget, is_signed, object_at, precondition, signed
from wfreport.core.plan.refusal import RefusedError


def suspension_of(cron: Json, *, allow_drift: bool, remediation_uid: str = "") -> Patch | None:
    """Return the patch that suspends a CronWorkflow; None if it is suspended already.

    Args:
        cron: the complete CronWorkflow.
        allow_drift: whether it may be changed even if it is managed in Git.
        remediation_uid: uid of the Remediation, to record in an annotation.

    Raises:
        RefusedError: the CronWorkflow is managed in Git, and the managing tool would revert the change; or its spec is
            none, and the patch would replace it.
    """
    spec, metadata = object_at(cron, "spec"), cron["metadata"]
    if spec.get("suspend") is True:
        return None
    if not spec:
        message = f"CronWorkflow {metadata['name']} does not have the form of a CronWorkflow: check it with argo lint"
        raise RefusedError(Refusal.SPEC_UNREADABLE, message)
    manager = None if allow_drift else _git_manager_of(metadata)
    if manager:
        raise RefusedError(
            Refusal.MANAGED_BY_GIT,
            f"{manager} manages CronWorkflow {metadata['name']}: suspend it in Git, or set allowDrift on the action",
        )
    target = PatchTarget(metadata["uid"], metadata.get("resourceVersion", ""))
    return Patch(
        {"metadata": precondition(target) | signed(remediation_uid), "spec": {"suspend": True}},
        (Change("spec.suspend", str(bool(spec.get("suspend"))).lower(), "true"),),
    )


def is_suspended_by(cron: Json, remediation_uid: str) -> bool:
    """Return whether the CronWorkflow is suspended and this Remediation suspended it."""
    return object_at(cron, "spec").get("suspend") is True and is_signed(cron, remediation_uid)


def _git_manager_of(metadata: Json) -> str | None:
    managers = [str(entry.get("manager")) for entry in metadata.get("managedFields") or ()]
    return git_manager(metadata.get("labels") or {}, metadata.get("annotations") or {}, managers)
