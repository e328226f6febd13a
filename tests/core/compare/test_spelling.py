"""Two spellings of the same definition differ in nothing; what Argo or Kubernetes tells apart differs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.core.compare.runs import a_dag, a_template, a_workflow, run_of

from wfreport.api.comparison import ChangedThing, ChangeKind, Difference
from wfreport.core.compare.changes import find_changes
from wfreport.core.compare.words import in_words, then_and_now
from wfreport.core.snapshot.normalized import normalized_image
from wfreport.core.snapshot.quantity import plain_quantity


def words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    after = copy.deepcopy(after)
    after["metadata"] |= {"name": "wf-2", "uid": "uid-wf-2"}
    return [in_words(each) for each in find_changes(run_of(before), run_of(after))]


def container(**fields: Any) -> dict[str, Any]:
    return a_workflow(a_template(**fields))


def template(**fields: Any) -> dict[str, Any]:
    return a_workflow(a_template() | fields)


def spec(**fields: Any) -> dict[str, Any]:
    workflow = a_workflow()
    workflow["spec"] |= fields
    return workflow


def dag(*tasks: dict[str, Any]) -> dict[str, Any]:
    return a_workflow(a_dag(*tasks), a_template())


def steps(*groups: list[str]) -> dict[str, Any]:
    groups_of_steps = [[{"name": name, "template": "work"} for name in group] for group in groups]
    return a_workflow({"name": "main", "steps": groups_of_steps}, a_template())


def container_set(*images: str) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"name": "main", "containerSet": {"containers": containers}}


A, B = {"name": "a", "template": "work"}, {"name": "b", "template": "work", "dependencies": ["x", "y"]}
DISK = {"metadata": {"name": "disk"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
SIDECARS = [{"name": "db", "image": "pg:1"}, {"name": "cache", "image": "redis:1"}]
VARIABLES = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]

EQUAL = {
    "memory": (
        container(resources={"limits": {"memory": "1Gi", "cpu": "1000m"}}),
        container(resources={"limits": {"cpu": 1, "memory": "1024Mi"}}),
    ),
    "no limits": (container(resources={"limits": None}), container(resources={})),
    "memory of a sidecar": (
        template(sidecars=[{"name": "db", "image": "pg:1", "resources": {"limits": {"cpu": "0.5"}}}]),
        template(sidecars=[{"name": "db", "image": "pg:1", "resources": {"limits": {"cpu": "500m"}}}]),
    ),
    "size of a disk": (
        spec(volumeClaimTemplates=[DISK]),
        spec(volumeClaimTemplates=[DISK | {"spec": {"resources": {"requests": {"storage": "1024Mi"}}}, "status": {}}]),
    ),
    "size in memory": (
        template(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]),
        template(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}]),
    ),
    "image of the default registry": (container(image="busybox"), container(image="docker.io/library/busybox:latest")),
    "number and text": (template(retryStrategy={"limit": 2}), template(retryStrategy={"limit": "2"})),
    "value of a parameter": (
        dag({**A, "arguments": {"parameters": [{"name": "p", "value": True}, {"name": "q", "value": 1}]}}),
        dag({**A, "arguments": {"parameters": [{"name": "q", "value": "1"}, {"name": "p", "value": "true"}]}}),
    ),
    "null": (template(affinity=None, timeout="5m"), template(timeout="5m")),
    "empty structs": (template(inputs={}, outputs={}, metadata={}), template()),
    "empty lists, texts and objects": (
        template(tolerations=[], sidecars=[], nodeSelector={}),
        template(),
    ),
    "empty fields of a container": (
        container(env=[], command=[], workingDir="", imagePullPolicy="", tty=False),
        container(),
    ),
    "name of the container of a template": (
        template(container={"name": "main", "image": "etl:1.8"}),
        template(container={"name": "", "image": "etl:1.8"}),
    ),
    "empty fields of a spec": (
        spec(volumes=[], podGC={}, hooks={}, serviceAccountName="", onExit="", ttlStrategy={}, hostNetwork=False),
        spec(),
    ),
    "empty fields of a task": (dag({**A, "when": "", "dependencies": [], "withParam": ""}, B), dag(A, B)),
    "spaces in depends": (
        dag(A, {**A, "name": "b", "depends": " a&&a.Failed"}),
        dag(A, {**A, "name": "b", "depends": "a && a.Failed"}),
    ),
    "resources of pods": (
        spec(podResources={"limits": {"memory": "1Gi", "cpu": "500m"}}),
        spec(podResources={"limits": {"memory": "1024Mi", "cpu": 0.5}}),
    ),
    "order of variables": (container(env=VARIABLES), container(env=VARIABLES[::-1])),
    "order of sidecars": (template(sidecars=SIDECARS), template(sidecars=SIDECARS[::-1])),
    "order of templates": (
        a_workflow(a_dag(A), a_template(), a_template("other")),
        a_workflow(a_dag(A), a_template("other"), a_template()),
    ),
    "order of tasks": (dag(A, B), dag({**B, "dependencies": ["y", "x"]}, A)),
    "order within a group": (steps(["a", "b"], ["c"]), steps(["b", "a"], ["c"])),
    "order of tolerations": (
        spec(tolerations=[{"key": "gpu"}, {"key": "spot"}]),
        spec(tolerations=[{"key": "spot"}, {"key": "gpu"}]),
    ),
}

DIFFERENT = {
    "an array that is none": (template(steps=[5], inputs=[1]), template(steps=[6], inputs=[1]), "changed"),
    "order of arguments": (container(args=["a", "b"]), container(args=["b", "a"]), "template work changed (args)"),
    "variables that refer to others": (
        container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]),
        container(env=[{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]),
        "template work changed (env)",
    ),
    "a variable that is set twice": (
        container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        container(env=[{"name": "A", "value": "2"}, {"name": "A", "value": "1"}]),
        "template work changed (env)",
    ),
    "order of items": (dag({**A, "withItems": [1, 2]}), dag({**A, "withItems": [2, 1]}), "step a changed (loop)"),
    "groups of steps": (steps(["a"], ["b"]), steps(["a", "b"]), "template main changed (order)"),
    "an empty value is a value": (
        dag({**A, "arguments": {"parameters": [{"name": "p", "value": ""}]}}),
        dag({**A, "arguments": {"parameters": [{"name": "p"}]}}),
        "step a changed (arguments)",
    ),
    "no items are a loop": (dag({**A, "withItems": []}), dag(A), "step a changed (loop)"),
    "an empty object that has a meaning": (
        template(retryStrategy={}),
        template(),
        "template work changed (retryStrategy)",
    ),
    "the image of one of several containers": (
        a_workflow(container_set("a:1", "b:1")),
        a_workflow(container_set("z:2", "b:1")),
        "image a:1 → z:2",
    ),
    "false is not absent": (spec(archiveLogs=False), spec(), "spec field archiveLogs false → (none)"),
    "zero is not absent": (
        spec(ttlStrategy={"secondsAfterFailure": 0}),
        spec(ttlStrategy={"secondsAfterFailure": 60}),
        "spec field ttlStrategy.secondsAfterFailure 0 → 60",
    ),
    "tag and digest": (
        container(image="etl:1.8"),
        container(image="etl@sha256:" + "0" * 64),
        "image etl:1.8 → sha256:000000000000",
    ),
    "memory": (
        container(resources={"limits": {"memory": "1G"}}),
        container(resources={"limits": {"memory": "1Gi"}}),
        "resources of work: limits.memory 1G → 1Gi",
    ),
    "claims of a device": (
        container(resources={"claims": [{"name": "gpu"}]}),
        container(resources={"claims": [{"name": "tpu"}]}),
        "template work changed (resources)",
    ),
    "security of pod and container": (
        template(securityContext={"fsGroup": 1}, container={"image": "etl:1.8", "securityContext": {"runAsUser": 5}}),
        template(securityContext={"fsGroup": 2}, container={"image": "etl:1.8", "securityContext": {"runAsUser": 5}}),
        "template work changed (securityContext.fsGroup 1 → 2)",
    ),
    "a short value that became a long one": (
        template(nodeSelector={"disk": "ssd"}),
        template(nodeSelector={f"key-{n}": "x" for n in range(9)}),
        "template work changed (nodeSelector)",
    ),
    "a secret": (
        template(nodeSelector={"password": "hunter2hunter2"}),
        template(nodeSelector={"password": "hunter3hunter3"}),
        "template work changed",
    ),
    "a tag that looks like a day": (
        container(image="etl:20261128"),
        container(image="etl:20261129"),
        "image etl:20261128 → 20261129",
    ),
    "an amount that looks like a time": (
        container(resources={"limits": {"memory": "1900000000"}}),
        container(resources={"limits": {"memory": "1500000000"}}),
        "resources of work: limits.memory 1900000000 → 1500000000",
    ),
    "a tag that looks like a time, of a sidecar": (
        template(sidecars=[{"name": "db", "image": "pg:2026-11-28T01-02-03"}]),
        template(sidecars=[{"name": "db", "image": "pg:2026-11-29T01-02-03"}]),
        "image pg:2026-11-28T01-02-03 → 2026-11-29T01-02-03",
    ),
    "a tag that looks like a day, of a template within a step": (
        dag({"name": "a", "inline": {"container": {"image": "etl:20261128"}}}),
        dag({"name": "a", "inline": {"container": {"image": "etl:20261129"}}}),
        "image etl:20261128 → 20261129",
    ),
    "the WorkflowTemplate": (
        spec(workflowTemplateRef={"name": "etl"}),
        spec(workflowTemplateRef={"name": "etl", "clusterScope": True}),
        "spec field workflowTemplateRef WorkflowTemplate/etl → ClusterWorkflowTemplate/etl",
    ),
}


def test_another_spelling_beside_a_change_is_not_named() -> None:
    before = container(image="busybox", args=["a"], resources={"limits": {"cpu": "1"}})
    after = container(image="docker.io/busybox", args=["b"], resources={"limits": {"cpu": "1000m"}})
    assert words(before, after) == ["template work changed (args)"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Difference(what=ChangedThing.IMAGE, before="a", after="b"), ("a", "b")),
        (Difference(what=ChangedThing.PARAMETER, after="b"), ("(none)", "b")),
        (Difference(what=ChangedThing.STEP, change=ChangeKind.ADDED), ("(none)", "new")),
        (Difference(what=ChangedThing.STEP, change=ChangeKind.REMOVED), ("was there", "gone")),
        (Difference(what=ChangedThing.STEP, change=ChangeKind.RENAMED, before="a", after="b"), ("a", "b")),
        (Difference(what=ChangedThing.TEMPLATE, fields=["args", "env"]), ("", "changed (args, env)")),
        (Difference(what=ChangedThing.SPEC), ("", "changed")),
    ],
)
def test_a_change_has_two_columns(change: Difference, expected: tuple[str, str]) -> None:
    assert then_and_now(change) == expected


@pytest.mark.parametrize(("before", "after"), EQUAL.values(), ids=EQUAL)
def test_another_spelling_is_no_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert words(before, after) == words(after, before) == []


@pytest.mark.parametrize(("before", "after", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_meaning_is_one_change(before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    (found,) = words(before, after)
    assert expected in found
    definitions = [run_of(each).status.definition for each in (before, after)]
    digests = {each.digest for each in definitions if each}
    assert len(digests) == (1 if "workflowTemplateRef" in found else 2)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("etl", "docker.io/library/etl:latest"),
        ("docker.io/etl:1", "docker.io/library/etl:1"),
        ("team/etl:1", "docker.io/team/etl:1"),
        ("reg:5000/etl", "reg:5000/etl:latest"),
        ("localhost/etl:1", "localhost/etl:1"),
        ("quay.io/a/b/etl:1@sha256:0", "quay.io/a/b/etl@sha256:0"),
        ("{{inputs.parameters.image}}", "{{inputs.parameters.image}}"),
        ("", ""),
    ],
)
def test_images_are_compared_with_their_defaults(image: str, expected: str) -> None:
    assert normalized_image(image) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("1Gi", "1073741824"), ("1e3", "1000"), ("0.10", "0.1"), (2, "2"), ("{{x}}", "{{x}}"), ("9" * 40, "9" * 40)],
)
def test_quantities_are_compared_without_units(quantity: object, expected: str) -> None:
    assert plain_quantity(quantity) == expected


def test_a_spec_within_the_workflow_and_one_of_a_template_are_compared_by_their_content() -> None:
    referring = a_workflow()
    content = referring["spec"]
    referring["spec"] = {"workflowTemplateRef": {"name": "etl"}}
    referring["status"]["storedWorkflowTemplateSpec"] = content
    referring["status"]["storedTemplates"] = {"namespaced/etl/work": a_template()}
    assert words(a_workflow(), referring) == words(referring, a_workflow()) == []
    changed = copy.deepcopy(referring)
    for each in (changed["status"]["storedWorkflowTemplateSpec"]["templates"][0],
                 changed["status"]["storedTemplates"]["namespaced/etl/work"]):  # fmt: skip
        each["container"]["args"] = ["other"]
    assert words(referring, changed) == ["template work changed (args)"]


def test_an_empty_security_context_of_a_template_replaces_that_of_the_spec() -> None:
    assert words(template(), template(securityContext={})) == ["template work changed (securityContext)"]
    assert words(template(), template(affinity={})) == ["template work changed (affinity)"]


def referring(own: dict[str, Any], **stored: Any) -> dict[str, Any]:
    """Return a Workflow with a reference to a WorkflowTemplate, fields of its own, and fields that Argo merged."""
    workflow = spec(**stored)
    workflow["status"]["storedWorkflowTemplateSpec"] = workflow["spec"]
    workflow["spec"] = {"workflowTemplateRef": {"name": "etl"}, **own}
    return workflow


TTL = {"ttlStrategy": {"secondsAfterFailure": 60}}


def test_a_time_to_live_of_the_workflow_replaces_that_of_its_template_even_if_it_is_empty() -> None:
    """``GetTTLStrategy`` of workflow_types.go reads it before the merged spec."""
    gone = ["spec field ttlStrategy.secondsAfterFailure 60 → (none)"]
    assert words(referring({}, **TTL), referring({"ttlStrategy": {}}, **TTL)) == gone
    merged = {"ttlStrategy": {"secondsAfterFailure": 60, "secondsAfterSuccess": 5}}
    assert words(referring(TTL, **merged), referring({"ttlStrategy": {"secondsAfterSuccess": 5}}, **merged)) == [
        "spec field ttlStrategy.secondsAfterSuccess (none) → 5",
        *gone,
    ]
    assert words(referring({"ttlStrategy": None}, **TTL), referring({}, **TTL)) == []


def test_a_false_that_replaces_a_default_of_all_templates_is_not_absent() -> None:
    no_daemon = [template(daemon=False), template()]
    assert words(*no_daemon) == []
    for each in no_daemon:
        each["spec"]["templateDefaults"] = {"daemon": True}
    assert words(*no_daemon) == ["template work changed (daemon false → (none))"]
