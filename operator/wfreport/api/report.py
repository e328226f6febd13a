"""``WorkflowReport``, kind and CRD.

Defines the pydantic models from which ``crds/`` and the reference page are generated.

Status is written by one renderer and read back as an input of the next rendering. Every list but the conditions is
atomic: keyed lists cost 160 KB of managedFields per 1,000 entries.
"""

from typing import Any, Literal

from pydantic import Field, PrivateAttr

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.condition import Condition
from wfreport.api.evidence import ContainerSummary, EventSummary, LogTail
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REPORT
from wfreport.api.timing import CriticalStep, Timing
from wfreport.api.wire import LINE, SHORT, TEXT, LabelKey, LabelValue, Model, Name, Quantity, Time, rules


class WorkflowRef(Model):
    """The Workflow a report is about."""

    model_config = rules(
        ("self == oldSelf", "workflowRef cannot be changed once it is set: apply a report of another name instead"),
        **{"x-kubernetes-map-type": "atomic"},
    )

    name: str = Field(description="Name of the Workflow, in the report's namespace.", min_length=1, max_length=LINE)
    uid: str | None = Field(None, description="Its uid. Unset: the newest Workflow of that name.", max_length=SHORT)


class ReportSpec(Model):
    """What a user may ask for. The operator never writes the spec of a report that it did not create."""

    workflow_ref: WorkflowRef = Field(description="The Workflow this report is about. It cannot be changed.")
    source: Literal["Auto", "Cluster", "Archive"] = Field(
        "Auto",
        description="Where to look for the run: the cluster, Argo's archive, or first the one and then the other.",
    )
    pinned: bool = Field(default=False, description="Keep this report for ever.")
    ttl_seconds_after_finished: int | None = Field(
        None,
        description="Keep this report for so long after the run's end. Unset: the operator's retention rules.",
        ge=0,
        le=3_153_600_000,
    )
    log_tail_lines: int | None = Field(
        None,
        description="Lines of log kept per failed container; 0: none. Unset: the operator's setting.",
        ge=0,
        le=1000,
    )


class ObservedWorkflow(Model):
    """The Workflow as it was last seen."""

    uid: str | None = Field(
        None,
        description="uid of the Workflow; the report is bound to it once and never again.",
        max_length=SHORT,
    )
    resource_version: str | None = Field(
        None,
        description="resourceVersion of the completed Workflow: equal means that nothing is left to read.",
        max_length=SHORT,
    )
    source: Literal["Cluster", "Archive"] | None = Field(
        None, description="Archive: the run was read from Argo's archive. Unset: from the cluster."
    )
    phase: str | None = Field(None, description="The Workflow's phase, in Argo's words.", max_length=SHORT)
    code: int | None = Field(
        None,
        description="The phase as a number: Succeeded 1, Failed 0, Running 2, Error 3, Pending 4, unknown -1.",
        ge=-1,
        le=4,
    )
    message: str | None = Field(None, description="The Workflow's message, redacted.", max_length=TEXT)
    started_at: Time | None = Field(None, description="When this run started; a manual retry starts a new run.")
    finished_at: Time | None = Field(None, description="When this run ended.")
    progress: str | None = Field(None, description="Pods done and known, as Argo counts them: N/M.", max_length=SHORT)
    labels: dict[LabelKey, LabelValue] | None = Field(
        None, description="Its labels, by which RemediationPolicies select it.", max_length=64
    )
    no_remediation: bool | None = Field(
        None, description="Whether its annotation `wfreport.dev/no-remediation` opts it out of remediation."
    )
    shutdown: str | None = Field(
        None, description="Stop or Terminate, where it was asked to shut down.", max_length=SHORT
    )


class Counts(Model):
    """How many nodes are in which phase. Absent while the nodes cannot be read: unknown is not zero."""

    total: int = Field(description="All nodes, groups and hooks included.", ge=0)
    succeeded: int = Field(description="Nodes in phase Succeeded.", ge=0)
    failed: int = Field(description="Nodes in phase Failed.", ge=0)
    errored: int = Field(description="Nodes in phase Error.", ge=0)
    running: int = Field(description="Nodes in phase Running.", ge=0)
    pending: int = Field(description="Nodes in phase Pending.", ge=0)
    skipped: int = Field(description="Nodes in phase Skipped.", ge=0)
    omitted: int = Field(description="Nodes in phase Omitted.", ge=0)
    retried_attempts: int = Field(description="Failed attempts that a later attempt superseded.", ge=0)
    memoized: int = Field(description="Nodes whose outputs came from a cache.", ge=0)


class Resources(Model):
    """Requests and limits of a container, as written."""

    requests: dict[str, Quantity] | None = Field(None, description="Requests by resource.", max_length=32)
    limits: dict[str, Quantity] | None = Field(None, description="Limits by resource.", max_length=32)


class PreviousAttempt(Model):
    """An earlier attempt of the same step."""

    pod_name: str | None = Field(None, description="Its pod.", max_length=LINE)
    failure_class: FailureClass | None = Field(None, alias="class", description="Its failure class.")
    exit_code: int | None = Field(None, description="Its exit code.")
    memory_limit: str | None = Field(None, description="Its memory limit.", max_length=SHORT)


class Failure(Model):
    """A failed leaf of the run that no later attempt superseded."""

    node_id: str | None = Field(
        None, description="Its node id; absent where the Workflow itself failed.", max_length=LINE
    )
    display_name: str | None = Field(None, description="The step, as Argo displays it.", max_length=LINE)
    template_name: str | None = Field(None, description="The template it ran.", max_length=LINE)
    pod_name: str | None = Field(None, description="Its pod; absent where there was none.", max_length=LINE)
    pod_uid: str | None = Field(None, description="uid of that pod, where it was seen.", max_length=SHORT)
    container: str | None = Field(None, description="The container that failed.", max_length=LINE)
    host_node_name: str | None = Field(None, description="The machine it ran on.", max_length=LINE)
    role: Role = Field(description="Its part in the run's end.")
    failure_class: FailureClass = Field(alias="class", description="What kind of failure it is.")
    owner: Owner = Field(description="Who can do something about it.")
    retryable: bool = Field(description="Whether the same again may succeed.")
    confidence: Confidence = Field(description="How sure the class is.")
    evidence: str | None = Field(None, description="What the class was read from.", max_length=LINE)
    exit_code: int | None = Field(None, description="Exit code, other than 0, that Argo recorded.")
    signal: int | None = Field(None, description="Signal that ended the container.")
    reason: str | None = Field(
        None, description="Reason in the words of the container, the pod or Argo.", max_length=LINE
    )
    message: str | None = Field(None, description="The node's message, redacted.", max_length=TEXT)
    attempt: int | None = Field(None, description="Which attempt of its retryStrategy it was, from 1.", ge=1)
    previous_attempts: list[PreviousAttempt] | None = Field(
        None, description="Earlier attempts, oldest first.", max_length=32
    )
    fingerprint: str | None = Field(
        None, description="The same failure has the same fingerprint in every run.", max_length=SHORT
    )
    started_at: Time | None = Field(None, description="When it started.")
    finished_at: Time | None = Field(None, description="When it ended.")
    resources: Resources | None = Field(None, description="Requests and limits of the container.")
    pod_reason: str | None = Field(None, description="Reason of the pod itself, such as Evicted.", max_length=LINE)
    pod_message: str | None = Field(None, description="The pod's message, redacted.", max_length=TEXT)
    containers: list[ContainerSummary] | None = Field(
        None, description="Its pod's containers, init containers first.", max_length=32
    )
    events: list[EventSummary] | None = Field(None, description="Events of its pod, newest last.", max_length=20)
    log_tail: LogTail | None = Field(None, description="The end of its log.")
    evidence_missing: list[Name] | None = Field(
        None,
        description="What could not be had of its pod, as reasons of the condition EvidenceComplete.",
        max_length=8,
    )
    labelled: list[LabelKey] | None = Field(
        None, description="Labels that a RemediationPolicy put on its pod.", max_length=32
    )


class Waiting(Model):
    """What holds a running Workflow up."""

    display_name: str | None = Field(
        None, description="The step that waits; absent where the Workflow itself does.", max_length=LINE
    )
    node_id: str | None = Field(None, description="Its node id.", max_length=LINE)
    pod_name: str | None = Field(None, description="Its pod.", max_length=LINE)
    reason: str = Field(description="Why it waits.", max_length=LINE)
    message: str | None = Field(None, description="Why, in Argo's or the kubelet's words, redacted.", max_length=TEXT)
    since_at: Time | None = Field(None, description="Since when.")


class StepWarning(Model):
    """Something that went wrong without failing the run."""

    display_name: str | None = Field(None, description="The step.", max_length=LINE)
    reason: str = Field(description="What it was.", max_length=LINE)
    message: str | None = Field(None, description="In words, redacted.", max_length=TEXT)


class Step(Model):
    """A node of the run."""

    display_name: str = Field(description="The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field(description="Its node id.", max_length=LINE)
    type: str = Field(description="Its type, in Argo's words.", max_length=SHORT)
    template_name: str | None = Field(None, description="The template it ran.", max_length=LINE)
    phase: str = Field(description="Its phase, in Argo's words.", max_length=SHORT)
    pod_name: str | None = Field(None, description="Its pod.", max_length=LINE)
    started_at: Time | None = Field(None, description="When it started.")
    finished_at: Time | None = Field(None, description="When it ended.")
    wait_seconds: int | None = Field(
        None, description="How long after the end of the step that it waited for it was created.", ge=0
    )
    queued_seconds: int | None = Field(
        None,
        description="From its creation until its main container ran (or it ended without). Absent: no pod was seen.",
        ge=0,
    )
    running_seconds: int | None = Field(None, description="From then to its end. Absent: no pod was seen.", ge=0)
    exit_code: int | None = Field(None, description="The exit code that Argo recorded.")
    message: str | None = Field(None, description="Its message, redacted.", max_length=TEXT)
    children: list[int] | None = Field(None, description="Its children, as positions in this list.", max_length=5000)


class NamedValue(Model):
    """A parameter."""

    name: str = Field(description="Its name.", max_length=LINE)
    value: str | None = Field(None, description="Its value, redacted and cut.", max_length=TEXT)


class ArtifactRef(Model):
    """An artifact that the run left."""

    name: str = Field(description="Its name.", max_length=LINE)
    node_id: str | None = Field(None, description="The node that wrote it.", max_length=LINE)
    key: str | None = Field(None, description="Its key in the artifact store.", max_length=TEXT)


class RunOutputs(Model):
    """What the run put out."""

    parameters: list[NamedValue] | None = Field(None, description="Global output parameters.", max_length=64)
    artifacts: list[ArtifactRef] | None = Field(
        None, description="Artifacts, of the run and of its steps.", max_length=64
    )


class WorkflowSource(Model):
    """Where the Workflow came from."""

    workflow_template: str | None = Field(None, description="The WorkflowTemplate it refers to.", max_length=LINE)
    cluster_workflow_template: str | None = Field(
        None, description="The ClusterWorkflowTemplate it refers to.", max_length=LINE
    )
    cron_workflow: str | None = Field(None, description="The CronWorkflow that made it.", max_length=LINE)
    scheduled_at: Time | None = Field(None, description="When the CronWorkflow was due.")
    resubmitted_from: str | None = Field(
        None, description="The Workflow of which it is a resubmission.", max_length=LINE
    )
    creator: str | None = Field(None, description="Who submitted it.", max_length=SHORT)


class Held(Model):
    """Why a policy does not act on the run, or not yet."""

    policy_name: str = Field(description="The policy.", max_length=LINE)
    rule: str | None = Field(None, description="The rule that matched.", max_length=SHORT)
    reason: str = Field(description="Why, as one stable word.", max_length=SHORT)
    message: str | None = Field(None, description="Why, for people.", max_length=TEXT)
    recheck_at: Time | None = Field(None, description="When it is looked at again.")


class RunRemediation(Model):
    """What was done about this run and its predecessors."""

    attempts: int = Field(0, description="Resubmissions in this chain so far.", ge=0)
    root_uid: str | None = Field(None, description="uid of the chain's first Workflow.", max_length=SHORT)
    chain: list[Name] | None = Field(None, description="Names of the chain's Workflows, first to last.", max_length=64)
    last: dict[str, Name] | None = Field(
        None, description="The last act: remediationRef, action, outcome.", max_length=8
    )
    held: Held | None = Field(None, description="Why a policy does not act on it, or not yet.")


class EarlierRun(Model):
    """A run of the same Workflow before a manual retry."""

    started_at: Time | None = Field(None, description="When it started.")
    finished_at: Time | None = Field(None, description="When it ended.")
    phase: str | None = Field(None, description="How it ended, in Argo's words.", max_length=SHORT)
    failure_class: FailureClass | None = Field(None, alias="class", description="Its failure class.")
    fingerprint: str | None = Field(None, description="Fingerprint of its first failure.", max_length=SHORT)
    summary: str | None = Field(None, description="Its summary.", max_length=TEXT)
    first_failure: str | None = Field(None, description="Display name of its first failure.", max_length=LINE)


class Links(Model):
    """Where to look further."""

    ui: str | None = Field(None, description="The run in Argo's UI.", max_length=TEXT)
    trace: str | None = Field(None, description="Its trace id or URL.", max_length=TEXT)


class ReportStatus(Model):
    """What happened, why, and what was done about it. Written by the operator only."""

    observed_generation: int | None = Field(
        None, description="The generation of the spec that this status answers.", ge=0
    )
    observed_workflow: ObservedWorkflow | None = Field(None, description="The Workflow as it was last seen.")
    conditions: list[Condition] | None = Field(
        None,
        description="Ready: the report is current, also of a failed run. Succeeded: the run has succeeded.",
        max_length=16,
    )
    summary: str | None = Field(None, description="The one line a person reads.", max_length=TEXT)
    failure_class: FailureClass | None = Field(
        None, description="Class of the first failure, where it is a root cause or an exit handler."
    )
    counts: Counts | None = Field(None, description="How many nodes are in which phase.")
    timing: Timing | None = Field(None, description="Where the time went.")
    critical_path: list[CriticalStep] | None = Field(
        None, description="The chain of steps that decided the end.", max_length=200
    )
    failures: list[Failure] | None = Field(
        None,
        description="Failed leaves: root causes by time, exit handlers, victims, tolerated.",
        max_length=500,
    )
    waiting: list[Waiting] | None = Field(None, description="What holds a running Workflow up.", max_length=100)
    warnings: list[StepWarning] | None = Field(
        None, description="What went wrong without failing the run.", max_length=100
    )
    superseded_attempts: list[PreviousAttempt] | None = Field(
        None,
        description="Failed attempts that a later one superseded and whose pods were seen: the pods are gone by the "
        "end of the run.",
        max_length=100,
    )
    steps: list[Step] | None = Field(None, description="The nodes in execution order.", max_length=5000)
    parameters: list[NamedValue] | None = Field(None, description="The Workflow's arguments.", max_length=64)
    outputs: RunOutputs | None = Field(None, description="What the run put out.")
    workflow_source: WorkflowSource | None = Field(None, description="Where the Workflow came from.")
    resources: dict[str, int] | None = Field(
        None,
        description="Argo's resourcesDuration: requests x time, not usage. cpuSeconds, memoryMiBSeconds, …",
        max_length=32,
    )
    remediation: RunRemediation | None = Field(None, description="What was done about it.")
    runs: list[EarlierRun] | None = Field(
        None,
        description="Earlier runs of the same Workflow, before manual retries, oldest first.",
        max_length=10,
    )
    links: Links | None = Field(None, description="Where to look further.")

    _json: bytes | None = PrivateAttr(default=None)

    def dump(self) -> dict[str, Any]:
        """The status as it stands in the API: camelCase, absent rather than null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def dump_json(self) -> bytes:
        """The same as JSON. Made once: it is measured, compared with what is stored, and written."""
        if self._json is None:
            self._json = self.model_dump_json(by_alias=True, exclude_none=True).encode()
        return self._json

    def changed(self, **update: Any) -> "ReportStatus":
        """A copy with other values, whose JSON is its own."""
        copied = self.model_copy(update=update)
        copied._json = None  # noqa: SLF001 - a copy of itself
        return copied


class WorkflowReport(Model):
    """One run of a Workflow: what happened, why, and what was done about it."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["WorkflowReport"] = KIND_REPORT
    metadata: ObjectMetadata
    spec: ReportSpec
    status: ReportStatus | None = None
