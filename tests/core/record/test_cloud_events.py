"""Events in the format CDEvents have the fields of its published schemas, and no others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from wfreport.api.actions import EventFormat
from wfreport.core.record.cloud_events import cloud_event
from wfreport.core.record.notification import Notification, Stage

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
FACTS = {
    "workflow": "etl-1",
    "pipeline": "etl",
    "url": "https://argo/workflows/data/etl-1",
    "summary": "load: exit code 1",
    "phase": "Failed",
    "class": "ExitCode",
    "owner": "User",
}
# schemas/pipelinerunfinished.json and custom/schema.json of cdevents/spec v0.5.1; neither allows further fields.
CONTEXT = {"specversion", "id", "source", "type", "timestamp"}
CONTENT = {"pipelineName", "uri", "outcome", "errors"}
CUSTOM_TYPE = r"dev\.cdeventsx\.[a-zA-Z0-9]+-[a-zA-Z]+\.[a-zA-Z]+\.[0-9]\.[0-9]\.[0-9]"


def event(stage: Stage = Stage.FAILED, **facts: Any) -> dict[str, Any]:
    known = {name: value for name, value in (FACTS | facts).items() if value is not None}
    message = Notification("id-1", stage, NOW, "data/etl-1", "title", "body", facts=known)
    return cloud_event(message, EventFormat.CD_EVENTS)


def test_a_failed_run_is_a_finished_pipeline_run() -> None:
    made = event()
    data = made["data"]
    assert data["context"].keys() == CONTEXT
    assert data["subject"].keys() == {"id", "source", "content"}
    assert data["subject"]["content"] == {
        "pipelineName": "etl",
        "uri": "https://argo/workflows/data/etl-1",
        "outcome": "failure",
        "errors": "load: exit code 1",
    }
    assert data["context"]["type"] == "dev.cdevents.pipelinerun.finished.0.3.0"
    assert data["customData"]["workflow"] == "etl-1"
    # cloudevents-binding.md: the attributes of the CloudEvent are those of the context.
    assert (made["id"], made["source"], made["type"]) == tuple(
        data["context"][name] for name in ("id", "source", "type")
    )
    assert (made["subject"], made["time"]) == (data["subject"]["id"], data["context"]["timestamp"])


@pytest.mark.parametrize("stage", [Stage.STALLED, Stage.ENDED])
def test_what_cdevents_has_no_word_for_is_a_custom_event(stage: Stage) -> None:
    data = event(stage)["data"]
    assert re.fullmatch(CUSTOM_TYPE, data["context"]["type"])
    assert data["context"].keys() == CONTEXT
    assert data["subject"]["content"]["title"] == "title"


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, "failure"),
        ({"owner": "Infrastructure"}, "error"),
        ({"class": "Cancelled"}, "cancel"),
        ({"owner": None}, "failure"),
        ({"owner": None, "phase": "Error"}, "error"),
    ],
    ids=str,
)
def test_the_owner_decides_the_outcome(facts: dict[str, Any], outcome: str) -> None:
    assert event(**facts)["data"]["subject"]["content"]["outcome"] == outcome


def test_unknown_fields_are_left_out() -> None:
    content = event(pipeline=None, url=None, summary=None)["data"]["subject"]["content"]
    assert content == {"outcome": "failure"}
    assert content.keys() <= CONTENT


def test_the_default_are_our_own_facts() -> None:
    message = Notification("id-1", Stage.ENDED, NOW, "data/etl-1", "title", "body", facts=FACTS)
    made = cloud_event(message)
    assert made["type"] == "dev.wfreport.remediation.ended.v1"
    assert made["data"] == {"title": "title", "text": "body", **FACTS}
