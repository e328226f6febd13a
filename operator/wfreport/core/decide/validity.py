"""What is wrong with a policy that the API server cannot see: what it names, what it holds, and what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from wfreport.api.match import LabelSelector, Match
from wfreport.api.policy import PolicySpec, RemediationPolicy, Rule
from wfreport.core.decide.expressions import BadExpressionError, compiled
from wfreport.core.plan.inherited import is_argos, is_inherited
from wfreport.core.plan.quantity import parse_bytes
from wfreport.core.redact.bounds import is_label_key, is_label_value


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with a field.

    Attributes:
        field: its path: ``spec.rules[2].match.messageRegex``.
        value: what it holds.
        remedy: what to do.
    """

    field: str
    value: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r}: {self.remedy}"


class InvalidPolicyError(ValueError):
    """A policy that does nothing until it is put right.

    Attributes:
        problems: what is wrong, in the order of the fields; at least one.
    """

    def __init__(self, problems: list[PolicyProblem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def read_policy(document: Mapping[str, Any]) -> RemediationPolicy:
    """A policy as the API server, or a file, has it.

    Raises:
        InvalidPolicyError: it is not valid; of a file, by the bounds of the CRD too.
    """
    try:
        policy = RemediationPolicy.model_validate(document)
    except ValidationError as error:
        raise InvalidPolicyError([_of_field(found) for found in error.errors()]) from error
    problems = list(problems_of(policy.spec))
    if problems:
        raise InvalidPolicyError(problems)
    return policy


def _of_field(error: Mapping[str, Any]) -> PolicyProblem:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    value = "" if error["type"] == "missing" else str(error["input"])[:80]
    return PolicyProblem(path, value, error["msg"][:1].lower() + error["msg"][1:])


def problems_of(spec: PolicySpec) -> Iterator[PolicyProblem]:
    """What is wrong with a policy whose fields are each within their bounds."""
    yield from _of_selector("spec.selector", spec.selector)
    yield from _of_what_the_server_checks(spec)
    yield from _of_what_is_not_inherited(spec.selector)
    for index, rule in enumerate(spec.rules):
        at = f"spec.rules[{index}]"
        yield from _of_match(f"{at}.match", rule.match)
        yield from _of_action(f"{at}.action", rule)
        yield from _of_pod_labels(f"{at}.labelPods.labels", rule)
    yield from _of_backoff(spec)


def _of_what_the_server_checks(spec: PolicySpec) -> Iterator[PolicyProblem]:
    """The CEL rules without which a policy would be dangerous: one in a file has met no API server yet."""
    if not (spec.selector.match_labels or spec.selector.match_expressions):
        yield PolicyProblem("spec.selector", "{}", "state a label, lest the policy mean every Workflow by accident")
    names = [rule.name for rule in spec.rules]
    for index, rule in enumerate(spec.rules):
        if rule.name in names[:index]:
            yield PolicyProblem(f"spec.rules[{index}].name", rule.name, "give each rule a name of its own")
        stated = sorted(rule.action.model_fields_set) if rule.action else ["none"]
        if len(stated) != 1:
            yield PolicyProblem(f"spec.rules[{index}].action", ", ".join(stated), "state exactly one action")


def _of_what_is_not_inherited(selector: LabelSelector) -> Iterator[PolicyProblem]:
    """A policy that does not select the runs it makes would lose sight of its chains."""
    needed = [*(selector.match_labels or {})]
    needed += [found.key for found in selector.match_expressions or () if found.operator in ("In", "Exists")]
    for key in needed:
        if is_label_key(key) and not is_inherited(key):
            remedy = "a resubmission does not take this label over, and the policy would not select it: use another"
            yield PolicyProblem("spec.selector", key, remedy)


def _of_selector(at: str, selector: LabelSelector) -> Iterator[PolicyProblem]:
    for key, value in (selector.match_labels or {}).items():
        yield from _of_label(f"{at}.matchLabels", key, value)
    for index, requirement in enumerate(selector.match_expressions or ()):
        here = f"{at}.matchExpressions[{index}]"
        yield from _of_label(here, requirement.key, "")
        for value in requirement.values or ():
            yield from _of_label(here, requirement.key, value)


def _of_label(at: str, key: str, value: str) -> Iterator[PolicyProblem]:
    if not is_label_key(key):
        yield PolicyProblem(
            at, key, "no label has such a key: write [prefix/]name, of letters, digits, '-', '_' and '.'"
        )
    elif not is_label_value(value):
        yield PolicyProblem(
            f"{at}[{key}]", value, "no label has such a value: write at most 63 letters, digits, '-', '_' and '.'"
        )


def _of_match(at: str, match: Match) -> Iterator[PolicyProblem]:
    for name, expression in (("messageRegex", match.message_regex), ("logRegex", match.log_regex)):
        if expression is not None:
            yield from _of_expression(f"{at}.{name}", expression)
    if match.labels is not None:
        yield from _of_selector(f"{at}.labels", match.labels)


def _of_expression(at: str, expression: str) -> Iterator[PolicyProblem]:
    try:
        compiled(expression)
    except BadExpressionError as error:
        yield PolicyProblem(at, expression, f"write a regular expression as RE2 takes it; it says: {error}")


def _of_action(at: str, rule: Rule) -> Iterator[PolicyProblem]:
    raised = rule.action.raise_memory if rule.action else None
    if raised is None:
        return
    most, least = parse_bytes(raised.max), parse_bytes(raised.min_increase)
    if most is None or most <= 0:
        yield PolicyProblem(f"{at}.raiseMemory.max", raised.max, "write a quantity of memory above 0, such as 16Gi")
    if least is None or least < 0:
        yield PolicyProblem(
            f"{at}.raiseMemory.minIncrease", raised.min_increase, "write a quantity of memory, such as 256Mi"
        )
    elif Decimal(raised.factor) < 1 or (Decimal(raised.factor) == 1 and least == 0):
        yield PolicyProblem(
            f"{at}.raiseMemory.factor", raised.factor, "write a number above 1, or a minIncrease beside 1"
        )


def _of_pod_labels(at: str, rule: Rule) -> Iterator[PolicyProblem]:
    for key, value in ((rule.label_pods.labels if rule.label_pods else None) or {}).items():
        yield from _of_label(at, key, value)
        if is_argos(key):
            yield PolicyProblem(f"{at}[{key}]", value, "Argo decides by this label: use a prefix of your own")


def _of_backoff(spec: PolicySpec) -> Iterator[PolicyProblem]:
    backoff = spec.backoff
    if Decimal(backoff.factor) < 1:
        yield PolicyProblem("spec.backoff.factor", backoff.factor, "write at least 1, or the waits grow shorter")
    if Decimal(backoff.jitter) > 1:
        yield PolicyProblem("spec.backoff.jitter", backoff.jitter, "write at most 1, which is as much again")
    if backoff.max_seconds < backoff.initial_seconds:
        remedy = f"write at least initialSeconds, {backoff.initial_seconds}"
        yield PolicyProblem("spec.backoff.maxSeconds", str(backoff.max_seconds), remedy)
