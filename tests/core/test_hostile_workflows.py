"""A Workflow of any hostile kind has a report in little time, and the report names what is wrong."""

from __future__ import annotations

import json
import unicodedata

import pytest
from tests.builders import a_report
from tests.core.hostile import cpu_seconds
from tests.core.hostile_workflows import HOSTILE

from wfreport.api.report import ReportStatus
from wfreport.core.snapshot.decode import decode_workflow


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_workflow_has_a_report_that_names_what_is_wrong(kind: str) -> None:
    make, nodes, ready = HOSTILE[kind]
    workflow = make() | {"kind": "Workflow"}
    workflow["metadata"] |= {"name": "w", "namespace": "ns", "uid": "u-1"}
    raw = json.dumps(workflow).encode()
    reports: list[ReportStatus] = []
    assert cpu_seconds(lambda: reports.append(a_report(decode_workflow(raw))), tries=1) < 2
    conditions = {condition.type: condition for condition in reports[0].conditions or ()}
    assert nodes in ("", conditions["NodesAvailable"].reason)
    assert ready in ("", conditions["Ready"].reason)
    if ready == "WorkflowMalformed":
        assert "status." in (conditions["Ready"].message or ""), "the field is named"
    assert all(0 <= amount < 2**63 for amount in (reports[0].resources or {}).values()), "an API server refuses others"
    written = reports[0].dump_json().decode()
    assert not {c for c in json.dumps(json.loads(written), ensure_ascii=False) if unicodedata.category(c) == "Cf"}
