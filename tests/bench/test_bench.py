"""The benchmark runs from end to end, on three Workflows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.measure import measure
from bench.operators import GO_FULL, GO_METADATA, NAIVE, WFREPORT, Program
from bench.plan import FULL, QUICK, Group, Plan
from bench.results import COLUMNS, tables, verdict
from bench.workflows import Played, Run, completed

TINY = Plan(
    name="tiny",
    present=(Group("old", 2, 5),),
    load=(Group("live", 1, 5, updates=3, writes_per_second=5),),
    idle_seconds=0.1,
    quiet_seconds=0.5,
)
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.cluster
@pytest.mark.timeout(180)
@pytest.mark.parametrize("program", [WFREPORT, GO_METADATA, GO_FULL, NAIVE], ids=lambda program: program.name)
async def test_every_run_is_reported_and_every_column_has_a_figure(program: Program, tmp_path: Path) -> None:
    found = await measure(program.built(), TINY, workflow_crds="own", log=tmp_path / "log", echo=lambda _: None)

    record = json.loads(json.dumps(found.record()))
    for phase, columns in COLUMNS.items():
        assert {column.field for column in columns} <= record["phases"][phase].keys()
    phases = found.phases
    assert [phases[name].runs for name in COLUMNS] == [2, 1, 0, 2]
    assert [(phase.missing, phase.wrong) for phase in phases.values()] == [(0, 0)] * 4
    assert phases["cold"].requests >= 4
    assert phases["load"].received_mb > 0
    assert phases["load"].lag_p99_seconds is not None
    assert phases["load"].progress_age_p99_seconds is not None
    started_cpu_seconds = phases["restart"].start_cpu_seconds
    assert started_cpu_seconds is not None
    assert started_cpu_seconds > 0 or program.is_go  # a Go program may take less than the kernel's tick of 10 ms


def test_a_table_has_ratios_and_the_verdict_names_what_is_missed() -> None:
    figures = {column.field: 1.0 for columns in COLUMNS.values() for column in columns}
    cheap = {"operator": "mine", "phases": dict.fromkeys(COLUMNS, figures | {"missing": 0, "wrong": 0})}
    dear = {"operator": "theirs", "phases": dict.fromkeys(COLUMNS, figures | {"cpu_seconds": 4.0})}

    shown = tables([cheap, dear], against="theirs")
    judged = verdict([cheap, dear | {"operator": "naive-kopf"}], operator="mine", against="naive-kopf")
    beside_go = verdict([cheap, dear], operator="mine", against="theirs")

    assert "| mine | 1.00 (0.25x) |" in shown
    assert "MISSED  CPU on the load 0.250 of naive-kopf" in judged
    assert "met     CPU on the load 0.250 of theirs" in beside_go
    assert "met     0 missing or wrong reports" in judged


@pytest.mark.parametrize("fails", [False, True])
def test_a_workflow_has_all_its_nodes_when_it_ends(*, fails: bool) -> None:
    played = Played(Run("w", "n", nodes=25, updates=7, fails=fails))

    for number in range(1, 8):
        body = played.update(number, AT)

    nodes = body["status"]["nodes"].values()
    assert len(nodes) == 25
    assert {node["phase"] for node in nodes if node["type"] == "Pod"} <= {"Succeeded", "Failed"}
    assert sum(node["phase"] == "Failed" for node in nodes if node["type"] == "Pod") == played.failed_pods
    assert body["status"]["phase"] == ("Failed" if fails else "Succeeded")


def test_a_workflow_is_the_same_each_time() -> None:
    run = Run("w", "n", nodes=25, updates=7, fails=True)

    assert completed(run, AT) == completed(run, AT)


def test_the_plan_of_make_bench_is_two_thousand_workflows() -> None:
    assert [(group.count, group.nodes) for group in FULL.present] == [(1900, 25), (100, 1000)]
    assert replace(QUICK, name="full") != FULL
