"""Classifies a failed leaf by an ordered table of small rules; the first match counts.

Evidence is evaluated in this order: the captured pod, Argo's message, an exit code alone. OOMKilled precedes the exit
code, because a step whose child process was killed may end with 1 instead of 137 (docs/explanation/argo-behaviour.md).

To add a rule, write a function in ``pod_rules`` or ``argo_rules`` and add it to ``RULES``.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from wfreport.api.classes import Confidence
from wfreport.api.classes import FailureClass as Class
from wfreport.core.classify import argo_rules, pod_rules
from wfreport.core.classify.symptom import Symptom
from wfreport.core.classify.verdicts import verdict_of
from wfreport.core.snapshot.model import Verdict


class ClassifierRule(Struct, frozen=True):
    """A rule of the classifier.

    Attributes:
        decide: returns the verdict, or None if the rule does not match. Its docstring is the rule's documentation.
        reads: the evidence that the rule evaluates, in words.
        yields: all classes that the rule can return.
    """

    decide: Callable[[Symptom], Verdict | None]
    reads: str
    yields: frozenset[Class]

    @property
    def name(self) -> str:
        """Name of the rule in tests."""
        return self.decide.__name__

    @property
    def meaning(self) -> str:
        """Condition of the rule, in words."""
        return " ".join((self.decide.__doc__ or "").replace("``", "`").split())


RULES: Final[tuple[ClassifierRule, ...]] = (
    ClassifierRule(
        argo_rules.cancelled,
        "workflow.spec.shutdown, node.message",
        frozenset({Class.CANCELLED}),
    ),
    ClassifierRule(
        pod_rules.disrupted_by_pod_status,
        "pod.status.reason, pod condition DisruptionTarget",
        frozenset({Class.EVICTED, Class.NODE_LOST, Class.PREEMPTED, Class.UNSCHEDULABLE, Class.CONFIG_ERROR}),
    ),
    ClassifierRule(
        pod_rules.disrupted_by_message,
        "node.message",
        frozenset({Class.EVICTED, Class.NODE_LOST, Class.PREEMPTED, Class.UNSCHEDULABLE, Class.CONFIG_ERROR}),
    ),
    ClassifierRule(
        pod_rules.deadline_while_waiting,
        "pod events, waiting containers, node.synchronizationStatus, the report's own waiting",
        frozenset({Class.IMAGE_PULL, Class.CONFIG_ERROR, Class.UNSCHEDULABLE, Class.LOCK_WAIT}),
    ),
    ClassifierRule(
        pod_rules.deadline_exceeded,
        "node.message, pod.status.reason, workflow.spec.activeDeadlineSeconds",
        frozenset({Class.TIMEOUT}),
    ),
    ClassifierRule(
        argo_rules.request_failed,
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
        pod_rules.pod_deleted,
        "node.message",
        frozenset({Class.POD_DELETED}),
    ),
    ClassifierRule(
        pod_rules.container_start_failed,
        "pod container states, node.message",
        frozenset({Class.IMAGE_PULL, Class.CONFIG_ERROR, Class.UNSCHEDULABLE}),
    ),
    ClassifierRule(
        pod_rules.pod_failed_before_start,
        "node.message",
        frozenset({Class.UNKNOWN}),
    ),
    ClassifierRule(
        argo_rules.resource_failed,
        "node.message",
        frozenset({Class.EXIT_CODE, Class.CONFIG_ERROR}),
    ),
    ClassifierRule(
        argo_rules.artifact_failed,
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
        pod_rules.program_exited,
        "exit code",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        argo_rules.daemon_exited,
        "node.outputs.exitCode",
        frozenset({Class.EXIT_CODE}),
    ),
    ClassifierRule(
        argo_rules.suspend_failed_by_user,
        "node.type",
        frozenset({Class.CANCELLED}),
    ),
)


def classify_failure(symptom: Symptom) -> Verdict:
    """Return the verdict of the first rule that matches; Unknown if none does."""
    for rule in RULES:
        verdict = rule.decide(symptom)
        if verdict is not None:
            return verdict
    return verdict_of(symptom, Class.UNKNOWN, Confidence.LOW, "message" if symptom.message else "none")
