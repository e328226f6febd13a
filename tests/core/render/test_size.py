"""A report never exceeds its maximum size, lists what was left out, and keeps the most useful parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import T0, a_node, a_report, a_snapshot
from tests.examples import is_fast, steps

from bench import large
from wfreport.api.argo import Inputs, Metadata, NodeType, Parameter, Phase, WorkflowSpec
from wfreport.api.comparison import Comparison, RunDefinition, SlowerStep, SlowReason
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import ConditionType
from wfreport.api.report import ReportStatus
from wfreport.core.render.size import fit
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import NodesState, PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import fnv1a32

pytestmark = pytest.mark.long

OK, FAILED = Phase.SUCCEEDED, Phase.FAILED
CAP = 256 * 1024


def left_out(report: ReportStatus) -> str:
    """Return the message of the condition Truncated."""
    return next(c.message for c in report.conditions or () if c.type == ConditionType.TRUNCATED)


# --- the order


def big_run(failures: int, message: int) -> tuple[Snapshot, dict[str, PodEvidence]]:
    nodes = [
        a_node(f"wf.{i}", FAILED, message=f"main: Error (exit code {i % 120 + 1}): {'m' * message}", template_name="t")
        for i in range(failures)
    ]
    victims = [
        a_node(f"wf.v{i}", FAILED, message="template has failed or errored children and failFast enabled")
        for i in range(9)
    ]
    snapshot = a_snapshot(a_node("wf", FAILED, NodeType.DAG), *nodes, *victims, message="z" * 3000)
    log = "log line\n" * 400
    event = Event(reason="Failed", message="e" * 900, last_timestamp=T0)
    evidence = {
        f"wf-t-{fnv1a32(node.name)}": PodEvidence(Pod(metadata=Metadata(uid="p")), (event,) * 3, {"main": log})
        for node in nodes
    }
    return snapshot, evidence


@pytest.mark.parametrize(
    ("failures", "max_bytes", "note"),
    [
        (3, 256 * 1024, None),
        (20, 126_000, "15 log tails"),
        (60, 340_000, "55 log tails"),
        (60, 200_000, "Events of 55 failures"),
        (60, 177_000, "9 victims and tolerated failures"),
        (60, 174_000, "60 log tails"),
        (60, 120_000, "70 of 70 listed steps"),
        (60, 100_000, "Events of 60 failures"),
        (300, 60_000, "280 of 300 failures"),
        (300, 25_000, "295 of 300 failures"),
        (300, 8 * 1024, "details of failures"),
        (700, 256 * 1024, "209 of 709 failures"),
    ],
)
def test_a_report_is_cut_in_order_and_lists_the_cuts(failures: int, max_bytes: int, note: str | None) -> None:
    snapshot, evidence = big_run(failures, 900)
    report = a_report(snapshot, evidence=evidence, max_bytes=max_bytes)
    assert len(report.dump_json()) <= max_bytes
    truncated = next(c for c in report.conditions or () if c.type == ConditionType.TRUNCATED)
    assert (truncated.status == "True") is (note is not None)
    assert (note or "nothing was left out") in truncated.message
    assert report.summary
    assert report.failures


def test_parameters_are_cut_if_nothing_else_helps() -> None:
    parameters = [Parameter(name=f"p{i}", value="v" * 250) for i in range(64)]
    snapshot = a_snapshot(phase=OK, spec=WorkflowSpec(arguments=Inputs(parameters=parameters)))
    report = a_report(snapshot, max_bytes=8_000)
    assert report.parameters is None
    assert len(report.dump_json()) <= 8_000


def test_the_comparisons_steps_and_the_definition_are_cut_before_failures_are() -> None:
    snapshot, evidence = big_run(60, 900)
    whole = a_report(snapshot, evidence=evidence, max_bytes=CAP * 4)
    slower = [
        SlowerStep(display_name="s" * 250, seconds=9, baseline_seconds=1, runs=1, why=SlowReason.RAN) for _ in range(10)
    ]
    definition = RunDefinition(digest="d", parameters_digest="p", spec={"x" * 250: "y" * 2_000})
    compared = whole.changed(comparison=Comparison(steps=slower), definition=definition, conditions=None)
    found = [fit(compared, size, [], T0, 1) for size in range(20_000, len(compared.dump_json()), 5_000)]
    assert all(len(each.failures or ()) >= 60 for each in found if each.definition)
    assert all(each.comparison and not each.comparison.steps for each in found if not each.definition)
    assert "the steps of the comparison; the definition" in left_out(found[0])


def test_evidence_of_the_first_failures_is_cut_last() -> None:
    snapshot, evidence = big_run(60, 900)
    failures = a_report(snapshot, evidence=evidence, max_bytes=200_000).failures or []
    assert all(failure.log_tail and failure.log_tail.text and failure.events for failure in failures[:5])
    assert not any(failure.log_tail and failure.log_tail.text for failure in failures[5:])


def test_unsuccessful_steps_are_preferred() -> None:
    nodes = [
        a_node("wf", FAILED, NodeType.DAG, children=[f"wf.{n}" for n in range(400)]),
        *(a_node(f"wf.{n}", FAILED if n == 399 else OK, message="m" * 900, start=n, end=n + 1) for n in range(400)),
    ]
    steps = a_report(a_snapshot(*nodes), max_bytes=180_000).steps or []
    assert len(steps) == 100
    assert [step.display_name for step in steps if step.phase == FAILED] == ["wf", "399"]
    assert steps[0].children == list(range(1, 100))
    assert steps[99].display_name == "399"


@pytest.mark.parametrize("max_bytes", [126_000, 60_000])
def test_cut_logs_are_still_listed_after_the_pods_were_deleted(max_bytes: int) -> None:
    snapshot, evidence = big_run(20, 900)
    report = a_report(snapshot, evidence=evidence, max_bytes=max_bytes)
    stored = ReportStatus.model_validate_json(report.dump_json())
    second = a_report(snapshot, stored=stored, max_bytes=max_bytes)
    assert "log tails" in left_out(second)
    third = a_report(snapshot, stored=second, max_bytes=max_bytes)
    assert third.dump() == second.dump()


@settings(max_examples=8 if is_fast() else 50, deadline=None)
@given(
    failures=st.integers(0, 200),
    message=st.integers(0, 2000),
    max_bytes=st.integers(8 * 1024, CAP),
    captured=st.booleans(),
)
def test_no_report_exceeds_its_maximum_size(failures: int, message: int, max_bytes: int, captured: bool) -> None:
    snapshot, evidence = big_run(failures, message)
    report = a_report(snapshot, evidence=evidence if captured else {}, max_bytes=max_bytes)
    assert len(report.dump_json()) <= max_bytes
    assert report.summary
    assert report.failures


# --- large Workflows


@pytest.mark.parametrize("nodes", steps([3_000, 10_000], thinned_to=1))
@pytest.mark.parametrize(
    "shape", [large.fan_out, large.stages, large.chain, large.failures], ids=["fan-out", "stages", "chain", "failures"]
)
def test_the_report_of_a_large_workflow_fits_and_lists_what_is_left_out(
    shape: Callable[[int], dict[str, Any]], nodes: int
) -> None:
    whole = shape(nodes)
    snapshot = decode_workflow(large.compressed(whole))
    report = a_report(snapshot)
    assert snapshot.nodes_state is NodesState.READ
    assert len(report.dump_json()) <= CAP
    assert report.counts is not None
    assert report.counts.total == len(snapshot.nodes)
    assert report.summary
    assert f"of {len(snapshot.nodes)} steps" in left_out(report)
    assert a_report(decode_workflow(whole)).dump_json() == report.dump_json()


def test_the_first_of_thousands_of_failures_are_listed_and_the_others_counted() -> None:
    report = a_report(decode_workflow(large.failures(15_000)))
    assert report.summary == "all 5,000 items of work failed: exit code 1: boom after 2 attempts"
    assert len(report.failures or ()) == 200
    assert "4500 of 5000 failures" in left_out(report)
    assert "300 of 500 failures" in left_out(report)


def test_a_cut_message_states_the_number_of_omitted_characters() -> None:
    workflow = large.failures(9, "main: Error (exit code 1): " + "x" * 1_000_000)
    report = a_report(decode_workflow(json.dumps(workflow).encode()))
    message = (report.failures or [])[0].message or ""
    assert len(message) <= 1024
    assert message.endswith("… (+999,026 characters)")
    assert len(report.dump_json()) < 40_000
