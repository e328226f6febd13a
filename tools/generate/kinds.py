"""Our kinds, and what of their CRDs the models do not say: names, printer columns, selectable fields."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from wfreport.api import names
from wfreport.api.policy import PolicySpec, PolicyStatus, RemediationPolicy
from wfreport.api.remediation import Remediation, RemediationSpec, RemediationStatus
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowReport

ROOT: Final = Path(__file__).resolve().parents[2]

Column = tuple[str, str, str, str]
"""A printer column: name, type, path, description."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of ours.

    Attributes:
        model: the whole object; its docstring describes the kind.
        spec: what users write, or what we write once.
        status: what the operator writes.
        plural: name of the resource.
        short_name: what people type.
        columns: what `kubectl get` shows.
        wide_columns: what `-o wide` shows beside it.
        selectable: paths by which a field selector selects.
        is_spec_ours: whether the operator writes the spec, so that its vocabularies are open like the status's.
    """

    model: type[BaseModel]
    spec: type[BaseModel]
    status: type[BaseModel]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    wide_columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    is_spec_ours: bool = False

    @property
    def name(self) -> str:
        """The kind, as it stands in an object."""
        return self.model.__name__

    @property
    def path(self) -> Path:
        """Where its CRD stands."""
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
        ("Workflow", "string", ".spec.workflowRef.name", "The Workflow this report is about."),
        ("Phase", "string", ".status.observedWorkflow.phase", "The Workflow's phase."),
        ("Class", "string", ".status.failureClass", "What kind of failure it was."),
        ("Step", "string", ".status.failures[0].displayName", "The step that failed first."),
        ("Duration", "string", ".status.timing.duration", "From the run's start to its end."),
        ("Attempts", "integer", ".status.remediation.attempts", "Resubmissions in this chain so far."),
        ("Age", "date", ".metadata.creationTimestamp", "Since when this report exists."),
    ),
    wide_columns=(
        ("Progress", "string", ".status.observedWorkflow.progress", "Pods done and known."),
        ("Nodes", "integer", ".status.counts.total", "All nodes of the run."),
        ("Failed", "integer", ".status.counts.failed", "Nodes in phase Failed."),
        ("Summary", "string", ".status.summary", "The one line a person reads."),
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
        ("Mode", "string", ".spec.mode", "What is done with a decision."),
        ("Ready", "string", _condition("Ready"), "Whether the policy is valid."),
        ("Matched", "integer", ".status.counts.matched", "Runs that one of its rules matches."),
        ("Executed", "integer", ".status.counts.executed", "Acts done."),
        ("Helped", "integer", ".status.counts.helped", "Acts after which the run succeeded."),
        ("Blocked", "integer", ".status.counts.blocked", "Runs on which it would have acted, but for a guard."),
        ("Breaker", "string", ".status.breaker", "The circuit breaker."),
        ("Age", "date", ".metadata.creationTimestamp", "Since when this policy exists."),
    ),
    wide_columns=(
        ("Priority", "integer", ".spec.priority", "The highest of several that select a run is the only one."),
        ("Proposed", "integer", ".status.counts.proposed", "Acts that it would do."),
        ("Suspended", "boolean", ".spec.suspended", "Whether it does nothing for now."),
        ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', "What is wrong with it."),
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
        ("Policy", "string", ".spec.policyRef.name", "The policy that asks for it."),
        ("Action", "string", ".spec.action", "What is done."),
        ("Workflow", "string", ".spec.target.name", "The run it is about."),
        ("Attempt", "integer", ".spec.attempt", "Which act on this chain it is."),
        ("Approved", "string", _condition("Approved"), "Whether it may be done."),
        ("Executed", "string", _condition("Executed"), "Whether it was done."),
        ("Helped", "string", _condition("Succeeded"), "Whether the run then succeeded."),
        ("Age", "date", ".metadata.creationTimestamp", "Since when it is asked for."),
    ),
    wide_columns=(
        ("Rule", "string", ".spec.rule", "The rule that matched."),
        ("Reason", "string", ".spec.reason", "The class of the failure it answers."),
        ("Result", "string", ".status.resultRef.name", "What it made or changed."),
        ("Message", "string", ".status.message", "How it went."),
    ),
    selectable=(".spec.policyRef.name", ".spec.target.name", ".spec.target.uid", ".spec.action"),
    is_spec_ours=True,
)
KINDS: Final = (REPORT, POLICY, REMEDIATION)
