"""A memoized resubmission runs the failed steps and their successors, and nothing else, with the real Argo controller.

All runs are submitted at once, to one operator and one policy. Each test checks its own run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.remediation.harness import (
    ARGO,
    LONG_SECONDS,
    RemediationCluster,
    pods_of,
    remediation_cluster,
    until_argo_knows,
)

from controlplane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.argo, pytest.mark.long, pytest.mark.timeout(600)]
HEAD = {"apiVersion": "argoproj.io/v1alpha1"}
MEMOIZED = {"name": "go-on", "match": {}, "action": {"resubmit": {"memoized": True}}}
UNLIMITED: dict[str, Any] = {
    "budget": {"maxConcurrent": 100, "maxPerWindow": 1000},
    "circuitBreaker": {"failurePercentAtMost": 100, "minRuns": 1000, "sameFingerprintAtMost": 100},
}

OK, FAILS = "0", "3"
SECOND_TIME = '{{=workflow.name endsWith "-r1" ? "0" : "3"}}'
THIRD_TIME = '{{=workflow.name endsWith "-r2" ? "0" : "3"}}'


@dataclass(frozen=True)
class Shape:
    """A Workflow that fails at first.

    Attributes:
        templates: its templates.
        expected: suffixes of the names of the nodes whose pods ran in the last run.
        spec: the rest of its spec.
        runs: number of runs until it succeeds.
    """

    templates: list[dict[str, Any]]
    expected: list[str]
    spec: dict[str, Any] = field(default_factory=dict)
    runs: int = 2


def pod(name: str, exit_code: str, **more: Any) -> dict[str, Any]:
    """Return a template whose pod ends with this exit code."""
    metadata = {"annotations": {"sim.wfreport.dev/exit-code": exit_code}}
    return {"name": name, "metadata": metadata, "container": {"image": "busybox", "command": ["true"]}, **more}


def tasks(**depends: str) -> dict[str, Any]:
    """Return a DAG whose tasks have the names of their templates."""
    calls = [{"name": name, "template": name, **({"depends": on} if on else {})} for name, on in depends.items()]
    return {"dag": {"tasks": calls}}


def one(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "template": name, **more}


def dag(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"dag": {"tasks": list(calls)}}


def arguments(**values: str) -> dict[str, Any]:
    return {"arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]}}


SHAPES = {
    "dag": Shape(
        [
            {"name": "main", **tasks(extract="", transform="extract", load="transform", other="")},
            pod("extract", OK),
            pod("transform", SECOND_TIME),
            pod("load", OK),
            pod("other", OK),
        ],
        [".load", ".transform"],
    ),
    "steps": Shape(
        [
            {"name": "main", "steps": [[one("first"), one("beside")], [one("second")], [one("third")]]},
            pod("first", OK),
            pod("beside", SECOND_TIME),
            pod("second", OK),
            pod("third", OK),
        ],
        ["[0].beside", "[1].second", "[2].third"],
    ),
    "loop": Shape(
        [
            {"name": "main", **dag({**one("each"), "withItems": [0, 3, 0], **arguments(code="{{item}}")})},
            pod(
                "each",
                '{{=workflow.name endsWith "-r1" ? "0" : inputs.parameters.code}}',
                inputs={"parameters": [{"name": "code"}]},
            ),
        ],
        [".each(1:3)"],
    ),
    "retried": Shape(
        [
            {"name": "main", **tasks(flaky="", last="flaky")},
            pod("flaky", '{{=asInt(retries) == 0 ? "1" : "0"}}', retryStrategy={"limit": 2}),
            pod("last", SECOND_TIME, retryStrategy={"limit": 1}),
        ],
        [".last(0)"],
    ),
    "nested-steps": Shape(
        [
            {"name": "main", "steps": [[one("before")], [one("done")], [one("inner")], [one("after")]]},
            {"name": "done", **tasks(before="", each="before", skipped="each")},
            {"name": "each", "steps": [[{**one("code"), "withItems": [0, 0], **arguments(code="{{item}}")}]]},
            pod("code", "{{inputs.parameters.code}}", inputs={"parameters": [{"name": "code"}]}),
            {"name": "inner", **tasks(extract="", transform="extract", skipped="extract", load="transform && skipped")},
            pod("before", OK),
            pod("extract", OK),
            pod("transform", SECOND_TIME),
            pod("skipped", OK),
            pod("load", OK),
            pod("after", OK),
        ],
        ["[2].inner.load", "[2].inner.transform", "[3].after"],
    ),
    "nested-dags": Shape(
        [
            {"name": "main", **tasks(done="", between="done", inner="between", after="inner")},
            {"name": "done", **tasks(ok="", other="ok")},
            {"name": "inner", **tasks(ok="", fails="ok")},
            pod("ok", OK),
            pod("other", OK),
            pod("between", OK),
            pod("fails", SECOND_TIME),
            pod("after", OK),
        ],
        [".after", ".inner.fails"],
    ),
    "loop-of-dags": Shape(
        [
            {
                "name": "main",
                **dag(one("each", withItems=[0, 3], **arguments(code="{{item}}")), one("after", depends="each")),
            },
            {
                "name": "each",
                "inputs": {"parameters": [{"name": "code"}]},
                **dag(one("ok"), one("code", depends="ok", **arguments(code="{{inputs.parameters.code}}"))),
            },
            pod("ok", OK),
            pod(
                "code",
                '{{=workflow.name endsWith "-r1" ? "0" : inputs.parameters.code}}',
                inputs={"parameters": [{"name": "code"}]},
            ),
            pod("after", OK),
        ],
        [".after", ".each(1:3).code"],
    ),
    "handled": Shape(
        [
            {"name": "main", **tasks(fine="", inner="fine", handle="inner.Failed", **{"goes-on": "inner || handle"})},
            {"name": "inner", **tasks(fine="", fails="")},
            pod("fine", OK),
            pod("fails", SECOND_TIME),
            pod("handle", OK),
            pod("goes-on", SECOND_TIME),
        ],
        [".goes-on", ".inner.fails"],
    ),
    "skipped": Shape(
        [
            {
                "name": "main",
                **dag(
                    one("first"),
                    one("never", depends="first", when="1 == 2"),
                    one("then", depends="never"),
                    one("fails", depends="then"),
                    one("nor", depends="fails", when="1 == 2"),
                    one("last", depends="nor"),
                ),
            },
            *(pod(name, OK) for name in ("first", "never", "then", "nor", "last")),
            pod("fails", SECOND_TIME),
        ],
        [".fails", ".last"],
    ),
    "hooks": Shape(
        [
            {
                "name": "main",
                **dag(
                    one("inner", hooks={"exit": {"template": "bye"}}),
                    one("fails", depends="inner", hooks={"exit": {"template": "bye"}}),
                ),
            },
            {"name": "inner", **dag(one("ok", hooks={"exit": {"template": "bye"}}))},
            pod("ok", OK),
            pod("fails", SECOND_TIME),
            pod("bye", OK),
        ],
        [".fails", ".fails.onExit"],
    ),
    "waits": Shape(
        [
            {"name": "main", **tasks(ok="", wait="ok", fails="wait")},
            {"name": "wait", "suspend": {"duration": "1"}},
            pod("ok", OK),
            pod("fails", SECOND_TIME),
        ],
        [".fails"],
    ),
    "exit-handler": Shape(
        [
            {"name": "main", **tasks(extract="", load="extract")},
            pod("extract", OK),
            pod("load", SECOND_TIME),
            pod("bye", OK),
        ],
        [".load", ".onExit"],
        {"onExit": "bye"},
    ),
    "exit-handler-fails": Shape(
        [{"name": "main", **tasks(ok="")}, pod("ok", OK), pod("bye", SECOND_TIME)], [".onExit"], {"onExit": "bye"}
    ),
    "loops": Shape(
        [
            {"name": "main", **dag(one("each", withItems=[0, 0]), one("last", depends="each"))},
            pod("each", OK),
            pod("last", SECOND_TIME),
        ],
        [".last"],
    ),
    "one-pod": Shape([pod("main", SECOND_TIME)], [""]),
    "twice": Shape(
        [
            {"name": "main", **tasks(a="", b="a", c="b", d="c")},
            pod("a", OK, retryStrategy={"limit": 1}),
            pod("b", SECOND_TIME.replace('endsWith "-r1"', 'matches "-r[12]$"')),
            pod("c", THIRD_TIME),
            pod("d", OK),
        ],
        [".c", ".d"],
        runs=3,
    ),
    "templates": Shape([], ["[0].whole.b"], {"workflowTemplateRef": {"name": "calling"}}),
}


@pytest.fixture(scope="module")
def cluster(argo_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemediationCluster]:
    """A namespace in which all shapes have been submitted."""
    namespace = argo_plane.create_namespace("memoized")
    with remediation_cluster(argo_plane, namespace, tmp_path_factory.mktemp("memoized"), has_pods=True) as made:
        made.apply_policy(MEMOIZED, **UNLIMITED)
        made.start()
        made.enforced()
        create_templates(made)
        for name, shape in SHAPES.items():
            submit(made, name, shape)
        yield made


def create_templates(cluster: RemediationCluster) -> None:
    """Create a WorkflowTemplate, and another one that calls it."""
    main = [{"name": "main", **tasks(a="", b="a")}, pod("a", OK), pod("b", SECOND_TIME)]
    whole = {"name": "whole", "templateRef": {"name": "etl", "template": "main"}}
    for name, templates in {"etl": main, "calling": [{"name": "main", "steps": [[whole]]}]}.items():
        body = {"metadata": {"name": name}, "spec": {"entrypoint": "main", "templates": templates}}
        path = ARGO.format(cluster.namespace, "workflowtemplates")
        cluster.plane.api.post(path, {**HEAD, "kind": "WorkflowTemplate", **body})
        until_argo_knows(cluster, name)


def submit(cluster: RemediationCluster, name: str, shape: Shape) -> None:
    templates = {"entrypoint": "main", "templates": shape.templates} if shape.templates else {}
    metadata = {"name": name, "labels": {"team": "data"}}
    body = {**HEAD, "kind": "Workflow", "metadata": metadata, "spec": {**templates, **shape.spec}}
    cluster.plane.api.post(ARGO.format(cluster.namespace, "workflows"), body)


def runs_of(cluster: RemediationCluster, name: str) -> list[dict[str, Any]]:
    """Return a run and its resubmissions, in order."""
    items = cluster.plane.api.get(ARGO.format(cluster.namespace, "workflows"))["items"]
    found = {item["metadata"]["name"]: item for item in items}
    uid = found[name]["metadata"]["uid"].replace("-", "")[:10]
    return [found[name], *(found[key] for key in sorted(found) if key.startswith(f"{name}-{uid}-r"))]


def ran(cluster: RemediationCluster, workflow: dict[str, Any]) -> list[str]:
    name = workflow["metadata"]["name"]
    names = [pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"] for pod in pods_of(cluster, name)]
    return sorted(each.removeprefix(name) for each in names)


@pytest.mark.parametrize("name", SHAPES)
def test_steps_that_succeeded_are_not_run_again_and_the_rest_runs_to_its_end(
    cluster: RemediationCluster, name: str
) -> None:
    shape = SHAPES[name]
    runs = eventually(
        lambda: runs_of(cluster, name),
        lambda current: [run.get("status", {}).get("phase") for run in current][shape.runs - 1 :] == ["Succeeded"],
        timeout_seconds=LONG_SECONDS,
    )
    assert ran(cluster, runs[-1]) == shape.expected
    assert len(runs) == shape.runs


def test_the_records_say_how_much_was_not_run_again(cluster: RemediationCluster) -> None:
    """A step that the first resubmission reused is reused by the second one, too."""
    first = eventually(
        lambda: runs_of(cluster, "twice"), lambda current: len(current) == 3, timeout_seconds=LONG_SECONDS
    )[1]
    assert ran(cluster, first) == [".b", ".c"]
    names = {run["metadata"]["name"] for run in runs_of(cluster, "twice")}
    found = [item for item in cluster.remediations() if item["spec"]["target"]["name"] in names]
    plans = [item["spec"]["plan"]["after"]["status.nodes"] for item in found]
    assert plans == ["1 succeeded step not run again", "2 succeeded steps not run again"]
