"""The input of the classifier's rules: a failed node, its message, and the evidence of its pod."""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Final

from msgspec import Struct

from wfreport.api.argo import MAIN_CONTAINER, Node, NodeType, Phase
from wfreport.api.kubernetes import ContainerStatus, Event, StateTerminated
from wfreport.core.classify import artifact_messages
from wfreport.core.classify.stops import STOPPED
from wfreport.core.snapshot.messages import ExitMessage, parse_exit, unwrap
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import (
    START_ERROR_REASONS,
    all_statuses,
    disruption,
    is_argos_container,
    waiting_states,
)

ARGOEXEC_CODES: Final = frozenset({64, 65})
"""Exit codes of argoexec: 64 for its own errors (main.go), 65 if the supervisor failed before main (common.go:276)."""

_READ_CHARACTERS = 4096
_ARGOEXEC_START: Final = ("exec /var/run/argo/argoexec", "fork/exec /var/run/argo/argoexec")
"""The text of a main container if argoexec could not start in it."""

_RESOURCE_MANIFEST: Final = '"/tmp/manifest.yaml"'
"""The file that argoexec gives to kubectl."""


class Symptom(Struct, frozen=True, dict=True):
    """Everything that a rule of the classifier can evaluate.

    Attributes:
        node: the failed leaf; None if the Workflow itself failed.
        text: the node's message, or the Workflow's.
        exit_code: the exit code of the failure (``messages.exit_code``).
        evidence: the captured evidence of the pod.
        was_stopped: whether a stop or termination of the Workflow ended it.
        stop_reason: the reason of that stop (``stops.py``).
        workflow_deadline_exceeded: whether it was killed after the Workflow's own deadline.
        max_duration_exceeded: whether it was killed when the time for all of its attempts was over.
        stored_waiting_text: ``<reason> <message>`` of the node's wait in the stored report. The waiting pod may have
            been deleted without ever having failed.
        may_be_daemon: whether its template is a daemon, or is unknown.
        is_resource: whether its template manages a resource, so that argoexec runs as its main container.
        own_containers: names of the init containers and sidecars that its template has.
    """

    node: Node | None
    text: str
    exit_code: int | None = None
    evidence: PodEvidence | None = None
    was_stopped: bool = False
    stop_reason: str = STOPPED
    workflow_deadline_exceeded: bool = False
    max_duration_exceeded: bool = False
    stored_waiting_text: str = ""
    may_be_daemon: bool = True
    is_resource: bool = False
    own_containers: frozenset[str] = frozenset()

    @cached_property
    def message(self) -> str:
        """The message without its prefixes, cut to a length that rules can evaluate, as messages can have megabytes."""
        return unwrap(self.text[:_READ_CHARACTERS])

    @cached_property
    def ending(self) -> ExitMessage | None:
        """The parsed message, if it is that of a container that ended."""
        return parse_exit(self.message)

    def is_argos(self, container: str | None) -> bool:
        """Return whether Argo added the container. What the template has is the user's, whatever its name."""
        return container not in self.own_containers and is_argos_container(container)

    @cached_property
    def is_argoexec(self) -> bool:
        """Whether argoexec failed: in a container of its own, as a resource template, or before the program's start."""
        detail, code = (self.ending.detail, self.ending.code) if self.ending else ("", 0)
        of_argoexec = detail.startswith(_ARGOEXEC_START) or (code == 1 and _RESOURCE_MANIFEST in detail)
        return self.is_argos(self.container) or self.is_resource or of_argoexec

    @cached_property
    def system_text(self) -> str:
        """The text of Kubernetes, the controller or argoexec; empty if it may be that of the user's program.

        A termination message is written by the program and can contain anything, even ``ErrImagePull``. It is trusted
        for argoexec's own containers and exit codes, and for a container that never ran.
        """
        ending = self.ending
        if ending is None:
            return self.message
        if self.is_argoexec or ending.code in ARGOEXEC_CODES or ending.reason in START_ERROR_REASONS:
            return ending.detail
        return ""

    @property
    def pod_reason(self) -> str:
        """``status.reason`` of the pod, which is never part of Argo's message."""
        return self.evidence.pod.status.reason if self.evidence and self.evidence.pod else ""

    @property
    def pod_message(self) -> str:
        """``status.message`` of the pod."""
        return self.evidence.pod.status.message if self.evidence and self.evidence.pod else ""

    @property
    def disruption_reason(self) -> str:
        """Reason of the pod's condition DisruptionTarget (KEP-3329)."""
        condition = disruption(self.evidence.pod) if self.evidence and self.evidence.pod else None
        return condition.reason if condition else ""

    @cached_property
    def event_texts(self) -> tuple[str, ...]:
        """``<reason> <message>`` of each of the pod's Events."""
        return tuple(map(_event_text, self.evidence.events)) if self.evidence else ()

    @cached_property
    def startup_texts(self) -> tuple[str, ...]:
        """Texts of Events and waiting containers about the pod's start; empty if its program has started.

        A failure before the program's start, such as a pull that succeeded later, did not cause the end.
        """
        if self.has_started:
            return ()
        started_at = max(
            (_last_observed_at(e) for e in self._events() if e.reason == "Started"), default=None, key=_order
        )
        events = (e for e in self._events() if started_at is None or _order(_last_observed_at(e)) >= _order(started_at))
        return (*map(_event_text, events), *self.waiting_texts)

    @cached_property
    def waiting_texts(self) -> tuple[str, ...]:
        """``<reason> <message>`` of each waiting container."""
        return tuple(f"{state.reason} {state.message}" for state in waiting_states(self.container_statuses()))

    @cached_property
    def has_started(self) -> bool:
        """Whether the pod shows that all of the user's containers have run."""
        if not (self.evidence and self.evidence.pod):
            return False
        own = [s for s in self.evidence.pod.status.container_statuses if not self.is_argos(s.name)]
        return bool(own) and not any(map(_has_never_run, own))

    def _events(self) -> tuple[Event, ...]:
        return tuple(self.evidence.events) if self.evidence else ()

    @cached_property
    def container(self) -> str | None:
        """Name of the container that failed; None if it is unknown."""
        if self.node is not None and self.node.type == NodeType.CONTAINER:
            return self.node.display_name
        if self.ending is None:
            return None
        return self.ending.container or self._unnamed_container(self.ending)

    def _unnamed_container(self, ending: ExitMessage) -> str | None:
        """Infer the container of a message that names none (before Argo 3.7).

        The captured pod decides, if a container of it ended with the same reason and code. Otherwise Argo's phase
        does: it is Error for argoexec's own containers and Failed for all others (inferFailedReason). A main container
        that ended with 0 did not fail.
        """
        by_executor = self.node is not None and self.node.phase == Phase.ERROR
        if artifact_messages.OF_EMISSARY.match(ending.detail):
            return MAIN_CONTAINER
        alike = [name for name, t in self.terminations() if (t.reason, t.exit_code) == (ending.reason, ending.code)]
        candidates = [name for name in alike if not by_executor or self.is_argos(name)]
        if candidates:
            return MAIN_CONTAINER if MAIN_CONTAINER in candidates else candidates[0]
        recorded = self.node.outputs.exit_code if self.node is not None and self.node.outputs is not None else None
        if by_executor and not self.is_resource:
            return "wait" if recorded is not None or _is_of_wait(ending.detail) else "init"
        return None if recorded == "0" else MAIN_CONTAINER

    def terminations(self) -> Iterator[tuple[str, StateTerminated]]:
        """Yield the name and the end of each container; ``lastState`` first, because it led to the restart."""
        for status in self.container_statuses():
            for state in (status.last_state, status.state):
                if state is not None and state.terminated is not None:
                    yield status.name, state.terminated

    def container_statuses(self) -> list[ContainerStatus]:
        """Return the statuses of the pod's containers, init containers first."""
        return list(all_statuses(self.evidence.pod)) if self.evidence and self.evidence.pod else []


def _is_of_wait(text: str) -> bool:
    """Whether an error of argoexec is about what it does while the program runs, or after it."""
    return bool(artifact_messages.OF_WAIT.search(text)) and not artifact_messages.OF_INIT.search(text)


def _has_never_run(status: ContainerStatus) -> bool:
    """Whether a container waits for its first start, or ended without a start (then it has no ``startedAt``)."""
    earlier = status.last_state.terminated if status.last_state else None
    if status.state is None or earlier is not None:
        return False
    ended = status.state.terminated
    return status.state.waiting is not None or (ended is not None and ended.started_at is None)


def _event_text(event: Event) -> str:
    return f"{event.reason} {event.message}"


def _last_observed_at(event: Event) -> datetime | None:
    series = event.series.last_observed_time if event.series else None
    return event.last_timestamp or series or event.event_time or event.first_timestamp


def _order(time: datetime | None) -> float:
    return time.timestamp() if time else 0.0
