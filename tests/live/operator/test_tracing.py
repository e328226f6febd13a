"""The operator sends each run that ends to a collector, and loses none while the collector is down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, Cluster, cluster
from tests.tracing.receiver import Answer, otlp_receiver

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster


@pytest.fixture
def world(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    with cluster(plane, namespace, tmp_path) as made:
        yield made


def test_runs_that_end_are_sent_as_traces(world: Cluster) -> None:
    now = datetime.now(UTC)  # noqa: TID251
    with otlp_receiver() as received:
        received.answers = [Answer(503), Answer(503)]
        operator = world.start_operator(**FAST, otlp_endpoint=received.url)
        world.create_workflow("fails", phase="Running", started_at=now)
        world.create_workflow("works", phase="Succeeded", started_at=now)
        world.update_workflow("fails", phase="Failed", failed=True, started_at=now)
        eventually(lambda: operator.metric("wfreport_traces_total", result="exported") == 2)
        runs = {span.name: span for span in received.spans() if not span.parent_span_id}
    assert runs.keys() == {"RUN fails", "RUN works"}
    values = {name: {a.key: a.value.string_value for a in span.attributes} for name, span in runs.items()}
    assert values["RUN fails"]["cicd.pipeline.result"] == "failure"
    assert values["RUN fails"]["error.type"] == "ExitCode"
    assert values["RUN works"]["cicd.pipeline.result"] == "success"
    assert operator.metric("wfreport_traces_total", result="retried") == 2
    steps = [span.name for span in received.spans() if span.trace_id == runs["RUN fails"].trace_id]
    assert [name for name in steps if name.startswith("step-")] == ["step-0", "step-1", "step-2"]
