"""The kind ``WorkflowReport``: the models from which ``crds/`` and the reference page are generated.

The status is written by one renderer, and the stored status is an input of the next rendering. Every list except the
conditions is atomic: keyed lists cost 160 KB of managedFields per 1,000 entries.
"""

from functools import cached_property
from typing import Any, Literal

import msgspec

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.comparison import Comparison, RunDefinition
from wfreport.api.condition import Condition
from wfreport.api.counts import Counts, StepCounts
from wfreport.api.evidence import ContainerSummary, EventSummary, LogTail
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REPORT
from wfreport.api.run import MAX_VALUES, EarlierRun, Links, NamedValue, RunOutputs, WorkflowSource
from wfreport.api.timing import CriticalStep, Timing
from wfreport.api.wire import (
    LINE,
    SHORT,
    TEXT,
    Field,
    LabelKey,
    LabelValue,
    Model,
    Name,
    Quantity,
    RefName,
    Time,
    Uid,
    schema_of_rules,
)


class WorkflowRef(Model):
    """Reference to the Workflow of a report."""

    schema_beside = schema_of_rules(
        ("self == oldSelf", "workflowRef is immutable: create a report with another name instead"),
        **{"x-kubernetes-map-type": "atomic"},
    )

    name: RefName = Field("Name of the Workflow, in the report's namespace.", min_length=1)
    uid: Uid | None = Field("uid of the Workflow. Unset: the newest Workflow of this name.", default=None)


class ReportSpec(Model):
    """The options of a report. The operator never writes the spec of a report that it did not create."""

    workflow_ref: WorkflowRef = Field("The Workflow to report on. It is immutable.")
    source: Literal["Auto", "Cluster", "Archive"] = Field(
        "Source of the run: the cluster, Argo's archive, or (Auto) the cluster and then the archive.", default="Auto"
    )
    pinned: bool = Field("Whether to keep this report forever.", default=False)
    ttl_seconds_after_finished: int | None = Field(
        "Seconds to keep this report after the run's end. Unset: the operator's retention settings apply.",
        default=None,
        ge=0,
        le=3_153_600_000,
    )
    log_tail_lines: int | None = Field(
        "Number of log lines to capture per failed container; 0: none. Unset: the operator's setting.",
        default=None,
        ge=0,
        le=1000,
    )


class ObservedWorkflow(Model):
    """The last observed state of the Workflow."""

    uid: str | None = Field(
        "uid of the Workflow. Once set, the report stays bound to it.", default=None, max_length=SHORT
    )
    resource_version: str | None = Field(
        "resourceVersion of the completed Workflow. While the Workflow has the same one, the report is up to date.",
        default=None,
        max_length=SHORT,
    )
    source: Literal["Cluster", "Archive"] | None = Field(
        "Archive if the run was read from Argo's archive. Unset: it was read from the cluster.", default=None
    )
    phase: str | None = Field("The Workflow's phase, as Argo sets it.", default=None, max_length=SHORT)
    code: int | None = Field(
        "The phase as a number: Succeeded 1, Failed 0, Running 2, Error 3, Pending 4, unknown -1.",
        default=None,
        ge=-1,
        le=4,
    )
    message: str | None = Field("The Workflow's message, redacted.", default=None, max_length=TEXT)
    started_at: Time | None = Field("Start of this run; a manual retry starts a new run.", default=None)
    finished_at: Time | None = Field("End of this run.", default=None)
    progress: str | None = Field(
        "Completed pods and known pods as N/M, as Argo counts them.", default=None, max_length=SHORT
    )
    labels: dict[LabelKey, LabelValue] | None = Field(
        "The Workflow's labels, by which RemediationPolicies select it.", default=None, max_length=64
    )
    no_remediation: bool | None = Field(
        "Whether the annotation `wfreport.dev/no-remediation` excludes the Workflow from remediation.", default=None
    )
    shutdown: str | None = Field(
        "The shutdown strategy, Stop or Terminate, if one was requested.", default=None, max_length=SHORT
    )


class Resources(Model):
    """Requests and limits of a container, as written in the pod."""

    requests: dict[str, Quantity] | None = Field("Requests by resource.", default=None, max_length=32)
    limits: dict[str, Quantity] | None = Field("Limits by resource.", default=None, max_length=32)


class PreviousAttempt(Model):
    """A failed attempt that was followed by another attempt of the same step."""

    pod_name: str | None = Field("Name of the attempt's pod.", default=None, max_length=LINE)
    failure_class: FailureClass | None = Field("Failure class of the attempt.", default=None, wire_name="class")
    exit_code: int | None = Field("Exit code of the attempt.", default=None)
    memory_limit: str | None = Field("Memory limit of the attempt.", default=None, max_length=SHORT)


class Failure(Model):
    """A failed leaf of the run that was not followed by another attempt."""

    node_id: str | None = Field(
        "Node id of the step; absent if the Workflow itself failed.", default=None, max_length=LINE
    )
    display_name: str | None = Field("Display name of the step.", default=None, max_length=LINE)
    template_name: str | None = Field("Name of the step's template.", default=None, max_length=LINE)
    pod_name: str | None = Field("Name of the step's pod; absent if it had none.", default=None, max_length=LINE)
    pod_uid: str | None = Field("uid of the pod, if it was observed.", default=None, max_length=SHORT)
    container: str | None = Field("Name of the failed container.", default=None, max_length=LINE)
    host_node_name: str | None = Field(
        "Name of the machine (Kubernetes Node) that ran the pod.", default=None, max_length=LINE
    )
    role: Role = Field("Role of the failure in the run's outcome.")
    failure_class: FailureClass = Field("Class of the failure.", wire_name="class")
    owner: Owner = Field("The party that can fix the failure.")
    retryable: bool = Field("Whether running the step again may succeed.")
    confidence: Confidence = Field("Confidence in the class.")
    evidence: str | None = Field("Source from which the class was determined.", default=None, max_length=LINE)
    exit_code: int | None = Field("Nonzero exit code that Argo recorded.", default=None)
    signal: int | None = Field("Signal that terminated the container.", default=None)
    reason: str | None = Field("Reason given by the container status, the pod or Argo.", default=None, max_length=LINE)
    message: str | None = Field("The node's message, redacted.", default=None, max_length=TEXT)
    attempt: int | None = Field("Number of the retryStrategy's attempt that failed, from 1.", default=None, ge=1)
    previous_attempts: list[PreviousAttempt] | None = Field(
        "Earlier attempts, oldest first.", default=None, max_length=32
    )
    retries_ended: str | None = Field(
        "Why Argo made no further attempt, as it says; absent if the limit of attempts was reached.",
        default=None,
        max_length=LINE,
    )
    fingerprint: str | None = Field(
        "Fingerprint of the failure; equal failures of different runs share it.", default=None, max_length=SHORT
    )
    started_at: Time | None = Field("Start of the step.", default=None)
    finished_at: Time | None = Field("End of the step.", default=None)
    resources: Resources | None = Field("Requests and limits of the failed container.", default=None)
    pod_reason: str | None = Field("Reason of the pod's status, such as Evicted.", default=None, max_length=LINE)
    pod_message: str | None = Field("Message of the pod's status, redacted.", default=None, max_length=TEXT)
    containers: list[ContainerSummary] | None = Field(
        "Containers of the pod, init containers first.", default=None, max_length=32
    )
    events: list[EventSummary] | None = Field("Events of the pod, newest last.", default=None, max_length=20)
    log_tail: LogTail | None = Field("The end of the container's log.", default=None)
    log_line: str | None = Field(
        "The line of the log that tells most about the failure, redacted. Absent if no log is stored.",
        default=None,
        max_length=LINE,
    )
    service_account_name: str | None = Field(
        "ServiceAccount with which the pod of the step whose result was lost reports results; absent for other "
        "failures, and if it is not certain.",
        default=None,
        max_length=LINE,
    )
    evidence_missing: list[Name] | None = Field(
        "Missing evidence of the pod, as reasons of the condition EvidenceComplete.", default=None, max_length=8
    )
    labelled: list[LabelKey] | None = Field(
        "Labels that a RemediationPolicy put on the pod.", default=None, max_length=32
    )


class Waiting(Model):
    """A step, or the Workflow itself, that is waiting while the Workflow runs."""

    display_name: str | None = Field(
        "Display name of the waiting step; absent if the Workflow itself waits.", default=None, max_length=LINE
    )
    node_id: str | None = Field("Node id of the step.", default=None, max_length=LINE)
    pod_name: str | None = Field("Name of the step's pod.", default=None, max_length=LINE)
    reason: str = Field("Reason of the wait; see the page of reasons.", max_length=LINE)
    message: str | None = Field("Argo's or the kubelet's message, redacted.", default=None, max_length=TEXT)
    since_at: Time | None = Field("Start of the wait.", default=None)


class Stalled(Model):
    """Why the run hangs: it waits for something that will not happen by itself."""

    reason: str = Field("Reason of the stall; see the page of reasons.", max_length=SHORT)
    since_at: Time | None = Field(
        "Time since which the run hangs. It is reported only after the grace time of its reason.", default=None
    )
    message: str | None = Field("The part that hangs, and what it waits for, redacted.", default=None, max_length=TEXT)
    advice: str | None = Field("Next step of a person.", default=None, max_length=TEXT)
    node_id: str | None = Field(
        "Node id of the step that hangs; absent if the Workflow itself does.", default=None, max_length=LINE
    )


class StepWarning(Model):
    """A problem that did not fail the run."""

    display_name: str | None = Field("Display name of the step.", default=None, max_length=LINE)
    reason: str = Field("Reason of the warning; see the page of reasons.", max_length=LINE)
    message: str | None = Field("The problem in words, redacted.", default=None, max_length=TEXT)


class Step(Model):
    """A node of the run."""

    display_name: str = Field("Display name of the node.", max_length=LINE)
    node_id: str = Field("Node id.", max_length=LINE)
    type: str = Field("Argo's node type.", max_length=SHORT)
    template_name: str | None = Field("Name of the node's template.", default=None, max_length=LINE)
    phase: str = Field("Argo's node phase.", max_length=SHORT)
    pod_name: str | None = Field("Name of the node's pod.", default=None, max_length=LINE)
    started_at: Time | None = Field("Start of the node.", default=None)
    finished_at: Time | None = Field("End of the node.", default=None)
    wait_seconds: int | None = Field(
        "Seconds from the end of the step that it depends on to its creation.", default=None, ge=0
    )
    queued_seconds: int | None = Field(
        (
            "Seconds from its creation to the start of its main container, or to its end if that never started. "
            "Absent if no pod was observed."
        ),
        default=None,
        ge=0,
    )
    running_seconds: int | None = Field(
        "Seconds from the start of its main container to its end. Absent if no pod was observed.", default=None, ge=0
    )
    exit_code: int | None = Field("Exit code that Argo recorded.", default=None)
    message: str | None = Field("The node's message, redacted.", default=None, max_length=TEXT)
    children: list[int] | None = Field("The node's children, as indexes into this list.", default=None, max_length=5000)


class Held(Model):
    """Why a policy does not act on the run, or not yet."""

    policy_name: str = Field("Name of the policy.", max_length=LINE)
    rule: str | None = Field("Name of the matching rule.", default=None, max_length=SHORT)
    reason: str = Field("Reason of the hold, as a stable identifier.", max_length=SHORT)
    message: str | None = Field("Reason of the hold, in words.", default=None, max_length=TEXT)
    recheck_at: Time | None = Field("Time of the next check.", default=None)


class RunRemediation(Model):
    """Remediation of this run and its predecessors."""

    attempts: int = Field("Number of resubmissions in this chain so far.", default=0, ge=0)
    root_uid: str | None = Field("uid of the chain's first Workflow.", default=None, max_length=SHORT)
    chain: list[Name] | None = Field("Names of the chain's Workflows, oldest first.", default=None, max_length=64)
    last: dict[str, Name] | None = Field(
        "The last action: remediationRef, action, outcome.", default=None, max_length=8
    )
    held: Held | None = Field("Why a policy does not act on the run, or not yet.", default=None)


class ReportStatus(Model, dict=True):
    """What happened, why, and what was done about it. Written by the operator only."""

    observed_generation: int | None = Field("Generation of the spec that this status reflects.", default=None, ge=0)
    observed_workflow: ObservedWorkflow | None = Field("The last observed state of the Workflow.", default=None)
    conditions: list[Condition] | None = Field(
        (
            "Ready: the report is up to date, even if the run failed. Succeeded: the run succeeded. RunStalled: the "
            "run hangs; absent if it does not."
        ),
        default=None,
        max_length=16,
    )
    summary: str | None = Field("The run in one line.", default=None, max_length=TEXT)
    failure_class: FailureClass | None = Field(
        "Class of the first failure, if it is a root cause or an exit handler.", default=None
    )
    reason: str | None = Field(
        (
            "Why the run failed, or what holds it up: the class of the leading failure, else the reason of the leading "
            "wait. A run that failed and hangs has both, separated by a comma. Absent if the run is well."
        ),
        default=None,
        max_length=LINE,
    )
    step: str | None = Field(
        (
            "Name of the step that `reason` is about, as `wfreport logs` takes it: its display name without an "
            "attempt's number, after the name of the task around it if that is needed to find it (`train.executor`)."
        ),
        default=None,
        max_length=LINE,
    )
    counts: Counts | None = Field("Number of nodes by phase.", default=None)
    step_counts: StepCounts | None = Field(
        "Number of steps that do work. Absent if the nodes cannot be read.", default=None
    )
    timing: Timing | None = Field("Breakdown of the run's duration.", default=None)
    critical_path: list[CriticalStep] | None = Field(
        "The chain of steps that determined the run's end.", default=None, max_length=200
    )
    failures: list[Failure] | None = Field(
        "Failed leaves: root causes by time, then exit handlers, victims and tolerated failures.",
        default=None,
        max_length=500,
    )
    waiting: list[Waiting] | None = Field(
        "Steps that are waiting while the Workflow runs.", default=None, max_length=100
    )
    stalled: Stalled | None = Field(
        "Why the run hangs; absent if it does not, or if that is unknown. Cleared when it goes on.", default=None
    )
    warnings: list[StepWarning] | None = Field("Problems that did not fail the run.", default=None, max_length=100)
    superseded_attempts: list[PreviousAttempt] | None = Field(
        (
            "Failed attempts that were followed by another attempt and whose pods were observed: these pods are "
            "deleted by the end of the run."
        ),
        default=None,
        max_length=100,
    )
    steps: list[Step] | None = Field("The nodes in execution order.", default=None, max_length=5000)
    parameters: list[NamedValue] | None = Field("The Workflow's arguments.", default=None, max_length=MAX_VALUES)
    outputs: RunOutputs | None = Field("Outputs of the run.", default=None)
    workflow_source: WorkflowSource | None = Field("Origin of the Workflow.", default=None)
    resources: dict[str, int] | None = Field(
        "Argo's resourcesDuration: requests multiplied by time, not usage. cpuSeconds, memoryMiBSeconds and so on.",
        default=None,
        max_length=32,
    )
    definition: RunDefinition | None = Field("The run's definition. Written when the run has ended.", default=None)
    comparison: Comparison | None = Field(
        "How the run differs from earlier runs. Written once, when it has ended.", default=None
    )
    remediation: RunRemediation | None = Field("Remediation of this run and its predecessors.", default=None)
    runs: list[EarlierRun] | None = Field(
        "Earlier runs of the same Workflow, before manual retries, oldest first.", default=None, max_length=10
    )
    links: Links | None = Field("Links to other views of the run.", default=None)
    reporter: str | None = Field("Lease of the installation that writes this.", default=None, max_length=LINE)

    def dump_json(self) -> bytes:
        """Return the status as JSON, cached: it is measured, compared with the stored status, and written."""
        return self._json

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self)

    def changed(self, **update: Any) -> "ReportStatus":
        """Return a copy with other values and without the cached JSON."""
        return self.model_copy(update=update)


class WorkflowReport(Model):
    """One run of a Workflow: what happened, why, and what was done about it."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["WorkflowReport"] = KIND_REPORT
    metadata: ObjectMetadata
    spec: ReportSpec
    status: ReportStatus | None = None
