"""A real Argo controller that runs nothing but WorkflowTemplates (``templateReferencing: Strict``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.live.remediation.harness import (
    LONG_SECONDS,
    RemediationCluster,
    argo_marks,
    argo_plane_with,
    message_of,
    run_by_reference,
)

from controlplane import ControlPlane

pytestmark = argo_marks(900)
RAISE = {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"raiseMemory": {"factor": "2", "max": "4Gi"}}}


@pytest.fixture(scope="module")
def argo_plane() -> Iterator[ControlPlane]:
    """A control plane whose controller is strict."""
    strict = {"workflowRestrictions": "templateReferencing: Strict\n"}
    with argo_plane_with(argo_config=strict) as started:
        yield started


def test_a_run_that_argo_refuses_closes_its_record_which_names_the_setting(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RAISE)
    cluster.start()
    cluster.enforced()
    run_by_reference(cluster, "by-ref", "etl")
    done = cluster.wait_for_remediation("by-ref", "Succeeded", ("False", "RunRefused"), timeout_seconds=LONG_SECONDS)
    assert "WFREPORT_ARGO_REFERENCES_ONLY=true" in message_of(done, "Succeeded")
    refused = done["status"]["resultRef"]["name"]
    assert cluster.workflows() == sorted(["by-ref", refused])
    # a resync may close the record by the Workflow, before there is a report
    eventually(lambda: cluster.phase_of(refused), lambda phase: phase == "Error")


def test_with_the_setting_no_run_is_created_and_the_record_names_the_template(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RAISE)
    cluster.start(argo_references_only="true")
    cluster.enforced()
    run_by_reference(cluster, "by-ref", "etl")
    done = cluster.wait_for_remediation("by-ref", "Executed", ("False", "NotPossible"), timeout_seconds=LONG_SECONDS)
    message = message_of(done, "Executed")
    assert "TemplateReferencing" in message
    assert "WorkflowTemplate" in message
    assert cluster.workflows() == ["by-ref"]
