"""Suspicions about the end of a Workflow: the garbage collection of its artifacts, and its own deletion."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_states import all_statuses, latest_end, main_statuses, terminated
from wfreport.core.stall.model import PodsSeen, StallGraces, Suspicion

FINALIZER_ARTIFACT_GC: Final = "workflows.argoproj.io/artifact-gc"  # common.go:219
CONDITION_ARTIFACT_GC_ERROR: Final = "ArtifactGCError"

_FOREGROUND: Final = "foregroundDeletion"
"""The API server's own finalizer: what the Workflow owns is deleted first."""


def deletion_suspicions(snapshot: Snapshot, pods: PodsSeen | None, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield that artifacts cannot be deleted, or that a finalizer blocks the deletion of the Workflow."""
    error = _artifact_gc_error(snapshot)
    if error and snapshot.workflow.status.is_completed:
        yield Suspicion(StallReason.ARTIFACT_GC_FAILED, error, 0, snapshot.workflow.status.finished_at)
    meta, seen = snapshot.workflow.metadata, pods or PodsSeen()
    if meta.deletion_timestamp is None:
        return
    holding = [name for name in meta.finalizers if name != FINALIZER_ARTIFACT_GC or not _is_collecting(seen)]
    if holding:
        message = f"the Workflow is being deleted, and {_what_holds(holding)}"
        if error and FINALIZER_ARTIFACT_GC in holding:
            message += f": {error}"
        since_at = max([meta.deletion_timestamp, *_later_times(seen)])
        yield Suspicion(StallReason.DELETION_BLOCKED, message, graces.deletion_seconds, since_at)


def is_collector(pod: Pod) -> bool:
    """Return whether Argo's controller created the pod to delete artifacts. A task owns it, not the Workflow."""
    return pod.metadata.labels.get("workflows.argoproj.io/component") == "artifact-gc"


def _artifact_gc_error(snapshot: Snapshot) -> str:
    conditions = snapshot.workflow.status.conditions
    named = (one for one in conditions if one.type == CONDITION_ARTIFACT_GC_ERROR and one.status == "True")
    condition = next(named, None)
    return (condition.message or "Argo could not delete the artifacts") if condition else ""


def _is_collecting(pods: PodsSeen) -> bool:
    """Return whether artifacts are being deleted, which may take hours."""
    running = (pod for pod in pods.collectors if pod.status.phase == "Running")
    return any(not terminated(status) for pod in running for status in main_statuses(pod))


def _what_holds(finalizers: list[str]) -> str:
    if finalizers == [_FOREGROUND]:
        return f"its finalizer {_FOREGROUND} holds it until all that it owns is deleted"
    named = ", ".join(finalizers)
    return f"its finalizer {named} holds it" if len(finalizers) == 1 else f"its finalizers {named} hold it"


def _later_times(pods: PodsSeen) -> list[datetime]:
    """Return when the collection of artifacts ended, and until when the Workflow's pods may take to end."""
    ends = [latest_end(all_statuses(pod)) for pod in pods.collectors]
    limits = [pod.metadata.deletion_timestamp for pod in pods.by_node.values()]
    return [time for time in (*ends, *limits) if time is not None]
