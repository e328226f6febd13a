"""Every field of a Workflow's spec: two runs that differ in it alone have this difference, and no other."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.builders import REDACTOR
from tests.core.compare.spec_fields import Field, leaves, spec_with, values_of
from tests.examples import steps

from wfreport.api.comparison import ChangedThing, ChangeKind, Difference
from wfreport.api.report import ReportStatus
from wfreport.core.compare.changes import ComparedRun, find_changes
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.definition import define_run
from wfreport.core.render.steps import list_parameters
from wfreport.core.snapshot.decode import decode_workflow

SET_BY_COMMANDS = ("shutdown", "suspend")
"""`argo stop`, `suspend` and `resume` change these while the run goes on. A stopped run says so itself."""
REFERENCE = "workflowTemplateRef"
"""Whether a run has one does not matter, because the content of the template is compared."""
WITHOUT_MEANING = {("templateDefaults", "name")} | {
    (*template, kind, "name")
    for template in (("templates", "[]"), ("templateDefaults",))
    for kind in ("container", "script")
}
"""Argo calls the container of a template main, whatever its name is."""
REDACTED = {("securityContext", "windowsOptions", "gmsaCredentialSpec")}
"""Named like a secret. A change of a redacted value is not seen, so that nobody can try passwords on its digest."""
CONTAINERS = ("container", "script", "sidecars", "initContainers", "containers")

LEAVES = [(path, kind) for path, kind in leaves() if path[0] not in SET_BY_COMMANDS and path not in WITHOUT_MEANING]
CASES = steps(LEAVES, thinned_to=1200)
PARTS = [CASES[start::8] for start in range(8)]


def run_of_spec(name: str, spec: dict[str, Any]) -> ComparedRun:
    """Return a run of the spec, as far as its report is compared."""
    metadata = {"name": name, "generateName": "etl-", "uid": f"{name}-uid-of-its-own"}
    status = {"phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
    snapshot = decode_workflow({"kind": "Workflow", "metadata": metadata, "spec": spec, "status": status})
    sanitizer = TextSanitizer(REDACTOR)
    found = snapshot.workflow.spec.arguments
    arguments = found.parameters if found else []
    parameters = list_parameters(arguments, sanitizer)
    definition = define_run(snapshot, {}, arguments, parameters, sanitizer)
    return ComparedRun(name, ReportStatus(definition=definition, parameters=parameters or None))


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    return find_changes(run_of_spec("etl-aaaaa", before), run_of_spec("etl-bbbbb", after))


def without(path: Field, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec without the field."""
    spec = copy.deepcopy(spec)
    place: Any = spec
    for step in path[:-1]:
        place = place[0] if step == "[]" else place["key"] if step == "{}" else place[step]
    place.pop(0 if path[-1] == "[]" else "key" if path[-1] == "{}" else path[-1])
    return spec


def expected_kind(path: Field) -> ChangedThing:
    """Return the kind of change that a field belongs to."""
    if path[:3] == ("arguments", "parameters", "[]") and path[3] == "value":
        return ChangedThing.PARAMETER
    if path[0] not in {"templates", "templateDefaults"}:
        return ChangedThing.SPEC
    container = next((position for position, step in enumerate(path) if step in CONTAINERS), None)
    if container is not None:
        inner = [step for step in path[container + 1 :] if step != "[]"]
        if inner == ["image"]:
            return ChangedThing.IMAGE
        if inner[:2] in (["resources", "requests"], ["resources", "limits"]):
            return ChangedThing.RESOURCES
    calls = {("steps", "[]", "[]"), ("dag", "tasks", "[]")}
    position = 2 if path[0] == "templates" else 1
    if path[position : position + 3] in calls and path[position + 3] not in {"dependencies", "depends"}:
        return ChangedThing.STEP
    return ChangedThing.TEMPLATE


def whole(path: Field, value: Any) -> dict[str, Any]:
    """Return a spec with the field, and the name that a reference to a WorkflowTemplate has."""
    spec = spec_with(path, value)
    if path[0] == REFERENCE:
        spec[REFERENCE].setdefault("name", "it")
    return spec


def written(path: Field) -> str:
    return ".".join(path).replace(".[]", "[]").replace(".{}", "{}")


@pytest.mark.parametrize("cases", PARTS, ids=lambda cases: written(cases[0][0]))
def test_a_difference_in_one_field_is_one_change_of_its_kind(cases: list[tuple[Field, str]]) -> None:
    for path, kind in cases:
        old, new = values_of(kind)
        before, after = whole(path, old), whole(path, new)
        if new is None:
            after = without(path, before)
        found = differences(before, after)
        if path == ("arguments", "parameters", "[]", "name"):
            assert [each.change for each in found] == [ChangeKind.ADDED, ChangeKind.REMOVED]
            continue
        if path in REDACTED:
            assert found == []
            continue
        assert [each.what for each in found] == [expected_kind(path)], (written(path), found)
        if found[0].what is ChangedThing.SPEC:
            assert (found[0].name or "").startswith(path[0]), written(path)


@pytest.mark.parametrize("cases", PARTS, ids=lambda cases: written(cases[0][0]))
def test_a_field_that_is_new_is_a_change_and_one_that_stays_is_none(cases: list[tuple[Field, str]]) -> None:
    for path, kind in cases:
        after = whole(path, values_of(kind)[0])
        before = without(path, after)
        run = run_of_spec("etl-bbbbb", after)
        found = find_changes(run_of_spec("etl-aaaaa", before), run)
        assert bool(found) is (path != (REFERENCE, "name")), written(path)
        again = run_of_spec("etl-ccccc", json.loads(json.dumps(after)))
        assert find_changes(run, again) == [], written(path)
