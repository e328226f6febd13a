"""An object store with the part of S3 that Argo's driver uses, and a run whose log is in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.argoserver.fake_server import Reply, Request
from tests.argoserver.runs import WORKFLOWS
from tests.live.operator.harness import state

from controlplane import ControlPlane

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


def create_run(plane: ControlPlane, namespace: str, store: str) -> str:
    """Create a completed run whose failed node has its log in the store; return its uid."""
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
