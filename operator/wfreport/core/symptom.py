"""All that the classifier may look at, and how it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wfreport.api.argo import Node, NodeType
from wfreport.api.kubernetes import ContainerStatus, StateTerminated
from wfreport.core.messages import ExitMessage, parse_exit, unwrap
from wfreport.core.model import PodEvidence

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
    """

    node: Node | None
    text: str
    exit_code: int | None = None
    evidence: PodEvidence | None = None
    was_stopped: bool = False
    deadline_passed: bool = False

    @cached_property
    def message(self) -> str:
        """The message without its wrappers, as far as a rule needs to read it: users write megabytes into messages."""
        return unwrap(self.text[:_READ_CHARACTERS])

    @cached_property
    def ending(self) -> ExitMessage | None:
        """The message as a container's end."""
        return parse_exit(self.message)

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
        return tuple(f"{event.reason} {event.message}" for event in self.evidence.events) if self.evidence else ()

    @property
    def container(self) -> str | None:
        """The container that failed, as far as it is said."""
        if self.node is not None and self.node.type == NodeType.CONTAINER:
            return self.node.display_name
        if self.ending is not None:
            return self.ending.container or "main"
        return None

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
