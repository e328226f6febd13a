"""Which failed pods are labelled with what; at once, also while the run goes on.

A label needs no lock: to write it twice is to write it once. So there is no Remediation of it, and no budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wfreport.api.actions import LabelPods
from wfreport.api.classes import FailureClass, Role
from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import Failure, WorkflowReport
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.matching import Matched, match_rule
from wfreport.core.decide.model import History, LiveState, Run
from wfreport.core.decide.selection import select_policy

_NOT_FAILED_BY_ITSELF: Final = frozenset({Role.VICTIM})


@dataclass(frozen=True, slots=True)
class PodLabels:
    """A failed pod that a rule labels.

    Attributes:
        pod_name: the pod.
        pod_uid: no other pod of that name is meant.
        failure: what became of it.
        policy: the policy that says so; its mode says whether it is done.
        rule: the name of its rule.
        labels: the policy's labels, beside ours.
    """

    pod_name: str
    pod_uid: str
    failure: Failure
    policy: RemediationPolicy
    rule: str
    labels: Mapping[str, str] = field(default_factory=dict)


def pods_to_label(
    report: WorkflowReport, look: LiveState, policies: Sequence[RemediationPolicy], history: History
) -> list[PodLabels]:
    """The failed pods that the policy labels, and that it has not labelled yet."""
    run = latest_run(report)
    selection = select_policy(policies, run) if run else None
    if run is None or selection is None or report.status is None:
        return []
    if selection.rivals or look.is_opted_out or _is_halted(selection.policy):
        return []
    found = (_labels_of(failure, run, selection.policy, history) for failure in report.status.failures or ())
    return [labels for labels in found if labels is not None]


def _is_halted(policy: RemediationPolicy) -> bool:
    return policy.spec.suspended or bool(policy.spec.pause_requests)


def _labels_of(failure: Failure, run: Run, policy: RemediationPolicy, history: History) -> PodLabels | None:
    if not failure.pod_name or not failure.pod_uid or not _is_ours_to_label(failure, policy):
        return None
    rule = match_rule(policy, Matched(failure, run, history.runs))
    stated = rule.label_pods if rule else None
    if rule is None or stated is None or _is_labelled(failure, stated):
        return None
    return PodLabels(failure.pod_name, failure.pod_uid, failure, policy, rule.name, stated.labels or {})


def _is_ours_to_label(failure: Failure, policy: RemediationPolicy) -> bool:
    if failure.failure_class == FailureClass.CANCELLED or failure.role in _NOT_FAILED_BY_ITSELF:
        return False
    since = policy.status.enforced_since if policy.status else None
    return since is None or failure.finished_at is None or failure.finished_at >= since


def _is_labelled(failure: Failure, stated: LabelPods) -> bool:
    return failure.labelled is not None and set(stated.labels or ()) <= set(failure.labelled)
