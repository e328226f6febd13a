"""Failures of the agent's pod, which runs all HTTP and Plugin nodes of a Workflow."""

from __future__ import annotations

from tests.builders import a_node, a_report, a_snapshot
from tests.core.pods import a_pod, ended

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.api.report import Failure
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_names import agent_pod_name

AGENT = agent_pod_name("wf")


def failure_of(message: str, evidence: PodEvidence) -> Failure:
    run = a_snapshot(a_node("wf", Phase.ERROR, NodeType.HTTP, message=message))
    (failure,) = a_report(run, evidence={AGENT: evidence}).failures or []
    return failure


def test_an_agent_that_was_evicted_is_named_with_its_pod() -> None:
    evicted = PodEvidence(a_pod(reason="Evicted", message="The node was low on resource: memory."))
    failure = failure_of('agent pod failed with reason:""', evicted)
    assert (failure.pod_name, failure.failure_class) == (AGENT, FailureClass.EVICTED)
    assert failure.confidence == Confidence.HIGH


def test_the_memory_of_the_agent_is_the_platforms() -> None:
    failure = failure_of('agent pod failed with reason:"x"', PodEvidence(a_pod(ended("main", 137, "OOMKilled"))))
    assert (failure.failure_class, failure.owner) == (FailureClass.OOM_KILLED, Owner.PLATFORM)


def test_a_request_that_got_an_error_has_no_pod() -> None:
    failure = failure_of("received non-2xx response code: 404", PodEvidence(a_pod(reason="Evicted")))
    assert (failure.pod_name, failure.failure_class) == (None, FailureClass.EXIT_CODE)
