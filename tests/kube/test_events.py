"""Events about reports: their names prevent repetition, and a failure blocks nothing."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from wfreport.kube import errors
from wfreport.kube.events import Events, InvolvedObject, event_name
from wfreport.kube.objects import ObjectMeta
from wfreport.logs import LogThrottle

REPORT = ObjectMeta(name="mine", namespace="ns", uid="u1", generation=1)
MINE = InvolvedObject("WorkflowReport", "ns", "mine", "u1", 1)
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Server:
    """Accepts Events, or fails with an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.bodies: list[dict[str, Any]] = []

    async def request(self, _verb: str, _resource: str, _path: str, *, body: bytes, **_: object) -> bytes:
        self.bodies.append(json.loads(body))
        if self.error:
            raise self.error
        return b"{}"


def events(server: Server) -> Events:
    return Events(server, clock=lambda: NOW)  # type: ignore[arg-type]


def test_the_name_depends_on_report_reason_and_generation() -> None:
    name = event_name(MINE, "WorkflowNotFound")
    assert name == event_name(MINE, "WorkflowNotFound")
    others = {
        event_name(MINE, "WorkflowMalformed"),
        event_name(replace(MINE, uid="u2"), "WorkflowNotFound"),
        event_name(replace(MINE, generation=2), "WorkflowNotFound"),
        event_name(MINE, "WorkflowNotFound", "of another action"),
    }
    assert len(others | {name}) == 5
    assert len(event_name(replace(MINE, name="a" * 253), "WorkflowNotFound")) <= 253


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (errors.AlreadyExistsError("there is one", status=409), 0),
        (errors.ForbiddenError("no", status=403), 1),
        (errors.ServerError("down", status=500), 1),
    ],
)
async def test_an_event_that_cannot_be_written_is_logged_once_and_blocks_nothing(
    error: Exception, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(error)
    with caplog.at_level(logging.WARNING, logger="wfreport"), caplog.filtering(LogThrottle(60, clock=lambda: 0.0)):
        writer = events(server)
        for _ in range(3):
            await writer.warn(REPORT, "WorkflowNotFound", "no Workflow etl")
    assert (len(server.bodies), len(caplog.records)) == (3, lines)


async def test_a_message_is_truncated_to_the_limit_of_events() -> None:
    server = Server()
    await events(server).warn(REPORT, "WorkflowMalformed", "x" * 5000)
    assert len(server.bodies[0]["message"]) == 1024
    assert server.bodies[0]["firstTimestamp"] == "2026-11-01T12:00:00Z"


async def test_a_message_contains_no_character_without_a_glyph() -> None:
    server = Server()
    await events(server).warn(REPORT, "WorkflowNotFound", "no Workflow \u202eetl\x1b[2J\u200b\x9b")
    assert server.bodies[0]["message"] == "no Workflow etl"
