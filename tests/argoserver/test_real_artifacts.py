"""Archived logs through the real Argo Server, from an object store with the part of S3 that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.argoserver.fake_server import serving_aside
from tests.argoserver.object_store import create_run, object_store
from tests.argoserver.runs import connected, reader_token

from controlplane import ControlPlane
from wfreport.argoserver.artifacts import ArchivedLogs, RunRef
from wfreport.argoserver.errors import ArgoServerError, ServerFailedError, ServerForbiddenError, ServerNotFoundError

pytestmark = [pytest.mark.cluster, pytest.mark.argo]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with serving_aside(object_store) as url:
        yield urlsplit(url).netloc


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
