"""The kinds of wfreport, with what their models lack for a CRD: names, printer columns, selectable fields."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from wfreport.api import names
from wfreport.api.policy import PolicySpec, PolicyStatus, RemediationPolicy
from wfreport.api.remediation import Remediation, RemediationSpec, RemediationStatus
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowReport
from wfreport.api.wire import Model

ROOT: Final = Path(__file__).resolve().parents[2]

AnyModel = BaseModel | Model

Column = tuple[str, str, str, str]
"""A printer column: name, type, path, description."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind and its CRD.

    Attributes:
        model: model of the whole object; its docstring describes the kind.
        spec: model of the spec, which a user writes, or the operator writes once.
        status: model of the status, which the operator writes.
        plural: name of the resource.
        short_name: short name of the resource for kubectl.
        columns: printer columns of `kubectl get`.
        wide_columns: additional printer columns of `kubectl get -o wide`.
        selectable: JSON paths that field selectors accept.
        is_spec_ours: whether the operator writes the spec; if so, its enums stay open, like those of the status.
    """

    model: type[AnyModel]
    spec: type[AnyModel]
    status: type[AnyModel]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    wide_columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    is_spec_ours: bool = False

    @property
    def name(self) -> str:
        """Name of the kind."""
        return self.model.__name__

    @property
    def path(self) -> Path:
        """Path of its CRD file."""
        return ROOT / "crds" / f"{names.GROUP}_{self.plural}.yaml"


def _condition(kind: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].status'


REPORT: Final = Kind(
    model=WorkflowReport,
    spec=ReportSpec,
    status=ReportStatus,
    plural=names.PLURAL_REPORTS,
    short_name="wfr",
    columns=(
        ("Phase", "string", ".status.observedWorkflow.phase", "The Workflow's phase."),
        ("Reason", "string", ".status.reason", "Why the run failed, or what holds it up."),
        ("Step", "string", ".status.step", "The step that the reason is about."),
        ("Retries", "integer", ".status.counts.retriedAttempts", "Number of failed attempts that Argo retried."),
        ("Duration", "string", ".status.timing.duration", "Time from the run's start to its end."),
        ("Finished", "date", ".status.observedWorkflow.finishedAt", "Time since the run's end."),
        ("Age", "date", ".status.observedWorkflow.startedAt", "Time since the run's start."),
    ),
    wide_columns=(
        ("Workflow", "string", ".spec.workflowRef.name", "The Workflow this report is about."),
        ("Progress", "string", ".status.observedWorkflow.progress", "Completed pods and known pods."),
        ("Failed", "integer", ".status.stepCounts.failed", "Number of steps that failed, without superseded attempts."),
        ("Remediations", "integer", ".status.remediation.attempts", "Number of resubmissions in this chain so far."),
        ("Summary", "string", ".status.summary", "The run in one line."),
    ),
    selectable=(".status.failureClass", ".status.observedWorkflow.phase", ".spec.workflowRef.name"),
)
POLICY: Final = Kind(
    model=RemediationPolicy,
    spec=PolicySpec,
    status=PolicyStatus,
    plural=names.PLURAL_POLICIES,
    short_name="rmp",
    columns=(
        ("Mode", "string", ".spec.mode", "How decisions are enforced."),
        ("Ready", "string", _condition("Ready"), "Whether the policy is valid."),
        ("Matched", "integer", ".status.counts.matched", "Number of runs that one of its rules matches."),
        ("Executed", "integer", ".status.counts.executed", "Number of actions performed."),
        ("Helped", "integer", ".status.counts.helped", "Number of actions after which the run succeeded."),
        ("Blocked", "integer", ".status.counts.blocked", "Number of runs for which a guard prevented an action."),
        ("Breaker", "string", ".status.breaker", "State of the circuit breaker."),
        ("Age", "date", ".metadata.creationTimestamp", "Time since this policy was created."),
    ),
    wide_columns=(
        ("Priority", "integer", ".spec.priority", "Of several policies that select a run, only the highest applies."),
        ("Proposed", "integer", ".status.counts.proposed", "Number of actions in dry run or awaiting approval."),
        ("Suspended", "boolean", ".spec.suspended", "Whether the policy is suspended."),
        ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', "The message of the condition Ready."),
    ),
    selectable=(".spec.mode",),
)
REMEDIATION: Final = Kind(
    model=Remediation,
    spec=RemediationSpec,
    status=RemediationStatus,
    plural=names.PLURAL_REMEDIATIONS,
    short_name="rmd",
    columns=(
        ("Policy", "string", ".spec.policyRef.name", "The policy that decided it."),
        ("Action", "string", ".spec.action", "The action to perform."),
        ("Workflow", "string", ".spec.target.name", "The Workflow it applies to."),
        ("Attempt", "integer", ".spec.attempt", "Number of this action in its chain."),
        ("Approved", "string", _condition("Approved"), "Whether the action is approved."),
        ("Executed", "string", _condition("Executed"), "Whether the action was performed."),
        ("Helped", "string", _condition("Succeeded"), "Whether the new run succeeded."),
        ("Age", "date", ".metadata.creationTimestamp", "Time since this Remediation was created."),
    ),
    wide_columns=(
        ("Rule", "string", ".spec.rule", "The rule that matched."),
        ("Reason", "string", ".spec.reason", "The class of the failure it responds to."),
        ("Result", "string", ".status.resultRef.name", "The object that the action created or changed."),
        ("Message", "string", ".status.message", "The result in words."),
    ),
    selectable=(".spec.policyRef.name", ".spec.target.name", ".spec.target.uid", ".spec.action"),
    is_spec_ours=True,
)
KINDS: Final = (REPORT, POLICY, REMEDIATION)
