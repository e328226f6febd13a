"""Failures of the agent's pod, which runs all HTTP and Plugin nodes of a Workflow."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.builders import a_node, a_report, a_snapshot
from tests.core.pods import a_pod, ended

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.api.kubernetes import PodSpec
from wfreport.api.report import Failure, ReportStatus
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


EVICTED = "The node was low on resource: memory."


def of_a_run_whose_nodes_never_end(
    evidence: dict[str, PodEvidence], message: str = f'agent pod failed with reason:"{EVICTED}"', **more: Any
) -> ReportStatus:
    node = a_node("wf", Phase.PENDING, NodeType.PLUGIN, end=None)
    return a_report(a_snapshot(node, phase=Phase.ERROR, message=message), evidence=evidence, **more)


def test_a_workflow_that_failed_with_the_agent_has_its_pod_and_its_machine() -> None:
    pod = msgspec.structs.replace(a_pod(reason="Evicted", message=EVICTED), spec=PodSpec(node_name="host-7"))
    status = of_a_run_whose_nodes_never_end({AGENT: PodEvidence(pod)})
    (failure,) = status.failures or []
    assert (failure.display_name, failure.pod_name, failure.host_node_name) == (None, AGENT, "host-7")
    assert (failure.failure_class, failure.pod_uid, failure.confidence) == ("Evicted", "pu", Confidence.HIGH)
    (later,) = of_a_run_whose_nodes_never_end({}, stored=status).failures or []
    assert later == failure


def test_the_pod_of_an_agent_is_named_although_nobody_saw_it() -> None:
    (failure,) = of_a_run_whose_nodes_never_end({}).failures or []
    assert (failure.pod_name, failure.host_node_name, failure.failure_class) == (AGENT, None, "Evicted")


def test_an_agent_whose_pod_could_not_be_created_has_none() -> None:
    (failure,) = of_a_run_whose_nodes_never_end({}, 'create agent pod failed with reason:"no"').failures or []
    assert failure.pod_name is None
