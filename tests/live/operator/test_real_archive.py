"""The operator with the real Argo controller, Argo Server and PostgreSQL: offloaded nodes and archived runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.argoserver.runs import archived_run, delete_workflow
from tests.eventually import eventually
from tests.live.operator.harness import FAST, USER, Cluster, condition, observed

pytestmark = [pytest.mark.cluster, pytest.mark.argo]


@pytest.fixture
def settings(archive_world: Cluster, tmp_path: Path) -> dict[str, Any]:
    """Return settings for a server in client mode, with the operator's own token and permissions."""
    file = tmp_path / "token"
    file.write_text(archive_world.plane.token(USER))
    return FAST | {
        "resync_interval_seconds": 600,
        "argo_server_url": archive_world.plane.argo_server_url,
        "argo_server_ca_file": archive_world.plane.ca,
        "argo_server_token_file": file,
    }


def leading_failure(report: dict[str, Any]) -> tuple[str, str]:
    first = report.get("status", {}).get("failures", [{}])[0]
    return first.get("displayName", ""), first.get("class", "")


def test_a_run_with_offloaded_nodes_is_explained(archive_world: Cluster, settings: dict[str, Any]) -> None:
    archive_world.start_operator(**settings)
    archived_run(archive_world.plane, archive_world.namespace, "etl")
    report = eventually(
        lambda: archive_world.report_of("etl"), lambda report: leading_failure(report) == ("transform", "OOMKilled")
    )
    assert condition(report, "NodesAvailable") == ("True", "NodesRead")
    assert report["status"]["counts"]["omitted"] == 1


def test_a_run_archived_and_deleted_before_the_operator_started_is_explained(
    archive_world: Cluster, settings: dict[str, Any]
) -> None:
    uid = archived_run(archive_world.plane, archive_world.namespace, "etl")["metadata"]["uid"]
    delete_workflow(archive_world.plane, archive_world.namespace, "etl")
    archive_world.start_operator(**settings)
    archive_world.apply_report("etl-of-monday", "etl", source="Archive")
    report = eventually(
        lambda: archive_world.report_of("etl"), lambda report: leading_failure(report) == ("transform", "OOMKilled")
    )
    assert (observed(report)["uid"], observed(report)["source"]) == (uid, "Archive")
    assert condition(report, "Ready") == ("True", "ReportCurrent")


def test_a_name_that_is_not_in_the_archive_is_reported(archive_world: Cluster, settings: dict[str, Any]) -> None:
    archive_world.start_operator(**settings)
    archive_world.apply_report("mine", "never-run", source="Archive")
    eventually(
        lambda: condition(archive_world.report_of("never-run"), "Ready"),
        lambda value: value == ("False", "WorkflowNotArchived"),
    )
