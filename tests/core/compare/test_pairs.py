"""Pairs of recorded runs with exactly one known difference: it is found and named, and nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.core.compare.runs import run_of
from tests.recorded import recording

from wfreport.core.compare.changes import find_changes
from wfreport.core.compare.durations import durations_by_step, run_seconds, slower_steps, step_durations

CASES = (
    "dag-success", "retry-exhausted-varied", "loop-items-one-fails", "steps-parallel-fail", "cron-child-fails",
    "onexit-handler-fails", "suspend-left-b", "oom-main", "evicted",
)  # fmt: skip

Run = dict[str, Any]
Expected = tuple[str, str | None]


def ended(case: str) -> Run:
    """Return a recorded run; one that was recorded while it ran is taken as ended."""
    run: Run = recording(case).final["workflow"]
    run["status"]["phase"] = "Succeeded" if run["status"].get("phase") == "Succeeded" else "Failed"
    run["status"].setdefault("startedAt", "2026-01-01T00:00:00Z")
    run["status"]["finishedAt"] = run["status"].get("finishedAt") or "2026-01-02T00:00:00Z"
    return run


def another_time(run: Run) -> Run:
    """Return the run as another one: with other names, ids, versions and times."""
    name, uid = run["metadata"]["name"], run["metadata"].get("uid") or "no-uid"
    text = (
        msgspec.json.encode(run)
        .decode()
        .replace(uid, "0b7c2d8e-1111-4222-8333-9e4f5a6b7c8d")
        .replace(f'"{name}', f'"{name[:-1]}q')
    )
    again: Run = msgspec.json.decode(text.replace("2026-", "2027-"))
    again["metadata"] |= {"resourceVersion": "987654321", "generation": 77}
    return again


def changes(before: Run, after: Run) -> list[Expected]:
    return [(change.what.value, change.name) for change in find_changes(run_of(before), run_of(after))]


def containers(run: Run) -> list[tuple[str, dict[str, Any]]]:
    templates = (run["status"].get("storedWorkflowTemplateSpec") or run["spec"]).get("templates") or []
    return [(template["name"], template["container"]) for template in templates if "container" in template]


def image(run: Run) -> Expected | None:
    for name, container in containers(run)[:1]:
        container["image"] = "registry.example.org/etl@sha256:" + "0" * 64
        return "Image", name
    return None


def memory(run: Run) -> Expected | None:
    for name, container in containers(run)[:1]:
        container.setdefault("resources", {}).setdefault("limits", {})["memory"] = "777Mi"
        return "Resources", f"{name}: limits.memory"
    return None


def arguments(run: Run) -> Expected | None:
    for name, container in containers(run)[:1]:
        container["args"] = ["something", "else"]
        return "Template", name
    return None


def templates(run: Run) -> list[Run]:
    spec = run["status"].get("storedWorkflowTemplateSpec") or run["spec"]
    return [*(spec.get("templates") or []), *(run["status"].get("storedTemplates") or {}).values()]


def first_with(run: Run, field: str) -> Run | None:
    return next((template for template in templates(run) if template.get(field)), None)


def parameter(run: Run) -> Expected | None:
    run["spec"].setdefault("arguments", {}).setdefault("parameters", []).append({"name": "added", "value": "x"})
    return "Parameter", "added"


def step(run: Run) -> Expected | None:
    for template in (run["status"].get("storedWorkflowTemplateSpec") or run["spec"]).get("templates") or []:
        tasks = template.get("dag", {}).get("tasks")
        if tasks:
            tasks.append({**tasks[0], "name": "added-task"})
            return "Step", f"{template['name']}/added-task"
    return None


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_said_of_two_runs_of_the_same(case: str) -> None:
    assert changes(ended(case), another_time(ended(case))) == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("change", [image, memory, arguments, parameter, step], ids=lambda change: change.__name__)
def test_one_difference_is_found_and_named(case: str, change: Callable[[Run], Expected | None]) -> None:
    before, after = ended(case), another_time(ended(case))
    expected = change(after)
    if expected is None:
        assert changes(before, after) == []
        return
    ((what, name),) = changes(before, after)
    assert what == expected[0]
    assert expected[1] is None or (name or "").endswith(expected[1].rpartition("/")[2])


def step_removed(run: Run) -> Expected:
    template = first_with(run, "dag") or first_with(run, "steps")
    assert template
    if "dag" in template:
        return "Step", template["dag"]["tasks"].pop()["name"]
    return "Step", template["steps"].pop()[-1]["name"]


def step_condition(run: Run) -> Expected:
    template = first_with(run, "steps")
    assert template
    template["steps"][0][0]["when"] = "1 == 1"
    return "Step", template["steps"][0][0]["name"]


def machine(run: Run) -> Expected:
    for node in run["status"]["nodes"].values():
        if "hostNodeName" in node:
            node["hostNodeName"] = "node-added"
    return "Machine", None


def referenced_image(run: Run) -> Expected:
    key, template = next((key, each) for key, each in run["status"]["storedTemplates"].items() if "container" in each)
    template["container"]["image"] = "etl:new"
    return "Image", key


def container_set_image(run: Run) -> Expected:
    template = first_with(run, "containerSet")
    assert template
    container = template["containerSet"]["containers"][-1]
    container["image"] = "etl:new"
    return "Image", template["name"] if container["name"] == "main" else f"{template['name']}: {container['name']}"


def container_set_memory(run: Run) -> Expected:
    template = first_with(run, "containerSet")
    assert template
    container = template["containerSet"]["containers"][-1]
    container["resources"] = {"limits": {"memory": "777Mi"}}
    prefix = "" if container["name"] == "main" else f"{container['name']}."
    return "Resources", f"{template['name']}: {prefix}limits.memory"


def url(run: Run) -> Expected:
    template = first_with(run, "http")
    assert template
    template["http"]["url"] = "https://other.example.org"
    return "Template", template["name"]


def plugin(run: Run) -> Expected:
    template = first_with(run, "plugin")
    assert template
    template["plugin"]["added"] = {"x": 1}
    return "Template", template["name"]


def manifest(run: Run) -> Expected:
    template = first_with(run, "resource")
    assert template
    template["resource"]["manifest"] = "kind: ConfigMap"
    return "Template", template["name"]


def source(run: Run) -> Expected:
    template = first_with(run, "script")
    assert template
    template["script"]["source"] = "print(2)"
    return "Template", template["name"]


def suspension(run: Run) -> Expected:
    template = next(each for each in templates(run) if "suspend" in each)
    template["suspend"] = {"duration": "777"}
    return "Template", template["name"]


def sidecar_image(run: Run) -> Expected:
    template = first_with(run, "sidecars")
    assert template
    template["sidecars"][0]["image"] = "db:new"
    return "Image", f"{template['name']}: {template['sidecars'][0]['name']}"


def sidecar_removed(run: Run) -> Expected:
    template = first_with(run, "sidecars")
    assert template
    return "Image", f"{template['name']}: {template['sidecars'].pop()['name']}"


def init_container_added(run: Run) -> Expected:
    template = first_with(run, "container")
    assert template
    container = {"name": "fetch", "image": "fetch:1", "command": ["get"], "resources": {"limits": {"cpu": "1"}}}
    template.setdefault("initContainers", []).append(container)
    return "Image", f"{template['name']}: fetch"


def pod_patch(run: Run) -> Expected:
    template = first_with(run, "container")
    assert template
    template["podSpecPatch"] = "terminationGracePeriodSeconds: 7"
    return "Template", template["name"]


def patch_of_all_pods(run: Run) -> Expected:
    run["spec"]["podSpecPatch"] = "terminationGracePeriodSeconds: 7"
    return "Spec", "podSpecPatch"


def input_artifact(run: Run) -> Expected:
    template = next(each for each in templates(run) if (each.get("inputs") or {}).get("artifacts"))
    template["inputs"]["artifacts"][0]["path"] = "/elsewhere"
    return "Template", template["name"]


def global_artifact(run: Run) -> Expected:
    run["spec"]["arguments"]["artifacts"][0] = {"name": "seed", "raw": {"data": "other"}}
    return "Spec", "arguments.artifacts"


def default_of_the_workflow_template(run: Run) -> Expected:
    (parameter,) = run["status"]["storedWorkflowTemplateSpec"]["arguments"]["parameters"]
    parameter["value"] = "another one"
    return "Parameter", parameter["name"]


def uncompressed(run: Run) -> Expected | None:
    """Take away the nodes, as Argo does when it offloads them: no difference in what was run."""
    run["status"].pop("compressedNodes", None)
    run["status"].pop("nodes", None)
    run["status"]["offloadNodeStatusVersion"] = "fnv:1"
    return None


KINDS: dict[Callable[[Run], Expected | None], tuple[str, ...]] = {
    step_removed: ("dag-success", "steps-parallel-fail", "compressed-zstd"),
    step_condition: ("steps-parallel-fail", "continueon-failed"),
    machine: ("dag-success", "oom-main"),
    referenced_image: ("ex-workflow-template--hello-world", "wftemplate-ref", "clusterwftemplate-ref-b"),
    container_set_image: ("containerset-ok", "containerset-oom"),
    container_set_memory: ("containerset-ok", "ex-container-set-template--workspace-workflow"),
    url: ("http-ok-and-fail", "ex-http-success-condition"),
    plugin: ("plugin-template",),
    manifest: ("ex-k8s-orchestration", "ex-k8s-patch-pod"),
    source: ("ex-coinflip",),
    suspension: ("suspend-duration", "suspend-left-b"),
    sidecar_image: ("sidecar-ok", "ex-sidecar"),
    sidecar_removed: ("sidecar-ok", "ex-sidecar"),
    init_container_added: ("dag-success", "retry-exhausted-varied"),
    pod_patch: ("dag-success", "oom-main"),
    patch_of_all_pods: ("dag-success", "oom-main"),
    input_artifact: ("ex-artifact-passing-subpath", "ex-ci"),
    global_artifact: ("ex-variables-showcase",),
    default_of_the_workflow_template: ("wftemplate-ref", "clusterwftemplate-ref-b"),
    image: ("compressed-zstd", "large-3000"),
    uncompressed: ("compressed-zstd", "dag-success"),
}


@pytest.mark.parametrize(
    ("case", "change"),
    [(case, change) for change, cases in KINDS.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_difference_of_each_kind_is_found_and_named(case: str, change: Callable[[Run], Expected | None]) -> None:
    before, after = ended(case), another_time(ended(case))
    expected = change(after)
    assert changes(before, after) == ([expected] if expected else [])


@pytest.mark.parametrize("case", sorted({case for cases in KINDS.values() for case in cases}))
def test_nothing_is_said_of_two_runs_of_each_kind(case: str) -> None:
    assert changes(ended(case), another_time(ended(case))) == []


def slower(before: Run, after: Run) -> list[tuple[str, str]]:
    old, new = run_of(before).status, run_of(after).status
    excess = (run_seconds(new) or 0) - (run_seconds(old) or 0)
    return [
        (each.display_name, each.why)
        for each in slower_steps(excess, step_durations(new), durations_by_step([step_durations(old)]))
    ]


@pytest.mark.parametrize("case", ["dag-success", "retry-exhausted-varied", "oom-main"])
def test_a_slow_step_is_found_and_named(case: str) -> None:
    before, after = ended(case), another_time(ended(case))
    assert slower(before, after) == []
    pods = [node for node in after["status"]["nodes"].values() if node["type"] == "Pod"]
    last = max(pods, key=lambda node: (node["finishedAt"], node["id"]))
    for node in (last, after["status"], *(each for each in after["status"]["nodes"].values() if each["type"] != "Pod")):
        node["finishedAt"] = "2027-12-31T00:00:00Z"
    assert [why for _, why in slower(before, after)] == ["Ran"]
