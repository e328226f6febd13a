"""Which rule of a policy matches: the first, of which all that is stated fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wfreport.api.classes import Role
from wfreport.api.match import Match
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.report import Failure
from wfreport.core.decide.expressions import is_found
from wfreport.core.decide.model import Run
from wfreport.core.decide.selection import selects
from wfreport.core.decide.streaks import streak_of

DECISIVE_ROLES: Final = frozenset({Role.ROOT_CAUSE, Role.EXIT_HANDLER})
"""Roles of failures that end a run."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a match is held against.

    Attributes:
        failure: the failure.
        run: the run it is of.
        runs: all runs that are known.
    """

    failure: Failure
    run: Run
    runs: Sequence[Run]


def match_rule(policy: RemediationPolicy, matched: Matched) -> Rule | None:
    """The first rule for failures that matches; rules that stop running Workflows are none."""
    return next((rule for rule in policy.spec.rules if not is_for_running(rule) and fits(rule.match, matched)), None)


def match_running(policy: RemediationPolicy, run: Run) -> Rule | None:
    """The first rule that stops running Workflows like this one."""
    return next(
        (
            rule
            for rule in policy.spec.rules
            if is_for_running(rule) and (rule.match.labels is None or selects(rule.match.labels, run.labels))
        ),
        None,
    )


def is_for_running(rule: Rule) -> bool:
    """Whether the rule is for Workflows that run."""
    return rule.action is not None and rule.action.stop is not None


def fits(match: Match, matched: Matched) -> bool:
    """Whether all that the match states fits."""
    return all(criterion(match, matched) for criterion in CRITERIA)


def _class(match: Match, matched: Matched) -> bool:
    return match.classes is None or matched.failure.failure_class in match.classes


def _owner(match: Match, matched: Matched) -> bool:
    return match.owners is None or matched.failure.owner in match.owners


def _exit_code(match: Match, matched: Matched) -> bool:
    stated, code = match.exit_codes, matched.failure.exit_code
    if stated is None:
        return True
    return code is not None and (code in stated.values) == (stated.operator == "In")


def _container(match: Match, matched: Matched) -> bool:
    return match.containers is None or matched.failure.container in match.containers


def _template(match: Match, matched: Matched) -> bool:
    return match.templates is None or matched.failure.template_name in match.templates


def _step(match: Match, matched: Matched) -> bool:
    if match.steps is None:
        return True
    shown = matched.failure.display_name or ""
    return shown in match.steps or shown.partition("(")[0] in match.steps


def _message(match: Match, matched: Matched) -> bool:
    return match.message_regex is None or is_found(match.message_regex, matched.failure.message)


def _log(match: Match, matched: Matched) -> bool:
    tail = matched.failure.log_tail
    return match.log_regex is None or is_found(match.log_regex, tail.text if tail else None)


def _phase(match: Match, matched: Matched) -> bool:
    return match.phases is None or matched.run.phase in match.phases


def _labels(match: Match, matched: Matched) -> bool:
    return match.labels is None or selects(match.labels, matched.run.labels)


def _consecutive(match: Match, matched: Matched) -> bool:
    stated = match.consecutive_failures
    return stated is None or streak_of(matched.run, matched.runs, stated.of).length >= stated.at_least


CRITERIA: Final[tuple[Callable[[Match, Matched], bool], ...]] = (
    *(_class, _owner, _exit_code, _container, _template, _step, _phase, _labels),
    # The dear ones last.
    *(_message, _log, _consecutive),
)
