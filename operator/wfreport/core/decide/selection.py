"""Which policy is for a run: by labels, then by priority."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wfreport.api.match import LabelRequirement, LabelSelector
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.core.decide.model import Run

ACTING_MODES: Final = frozenset({Mode.APPROVE, Mode.ENFORCE})
"""Modes in which a policy changes something."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The policy that is for a run.

    Attributes:
        policy: the one of the highest priority; of equal ones the first by name.
        rivals: names of the others of that priority: where there are any, none acts.
    """

    policy: RemediationPolicy
    rivals: tuple[str, ...] = ()


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether the labels fit the selector, as the API server judges it (apimachinery, labels/selector.go)."""
    exact = (selector.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        _fits(requirement, labels) for requirement in selector.match_expressions or ()
    )


def _fits(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(requirement.key), requirement.values or ()
    match requirement.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def is_for(policy: RemediationPolicy, run: Run) -> bool:
    """Whether the policy is for the run."""
    return policy.metadata.namespace == run.namespace and selects(policy.spec.selector, run.labels)


def select_policy(policies: Iterable[RemediationPolicy], run: Run) -> Selection | None:
    """The policy that is for the run; None where none is."""
    fitting = sorted((found for found in policies if is_for(found, run)), key=lambda found: found.metadata.name)
    if not fitting:
        return None
    highest = max(found.spec.priority for found in fitting)
    first, *others = [found for found in fitting if found.spec.priority == highest]
    return Selection(first, tuple(found.metadata.name for found in others))


def policy_groups(policies: Sequence[RemediationPolicy]) -> list[list[RemediationPolicy]]:
    """The policies that have to agree: those that act together, and each that only tries alone.

    A policy in mode Observe or DryRun neither stops one that acts nor is stopped by it: to try a policy must be safe.
    """
    acting = [found for found in policies if found.spec.mode in ACTING_MODES]
    trying = [[found] for found in policies if found.spec.mode not in ACTING_MODES]
    return ([acting] if acting else []) + trying
