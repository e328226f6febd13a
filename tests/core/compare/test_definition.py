"""What a report stores of what was run: equal definitions have equal digests, and the size is bounded."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_report
from tests.core.compare.runs import a_template, a_workflow
from tests.recorded import Recording, recordings

from wfreport.api.argo import Container
from wfreport.api.comparison import RunDefinition
from wfreport.api.kubernetes import Pod, PodSpec
from wfreport.core.render.definition import MAX_BYTES
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.definition import digest_definition
from wfreport.core.snapshot.model import PodEvidence


def definition_of(workflow: dict[str, Any]) -> RunDefinition:
    found = a_report(decode_workflow(json.dumps(workflow).encode())).definition
    assert found is not None
    return found


def shuffled(value: Any, order: random.Random) -> Any:
    """Return the value with the keys of all objects in another order."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(part, order) for part in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(order: random.Random) -> None:
    workflow = a_workflow(
        a_template("train", env=[{"name": "A", "value": "1"}], sidecars=[{"name": "db", "image": "p"}])
    )
    assert definition_of(shuffled(workflow, order)) == definition_of(workflow)


def test_a_running_workflow_has_no_definition_yet() -> None:
    assert a_report(decode_workflow(a_workflow(phase="Running"))).definition is None


def test_images_and_resources_of_every_container_are_kept() -> None:
    resources = {"requests": {"cpu": 1}, "limits": {"memory": "2Gi"}}
    template = {
        "name": "work",
        "script": {"image": "a:1", "source": "x", "resources": resources},
        "containerSet": {"containers": [{"name": "b", "image": "b:1"}], "volumeMounts": []},
        "initContainers": [{"name": "fetch", "image": "c:1", "command": ["get"]}, "odd"],
    }
    found = (definition_of(a_workflow(template)).templates or [])[0]
    assert found.images == {"main": "a:1", "b": "b:1", "fetch": "c:1"}
    assert found.resources == {"main.requests.cpu": "1", "main.limits.memory": "2Gi"}
    assert set(found.parts or ()) == {"source", "containerSet", "initContainers"}


def test_templates_are_those_that_the_run_used() -> None:
    stored = a_template("inner")
    workflow = a_workflow(a_template("ignored"))
    workflow["status"] |= {
        "storedWorkflowTemplateSpec": {"templates": [a_template("own")], "entrypoint": "own"},
        "storedTemplates": {"namespaced/shared/inner": stored},
    }
    names = [each.name for each in definition_of(workflow).templates or ()]
    assert names == ["own", "namespaced/shared/inner"]


def test_arguments_with_times_ids_and_the_runs_own_name_do_not_count() -> None:
    one, other = a_workflow(), a_workflow(name="wf-2")
    one["spec"]["arguments"] = {"parameters": [{"name": "p", "value": "2026-01-02T03:04:05Z wf-1 1700000000"}]}
    other["spec"]["arguments"] = {"parameters": [{"name": "p", "value": "2026-02-02T03:04:05Z wf-2 1800000000"}]}
    assert definition_of(one).parameters_digest == definition_of(other).parameters_digest
    other["spec"]["arguments"]["parameters"][0]["value"] += " more"
    assert definition_of(one).parameters_digest != definition_of(other).parameters_digest


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"spec": {"templates": {}}}', b'{"spec": 5}', b'{"spec":{"a":' + b"[" * 2000]
)
def test_a_definition_that_cannot_be_read_is_unknown(raw: bytes) -> None:
    assert digest_definition(raw) is None


def test_odd_templates_are_no_error() -> None:
    workflow = a_workflow()
    workflow["spec"]["templates"] = [5, None, {"steps": 5, "dag": {"tasks": 7}, "container": "x", "sidecars": "y"}]
    assert digest_definition(json.dumps(workflow).encode()) is not None


@pytest.mark.parametrize(("templates", "kept"), [(5, "parts"), (30, "steps"), (64, "some"), (200, "some")], ids=str)
def test_a_large_definition_is_cut_to_its_maximum_size(templates: int, kept: str) -> None:
    calls = [{"name": f"task-{n}", "template": "x"} for n in range(4)]
    large = [
        {**a_template(f"template-{n}", image="registry.example.com/team/image:1"), "dag": {"tasks": calls}}
        for n in range(templates)
    ]
    found = definition_of(a_workflow(*large))
    assert len(msgspec.json.encode(found)) <= MAX_BYTES
    assert found.truncated is (None if kept == "parts" else True)
    assert bool((found.templates or [])[0].parts) is (kept == "parts")
    assert len(found.templates or []) == templates or kept == "some"


def test_of_a_definition_that_never_fits_only_the_digests_remain() -> None:
    spec = {f"field-{n}-{'x' * 240}": n + 1 for n in range(40)}
    workflow = a_workflow()
    workflow["spec"] |= spec
    found = definition_of(workflow)
    assert (found.templates, found.spec, found.truncated) == (None, None, True)
    assert len(msgspec.json.encode(found)) <= MAX_BYTES


SECRETS = ("12345678", "1234", "hunter2hunter2", "0")


@pytest.mark.parametrize("key", ["db-password", "password", "client-secret", "api-token", "encryption_key"])
def test_a_short_secret_is_neither_recorded_nor_can_it_be_guessed(key: str) -> None:
    def definition(secret: str) -> RunDefinition:
        many = [{"name": f"p{n}", "value": "1"} for n in range(64)]
        workflow = a_workflow({**a_template(), "metadata": {"annotations": {key: secret}}})
        workflow["spec"] |= {"podMetadata": {"annotations": {key: secret}}}
        workflow["spec"]["arguments"]["parameters"] = [*many, {"name": key, "value": secret}]
        return definition_of(workflow)

    found = [definition(secret) for secret in SECRETS]
    for secret, each in zip(SECRETS, found, strict=True):
        assert f"={secret}" not in msgspec.json.encode(each).decode()
    parts = [(each.spec, each.parameters, [template.parts for template in each.templates or ()]) for each in found]
    assert all(each == parts[0] for each in parts)  # whoever has a report cannot tell which secret it was


def test_numbers_that_are_no_secrets_are_recorded() -> None:
    template = {**a_template(), "activeDeadlineSeconds": 600, "metadata": {"annotations": {"tokens": "4096"}}}
    parts = (definition_of(a_workflow(template)).templates or [])[0].parts or {}
    assert parts == {
        "activeDeadlineSeconds": "=600", "metadata.annotations.tokens": "=4096", "args": parts["args"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("quay.io/argoproj/argoexec:v4.0.5", "v4.0.5"),
        ("reg:5000/argoexec:v3.6.0@sha256:0123", "v3.6.0"),
        ("argoexec@sha256:0123", None),
        (None, None),
    ],
)
def test_the_version_of_argo_is_that_of_the_executor(image: str | None, version: str | None) -> None:
    containers = [Container(name="main", image="etl:1.8"), *([Container(name="wait", image=image)] if image else [])]
    evidence = {"gone": PodEvidence(), "wf-1-work": PodEvidence(Pod(spec=PodSpec(containers=containers)))}
    found = a_report(decode_workflow(a_workflow()), evidence=evidence)
    assert found.definition is not None
    assert found.definition.argo_version == version
    later = a_report(decode_workflow(a_workflow()), stored=found).definition  # the pod is gone
    assert later is not None
    assert later.argo_version == version


@pytest.mark.parametrize("case", recordings()[::8], ids=lambda case: case.name)
def test_every_recorded_definition_is_small(case: Recording) -> None:
    found = a_report(decode_workflow(case.final["workflow"])).definition
    assert found is None or len(msgspec.json.encode(found)) <= MAX_BYTES


@pytest.mark.parametrize(("templates", "is_remembered"), [(20, True), (250, False)])
def test_only_definitions_of_few_values_are_remembered(templates: int, *, is_remembered: bool) -> None:
    """The digests of many values take fifty times as much memory as the text."""
    spec = {"templates": [{"name": f"t{number}"} for number in range(templates)]}
    first, second = (digest_definition(json.dumps({"metadata": {"name": "wf"}, "spec": spec}).encode()) for _ in "ab")
    assert first == second
    assert (first is second) is is_remembered
