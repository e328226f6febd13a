"""A next step, and what it is chosen from."""

from collections import Counter
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final

from msgspec import Struct

from wfreport.api.argo import UNFINISHED_PHASES
from wfreport.api.reasons import Reason, StallReason
from wfreport.api.report import Failure, ReportStatus, Step
from wfreport.core.classify.kubeflow_programs import is_kubeflow_template

CONTROLLER: Final = "deployment/workflow-controller"
CONTROLLER_NAMESPACE: Final = "argo"
"""The namespace of Argo's controller in Argo's own manifests."""

_WITHOUT_LOG: Final = frozenset({Reason.POD_NOT_CAPTURED, Reason.LOG_GONE})
"""Missing evidence of a failure whose pod was deleted."""


_READING: Final = frozenset(
    {
        *(("kubectl", verb) for verb in ("get", "describe", "logs", "auth")),
        *(("argo", verb) for verb in ("get", "list", "logs")),
    }
)


class NextStep(Struct, frozen=True):
    """What a person does next.

    Attributes:
        text: what to do; with a command, what the command is for.
        command: program and arguments, without the cluster's; empty if no single command does it.
        namespace: namespace of the command; None for that of the run, empty if it takes none.
        topic: what of the run it is about, if the run has several things to mend; else empty.
    """

    text: str
    command: tuple[str, ...] = ()
    namespace: str | None = None
    topic: str = ""

    @property
    def only_reads(self) -> bool:
        """Whether its command changes nothing, whatever the state is in which somebody enters it."""
        return self.command[:1] == ("wfreport",) or self.command[:2] in _READING


def can_retry(status: ReportStatus) -> bool:
    """Return whether ``argo retry`` can continue a run.

    Argo needs a failed step, and refuses a run that goes on, is being deleted, or has a step that never ended.
    """
    leading = next(iter(status.failures or ()), None)
    if leading is None or leading.node_id is None:
        return False
    phase = (status.observed_workflow.phase if status.observed_workflow else None) or ""
    has_ended = phase not in UNFINISHED_PHASES and not _is_being_deleted(status)
    return has_ended and not any(step.phase in UNFINISHED_PHASES for step in status.steps or ())


def _is_being_deleted(status: ReportStatus) -> bool:
    return status.stalled is not None and status.stalled.reason == StallReason.DELETION_BLOCKED


class ReportedRun(Struct, frozen=True, dict=True):
    """A run as its report shows it, and what of it still exists.

    Attributes:
        workflow: name of the Workflow.
        namespace: its namespace.
        status: status of its report.
        has_workflow: whether the Workflow still exists, so that Argo can retry it.
        existing_pods: which of its pods exist; None if nobody has read that.
        has_policy_action: whether a RemediationPolicy acts on the run, so that a person does not repeat it.
    """

    workflow: str
    namespace: str
    status: ReportStatus
    has_workflow: bool = True
    existing_pods: AbstractSet[str] | None = None
    has_policy_action: bool = False

    @property
    def phase(self) -> str:
        """Phase of the run; empty if Argo has not taken it up."""
        return (self.status.observed_workflow.phase if self.status.observed_workflow else None) or ""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The listed steps."""
        return tuple(self.status.steps or ())

    @cached_property
    def display_names(self) -> Counter[str]:
        """Number of steps by display name."""
        return Counter(step.display_name for step in self.steps)

    @cached_property
    def is_of_kubeflow(self) -> bool:
        """Whether Kubeflow Pipelines compiled the Workflow: people change and run it there."""
        templates = (each.template_name for each in (*(self.status.failures or ()), *self.steps))
        return any(name and is_kubeflow_template(name) for name in templates)

    @property
    def is_being_deleted(self) -> bool:
        """Whether the Workflow still exists only because a finalizer holds it: nothing can run it again."""
        return _is_being_deleted(self.status)

    @property
    def is_retriable(self) -> bool:
        """Whether ``argo retry`` can continue the run."""
        return can_retry(self.status)

    @property
    def goes_on(self) -> bool:
        """Whether the run has not ended."""
        return self.phase in UNFINISHED_PHASES

    def has_pod(self, pod_name: str | None) -> bool:
        """Whether a pod exists for certain."""
        return pod_name is not None and self.existing_pods is not None and pod_name in self.existing_pods

    def may_have_log(self, failure: Failure) -> bool:
        """Whether ``wfreport logs`` has a source: the pod, the stored end of the log, or Argo's archive."""
        if failure.pod_name is None:
            return False
        missing = failure.evidence_missing or ()
        is_unknown = self.existing_pods is None and _WITHOUT_LOG.isdisjoint(missing)
        return (
            bool(failure.log_tail) or self.has_pod(failure.pod_name) or Reason.LOG_IN_ARCHIVE in missing or is_unknown
        )

    def step_argument(self, failure: Failure) -> str:
        """Return the name of the failed step for a command: its display name, or another one if steps share it.

        The leading failure's is that of the column STEP, any other's is its pod.
        """
        name, step = failure.display_name or "", self.status.step or ""
        is_leading = failure is next(iter(self.status.failures or ()), None)
        if is_leading and step.endswith(f".{name}") and not step.startswith("-"):
            return step
        is_unique = self.display_names[name] == 1 and not name.startswith("-")
        return name if is_unique else failure.pod_name or name
