"""Archived logs through the real Argo Server, from an object store that speaks as much S3 as Argo's driver asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.argoserver.faulty import Reply, Request, serving_aside
from tests.argoserver.runs import WORKFLOWS, connected, reader_token
from tests.operator.harness import state

from controlplane import ControlPlane
from wfreport.argoserver.artifacts import ArchivedLogs, RunRef
from wfreport.argoserver.errors import ArgoServerError, ServerFailedError, ServerForbiddenError, ServerNotFoundError

pytestmark = [pytest.mark.cluster, pytest.mark.argo]
LOG = "".join(f"line {n}\n" for n in range(20_000))
KEY = "etl/etl-2/main.log"
LOCATION = (
    b'<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>'
)
HEADERS = {
    "Content-Type": "text/plain",
    "ETag": '"0123456789abcdef0123456789abcdef"',
    "Last-Modified": "Sun, 01 Nov 2026 12:00:00 GMT",
    "Accept-Ranges": "bytes",
}


def object_store(request: Request) -> Reply:
    target = urlsplit(request.target)
    if "location" in target.query:
        return Reply(body=LOCATION, headers={"Content-Type": "application/xml"})
    if target.path != f"/logs/{KEY}":
        return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
    if request.method == "HEAD":
        return Reply(body=b"", headers=HEADERS | {"Content-Length": str(len(LOG))})
    return Reply(body=LOG.encode(), headers=HEADERS)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with serving_aside(object_store) as url:
        yield urlsplit(url).netloc


def create_run(plane: ControlPlane, namespace: str, store: str) -> str:
    """A run that has ended, as Argo leaves it, its failed node's log in the store; returns its uid."""
    secret = {"metadata": {"name": "store"}, "stringData": {"user": "me", "password": "s3cr3t"}}
    plane.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret)
    ended: dict[str, Any] = state("etl", phase="Failed", failed=True)
    s3 = {
        "endpoint": store,
        "bucket": "logs",
        "insecure": True,
        "accessKeySecret": {"name": "store", "key": "user"},
        "secretKeySecret": {"name": "store", "key": "password"},
    }
    ended["status"]["nodes"]["etl-2"]["outputs"] = {
        "artifacts": [
            {"name": "main-logs", "s3": s3 | {"key": KEY}},
            {"name": "gone-logs", "s3": s3 | {"key": "gone"}},
        ]
    }
    ended["status"]["artifactRepositoryRef"] = {"default": True, "artifactRepository": {}}
    templates = [{"name": "main", "dag": {"tasks": []}}, {"name": "work", "container": {"image": "alpine"}}]
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "etl", "namespace": namespace, "labels": ended["metadata"]["labels"]},
        "spec": {"entrypoint": "main", "templates": templates},
        "status": ended["status"],
    }
    return str(plane.api.post(WORKFLOWS.format(namespace), body)["metadata"]["uid"])


async def test_the_end_of_an_archived_log_comes_from_the_store(
    archive_plane: ControlPlane, namespace: str, store: str, tmp_path: Path
) -> None:
    uid = create_run(archive_plane, namespace, store)
    async with connected(archive_plane, tmp_path, archive_plane.token("admin")) as server:
        logs, run = ArchivedLogs(server), RunRef(namespace, "etl", uid)
        log = await logs.tail(run, "etl-2", "main-logs", max_bytes=30)
        assert (log.text, log.has_more) == ("line 19998\nline 19999\n", True)
        with pytest.raises(ServerFailedError):
            await logs.tail(run, "etl-2", "no-such-artifact", max_bytes=30)
        with pytest.raises((ServerFailedError, ServerNotFoundError)):
            await logs.tail(run, "etl-2", "gone-logs", max_bytes=30)
        with pytest.raises(ServerNotFoundError):
            await logs.tail(RunRef(namespace, "none", uid), "etl-2", "main-logs", max_bytes=30)


async def test_without_the_right_to_the_stores_secret_there_is_an_error(
    archive_plane: ControlPlane, namespace: str, store: str, tmp_path: Path
) -> None:
    uid = create_run(archive_plane, namespace, store)
    async with connected(archive_plane, tmp_path, reader_token(archive_plane, namespace)) as server:
        with pytest.raises(ArgoServerError) as error:
            await ArchivedLogs(server).tail(RunRef(namespace, "etl", uid), "etl-2", "main-logs", max_bytes=30)
    assert isinstance(error.value, ServerForbiddenError | ServerFailedError)
    assert "s3cr3t" not in str(error.value)
