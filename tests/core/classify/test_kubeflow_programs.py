"""Failures of Kubeflow's driver and launcher, as people reported them: whose they are, and whether to run again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.builders import REDACTOR, a_node, a_report, a_snapshot
from tests.core.pods import a_pod, ended

from wfreport.api.argo import Container, Phase, Template, WorkflowSpec
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, ReportSpec, ReportStatus, WorkflowRef
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps
from wfreport.core.render.gone import render_late
from wfreport.core.snapshot.model import PodEvidence, RenderOptions

DRIVER, LAUNCHER = "system-container-driver", "system-container-impl"
GLOG = "F0614 17:22:43.063393      18 main.go:74] "
LINES = yaml.load((Path(__file__).parent / "kubeflow_lines.yaml").read_bytes(), yaml.CSafeLoader)
UNAVAILABLE, REFUSED, OF_THE_USER = (
    [(case["template"], case["line"]) for case in LINES[kind]] for kind in ("unavailable", "refused", "of_the_user")
)


def status_of(template: str, line: str, spec: WorkflowSpec | None = None, *, is_late: bool = False) -> ReportStatus:
    node = a_node("wf", Phase.FAILED, message="main: Error (exit code 1)", template_name=template)
    run, evidence = (
        a_snapshot(node, spec=spec),
        PodEvidence(a_pod(ended("main", 1)), logs={"main": f"I0614 x\n{line}\n"}),
    )
    if not is_late:
        return a_report(run, evidence={"wf": evidence})
    early = a_report(run, evidence={"wf": PodEvidence(a_pod(ended("main", 1)), missing=(Reason.CAPTURE_PENDING,))})
    return render_late(
        early,
        evidence={"wf": evidence},
        spec=ReportSpec(workflow_ref=WorkflowRef(name="wf")),
        generation=1,
        options=RenderOptions(),
        redactor=REDACTOR,
    )


def failure_of(status: ReportStatus) -> Failure:
    (failure,) = status.failures or []
    return failure


def facts(failure: Failure) -> tuple[str, str, bool]:
    return (failure.failure_class, failure.owner, failure.retryable)


@pytest.mark.parametrize(("template", "words"), UNAVAILABLE, ids=range(len(UNAVAILABLE)))
def test_a_service_that_does_not_answer_is_the_platforms_and_worth_a_retry(template: str, words: str) -> None:
    failure = failure_of(status_of(template, GLOG + words))
    assert facts(failure) == ("ExitCode", "Platform", True)
    assert failure.reason == "KubeflowError"


@pytest.mark.parametrize(
    "line",
    ["failed to publish metrics to Prometheus: connection refused", "failed to publish topic: code = Unavailable"],
)
def test_what_the_program_of_the_user_could_not_publish_is_the_users(line: str) -> None:
    failure = failure_of(status_of(LAUNCHER, line))
    assert (failure.owner, failure.reason, failure.retryable) == ("User", "Error", True)


def test_a_token_that_is_refused_to_the_load_of_artifacts_is_the_platforms() -> None:
    run = a_snapshot(a_node("wf", Phase.FAILED, message="failed to load artifacts: Unauthorized"))
    failure = failure_of(a_report(run))
    assert (*facts(failure), failure.reason) == ("ConfigError", "Platform", True, "Unauthorized")


@pytest.mark.parametrize(("template", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_service_that_refuses_is_the_platforms(template: str, words: str) -> None:
    status = status_of(template, GLOG + words)
    assert facts(failure_of(status)) == ("ExitCode", "Platform", False)
    steps = next_steps(ReportedRun("wf", "team", status, existing_pods=frozenset()))
    helps = (
        "Let the platform check what the message names: ML Metadata",
        "Let an admin of ",
    )
    assert any(step.text.startswith(helps) for step in steps)


@pytest.mark.parametrize(("template", "words"), OF_THE_USER, ids=range(len(OF_THE_USER)))
def test_a_wrong_pipeline_a_failed_program_and_an_unknown_cause_are_the_users(template: str, words: str) -> None:
    failure = failure_of(status_of(template, GLOG + words))
    assert facts(failure) == ("ExitCode", "User", False)
    assert failure.reason != "KubeflowError"


def test_a_stored_judgement_outlives_the_log() -> None:
    for words, owner, retryable in ((UNAVAILABLE[-1][1], "Platform", True), (REFUSED[1][1], "Platform", False)):
        node = a_node("wf", Phase.FAILED, message="main: Error (exit code 1)", template_name=LAUNCHER)
        stored = status_of(LAUNCHER, GLOG + words)
        again = failure_of(a_report(a_snapshot(node), stored=stored, evidence={}))
        assert facts(again) == ("ExitCode", owner, retryable)


@pytest.mark.parametrize(
    ("template", "container", "is_kubeflows"),
    [
        ("retry-system-container-impl", Container(), True),
        ("system-importer", Container(), True),
        ("prepare", Container(image="ghcr.io/kubeflow/kfp-driver:2.5.0"), True),
        ("prepare", Container(image="quay.io/opendatahub/ds-pipelines-launcher@sha256:0a"), True),
        ("prepare", Container(name="kfp-launcher", image="gcr.io/x:1"), True),
        ("train", Container(image="python:3.12"), False),
        ("my-system-container-impl", Container(image="team/kfp-driverless:1"), False),
    ],
)
def test_only_the_programs_of_kubeflow_are_believed(template: str, container: Container, is_kubeflows: bool) -> None:
    spec = WorkflowSpec(entrypoint="main", templates=[Template(name=template, init_containers=[container])])
    failure = failure_of(status_of(template, GLOG + REFUSED[0][1], spec))
    assert failure.owner == ("Platform" if is_kubeflows else "User")


def test_a_log_that_arrives_later_changes_the_owner_but_not_the_class() -> None:
    failure = failure_of(status_of(DRIVER, GLOG + UNAVAILABLE[0][1], is_late=True))
    assert facts(failure) == ("ExitCode", "Platform", True)


def test_the_arguments_of_the_driver_do_not_fill_the_summary() -> None:
    summary = status_of(DRIVER, GLOG + OF_THE_USER[0][1]).summary or ""
    assert "KFP driver: failed to resolve inputs: resolving input parameter x" in summary


def test_the_fatal_line_of_the_launcher_tells_more_than_an_exception_that_the_program_survived() -> None:
    log = f"Traceback (most recent call last):\nValueError: retried\n{GLOG}{UNAVAILABLE[3][1]}"
    assert failure_of(status_of(LAUNCHER, log)).owner == "Platform"


def test_an_exception_of_the_program_tells_more_than_the_launchers_exit_status() -> None:
    failure = failure_of(
        status_of(LAUNCHER, f"ValueError: no column a\n{GLOG}failed to execute component: exit status 1")
    )
    assert failure.log_line == "ValueError: no column a"


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    line = f"E0614 copying {'part ' * 100}of the file failed: quota of bucket b exceeded"
    stored = failure_of(status_of("train", line)).log_line or ""
    assert stored.startswith("E0614 copying part part")
    assert stored.endswith("of the file failed: quota of bucket b exceeded")
    assert len(stored) <= 253
    assert len(failure_of(status_of("train", f"error: {'x' * 900}")).log_line or "") <= 253
