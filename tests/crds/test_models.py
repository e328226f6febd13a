"""The models of reports: what is written of them, what is read, and how pydantic's models contain them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from pydantic import ValidationError

from wfreport.api.classes import FailureClass
from wfreport.api.condition import Condition
from wfreport.api.evidence import ContainerSummary, LogTail
from wfreport.api.policy import PolicyStatus
from wfreport.api.report import ReportStatus, Step, WorkflowReport
from wfreport.api.run import EarlierRun
from wfreport.api.validated import described
from wfreport.api.wire import field_path

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "UpToDate",
    "message": "",
    "lastTransitionTime": "2026-05-01T12:00:00Z",
}


def test_none_is_not_written_and_every_other_default_is() -> None:
    assert LogTail(text="", lines=0, bytes=0).dump() == {
        "text": "", "lines": 0, "bytes": 0, "truncated": False, "redacted": 0
    }  # fmt: skip
    assert ReportStatus().dump_json() == b"{}"


def test_a_time_is_utc_and_whole_seconds_from_the_start() -> None:
    east = NOON.replace(microsecond=999_999).astimezone(timezone(timedelta(hours=2)))
    run = EarlierRun(started_at=east)
    assert run.started_at == NOON
    assert run.dump() == {"startedAt": "2026-05-01T12:00:00Z"}
    assert EarlierRun.model_validate(run.dump()) == run
    assert EarlierRun.model_validate({"startedAt": "2026-05-01T14:00:00.5+02:00"}) == run


def test_a_time_at_the_end_of_the_calendar_stays_a_time() -> None:
    last = datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))
    assert EarlierRun(finished_at=last).dump() == {"finishedAt": "9999-12-31T23:59:59Z"}


def test_times_of_a_base_class_are_times_too() -> None:
    summary = ContainerSummary(name="main", state="Running", finished_at=NOON.replace(microsecond=1))
    assert summary.finished_at == NOON


def test_a_class_of_a_newer_operator_is_read_as_unknown() -> None:
    assert EarlierRun.model_validate({"class": "Hologram"}).failure_class == FailureClass.UNKNOWN


def test_the_cached_json_is_that_of_the_changed_status() -> None:
    status = ReportStatus(summary="one")
    assert status.dump_json() is status.dump_json()
    assert status.changed(summary="two").dump_json() == b'{"summary":"two"}'


NAMED = {"metadata": {}, "spec": {"workflowRef": {"name": "a"}}}


@pytest.mark.parametrize(
    ("document", "path"),
    [(NAMED | {"status": {"steps": [{"displayName": 3}]}}, "status.steps[0].displayName"), ({"metadata": {}}, "")],
)
def test_an_error_has_the_path_of_its_field(document: dict[str, object], path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        WorkflowReport.model_validate(document)
    assert field_path(raised.value) == path


def test_a_model_of_pydantic_reads_and_writes_a_condition() -> None:
    status = PolicyStatus.model_validate({"conditions": [READY]})
    assert status.conditions == [Condition.model_validate(READY)]
    assert PolicyStatus(conditions=status.conditions) == status
    assert status.dump() == {"conditions": [READY]}


def test_a_model_of_pydantic_refuses_a_condition_that_does_not_fit() -> None:
    with pytest.raises(ValidationError, match=r"Expected `str`, got `int` - at `\$.type`"):
        PolicyStatus.model_validate({"conditions": [READY | {"type": 3}]})


def test_bounds_and_descriptions_reach_the_schema() -> None:
    schema = described(Step).model_json_schema(by_alias=True)
    assert schema["properties"]["waitSeconds"]["description"].startswith("Seconds from the end of the step")
    assert schema["properties"]["waitSeconds"]["anyOf"][0] == {"minimum": 0, "type": "integer"}
    assert schema["properties"]["nodeId"]["maxLength"] == 253
    assert set(schema["required"]) == {"displayName", "nodeId", "type", "phase"}
