"""Next steps about a step whose artifacts could not be loaded or saved, by where the message says that it failed."""

from collections.abc import Iterator
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.api.classes import Owner
from wfreport.api.report import Failure
from wfreport.core.classify.artifact_messages import LOST_CONNECTION
from wfreport.core.next_steps.commands import (
    container_of,
    describe_host,
    if_again,
    kubectl,
    log_of,
    run_again,
    template_of,
    wfreport,
)
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.room import is_disk_full, room_steps
from wfreport.core.snapshot.pod_states import is_argos_container
from wfreport.imports import lazy_pattern

Steps = Iterator[NextStep]
_OLD_EXECUTOR: Final = lazy_pattern(r"Docker daemon|docker\.sock|process namespace sharing|mkdir /argo/outputs")
_DENIED: Final = lazy_pattern(
    r"(?i)access ?denied|status code: 403|403 Forbidden|Authorization(?:Failure|PermissionMismatch)|"
    r"does not have \S{1,100} access|necessary (?:RBAC )?privileges"
)
"""The store knows the credentials, and they lack a right."""
_STORE_FULL: Final = lazy_pattern(r"StorageFull|InsufficientStorage")
"""The answer of an artifact store: MinIO's has the words of a full disk as well, but it is the store's."""

_RUNTIME: Final = lazy_pattern(r"OCI runtime|containerd|container process is already dead|runc ")


def artifact_steps(failure: Failure, run: ReportedRun) -> Steps:
    """Yield what to do about artifacts that could not be loaded or saved."""
    if is_argos_container(failure.container) and run.may_have_log(failure):
        command = ("logs", run.workflow, run.step_argument(failure), "-c", container_of(failure))
        yield wfreport(f"the log of Argo's {container_of(failure)} container", *command)
    else:
        yield from log_of(failure, run)
    message = failure.message or ""
    if is_disk_full(message):
        yield from room_steps(failure, run, message, "smaller artifacts")
        return
    corrections = list(_corrections(failure))
    if failure.retryable:
        yield run_again(run)
        yield from map(if_again, corrections)
    else:
        yield from corrections
        yield run_again(run, "when that is done")


def _corrections(failure: Failure) -> Steps:
    message = failure.message or ""
    if _OLD_EXECUTOR.search(message):
        yield NextStep(
            "Set containerRuntimeExecutor: emissary in the ConfigMap workflow-controller-configmap: this executor of "
            "an old Argo cannot work on the machine, or not as this user."
        )
    elif _STORE_FULL.search(message):
        yield NextStep("Make room in the artifact store, or raise its quota: it is full.")
    elif LOST_CONNECTION.search(message):
        yield NextStep("Look at the machine: argoexec lost the step's container, or its pod.")
        yield from describe_host(failure, "the state of its machine")
    elif _RUNTIME.search(message):
        yield NextStep("Look at the machine: its container runtime could not start or reach Argo's container.")
        yield from describe_host(failure, "the state of its machine")
    elif failure.owner == Owner.USER:
        yield NextStep(
            f"Correct the path or key of the artifact in {template_of(failure)}, or let the program write that file."
        )
    elif is_argos_container(failure.container) and failure.container not in EXECUTOR_CONTAINERS:
        yield NextStep(
            f"Check the artifact plugin of container {failure.container}: its image, its configuration, and its "
            "credentials for the store."
        )
    else:
        yield NextStep(
            "Give the credentials of the artifact repository the right to read and write in its bucket: the store "
            "denied access."
            if _DENIED.search(failure.message or "")
            else "Check the artifact store: its endpoint, bucket and credentials, as the artifact repository has them."
        )
        yield kubectl(
            "the repository, if the namespace has its own", "get", "configmap", "artifact-repositories", "-o", "yaml"
        )
