"""Validates policies beyond what the API server checks. Each problem names the field, its value and a fix."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct
from pydantic import ValidationError

from wfreport.api.action_types import ActionType
from wfreport.api.match import LabelSelector, Match
from wfreport.api.policy import PolicySpec, RemediationPolicy, Rule
from wfreport.api.reasons import StallReason
from wfreport.core.decide.answers import ANSWERABLE, ANSWERS, NO_HELP
from wfreport.core.decide.expressions import BadExpressionError, compiled, instructions_of
from wfreport.core.plan.inherited import is_argos, is_inherited
from wfreport.core.redact.bounds import is_label_key, is_label_value
from wfreport.core.snapshot.quantity import parse_bytes

MAX_INSTRUCTIONS: Final = 6_000
"""Size of all expressions of a policy together. Searching with them takes a message and a log tail at most two seconds
of CPU."""

_STALL_REASONS: Final = ", ".join(sorted(ANSWERABLE | set(NO_HELP)))


MAX_BYTES: Final = 128 * 1024
"""Largest spec of a policy, five times one of 32 ordinary rules. The bounds of the CRD would allow megabytes, of which
the operator keeps several in memory for each policy."""


class PolicyProblem(Struct, frozen=True):
    """An invalid field.

    Attributes:
        field: path of the field, such as ``spec.rules[2].match.messageRegex``.
        value: value of the field.
        fix: how to fix it.
    """

    field: str
    value: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r}: {self.fix}" if self.value else f"{self.field}: {self.fix}"


class InvalidPolicyError(ValueError):
    """A policy is invalid and has no effect until it is fixed.

    Attributes:
        problems: the invalid fields in order, at least one.
    """

    def __init__(self, problems: list[PolicyProblem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def read_policy(document: Mapping[str, Any]) -> RemediationPolicy:
    """Decode and validate a policy from the API server or a file. A status that does not fit counts as absent.

    Raises:
        InvalidPolicyError: the policy is invalid. For a file, this includes the bounds of the CRD.
    """
    policy = decode_policy(document)
    check_policy(policy)
    return policy


def decode_policy(document: Mapping[str, Any]) -> RemediationPolicy:
    """Decode a policy without checking what depends on several of its fields, or takes long.

    Raises:
        InvalidPolicyError: a field is missing or invalid.
    """
    try:
        policy = RemediationPolicy.model_validate(document)
    except ValidationError as error:
        own = [_of_field(details) for details in error.errors() if details["loc"][:1] != ("status",)]
        if own:
            raise InvalidPolicyError(own) from error
        policy = RemediationPolicy.model_validate({**document, "status": None})
    size = len(policy.spec.model_dump_json(exclude_unset=True))
    if size > MAX_BYTES:
        fix = f"it has {size:,} bytes of JSON, and at most {MAX_BYTES:,} are read: make several policies of it"
        raise InvalidPolicyError([PolicyProblem("spec", "", fix)])
    return policy


def check_policy(policy: RemediationPolicy) -> None:
    """Validate a decoded policy. This compiles its expressions (``matching.compiling_steps``).

    Raises:
        InvalidPolicyError: the policy is invalid.
    """
    problems = list(problems_of(policy.spec))
    if problems:
        raise InvalidPolicyError(problems)


def _of_field(error: Mapping[str, Any]) -> PolicyProblem:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    value = "" if error["type"] == "missing" else str(error["input"])[:80]
    if error["type"] == "string_type" and isinstance(error["input"], (int, float)):
        return PolicyProblem(path, value, "it must be a text: write it in quotes")
    return PolicyProblem(path, value, error["msg"][:1].lower() + error["msg"][1:])


def problems_of(spec: PolicySpec) -> Iterator[PolicyProblem]:
    """Yield the problems of a policy whose fields are all within their bounds."""
    yield from _of_selector("spec.selector", spec.selector)
    yield from _of_server_rules(spec)
    yield from _of_inheritance(spec.selector)
    for index, rule in enumerate(spec.rules):
        at = f"spec.rules[{index}]"
        yield from _of_match(f"{at}.match", rule.match)
        yield from _of_stalled(at, rule)
        yield from _of_action(f"{at}.action", rule)
        yield from _of_pod_labels(f"{at}.labelPods.labels", rule)
    yield from _of_sizes(spec.rules)
    yield from _of_backoff(spec)


def _of_sizes(rules: Sequence[Rule]) -> Iterator[PolicyProblem]:
    """Check the size of all expressions together."""
    expressions = (one for rule in rules for one in (rule.match.message_regex, rule.match.log_regex))
    size = sum(map(instructions_of, expressions))
    if size > MAX_INSTRUCTIONS:
        fix = (
            f"the expressions of all rules compile to {size} instructions of RE2, at most {MAX_INSTRUCTIONS} are "
            "allowed: shorten those that repeat much, such as x{1,100}"
        )
        yield PolicyProblem("spec.rules", "", fix)


def _of_server_rules(spec: PolicySpec) -> Iterator[PolicyProblem]:
    """Check the CEL rules that keep a policy safe, since no API server has validated a policy in a file."""
    if not (spec.selector.match_labels or spec.selector.match_expressions):
        fix = "set a label, so that the policy does not select every Workflow by accident"
        yield PolicyProblem("spec.selector", "{}", fix)
    names = [rule.name for rule in spec.rules]
    for index, rule in enumerate(spec.rules):
        if rule.name in names[:index]:
            yield PolicyProblem(f"spec.rules[{index}].name", rule.name, "give each rule a unique name")
        actions = sorted(rule.action.model_fields_set) if rule.action else ["none"]
        if len(actions) != 1:
            yield PolicyProblem(f"spec.rules[{index}].action", ", ".join(actions), "set exactly one action")


def _of_inheritance(selector: LabelSelector) -> Iterator[PolicyProblem]:
    """Check that the policy selects its own resubmissions; otherwise it could not follow its chains."""
    required = [*(selector.match_labels or {})]
    required += [one.key for one in selector.match_expressions or () if one.operator in ("In", "Exists")]
    for key in required:
        if is_label_key(key) and not is_inherited(key):
            fix = "resubmissions do not inherit this label, so the policy would not select them: use another label"
            yield PolicyProblem("spec.selector", key, fix)


def _of_selector(at: str, selector: LabelSelector) -> Iterator[PolicyProblem]:
    for key, value in (selector.match_labels or {}).items():
        yield from _of_label(f"{at}.matchLabels", key, value)
    for index, requirement in enumerate(selector.match_expressions or ()):
        path = f"{at}.matchExpressions[{index}]"
        yield from _of_label(path, requirement.key, "")
        for value in requirement.values or ():
            yield from _of_label(path, requirement.key, value)


def _of_label(at: str, key: str, value: str) -> Iterator[PolicyProblem]:
    if not is_label_key(key):
        yield PolicyProblem(
            at, key, "this is not a valid label key: use [prefix/]name, with letters, digits, '-', '_' and '.'"
        )
    elif not is_label_value(value):
        yield PolicyProblem(
            f"{at}[{key}]", value, "this is not a valid label value: use at most 63 letters, digits, '-', '_' and '.'"
        )


def _of_match(at: str, match: Match) -> Iterator[PolicyProblem]:
    for name, expression in (("messageRegex", match.message_regex), ("logRegex", match.log_regex)):
        if expression is not None:
            yield from _of_expression(f"{at}.{name}", expression)
    if match.labels is not None:
        yield from _of_selector(f"{at}.labels", match.labels)


def _of_stalled(at: str, rule: Rule) -> Iterator[PolicyProblem]:
    """Check a rule about runs that hang: its reasons, and that its action can help."""
    stalled, stop = rule.match.stalled, rule.action.stop if rule.action else None
    has_time = stop is not None and (stop.after_seconds or stop.pending_after_seconds) is not None
    if stop is not None and has_time == (stalled is not None):
        fix = "leave its times out: match.stalled.forSeconds is the time" if has_time else "set afterSeconds"
        yield PolicyProblem(f"{at}.action.stop", stop.model_dump_json(by_alias=True, exclude_none=True), fix)
    if stalled is None:
        return
    others = sorted(rule.match.model_fields_set - {"stalled", "labels"})
    if others or rule.label_pods is not None:
        fix = "runs that hang have not failed: besides stalled, match only labels, and leave labelPods out"
        yield PolicyProblem(f"{at}.match.stalled", ", ".join(others) or "labelPods", fix)
    for reason in stalled.reasons or ():
        if reason == StallReason.CONTROLLER_SILENT:
            fix = "a silent controller holds every policy: alert on the metric instead"
            yield PolicyProblem(f"{at}.match.stalled.reasons", reason, fix)
        elif reason not in set(StallReason):
            yield PolicyProblem(f"{at}.match.stalled.reasons", reason, f"use one of {_STALL_REASONS}")
    yield from _of_answer(at, rule, stalled.reasons or ())


def _of_answer(at: str, rule: Rule, reasons: Sequence[str]) -> Iterator[PolicyProblem]:
    """Check the action of a rule about runs that hang."""
    action = rule.action.type if rule.action else ActionType.NONE
    is_memoized = rule.action is not None and rule.action.resubmit is not None and rule.action.resubmit.memoized
    if action not in ANSWERS or is_memoized:
        fix = "a run that hangs can be stopped or resubmitted: use stop, resubmit (not memoized), none, or only notify"
        yield PolicyProblem(f"{at}.action", action.value, fix)
    elif action != ActionType.NONE and reasons and all(reason in NO_HELP for reason in reasons):
        fix = f"this does not help a run that hangs with {reasons[0]}: {NO_HELP[reasons[0]]}; use notify"
        yield PolicyProblem(f"{at}.action", action.value, fix)


def _of_expression(at: str, expression: str) -> Iterator[PolicyProblem]:
    try:
        compiled(expression)
    except BadExpressionError as error:
        yield PolicyProblem(at, expression, f"use a valid RE2 expression: {error}")


def _of_action(at: str, rule: Rule) -> Iterator[PolicyProblem]:
    raised = rule.action.raise_memory if rule.action else None
    if raised is None:
        return
    maximum, min_increase = parse_bytes(raised.max), parse_bytes(raised.min_increase)
    if maximum is None or maximum <= 0:
        yield PolicyProblem(f"{at}.raiseMemory.max", raised.max, "use a quantity of memory above 0, such as 16Gi")
    if min_increase is None or min_increase < 0:
        yield PolicyProblem(
            f"{at}.raiseMemory.minIncrease", raised.min_increase, "use a quantity of memory, such as 256Mi"
        )
    elif Decimal(raised.factor) < 1 or (Decimal(raised.factor) == 1 and min_increase == 0):
        yield PolicyProblem(f"{at}.raiseMemory.factor", raised.factor, "use a number above 1, or 1 with a minIncrease")


def _of_pod_labels(at: str, rule: Rule) -> Iterator[PolicyProblem]:
    for key, value in ((rule.label_pods.labels if rule.label_pods else None) or {}).items():
        yield from _of_label(at, key, value)
        if is_argos(key):
            yield PolicyProblem(f"{at}[{key}]", value, "this label controls Argo: use your own prefix")


def _of_backoff(spec: PolicySpec) -> Iterator[PolicyProblem]:
    backoff = spec.backoff
    if Decimal(backoff.factor) < 1:
        yield PolicyProblem("spec.backoff.factor", backoff.factor, "use at least 1, so that delays do not shrink")
    if Decimal(backoff.jitter) > 1:
        yield PolicyProblem("spec.backoff.jitter", backoff.jitter, "use at most 1, which doubles the delay")
    if backoff.max_seconds < backoff.initial_seconds:
        fix = f"use at least initialSeconds, {backoff.initial_seconds}"
        yield PolicyProblem("spec.backoff.maxSeconds", str(backoff.max_seconds), fix)
