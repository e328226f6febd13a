"""All that the classifier may look at, and how it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.api.kubernetes import ContainerStatus, Event, StateTerminated
from wfreport.core.snapshot.messages import ExitMessage, parse_exit, unwrap
from wfreport.core.snapshot.model import PodEvidence

EXECUTOR_CONTAINERS: Final = frozenset({"init", "wait", "supervisor"})
"""argoexec's own containers: their memory and their errors are not the user's program's."""

ARGOEXEC_CODES: Final = frozenset({64, 65})
"""argoexec's own error (cmd/argoexec/main.go); that of main where the supervisor failed before it (common.go:276)."""

START_ERROR_REASONS: Final = frozenset(
    {"StartError", "ContainerCannotRun", "CreateContainerError", "RunContainerError"}
)
"""Reasons of a *terminated* container that never ran."""

_READ_CHARACTERS = 4096


@dataclass(frozen=True)
class Symptom:
    """All that a rule may look at.

    Attributes:
        node: the failed leaf; None where the Workflow itself failed.
        text: the node's message, or the Workflow's.
        exit_code: see ``messages.exit_code``.
        evidence: what was seen of the pod.
        was_stopped: whether a person's stop ended it.
        deadline_passed: whether the Workflow's own deadline was over when it was killed.
        waited_for: ``<reason> <message>`` of what it waited for when the run was last looked at; the pod that said so
            may be gone without ever having failed.
    """

    node: Node | None
    text: str
    exit_code: int | None = None
    evidence: PodEvidence | None = None
    was_stopped: bool = False
    deadline_passed: bool = False
    waited_for: str = ""

    @cached_property
    def message(self) -> str:
        """The message without its wrappers, as far as a rule needs to read it: users write megabytes into messages."""
        return unwrap(self.text[:_READ_CHARACTERS])

    @cached_property
    def ending(self) -> ExitMessage | None:
        """The message as a container's end."""
        return parse_exit(self.message)

    @cached_property
    def system_text(self) -> str:
        """What Kubernetes, the controller or argoexec wrote; empty where a user's own program may have.

        A termination message is the program's (it may hold anything, ``ErrImagePull`` too), but for argoexec's own
        containers and exit codes, and for a container that never ran.
        """
        ending = self.ending
        if ending is None:
            return self.message
        by_argoexec = self.container in EXECUTOR_CONTAINERS or ending.code in ARGOEXEC_CODES
        if by_argoexec or ending.reason in START_ERROR_REASONS:
            return ending.detail
        return ""

    @property
    def pod_reason(self) -> str:
        """``status.reason`` of the pod: only the pod has it, never Argo's message."""
        return self.evidence.pod.status.reason if self.evidence and self.evidence.pod else ""

    @property
    def pod_message(self) -> str:
        """``status.message`` of the pod."""
        return self.evidence.pod.status.message if self.evidence and self.evidence.pod else ""

    @property
    def disruption_reason(self) -> str:
        """Reason of the pod's DisruptionTarget condition (KEP-3329)."""
        conditions = self.evidence.pod.status.conditions if self.evidence and self.evidence.pod else []
        return next((c.reason for c in conditions if c.type == "DisruptionTarget" and c.status == "True"), "")

    @cached_property
    def event_texts(self) -> tuple[str, ...]:
        """``<reason> <message>`` of the pod's Events."""
        return tuple(map(_told, self.evidence.events)) if self.evidence else ()

    @cached_property
    def startup_texts(self) -> tuple[str, ...]:
        """What the pod's Events and waiting containers say of its start; empty once its own program had started.

        A pull that failed and then worked is no cause of what came later.
        """
        if self.has_started:
            return ()
        started_at = max((_last_seen(e) for e in self._events() if e.reason == "Started"), default=None, key=_order)
        events = (e for e in self._events() if started_at is None or _order(_last_seen(e)) >= _order(started_at))
        return (*map(_told, events), *self.waiting_texts)

    @cached_property
    def waiting_texts(self) -> tuple[str, ...]:
        """``<reason> <message>`` of the containers that wait."""
        waiting = (status.state.waiting for status in self.container_statuses() if status.state is not None)
        return tuple(f"{state.reason} {state.message}" for state in waiting if state is not None)

    @cached_property
    def has_started(self) -> bool:
        """Whether every container of the user's was seen to have run."""
        if not (self.evidence and self.evidence.pod):
            return False
        own = [s for s in self.evidence.pod.status.container_statuses if s.name not in EXECUTOR_CONTAINERS]
        return bool(own) and not any(map(_never_ran, own))

    def _events(self) -> tuple[Event, ...]:
        return tuple(self.evidence.events) if self.evidence else ()

    @cached_property
    def container(self) -> str | None:
        """The container that failed, as far as it is said or can be told."""
        if self.node is not None and self.node.type == NodeType.CONTAINER:
            return self.node.display_name
        if self.ending is None:
            return None
        return self.ending.container or self._unnamed_container(self.ending)

    def _unnamed_container(self, ending: ExitMessage) -> str | None:
        """The container of a message that names none (before Argo 3.7).

        By the pod where it was seen; else Argo says Error for its own containers, Failed for all others
        (inferFailedReason), and a main that ended with 0 did not fail itself.
        """
        by_executor = self.node is not None and self.node.phase == Phase.ERROR
        alike = [name for name, t in self.terminations() if (t.reason, t.exit_code) == (ending.reason, ending.code)]
        seen = [name for name in alike if not by_executor or name in EXECUTOR_CONTAINERS]
        if seen:
            return "main" if "main" in seen else seen[0]
        recorded = self.node.outputs.exit_code if self.node is not None and self.node.outputs is not None else None
        if by_executor:
            return "init" if recorded is None else "wait"
        return None if recorded == "0" else "main"

    def terminations(self) -> Iterator[tuple[str, StateTerminated]]:
        """How each container of the pod ended; ``lastState`` first, it is what led to the restart."""
        for status in self.container_statuses():
            for state in (status.last_state, status.state):
                if state is not None and state.terminated is not None:
                    yield status.name, state.terminated

    def container_statuses(self) -> list[ContainerStatus]:
        """Statuses of the pod's containers, init containers first."""
        if not (self.evidence and self.evidence.pod):
            return []
        status = self.evidence.pod.status
        return [*status.init_container_statuses, *status.container_statuses]


def _never_ran(status: ContainerStatus) -> bool:
    """Whether a container waits for its first start, or was given up before it (then it has no ``startedAt``)."""
    earlier = status.last_state.terminated if status.last_state else None
    if status.state is None or earlier is not None:
        return False
    ended = status.state.terminated
    return status.state.waiting is not None or (ended is not None and ended.started_at is None)


def _told(event: Event) -> str:
    return f"{event.reason} {event.message}"


def _last_seen(event: Event) -> datetime | None:
    series = event.series.last_observed_time if event.series else None
    return event.last_timestamp or series or event.event_time or event.first_timestamp


def _order(time: datetime | None) -> float:
    return time.timestamp() if time else 0.0
