"""The init containers and sidecars of a template are the user's, even with a name that Argo gives to its own."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot
from tests.core.pods import a_pod, ended, waits

from wfreport.api.argo import Container, Phase, Template, WorkflowSpec
from wfreport.api.report import Failure, ReportStatus
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps
from wfreport.core.snapshot.model import PodEvidence

OWN = [Container(name="init-artifact-cache"), Container(name="odd")]
WITH_INIT = WorkflowSpec(entrypoint="main", templates=[Template(name="t", init_containers=OWN)])
WITH_SIDECAR = WorkflowSpec(entrypoint="main", templates=[Template(name="t", sidecars=OWN)])
BY_DEFAULT = WorkflowSpec(
    entrypoint="main", templates=[Template(name="t")], template_defaults=Template(init_containers=OWN)
)
PLAIN = WorkflowSpec(entrypoint="main", templates=[Template(name="t")])


def status_of(message: str, spec: WorkflowSpec, evidence: PodEvidence | None = None) -> ReportStatus:
    node = a_node("wf", Phase.FAILED, message=message, template_name="t")
    return a_report(a_snapshot(node, spec=spec), evidence={"wf": evidence} if evidence else None)


def failure_of(status: ReportStatus) -> Failure:
    (failure,) = status.failures or []
    return failure


@pytest.mark.parametrize("spec", [WITH_INIT, WITH_SIDECAR, BY_DEFAULT], ids=["init", "sidecar", "defaults"])
@pytest.mark.parametrize(
    ("ending", "failure_class", "phrase"),
    [
        ("Error (exit code 3): cache is stale", "ExitCode", "init-artifact-cache exited with code 3"),
        ("Error (exit code 1): failed to put file: NoSuchBucket", "ExitCode", "init-artifact-cache exited with code 1"),
        ("OOMKilled (exit code 137)", "OOMKilled", "init-artifact-cache OOMKilled"),
    ],
)
def test_a_container_of_the_template_is_the_users(
    spec: WorkflowSpec, ending: str, failure_class: str, phrase: str
) -> None:
    status = status_of(f"init-artifact-cache: {ending}", spec)
    failure = failure_of(status)
    assert (failure.failure_class, failure.owner) == (failure_class, "User")
    assert phrase in (status.summary or "")
    assert "Argo's" not in (status.summary or "")


@pytest.mark.parametrize(
    ("ending", "failure_class", "phrase"),
    [
        ("Error (exit code 3): cache is stale", "ArtifactIO", "cache is stale"),
        ("OOMKilled (exit code 137)", "OOMKilled", "Argo's init-artifact-cache container OOMKilled"),
    ],
)
def test_a_container_of_that_name_that_the_template_lacks_is_argos(
    ending: str, failure_class: str, phrase: str
) -> None:
    status = status_of(f"init-artifact-cache: {ending}", PLAIN)
    failure = failure_of(status)
    assert (failure.failure_class, failure.owner) == (failure_class, "Platform")
    assert phrase in (status.summary or "")


def test_the_log_of_an_artifact_plugin_is_offered_and_its_memory_is_the_platforms() -> None:
    failed = status_of("artifact-plugin-gcs: Error (exit code 2)", PLAIN, PodEvidence(a_pod(ended("main"))))
    steps = next_steps(ReportedRun("wf", "team", failed, existing_pods=frozenset({failure_of(failed).pod_name or ""})))
    assert [step.text for step in steps if "artifact-plugin-gcs" in step.command] == [
        "the log of Argo's artifact-plugin-gcs container"
    ]
    killed = status_of("artifact-plugin-gcs: OOMKilled (exit code 137)", PLAIN)
    steps = next_steps(ReportedRun("wf", "team", killed, existing_pods=frozenset()))
    assert steps[0].text.startswith("Raise the memory of Argo's own container artifact-plugin-gcs")


def test_the_memory_of_a_container_of_the_template_is_raised_in_the_template() -> None:
    status = status_of("supervisor: OOMKilled (exit code 137)", WorkflowSpec(
        entrypoint="main", templates=[Template(name="t", sidecars=[Container(name="supervisor")])]
    ))  # fmt: skip
    steps = next_steps(ReportedRun("wf", "team", status, existing_pods=frozenset()))
    assert steps[0].text == "Raise the memory limit of container supervisor in template t."


def test_a_waiting_artifact_plugin_does_not_hide_that_the_program_ran() -> None:
    pod = a_pod(ended("main", 0), waits("artifact-plugin-gcs", "ImagePullBackOff"))
    failure = failure_of(status_of("Pod was active on the node longer than the specified deadline", PLAIN,
                                   PodEvidence(pod)))  # fmt: skip
    assert failure.failure_class == "Timeout"
