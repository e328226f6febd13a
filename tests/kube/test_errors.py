"""Errors by the API server's responses; selections of streams; decoding of objects."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.kube.test_client import FixedCredentials, client, serving

from wfreport.kube import errors
from wfreport.kube.errors import ApiError, ThrottledError, error_of
from wfreport.kube.kinds import ResourceType
from wfreport.kube.objects import ObjectMeta, WatchEvent
from wfreport.kube.reports import Reports, stored_report
from wfreport.kube.workflows import workflow_selector


def status(reason: str = "", message: str = "", **details: object) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "transient"),
    [
        (404, status("NotFound"), errors.NotFoundError, False),
        (409, status("AlreadyExists"), errors.AlreadyExistsError, False),
        (409, status("Conflict"), errors.ConflictError, True),
        (403, status("Forbidden"), errors.ForbiddenError, False),
        (401, status("Unauthorized"), errors.UnauthorizedError, False),
        (422, status("Invalid"), errors.InvalidError, False),
        (400, status("BadRequest"), errors.InvalidError, False),
        (410, status("Expired"), errors.GoneError, True),
        (413, b"", errors.TooLargeError, False),
        (500, status("", "etcdserver: request is too large"), errors.TooLargeError, False),
        (429, status("TooManyRequests", retryAfterSeconds=7), errors.ThrottledError, True),
        (
            504,
            status("Timeout", "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}]),
            errors.AheadError,
            True,
        ),
        (500, b"<html>proxy</html>", errors.ServerError, True),
        (503, status("ServiceUnavailable"), errors.ServerError, True),
        (418, b"", errors.BadResponseError, False),
    ],
)
def test_each_response_has_its_error(code: int, body: bytes, kind: type[ApiError], transient: bool) -> None:
    error = error_of(code, body)
    assert type(error) is kind
    assert (error.transient, error.status) == (transient, code)


def test_retry_after_is_read_from_header_or_body() -> None:
    by_header, by_body = error_of(429, b"", "3"), error_of(503, status(retryAfterSeconds=5))
    assert isinstance(by_header, ThrottledError)
    assert isinstance(by_body, ThrottledError)
    assert (by_header.retry_after_seconds, by_body.retry_after_seconds) == (3, 5)


def test_an_invalid_object_names_its_field() -> None:
    causes = [{"reason": "FieldValueInvalid", "field": "status.counts.total"}]
    assert error_of(422, status("Invalid", "…", causes=causes)).field == "status.counts.total"


def test_a_field_that_an_older_crd_lacks_is_a_permanent_error_and_is_named() -> None:
    message = (
        "failed to create typed patch object (ns/r; wfreport.dev/v1alpha1, Kind=WorkflowReport): "
        ".status.timing.duration: field not declared in schema"
    )
    error = error_of(500, status("InternalError", message))
    assert isinstance(error, errors.InvalidError)
    assert error.field == "status.timing.duration"


def test_a_long_body_is_truncated() -> None:
    assert len(error_of(500, b"x" * 100_000).message) <= 500


def test_unused_fields_of_an_event_are_dropped() -> None:
    whole = {
        "type": "ADDED",
        "object": {
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadata",
            "metadata": {
                "name": "a",
                "namespace": "n",
                "uid": "u",
                "resourceVersion": "7",
                "labels": {"workflows.argoproj.io/completed": "true", "team": "x"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "…" * 1000},
                "managedFields": [{"fieldsV1": {"f:status": {}}}] * 100,
            },
        },
    }
    slim: dict[str, Any] = json.loads(msgspec.json.encode(msgspec.json.decode(json.dumps(whole), type=WatchEvent)))
    assert slim["object"]["metadata"].pop("annotations") == {}
    assert slim["object"]["metadata"] == {
        "name": "a",
        "namespace": "n",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"workflows.argoproj.io/completed": "true"},
    }


def test_an_instance_id_selects_the_workflows_of_one_controller() -> None:
    assert workflow_selector(instance_id="", label_selector="") == ""
    assert (
        workflow_selector(instance_id="x", label_selector="team=a")
        == "workflows.argoproj.io/controller-instanceid=x,team=a"
    )


def test_paths_are_joined() -> None:
    assert ResourceType("v1", "Pod", "pods").path(None) == "/api/v1/pods"
    things = ResourceType("g/v", "Thing", "things")
    assert things.path("ns", "a", "status") == "/apis/g/v/namespaces/ns/things/a/status"


def test_a_version_that_is_not_a_number_is_zero() -> None:
    assert (ObjectMeta(resource_version="12").version, ObjectMeta(resource_version="x").version) == (12, 0)


def report(**status_fields: object) -> bytes:
    meta = {
        "name": "r",
        "namespace": "n",
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    return json.dumps({"metadata": meta, "spec": {"workflowRef": {"name": "w"}}, "status": status_fields}).encode()


def test_a_stored_status_that_cannot_be_decoded_counts_as_absent() -> None:
    assert stored_report(report(counts="many")).status is None
    assert stored_report(report(summary="ok", fromTheFuture=1)).status_json == b'{"summary":"ok"}'


def test_a_report_without_a_spec_is_a_bad_response() -> None:
    with pytest.raises(errors.BadResponseError):
        stored_report(b'{"metadata": {}}')


YEAR_0 = {"observedWorkflow": {"uid": "w", "finishedAt": "0000-01-01T00:00:00Z"}}
"""The API server accepts this time, and Go can read it."""


async def test_a_report_whose_status_does_not_fit_is_listed_without_it_and_hides_no_other() -> None:
    bad_spec = json.dumps(json.loads(report()) | {"spec": []}).encode()
    bodies = [report(**YEAR_0), report(summary="ok", observedWorkflow={"uid": "w"}), bad_spec]
    page = b'{"items": [' + b",".join(bodies) + b"]}"
    async with serving(lambda _: web.Response(body=page)) as at, client(FixedCredentials(at, tokens=["x"])) as api:
        reports = Reports(api, namespaces=[None], chunk_size=10)
        heads = [head async for head in reports.list_heads()]
        stored = [one async for one in reports.list_stored("n")]
    assert [(head.spec.workflow_ref.name, head.status.observed_workflow.uid) for head in heads] == [
        ("w", ""),
        ("w", "w"),
    ]
    assert [one.status is None for one in stored] == [True, False]
