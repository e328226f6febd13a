"""What differs between two runs: each difference is found, alone, and equal runs differ in nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_report
from tests.core.compare.runs import a_dag, a_template, a_workflow, run_of
from tests.recorded import Recording, recordings

from wfreport.api.comparison import ChangedThing, ChangeKind, Difference, RunDefinition
from wfreport.api.run import WorkflowSource
from wfreport.core.compare.changes import ComparedRun, find_changes
from wfreport.core.compare.comparison import unknown_parts
from wfreport.core.compare.words import in_words
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
        (changed(retryStrategy={"limit": 2}), "template work changed (retryStrategy.limit (none) → 2)"),
        (changed(sidecars=[{"name": "db", "image": "pg:1"}]), "image (none) → pg:1"),
        (changed(serviceAccountName="etl"), "spec field serviceAccountName (none) → etl"),
        (with_parameters(rows="1000"), "parameter rows 10 → 1000"),
        (with_parameters(day=None), "parameter day 2026-01-01 → (none)"),
        (with_parameters(day="2026-01-02"), "parameter day 2026-01-01 → 2026-01-02"),
        (with_tasks(A, B, {"name": "c", "template": "work", "dependencies": ["b"]}), "step c is new"),
        (with_tasks({**B, "dependencies": []}), "step a is gone"),
        (with_tasks(A, {**B, "when": "true"}), "step b changed (when)"),
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


def test_a_renamed_step_is_one_change() -> None:
    assert [in_words(each) for each in differences(with_tasks(A, {**B, "name": "c"}))] == ["step b is now called c"]
    twins = with_tasks(A, {**B, "name": "c"}, {**B, "name": "d"})
    assert [in_words(each) for each in differences(twins)] == ["step c is new", "step d is new", "step b is gone"]


def test_a_renamed_template_is_one_change_wherever_it_is_called() -> None:
    renamed = changed()
    renamed["spec"]["templates"] = [
        a_dag(*({**task, "template": "job"} for task in (A, B)), name="start"),
        {**BASE["spec"]["templates"][1], "name": "job"},
    ]
    before = copy.deepcopy(BASE)
    before["spec"]["onExit"], renamed["spec"]["onExit"], renamed["spec"]["entrypoint"] = "work", "job", "main"
    renamed["spec"]["templates"][0]["name"] = "main"
    assert [in_words(each) for each in differences(renamed, before)] == ["template work is now called job"]
    renamed["spec"]["templates"][0]["dag"]["tasks"][0]["when"] = "true"
    assert [in_words(each) for each in differences(renamed, before)] == [
        "template work is now called job",
        "step a changed (template, when)",
    ]


def test_a_template_that_nothing_calls_is_named_if_it_came_or_went() -> None:
    more = changed()
    more["spec"]["templates"].append(a_template("unused", image="x:1"))
    assert [in_words(each) for each in differences(more)] == ["template unused is new"]
    assert [in_words(each) for each in differences(BASE, more)] == ["template unused is gone"]


def test_templates_of_a_definition_that_is_not_recorded_whole_do_not_come_and_go() -> None:
    before, after = run_of(BASE), run_of(changed())
    assert before.status.definition is not None
    update = {"templates": (before.status.definition.templates or [])[:1], "templates_total": 2}
    cut = ComparedRun("wf-1", before.status.changed(definition=before.status.definition.model_copy(update=update)))
    assert find_changes(cut, after) == find_changes(after, cut) == []


def test_the_image_of_a_template_within_a_step_is_compared() -> None:
    def inline(image: str, **fields: Any) -> dict[str, Any]:
        inner = {"container": {"image": image}, "sidecars": [{"name": "db", "image": "pg:1"}], **fields}
        return with_tasks({"name": "a", "inline": inner}, B)

    (found,) = differences(inline("etl:2"), inline("etl:1"))
    assert (found.what, found.name, in_words(found)) == (ChangedThing.IMAGE, "main: a", "image etl:1 → 2")
    assert [in_words(each) for each in differences(inline("x", daemon=True), inline("x"))] == [
        "step a changed (template)"
    ]


def tasks_with_images(count: int, first: str = "") -> dict[str, Any]:
    names = [*([first] if first else []), *(f"t{n:02}" for n in range(count))]
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}
    return with_tasks(
        *({"name": name, "inline": {"container": {"image": f"{name}:1", "resources": limits}}} for name in names)
    )


def with_fields(count: int, first: str = "") -> dict[str, Any]:
    names = [*([first] if first else []), *(f"field{n:03}" for n in range(count))]
    return changed(**dict.fromkeys(names, "x"))


def with_spec(count: int, first: str = "") -> dict[str, Any]:
    workflow = changed()
    workflow["spec"] |= dict.fromkeys([*([first] if first else []), *(f"field{n:03}" for n in range(count))], "x")
    return workflow


@pytest.mark.parametrize("workflow", [tasks_with_images, with_fields, with_spec])
@pytest.mark.parametrize("count", [16, 17, 64, 80])
def test_what_was_left_out_of_a_long_list_is_not_gone(workflow: Callable[..., dict[str, Any]], count: int) -> None:
    for before, after, untrue in (
        (workflow(count), workflow(count, "a"), ChangeKind.REMOVED),
        (workflow(count, "a"), workflow(count), ChangeKind.ADDED),
    ):
        found = differences(after, before)
        texts = [text for each in found for text in (in_words(each), *(each.fields or ()))]
        assert not any(each.change is untrue for each in found), texts
        sign = "→ (none)" if untrue is ChangeKind.REMOVED else "(none) →"
        assert not any(sign in text for text in texts), texts
        assert found or workflow is with_spec


def test_what_comes_to_a_long_list_and_goes_from_it_is_named_if_the_other_is_recorded_whole() -> None:
    found = differences(tasks_with_images(3), tasks_with_images(20))
    assert "image t15:1 → (none)" in [in_words(each) for each in found]
    assert differences(with_fields(3), with_fields(70))[0].fields


def test_what_failed_leads_the_changes() -> None:
    before = a_workflow(a_dag(A), a_template(), a_template("other", image="o:1"), parameters={"rows": "1"})
    after = a_workflow(
        a_dag(A), a_template(args=["x"]), a_template("other", image="o:2"),
        phase="Failed", name="wf-2", parameters={"rows": "2"},
    )  # fmt: skip
    after["status"]["nodes"]["wf-2-work"] |= {"phase": "Failed", "message": "Error (exit code 3)"}
    assert [in_words(each) for each in differences(after, before)] == [
        "template work changed (args)",
        "image o:1 → 2",
        "parameter rows 1 → 2",
    ]


@pytest.mark.parametrize(
    ("message", "leading"),
    [
        ("main: Error (exit code 1): no column price in sales_v2", "parameter table sales_v1 → sales_v2"),
        ("main: Error (exit code 1): no column price in sales_v20", "image etl:1.8 → 1.9"),
        ("main: Error (exit code 1): no column price in my_sales_v2", "image etl:1.8 → 1.9"),
        ("main: Error (exit code 1): found 11 rows", "image etl:1.8 → 1.9"),
        ("main: Error (exit code 1): strict=true", "image etl:1.8 → 1.9"),
    ],
)
def test_a_changed_value_that_the_failure_names_leads_the_changes(message: str, leading: str) -> None:
    before = a_workflow(a_dag(A), a_template(), parameters={"table": "sales_v1", "rows": "10", "strict": "false"})
    after = a_workflow(
        a_dag(A), a_template(image="etl:1.9"), phase="Failed", name="wf-2",
        parameters={"table": "sales_v2", "rows": "11", "strict": "true"},
    )  # fmt: skip
    after["status"]["nodes"]["wf-2-work"] |= {"phase": "Failed", "message": message}
    found = [in_words(each) for each in differences(after, before)]
    assert found[0] == leading
    assert len(found) == 4


def test_an_image_that_many_templates_have_is_one_change() -> None:
    def workflow(name: str, image: str, memory: str) -> dict[str, Any]:
        limits = {"limits": {"memory": memory}}
        return a_workflow(*(a_template(f"t{n}", image=image, resources=limits) for n in range(3)), name=name)

    image, memory = differences(workflow("wf-2", "base:2", "2Gi"), workflow("wf-1", "base:1", "1Gi"))
    assert (image.name, memory.name) == ("t0, t1, t2", "t0, t1, t2: limits.memory")


def test_a_change_of_several_templates_has_their_names_and_the_part() -> None:
    def workflow(name: str, memory: str) -> dict[str, Any]:
        limits = {"limits": {"memory": memory}}
        sidecars = [{"name": "db", "image": "pg:1", "resources": limits}]
        return a_workflow(*(a_template(f"t{n}", sidecars=sidecars) for n in range(2)), name=name)

    (memory,) = differences(workflow("wf-2", "2Gi"), workflow("wf-1", "1Gi"))
    assert (memory.templates, memory.part) == (["t0", "t1"], "db.limits.memory")
    (image,) = differences(changed(image="etl:2"))
    assert (image.templates, image.part) == (["work"], "")


def test_times_uuids_and_generated_names_in_templates_are_listed_last_or_not_at_all() -> None:
    def workflow(name: str, args: list[str], when: str, image: str = "etl:1.8") -> dict[str, Any]:
        task = {**A, "arguments": {"parameters": [{"name": "at", "value": when}]}}
        found = a_workflow(a_dag(task), a_template(args=args, image=image), name=name)
        found["metadata"] |= {"generateName": "etl-", "uid": f"0b7c2d8e-1111-4222-8333-9e4f5a6b7c{name[-2:]}"}
        return found

    before = workflow("etl-aa11", ["--run", "etl-aa11", "--at", "2026-01-01"], "2026-01-01T00:00:00Z")
    named = workflow("etl-bb22", ["--run", "etl-bb22", "--at", "2026-01-01"], "2026-01-01T00:00:00Z")
    assert differences(named, before) == []
    later = workflow("etl-bb22", ["--run", "etl-bb22", "--at", "2026-02-01"], "2026-02-01T00:00:00Z", "etl:2")
    assert [in_words(each) for each in differences(later, before)] == [
        "image etl:1.8 → 2",
        "template main changed (steps)",
    ]
    later["spec"]["templates"][1]["container"]["image"] = "etl:1.8"
    later["spec"]["podMetadata"] = {"annotations": {"at": "2026-02-01"}}
    before["spec"]["podMetadata"] = {"annotations": {"at": "2026-01-01"}}
    assert [in_words(each) for each in differences(later, before)] == [
        "template main changed (steps)",
        "template work changed (args)",
        "spec field podMetadata.annotations.at 2026-01-01 → 2026-02-01",
    ]


def test_a_fixed_name_is_no_name_of_a_run() -> None:
    before = a_workflow(parameters={"image": "daily-etl:1"}, name="daily-etl")
    after = a_workflow(parameters={"image": "daily-etl:1"}, name="daily-etl-again")
    assert differences(after, before) == []


def test_parameters_that_reports_do_not_show_whole_are_compared() -> None:
    many = {f"p{n}": "1" for n in range(64)}
    long = "x" * 300
    before = a_workflow(parameters={**many, "q": "1"})
    assert [in_words(each) for each in differences(a_workflow(parameters={**many, "q": "2"}), before)] == [
        "parameter q changed"
    ]
    one_more = a_workflow(parameters={"a": "1", **many})
    assert [in_words(each) for each in differences(one_more, a_workflow(parameters=many))] == ["parameter a (none) → 1"]
    assert [in_words(each) for each in differences(a_workflow(parameters=many), one_more)] == ["parameter a 1 → (none)"]
    other_last = a_workflow(parameters={"a": "1", **many, "p63": "2"})
    assert [in_words(each) for each in differences(other_last, a_workflow(parameters=many))] == [
        "parameter a (none) → 1",
        "parameter p63 changed",
    ]
    too_many = {f"p{n}": "1" for n in range(128)}
    added = differences(a_workflow(parameters={"a": "1", **too_many}), a_workflow(parameters=too_many))
    assert added == [], "which one came or went is unknown"
    text = a_workflow(parameters={"p": long})
    assert [in_words(each) for each in differences(a_workflow(parameters={"p": f"{long[:-1]}y"}), text)] == [
        "parameter p changed"
    ]
    assert [each.name for each in differences(a_workflow(parameters={"p": "short"}), text)] == ["p"]
    day = [a_workflow(parameters={"p": f"{long} 2026-01-0{day}", "rows": str(day)}) for day in (1, 2)]
    assert [each.name for each in differences(day[1], day[0])] == ["rows", "p"]


def test_a_secret_that_another_parameter_pushed_out_of_the_list_is_no_change() -> None:
    many = {f"p{n}": "1" for n in range(63)} | {"password": "tr0ub4dor-and-3-more"}
    names = [each.name for each in differences(a_workflow(parameters={"a": "1", **many}), a_workflow(parameters=many))]
    assert names == ["a"]


def test_no_parameter_is_gone_from_a_report_that_was_too_large_to_list_any() -> None:
    before, after = run_of(a_workflow(parameters={"p": "1"})), run_of(a_workflow(parameters={"p": "1"}))
    cut = ComparedRun(after.name, after.status.changed(parameters=None))
    assert find_changes(before, cut) == find_changes(cut, before) == []
    assert "none are recorded" in (unknown_parts(cut, before) or "")
    bare = ComparedRun(after.name, cut.status.changed(definition=None))
    assert find_changes(before, bare) == []


def test_parameters_that_are_named_after_their_values_are_the_same_ones() -> None:
    def compiled(digest: str, image: str) -> dict[str, Any]:
        """Return a Workflow as Kubeflow Pipelines compiles it."""
        component = {"name": "component", "value": f"{{{{workflow.parameters.components-{digest}}}}}"}
        parameters = {f"components-{digest}": "{}", f"implementations-{digest}": image, "components-" + "c" * 64: "{}"}
        task = {"name": "train", "template": "work", "arguments": {"parameters": [component]}}
        return a_workflow(a_dag(task), a_template(), parameters=parameters)

    found = differences(compiled("b" * 64, "train:2"), compiled("a" * 64, "train:1"))
    assert [in_words(each) for each in found] == [f"parameter implementations-{'b' * 64} train:1 → train:2"]


def referring(parameters: str = "ab", **components: str) -> dict[str, Any]:
    """Return a Workflow with a task for each component, named after the digest of the parameter that it refers to."""
    tasks = [
        {
            "name": name,
            "template": "work",
            "arguments": {
                "parameters": [
                    {"name": key, "value": f"{{{{workflow.parameters.{key}-{letter * 64}}}}}"}
                    for key, letter in zip(("components", "implementations"), component, strict=False)
                ]
            },
        }
        for name, component in components.items()
    ]
    return a_workflow(a_dag(*tasks), a_template(), parameters={f"components-{each * 64}": each for each in parameters})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (referring(t0="a", t1="a"), referring(t0="a", t1="b"), ["step t1 changed (arguments)"]),
        (
            referring(t0="a", t1="b"),
            referring(t0="b", t1="a"),
            ["step t0 changed (arguments)", "step t1 changed (arguments)"],
        ),
        (referring(t0="ae", t1="be"), referring(t0="af", t1="bf"), []),
        (referring(t0="ae", t1="be"), referring(t0="ae", t1="bf"), ["step t1 changed (arguments)"]),
        (referring(t0="ae", t1="af"), referring(t0="ae", t1="ae"), ["step t1 changed (arguments)"]),
        (referring(t0="a", t1="b", t2="a"), referring(t2="a", t1="b", t0="a"), []),
        (referring(t1="a", t2="b"), referring(t0="b", t1="a", t2="b"), ["step t0 is new"]),
        (referring(t0="b", t1="a", t2="b"), referring(t1="a", t2="b"), ["step t0 is gone"]),
        (referring(t1="a", t2="b"), referring(t0="a", t2="b"), ["step t1 is now called t0"]),
    ],
)
def test_a_step_that_refers_to_the_parameter_of_another_one_is_a_change(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    assert [in_words(each) for each in differences(after, before)] == expected


def test_a_step_that_refers_to_another_version_of_its_parameter_has_not_changed() -> None:
    assert [in_words(each) for each in differences(referring("ac", t0="a", t1="c"), referring(t0="a", t1="b"))] == [
        f"parameter components-{'c' * 64} b → c"
    ]
    inside = [a_workflow(a_template(args=[f"{{{{workflow.parameters.p-{each * 64}}}}}"])) for each in "ab"]
    assert differences(inside[1], inside[0]) == []


def test_which_steps_refer_to_the_same_parameter_counts_for_the_digest_of_a_definition() -> None:
    def digest(**components: str) -> str:
        definition = run_of(referring(**components)).status.definition
        assert definition
        return definition.digest

    assert digest(t0="a", t1="a") != digest(t0="a", t1="b") == digest(t1="b", t0="a")


def test_a_new_step_with_a_time_or_another_order_of_steps_with_times_changes_nothing_else() -> None:
    timed = [{"name": name, "template": "work", "when": f"'2026-01-01' == '{name}'"} for name in "ab"]
    assert differences(a_workflow(a_dag(*timed)), a_workflow(a_dag(*timed[::-1]))) == []
    less, more = a_workflow(a_dag(A)), a_workflow(a_dag(A, timed[1]))
    assert [in_words(each) for each in differences(more, less)] == ["step b is new"]
    assert [in_words(each) for each in differences(less, more)] == ["step b is gone"]


LARGE = [{"name": f"task-{number:03}", "template": "work"} for number in range(300)]


def large_dag(*tasks: dict[str, Any], image: str = "etl:1.8") -> dict[str, Any]:
    ran = {task["name"]: 10 for task in tasks}
    return a_workflow(a_dag(*tasks), a_template(image=image), seconds=ran)


def test_steps_that_came_or_went_are_named_in_a_definition_that_is_too_large_for_their_digests() -> None:
    new, changed_one = {"name": "lint", "template": "work"}, {**LARGE[7], "when": "1 == 1"}
    for after, expected in (
        (large_dag(new, *LARGE), ["step lint is new"]),
        (large_dag(*LARGE[:-1]), ["step task-299 is gone"]),
        (large_dag(new, *LARGE[1:]), ["step lint is new", "step task-000 is gone"]),
        (large_dag(*LARGE[:7], changed_one, *LARGE[8:]), ["template main changed"]),
        (large_dag(*LARGE, image="etl:1.9"), ["image etl:1.8 → 1.9"]),
        (large_dag(*LARGE), []),
        (large_dag(*LARGE[:10]), [f"step task-{number:03} is gone" for number in range(10, 300)]),
    ):
        assert [in_words(each) for each in differences(after, large_dag(*LARGE))] == expected
    never_ran = a_workflow(a_dag(new, *LARGE), a_template())
    assert [in_words(each) for each in differences(never_ran, large_dag(*LARGE))] == ["template main changed (order)"]


def test_names_of_steps_in_a_report_that_somebody_edited_are_unknown() -> None:
    before, after = run_of(large_dag(*LARGE)), run_of(large_dag(*LARGE[:-1]))
    definition = before.status.definition
    assert definition is not None
    main, *others = definition.templates or []
    assert main.step_names
    edited = definition.model_copy(update={"templates": [main.model_copy(update={"step_names": "abc"}), *others]})
    before = ComparedRun(before.name, before.status.model_copy(update={"definition": edited}))
    assert "step task-299 is gone" not in [in_words(each) for each in find_changes(before, after)]


def many_templates(count: int, **others: str) -> dict[str, Any]:
    return a_workflow(*(a_template(f"t{n}", image=others.get(f"t{n}", f"reg.corp/etl-{n}:1")) for n in range(count)))


def test_a_template_of_many_is_found_by_its_digest() -> None:
    assert [in_words(each) for each in differences(many_templates(64, t0="a:2"), many_templates(64))] == [
        "image reg.corp/etl-0:1 → a:2"
    ]
    assert [in_words(each) for each in differences(many_templates(64, t63="a:2"), many_templates(64))] == [
        "template t63 changed"
    ]
    assert [in_words(each) for each in differences(many_templates(80, t79="a:2"), many_templates(80))] == [
        "template changed"
    ]
    assert [in_words(each) for each in differences(many_templates(65), many_templates(64))] == []
    assert [in_words(each) for each in differences(many_templates(63), many_templates(64))] == ["template t63 is gone"]
    assert differences(many_templates(80), many_templates(80)) == []
    before, after = many_templates(64), many_templates(65)
    after["spec"]["templates"].insert(0, a_template("new"))
    assert [in_words(each) for each in differences(after, before)] == ["template new is new"]


def test_an_empty_parameter_is_not_an_absent_one() -> None:
    assert [in_words(each) for each in differences(a_workflow(parameters={"p": ""}), a_workflow())] == [
        "parameter p is new"
    ]


def test_definitions_of_another_format_are_unknown() -> None:
    before, after = run_of(BASE), run_of(changed(image="etl:1.9"))
    assert before.status.definition is not None
    old = before.status.definition.model_copy(update={"format": None})
    earlier = ComparedRun("wf-1", before.status.changed(definition=old))
    assert find_changes(earlier, after) == []
    assert "another version of wfreport" in (unknown_parts(after, earlier) or "")


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
