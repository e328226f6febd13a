"""With a real Argo controller that runs nothing but WorkflowTemplates (``templateReferencing: Strict``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.live.operator import harness
from tests.live.remediation.world import (
    LONG_SECONDS,
    Acting,
    argo_plane_with,
    condition,
    message_of,
    run_by_reference,
)

from controlplane import ControlPlane

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.argo,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("argo_plane"),
]
RAISE = {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"raiseMemory": {"factor": "2", "max": "4Gi"}}}


@pytest.fixture(scope="module")
def argo_plane() -> Iterator[ControlPlane]:
    """A plane whose controller is strict."""
    strict = {"workflowRestrictions": "templateReferencing: Strict\n"}
    with argo_plane_with(argo_config=strict) as started:
        yield started


def test_a_run_that_argo_refuses_is_told_with_what_to_set_and_is_the_last_one(acting: Acting) -> None:
    acting.apply_policy(RAISE)
    acting.start()
    acting.enforced()
    run_by_reference(acting, "by-ref", "etl")
    done = eventually(
        lambda: acting.remediation_of("by-ref"),
        lambda seen: condition(seen, "Succeeded") == ("False", "RunRefused"),
        timeout_seconds=LONG_SECONDS,
    )
    assert "WFREPORT_ARGO_REFERENCES_ONLY=true" in message_of(done, "Succeeded")
    refused = done["status"]["resultRef"]["name"]
    assert acting.workflows() == sorted(["by-ref", refused])
    assert harness.observed(acting.cluster.report_of(refused))["phase"] == "Error"


def test_with_the_setting_no_run_is_made_and_the_record_says_where_to_raise_it(acting: Acting) -> None:
    acting.apply_policy(RAISE)
    acting.start(argo_references_only="true")
    acting.enforced()
    run_by_reference(acting, "by-ref", "etl")
    done = eventually(
        lambda: acting.remediation_of("by-ref"),
        lambda seen: condition(seen, "Executed") == ("False", "NotPossible"),
        timeout_seconds=LONG_SECONDS,
    )
    told = message_of(done, "Executed")
    assert "TemplateReferencing" in told
    assert "WorkflowTemplate" in told
    assert acting.workflows() == ["by-ref"]
