"""Selects a policy's rule: the first one whose criteria all match."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.match import Match
from wfreport.api.policy import RemediationPolicy, Rule
from wfreport.api.report import Failure
from wfreport.core.decide.expressions import instructions_of, is_compiled, is_found
from wfreport.core.decide.model import Run
from wfreport.core.decide.selection import select_policy, selects
from wfreport.core.decide.streaks import streak_of

MAX_COMPILED: Final = 3
"""Expressions that an estimate of steps may compile: the largest take 10 ms each."""

COMPILING_STEPS: Final = 600_000
"""Steps that compiling an expression counts as: the largest takes as long as so many steps of a search."""


class MatchContext(Struct, frozen=True):
    """Everything that criteria may depend on.

    Attributes:
        failure: failure to match.
        run: run of the failure.
        runs: all known runs.
    """

    failure: Failure
    run: Run
    runs: Sequence[Run]


def match_rule(policy: RemediationPolicy, context: MatchContext) -> Rule | None:
    """Return the first rule that matches the failure, apart from rules for running or hung Workflows."""
    rules = (rule for rule in policy.spec.rules if not is_for_running(rule) and rule.match.stalled is None)
    return next((rule for rule in rules if matches(rule.match, context)), None)


def match_running(policy: RemediationPolicy, run: Run) -> Rule | None:
    """Return the first rule that stops running Workflows and matches this one."""
    return next(
        (
            rule
            for rule in policy.spec.rules
            if is_for_running(rule) and (rule.match.labels is None or selects(rule.match.labels, run.labels))
        ),
        None,
    )


def match_stalled(policy: RemediationPolicy, run: Run, reason: str) -> Rule | None:
    """Return the first rule for runs that hang which matches this one and its reason."""
    return next((rule for rule in policy.spec.rules if _matches_stalled(rule.match, run, reason)), None)


def _matches_stalled(match: Match, run: Run, reason: str) -> bool:
    if match.stalled is None or (match.stalled.reasons is not None and reason not in match.stalled.reasons):
        return False
    return match.labels is None or selects(match.labels, run.labels)


def is_for_running(rule: Rule) -> bool:
    """Return whether the rule stops running Workflows after a time."""
    return rule.action is not None and rule.action.stop is not None and rule.match.stalled is None


def matches(match: Match, context: MatchContext) -> bool:
    """Return whether all criteria match."""
    return all(criterion(match, context) for criterion in CRITERIA)


def _class(match: Match, context: MatchContext) -> bool:
    return match.classes is None or context.failure.failure_class in match.classes


def _owner(match: Match, context: MatchContext) -> bool:
    return match.owners is None or context.failure.owner in match.owners


def _exit_code(match: Match, context: MatchContext) -> bool:
    expected, code = match.exit_codes, context.failure.exit_code
    if expected is None:
        return True
    return code is not None and (code in expected.values) == (expected.operator == "In")


def _container(match: Match, context: MatchContext) -> bool:
    return match.containers is None or context.failure.container in match.containers


def _template(match: Match, context: MatchContext) -> bool:
    return match.templates is None or context.failure.template_name in match.templates


def _step(match: Match, context: MatchContext) -> bool:
    if match.steps is None:
        return True
    display_name = context.failure.display_name or ""
    return display_name in match.steps or display_name.partition("(")[0] in match.steps


def _message(match: Match, context: MatchContext) -> bool:
    return match.message_regex is None or is_found(match.message_regex, context.failure.message)


def _log(match: Match, context: MatchContext) -> bool:
    tail = context.failure.log_tail
    return match.log_regex is None or is_found(match.log_regex, tail.text if tail else None)


def _phase(match: Match, context: MatchContext) -> bool:
    return match.phases is None or context.run.phase in match.phases


def _labels(match: Match, context: MatchContext) -> bool:
    return match.labels is None or selects(match.labels, context.run.labels)


def _consecutive(match: Match, context: MatchContext) -> bool:
    expected = match.consecutive_failures
    return expected is None or streak_of(context.run, context.runs, expected.of).length >= expected.at_least


def estimated_steps(policies: Iterable[RemediationPolicy], run: Run | None, failures: Sequence[Failure]) -> int:
    """Return about how many steps the expressions of the run's policy take on failures.

    If many of them are not compiled yet, the steps are those of compiling them, which is left to the search itself.
    """
    selection = select_policy(policies, run) if failures and run is not None else None
    if selection is None:
        return 0
    new = _new_expressions(selection.policy)
    return new * COMPILING_STEPS if new > MAX_COMPILED else search_steps([selection.policy], failures)


def compiling_steps(policy: RemediationPolicy) -> int:
    """Return about how many steps of a search compiling the policy's expressions takes as long as."""
    return _new_expressions(policy) * COMPILING_STEPS


def _new_expressions(policy: RemediationPolicy) -> int:
    return sum(not is_compiled(expression) for expression in set(_expressions_of(policy)))


def _expressions_of(policy: RemediationPolicy) -> Iterator[str]:
    for rule in policy.spec.rules:
        yield from (one for one in (rule.match.message_regex, rule.match.log_regex) if one is not None)


def search_steps(policies: Iterable[RemediationPolicy], failures: Iterable[Failure]) -> int:
    """Return the most steps that the expressions of policies take on failures: instructions times characters."""
    criteria = [rule.match for policy in policies for rule in policy.spec.rules]
    of_messages = sum(instructions_of(match.message_regex) for match in criteria)
    of_logs = sum(instructions_of(match.log_regex) for match in criteria)
    if not (of_messages or of_logs):
        return 0
    return sum(
        of_messages * len(failure.message or "") + of_logs * len(failure.log_tail.text if failure.log_tail else "")
        for failure in failures
    )


CRITERIA: Final[tuple[Callable[[Match, MatchContext], bool], ...]] = (
    *(_class, _owner, _exit_code, _container, _template, _step, _phase, _labels),
    # The expensive criteria come last.
    *(_message, _log, _consecutive),
)
