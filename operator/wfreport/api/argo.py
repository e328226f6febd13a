"""The read-model of ``argoproj.io/v1alpha1``: only the fields in use, decoded by msgspec.

Names and meanings are Argo's (``workflow_types.go``, ``common.go``). Phases and types are strings: versions add some.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from wfreport.api.managed_fields import ManagedFields
from wfreport.imports import lazy_pattern

GROUP: Final = "argoproj.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
LABEL_COMPLETED: Final = "workflows.argoproj.io/completed"
LABEL_PHASE: Final = "workflows.argoproj.io/phase"
LABEL_WORKFLOW: Final = "workflows.argoproj.io/workflow"
LABEL_CRON_WORKFLOW: Final = "workflows.argoproj.io/cron-workflow"
LABEL_WORKFLOW_TEMPLATE: Final = "workflows.argoproj.io/workflow-template"
LABEL_CLUSTER_WORKFLOW_TEMPLATE: Final = "workflows.argoproj.io/cluster-workflow-template"
LABEL_RESUBMITTED_FROM: Final = "workflows.argoproj.io/resubmitted-from-workflow"
LABEL_CONTROLLER_INSTANCE_ID: Final = "workflows.argoproj.io/controller-instanceid"
LABEL_ACTION: Final = "workflows.argoproj.io/action"
LABEL_CREATOR: Final = "workflows.argoproj.io/creator"
LABEL_CREATOR_EMAIL: Final = "workflows.argoproj.io/creator-email"
LABEL_CREATOR_USERNAME: Final = "workflows.argoproj.io/creator-preferred-username"
ANNOTATION_NODE_ID: Final = "workflows.argoproj.io/node-id"
ANNOTATION_POD_NAME_FORMAT: Final = "workflows.argoproj.io/pod-name-format"
ANNOTATION_SCHEDULED_TIME: Final = "workflows.argoproj.io/scheduled-time"
ANNOTATION_TRACE_ID: Final = "workflows.argoproj.io/trace-id"

MAIN_CONTAINER: Final = "main"
"""The container of the user's program (common.go:14). The containers of a containerSet have other names."""

EXECUTOR_CONTAINERS: Final = frozenset({"init", "wait", "supervisor"})
"""argoexec's own containers (common.go:14). The platform is responsible for their memory and their errors."""


class Phase(StrEnum):
    """Phases of Workflows and nodes. Only nodes can be Skipped or Omitted."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    SKIPPED = "Skipped"
    OMITTED = "Omitted"


class NodeType(StrEnum):
    """``NodeType``: the kind of a node."""

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


_HOOK_NAME: Final = lazy_pattern(r"\.onExit$|^[^(]+\.hooks\.[^.(]+$")
"""Display names of hooks (hooks.go:23, exit_handler.go:44). Names of tasks and steps have no dots; loop values may."""

FAILED_PHASES: Final = frozenset({Phase.FAILED, Phase.ERROR})
COMPLETED_PHASES: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR})
UNFINISHED_PHASES: Final = frozenset({Phase.PENDING, Phase.RUNNING})

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with a zone. Kubernetes writes no other, and times with and without a zone cannot be compared."""


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A frozen value decoded from JSON. Undeclared fields are skipped without creating objects."""


class OwnerReference(Struct, frozen=True):
    """``metadata.ownerReferences[]``."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Metadata(Struct, frozen=True):
    """``metadata`` of any Kubernetes object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: Instant | None = None
    deletion_timestamp: Instant | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    managed_fields: list[ManagedFields] = []
    finalizers: list[str] = []


class Parameter(Struct, frozen=True):
    """A parameter. In a hand-written spec its value can be any JSON scalar (``AnyString``)."""

    name: str = ""
    value: str | int | float | bool | None = None


class ArtifactKey(Struct, frozen=True):
    """The key of an artifact in its store."""

    key: str = ""


class Artifact(Struct, frozen=True):
    """``Artifact``: a file that a step stored. Exactly one location is set."""

    name: str = ""
    s3: ArtifactKey | None = None
    gcs: ArtifactKey | None = None
    azure: dict[str, object] | None = None
    oss: ArtifactKey | None = None


class Inputs(Struct, frozen=True):
    """``inputs`` of a node, or ``arguments`` of a Workflow."""

    parameters: list[Parameter] = []


class Outputs(Struct, frozen=True):
    """``outputs`` of a node or a Workflow. ``exitCode`` is a string, and always that of the container ``main``."""

    parameters: list[Parameter] = []
    artifacts: list[Artifact] = []
    exit_code: str | None = None


class NodeFlag(Struct, frozen=True):
    """``nodeFlag``. It is often present and empty, so only its booleans are significant (dag.go:597)."""

    hooked: bool = False
    retried: bool = False


class TemplateRef(Struct, frozen=True):
    """``templateRef``: a reference to a template of a WorkflowTemplate or ClusterWorkflowTemplate."""

    name: str = ""
    template: str = ""
    cluster_scope: bool = False


class MemoizationStatus(Struct, frozen=True):
    """``memoizationStatus``."""

    hit: bool = False


class SynchronizationStatus(Struct, frozen=True):
    """``synchronizationStatus`` of a node: the lock that it waits for."""

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
    task_result_synced: bool | None = None

    @property
    def called_template_name(self) -> str:
        """Name of the node's template, also if it is in a WorkflowTemplate; empty for an inline template."""
        return self.template_ref.template if self.template_ref else self.template_name

    @property
    def has_failed(self) -> bool:
        """Whether the phase is Failed or Error."""
        return self.phase in FAILED_PHASES

    @property
    def is_hook(self) -> bool:
        """Whether this is an exit handler or a lifecycle hook. Before Argo 3.5.1 there is no ``nodeFlag``."""
        return bool(self.node_flag and self.node_flag.hooked) or bool(_HOOK_NAME.search(self.display_name))

    @property
    def is_attempt(self) -> bool:
        """Whether this is an attempt of a Retry node. Since Argo 3.5.1, those of hooks are hooks, too."""
        return self.node_flag is not None and self.node_flag.retried


class ContinueOn(Struct, frozen=True):
    """``continueOn``: the failures of a task that its parent tolerates."""

    error: bool = False
    failed: bool = False


class Task(Struct, frozen=True):
    """A DAG task or a step: the call of a template."""

    name: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None
    inline: "Template | None" = None
    continue_on: ContinueOn | None = None


class Dag(Struct, frozen=True):
    """``dag`` of a template."""

    tasks: list[Task] = []


class ResourceRequirements(Struct, frozen=True):
    """``resources`` of a container, with the quantities as they are written."""

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
    """``Template``: the definition that a node runs."""

    name: str = ""
    dag: Dag | None = None
    steps: list[list[Task]] | None = None
    container: Container | None = None
    script: Container | None = None
    container_set: ContainerSet | None = None
    init_containers: list[Container] = []
    sidecars: list[Container] = []
    active_deadline_seconds: int | str | None = None
    timeout: str = ""
    daemon: bool | None = None
    resource: dict[str, object] | None = None
    suspend: dict[str, object] | None = None
    pod_spec_patch: str = ""
    service_account_name: str = ""
    executor: dict[str, object] | None = None


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
    on_exit: str = ""
    hooks: dict[str, object] = {}
    active_deadline_seconds: int | None = None
    parallelism: int | None = None
    pod_spec_patch: str = ""
    service_account_name: str = ""
    executor: dict[str, object] | None = None
    template_defaults: Template | None = None


class LockWait(Struct, frozen=True):
    """A lock that is awaited or held: a mutex has one holder, ``<namespace>/<workflow>[/<node>]``, a semaphore more."""

    mutex: str = ""
    semaphore: str = ""
    holder: str = ""
    holders: list[str] = []


class LockStatus(Struct, frozen=True):
    """``status.synchronization.mutex`` or ``.semaphore``."""

    holding: list[LockWait] = []
    waiting: list[LockWait] = []


class WorkflowLocks(Struct, frozen=True):
    """``status.synchronization``: the locks that a Workflow and its nodes wait for."""

    mutex: LockStatus | None = None
    semaphore: LockStatus | None = None


class WorkflowCondition(Struct, frozen=True):
    """``status.conditions[]`` of a Workflow."""

    type: str = ""
    status: str = ""
    message: str = ""


class StatusWithoutNodes(Struct, frozen=True):
    """``status`` of a Workflow, apart from plain nodes. A time that is not set is ``null``."""

    phase: str = ""
    message: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    progress: str = ""
    compressed_nodes: str = ""
    offload_node_status_version: str = ""
    stored_templates: dict[str, Template] = {}
    stored_workflow_template_spec: WorkflowSpec | None = None
    outputs: Outputs | None = None
    conditions: list[WorkflowCondition] = []
    synchronization: WorkflowLocks | None = None
    task_results_completion_status: dict[str, bool] = {}
    artifact_gc_status: dict[str, object] | None = msgspec.field(default=None, name="artifactGCStatus")
    resources_duration: dict[str, int] = {}

    @property
    def waits_for_retry(self) -> bool:
        """Whether a person just retried the run: until it is taken up, it has a start, but no phase (Argo 4)."""
        return not self.phase and self.started_at is not None

    @property
    def has_failed(self) -> bool:
        """Whether the phase is Failed or Error."""
        return self.phase in FAILED_PHASES

    @property
    def is_completed(self) -> bool:
        """Whether the phase is that of a run that has ended."""
        return self.phase in COMPLETED_PHASES


class WorkflowStatus(StatusWithoutNodes, frozen=True):
    """``status`` of a Workflow."""

    nodes: dict[str, Node] | None = None


class Workflow(Struct, frozen=True):
    """The parts of a Workflow that a report needs.

    Attributes:
        has_v1_pod_names: whether its pods are named as their nodes' ids (``uses_v1_names`` of ``pod_names.py``).
        observed_pod_names: names of pods that differ from the computed ones, by node id.
    """

    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()
    status: WorkflowStatus = WorkflowStatus()
    has_v1_pod_names: bool = False
    observed_pod_names: dict[str, str] = {}
