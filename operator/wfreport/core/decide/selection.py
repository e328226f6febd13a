"""Selects the policy for a run, by labels and then by priority."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.match import LabelRequirement, LabelSelector
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.core.decide.labels import LabelSet
from wfreport.core.decide.model import Run

ACTING_MODES: Final = frozenset({Mode.APPROVE, Mode.ENFORCE})
"""Modes in which a policy performs actions."""


class Selection(Struct, frozen=True):
    """The policy selected for a run.

    Attributes:
        policy: policy of the highest priority; the first by name if there are several.
        rivals: names of the other policies of this priority. If there are any, no policy acts.
    """

    policy: RemediationPolicy
    rivals: tuple[str, ...] = ()


def selects(selector: LabelSelector, labels: LabelSet) -> bool:
    """Return whether the selector matches the labels, as in apimachinery's labels/selector.go."""
    exact = (selector.match_labels or {}).items()
    return all(labels.has_value(key, (value,)) for key, value in exact) and all(
        _meets(requirement, labels) for requirement in selector.match_expressions or ()
    )


def selector_text(selector: LabelSelector) -> str:
    """Return the selector as ``kubectl get --selector`` takes it: ``team=data,tier in (a,b),!canary``."""
    exact = [f"{key}={value}" for key, value in (selector.match_labels or {}).items()]
    return ",".join((*exact, *map(_requirement_text, selector.match_expressions or ())))


def _requirement_text(requirement: LabelRequirement) -> str:
    values = ",".join(requirement.values or ())
    match requirement.operator:
        case "In":
            return f"{requirement.key} in ({values})"
        case "NotIn":
            return f"{requirement.key} notin ({values})"
        case "Exists":
            return requirement.key
        case _:
            return f"!{requirement.key}"


def _meets(requirement: LabelRequirement, labels: LabelSet) -> bool:
    key, values = requirement.key, requirement.values or ()
    match requirement.operator:
        case "In":
            return labels.has_value(key, values)
        case "NotIn":
            return not labels.has_value(key, values)
        case "Exists":
            return labels.has(key)
        case _:
            return not labels.has(key)


def is_for(policy: RemediationPolicy, run: Run) -> bool:
    """Return whether the policy selects the run."""
    return policy.metadata.namespace == run.namespace and selects(policy.spec.selector, run.labels)


def select_policy(policies: Iterable[RemediationPolicy], run: Run) -> Selection | None:
    """Return the policy selected for the run, or None."""
    selecting = sorted((policy for policy in policies if is_for(policy, run)), key=lambda policy: policy.metadata.name)
    if not selecting:
        return None
    highest = max(policy.spec.priority for policy in selecting)
    first, *others = [policy for policy in selecting if policy.spec.priority == highest]
    return Selection(first, tuple(policy.metadata.name for policy in others))


def policy_groups(policies: Sequence[RemediationPolicy]) -> list[list[RemediationPolicy]]:
    """Group the policies that compete for runs: all acting ones together, each passive one alone.

    A policy in mode Observe or DryRun neither displaces an acting one nor is displaced by it: trying out a policy must
    be safe.
    """
    acting = [policy for policy in policies if policy.spec.mode in ACTING_MODES]
    passive = [[policy] for policy in policies if policy.spec.mode not in ACTING_MODES]
    return ([acting] if acting else []) + passive
