"""The read-model of the core Kubernetes objects that contain evidence: pods and Events (``k8s.io/api/core/v1``)."""

from wfreport.api.argo import Container, Instant, Metadata, Struct


class StateWaiting(Struct, frozen=True):
    """``ContainerStateWaiting``."""

    reason: str = ""
    message: str = ""


class StateRunning(Struct, frozen=True):
    """``ContainerStateRunning``."""

    started_at: Instant | None = None


class StateTerminated(Struct, frozen=True):
    """``ContainerStateTerminated``."""

    exit_code: int = 0
    signal: int | None = None
    reason: str = ""
    message: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None


class ContainerState(Struct, frozen=True):
    """``ContainerState``: at most one of the three is set."""

    waiting: StateWaiting | None = None
    running: StateRunning | None = None
    terminated: StateTerminated | None = None


class ContainerStatus(Struct, frozen=True):
    """``ContainerStatus``. ``lastState`` is the state before the last restart."""

    name: str = ""
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    restart_count: int = 0


class PodCondition(Struct, frozen=True):
    """``PodCondition``. PodScheduled and DisruptionTarget are evaluated."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: Instant | None = None


class KeyToPath(Struct, frozen=True):
    """``KeyToPath``: a key of a Secret or ConfigMap that a volume asks for."""

    key: str = ""


class VolumeSource(Struct, frozen=True):
    """The source of a volume: a claim, a Secret or a ConfigMap, of which each kind has its own field for the name."""

    name: str = ""
    secret_name: str = ""
    claim_name: str = ""
    items: list[KeyToPath] = []


class ProjectedSource(Struct, frozen=True):
    """``VolumeProjection``."""

    secret: VolumeSource | None = None
    config_map: VolumeSource | None = None


class ProjectedVolume(Struct, frozen=True):
    """``ProjectedVolumeSource``: several sources in one volume."""

    sources: list[ProjectedSource] = []


class EphemeralVolume(Struct, frozen=True):
    """``EphemeralVolumeSource``: only that there is one counts."""


class Volume(Struct, frozen=True):
    """``Volume`` of a pod, with the sources that are objects of their own."""

    name: str = ""
    persistent_volume_claim: VolumeSource | None = None
    ephemeral: EphemeralVolume | None = None
    secret: VolumeSource | None = None
    config_map: VolumeSource | None = None
    projected: ProjectedVolume | None = None


class PodSpec(Struct, frozen=True):
    """``PodSpec``."""

    node_name: str = ""
    termination_grace_period_seconds: int | None = None
    volumes: list[Volume] = []
    containers: list[Container] = []
    init_containers: list[Container] = []


class PodStatus(Struct, frozen=True):
    """``PodStatus``."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: Instant | None = None
    conditions: list[PodCondition] = []
    container_statuses: list[ContainerStatus] = []
    init_container_statuses: list[ContainerStatus] = []


class Pod(Struct, frozen=True):
    """The parts of a pod that are evidence."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class ObjectReference(Struct, frozen=True):
    """``involvedObject`` of a Kubernetes Event."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""


class EventSeries(Struct, frozen=True):
    """``series`` of an ``events.k8s.io/v1`` Event: repeated occurrences."""

    count: int = 0
    last_observed_time: Instant | None = None


class Event(Struct, frozen=True):
    """A Kubernetes Event."""

    metadata: Metadata = Metadata()
    involved_object: ObjectReference = ObjectReference()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: Instant | None = None
    last_timestamp: Instant | None = None
    event_time: Instant | None = None
    series: EventSeries | None = None
