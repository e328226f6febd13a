"""The read-model of ``argoproj.io/v1alpha1``: only the fields in use, decoded by msgspec.

Names and meanings are Argo's (``workflow_types.go``). Phases and types are plain
strings, because newer versions add more and an unknown one is a value, not an error.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec

GROUP: Final = "argoproj.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

# workflow/common/common.go
LABEL_COMPLETED: Final = "workflows.argoproj.io/completed"
LABEL_PHASE: Final = "workflows.argoproj.io/phase"
LABEL_WORKFLOW: Final = "workflows.argoproj.io/workflow"
LABEL_CRON_WORKFLOW: Final = "workflows.argoproj.io/cron-workflow"
LABEL_WORKFLOW_TEMPLATE: Final = "workflows.argoproj.io/workflow-template"
LABEL_CLUSTER_WORKFLOW_TEMPLATE: Final = "workflows.argoproj.io/cluster-workflow-template"
LABEL_RESUBMITTED_FROM: Final = "workflows.argoproj.io/resubmitted-from-workflow"
LABEL_CONTROLLER_INSTANCE_ID: Final = "workflows.argoproj.io/controller-instanceid"
LABEL_CREATOR: Final = "workflows.argoproj.io/creator"
ANNOTATION_NODE_ID: Final = "workflows.argoproj.io/node-id"
ANNOTATION_NODE_NAME: Final = "workflows.argoproj.io/node-name"
ANNOTATION_POD_NAME_FORMAT: Final = "workflows.argoproj.io/pod-name-format"
ANNOTATION_SCHEDULED_TIME: Final = "workflows.argoproj.io/scheduled-time"
ANNOTATION_TRACE_ID: Final = "workflows.argoproj.io/trace-id"


class Phase(StrEnum):
    """Phases of a Workflow and of a node; the last two are a node's only."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    SKIPPED = "Skipped"
    OMITTED = "Omitted"


class NodeType(StrEnum):
    """``NodeType``: what kind of thing a node is."""

    POD = "Pod"
    CONTAINER = "Container"
    STEPS = "Steps"
    STEP_GROUP = "StepGroup"
    DAG = "DAG"
    TASK_GROUP = "TaskGroup"
    RETRY = "Retry"
    SKIPPED = "Skipped"
    SUSPEND = "Suspend"
    HTTP = "HTTP"
    PLUGIN = "Plugin"


_HOOK_NAME: Final = re.compile(r"\.onExit$|^[^(]+\.hooks\.[^.(]+$")
"""Displayed names of hooks (hooks.go:23, exit_handler.go:44); tasks and steps have no dots, values of loops may."""

FAILED_PHASES: Final = frozenset({Phase.FAILED, Phase.ERROR})
COMPLETED_PHASES: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR})


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: Kubernetes writes no other, and one without could not be compared."""


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A frozen value decoded from JSON; fields that are not named are skipped without building objects."""


class OwnerReference(Struct, frozen=True):
    """``metadata.ownerReferences[]``."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Metadata(Struct, frozen=True):
    """``metadata`` of any object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: Instant | None = None
    deletion_timestamp: Instant | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []


class Parameter(Struct, frozen=True):
    """A parameter; ``value`` may be any JSON scalar in a hand-written spec (``AnyString``)."""

    name: str = ""
    value: str | int | float | bool | None = None


class ArtifactKey(Struct, frozen=True):
    """The part of an artifact's location that names it in its store."""

    key: str = ""


class Artifact(Struct, frozen=True):
    """``Artifact``: where a step left a file. One of the locations is set."""

    name: str = ""
    s3: ArtifactKey | None = None
    gcs: ArtifactKey | None = None
    azure: dict[str, object] | None = None
    oss: ArtifactKey | None = None


class Inputs(Struct, frozen=True):
    """``inputs`` of a node, or ``arguments`` of a Workflow."""

    parameters: list[Parameter] = []


class Outputs(Struct, frozen=True):
    """``outputs`` of a node or a Workflow; ``exitCode`` is a string and only of the container ``main``."""

    parameters: list[Parameter] = []
    artifacts: list[Artifact] = []
    exit_code: str | None = None


class NodeFlag(Struct, frozen=True):
    """``nodeFlag``: often present and empty, so test the booleans (dag.go:597)."""

    hooked: bool = False
    retried: bool = False


class TemplateRef(Struct, frozen=True):
    """``templateRef``: a template of a WorkflowTemplate or ClusterWorkflowTemplate."""

    name: str = ""
    template: str = ""
    cluster_scope: bool = False


class MemoizationStatus(Struct, frozen=True):
    """``memoizationStatus``."""

    hit: bool = False


class SynchronizationStatus(Struct, frozen=True):
    """``synchronizationStatus`` of a node: the lock it waits for."""

    waiting: str = ""


class Node(Struct, frozen=True):
    """``NodeStatus``: one step, attempt, group or hook of a run."""

    id: str = ""
    name: str = ""
    display_name: str = ""
    type: str = ""
    phase: str = ""
    message: str = ""
    template_name: str = ""
    template_ref: TemplateRef | None = None
    template_scope: str = ""
    boundary_id: str = msgspec.field(default="", name="boundaryID")
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""
    children: list[str] = []
    outbound_nodes: list[str] = []
    host_node_name: str = ""
    daemoned: bool = False
    node_flag: NodeFlag | None = None
    inputs: Inputs | None = None
    outputs: Outputs | None = None
    memoization_status: MemoizationStatus | None = None
    synchronization_status: SynchronizationStatus | None = None
    resources_duration: dict[str, int] = {}
    failed_pod_restarts: int = 0
    restarting_pod_uid: str = msgspec.field(default="", name="restartingPodUID")

    @property
    def has_failed(self) -> bool:
        """Whether the phase is Failed or Error."""
        return self.phase in FAILED_PHASES

    @property
    def is_hook(self) -> bool:
        """Whether this is an exit handler or a lifecycle hook (``nodeFlag`` is absent before Argo 3.5.1)."""
        return (self.node_flag is not None and self.node_flag.hooked) or _HOOK_NAME.search(
            self.display_name
        ) is not None


class ContinueOn(Struct, frozen=True):
    """``continueOn``: failures of the task that its parent tolerates."""

    error: bool = False
    failed: bool = False


class Task(Struct, frozen=True):
    """A DAG task or a step: who calls which template."""

    name: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None
    inline: "Template | None" = None
    continue_on: ContinueOn | None = None


class Dag(Struct, frozen=True):
    """``dag`` of a template."""

    tasks: list[Task] = []


class ResourceRequirements(Struct, frozen=True):
    """``resources`` of a container: quantities as written."""

    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class Container(Struct, frozen=True):
    """A container of a template or a pod spec."""

    name: str = ""
    image: str = ""
    resources: ResourceRequirements | None = None


class ContainerSet(Struct, frozen=True):
    """``containerSet`` of a template."""

    containers: list[Container] = []


class Template(Struct, frozen=True):
    """``Template``: what a node runs."""

    name: str = ""
    dag: Dag | None = None
    steps: list[list[Task]] | None = None
    container: Container | None = None
    script: Container | None = None
    container_set: ContainerSet | None = None
    active_deadline_seconds: int | str | None = None
    timeout: str = ""


class TemplateSource(Struct, frozen=True):
    """``workflowTemplateRef``."""

    name: str = ""
    cluster_scope: bool = False


class WorkflowSpec(Struct, frozen=True):
    """``spec`` of a Workflow."""

    entrypoint: str = ""
    arguments: Inputs | None = None
    templates: list[Template] = []
    workflow_template_ref: TemplateSource | None = None
    shutdown: str = ""
    suspend: bool | None = None
    active_deadline_seconds: int | None = None


class WorkflowCondition(Struct, frozen=True):
    """``status.conditions[]`` of a Workflow."""

    type: str = ""
    status: str = ""
    message: str = ""


class WorkflowStatus(Struct, frozen=True):
    """``status`` of a Workflow; a zero time is ``null``."""

    phase: str = ""
    message: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""
    nodes: dict[str, Node] | None = None
    compressed_nodes: str = ""
    offload_node_status_version: str = ""
    stored_templates: dict[str, Template] = {}
    stored_workflow_template_spec: WorkflowSpec | None = None
    outputs: Outputs | None = None
    conditions: list[WorkflowCondition] = []
    resources_duration: dict[str, int] = {}

    @property
    def has_failed(self) -> bool:
        """Whether the phase is Failed or Error."""
        return self.phase in FAILED_PHASES

    @property
    def is_completed(self) -> bool:
        """Whether the run has ended, by its phase."""
        return self.phase in COMPLETED_PHASES


class Workflow(Struct, frozen=True):
    """A Workflow, as far as a report needs it."""

    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()
    status: WorkflowStatus = WorkflowStatus()
