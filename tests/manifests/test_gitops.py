"""Argo CD, Flux and kstatus see the health of our objects, in every state that the operator can write."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cel
import lupa.lua51
import msgspec
import pytest
import yaml
from tests import objects
from tests.core.record.builders import NOW, a_remediation, with_status

from wfreport.api.classes import FailureClass
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.reasons import (
    ConditionType,
    PolicyConditionType,
    PolicyReason,
    Reason,
    RemediationConditionType,
    RemediationReason,
    StallReason,
)
from wfreport.api.remediation import Remediation
from wfreport.api.report import WorkflowRef
from wfreport.core.decide.breaker import Breaker, BreakerState
from wfreport.core.record.policy_status import PolicyCheck, policy_counts, policy_status
from wfreport.core.record.progress import ExecutionResult, status_denied, status_executed, status_intended
from wfreport.core.render.gone import render_missing
from wfreport.core.snapshot.model import Unavailable

GITOPS = Path(__file__).resolve().parents[2] / "gitops"
CUSTOMIZATIONS = GITOPS / "argocd" / "resource_customizations" / "wfreport.dev"
KINDS = ("WorkflowReport", "RemediationPolicy", "Remediation")
Object = dict[str, Any]


def argo_cd(entry: Object) -> str:
    """Return the health that Argo CD shows, by our script in the Lua that it runs: 5.1."""
    return health(entry)["status"]


def health(entry: Object) -> dict[str, str]:
    lua = lupa.lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    script = (CUSTOMIZATIONS / entry["kind"] / "health.lua").read_text()
    lua.globals().obj = lua.table_from(entry, recursive=True)
    return dict(lua.execute(script))


def flux(entry: Object) -> str:
    """Return the status by our expressions, evaluated as Flux's RFC 0009 defines it."""
    generation, observed = entry["metadata"].get("generation"), entry.get("status", {}).get("observedGeneration")
    if observed is not None and observed != generation:
        return "InProgress"
    expressions = flux_expressions()[entry["kind"]]
    for key, status in (("inProgress", "InProgress"), ("failed", "Failed"), ("current", "Current")):
        if key in expressions and _holds(expressions[key], entry):
            return status
    return "InProgress"


@cache
def flux_expressions() -> dict[str, dict[str, str]]:
    _, policies = yaml.safe_load_all((GITOPS / "flux" / "kustomizations.yaml").read_text())
    return {each["kind"]: each for each in policies["spec"]["healthCheckExprs"]}


compiled = cache(cel.compile)


def _holds(expression: str, entry: Object) -> bool:
    # Flux reads an object again whose expression fails, as for one without a status
    return "status" in entry and bool(compiled(expression).execute(entry))


def kstatus(entry: Object) -> str:
    """Return the status of a custom resource by kstatus' generic rules (cli-utils, pkg/kstatus/status)."""
    metadata, status = entry["metadata"], entry.get("status", {})
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != metadata.get("generation"):
        return "InProgress"
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"


def condition(kind: str, status: str, reason: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "why",
        "lastTransitionTime": "2026-11-25T03:00:00Z",
    }


# Reports


def a_report(*conditions: Object, **status: Any) -> Object:
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": "etl", "generation": 1},
        "spec": {"workflowRef": {"name": "etl"}},
        "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
    }


def reports_of_runs() -> Iterator[Object]:
    """Yield a report for every outcome of a run, hanging in every way."""
    ready = condition(ConditionType.READY, "True", Reason.REPORT_CURRENT)
    outcomes = [(status, reason) for status in ("True", "False", "Unknown") for reason in (*Reason, *FailureClass)]
    for status, reason in outcomes:
        yield a_report(ready, condition(ConditionType.SUCCEEDED, status, reason))
    for stall in StallReason:
        yield a_report(ready, condition(ConditionType.RUN_STALLED, "True", stall))
    for kind in (ConditionType.NODES_AVAILABLE, ConditionType.EVIDENCE_COMPLETE, ConditionType.TRUNCATED):
        for status in ("True", "False", "Unknown"):
            yield a_report(ready, condition(kind, status, Reason.REPORT_CURRENT))


def test_no_outcome_of_a_run_degrades_anything() -> None:
    for report in reports_of_runs():
        assert kstatus(report) == "Current", report
        assert flux(report) == "Current", report
    # Lua starts slowly: a sample of them, since the script reads nothing but Ready
    for report in itertools.islice(reports_of_runs(), 0, None, 20):
        assert argo_cd(report) == "Healthy", report


def missing(unavailable: Reason | None) -> Object:
    rendered = render_missing(
        stored=None,
        ref=WorkflowRef(name="etl"),
        generation=1,
        created_at=NOW,
        unavailable=Unavailable(unavailable, "why") if unavailable else None,
    )
    status: Object = json.loads(msgspec.json.encode(rendered))
    return a_report() | {"status": status}


@pytest.mark.parametrize(
    ("unavailable", "expected"),
    [
        (None, ("Healthy", "Current", "Current")),
        (Reason.ARCHIVE_BEING_READ, ("Progressing", "InProgress", "InProgress")),
        (Reason.WORKFLOW_NOT_ARCHIVED, ("Degraded", "Failed", "InProgress")),
        (Reason.ARGO_SERVER_NOT_CONFIGURED, ("Degraded", "Failed", "InProgress")),
    ],
)
def test_a_report_that_cannot_be_filled_is_no_success(unavailable: Reason | None, expected: tuple[str, ...]) -> None:
    report = missing(unavailable)
    assert (argo_cd(report), flux(report), kstatus(report)) == expected


def test_a_new_report_is_in_progress() -> None:
    new = {key: value for key, value in a_report().items() if key != "status"}
    assert (argo_cd(new), flux(new)) == ("Progressing", "InProgress")
    changed = a_report(condition(ConditionType.READY, "True", Reason.REPORT_CURRENT))
    changed["metadata"]["generation"] = 2
    assert (argo_cd(changed), flux(changed), kstatus(changed)) == ("Progressing", "InProgress", "InProgress")


# Policies


def a_policy(check: PolicyCheck, **spec: Any) -> Object:
    document = objects.a_policy("batch", **{"mode": "Enforce", **spec})
    document["metadata"] |= {"namespace": "data", "generation": 3}
    policy = RemediationPolicy.model_validate(document)
    status = policy_status(policy, check, policy_counts("batch", [], []), NOW)
    return document | {"status": json.loads(status.model_dump_json(by_alias=True, exclude_none=True))}


OPEN = Breaker(BreakerState.OPEN, allows=False, reason=PolicyReason.TOO_MANY_FAILURES, message="6 of 10 failed")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (PolicyCheck(), ("Healthy", "Current", "Current")),
        (PolicyCheck(breaker=OPEN), ("Healthy", "Current", "Current")),
        (PolicyCheck(problem="rule oom: unknown class"), ("Degraded", "Failed", "InProgress")),
        (PolicyCheck(missing_rights="not permitted to create workflows"), ("Degraded", "Failed", "InProgress")),
        (PolicyCheck(is_conflicted=True), ("Degraded", "Failed", "Current")),
    ],
    ids=["valid", "breaker open", "invalid", "rights missing", "conflicted"],
)
def test_a_bad_policy_is_degraded_and_failing_runs_are_none_of_its_health(
    mode: Mode, check: PolicyCheck, expected: tuple[str, ...]
) -> None:
    policy = a_policy(check, mode=mode.value)
    assert (argo_cd(policy), flux(policy), kstatus(policy)) == expected


def test_a_suspended_policy_is_shown_as_such() -> None:
    assert argo_cd(a_policy(PolicyCheck(), suspended=True)) == "Suspended"
    paused = a_policy(PolicyCheck(), pauseRequests=["migration"])
    assert health(paused) == {"status": "Suspended", "message": "migration"}
    assert flux(paused) == kstatus(paused) == "Current"
    assert argo_cd(a_policy(PolicyCheck(problem="no"), suspended=True)) == "Degraded"


def test_a_policy_that_nobody_evaluated_is_in_progress() -> None:
    new = objects.a_policy("batch")
    new["metadata"]["generation"] = 1
    assert (argo_cd(new), flux(new)) == ("Progressing", "InProgress")
    changed = a_policy(PolicyCheck(problem="no"))
    changed["metadata"]["generation"] = 4
    assert (argo_cd(changed), flux(changed), kstatus(changed)) == ("Progressing", "InProgress", "InProgress")


# Remediations


def remediations() -> Iterator[tuple[str, Object]]:
    """Yield Remediations in the states of their life, with the health that Argo CD should show."""
    plain, asking = a_remediation(), a_remediation(approvalRequired=True)
    yield "Progressing", document(plain)
    yield "Healthy", document(a_remediation(dryRun=True))
    intended = with_status(plain, status_intended(plain, NOW, needs_approval=False))
    yield "Progressing", document(intended)
    awaiting = with_status(asking, status_intended(asking, NOW, needs_approval=True))
    yield "Suspended", document(awaiting)
    yield "Healthy", document(with_status(awaiting, status_denied(awaiting, NOW)))
    for status, reason in (("True", RemediationReason.EXECUTED), ("False", RemediationReason.EXECUTION_FAILED)):
        ended = status_executed(intended, NOW, ExecutionResult(status, reason, "why"))  # type: ignore[arg-type]
        yield "Healthy", document(with_status(intended, ended))


def document(remediation: Remediation) -> Object:
    shown: Object = json.loads(msgspec.json.encode(remediation.dump()))
    return shown | {"kind": "Remediation"}


def test_only_a_remediation_that_is_still_to_come_is_not_healthy() -> None:
    for expected, remediation in remediations():
        assert argo_cd(remediation) == expected, remediation
        assert kstatus(remediation) == "Current"


# What is shipped


def test_no_condition_has_a_type_that_gitops_tools_read_as_the_health_of_the_object() -> None:
    types = {*ConditionType, *PolicyConditionType, *RemediationConditionType}
    assert not types & {"Stalled", "Reconciling", "Progressing", "Degraded"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_data_in_argo_cds_form_holds(kind: str) -> None:
    folder = CUSTOMIZATIONS / kind
    tests = yaml.safe_load((folder / "health_test.yaml").read_text())["tests"]
    paths = [test["inputPath"] for test in tests]
    assert sorted(paths) == sorted(str(path.relative_to(folder)) for path in (folder / "testdata").glob("*.yaml"))
    for test in tests:
        entry = yaml.safe_load((folder / test["inputPath"]).read_text())
        assert health(entry) == test["healthStatus"], test["inputPath"]


def test_the_config_map_contains_the_scripts() -> None:
    config = yaml.safe_load((GITOPS / "argocd" / "argocd-cm.yaml").read_text())["data"]
    scripts = {
        f"resource.customizations.health.wfreport.dev_{kind}": (CUSTOMIZATIONS / kind / "health.lua").read_text()
        for kind in KINDS
    }
    assert config == scripts


def test_crds_come_before_the_operator_and_policies_after_it() -> None:
    applications = list(yaml.safe_load_all((GITOPS / "argocd" / "applications.yaml").read_text()))
    waves = [int(each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for each in applications]
    assert waves == sorted(waves)
    assert len(set(waves)) == len(waves)
    root = GITOPS.parent
    for application in applications[:2]:
        source, policy = application["spec"]["source"], application["spec"]["syncPolicy"]
        folder = root / source["path"]
        assert (folder / "kustomization.yaml").exists()
        for component in source.get("kustomize", {}).get("components", ()):
            assert (folder / component / "kustomization.yaml").exists()
        assert "ServerSideApply=true" in policy["syncOptions"]
    assert applications[0]["spec"]["syncPolicy"]["automated"]["prune"] is False


def test_flux_waits_for_the_operator_before_it_applies_policies() -> None:
    operator, policies = yaml.safe_load_all((GITOPS / "flux" / "kustomizations.yaml").read_text())
    assert operator["spec"]["wait"] is policies["spec"]["wait"] is True
    assert policies["spec"]["dependsOn"] == [{"name": operator["metadata"]["name"]}]
    repository, release = yaml.safe_load_all((GITOPS / "flux" / "operator.yaml").read_text())
    reference = release["spec"]["chartRef"]
    assert reference == {"kind": repository["kind"], "name": repository["metadata"]["name"]}


@pytest.mark.cluster
def test_the_values_of_the_helm_release_are_accepted(tmp_path: Path) -> None:
    from tests.manifests.rendered import by_helm  # noqa: PLC0415

    _, release = yaml.safe_load_all((GITOPS / "flux" / "operator.yaml").read_text())
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(release["spec"]["values"]))
    assert "NetworkPolicy" in {entry["kind"] for entry in by_helm(tmp_path / "values.yaml")}
