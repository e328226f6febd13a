"""With a real Argo controller that runs nothing but WorkflowTemplates (``templateReferencing: Strict``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.operator import harness
from tests.remediation.world import LONG_SECONDS, Acting, condition, run

from controlplane import ControlPlane
from controlplane.argo import argo_dir

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.argo,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("argo_plane"),
]
ARGO = "/apis/argoproj.io/v1alpha1/namespaces/{}/{}"
RAISE = {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"raiseMemory": {"factor": "2", "max": "4Gi"}}}


@pytest.fixture(scope="module")
def argo_plane() -> Iterator[ControlPlane]:
    """A plane whose controller is strict."""
    if argo_dir() is None:
        pytest.skip("Argo's programs are absent: set WFREPORT_ARGO_DIR, or have ../shared/argo")
    strict = {"workflowRestrictions": "templateReferencing: Strict\n"}
    with ControlPlane(argo=True, argo_config=strict, users={harness.USER: ["system:authenticated"]}) as started:
        harness.grant(started)
        yield started


def run_by_reference(acting: Acting, name: str) -> None:
    """A run of a WorkflowTemplate whose pod runs out of memory."""
    run(acting, "model", code="137", reason="OOMKilled", suspend=True)
    workflows = ARGO.format(acting.namespace, "workflows")
    spec = acting.plane.api.get(f"{workflows}/model")["spec"]
    del spec["suspend"]
    acting.plane.api.delete(f"{workflows}/model")
    head = {"apiVersion": "argoproj.io/v1alpha1"}
    template = {**head, "kind": "WorkflowTemplate", "metadata": {"name": "etl"}, "spec": spec}
    acting.plane.api.post(ARGO.format(acting.namespace, "workflowtemplates"), template)
    body = {
        **head,
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data"}},
        "spec": {"workflowTemplateRef": {"name": "etl"}},
    }
    acting.plane.api.post(workflows, body)


def test_a_run_that_argo_refuses_is_told_with_what_to_set_and_is_the_last_one(acting: Acting) -> None:
    acting.apply_policy(RAISE)
    acting.start()
    acting.enforced()
    run_by_reference(acting, "by-ref")
    done = eventually(
        lambda: acting.remediation_of("by-ref"),
        lambda seen: condition(seen, "Succeeded") == ("False", "RunRefused"),
        timeout_seconds=LONG_SECONDS,
    )
    (told,) = (each["message"] for each in done["status"]["conditions"] if each["type"] == "Succeeded")
    assert "WFREPORT_ARGO_REFERENCES_ONLY=true" in told
    refused = done["status"]["resultRef"]["name"]
    assert acting.workflows() == sorted(["by-ref", refused])
    assert harness.observed(acting.cluster.report_of(refused))["phase"] == "Error"


def test_with_the_setting_no_run_is_made_and_the_record_says_where_to_raise_it(acting: Acting) -> None:
    acting.apply_policy(RAISE)
    acting.start(argo_references_only="true")
    acting.enforced()
    run_by_reference(acting, "by-ref")
    done = eventually(
        lambda: acting.remediation_of("by-ref"),
        lambda seen: condition(seen, "Executed") == ("False", "NotPossible"),
        timeout_seconds=LONG_SECONDS,
    )
    (told,) = (each["message"] for each in done["status"]["conditions"] if each["type"] == "Executed")
    assert "TemplateReferencing" in told
    assert "WorkflowTemplate" in told
    assert acting.workflows() == ["by-ref"]
