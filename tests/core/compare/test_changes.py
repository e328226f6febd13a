"""What differs between two runs: each difference is found, alone, and equal runs differ in nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_report
from tests.core.compare.runs import a_dag, a_template, a_workflow, run_of
from tests.recorded import Recording, recordings

from wfreport.api.comparison import ChangedThing, Difference, RunDefinition
from wfreport.api.run import WorkflowSource
from wfreport.core.compare.changes import ComparedRun, find_changes
from wfreport.core.compare.comparison import in_words
from wfreport.core.snapshot.decode import decode_workflow

MEMORY = {"limits": {"memory": "4Gi"}, "requests": {"cpu": "1"}}
BASE = a_workflow(
    a_dag({"name": "a", "template": "work"}, {"name": "b", "template": "work", "dependencies": ["a"]}),
    a_template(resources=MEMORY, env=[{"name": "A", "value": "1"}]),
    parameters={"rows": "10", "day": "2026-01-01"},
)


def changed(**edits: Any) -> dict[str, Any]:
    """Return the next run of the same definition, with these parts of its container or spec edited."""
    workflow = copy.deepcopy(BASE)
    workflow["metadata"] |= {"name": "wf-2", "uid": "uid-wf-2"}
    for key, value in edits.items():
        part = workflow["spec"] if key in ("serviceAccountName", "podSpecPatch") else workflow["spec"]["templates"][1]
        (part["container"] if key in ("image", "args", "env", "resources") else part)[key] = value
    return workflow


def differences(after: dict[str, Any], before: dict[str, Any] = BASE) -> list[Difference]:
    return find_changes(run_of(before), run_of(after))


def with_tasks(*tasks: dict[str, Any]) -> dict[str, Any]:
    workflow = changed()
    workflow["spec"]["templates"][0] = a_dag(*tasks)
    return workflow


def with_parameters(**parameters: str | None) -> dict[str, Any]:
    workflow = changed()
    workflow["spec"]["arguments"]["parameters"] = [
        {"name": key, "value": value}
        for key, value in ({"rows": "10", "day": "2026-01-01"} | parameters).items()
        if value is not None
    ]
    return workflow


A, B = BASE["spec"]["templates"][0]["dag"]["tasks"]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (changed(image="etl:1.9"), "image etl:1.8 → 1.9"),
        (changed(image="other/etl:1.8"), "image etl:1.8 → other/etl:1.8"),
        (changed(resources={**MEMORY, "limits": {"memory": "2Gi"}}), "resources of work: limits.memory 4Gi → 2Gi"),
        (changed(resources={"limits": {"memory": "4Gi"}}), "resources of work: requests.cpu 1 → (none)"),
        (changed(args=["run", "--fast"]), "template work changed (args)"),
        (changed(env=[]), "template work changed (env)"),
        (changed(retryStrategy={"limit": 2}), "template work changed (retryStrategy)"),
        (changed(sidecars=[{"name": "db", "image": "pg:1"}]), "image (none) → pg:1"),
        (changed(serviceAccountName="etl"), "spec field serviceAccountName changed"),
        (with_parameters(rows="1000"), "parameter rows 10 → 1000"),
        (with_parameters(day=None), "parameter day 2026-01-01 → (none)"),
        (with_parameters(day="2026-01-02"), "parameter day 2026-01-01 → 2026-01-02"),
        (with_tasks(A, B, {"name": "c", "template": "work", "dependencies": ["b"]}), "step c is new"),
        (with_tasks({**B, "dependencies": []}), "step a is gone"),
        (with_tasks(A, {**B, "when": "true"}), "step b changed"),
        (with_tasks(A, {**B, "dependencies": []}), "template main changed (order)"),
        (
            a_workflow(*BASE["spec"]["templates"], machine="node-b", parameters={"rows": "10", "day": "2026-01-01"}),
            "machine node-a → node-b",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_difference_is_found_and_nothing_else(after: dict[str, Any], words: str) -> None:
    (found,) = differences(after)
    assert in_words(found) == words


def test_the_next_run_of_the_same_definition_differs_in_nothing() -> None:
    assert differences(changed()) == []


@pytest.mark.parametrize("case", recordings()[::6], ids=lambda case: case.name)
def test_no_recorded_run_differs_from_itself(case: Recording) -> None:
    run = ComparedRun("wf", a_report(decode_workflow(case.final["workflow"])))
    assert find_changes(run, run) == []


@given(st.permutations(["image", "args", "env", "resources", "retryStrategy", "serviceAccountName"]), st.integers(0, 6))
def test_the_order_of_changes_depends_on_the_runs_alone(fields: list[str], number: int) -> None:
    values: dict[str, Any] = {
        "image": "etl:2",
        "args": ["x"],
        "env": [],
        "resources": {},
        "retryStrategy": {"limit": 1},
        "serviceAccountName": "x",
    }
    found = differences(changed(**{field: values[field] for field in fields[:number]}))
    assert found == differences(changed(**{field: values[field] for field in sorted(fields[:number])}))
    assert [list(ChangedThing).index(each.what) for each in found] == sorted(
        list(ChangedThing).index(each.what) for each in found
    )


def test_a_parameter_that_differs_in_a_time_alone_is_listed_last() -> None:
    workflow = with_parameters(day="2026-02-01", rows="11")
    workflow["spec"]["templates"][1]["container"]["image"] = "etl:2"
    assert [each.name for each in differences(workflow)] == ["work", "rows", "day"]


def test_the_runs_own_name_in_a_parameter_is_no_difference() -> None:
    before = a_workflow(parameters={"out": "s3://b/wf-1"})
    assert differences(a_workflow(name="wf-2", parameters={"out": "s3://b/wf-2"}), before) == []


def test_what_a_report_does_not_have_never_counts_as_changed() -> None:
    before, after = run_of(BASE), run_of(changed(image="etl:1.9", args=["x"]))
    without = ComparedRun("wf-1", before.status.changed(definition=None))
    assert find_changes(without, after) == []
    assert before.status.definition is not None
    cut = [each.model_copy(update={"parts": None, "steps": None}) for each in before.status.definition.templates or ()]
    partly = before.status.definition.model_copy(update={"templates": cut, "machines": None})
    found = find_changes(ComparedRun("wf-1", before.status.changed(definition=partly)), after)
    assert [(each.what, each.name) for each in found] == [(ChangedThing.IMAGE, "work")]


def test_who_ran_it_and_by_which_argo_are_compared_if_both_are_known() -> None:
    def run(creator: str | None, version: str | None) -> ComparedRun:
        status = run_of(BASE).status
        definition = RunDefinition(digest="x", parameters_digest="y", argo_version=version)
        source = WorkflowSource(creator=creator) if creator else None
        return ComparedRun("wf", status.changed(workflow_source=source, definition=definition))

    assert [in_words(each) for each in find_changes(run("ann", "v3.6.0"), run("bob", "v4.0.5"))] == [
        "creator ann → bob",
        "Argo v3.6.0 → v4.0.5",
    ]
    assert find_changes(run(None, None), run("bob", "v4.0.5")) == []


def test_a_template_that_differs_in_nothing_known_has_changed_all_the_same() -> None:
    before = run_of(BASE).status
    assert before.definition is not None
    templates = [each.model_copy(update={"digest": "other"}) for each in before.definition.templates or ()]
    after = before.changed(definition=before.definition.model_copy(update={"templates": templates}))
    found = find_changes(ComparedRun("wf", before), ComparedRun("wf", after))
    assert [in_words(each) for each in found] == ["template main changed", "template work changed"]


def test_fewer_machines_are_no_change() -> None:
    one = a_workflow(seconds={"a": 1, "b": 1})
    one["status"]["nodes"]["wf-1-a"]["hostNodeName"] = "node-z"
    assert differences(a_workflow(seconds={"a": 1, "b": 1}), one) == []
    assert [in_words(each) for each in differences(one, a_workflow(seconds={"a": 1, "b": 1}))] == [
        "machine node-a → node-z"
    ]


def test_images_are_named_shortly_only_within_a_repository() -> None:
    def image(before: str | None, after: str | None) -> str:
        return in_words(Difference(what=ChangedThing.IMAGE, name="x", before=before, after=after))

    assert image("reg:5000/a/etl:1", "reg:5000/a/etl:2") == "image etl:1 → 2"
    assert image("a@sha256:" + "0" * 64, "a@sha256:" + "1" * 64) == "image a@sha256:000000000000 → sha256:111111111111"
    assert image("a", "a:1") == "image a → a:1"
    assert image(None, "a:1") == "image (none) → a:1"
