"""Notifications as CloudEvents: with our own data, or with that of CDEvents.

Sources: json-format.md of cloudevents/spec 1.0; core.md, custom/README.md and cloudevents-binding.md of cdevents 0.5.
"""

from collections.abc import Mapping
from typing import Any, Final

from wfreport.api.actions import EventFormat
from wfreport.api.argo import Phase
from wfreport.api.classes import FailureClass, Owner
from wfreport.api.wire import rfc3339
from wfreport.core.record.notification import Notification, Stage

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
SOURCE: Final = "https://wfreport.dev/operator"
CDEVENTS_VERSION: Final = "0.5.1"

_TYPES: Final = {
    Stage.FAILED: "dev.wfreport.run.failed.v1",
    Stage.STALLED: "dev.wfreport.run.stalled.v1",
    Stage.ENDED: "dev.wfreport.remediation.ended.v1",
}
_CDEVENTS_TYPES: Final = {
    Stage.FAILED: "dev.cdevents.pipelinerun.finished.0.3.0",
    # CDEvents knows neither: such events have a namespace of their own (custom/README.md).
    Stage.STALLED: "dev.cdeventsx.wfreport-run.stalled.0.1.0",
    Stage.ENDED: "dev.cdeventsx.wfreport-remediation.ended.0.1.0",
}


def cloud_event(notification: Notification, event_format: EventFormat = EventFormat.CLOUD_EVENTS) -> dict[str, Any]:
    """Return a notification as an event in structured mode.

    Args:
        notification: the notification.
        event_format: what its data are.
    """
    is_cdevent = event_format is EventFormat.CD_EVENTS
    return {
        "specversion": "1.0",
        "id": notification.id,
        "source": SOURCE,
        "type": (_CDEVENTS_TYPES if is_cdevent else _TYPES)[notification.stage],
        "subject": notification.subject,
        "time": rfc3339(notification.at),
        "datacontenttype": "application/json",
        "data": _cdevent(notification) if is_cdevent else _data(notification),
    }


def _data(notification: Notification) -> dict[str, Any]:
    return {"title": notification.title, "text": notification.body, **notification.facts}


def _cdevent(notification: Notification) -> dict[str, Any]:
    context = {
        "specversion": CDEVENTS_VERSION,
        "id": notification.id,
        "source": SOURCE,
        "type": _CDEVENTS_TYPES[notification.stage],
        "timestamp": rfc3339(notification.at),
    }
    content = _finished(notification.facts) if notification.stage is Stage.FAILED else _data(notification)
    return {
        "context": context,
        "subject": {"id": notification.subject, "source": SOURCE, "content": content},
        "customData": _data(notification),
        "customDataContentType": "application/json",
    }


def _finished(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of ``pipelinerun.finished``, which may have no other fields."""
    content = {
        "pipelineName": facts.get("pipeline"),
        "uri": facts.get("url"),
        "outcome": _outcome(facts),
        "errors": facts.get("summary"),
    }
    return {name: value for name, value in content.items() if value}


def _outcome(facts: Mapping[str, Any]) -> str:
    """Return how a run failed: ``failure`` by its own doing, ``error`` by the system's."""
    if facts.get("class") == FailureClass.CANCELLED:
        return "cancel"
    is_users = facts["owner"] == Owner.USER if "owner" in facts else facts.get("phase") != Phase.ERROR
    return "failure" if is_users else "error"
