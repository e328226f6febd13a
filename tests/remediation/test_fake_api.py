"""The API server in memory answers as a real one, as far as the tests of remediation depend on it."""

from __future__ import annotations

from typing import Any

import pytest
from tests import objects
from tests.live.remediation.harness import workflow_of
from tests.remediation.fake_api import Clock, FakeApi

from controlplane import ControlPlane
from wfreport.api.metadata import ObjectMetadata
from wfreport.kube.client import Client
from wfreport.kube.credentials import Credentials
from wfreport.kube.errors import ApiError
from wfreport.kube.kinds import REMEDIATION
from wfreport.kube.resource import documents
from wfreport.kube.workflows import workflow_documents
from wfreport.metrics import Metrics

pytestmark = pytest.mark.cluster


def a_remediation(namespace: str) -> dict[str, Any]:
    """Return a Remediation with all defaults, which the fake does not fill in."""
    body = objects.a_remediation("etl-1", countsTowardLimit=True, dryRun=False, plan={})
    return body | {"metadata": body["metadata"] | {"namespace": namespace}}


async def result_of(request: Any) -> str:
    """Return how a request ends."""
    try:
        await request
    except ApiError as error:
        return type(error).__name__
    return "done"


async def answers(client: Any, namespace: str) -> list[str]:
    """Return how a series of requests ends: ones that succeed, are repeated, are stale, or have another uid."""
    kind = documents(client, REMEDIATION)
    workflows = workflow_documents(client)
    results = [await result_of(kind.get(namespace, "etl-1"))]
    made = await kind.create(namespace, a_remediation(namespace))
    first = ObjectMetadata.model_validate(made["metadata"])
    other = first.model_copy(update={"uid": "00000000-0000-4000-8000-000000000000"})
    results += [
        await result_of(kind.create(namespace, a_remediation(namespace))),
        await result_of(kind.apply_status(first, {"message": "one"})),
        await result_of(kind.apply_status(first, {"message": "two"})),
        await result_of(kind.apply_status(other, {"message": "three"})),
        await result_of(kind.delete(first)),
    ]
    now = ObjectMetadata.model_validate((await kind.get(namespace, "etl-1"))["metadata"])
    unchanged = await kind.apply_status(now, {"message": "one"})
    results.append(str(unchanged["metadata"]["resourceVersion"] == now.resource_version))
    results += [
        await result_of(kind.delete(other)),
        await result_of(kind.delete(now)),
        await result_of(kind.delete(now)),
    ]
    results.append(await result_of(kind.apply_status(now, {"message": "four"})))

    workflow = await workflows.create(namespace, workflow_of("etl", namespace))
    read = {key: workflow["metadata"][key] for key in ("uid", "resourceVersion")}
    stop = {"metadata": {**read, "annotations": {"a": "b"}}, "spec": {"shutdown": "Stop"}}
    results += [
        await result_of(workflows.create(namespace, workflow_of("etl", namespace))),
        await result_of(workflows.patch(namespace, "nosuch", stop)),
        await result_of(workflows.patch(namespace, "etl", {"metadata": {**read, "uid": other.uid}})),
        await result_of(workflows.patch(namespace, "etl", stop)),
        await result_of(workflows.patch(namespace, "etl", stop)),
    ]
    after = await workflows.get(namespace, "etl")
    results += [
        after["spec"]["shutdown"],
        after["metadata"]["annotations"]["a"],
        str(len([document async for document in workflows.list(namespace)])),
    ]
    return results


async def test_the_server_in_memory_answers_as_the_real_one(plane: ControlPlane, namespace: str) -> None:
    credentials = Credentials(kubeconfig=str(plane.kubeconfig))
    async with Client(observer=Metrics(), timeout_seconds=10, connections=2, credentials=credentials) as client:
        real = await answers(client, namespace)
    assert await answers(FakeApi(Clock()), namespace) == real
    assert "ConflictError" in real
