"""Finds problems that did not fail a step."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS, MAIN_CONTAINER, UNFINISHED_PHASES, Node, NodeType, Phase
from wfreport.api.kubernetes import Pod
from wfreport.api.report import StepWarning
from wfreport.core.classify.pod_rules import KILLED_CODES
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.core.snapshot.pod_states import (
    all_statuses,
    how_it_ended,
    is_of_an_earlier_run,
    latest_end,
    terminated,
)

_MAX_ENTRIES: Final = 100
_OOM_KILLED: Final = "OOMKilled"
_POD_FAILED: Final = "PodFailed"
_OF_PODS: Final = frozenset({_OOM_KILLED, _POD_FAILED})
"""Reasons of warnings that only a pod shows, which may be gone later."""

_POD_RESTARTED: Final = "PodRestarted"
_OF_CONDITIONS: Final = frozenset({"ArtifactGCError", "MetricsError", "SpecWarning"})
"""Types of conditions with which Argo tells of artifacts that it could not delete, of metrics, and of the spec."""

_NEVER_ENDED: Final = "NeverEnded"
_WORKS: Final = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN})


def find_warnings(
    snapshot: Snapshot,
    evidence: Mapping[str, PodEvidence],
    sanitizer: TextSanitizer,
    stored: Sequence[StepWarning],
) -> list[StepWarning]:
    """Return the warnings of current pods and nodes, and the stored warnings of pods that no longer exist."""
    current = [
        *_oom_killed(snapshot, evidence, sanitizer),
        *islice(_failed_pods(snapshot, evidence, sanitizer), _MAX_ENTRIES),
        *islice(_restarted(snapshot, sanitizer), _MAX_ENTRIES),
        *islice(_of_conditions(snapshot, sanitizer), _MAX_ENTRIES),
        *islice(_never_ended(snapshot, sanitizer), _MAX_ENTRIES),
    ]
    earlier = [warning for warning in stored if warning.reason in _OF_PODS and warning not in current]
    return [*earlier, *current][:_MAX_ENTRIES]


def _oom_killed(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], sanitizer: TextSanitizer
) -> Iterator[StepWarning]:
    """Yield a warning for each step that succeeded although one of its containers was OOM-killed.

    The kernel killed a child of the step's process, and the step exited with 0 (docs/explanation/argo-behaviour.md).
    """
    killed = {name: containers for name, pod in evidence.items() if (containers := _killed_containers(pod))}
    if not killed:
        return
    succeeded = (n for n in snapshot.nodes.values() if n.type == NodeType.POD and n.phase == Phase.SUCCEEDED)
    for node in succeeded:
        name = pod_name(snapshot.workflow, node) or ""
        for container in killed[name] if name in killed and _is_of(node, evidence[name].pod) else ():
            yield StepWarning(
                display_name=sanitizer.line(node.display_name),
                reason=_OOM_KILLED,
                message=f"container {container} was OOM-killed, but the step succeeded: check its output",
            )


def _is_of(node: Node, pod: Pod | None) -> bool:
    """Whether the pod is the node's, and not one of the same name that ended before a manual retry."""
    end = latest_end(all_statuses(pod)) if pod else None
    has_ended_before = end is not None and node.started_at is not None and end < node.started_at
    return pod is not None and not has_ended_before and not is_of_an_earlier_run(pod, node)


def _killed_containers(evidence: PodEvidence) -> list[str]:
    """Return the OOM-killed user containers, including init containers, sidecars and restarted ones."""
    if evidence.pod is None:
        return []
    status = evidence.pod.status
    ended = (
        (one.name, state.terminated)
        for one in (*status.init_container_statuses, *status.container_statuses)
        for state in (one.last_state, one.state)
        if state is not None
    )
    names = (name for name, t in ended if t is not None and t.reason == _OOM_KILLED)
    return [name for name in dict.fromkeys(names) if name not in EXECUTOR_CONTAINERS]


def _failed_pods(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], sanitizer: TextSanitizer
) -> Iterator[StepWarning]:
    """Yield a warning for each step that succeeded for Argo although its pod failed: its outputs may be missing."""
    causes = {name: why for name, one in evidence.items() if one.pod and (why := _why_it_failed(one.pod))}
    succeeded = (n for n in snapshot.nodes.values() if n.type == NodeType.POD and n.phase == Phase.SUCCEEDED)
    for node in succeeded if causes else ():
        name = pod_name(snapshot.workflow, node) or ""
        if (cause := causes.get(name)) and _is_of(node, evidence[name].pod):
            yield StepWarning(
                display_name=sanitizer.line(node.display_name),
                reason=_POD_FAILED,
                message=sanitizer.text(f"its pod failed ({cause}), but the step succeeded: check its outputs"),
            )


def _why_it_failed(pod: Pod) -> str:
    """Return why a pod failed; empty if it did not, or only for sidecars and what Argo ends itself."""
    if pod.status.phase != "Failed":
        return ""
    if pod.status.reason:
        return ": ".join(part for part in (pod.status.reason, pod.status.message) if part)
    statuses = list(all_statuses(pod))
    if not statuses:  # such as on a virtual kubelet whose machine never came
        return pod.status.message or "none of its containers has a state"
    names = {MAIN_CONTAINER, *EXECUTOR_CONTAINERS}
    ends = ((one.name, terminated(one)) for one in statuses if one.name in names)
    failed = ((name, end) for name, end in ends if end and end.exit_code and end.exit_code not in KILLED_CODES)
    return next((f"{name} {how_it_ended(end)}" for name, end in failed), "")


def _restarted(snapshot: Snapshot, sanitizer: TextSanitizer) -> Iterator[StepWarning]:
    """Yield a warning for each pod that failed before it ran and was recreated (since Argo 4.0, pod_restart.go)."""
    for node in snapshot.nodes.values():
        if node.failed_pod_restarts > 0:
            times = "once" if node.failed_pod_restarts == 1 else f"{node.failed_pod_restarts} times"
            yield StepWarning(
                display_name=sanitizer.line(node.display_name),
                reason=_POD_RESTARTED,
                message=f"its pod failed before it started, and Argo recreated it {times}",
            )


def _of_conditions(snapshot: Snapshot, sanitizer: TextSanitizer) -> Iterator[StepWarning]:
    """Yield a warning for each condition of the Workflow that tells of a problem."""
    for condition in snapshot.workflow.status.conditions:
        if condition.type in _OF_CONDITIONS and condition.status == "True":
            yield StepWarning(
                display_name=sanitizer.line(snapshot.workflow.metadata.name),
                reason=condition.type,
                message=sanitizer.text(condition.message),
            )


def _never_ended(snapshot: Snapshot, sanitizer: TextSanitizer) -> Iterator[StepWarning]:
    """Yield a warning for each step that Argo left unfinished when the run succeeded, such as a hook's.

    A daemon serves others until its end. A run that failed may leave many behind, and has its failures to tell.
    """
    if snapshot.workflow.status.phase != Phase.SUCCEEDED:
        return
    for node in snapshot.nodes.values():
        if node.type in _WORKS and node.phase in UNFINISHED_PHASES and not node.daemoned:
            yield StepWarning(
                display_name=sanitizer.line(node.display_name),
                reason=_NEVER_ENDED,
                message=f"it was still {node.phase} when the run ended, and Argo never recorded its end",
            )
