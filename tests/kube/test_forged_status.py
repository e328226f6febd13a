"""Fields of a report's status that another client has written: neither read, nor left, nor believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest
from tests.kube.test_client import FixedCredentials, client, serving
from tests.kube.test_resource import recorded

from wfreport.cache.reports import ReportCache, entry_of
from wfreport.kube.reports import Reports, stored_report

Json = dict[str, Any]
READY: Final = {
    "type": "Ready",
    "status": "True",
    "reason": "ReportCurrent",
    "lastTransitionTime": "2026-11-01T12:00:00Z",
}
OBSERVED: Final = {"uid": "u1", "phase": "Failed", "resourceVersion": "40"}
STATUS: Final = {
    "observedGeneration": 1,
    "observedWorkflow": OBSERVED,
    "summary": "OOMKilled",
    "reporter": "other/wfreport",
    "conditions": [READY],
}


def written_by(manager: str, *fields: str, subresource: str = "status", **more: Any) -> Json:
    status = {f"f:{field}": {} for field in fields} | {f"f:{field}": value for field, value in more.items()}
    return {"manager": manager, "subresource": subresource, "fieldsV1": {"f:status": status, "f:metadata": {}}}


def report(*own: Json, managers: Sequence[Json] | None = (), ref_uid: str = "u1", **status: Any) -> bytes:
    meta = {"name": "r", "namespace": "ns", "uid": "r1", "resourceVersion": "7", "generation": 1}
    ref = {"name": "etl", "uid": ref_uid} if ref_uid else {"name": "etl"}
    return json.dumps(
        {
            "metadata": meta | {"creationTimestamp": "2026-11-01T12:00:00Z", "managedFields": own or managers},
            "spec": {"workflowRef": ref},
            "status": STATUS | status,
        }
    ).encode()


def changed_by(manager: str, *fields: str, **more: Any) -> list[Json]:
    """Return the writers of a report in which a client has changed these fields: they are no longer the operator's."""
    left = [field for field in STATUS if field not in {*fields, *more}]
    return [written_by("wfreport", *left), written_by(manager, *fields, **more)]


OWN: Final = written_by("wfreport", *STATUS)


@pytest.mark.parametrize(
    ("managers", "forged"),
    [
        pytest.param([], set(), id="unknown writers"),
        pytest.param([OWN], set(), id="an operator"),
        pytest.param(changed_by("kubectl-edit", "summary", "runs"), {"summary", "runs"}, id="a person"),
        pytest.param([written_by("kubectl", "summary", subresource="")], set(), id="no write of the status"),
        pytest.param(
            [OWN, written_by("x", conditions={".": {}, 'k:{"type":"Example"}': {}})], set(), id="a condition of its own"
        ),
        pytest.param(changed_by("x", conditions={'k:{"type":"Ready"}': {}}), {"conditions"}, id="our condition"),
        pytest.param([written_by("velero", *STATUS)], set(), id="a restored report"),
        pytest.param(
            [
                written_by("velero", "summary", "runs", observedWorkflow={".": {}, "f:phase": {}}),
                written_by("wfreport", "summary", "runs", observedWorkflow={"f:phase": {}}),
            ],
            set(),
            id="a restored report that we have written since",
        ),
        pytest.param([OWN, written_by("before-first-apply", *STATUS, "runs")], set(), id="a report without managers"),
        pytest.param(
            [written_by("wfreport", observedWorkflow={"f:uid": {}}), written_by("x", observedWorkflow={"f:phase": {}})],
            {"observedWorkflow"},
            id="a part of a field",
        ),
        pytest.param([OWN, {**written_by("x"), "fieldsV1": None}], set(), id="no fields"),
        pytest.param([OWN, {**written_by("x"), "fieldsV1": {"f:status": None}}], set(), id="odd fields"),
        pytest.param(None, set(), id="no list of managers"),
    ],
)
def test_a_field_is_forged_if_another_client_has_written_it(managers: Sequence[Json] | None, forged: set[str]) -> None:
    assert stored_report(report(managers=managers)).head.forged == forged


def test_a_bound_report_without_the_condition_ready_is_forged_as_well() -> None:
    assert stored_report(report(OWN, conditions=[])).head.forged == {"conditions"}
    assert stored_report(report(OWN, conditions=[], observedWorkflow={})).head.forged == frozenset()


def test_a_forged_field_is_no_part_of_the_stored_status() -> None:
    status = stored_report(report(*changed_by("x", "summary", "reporter"))).status
    assert status is not None
    assert (status.summary, status.reporter) == (None, None)
    assert status.observed_workflow is not None
    others = [field for field in STATUS if field != "conditions"]
    ready: Json = {'k:{"type":"Ready"}': {}}
    assert (
        stored_report(report(written_by("wfreport", "timing"), written_by("x", *others, conditions=ready))).status
        is None
    )


@pytest.mark.parametrize(
    ("ref_uid", "forged", "bound"),
    [("u1", (), "u1"), ("", (), "u2"), ("u1", ("observedWorkflow",), "u1"), ("", ("observedWorkflow",), "")],
    ids=["the spec's", "the status'", "the spec's, whatever the status says", "none"],
)
def test_the_spec_binds_a_report_and_a_forged_uid_does_not(ref_uid: str, forged: tuple[str, ...], bound: str) -> None:
    body = report(*changed_by("x", *forged), ref_uid=ref_uid, observedWorkflow=OBSERVED | {"uid": "u2"})
    assert entry_of(stored_report(body).head).bound_uid == bound


def test_a_workflow_is_not_reported_by_a_forged_report() -> None:
    for managers, is_reported in (([OWN], True), (changed_by("x", "summary"), False)):
        cache = ReportCache()
        cache.put(entry_of(stored_report(report(*managers)).head))
        assert cache.is_reported(("ns", "etl"), uid="u1", resource_version="40") is is_reported


def test_a_forged_report_neither_abandons_its_workflow_nor_leaves_it_to_a_forged_installation() -> None:
    abandoned = READY | {"status": "False", "reason": "ReconcileAbandoned"}
    real = entry_of(stored_report(report(OWN, conditions=[abandoned])).head)
    assert (real.abandoned, real.reporter) == (True, "other/wfreport")
    writers = changed_by("x", "reporter", conditions={'k:{"type":"Ready"}': {}})
    forged = entry_of(stored_report(report(*writers, conditions=[abandoned])).head)
    assert (forged.abandoned, forged.reporter) == (False, "")


@pytest.mark.parametrize("ref_uid", ["u1", ""])
def test_a_forged_report_of_a_run_that_has_ended_is_closed(ref_uid: str) -> None:
    body = report(*changed_by("x", "observedWorkflow"), ref_uid=ref_uid)
    assert entry_of(stored_report(body).head).is_closed


async def test_forged_fields_are_removed_before_a_status_is_applied() -> None:
    requests: list[tuple[str, Any]] = []

    async def handle(request: Any) -> Json:
        requests.append((request.headers["Content-Type"], await request.json()))
        return {"metadata": {"name": "r", "resourceVersion": str(len(requests) + 7)}}

    head = stored_report(report(*changed_by("x", "runs"))).head
    async with serving(handle) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        written = await Reports(api, namespaces=[None], chunk_size=100).apply_status(head, b'{"summary":"new"}')
    (kind, removed), (_, applied) = requests
    assert kind == "application/merge-patch+json"
    assert removed == {"metadata": {"uid": "r1", "resourceVersion": "7"}, "status": {"conditions": None, "runs": None}}
    assert (applied["metadata"]["resourceVersion"], applied["status"]) == ("8", {"summary": "new"})
    assert written.resource_version == "9"


async def test_a_status_without_forged_fields_is_applied_by_one_request() -> None:
    requests, answer = recorded({"metadata": {"name": "r", "resourceVersion": "8"}})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        await Reports(api, namespaces=[None], chunk_size=100).apply_status(stored_report(report(OWN)).head, b"{}")
    assert len(requests) == 1
