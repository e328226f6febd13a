"""Patches of actions that change an object in place, and their refusals."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.plan.builders import UID, a_run

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Change
from wfreport.core.plan.pod_labels import failure_labels, label_patch
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.stop import is_stopped_by, stop_of
from wfreport.core.plan.suspend_cron import is_suspended_by, suspension_of


def a_cron(**metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "nightly", "uid": "c-1", "resourceVersion": "5", **metadata},
        "spec": {"schedules": ["0 3 * * *"]},
    }


def test_a_cron_is_suspended_only_if_unchanged() -> None:
    patch = suspension_of(a_cron(), allow_drift=False)
    assert patch
    assert patch.body == {"metadata": {"uid": "c-1", "resourceVersion": "5"}, "spec": {"suspend": True}}
    assert patch.changes == (Change("spec.suspend", "false", "true"),)


@pytest.mark.parametrize("spec", ["x", 7, [], ["suspend"], None, {}, True])
def test_a_cron_whose_spec_is_none_is_refused_because_the_patch_would_replace_it(spec: Any) -> None:
    cron = a_cron() | {"spec": spec}
    assert not is_suspended_by(cron, UID)
    with pytest.raises(RefusedError) as refused:
        suspension_of(cron, allow_drift=True)
    assert refused.value.reason == Refusal.SPEC_UNREADABLE


@pytest.mark.parametrize("odd", [{"spec": "x"}, {"spec": None}, {"status": {"phase": []}}, {"status": "x"}])
def test_a_workflow_of_another_form_is_not_stopped(odd: dict[str, Any]) -> None:
    run = a_run() | {"status": {"phase": "Running"}} | odd
    with pytest.raises(RefusedError) as refused:
        stop_of(run)
    assert refused.value.reason == Refusal.SPEC_UNREADABLE
    assert not is_stopped_by({"metadata": {}} | run, UID)


def test_a_suspended_cron_needs_no_patch() -> None:
    cron = a_cron(labels={"argocd.argoproj.io/instance": "x"})
    cron["spec"]["suspend"] = True
    assert suspension_of(cron, allow_drift=False) is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"argocd.argoproj.io/tracking-id": "a:argoproj.io/CronWorkflow:data/nightly"}},
        {"labels": {"argocd.argoproj.io/instance": "etl"}},
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "etl"}},
        {"labels": {"helm.toolkit.fluxcd.io/name": "etl"}},
        {"managedFields": [{"manager": "kubectl"}, {"manager": "argocd-controller"}]},
        {"managedFields": [{"manager": "kustomize-controller"}]},
    ],
)
def test_a_cron_managed_in_git_is_refused_unless_drift_is_allowed(metadata: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        suspension_of(a_cron(**metadata), allow_drift=False)
    assert refused.value.reason == Refusal.MANAGED_BY_GIT
    assert "nightly" in refused.value.message
    assert suspension_of(a_cron(**metadata), allow_drift=True)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": None, "annotations": None, "managedFields": None},
        {"labels": {"app.kubernetes.io/instance": "helms-too", "argocd": "no domain"}},
        {"annotations": {"notargocd.argoproj.iox/y": "1"}, "managedFields": [{"manager": "kubectl-client-side-apply"}]},
    ],
)
def test_other_crons_are_not_git_managed(metadata: dict[str, Any]) -> None:
    assert suspension_of(a_cron(**metadata), allow_drift=False)


def test_a_run_is_stopped_only_if_unchanged() -> None:
    patch = stop_of(a_run(phase="Running"))
    assert patch
    assert patch.body == {"metadata": {"uid": UID, "resourceVersion": "81273"}, "spec": {"shutdown": "Stop"}}
    assert stop_of(a_run(phase="Running", spec={"shutdown": "Terminate"})) is None


@pytest.mark.parametrize(
    "run",
    [
        a_run(phase="Failed"),
        a_run(phase="Succeeded"),
        a_run(phase="", labels={"workflows.argoproj.io/completed": "true"}),
    ],
)
def test_a_completed_run_is_never_modified(run: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        stop_of(run)
    assert refused.value.reason == Refusal.RUN_COMPLETED


def test_labels_of_a_failed_pod() -> None:
    labels = failure_labels(
        failure_class="OOMKilled", fingerprint="5b1e0c7a9d01", report_name="r" * 70, extra={"team": "data"}
    )
    assert labels["wfreport.dev/failure-class"] == "OOMKilled"
    assert labels["wfreport.dev/fingerprint"] == "5b1e0c7a9d01"
    assert labels["team"] == "data"
    assert len(labels["wfreport.dev/report-name"]) <= 63
    assert "wfreport.dev/fingerprint" not in failure_labels(
        failure_class="Unknown", fingerprint=None, report_name="r", extra={}
    )
    patch = label_patch("p-1", {"team": "data"})
    assert patch.body == {"metadata": {"uid": "p-1", "labels": {"team": "data"}}}
    assert patch.changes == (Change("metadata.labels[team]", None, "data"),)


@pytest.mark.parametrize("key", ["workflows.argoproj.io/completed", "workflows.argoproj.io/x", "argoproj.io/y"])
def test_labels_that_control_argo_are_refused(key: str) -> None:
    with pytest.raises(RefusedError) as refused:
        failure_labels(failure_class="Evicted", fingerprint=None, report_name="r", extra={"a": "b", key: "true"})
    assert refused.value.reason == Refusal.LABEL_NOT_ALLOWED
    assert key in refused.value.message


def test_a_changed_object_records_its_remediation() -> None:
    running = a_run(phase="Running")
    patch = stop_of(running, remediation_uid="r-1")
    assert patch
    assert patch.body["metadata"]["annotations"] == {"wfreport.dev/remediation-uid": "r-1"}
    stopped = a_run(phase="Running", spec={"shutdown": "Stop"}, annotations={"wfreport.dev/remediation-uid": "r-1"})
    assert is_stopped_by(stopped, "r-1")
    assert not is_stopped_by(stopped, "r-2")
    assert not is_stopped_by(running, "r-1")
    suspension = suspension_of(a_cron(), allow_drift=False, remediation_uid="r-1")
    assert suspension
    assert suspension.body["metadata"]["annotations"] == {"wfreport.dev/remediation-uid": "r-1"}
    suspended = a_cron(annotations={"wfreport.dev/remediation-uid": "r-1"})
    assert not is_suspended_by(suspended, "r-1")
    suspended["spec"]["suspend"] = True
    assert is_suspended_by(suspended, "r-1")
    assert not is_suspended_by(suspended, "")
