"""What a run is compared with: from the cache, and from as few reports as possible."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.core.compare.runs import a_workflow, at, run_of

from wfreport.api.report import ReportStatus, StepWarning
from wfreport.cache.reports import ReportCache, entry_of
from wfreport.core.compare.comparison import KnownRuns
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.evidence.earlier_runs import EarlierRuns
from wfreport.kube.errors import NotFoundError
from wfreport.kube.reports import stored_report


class StoredReports:
    """The reports at an API server, and which of them were read."""

    def __init__(self) -> None:
        self.cache = ReportCache()
        self.bodies: dict[str, bytes] = {}
        self.reads: list[str] = []
        resource: Any = self
        self.earlier = EarlierRuns(resource, self.cache)

    def add(self, name: str, *, phase: str = "Succeeded", begin: int = 0, seconds: int = 10, uid: str = "") -> None:
        workflow = a_workflow(name=name, phase=phase, seconds={"work": seconds})
        status = json.loads(run_of(workflow).status.dump_json())
        status["observedWorkflow"] |= {
            "uid": uid or f"uid-{name}", "startedAt": at(begin), "finishedAt": at(begin + seconds)
        }  # fmt: skip
        status["workflowSource"] = {"generateName": "wf-"}
        metadata = {"name": name, "namespace": "data", "uid": f"r-{name}", "resourceVersion": "5", "generation": 1}
        metadata |= {"creationTimestamp": at(0), "labels": {"wfreport.dev/workflow-uid": "x"}}
        body = {"metadata": metadata, "spec": {"workflowRef": {"name": name}}, "status": status}
        self.bodies[name] = json.dumps(body).encode()
        self.cache.put(entry_of(stored_report(self.bodies[name]).head))

    async def get(self, namespace: str, name: str) -> Any:
        assert namespace == "data"
        self.reads.append(name)
        if name not in self.bodies:
            raise NotFoundError("gone", status=404)
        return stored_report(self.bodies[name])

    async def known(
        self, *, phase: str = "Failed", seconds: int = 10, name: str = "now", stored: Sequence[ReportStatus] = ()
    ) -> KnownRuns:
        workflow = a_workflow(name=name, phase=phase)
        workflow["metadata"]["generateName"] = "wf-"
        workflow["status"] |= {"startedAt": at(5000), "finishedAt": at(5000 + seconds) if phase != "Running" else None}
        now = datetime.fromisoformat(at(5000 + seconds))
        return await self.earlier.known(decode_workflow(json.dumps(workflow).encode()).workflow, stored, now)


async def test_a_run_that_succeeds_costs_no_request() -> None:
    reports = StoredReports()
    for day in range(7):
        reports.add(f"r{day}", begin=day * 100)
    known = await reports.known(phase="Succeeded")
    assert (len(known.outcomes), known.durations, known.last_success, reports.reads) == (7, [10] * 7, None, [])


async def test_a_run_that_fails_reads_the_last_success_and_a_storm_of_them_reads_it_once() -> None:
    reports = StoredReports()
    reports.add("good", begin=0)
    reports.add("better", begin=100)
    reports.add("bad", begin=200, phase="Failed")
    known = await reports.known()
    assert known.last_success is not None
    assert known.last_success.name == "better"
    assert [each.has_succeeded for each in known.outcomes] == [True, True, False]
    for number in range(20):
        await reports.known(name=f"storm-{number}")
    assert reports.reads == ["better"]


async def test_a_slow_run_reads_a_few_more_for_the_durations_of_its_steps() -> None:
    reports = StoredReports()
    for day in range(8):
        reports.add(f"r{day}", begin=day * 100)
    known = await reports.known(phase="Succeeded", seconds=500)
    assert reports.reads == ["r7", "r6", "r5", "r4", "r3"]
    assert [[each.seconds for each in durations] for durations in known.steps.steps.values()] == [[10] * 5]


async def test_the_first_of_its_kind_has_nothing_to_compare() -> None:
    reports = StoredReports()
    assert await reports.known() == KnownRuns()
    assert await reports.known(phase="Running") == KnownRuns()


async def test_a_run_that_goes_on_reads_reports_once_it_is_slow_and_not_again_once_that_is_told() -> None:
    reports = StoredReports()
    for day in range(8):
        reports.add(f"r{day}", begin=day * 100)
    assert (await reports.known(phase="Running", seconds=39)).durations == [10] * 8
    assert reports.reads == []
    assert (await reports.known(phase="Running", seconds=40)).steps.steps
    assert reports.reads == ["r7", "r6", "r5", "r4", "r3"]
    told = ReportStatus(warnings=[StepWarning(reason="Slow")])
    assert await reports.known(phase="Running", seconds=400, stored=[told]) == KnownRuns()


async def test_a_report_that_is_gone_or_unreadable_leaves_the_last_success_unknown() -> None:
    reports = StoredReports()
    reports.add("good")
    del reports.bodies["good"]
    assert (await reports.known()).last_success is None
    reports.add("good")
    reports.bodies["good"] = json.dumps(json.loads(reports.bodies["good"]) | {"status": {"steps": 5}}).encode()
    assert (await reports.known()).last_success is None
    reports.cache.remove(("data", "good"))
    assert await reports.known() == KnownRuns()


async def test_a_run_with_several_reports_counts_once_and_the_run_itself_not() -> None:
    reports = StoredReports()
    reports.add("good", uid="uid-good")
    reports.add("mine", uid="uid-good")
    reports.add("self", begin=50, uid="uid-now", phase="Failed")
    assert [each.has_succeeded for each in (await reports.known()).outcomes] == [True]


async def test_reports_that_were_read_take_little_memory() -> None:
    reports = StoredReports()
    reports.add("good")
    known = await reports.known()
    assert known.last_success is not None
    status: ReportStatus = known.last_success.status
    assert (status.conditions, status.failures, status.critical_path) == (None, None, None)
    assert status.observed_workflow is not None
    assert status.observed_workflow.finished_at == datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
