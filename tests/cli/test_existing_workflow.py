"""Whether a run's Workflow still exists, as the next steps of the command line need to know."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wfreport.api.report import WorkflowReport
from wfreport.cli.sources import runs
from wfreport.cli.sources.cluster import Cluster
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, UnreachableError


@pytest.mark.parametrize(
    ("error", "exists"),
    [
        (NotFoundError("gone", status=404), False),
        (ForbiddenError("a viewer of reports", status=403), True),
        (UnreachableError("timed out"), True),
    ],
    ids=["gone", "forbidden", "timed out"],
)
def test_a_workflow_is_gone_only_if_the_api_server_says_so(
    monkeypatch: pytest.MonkeyPatch, error: ApiError, exists: bool
) -> None:
    class Unreadable:
        def metadata_only(self) -> Unreadable:
            return self

        async def get(self, *_: Any) -> None:
            raise error

    monkeypatch.setattr(runs, "documents", lambda *_: Unreadable())
    report = WorkflowReport.model_validate({"metadata": {"name": "wf"}, "spec": {"workflowRef": {"name": "wf"}}})
    cluster = cast("Cluster", SimpleNamespace(client=None, namespace="data"))
    assert asyncio.run(runs.workflow_exists(cluster, report)) is exists
