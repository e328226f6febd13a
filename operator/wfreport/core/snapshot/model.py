"""The frozen values that pass through the stages of the core."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field, structs

from wfreport.api.argo import Node, Workflow
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.core.snapshot.definition import DefinitionDigest
from wfreport.core.snapshot.tree import Tree


class NodesState(StrEnum):
    """Whether, and if not why, the nodes of a Workflow could be read."""

    READ = "Read"
    NONE_YET = "NoneYet"
    OFFLOADED = "Offloaded"
    UNREADABLE = "Unreadable"
    TOO_LARGE = "TooLarge"


class Source(StrEnum):
    """The source of a run: the cluster, or Argo's archive."""

    CLUSTER = "Cluster"
    ARCHIVE = "Archive"


class Unavailable(Struct, frozen=True):
    """The reason why nodes, or data from Argo Server, are missing.

    Attributes:
        reason: one stable word.
        message: the same as a sentence, with advice. It does not change between attempts, because each change would
            cause a write of the report.
    """

    reason: Reason
    message: str


class Snapshot(Struct, frozen=True, dict=True):
    """A Workflow as it was read once, with unpacked nodes. It has a ``__dict__``, because it caches its tree.

    Attributes:
        workflow: the object. Use ``nodes`` instead of its ``status.nodes``.
        nodes: the nodes by id, in Argo's order; empty if there are none or they could not be read (``nodes_state``).
        nodes_state: whether the nodes could be read.
        problems: the fields that could not be decoded, one line each.
        source: whether the Workflow was read from the cluster or from the archive.
        unavailable: the reason why offloaded nodes are missing, or which limit the nodes exceed; None if unknown.
        definition: digests of what was run, of a run that has ended; None if it goes on, or they are unknown.
        json_bytes: size of its JSON, with unpacked nodes: a measure of the time that it takes.
    """

    workflow: Workflow
    nodes: Mapping[str, Node] = field(default_factory=dict)
    nodes_state: NodesState = NodesState.NONE_YET
    problems: tuple[str, ...] = ()
    source: Source = Source.CLUSTER
    unavailable: Unavailable | None = None
    definition: DefinitionDigest | None = None
    json_bytes: int = 0

    def __eq__(self, other: object) -> bool:
        """Whether all is equal but the digests of what was run and the size, which depend on how it was read."""
        return isinstance(other, Snapshot) and self._compared() == other._compared()

    __hash__ = None  # type: ignore[assignment]  # its nodes have no hash

    def _compared(self) -> tuple[object, ...]:
        return (self.workflow, self.nodes, self.nodes_state, self.problems, self.source, self.unavailable)

    @cached_property
    def tree(self) -> Tree:
        """Relations between the nodes, computed once for each snapshot."""
        return Tree(self.workflow.metadata.name, self.nodes)

    def with_workflow(self, workflow: Workflow) -> "Snapshot":
        """Return this snapshot with another form of the same Workflow. The tree depends on its nodes only."""
        changed = structs.replace(self, workflow=workflow)
        changed.__dict__["tree"] = self.tree
        return changed


class PodEvidence(Struct, frozen=True):
    """The evidence that was captured of one pod before its deletion.

    Attributes:
        pod: the pod; None if only its Events remain.
        events: the pod's Kubernetes Events.
        logs: the end of each container's log, by container.
        telling: the most telling line of each container's log, redacted; it may precede the stored end.
        redacted: the number of secrets already replaced in these logs, by container.
        containers_with_more_log: the containers whose log was longer than its stored end.
        missing: the gaps in the evidence; ``CAPTURE_PENDING`` while it is still being read.
        is_archived: whether the logs were read from Argo's archive.
    """

    pod: Pod | None = None
    events: Sequence[Event] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    telling: Mapping[str, str] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    containers_with_more_log: frozenset[str] = frozenset()
    missing: tuple[Reason, ...] = ()
    is_archived: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether some of the evidence is still being read."""
        return Reason.CAPTURE_PENDING in self.missing


class Verdict(Struct, frozen=True):
    """The classification of a failed leaf by a rule of the classifier.

    Attributes:
        failure_class: the kind of failure.
        owner: the party that can fix the failure.
        retryable: whether another attempt may succeed without a change.
        confidence: how reliable the evidence is.
        evidence: the field that led to the class, such as ``node.message``.
        reason: a stable word that is more specific than the class.
        container: the container that failed, if it is known.
        signal: the number of the signal, if the exit code is that of a signal.
    """

    failure_class: FailureClass
    owner: Owner
    retryable: bool
    confidence: Confidence
    evidence: str
    reason: str | None = None
    container: str | None = None
    signal: int | None = None


class WaitingGraces(Struct, frozen=True):
    """Grace times of waits, by their reason: a shorter wait is not listed in the report. Flyte's plugins have the same.

    Locks, suspensions, backoffs and images with an invalid name have no grace time.

    Attributes:
        unschedulable_seconds: for a pod that no machine can take, or that a quota refuses.
        image_pull_seconds: for an image that cannot be pulled.
        config_seconds: for a missing Secret, ConfigMap or command, and for a container that crashes on its start.
        starting_seconds: for a pod, an agent or a Workflow that has not started, without a known reason.
    """

    unschedulable_seconds: float = 60
    image_pull_seconds: float = 60
    config_seconds: float = 30
    starting_seconds: float = 300


class RenderOptions(Struct, frozen=True):
    """Settings that limit and complete the content of a report.

    Attributes:
        max_bytes: hard limit of the serialised status, in bytes. etcd refuses 1.5 MiB, and many large reports burden it
            before that.
        log_tail_lines: lines of log stored for each failed container, unless the report's spec has its own number.
        log_tail_bytes: bytes of log stored for each failed container.
        steps: maximum number of nodes in the list of steps.
        running_steps: the same while the run goes on, because then every update writes the whole list again.
        ui_url_template: link to Argo's UI with {namespace}, {name} and {uid}; empty for none.
        reporter: name of this installation; empty for none.
        graces: the grace times of waits.
    """

    max_bytes: int = 256 * 1024
    log_tail_lines: int = 40
    log_tail_bytes: int = 8 * 1024
    steps: int = 500
    running_steps: int = 100
    ui_url_template: str = ""
    reporter: str = ""
    graces: WaitingGraces = WaitingGraces()
