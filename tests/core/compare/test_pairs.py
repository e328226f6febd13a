"""Pairs of recorded runs with exactly one known difference: it is found and named, and nothing else is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from tests.core.compare.runs import run_of
from tests.recorded import recording

from wfreport.core.compare.changes import find_changes

CASES = (
    "dag-success", "retry-exhausted-varied", "loop-items-one-fails", "steps-parallel-fail", "cron-child-fails",
    "onexit-handler-fails", "suspend-left-b", "oom-main", "evicted",
)  # fmt: skip

Run = dict[str, Any]
Expected = tuple[str, str | None]


def ended(case: str) -> Run:
    """Return a recorded run; one that was recorded while it ran is taken as ended."""
    run: Run = deepcopy(recording(case).final["workflow"])
    run["status"]["phase"] = "Succeeded" if run["status"].get("phase") == "Succeeded" else "Failed"
    run["status"].setdefault("startedAt", "2026-01-01T00:00:00Z")
    run["status"]["finishedAt"] = run["status"].get("finishedAt") or "2026-01-02T00:00:00Z"
    return run


def another_time(run: Run) -> Run:
    """Return the run as another one: with other names, ids, versions and times."""
    name, uid = run["metadata"]["name"], run["metadata"].get("uid") or "no-uid"
    text = json.dumps(run).replace(uid, "0b7c2d8e-1111-4222-8333-9e4f5a6b7c8d").replace(f'"{name}', f'"{name[:-1]}q')
    again: Run = json.loads(text.replace("2026-", "2027-"))
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
