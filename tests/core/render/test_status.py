"""The report of one run: identity, earlier runs, conditions, limits and other fields."""

from typing import Any

import pytest
from msgspec import structs
from tests.builders import T0, a_node, a_report, a_snapshot, at

from wfreport.api import argo, names
from wfreport.api.argo import (
    LABEL_COMPLETED,
    Artifact,
    ArtifactKey,
    Container,
    ContainerSet,
    Inputs,
    MemoizationStatus,
    Metadata,
    NodeType,
    Outputs,
    OwnerReference,
    Parameter,
    Phase,
    ResourceRequirements,
    Template,
    TemplateSource,
    Workflow,
    WorkflowSpec,
    WorkflowStatus,
)
from wfreport.api.classes import FailureClass
from wfreport.api.kubernetes import Event, Pod, PodSpec, PodStatus
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ReportStatus, WorkflowRef
from wfreport.api.run import EarlierRun
from wfreport.core.render.conditions import EPOCH, creation_of
from wfreport.core.render.gone import render_deleted, render_missing
from wfreport.core.snapshot.identity import binds, is_labelled_completed, is_skipped, new_report, report_name
from wfreport.core.snapshot.model import NodesState, PodEvidence, Snapshot

FAILED, OK, RUNNING = Phase.FAILED, Phase.SUCCEEDED, Phase.RUNNING


def conditions(report: ReportStatus) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in report.conditions or ()}


def a_failed_run(**status: Any) -> Snapshot:
    return a_snapshot(a_node("wf", FAILED, message="main: Error (exit code 3): boom", exit_code="3"), **status)


# --- identity


def test_the_name_of_a_report_is_the_workflows_with_ten_digits_of_its_uid() -> None:
    assert report_name("etl-daily-x7k2p", "3f9c1b8e-02aa-4c5d") == "etl-daily-x7k2p-3f9c1b8e02"
    long = report_name("w" * 51 + ".x" + "y" * 40, "3f9c1b8e-02aa-4c5d")
    assert long == "w" * 51 + "-3f9c1b8e02"
    assert len(report_name("w" * 300, "3f9c1b8e-02aa")) == 63


def test_a_new_report_has_labels_to_select_by() -> None:
    labels = {argo.LABEL_CRON_WORKFLOW: "nightly", "team": "data"}
    workflow = Workflow(metadata=Metadata(name="w" * 80, namespace="ns", uid="u-1", labels=labels))
    metadata = new_report(workflow)["metadata"]
    assert metadata["labels"][argo.LABEL_CRON_WORKFLOW] == "nightly"
    assert metadata["labels"][names.LABEL_WORKFLOW_UID] == "u-1"
    assert len(metadata["labels"][names.LABEL_WORKFLOW]) <= 63
    assert "team" not in metadata["labels"]
    assert new_report(workflow)["spec"] == {"workflowRef": {"name": "w" * 80, "uid": "u-1"}, "source": "Auto"}


def test_an_annotation_opts_out_of_reports() -> None:
    assert is_skipped(Workflow(metadata=Metadata(annotations={names.ANNOTATION_SKIP: "true"})))
    assert not is_skipped(Workflow(metadata=Metadata(annotations={names.ANNOTATION_SKIP: "false"})))


@pytest.mark.parametrize("phase", [OK, FAILED, "Odd"])
def test_the_label_of_the_controller_says_that_a_run_is_over_whatever_its_phase(phase: str) -> None:
    status = WorkflowStatus(phase=phase)
    for value, is_over in (("true", True), ("false", False)):
        labels = {LABEL_COMPLETED: value}
        assert is_labelled_completed(Workflow(metadata=Metadata(labels=labels), status=status)) is is_over
    assert not is_labelled_completed(Workflow(status=status))


@pytest.mark.parametrize(
    ("ref_uid", "bound_uid", "uid", "does"),
    [
        (None, None, "a", True),
        ("a", None, "a", True),
        ("b", None, "a", False),
        (None, "b", "a", False),
        (None, "a", "a", True),
    ],
)
def test_a_report_binds_once(ref_uid: str | None, bound_uid: str | None, uid: str, does: bool) -> None:
    assert binds(ref_uid, bound_uid, uid) is does


# --- runs


def test_a_manual_retry_moves_the_finished_run_to_the_history() -> None:
    first = a_report(a_failed_run())
    again = a_report(a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, started_at=at(100)), stored=first)
    assert again.runs is not None
    (earlier,) = again.runs
    assert (earlier.phase, earlier.failure_class, earlier.first_failure) == (FAILED, FailureClass.EXIT_CODE, "wf")
    assert earlier.summary == first.summary
    assert again.failures is None


def test_a_run_without_a_start_and_its_first_start_are_the_same_run() -> None:
    waiting = a_report(a_snapshot(phase=Phase.PENDING, started_at=None))
    assert a_report(a_failed_run(), stored=waiting).runs is None


def test_ten_earlier_runs_are_kept() -> None:
    runs = [EarlierRun(started_at=at(-1000 + i), phase=FAILED) for i in range(10)]
    stored = a_report(a_failed_run()).changed(runs=runs)
    report = a_report(a_failed_run(started_at=at(500), end=600), stored=stored)
    assert report.runs is not None
    assert len(report.runs) == 10
    assert report.runs[-1].started_at == T0
    assert report.timing is not None
    assert report.timing.queued_seconds is None, "that was the wait before the first run"


def test_a_stored_status_without_an_observation_is_not_an_earlier_run() -> None:
    missing = render_missing(stored=None, ref=WorkflowRef(name="wf"), generation=1, created_at=T0)
    report = a_report(a_failed_run(), stored=missing)
    assert report.runs is None
    assert conditions(report)["Ready"] == ("True", Reason.REPORT_CURRENT)


# --- gone and missing


def test_the_report_of_a_workflow_deleted_while_running_keeps_the_last_known_state() -> None:
    running = a_report(a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, progress="3/7"))
    gone = render_deleted(running, 1)
    assert conditions(gone)["Succeeded"] == ("False", Reason.WORKFLOW_DELETED)
    assert conditions(gone)["Ready"] == ("True", Reason.WORKFLOW_DELETED)
    assert gone.summary == "Deleted before it ended; last known: Running 3/7"
    assert gone.counts == running.counts
    assert render_deleted(gone, 1).dump() == gone.dump()


def test_a_workflow_deleted_before_it_started_is_reported_too() -> None:
    pending = a_report(a_snapshot(phase="", started_at=None), now=at(0))
    assert render_deleted(pending, 1).summary == "Deleted before it started"
    bare = pending.changed(conditions=None, summary=None)
    assert render_deleted(bare, 1).summary == "Deleted before it started"


@pytest.mark.parametrize("stored", [a_report(a_failed_run()), ReportStatus()], ids=["ended", "never seen"])
def test_the_report_of_a_completed_run_stays_unchanged_after_a_deletion(stored: ReportStatus) -> None:
    assert render_deleted(stored, 1) is stored


def test_a_missing_workflow_is_named() -> None:
    status = render_missing(stored=None, ref=WorkflowRef(name="wf", uid="u-9"), generation=4, created_at=T0)
    assert conditions(status)["Ready"] == ("True", Reason.AWAITING_WORKFLOW)
    assert conditions(status)["Succeeded"] == ("Unknown", Reason.WORKFLOW_NOT_FOUND)
    assert "wf with uid u-9" in (status.summary or "")
    assert status.observed_generation == 4


# --- conditions


def test_times_of_conditions_come_from_the_workflow() -> None:
    report = a_report(a_failed_run(end=60))
    by_type = {c.type: c.last_transition_time for c in report.conditions or ()}
    assert by_type["Ready"] == at(-5)
    assert by_type["Succeeded"] == at(60)


def test_a_report_has_the_creation_of_its_workflow_before_the_run_starts() -> None:
    waiting = a_snapshot(phase="Pending", started_at=None)
    assert creation_of(a_report(waiting)) == at(-5)
    unknown = structs.replace(
        waiting.workflow, metadata=structs.replace(waiting.workflow.metadata, creation_timestamp=None)
    )
    assert creation_of(a_report(structs.replace(waiting, workflow=unknown))) is None
    assert creation_of(render_deleted(a_report(waiting), 1)) is None
    assert creation_of(ReportStatus()) is None


def test_a_workflow_without_any_time_has_a_report() -> None:
    snapshot = Snapshot(Workflow())
    report = a_report(snapshot)
    assert {c.last_transition_time for c in report.conditions or ()} == {EPOCH}


@pytest.mark.parametrize(
    ("state", "reason"),
    [(NodesState.OFFLOADED, Reason.NODES_OFFLOADED), (NodesState.UNREADABLE, Reason.NODES_UNREADABLE)],
)
def test_nodes_that_cannot_be_read_are_unknown_not_zero(state: NodesState, reason: Reason) -> None:
    report = a_report(Snapshot(a_failed_run().workflow, {}, state))
    assert report.counts is None
    assert conditions(report)["NodesAvailable"] == ("False", reason)
    assert report.failures, "the run failed, and that much is known"


def test_undecodable_fields_are_in_the_condition() -> None:
    report = a_report(Snapshot(a_failed_run().workflow, problems=("status.nodes[x].phase: expected a text",)))
    assert conditions(report)["Ready"] == ("True", Reason.WORKFLOW_MALFORMED)


def test_pods_that_were_not_captured_are_named() -> None:
    report = a_report(a_failed_run())
    assert conditions(report)["EvidenceComplete"] == ("False", Reason.POD_NOT_CAPTURED)
    message = next(c.message for c in report.conditions or () if c.type == ConditionType.EVIDENCE_COMPLETE)
    assert message == "the failed pod was deleted before evidence was collected: wf"
    pod = Pod(metadata=Metadata(name="wf", uid="p-1"), spec=PodSpec(node_name="n-1"), status=PodStatus())
    seen = a_report(a_failed_run(), evidence={"wf": PodEvidence(pod)})
    assert conditions(seen)["EvidenceComplete"] == ("True", Reason.EVIDENCE_CAPTURED)


def test_many_missing_pods_are_counted() -> None:
    nodes = [a_node(f"wf.{i}", FAILED, message="main: Error (exit code 1)", template_name="t") for i in range(7)]
    report = a_report(a_snapshot(a_node("wf", FAILED, NodeType.DAG), *nodes))
    message = next(c.message for c in report.conditions or () if c.type == ConditionType.EVIDENCE_COMPLETE)
    assert message.startswith("7 of 7 failed pods")
    assert message.endswith("…")


# --- what is listed


def test_the_artifacts_of_steps_are_listed_before_their_logs() -> None:
    artifacts = [
        Artifact(name="main-logs", s3=ArtifactKey(key="k/main.log")),
        Artifact(name="model", gcs=ArtifactKey(key="k/model")),
        Artifact(name="blob", azure={"blob": "k/blob"}),
        Artifact(name="raw"),
    ]
    node = argo.Node(id="wf", name="wf", phase=OK, type=NodeType.POD, outputs=Outputs(artifacts=artifacts))
    outputs = a_report(a_snapshot(node, phase=OK)).outputs
    assert outputs is not None
    assert [(a.name, a.key) for a in outputs.artifacts or ()] == [
        ("model", "k/model"),
        ("blob", "k/blob"),
        ("raw", None),
        ("main-logs", "k/main.log"),
    ]


def test_parameters_are_redacted_by_their_names() -> None:
    parameters = [
        Parameter(name="date", value="2026-11-22"),
        Parameter(name="db_password", value="hunter2-hunter2"),
        Parameter(name="retries", value=3),
        Parameter(name="unset"),
    ]
    report = a_report(a_snapshot(phase=OK, spec=WorkflowSpec(arguments=Inputs(parameters=parameters))))
    values = {p.name: p.value for p in report.parameters or ()}
    assert values == {"date": "2026-11-22", "db_password": "[redacted]", "retries": "3", "unset": None}


def test_no_secret_reaches_any_text_of_a_report() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    node = a_node("wf", FAILED, message=f"main: Error (exit code 1): token {secret}", display_name=f"each(0:{secret})")
    pod = Pod(metadata=Metadata(name="wf", uid="p-1"))
    evidence = PodEvidence(pod, (Event(reason="Failed", message=secret),), {"main": f"x\nusing {secret}\n"})
    report = a_report(
        a_snapshot(node, message=secret, outputs=Outputs(parameters=[Parameter(name="out", value=secret)])),
        evidence={"wf": evidence},
    )
    assert secret.encode() not in report.dump_json()
    assert report.failures is not None
    tail = report.failures[0].log_tail
    assert tail is not None
    assert tail.redacted == 1
    assert tail.lines == 2


def test_no_log_is_reported_if_the_spec_opts_out() -> None:
    evidence = {"wf": PodEvidence(Pod(metadata=Metadata(uid="p")), logs={"main": "line"})}
    without = a_report(a_failed_run(), evidence=evidence, log_tail_lines=0)
    assert without.failures is not None
    assert without.failures[0].log_tail is None


def test_resources_come_from_the_pod_or_else_the_template() -> None:
    def limited(memory: str) -> ResourceRequirements:
        return ResourceRequirements(limits={"memory": memory}, requests={"cpu": 1})

    oom = "main: OOMKilled (exit code 137)"
    container_set = ContainerSet(containers=[Container(name="main", resources=limited("3Gi"))])
    templates = [
        Template(name="plain", container=Container(resources=limited("1Gi"))),
        Template(name="script", script=Container(name="", resources=limited("2Gi"))),
        Template(name="set", container_set=container_set),
        Template(name="bare", container=Container()),
        Template(name="group"),
    ]
    found = {}
    for name in ("plain", "script", "set", "bare", "group", "unknown"):
        node = a_node("wf", FAILED, message=oom, template_name=name)
        failure = (a_report(a_snapshot(node, spec=WorkflowSpec(templates=templates))).failures or [])[0]
        found[name] = (failure.resources.limits or {}).get("memory") if failure.resources else None
    assert found == {"plain": "1Gi", "script": "2Gi", "set": "3Gi", "bare": None, "group": None, "unknown": None}


def test_earlier_attempts_have_their_memory_limit() -> None:
    templates = [Template(name="t", container=Container(resources=ResourceRequirements(limits={"memory": "1Gi"})))]
    nodes = [
        a_node("wf", FAILED, NodeType.RETRY, children=["wf(0)", "wf(1)", "wf(2)"]),
        a_node("wf(0)", FAILED, message="main: OOMKilled (exit code 137)", template_name="t"),
        a_node("wf(1)", OK, template_name="t"),
        a_node("wf(2)", FAILED, message="main: Error (exit code 2)", template_name="t"),
    ]
    report = a_report(a_snapshot(*nodes, spec=WorkflowSpec(templates=templates)))
    assert report.failures is not None
    failure = report.failures[0]
    assert failure.attempt == 3
    assert [(p.failure_class, p.exit_code, p.memory_limit) for p in failure.previous_attempts or ()] == [
        (FailureClass.OOM_KILLED, 137, "1Gi"),
        (None, None, None),
    ]
    assert report.counts is not None
    assert report.counts.retried_attempts == 1
    assert report.summary == "wf: exit code 2 after 3 attempts"


def test_the_origin_of_a_run() -> None:
    def source_of(spec: WorkflowSpec | None = None, **metadata: Any) -> Any:
        workflow = Workflow(metadata=Metadata(name="wf", uid="u", **metadata), spec=spec or WorkflowSpec())
        return a_report(Snapshot(workflow)).workflow_source

    cron = source_of(
        owner_references=[OwnerReference(kind="CronWorkflow", name="nightly")],
        annotations={argo.ANNOTATION_SCHEDULED_TIME: "2026-11-22T03:00:00Z"},
    )
    assert (cron.cron_workflow, cron.scheduled_at) == ("nightly", T0)
    own = WorkflowSpec(workflow_template_ref=TemplateSource(name="t"))
    assert source_of(own).workflow_template == "t"
    cluster = WorkflowSpec(workflow_template_ref=TemplateSource(name="t", cluster_scope=True))
    assert source_of(cluster).cluster_workflow_template == "t"
    assert source_of(annotations={argo.ANNOTATION_SCHEDULED_TIME: "tomorrow"}) is None


def test_links_lead_to_the_ui_and_the_trace() -> None:
    workflow = Workflow(metadata=Metadata(name="wf", namespace="ns", annotations={argo.ANNOTATION_TRACE_ID: "abc"}))
    links = a_report(Snapshot(workflow), ui_url_template="https://argo/{namespace}/{name}?uid={uid}").links
    assert links is not None
    assert (links.ui, links.trace) == ("https://argo/ns/wf?uid=", "abc")


def test_resources_durations_are_in_plain_units() -> None:
    used = {"cpu": 3, "memory": 2, "ephemeral-storage": 1, "nvidia.com/gpu": 4}
    assert a_report(a_snapshot(phase=OK, resources_duration=used)).resources == {
        "cpuSeconds": 3,
        "memoryMiBSeconds": 200,
        "ephemeralStorageGiBSeconds": 10,
        "nvidia.com/gpuSeconds": 4,
    }


def test_memoized_nodes_are_counted() -> None:
    node = a_node("wf", OK, memoization_status=MemoizationStatus(hit=True))
    counts = a_report(a_snapshot(node, phase=OK)).counts
    assert counts is not None
    assert counts.memoized == 1


# --- what is listed of many


def test_a_hundred_steps_are_listed_while_running_and_five_hundred_at_the_end() -> None:
    nodes = [a_node(f"wf.{i}", OK if i < 600 else RUNNING, end=None) for i in range(700)]
    running = a_report(a_snapshot(*nodes, phase=RUNNING))
    assert len(running.steps or ()) == 100
    assert {step.phase for step in running.steps or ()} == {RUNNING}
    assert len(a_report(a_snapshot(*nodes, phase=FAILED)).steps or ()) == 500


def test_children_are_indexes_into_the_list() -> None:
    nodes = [
        a_node("wf", OK, NodeType.DAG, children=["wf.b", "wf.a"]),
        a_node("wf.a", start=2),
        a_node("wf.b", start=1),
    ]
    steps = a_report(a_snapshot(*nodes, phase=OK)).steps or []
    assert [step.node_id for step in steps] == ["wf", "wf.b", "wf.a"]
    assert steps[0].children == [1, 2]


def test_a_later_reconcile_changes_nothing() -> None:
    snapshot = a_failed_run()
    report = a_report(snapshot)
    assert a_report(snapshot, stored=report).dump_json() == report.dump_json()
    assert report.observed_workflow is not None
    assert report.observed_workflow.resource_version == "7"
