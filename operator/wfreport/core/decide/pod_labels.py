"""Selects failed pods to label, even while the run is still in progress.

Labelling is idempotent, so it needs no lock, no Remediation and no budget.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from wfreport.api.actions import LabelPods
from wfreport.api.classes import FailureClass, Role
from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import Failure, WorkflowReport
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.matching import MatchContext, match_rule, search_steps
from wfreport.core.decide.model import History, LiveState, Run
from wfreport.core.decide.selection import select_policy

MAX_STEPS: Final = 100_000_000
"""Steps of the policy's expressions on the failures of a report: two seconds at worst. No further pods are labelled."""

_PASSIVE_ROLES: Final = frozenset({Role.VICTIM})


class PodLabels(Struct, frozen=True):
    """Labels for a failed pod.

    Attributes:
        pod_name: name of the pod.
        pod_uid: uid of the pod, so that a later pod of the same name is not labelled.
        failure: failure of the pod.
        policy: policy that sets the labels; its mode determines whether they are written.
        rule: name of the matching rule.
        labels: labels of the policy, in addition to the operator's own.
    """

    pod_name: str
    pod_uid: str
    failure: Failure
    policy: RemediationPolicy
    rule: str
    labels: Mapping[str, str] = field(default_factory=dict)


def pods_to_label(
    report: WorkflowReport, live: LiveState, policies: Sequence[RemediationPolicy], history: History
) -> list[PodLabels]:
    """Return the labels of failed pods that the policy has not labelled yet."""
    run = latest_run(report)
    selection = select_policy(policies, run) if run else None
    if run is None or selection is None or report.status is None:
        return []
    if selection.rivals or live.is_opted_out or _is_halted(selection.policy):
        return []
    failures = _searchable(selection.policy, report.status.failures or ())
    labels_of_failures = (_labels_of(one, run, selection.policy, history) for one in failures)
    return [labels for labels in labels_of_failures if labels is not None]


def _searchable(policy: RemediationPolicy, failures: Sequence[Failure]) -> Iterator[Failure]:
    """Yield the failures to which the policy's expressions can be applied within ``MAX_STEPS``."""
    steps = 0
    for failure in failures:
        steps += search_steps([policy], [failure])
        if steps > MAX_STEPS:
            return
        yield failure


def _is_halted(policy: RemediationPolicy) -> bool:
    return policy.spec.suspended or bool(policy.spec.pause_requests)


def _labels_of(failure: Failure, run: Run, policy: RemediationPolicy, history: History) -> PodLabels | None:
    if not failure.pod_name or not failure.pod_uid or not _may_label(failure, policy):
        return None
    rule = match_rule(policy, MatchContext(failure, run, history.runs))
    label_pods = rule.label_pods if rule else None
    if rule is None or label_pods is None or _is_labelled(failure, label_pods):
        return None
    return PodLabels(failure.pod_name, failure.pod_uid, failure, policy, rule.name, label_pods.labels or {})


def _may_label(failure: Failure, policy: RemediationPolicy) -> bool:
    if failure.failure_class == FailureClass.CANCELLED or failure.role in _PASSIVE_ROLES:
        return False
    since = policy.status.enforced_since if policy.status else None
    return since is None or failure.finished_at is None or failure.finished_at >= since


def _is_labelled(failure: Failure, label_pods: LabelPods) -> bool:
    return failure.labelled is not None and set(label_pods.labels or ()) <= set(failure.labelled)
