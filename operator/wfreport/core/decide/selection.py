"""Selects the policy for a run, by labels and then by priority."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.match import LabelRequirement, LabelSelector
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.core.decide.labels import LabelSet
from wfreport.core.decide.model import Run

ACTING_MODES: Final = frozenset({Mode.APPROVE, Mode.ENFORCE})
"""Modes in which a policy performs actions."""


_RUN_STEPS: Final = 300
_REQUIREMENT_STEPS: Final = 100
"""To ask about a run, and for one requirement, takes at most as long as so many steps of a search."""


class Selection(Struct, frozen=True):
    """The policy selected for a run.

    Attributes:
        policy: policy of the highest priority; the first by name if there are several.
        rivals: names of the other policies of this priority. If there are any, no policy acts.
    """

    policy: RemediationPolicy
    rivals: tuple[str, ...] = ()


class HashedSelector(Struct, frozen=True):
    """A label selector whose hashes are computed once, to be asked about thousands of runs.

    A selector has up to 32 requirements with 64 values each. To hash them takes a millisecond.
    """

    _required: tuple[tuple[bool, frozenset[int]], ...]

    @classmethod
    def of(cls, selector: LabelSelector) -> "HashedSelector":
        """Return the selector with its hashes."""
        return cls(tuple(_required(selector)))

    def matches(self, labels: LabelSet) -> bool:
        """Return whether it matches the labels, as in apimachinery's labels/selector.go."""
        own = labels.hashes()
        return all(hashes.isdisjoint(own) != is_expected for is_expected, hashes in self._required)


def _required(selector: LabelSelector) -> Iterator[tuple[bool, frozenset[int]]]:
    """Yield hashes, and whether the labels must have one of them or none."""
    for pair in (selector.match_labels or {}).items():
        yield True, frozenset((hash(pair),))
    for requirement in selector.match_expressions or ():
        yield requirement.operator in {"In", "Exists"}, _hashes_of(requirement)


def _hashes_of(requirement: LabelRequirement) -> frozenset[int]:
    if requirement.operator in {"In", "NotIn"}:
        return frozenset(hash((requirement.key, value)) for value in requirement.values or ())
    return frozenset((hash(requirement.key),))


def selects(selector: LabelSelector, labels: LabelSet) -> bool:
    """Return whether the selector matches the labels."""
    return HashedSelector.of(selector).matches(labels)


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


def is_for(policy: RemediationPolicy, run: Run) -> bool:
    """Return whether the policy selects the run."""
    return policy.metadata.namespace == run.namespace and selects(policy.spec.selector, run.labels)


def runs_for(policy: RemediationPolicy, runs: Iterable[Run]) -> list[Run]:
    """Return the runs that the policy selects."""
    selector = HashedSelector.of(policy.spec.selector)
    return [run for run in runs if run.namespace == policy.metadata.namespace and selector.matches(run.labels)]


def judging_steps(policies: Iterable[RemediationPolicy], runs: int) -> int:
    """Return about how many steps of a search it takes to go through so many runs for one of the policies."""
    selectors = (policy.spec.selector for policy in policies)
    terms = max((len(one.match_labels or ()) + len(one.match_expressions or ()) for one in selectors), default=0)
    return runs * (_RUN_STEPS + _REQUIREMENT_STEPS * terms)


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
