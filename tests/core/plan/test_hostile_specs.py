"""A spec of any form leads to a plan or a refusal, in little time and memory."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.hostile import UNITS, cpu_seconds, repeated
from tests.core.plan.builders import a_run
from tests.examples import batches, examples

from wfreport.api.reasons import Refusal
from wfreport.core.plan.memory import MemoryRaise, OutOfMemory, raised_memory
from wfreport.core.plan.pod_patch import MAX_CHARACTERS, read_patch
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import parameter_changes, reusable_changes
from wfreport.core.plan.templates import Address
from wfreport.core.snapshot.plain_yaml import MAX_DEPTH, load_documents, load_yaml

RAISE = MemoryRaise("1.5", "16Gi")
MAIN = OutOfMemory(Address("local", "transform"), "main")
BOMB = "a0: &a0 x\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)


def refusal_of(patch: Any) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        read_patch(patch, "the template's podSpecPatch")
    assert refused.value.reason is Refusal.POD_SPEC_PATCH_UNREADABLE
    assert "\n" not in refused.value.message
    return refused.value


def test_a_patch_with_aliases_is_refused() -> None:
    assert "aliases such as *a0 are not allowed" in refusal_of(BOMB + "containers: []").message
    assert "aliases" in refusal_of("a: &a [*a]").message


@pytest.mark.parametrize(
    ("patch", "cause"),
    [
        ("[" * 60_000, "plain YAML"),
        ("x: " + "9" * 5000, "Exceeds the limit"),
        ("a: 1\n---\nb: 2", "single document"),
        (5, "is not a string"),
        (["containers"], "is not a string"),
        ("#" * (MAX_CHARACTERS + 1), "65,537 characters, and at most 65,536"),
        (" " * (2 << 20), "2,097,152 characters"),
    ],
    ids=["deep", "digits", "documents", "number", "list", "long", "very long"],
)
def test_a_patch_that_is_not_plain_yaml_is_refused_with_the_cause(patch: Any, cause: str) -> None:
    assert cause in refusal_of(patch).message


YAML_UNITS = ("a: b\n", "- ", "[a,", "{a: ", "x: |\n  y\n", "&a ", "!!str ", "? ", "<<: {a: b}\n")


@pytest.mark.parametrize("unit", [*UNITS[::5], *YAML_UNITS])
def test_reading_a_patch_of_maximal_length_takes_a_second_at_most(unit: str) -> None:
    def read() -> None:
        with suppress(RefusedError):
            read_patch(repeated(unit, MAX_CHARACTERS), "the patch")

    assert cpu_seconds(read, tries=1) < 1


def test_yaml_is_read_as_kubernetes_does() -> None:
    text = "at: 2026-11-22\nlist: [1, {a: b}]\n"
    assert load_yaml(text) == {"at": "2026-11-22", "list": [1, {"a": "b"}]}
    assert load_yaml("") is None
    assert list(load_documents("a: 1\n---\nb: 2\n")) == [{"a": 1}, {"b": 2}]
    assert load_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(yaml.YAMLError, match="nested more than 100 levels"):
        load_yaml("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def nested(depth: int) -> dict[str, Any]:
    """Return a template whose step has an inline template, and so on."""
    template: dict[str, Any] = {"container": {}}
    for _ in range(depth):
        template = {"steps": [[{"name": "s", "inline": template}]]}
    return template


MALFORMED: dict[str, Any] = {
    "resources": a_run({"name": "transform", "container": {"resources": "x"}}),
    "limits": a_run({"name": "transform", "container": {"resources": {"limits": [1]}}}),
    "container": a_run({"name": "transform", "container": "x"}),
    "template": a_run(spec={"templates": ["x"]}),
    "templates": a_run(spec={"templates": "x"}),
    "patch": a_run(spec={"podSpecPatch": {"containers": []}}),
    "defaults": a_run(spec={"templateDefaults": ["x"]}),
}


@pytest.mark.parametrize("run", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_spec_is_refused(run: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        raised_memory(run, MAIN, RAISE)
    assert refused.value.reason in {Refusal.SPEC_UNREADABLE, Refusal.POD_SPEC_PATCH_UNREADABLE}
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("digits", [253, 5_000, 1_100_000])
def test_an_amount_of_very_many_digits_is_refused(digits: int) -> None:
    limits = {"limits": {"memory": "9" * digits}}
    with pytest.raises(RefusedError) as refused:
        raised_memory(a_run({"name": "transform", "container": {"resources": limits}}), MAIN, RAISE)
    assert refused.value.reason in {Refusal.MEMORY_LIMIT_UNKNOWN, Refusal.MEMORY_AT_MAXIMUM}
    assert len(refused.value.message) <= 1000


def test_inline_templates_nested_2000_deep_are_refused() -> None:
    stored = {"namespaced/wt/deep": {"name": "deep", **nested(2000)}}
    run = a_run(spec={"templates": [{"name": "main", **nested(2000)}]}, storedTemplates=stored)
    with pytest.raises(RefusedError) as refused:
        raised_memory(run, OutOfMemory(Address("namespaced/wt", "deep"), "main"), RAISE)
    assert refused.value.reason is Refusal.SPEC_UNREADABLE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["templates", "podSpecPatch", "templateDefaults", "arguments", "podResources", "workflowTemplateRef"]


@settings(max_examples=examples(300))
@given(
    spec=st.dictionaries(st.sampled_from(FIELDS), json_values),
    status=st.dictionaries(
        st.sampled_from(["nodes", "storedTemplates", "storedWorkflowTemplateSpec", "compressedNodes"]), json_values
    ),
    scope=st.sampled_from(["local", "namespaced/wt"]),
)
def test_any_spec_and_status_lead_to_a_plan_or_a_refusal(spec: Any, status: Any, scope: str) -> None:
    run = a_run(spec=spec, **status)
    for plan in (
        lambda: raised_memory(run, OutOfMemory(Address(scope, "transform"), "main"), RAISE),
        lambda: reusable_changes(run),
        lambda: parameter_changes(run, {"a": "b"}),
    ):
        with suppress(RefusedError):
            plan()


def with_loops(number: int) -> dict[str, Any]:
    """Return a run of many loops, with a long text that refers to the outputs of something else."""
    tasks = [
        {"name": f"t{i}", "template": "work", "withParam": "{{tasks.other.outputs.result}}"} for i in range(number)
    ]
    node = {"id": "etl-x7k2p", "name": "etl-x7k2p", "type": "Pod", "phase": "Succeeded"}
    failed = node | {"id": "f", "name": "etl-x7k2p.f", "phase": "Failed"}
    run = a_run({"name": "main", "dag": {"tasks": tasks}}, nodes={node["id"]: node, "f": failed})
    assert reusable_changes(run), "the new run is planned"
    return run


def test_four_times_the_loops_take_no_more_than_linear_time() -> None:
    small, large = with_loops(250), with_loops(1_000)
    of_small, of_large = (cpu_seconds(lambda run=run: reusable_changes(run)) for run in (small, large))  # type: ignore[misc]
    assert of_large <= 10 * max(of_small, 0.005)


BEGINNINGS_OF_REFERENCES = ("tasks.", "tasks['", "tasks.a,", "steps[", "tasks.a.outputs ")


@pytest.mark.parametrize("units", batches([*UNITS, *BEGINNINGS_OF_REFERENCES], name=repr))
def test_references_are_found_in_linear_time(units: list[str]) -> None:
    for unit in units:
        run = with_loops(1)
        run["spec"]["templates"][0]["dag"]["tasks"][0]["when"] = repeated(unit, 200_000, "outputs")
        assert cpu_seconds(partial(reusable_changes, run), tries=1) < 1, unit
