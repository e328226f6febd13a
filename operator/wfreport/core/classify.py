"""From a failed leaf and what was seen of its pod to a class: an ordered chain of small rules, the first decides.

Order of evidence (design.md §4): the captured pod, then Argo's message, then an exit code alone. OOMKilled stands
before the exit code, since a killed child shows as 1, not 137 (reference/real-node.md). Adding a rule is one function
in ``rules_of_pods`` or ``rules_of_argo`` and one line in ``RULES``.
"""

from collections.abc import Callable
from typing import Final

from wfreport.api.classes import Confidence, FailureClass
from wfreport.core import rules_of_argo, rules_of_pods
from wfreport.core.model import Verdict
from wfreport.core.symptom import Symptom
from wfreport.core.verdicts import verdict_of

Rule = Callable[[Symptom], Verdict | None]

RULES: Final[tuple[Rule, ...]] = (
    rules_of_argo.cancelled_by_hand,
    rules_of_pods.pod_disrupted,
    rules_of_pods.kubelet_said_so,
    rules_of_pods.waited_until_the_deadline,
    rules_of_pods.deadline_passed,
    rules_of_argo.own_request_failed,
    rules_of_pods.out_of_memory,
    rules_of_pods.disrupted_by_event,
    rules_of_pods.container_lost,
    rules_of_pods.pod_vanished,
    rules_of_pods.could_not_start,
    rules_of_pods.never_started,
    rules_of_argo.resource_failed,
    rules_of_argo.artifact_trouble,
    rules_of_argo.refused_or_invalid,
    rules_of_argo.entry_template_failed,
    rules_of_pods.killed_by_signal,
    rules_of_pods.own_exit_code,
    rules_of_argo.daemon_exited,
    rules_of_argo.failed_by_hand,
)


def classify_failure(symptom: Symptom) -> Verdict:
    """What kind of failure it is, by the first rule that fits."""
    for rule in RULES:
        verdict = rule(symptom)
        if verdict is not None:
            return verdict
    return verdict_of(symptom, FailureClass.UNKNOWN, Confidence.LOW, "message" if symptom.message else "none")


def rule_table() -> list[tuple[str, str]]:
    """Name and meaning of every rule, in order: the documentation is made from it."""
    return [(rule.__name__, " ".join((rule.__doc__ or "").split())) for rule in RULES]
