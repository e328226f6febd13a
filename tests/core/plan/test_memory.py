"""RaiseMemory: the place and the value of the new limit, and refusals."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity
from tests.core.plan.builders import a_container, a_run
from tests.recorded import recording

from wfreport.api.argo import Node, TemplateRef
from wfreport.api.reasons import Refusal
from wfreport.core.plan.capacity import check_capacity
from wfreport.core.plan.memory import MemoryRaise, OutOfMemory, RaisedMemory, raised_memory
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import Resubmission, resubmitted
from wfreport.core.plan.templates import Address, address_of, inlined
from wfreport.core.snapshot.chain import link_of
from wfreport.core.snapshot.quantity import MEBIBYTE, format_bytes, parse_bytes

GI = 1 << 30
HALF_MORE = MemoryRaise("1.5", "16Gi")
MAIN = OutOfMemory(Address("local", "transform"), "main")
UNREADABLE = '{"containers": [{{inputs.parameters.patch}}]}'


def template(raised: RaisedMemory, name: str = "transform") -> Any:
    (template,) = [template for template in raised.spec["templates"] if template["name"] == name]
    return template


def reason_of(run: Mapping[str, Any], killed: OutOfMemory = MAIN, increase: MemoryRaise = HALF_MORE) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        raised_memory(run, killed, increase)
    assert refused.value.message
    return refused.value.reason


def limit_in_patch(text: str, container: str = "main") -> Any:
    (template,) = [c for c in json.loads(text)["containers"] if c["name"] == container]
    return template["resources"]["limits"]["memory"]


# where


def test_the_memory_of_a_container_is_raised_and_its_other_resources_stay() -> None:
    raised = raised_memory(a_run(), MAIN, HALF_MORE)
    assert template(raised)["container"]["resources"] == {"limits": {"cpu": "1", "memory": "6Gi"}}
    assert raised.limit_bytes == 6 * GI
    assert [(c.path, c.before, c.after) for c in raised.changes] == [
        ("spec.templates[transform].resources[main].limits.memory", "4Gi", "6Gi")
    ]


def test_a_script_is_raised_like_a_container() -> None:
    run = a_run({"name": "transform", "script": {**a_container(), "source": "exit 1"}})
    assert template(raised_memory(run, MAIN, HALF_MORE))["script"]["resources"]["limits"]["memory"] == "6Gi"


def test_one_container_of_a_set_is_raised_and_no_other() -> None:
    containers = [{**a_container(), "name": name} for name in ("a", "b")]
    run = a_run({"name": "transform", "containerSet": {"containers": containers}})
    raised = raised_memory(run, OutOfMemory(MAIN.template, "b"), HALF_MORE)
    a, b = template(raised)["containerSet"]["containers"]
    assert a == containers[0]
    assert b["resources"]["limits"]["memory"] == "6Gi"


def test_a_request_equal_to_the_limit_follows_it_and_a_smaller_one_stays() -> None:
    guaranteed = a_run({"name": "transform", "container": a_container("4Gi", "4096Mi")})
    raised = raised_memory(guaranteed, MAIN, HALF_MORE)
    assert template(raised)["container"]["resources"]["requests"] == {"memory": "6Gi"}
    assert len(raised.changes) == 2
    burstable = a_run({"name": "transform", "container": a_container("4Gi", "1Gi")})
    resources = template(raised_memory(burstable, MAIN, HALF_MORE))["container"]["resources"]
    assert resources["requests"] == {"memory": "1Gi"}


def test_a_template_without_resources_starts_from_what_its_pod_had() -> None:
    run = a_run({"name": "transform", "container": {"image": "busybox"}})
    raised = raised_memory(run, OutOfMemory(MAIN.template, "main", "512Mi"), HALF_MORE)
    assert template(raised)["container"]["resources"] == {"limits": {"memory": "768Mi"}}
    assert reason_of(run) == Refusal.MEMORY_LIMIT_UNKNOWN


def test_the_pods_limit_takes_precedence_over_the_specs() -> None:
    raised = raised_memory(a_run(), OutOfMemory(MAIN.template, "main", "8Gi"), HALF_MORE)
    assert raised.limit_bytes == 12 * GI


def test_template_defaults_are_the_base_of_the_increase() -> None:
    defaults = {"templateDefaults": {"container": {"resources": {"limits": {"memory": "2Gi"}}}}}
    run = a_run({"name": "transform", "container": {"image": "busybox"}}, spec=defaults)
    assert raised_memory(run, MAIN, HALF_MORE).limit_bytes == 3 * GI


PATCH = yaml.safe_dump(
    {
        "nodeSelector": {"pool": "big"},
        "containers": [
            {"name": "main", "resources": {"limits": {"memory": "2Gi", "cpu": 1}}},
            {"name": "wait", "resources": {"limits": {"memory": "64Mi"}}},
        ],
    }
)


@pytest.mark.parametrize("level", ["template", "defaults", "workflow"])
def test_memory_set_by_a_patch_is_raised_in_the_templates_patch(level: str) -> None:
    own = {"name": "transform", "container": a_container("1Gi")}
    spec: dict[str, Any] = {}
    if level == "template":
        own["podSpecPatch"] = PATCH
    elif level == "defaults":
        spec["templateDefaults"] = {"podSpecPatch": PATCH}
    else:
        spec["podSpecPatch"] = PATCH
    raised = raised_memory(a_run(own, spec=spec), MAIN, HALF_MORE)
    patch = template(raised)["podSpecPatch"]
    assert limit_in_patch(patch) == "3Gi"
    assert template(raised)["container"] == own["container"]
    assert raised.spec.get("podSpecPatch") == spec.get("podSpecPatch")
    assert raised.changes[0].path == "spec.templates[transform].podSpecPatch[main].limits.memory"
    if level != "workflow":
        assert limit_in_patch(patch, "wait") == "64Mi"
        assert json.loads(patch)["nodeSelector"] == {"pool": "big"}


def test_the_templates_patch_wins_over_the_workflows() -> None:
    both = {"name": "transform", "container": a_container("1Gi"), "podSpecPatch": PATCH.replace("2Gi", "4Gi")}
    raised = raised_memory(a_run(both, spec={"podSpecPatch": PATCH}), MAIN, HALF_MORE)
    assert limit_in_patch(template(raised)["podSpecPatch"]) == "6Gi"


def test_a_patch_without_memory_stays_unchanged() -> None:
    patch = '{"hostNetwork": true, "containers": [{"name": "wait"}]}'
    own = {"name": "transform", "container": a_container(), "podSpecPatch": patch}
    raised = raised_memory(a_run(own), MAIN, HALF_MORE)
    assert template(raised)["podSpecPatch"] == own["podSpecPatch"]
    assert template(raised)["container"]["resources"]["limits"]["memory"] == "6Gi"


def test_a_variable_in_a_patch_is_replaced_by_the_new_limit() -> None:
    patch = '{"containers": [{"name": "main", "resources": {"limits": {"memory": "{{inputs.parameters.mem}}"}}}]}'
    own = {"name": "transform", "container": {"image": "busybox"}, "podSpecPatch": patch}
    raised = raised_memory(a_run(own), OutOfMemory(MAIN.template, "main", "1Gi"), HALF_MORE)
    assert limit_in_patch(template(raised)["podSpecPatch"]) == "1536Mi"
    assert reason_of(a_run(own)) == Refusal.MEMORY_LIMIT_UNKNOWN


@pytest.mark.parametrize(
    "patch", [UNREADABLE, "[]", "just text", '{"containers": 7}', '{"containers": ["main"]}', "a: {"]
)
def test_a_patch_that_cannot_be_read_is_not_overwritten(patch: str) -> None:
    own = {"name": "transform", "container": a_container(), "podSpecPatch": patch}
    assert reason_of(a_run(own)) == Refusal.POD_SPEC_PATCH_UNREADABLE
    assert reason_of(a_run(spec={"podSpecPatch": patch})) == Refusal.POD_SPEC_PATCH_UNREADABLE


# templates of others


def test_a_workflow_template_is_inlined_into_the_run_and_changed_there() -> None:
    workflow = recording("wftemplate-ref").final["workflow"]
    stored = workflow["status"]["storedWorkflowTemplateSpec"]
    (code,) = [template for template in stored["templates"] if template["name"] == "code"]
    killed = OutOfMemory(Address("local", "code"), "main", "1Gi")
    raised = raised_memory(workflow, killed, HALF_MORE)
    assert "workflowTemplateRef" not in raised.spec
    assert template(raised, "code")["container"]["resources"] == {"limits": {"memory": "1536Mi"}}
    untouched = {template["name"]: template for template in raised.spec["templates"] if template["name"] != "code"}
    assert untouched == {template["name"]: template for template in stored["templates"] if template is not code}
    assert raised.spec["arguments"] == stored["arguments"]
    assert raised.changes[-1].path == "spec.workflowTemplateRef"
    assert "resources" not in code["container"] or not code["container"]["resources"]
    del workflow["status"]["storedWorkflowTemplateSpec"]
    assert reason_of(workflow, killed) == Refusal.TEMPLATE_NOT_FOUND


def test_a_nested_cluster_template_is_inlined_with_its_callers() -> None:
    workflow = recording("templateref-inside").final["workflow"]
    killed = OutOfMemory(Address("cluster/clib", "code"), "main", "1Gi")
    raised = raised_memory(workflow, killed, HALF_MORE)
    templates = {template["name"]: template for template in raised.spec["templates"]}
    assert templates["code"]["container"]["resources"]["limits"]["memory"] == "1536Mi"
    calls = {task["name"]: task for template in templates.values() for task in template.get("dag", {}).get("tasks", [])}
    remote2 = templates[calls["remote2"]["template"]]
    assert "templateRef" not in calls["remote2"]
    inner = {task["name"]: task for task in remote2["dag"]["tasks"]}
    assert inner["b"]["template"] == "code"
    # what is not on the way keeps its reference, from inside the copied template too
    assert inner["a"]["templateRef"] == {"name": "clib", "template": "ok", "clusterScope": True}
    assert any(task.get("templateRef", {}).get("name") == "lib" for task in calls.values())
    assert raised.changes[-1].before == "cluster/clib/code"


def test_an_inlined_template_is_renamed_only_if_its_name_is_taken() -> None:
    call = {"name": "a", "templateRef": {"name": "lib", "template": "main"}}
    spec: dict[str, Any] = {"templates": [{"name": "main", "steps": [[call]]}]}
    stored: dict[str, Any] = {
        "namespaced/lib/main": {
            "name": "main",
            "dag": {
                "tasks": [
                    {"name": "x", "template": "leaf", "onExit": "tidy", "arguments": {"parameters": []}},
                    {"name": "y", "template": "leaf", "onExit": "tidy", "hooks": {"exit": {"template": "other"}}},
                    {"name": "z", "inline": {"steps": [[{"name": "w", "template": "leaf"}]]}},
                ]
            },
        },
        "namespaced/lib/leaf": {"name": "leaf", "container": {}},
        "namespaced/lib/tidy": {"name": "tidy", "container": {}},
        "namespaced/else/leaf": {"name": "leaf", "container": {}},
    }
    before = copy.deepcopy(stored)
    inlined(spec, stored, Address("namespaced/lib", "leaf"))
    names = [template["name"] for template in spec["templates"]]
    assert names[:2] == ["main", "leaf"]
    assert names[2].startswith("main-")
    assert spec["templates"][0]["steps"][0][0] == {"name": "a", "template": names[2]}
    x, y, z = spec["templates"][2]["dag"]["tasks"]
    tidy = {"name": "lib", "template": "tidy"}
    assert x["hooks"]["exit"]["templateRef"] == tidy  # onExit names templates of its own scope only
    assert "onExit" not in x
    assert y["hooks"]["exit"]["templateRef"] == {"name": "lib", "template": "other"}
    assert z["inline"]["steps"][0][0]["template"] == "leaf"
    assert stored == before


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(template_name="t", template_scope="local/etl"), Address("local", "t")),
        (Node(template_name="t", template_scope="local/"), Address("local", "t")),
        (Node(template_name="t", template_scope=""), Address("local", "t")),
        (Node(template_name="t", template_scope="namespaced/lib"), Address("namespaced/lib", "t")),
        (Node(template_ref=TemplateRef(name="l", template="t")), Address("namespaced/l", "t")),
        (Node(template_ref=TemplateRef(name="l", template="t", cluster_scope=True)), Address("cluster/l", "t")),
    ],
)
def test_the_address_of_a_nodes_template(node: Node, expected: Address) -> None:
    assert address_of(node) == expected


@pytest.mark.parametrize("address", [Address("local", "nosuch"), Address("local", ""), Address("cluster/c", "x")])
def test_a_missing_template_is_refused(address: Address) -> None:
    assert reason_of(a_run(), OutOfMemory(address, "main", "1Gi")) == Refusal.TEMPLATE_NOT_FOUND


# never


@pytest.mark.parametrize("container", ["wait", "init", "supervisor"])
def test_memory_of_argos_own_containers_is_refused(container: str) -> None:
    assert reason_of(a_run(), OutOfMemory(MAIN.template, container, "1Gi")) == Refusal.EXECUTOR_OUT_OF_MEMORY


@pytest.mark.parametrize("kind", ["resource", "http", "data", "suspend"])
def test_a_template_without_a_user_container_is_refused(kind: str) -> None:
    run = a_run({"name": "transform", kind: {"x": 1}})
    assert reason_of(run, OutOfMemory(MAIN.template, "main", "1Gi")) == Refusal.CONTAINER_NOT_RAISABLE


def test_a_sidecar_is_not_raised() -> None:
    assert reason_of(a_run(), OutOfMemory(MAIN.template, "proxy", "1Gi")) == Refusal.CONTAINER_NOT_RAISABLE


def test_template_referencing_is_refused() -> None:
    increase = MemoryRaise("1.5", "16Gi", references_only=True)
    assert reason_of(a_run(), MAIN, increase) == Refusal.TEMPLATE_REFERENCING


@pytest.mark.parametrize("maximum", ["4Gi", "1Gi"])
def test_at_its_maximum_it_is_refused(maximum: str) -> None:
    assert reason_of(a_run(), MAIN, MemoryRaise("2", maximum)) == Refusal.MEMORY_AT_MAXIMUM


def test_an_invalid_maximum_is_refused() -> None:
    assert reason_of(a_run(), MAIN, MemoryRaise("2", "much")) == Refusal.MEMORY_LIMIT_UNKNOWN


@pytest.mark.parametrize("level", ["template", "spec"])
def test_a_limit_of_the_whole_pod_is_respected(level: str) -> None:
    pod = {"podResources": {"limits": {"memory": "5Gi"}}}
    own = {"name": "transform", "container": a_container(), **(pod if level == "template" else {})}
    spec = pod if level == "spec" else {"podResources": {"limits": {"memory": "1Gi"}}}
    assert reason_of(a_run(own, spec=spec)) == Refusal.OVER_LIMIT
    enough = {**own, "podResources": {"limits": {"memory": "6Gi"}}}
    assert raised_memory(a_run(enough, spec=spec), MAIN, HALF_MORE).limit_bytes == 6 * GI


def quota(hard: str, used: str = "0", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "q"},
        "spec": {"hard": {"limits.memory": hard}, **spec},
        "status": {"hard": {"limits.memory": hard}, "used": {"limits.memory": used}},
    }


def limit_range(kind: str, maximum: str) -> dict[str, Any]:
    return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": kind, "max": {"memory": maximum}}]}}


@pytest.mark.parametrize(
    ("limit_ranges", "quotas", "expected"),
    [
        ([], [], None),
        ([limit_range("Container", "6Gi")], [quota("6Gi")], None),
        ([limit_range("Container", "5Gi")], [], (Refusal.OVER_LIMIT, False)),
        ([limit_range("Pod", "5Gi")], [], (Refusal.OVER_LIMIT, False)),
        ([limit_range("PersistentVolumeClaim", "5Gi")], [], None),
        ([{"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container"}]}}], [], None),
        ([], [quota("5Gi")], (Refusal.OVER_QUOTA, False)),
        ([], [quota("8Gi", used="3Gi")], (Refusal.OVER_QUOTA, True)),
        ([], [quota("5Gi", scopes=["BestEffort"])], None),
        ([], [{"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5"}}}], None),
        ([], [{"metadata": {"name": "q"}, "spec": {"hard": {"limits.memory": "5Gi"}}}], (Refusal.OVER_QUOTA, False)),
    ],
)
def test_a_limit_that_the_namespace_does_not_allow_is_refused(
    limit_ranges: list[Any], quotas: list[Any], expected: tuple[Refusal, bool] | None
) -> None:
    if expected is None:
        check_capacity(6 * GI, limit_ranges=limit_ranges, quotas=quotas)
        return
    with pytest.raises(RefusedError) as refused:
        check_capacity(6 * GI, limit_ranges=limit_ranges, quotas=quotas)
    assert (refused.value.reason, refused.value.is_transient) == expected


# how much


def test_a_raised_limit_survives_a_later_preemption() -> None:
    """argoproj/argo-workflows#12849: killed at 4Gi, raised to 6Gi, preempted, killed again: raised from 6Gi."""
    run = a_run()
    raised = raised_memory(run, OutOfMemory(MAIN.template, "main", "4Gi"), HALF_MORE)
    first = _after(run, 1, raised.spec)
    preempted = _after(first, 2, None)
    assert template_of(preempted)["container"]["resources"]["limits"]["memory"] == "6Gi"
    again = raised_memory(preempted, OutOfMemory(MAIN.template, "main", "6Gi"), HALF_MORE)
    assert again.limit_bytes == 9 * GI
    assert raised_memory(preempted, MAIN, HALF_MORE).limit_bytes == 9 * GI  # nor is a pod needed to know it


def _after(run: dict[str, Any], attempt: int, spec: dict[str, Any] | None) -> dict[str, Any]:
    meta = run["metadata"]
    link = link_of(name=meta["name"], uid=meta["uid"], labels=meta["labels"])
    new = resubmitted(run, Resubmission(link, attempt, f"r-{attempt}"), spec=spec)
    new["metadata"]["uid"] = f"u-{attempt}"
    return new | {"status": {"phase": "Failed"}}


def template_of(run: dict[str, Any]) -> dict[str, Any]:
    (template,) = [template for template in run["spec"]["templates"] if template["name"] == "transform"]
    return template  # type: ignore[no-any-return]


@given(
    before=st.integers(1, 1 << 45),
    factor=st.decimals("1.01", "10", places=2),
    maximum=st.integers(1, 1 << 46),
)
def test_a_new_limit_is_more_than_before_and_never_over_the_maximum(before: int, factor: Decimal, maximum: int) -> None:
    killed, increase = OutOfMemory(MAIN.template, "main", str(before)), MemoryRaise(str(factor), str(maximum))
    if maximum <= before:
        assert reason_of(a_run(), killed, increase) == Refusal.MEMORY_AT_MAXIMUM
        return
    raised = raised_memory(a_run(), killed, increase).limit_bytes
    assert before < raised <= maximum
    assert raised == maximum or before * factor <= raised < before * factor + MEBIBYTE


def test_the_limit_grows_by_at_least_the_minimum_increase() -> None:
    assert raised_memory(a_run(), MAIN, MemoryRaise("1.1", "16Gi", "2Gi")).limit_bytes == 6 * GI
    assert raised_memory(a_run(), MAIN, MemoryRaise("2", "16Gi", "2Gi")).limit_bytes == 8 * GI


@given(st.integers(0, 1 << 60))
def test_bytes_are_written_and_read_back_exactly(amount: int) -> None:
    assert parse_bytes(format_bytes(amount)) == amount


@given(
    number=st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,6})?", fullmatch=True),
    unit=st.sampled_from(["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
)
def test_quantities_are_read_as_the_kubernetes_client_reads_them(number: str, unit: str) -> None:
    expected = parse_quantity(number + unit)  # type: ignore[no-untyped-call]
    assert parse_bytes(number + unit) == int(expected.to_integral_value(rounding="ROUND_CEILING"))


@pytest.mark.parametrize(
    ("quantity", "expected"), [("1e3", 1000), ("2E3", 2000), (" 1Gi ", GI), (1024, 1024), (1.5, 2)]
)
def test_other_ways_to_write_a_quantity(quantity: object, expected: int) -> None:
    assert parse_bytes(quantity) == expected


@pytest.mark.parametrize("quantity", ["", "much", "{{x}}", "1Gb", "1 Gi", None, True, [], "1e", "0x10", "٣"])
def test_an_invalid_quantity_is_none(quantity: object) -> None:
    assert parse_bytes(quantity) is None
