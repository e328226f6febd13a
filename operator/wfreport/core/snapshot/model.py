"""The frozen values that travel the path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from wfreport.api.argo import Node, Workflow
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.core.snapshot.tree import Tree


class NodesState(StrEnum):
    """Whether the nodes of a Workflow could be read."""

    READ = "Read"
    NONE_YET = "NoneYet"
    OFFLOADED = "Offloaded"
    UNREADABLE = "Unreadable"


class Source(StrEnum):
    """Where a run was read."""

    CLUSTER = "Cluster"
    ARCHIVE = "Archive"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why something is not here that only Argo Server has.

    Attributes:
        reason: as one stable word.
        message: the same for people, with what to do about it; the same at every try, or each would write the report.
    """

    reason: Reason
    message: str


@dataclass(frozen=True)
class Snapshot:
    """A Workflow as it was read once, its nodes unpacked. It has no slots, since it caches its tree.

    Attributes:
        workflow: the object; its ``status.nodes`` is not to be used, ``nodes`` is.
        nodes: by node id, in Argo's order; empty where there are none or they could not be read (see ``nodes_state``).
        nodes_state: what became of the nodes.
        problems: what could not be decoded, one line each, naming the field.
        source: where it was read.
        unavailable: why offloaded nodes are not here; None where nobody has said anything about it.
    """

    workflow: Workflow
    nodes: Mapping[str, Node] = field(default_factory=dict)
    nodes_state: NodesState = NodesState.NONE_YET
    problems: tuple[str, ...] = ()
    source: Source = Source.CLUSTER
    unavailable: Unavailable | None = None

    @cached_property
    def tree(self) -> Tree:
        """The relations between the nodes, computed once for all that read this snapshot."""
        return Tree(self.workflow.metadata.name, self.nodes)


@dataclass(frozen=True, slots=True)
class PodEvidence:
    """What was seen of one pod before it went.

    Attributes:
        pod: the pod itself; None where only its Events are left.
        events: its Kubernetes Events.
        logs: the end of each container's log, by container.
        redacted: how many secrets were replaced in these logs already, by container.
        containers_with_more_log: containers whose log had more than was kept.
        missing: what could not be had, or is still being read (``CAPTURE_PENDING``).
        is_archived: whether the logs are those that Argo archived.
    """

    pod: Pod | None = None
    events: Sequence[Event] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    containers_with_more_log: frozenset[str] = frozenset()
    missing: tuple[Reason, ...] = ()
    is_archived: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether more of it is still being read."""
        return Reason.CAPTURE_PENDING in self.missing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule of the classifier says of a failed leaf."""

    failure_class: FailureClass
    owner: Owner
    retryable: bool
    confidence: Confidence
    evidence: str
    reason: str | None = None
    container: str | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingGraces:
    """How long a wait is not worth a word, by what is waited for (as Flyte's plugins have it).

    Locks, suspensions, backoffs and images of an invalid name are told at once.

    Attributes:
        unschedulable_seconds: no machine can take the pod, or a quota refuses it.
        image_pull_seconds: the image cannot be pulled.
        config_seconds: a Secret, ConfigMap or command is missing, or a container crashes on its start.
        starting_seconds: nothing is said but that the pod, the agent or the Workflow is to start.
    """

    unschedulable_seconds: float = 60
    image_pull_seconds: float = 60
    config_seconds: float = 30
    starting_seconds: float = 300


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the settings say about a report.

    Attributes:
        max_bytes: hard cap of the serialised status; etcd refuses 1.5 MiB, and many large reports hurt it earlier.
        log_tail_lines: lines of log kept per failed container, unless the report's spec says otherwise.
        log_tail_bytes: bytes of log kept per failed container.
        steps: how many nodes are listed at the most.
        running_steps: the same while the run goes on, when every look writes them all again.
        ui_url_template: link to Argo's UI with {namespace}, {name} and {uid}; empty for none.
        graces: how long a wait is not worth a word.
    """

    max_bytes: int = 256 * 1024
    log_tail_lines: int = 40
    log_tail_bytes: int = 8 * 1024
    steps: int = 500
    running_steps: int = 100
    ui_url_template: str = ""
    graces: WaitingGraces = WaitingGraces()
