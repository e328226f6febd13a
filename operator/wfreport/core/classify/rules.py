"""From a failed leaf and what was seen of its pod to a class: an ordered chain of small rules, the first decides.

Order of evidence: the captured pod, then Argo's message, then an exit code alone. OOMKilled stands
before the exit code, since a killed child shows as 1, not 137 (docs/explanation/argo-behaviour.md). Adding a rule is one function
in ``rules_of_pods`` or ``rules_of_argo`` and one line in ``RULES``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wfreport.api.classes import Confidence
from wfreport.api.classes import FailureClass as Class
from wfreport.core.classify import argo_rules, pod_rules
from wfreport.core.classify.symptom import Symptom
from wfreport.core.classify.verdicts import verdict_of
from wfreport.core.snapshot.model import Verdict


@dataclass(frozen=True, slots=True)
class ClassifierRule:
    """One rule of the chain.

    Attributes:
        decide: the verdict where the rule fits, else None; its docstring is its documentation.
        reads: what it looks at, in words.
        yields: every class that it may give.
    """

    decide: Callable[[Symptom], Verdict | None]
    reads: str
    yields: frozenset[Class]

    @property
    def name(self) -> str:
        """The rule's name in the documentation."""
        return self.decide.__name__

    @property
    def meaning(self) -> str:
        """When it fits, in words."""
        return " ".join((self.decide.__doc__ or "").replace("``", "`").split())


RULES: Final[tuple[ClassifierRule, ...]] = (
    ClassifierRule(
        argo_rules.cancelled_by_hand,
        "workflow.spec.shutdown, node.message",
        frozenset({Class.CANCELLED}),
    ),
    ClassifierRule(
        pod_rules.pod_disrupted,
        "pod.status.reason, pod condition DisruptionTarget",
        frozenset({Class.EVICTED, Class.NODE_LOST, Class.PREEMPTED, Class.UNSCHEDULABLE, Class.CONFIG_ERROR}),
    ),
    ClassifierRule(
        pod_rules.kubelet_said_so,
        "node.message",
        frozenset({Class.EVICTED, Class.NODE_LOST, Class.PREEMPTED, Class.UNSCHEDULABLE, Class.CONFIG_ERROR}),
    ),
    ClassifierRule(
        pod_rules.waited_until_the_deadline,
        "pod events, waiting containers, node.synchronizationStatus, the report's own waiting",
        frozenset({Class.IMAGE_PULL, Class.CONFIG_ERROR, Class.UNSCHEDULABLE, Class.LOCK_WAIT}),
    ),
    ClassifierRule(
        pod_rules.deadline_passed,
        "node.message, pod.status.reason, workflow.spec.activeDeadlineSeconds",
        frozenset({Class.TIMEOUT}),
    ),
    ClassifierRule(
        argo_rules.own_request_failed,
        "node.type, node.message",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        pod_rules.out_of_memory,
        "pod container states, node.message",
        frozenset({Class.OOM_KILLED}),
    ),
    ClassifierRule(
        pod_rules.disrupted_by_event,
        "pod events, exit code, node.message",
        frozenset({Class.PREEMPTED, Class.NODE_LOST, Class.EVICTED}),
    ),
    ClassifierRule(
        pod_rules.container_lost,
        "node.message",
        frozenset({Class.NODE_LOST}),
    ),
    ClassifierRule(
        pod_rules.pod_vanished,
        "node.message",
        frozenset({Class.POD_DELETED}),
    ),
    ClassifierRule(
        pod_rules.could_not_start,
        "pod container states, node.message",
        frozenset({Class.IMAGE_PULL, Class.CONFIG_ERROR, Class.UNSCHEDULABLE}),
    ),
    ClassifierRule(
        pod_rules.never_started,
        "node.message",
        frozenset({Class.UNKNOWN}),
    ),
    ClassifierRule(
        argo_rules.resource_failed,
        "node.message",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        argo_rules.artifact_trouble,
        "node.message",
        frozenset({Class.ARTIFACT_IO}),
    ),
    ClassifierRule(
        argo_rules.refused_or_invalid,
        "node.message, workflow.status.message",
        frozenset(
            {Class.QUOTA_EXCEEDED, Class.CONFIG_ERROR, Class.LOCK_WAIT, Class.TEMPLATE_ERROR, Class.CONTROLLER_ERROR}
        ),
    ),
    ClassifierRule(
        argo_rules.entry_template_failed,
        "workflow.status.message",
        frozenset({Class.CONTROLLER_ERROR}),
    ),
    ClassifierRule(
        pod_rules.killed_by_signal,
        "exit code",
        frozenset({Class.KILLED}),
    ),
    ClassifierRule(
        pod_rules.own_exit_code,
        "exit code",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        argo_rules.daemon_exited,
        "node.outputs.exitCode",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        argo_rules.failed_by_hand,
        "node.type",
        frozenset({Class.CANCELLED}),
    ),
)


def classify_failure(symptom: Symptom) -> Verdict:
    """What kind of failure it is, by the first rule that fits."""
    for rule in RULES:
        verdict = rule.decide(symptom)
        if verdict is not None:
            return verdict
    return verdict_of(symptom, Class.UNKNOWN, Confidence.LOW, "message" if symptom.message else "none")
