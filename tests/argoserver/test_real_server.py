"""The real Argo Server with PostgreSQL, by TLS and a ServiceAccount's token, as the operator uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.argoserver.runs import archived_run, connected, delete_workflow, reader_token

from controlplane import ControlPlane
from wfreport.argoserver.errors import (
    ArgoServerError,
    ServerBadResponseError,
    ServerForbiddenError,
    ServerNotFoundError,
    ServerUnauthorizedError,
    ServerUnreachableError,
)
from wfreport.argoserver.version import fetch_version
from wfreport.argoserver.workflows import ServerWorkflows, StaleWorkflowError
from wfreport.core.snapshot.model import NodesState

pytestmark = [pytest.mark.cluster, pytest.mark.argo]


async def test_offloaded_nodes_come_through_the_server(
    archive_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    stored = archived_run(archive_plane, namespace, "etl")
    assert "nodes" not in stored["status"]
    async with connected(archive_plane, tmp_path, reader_token(archive_plane, namespace)) as server:
        snapshot = await ServerWorkflows(server).fetch(namespace, "etl", uid=stored["metadata"]["uid"])
    assert snapshot.nodes_state is NodesState.READ
    assert {node.display_name: node.phase for node in snapshot.nodes.values()} == {
        "etl": "Failed",
        "transform": "Failed",
        "load": "Omitted",
    }


async def test_a_run_that_was_deleted_comes_from_the_archive_by_uid_or_as_the_newest_of_its_name(
    archive_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    first = archived_run(archive_plane, namespace, "etl")["metadata"]["uid"]
    delete_workflow(archive_plane, namespace, "etl")
    second = archived_run(archive_plane, namespace, "etl")["metadata"]["uid"]
    delete_workflow(archive_plane, namespace, "etl")
    async with connected(archive_plane, tmp_path, reader_token(archive_plane, namespace)) as server:
        runs = ServerWorkflows(server)
        assert (await runs.fetch_archived(namespace, "etl")).workflow.metadata.uid == second
        old = await runs.fetch_archived(namespace, "etl", uid=first)
        assert (old.workflow.metadata.uid, len(old.nodes)) == (first, 3)
        assert (await runs.fetch(namespace, "etl", uid=first)).workflow.metadata.uid == first
        with pytest.raises(ServerNotFoundError):
            await runs.fetch_archived(namespace, "none")


async def test_a_run_of_another_namespace_is_not_found_although_the_token_may_read_it(
    archive_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    uid = archived_run(archive_plane, namespace, "etl")["metadata"]["uid"]
    other = archive_plane.create_namespace(f"{namespace[:50]}-other")
    admin = archive_plane.token("admin")
    async with connected(archive_plane, tmp_path, admin) as server:
        with pytest.raises(ServerNotFoundError):
            await ServerWorkflows(server).fetch_archived(other, "etl", uid=uid)
        with pytest.raises(ServerNotFoundError):
            await ServerWorkflows(server).fetch(other, "etl", uid=uid)


@pytest.mark.parametrize(
    ("settings", "token", "expected", "words"),
    [
        ({}, "nonsense", ServerUnauthorizedError, "Unauthorized"),
        ({"token_file": ""}, "", ServerUnauthorizedError, "token not valid"),
        ({"ca_file": ""}, "", ServerUnreachableError, "certificate verify failed"),
    ],
    ids=["bad token", "no token", "unknown authority"],
)
async def test_each_refusal_has_its_own_error(
    archive_plane: ControlPlane,
    namespace: str,
    tmp_path: Path,
    settings: dict[str, str],
    token: str,
    expected: type[ArgoServerError],
    words: str,
) -> None:
    async with connected(archive_plane, tmp_path, token or "x", **settings) as server:
        with pytest.raises(expected, match=words):
            await ServerWorkflows(server).fetch(namespace, "etl")


async def test_a_service_account_without_rights_is_forbidden(
    archive_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    async with connected(archive_plane, tmp_path, reader_token(archive_plane, namespace, may_read=False)) as server:
        with pytest.raises(ServerForbiddenError, match="cannot get resource"):
            await ServerWorkflows(server).fetch(namespace, "etl")


async def test_the_error_of_plain_http_to_a_tls_server_names_https(archive_plane: ControlPlane, tmp_path: Path) -> None:
    url = archive_plane.argo_server_url.replace("https:", "http:")
    async with connected(archive_plane, tmp_path, "x", url=url, ca_file="") as server:
        with pytest.raises(ServerBadResponseError, match="begin with https:"):
            await fetch_version(server)


async def test_an_unverified_certificate_is_accepted_if_configured(archive_plane: ControlPlane, tmp_path: Path) -> None:
    admin = archive_plane.token("admin")
    async with connected(archive_plane, tmp_path, admin, ca_file="", insecure_skip_verify=True) as server:
        assert await fetch_version(server)


async def test_a_failed_run_is_retried_in_place_unless_it_changed(
    archive_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    before = archived_run(archive_plane, namespace, "etl")
    uid, version = before["metadata"]["uid"], before["metadata"]["resourceVersion"]
    async with connected(archive_plane, tmp_path, archive_plane.token("admin")) as server:
        runs = ServerWorkflows(server)
        with pytest.raises(StaleWorkflowError):
            await runs.retry(namespace, "etl", uid="another", resource_version=version)
        after = await runs.retry(namespace, "etl", uid=uid, resource_version=version)
        assert after.workflow.metadata.uid == uid
        assert after.workflow.status.finished_at is None
        with pytest.raises(StaleWorkflowError):
            await runs.retry(namespace, "etl", uid=uid, resource_version=version)
