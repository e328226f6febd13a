"""The kind ``WorkflowReport``: the pydantic models from which ``crds/`` and the reference page are generated.

The status is written by one renderer, and the stored status is an input of the next rendering. Every list except the
conditions is atomic: keyed lists cost 160 KB of managedFields per 1,000 entries.
"""

from typing import Any, Literal

from pydantic import Field, PrivateAttr

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.condition import Condition
from wfreport.api.counts import Counts, StepCounts
from wfreport.api.evidence import ContainerSummary, EventSummary, LogTail
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REPORT
from wfreport.api.run import EarlierRun, Links, NamedValue, RunOutputs, WorkflowSource
from wfreport.api.timing import CriticalStep, Timing
from wfreport.api.wire import LINE, SHORT, TEXT, LabelKey, LabelValue, Model, Name, Quantity, RefName, Time, Uid, rules


class WorkflowRef(Model):
    """Reference to the Workflow of a report."""

    model_config = rules(
        ("self == oldSelf", "workflowRef is immutable: create a report with another name instead"),
        **{"x-kubernetes-map-type": "atomic"},
    )

    name: RefName = Field(description="Name of the Workflow, in the report's namespace.", min_length=1)
    uid: Uid | None = Field(None, description="uid of the Workflow. Unset: the newest Workflow of this name.")


class ReportSpec(Model):
    """The options of a report. The operator never writes the spec of a report that it did not create."""

    workflow_ref: WorkflowRef = Field(description="The Workflow to report on. It is immutable.")
    source: Literal["Auto", "Cluster", "Archive"] = Field(
        "Auto",
        description="Source of the run: the cluster, Argo's archive, or (Auto) the cluster and then the archive.",
    )
    pinned: bool = Field(default=False, description="Whether to keep this report forever.")
    ttl_seconds_after_finished: int | None = Field(
        None,
        description=(
            "Seconds to keep this report after the run's end. Unset: the operator's retention settings apply."
        ),
        ge=0,
        le=3_153_600_000,
    )
    log_tail_lines: int | None = Field(
        None,
        description="Number of log lines to capture per failed container; 0: none. Unset: the operator's setting.",
        ge=0,
        le=1000,
    )


class ObservedWorkflow(Model):
    """The last observed state of the Workflow."""

    uid: str | None = Field(
        None,
        description="uid of the Workflow. Once set, the report stays bound to it.",
        max_length=SHORT,
    )
    resource_version: str | None = Field(
        None,
        description=(
            "resourceVersion of the completed Workflow. While the Workflow has the same one, the report is up to date."
        ),
        max_length=SHORT,
    )
    source: Literal["Cluster", "Archive"] | None = Field(
        None, description="Archive if the run was read from Argo's archive. Unset: it was read from the cluster."
    )
    phase: str | None = Field(None, description="The Workflow's phase, as Argo sets it.", max_length=SHORT)
    code: int | None = Field(
        None,
        description="The phase as a number: Succeeded 1, Failed 0, Running 2, Error 3, Pending 4, unknown -1.",
        ge=-1,
        le=4,
    )
    message: str | None = Field(None, description="The Workflow's message, redacted.", max_length=TEXT)
    started_at: Time | None = Field(None, description="Start of this run; a manual retry starts a new run.")
    finished_at: Time | None = Field(None, description="End of this run.")
    progress: str | None = Field(
        None, description="Completed pods and known pods as N/M, as Argo counts them.", max_length=SHORT
    )
    labels: dict[LabelKey, LabelValue] | None = Field(
        None, description="The Workflow's labels, by which RemediationPolicies select it.", max_length=64
    )
    no_remediation: bool | None = Field(
        None, description="Whether the annotation `wfreport.dev/no-remediation` excludes the Workflow from remediation."
    )
    shutdown: str | None = Field(
        None, description="The shutdown strategy, Stop or Terminate, if one was requested.", max_length=SHORT
    )


class Resources(Model):
    """Requests and limits of a container, as written in the pod."""

    requests: dict[str, Quantity] | None = Field(None, description="Requests by resource.", max_length=32)
    limits: dict[str, Quantity] | None = Field(None, description="Limits by resource.", max_length=32)


class PreviousAttempt(Model):
    """A failed attempt that was followed by another attempt of the same step."""

    pod_name: str | None = Field(None, description="Name of the attempt's pod.", max_length=LINE)
    failure_class: FailureClass | None = Field(None, alias="class", description="Failure class of the attempt.")
    exit_code: int | None = Field(None, description="Exit code of the attempt.")
    memory_limit: str | None = Field(None, description="Memory limit of the attempt.", max_length=SHORT)


class Failure(Model):
    """A failed leaf of the run that was not followed by another attempt."""

    node_id: str | None = Field(
        None, description="Node id of the step; absent if the Workflow itself failed.", max_length=LINE
    )
    display_name: str | None = Field(None, description="Display name of the step.", max_length=LINE)
    template_name: str | None = Field(None, description="Name of the step's template.", max_length=LINE)
    pod_name: str | None = Field(None, description="Name of the step's pod; absent if it had none.", max_length=LINE)
    pod_uid: str | None = Field(None, description="uid of the pod, if it was observed.", max_length=SHORT)
    container: str | None = Field(None, description="Name of the failed container.", max_length=LINE)
    host_node_name: str | None = Field(
        None, description="Name of the machine (Kubernetes Node) that ran the pod.", max_length=LINE
    )
    role: Role = Field(description="Role of the failure in the run's outcome.")
    failure_class: FailureClass = Field(alias="class", description="Class of the failure.")
    owner: Owner = Field(description="The party that can fix the failure.")
    retryable: bool = Field(description="Whether running the step again may succeed.")
    confidence: Confidence = Field(description="Confidence in the class.")
    evidence: str | None = Field(None, description="Source from which the class was determined.", max_length=LINE)
    exit_code: int | None = Field(None, description="Nonzero exit code that Argo recorded.")
    signal: int | None = Field(None, description="Signal that terminated the container.")
    reason: str | None = Field(
        None, description="Reason given by the container status, the pod or Argo.", max_length=LINE
    )
    message: str | None = Field(None, description="The node's message, redacted.", max_length=TEXT)
    attempt: int | None = Field(None, description="Number of the retryStrategy's attempt that failed, from 1.", ge=1)
    previous_attempts: list[PreviousAttempt] | None = Field(
        None, description="Earlier attempts, oldest first.", max_length=32
    )
    fingerprint: str | None = Field(
        None, description="Fingerprint of the failure; equal failures of different runs share it.", max_length=SHORT
    )
    started_at: Time | None = Field(None, description="Start of the step.")
    finished_at: Time | None = Field(None, description="End of the step.")
    resources: Resources | None = Field(None, description="Requests and limits of the failed container.")
    pod_reason: str | None = Field(None, description="Reason of the pod's status, such as Evicted.", max_length=LINE)
    pod_message: str | None = Field(None, description="Message of the pod's status, redacted.", max_length=TEXT)
    containers: list[ContainerSummary] | None = Field(
        None, description="Containers of the pod, init containers first.", max_length=32
    )
    events: list[EventSummary] | None = Field(None, description="Events of the pod, newest last.", max_length=20)
    log_tail: LogTail | None = Field(None, description="The end of the container's log.")
    evidence_missing: list[Name] | None = Field(
        None,
        description="Missing evidence of the pod, as reasons of the condition EvidenceComplete.",
        max_length=8,
    )
    labelled: list[LabelKey] | None = Field(
        None, description="Labels that a RemediationPolicy put on the pod.", max_length=32
    )


class Waiting(Model):
    """A step, or the Workflow itself, that is waiting while the Workflow runs."""

    display_name: str | None = Field(
        None, description="Display name of the waiting step; absent if the Workflow itself waits.", max_length=LINE
    )
    node_id: str | None = Field(None, description="Node id of the step.", max_length=LINE)
    pod_name: str | None = Field(None, description="Name of the step's pod.", max_length=LINE)
    reason: str = Field(description="Reason of the wait.", max_length=LINE)
    message: str | None = Field(None, description="Argo's or the kubelet's message, redacted.", max_length=TEXT)
    since_at: Time | None = Field(None, description="Start of the wait.")


class Stalled(Model):
    """Why the run hangs: it waits for something that will not happen by itself."""

    reason: str = Field(description="Reason of the stall; see the page of reasons.", max_length=SHORT)
    since_at: Time | None = Field(
        None,
        description="Time since which the run hangs. It is reported only after the grace time of its reason.",
    )
    message: str | None = Field(None, description="What hangs and what it waits for, redacted.", max_length=TEXT)
    advice: str | None = Field(None, description="What a person can do.", max_length=TEXT)


class StepWarning(Model):
    """A problem that did not fail the run."""

    display_name: str | None = Field(None, description="Display name of the step.", max_length=LINE)
    reason: str = Field(description="Reason of the warning.", max_length=LINE)
    message: str | None = Field(None, description="The problem in words, redacted.", max_length=TEXT)


class Step(Model):
    """A node of the run."""

    display_name: str = Field(description="Display name of the node.", max_length=LINE)
    node_id: str = Field(description="Node id.", max_length=LINE)
    type: str = Field(description="Argo's node type.", max_length=SHORT)
    template_name: str | None = Field(None, description="Name of the node's template.", max_length=LINE)
    phase: str = Field(description="Argo's node phase.", max_length=SHORT)
    pod_name: str | None = Field(None, description="Name of the node's pod.", max_length=LINE)
    started_at: Time | None = Field(None, description="Start of the node.")
    finished_at: Time | None = Field(None, description="End of the node.")
    wait_seconds: int | None = Field(
        None, description="Seconds from the end of the step that it depends on to its creation.", ge=0
    )
    queued_seconds: int | None = Field(
        None,
        description=(
            "Seconds from its creation to the start of its main container, or to its end if that never started. "
            "Absent if no pod was observed."
        ),
        ge=0,
    )
    running_seconds: int | None = Field(
        None,
        description="Seconds from the start of its main container to its end. Absent if no pod was observed.",
        ge=0,
    )
    exit_code: int | None = Field(None, description="Exit code that Argo recorded.")
    message: str | None = Field(None, description="The node's message, redacted.", max_length=TEXT)
    children: list[int] | None = Field(
        None, description="The node's children, as indexes into this list.", max_length=5000
    )


class Held(Model):
    """Why a policy does not act on the run, or not yet."""

    policy_name: str = Field(description="Name of the policy.", max_length=LINE)
    rule: str | None = Field(None, description="Name of the matching rule.", max_length=SHORT)
    reason: str = Field(description="Reason of the hold, as a stable identifier.", max_length=SHORT)
    message: str | None = Field(None, description="Reason of the hold, in words.", max_length=TEXT)
    recheck_at: Time | None = Field(None, description="Time of the next check.")


class RunRemediation(Model):
    """Remediation of this run and its predecessors."""

    attempts: int = Field(0, description="Number of resubmissions in this chain so far.", ge=0)
    root_uid: str | None = Field(None, description="uid of the chain's first Workflow.", max_length=SHORT)
    chain: list[Name] | None = Field(None, description="Names of the chain's Workflows, oldest first.", max_length=64)
    last: dict[str, Name] | None = Field(
        None, description="The last action: remediationRef, action, outcome.", max_length=8
    )
    held: Held | None = Field(None, description="Why a policy does not act on the run, or not yet.")


class ReportStatus(Model):
    """What happened, why, and what was done about it. Written by the operator only."""

    observed_generation: int | None = Field(None, description="Generation of the spec that this status reflects.", ge=0)
    observed_workflow: ObservedWorkflow | None = Field(None, description="The last observed state of the Workflow.")
    conditions: list[Condition] | None = Field(
        None,
        description=(
            "Ready: the report is up to date, even if the run failed. Succeeded: the run succeeded. RunStalled: the "
            "run hangs; absent if it does not."
        ),
        max_length=16,
    )
    summary: str | None = Field(None, description="The run in one line.", max_length=TEXT)
    failure_class: FailureClass | None = Field(
        None, description="Class of the first failure, if it is a root cause or an exit handler."
    )
    reason: str | None = Field(
        None,
        description=(
            "Why the run failed, or what holds it up: the class of the leading failure, else the reason of the leading "
            "wait. Absent if the run is well."
        ),
        max_length=LINE,
    )
    step: str | None = Field(
        None,
        description="Display name of the step that `reason` is about, without an attempt's number.",
        max_length=LINE,
    )
    counts: Counts | None = Field(None, description="Number of nodes by phase.")
    step_counts: StepCounts | None = Field(
        None, description="Number of steps that do work. Absent if the nodes cannot be read."
    )
    timing: Timing | None = Field(None, description="Breakdown of the run's duration.")
    critical_path: list[CriticalStep] | None = Field(
        None, description="The chain of steps that determined the run's end.", max_length=200
    )
    failures: list[Failure] | None = Field(
        None,
        description="Failed leaves: root causes by time, then exit handlers, victims and tolerated failures.",
        max_length=500,
    )
    waiting: list[Waiting] | None = Field(
        None, description="Steps that are waiting while the Workflow runs.", max_length=100
    )
    stalled: Stalled | None = Field(
        None, description="Why the run hangs; absent if it does not, or if nobody knows. Cleared when it goes on."
    )
    warnings: list[StepWarning] | None = Field(None, description="Problems that did not fail the run.", max_length=100)
    superseded_attempts: list[PreviousAttempt] | None = Field(
        None,
        description=(
            "Failed attempts that were followed by another attempt and whose pods were observed: these pods are "
            "deleted by the end of the run."
        ),
        max_length=100,
    )
    steps: list[Step] | None = Field(None, description="The nodes in execution order.", max_length=5000)
    parameters: list[NamedValue] | None = Field(None, description="The Workflow's arguments.", max_length=64)
    outputs: RunOutputs | None = Field(None, description="Outputs of the run.")
    workflow_source: WorkflowSource | None = Field(None, description="Origin of the Workflow.")
    resources: dict[str, int] | None = Field(
        None,
        description=(
            "Argo's resourcesDuration: requests multiplied by time, not usage. cpuSeconds, memoryMiBSeconds and so on."
        ),
        max_length=32,
    )
    remediation: RunRemediation | None = Field(None, description="Remediation of this run and its predecessors.")
    runs: list[EarlierRun] | None = Field(
        None,
        description="Earlier runs of the same Workflow, before manual retries, oldest first.",
        max_length=10,
    )
    links: Links | None = Field(None, description="Links to other views of the run.")
    reporter: str | None = Field(None, description="Lease of the installation that writes this.", max_length=LINE)

    _json: bytes | None = PrivateAttr(default=None)

    def dump(self) -> dict[str, Any]:
        """Return the status as the API stores it: camelCase, without nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def dump_json(self) -> bytes:
        """Return the status as JSON, cached: it is measured, compared with the stored status, and written."""
        if self._json is None:
            self._json = self.model_dump_json(by_alias=True, exclude_none=True).encode()
        return self._json

    def changed(self, **update: Any) -> "ReportStatus":
        """Return a copy with other values and without the cached JSON."""
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
