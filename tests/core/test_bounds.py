"""The time of a report is linear in the size of its Workflow, whatever its nodes are (`make bench-bounds` measures).

The time of policies and stored reports is bounded as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.decide.builders import END, LATER, SINKS, a_failure, a_report, live_state_of
from tests.core.hostile import UNITS, cpu_seconds, packed_workflow, peak_bytes, repeated
from tests.examples import is_fast, steps

from bench.bounds import SHAPES, fan_out, messages, node, report_on, workflow_of
from wfreport.api.policy import RemediationPolicy
from wfreport.api.remediation import LockClass
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import runs_of
from wfreport.core.decide.model import History, OperatorLimits
from wfreport.core.decide.validity import MAX_BYTES, InvalidPolicyError, read_policy
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.definition import digest_definition
from wfreport.kube.reports import stored_report
from wfreport.remediation.gatherer import report_of

pytestmark = pytest.mark.long

SMALL, LARGE = 500, 2_000
MAX_RATIO = 10
"""Four times the size costs at most ten times the time; anything quadratic costs sixteen times as much."""


def seconds(raw: bytes, *, tries: int = 3) -> float:
    return cpu_seconds(lambda: report_on(decode_workflow(raw)), tries=tries)


@pytest.mark.parametrize("name", steps(list(SHAPES), thinned_to=2))
def test_four_times_the_nodes_take_no_more_than_linear_time(name: str) -> None:
    small, large = (workflow_of(SHAPES[name](size)) for size in (SMALL, LARGE))
    assert seconds(large) <= MAX_RATIO * max(seconds(small), 0.01)


parts = st.tuples(
    st.sampled_from([fan_out, *SHAPES.values(), *map(messages, UNITS)]),
    st.integers(1, 40),
    st.sampled_from(["Failed", "Succeeded", "Running", "Pending", "Error", "Omitted", "odd"]),
)


@settings(
    max_examples=int(os.environ.get("BOUNDS_EXAMPLES", "3" if is_fast() else "100")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(mixed=st.lists(parts, min_size=1, max_size=3), size=st.integers(50, 1_500), unit=st.sampled_from(UNITS))
def test_any_mixture_of_shapes_and_texts_takes_little_time(
    mixed: list[tuple[object, int, str]], size: int, unit: str
) -> None:
    nodes = {"wf": node("wf", "wf", message=(unit * 4_000)[:4_000])}
    for shape, links, phase in mixed:
        made = shape(size)  # type: ignore[operator]
        for key in list(made)[:links]:
            made[key] |= {"phase": phase, "children": list(made)[-links:], "message": unit * links}
        nodes |= made
    raw = workflow_of(nodes)
    # Neighbours on the processor and patterns that are compiled for the first time cost something once.
    assert seconds(raw, tries=1) < 2 or seconds(raw) < 2


def many(size: int) -> dict[str, Any]:
    return {f"k{n}": "1" for n in range(size)}


def nested(size: int) -> dict[str, Any]:
    """Return objects within each other, whose keys are long."""
    value: dict[str, Any] = {"end": "1"}
    for _ in range(150):
        value = {repeated("k", size // 10): value}
    return value


def amounts(size: int) -> list[dict[str, Any]]:
    return [{"name": repeated("c", size * 8), "image": "i", "resources": {"limits": many(size)}}]


DEFINITIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "a long key of many": lambda size: {"plugin": {repeated("k", size * 8): many(size)}},
    "long keys within each other": lambda size: {"plugin": nested(size)},
    "many fields": many,
    "many amounts of a container with a long name": lambda size: {"sidecars": amounts(size)},
    "many containers of a step with a long name": lambda size: {
        "steps": [[{
            "name": repeated("s", size * 8),
            "inline": {"sidecars": [{"name": f"c{n}", "image": "i"} for n in range(size)]},
        }]],
    },
}  # fmt: skip
"""Templates of which one text is repeated for each of many."""


def definition_of(template: dict[str, Any], **spec: Any) -> bytes:
    spec = {"entrypoint": "t", "templates": [{"name": "t", **template}], **spec}
    return json.dumps({"metadata": {"name": "wf", "namespace": "ns", "uid": "u"}, "spec": spec}).encode()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_is_digested_in_linear_memory_and_time(name: str) -> None:
    small, large = (definition_of(DEFINITIONS[name](size)) for size in (SMALL, LARGE))
    assert digest_definition(large) is not None
    assert peak_bytes(lambda: digest_definition(large)) <= 40 * len(large) + (1 << 20)

    def digest_seconds(raw: bytes) -> float:
        return cpu_seconds(lambda: digest_definition(raw))

    assert digest_seconds(large) <= MAX_RATIO * max(digest_seconds(small), 0.01)


@pytest.mark.parametrize("unit", steps(["x", "password=", "token: ", "--token ", "a1b2"], thinned_to=2))
def test_long_parameters_are_digested_in_linear_time(unit: str) -> None:
    def workflow(size: int) -> bytes:
        parameters = [{"name": f"p{n}", "value": repeated(unit, 40 * size)} for n in range(8)]
        return packed_workflow(fan_out(10), spec={"arguments": {"parameters": parameters}})

    small, large = workflow(SMALL // 2), workflow(LARGE // 2)
    assert seconds(large, tries=1) <= MAX_RATIO * max(seconds(small, tries=1), 0.05)


EXPRESSIONS = (
    *(r"\b(a|b)*a(a|b){%d}\b!", r"(?:.?){%d}y", r"(?i)(?:[a-z0-9_]{0,9}){%d}!", r"(.*)(a.{%d}b)(.*)c!", r"(a|b|%d)+$"),
    *(r"(?:\pL*\d?){%d}!", r"(\w+\s?){%d}:", r".{%d}x", r"[^%d]*(a*b*){9}!", r"((((x{%d}){9}){9}){9})"),
)
"""Shapes of expressions that take long, each with a number."""


def policy_of(shapes: list[tuple[str, int]], unit: str) -> dict[str, Any]:
    """Return a policy almost as large as one may be, with these expressions in its rules."""
    expressions = [(shape % number)[:253] for shape, number in shapes]
    keys = [f"{n:02}.{repeated('k', 240)}/{repeated('k', 60)}" for n in range(32)]
    labels = [{"key": key, "operator": "NotIn", "values": [repeated("v", 63)] * 4} for key in keys]
    names = [f"{n}{repeated(unit, 250)}" for n in range(16)]
    rules = [
        {
            "name": f"r{n}",
            "match": {
                "logRegex": expressions[n % len(expressions)],
                "messageRegex": expressions[-n % len(expressions)],
                "labels": {"matchExpressions": labels[n : n + 1]},
                "steps": ["transform", names[n % 16]],
            },
            "action": {
                "resubmit": {"parameters": [{"name": name, "value": repeated(unit, 512)} for name in names[:2]]}
            },
            "notify": SINKS,
        }
        for n in range(32)
    ]
    spec = {"mode": "DryRun", "selector": {"matchLabels": {"team": "data"}, "matchExpressions": labels}, "rules": rules}
    return {"metadata": {"name": "p", "namespace": "data", "uid": "p", "generation": 1}, "spec": spec}


def test_a_policy_that_is_larger_than_one_may_be_is_refused_with_the_cause() -> None:
    document = policy_of([("x%d", 1)], "x")
    assert MAX_BYTES * 3 // 4 < len(json.dumps(document["spec"])) < MAX_BYTES
    assert valid_policy(document)
    for rule in document["spec"]["rules"]:
        rule["match"]["steps"] = [f"{n}" + repeated("s", 250) for n in range(16)]
    with pytest.raises(InvalidPolicyError, match="at most 131,072 are read"):
        read_policy(document)


def valid_policy(document: dict[str, Any]) -> list[RemediationPolicy]:
    """Read a policy; return none if it is not valid."""
    try:
        return [read_policy(document)]
    except InvalidPolicyError:
        return []


@settings(
    max_examples=int(os.environ.get("BOUNDS_EXAMPLES", "3" if is_fast() else "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    shapes=st.lists(st.tuples(st.sampled_from(EXPRESSIONS), st.integers(1, 999)), min_size=1, max_size=32),
    unit=st.sampled_from(UNITS),
    text=st.sampled_from(["a", "ab", "x", "aab", *UNITS]),
)
def test_any_policy_is_read_and_decides_in_little_time(shapes: list[tuple[str, int]], unit: str, text: str) -> None:
    document = policy_of(shapes, unit)
    assert cpu_seconds(lambda: valid_policy(document), tries=1) < 2
    tail = {"text": repeated(text, 16_384), "lines": 1, "bytes": 16_384}
    report = a_report("etl", "u", a_failure(message=repeated(text, 1024), logTail=tail))
    policies, state = valid_policy(document), live_state_of(report)

    def decide_once() -> None:
        decide(report, state, policies, History(), OperatorLimits(), LATER, lock=LockClass.NOTIFY)

    # Neighbours on the processor may double it.
    assert cpu_seconds(decide_once, tries=1) < 2 or cpu_seconds(decide_once) < 2


def stored(unit: str, entries: int) -> bytes:
    """Return a report whose status somebody has filled with this text."""
    tail = {"text": repeated(unit, 16_384), "lines": 1, "bytes": 16_384}
    failure = a_failure(message=repeated(unit, 1024), finishedAt=END.isoformat(), logTail=tail)
    run = {"startedAt": "0001-01-01T00:00:00Z", "finishedAt": "9999-12-31T23:59:59Z", "summary": repeated(unit, 1024)}
    step = {"displayName": repeated(unit, 253), "nodeId": "n", "type": "Pod", "phase": "Failed"}
    status = {
        "observedWorkflow": {"uid": "u", "phase": "Failed", "labels": {f"l{n}": "v" for n in range(entries)}},
        "failures": [failure] * (entries // 10),
        "runs": [run] * 10,
        "steps": [step] * entries,
        "waiting": [{"displayName": repeated(unit, 253), "reason": "R", "message": repeated(unit, 1024)}] * entries,
    }
    metadata = {"name": "r", "namespace": "n", "uid": "r", "resourceVersion": "1"}
    metadata["creationTimestamp"] = "2026-11-01T00:00:00Z"
    return json.dumps({"metadata": metadata, "spec": {"workflowRef": {"name": "w"}}, "status": status}).encode()


@pytest.mark.parametrize("unit", steps(["x", "\u202e", "\x00", '"', "\\", "é", "password="], thinned_to=2))
def test_a_stored_report_is_read_in_linear_time(unit: str) -> None:
    small, large = stored(unit, 250), stored(unit, 1_000)
    assert stored_report(large).status is not None

    def read_seconds(raw: bytes) -> float:
        return cpu_seconds(lambda: list(runs_of(report_of(stored_report(raw)))))

    assert read_seconds(large) <= max(MAX_RATIO * read_seconds(small), 0.25)


MANY_VALUES: dict[str, Callable[[int], dict[str, Any]]] = {
    "templates": lambda size: {"spec": {"templates": [{"name": "t"}] * size}},
    "tasks": lambda size: {"spec": {"templates": [{"name": "t", "dag": {"tasks": [{}] * size}}]}},
    "steps": lambda size: {"spec": {"templates": [{"name": "t", "steps": [[{}]] * size}]}},
    "referenced tasks": lambda size: {"status": {"storedTemplates": {"t": {"dag": {"tasks": [{}] * size}}}}},
}
"""Definitions that consist of very many small values, by what these are."""


@pytest.mark.parametrize("name", MANY_VALUES)
def test_a_definition_of_very_many_values_is_unknown_instead_of_slow(name: str) -> None:
    few, many = (json.dumps(MANY_VALUES[name](size)).encode() for size in (1_000, 300_000))
    assert digest_definition(few) is not None
    assert digest_definition(many) is None
    assert cpu_seconds(lambda: digest_definition(many)) < 0.5
