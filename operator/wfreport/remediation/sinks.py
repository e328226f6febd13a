"""Where notifications go: Apprise URLs and CloudEvents endpoints. What is secret is in no log and in no error."""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aiohttp

from wfreport.api.actions import Apprise, Sink
from wfreport.api.names import LABEL_NOTIFY
from wfreport.api.reasons import Refusal
from wfreport.api.wire import rfc3339
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.notification import Notification, Stage
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import Document, ResourceReader

SEND_SECONDS: Final = 20
"""An endpoint that takes longer has failed."""

_SPEC_VERSION: Final = "1.0"
_TYPES: Final = {Stage.FAILED: "dev.wfreport.run.failed.v1", Stage.ENDED: "dev.wfreport.remedy.ended.v1"}
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_REFUSED: Final = 300


class SinkError(Exception):
    """A notification was not delivered; the message names the sink and never its address."""


class Sender(Protocol):
    """Sends to a sink."""

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send it.

        Raises:
            SinkError: it was not delivered, and may be at the next try.
            RefusedError: it never will be, as the sink is.
        """
        ...


class Sinks:
    """Sends to whatever a sink says."""

    def __init__(self, secrets: ResourceReader[Document]) -> None:
        self._secrets = secrets

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send it.

        Raises:
            SinkError: it was not delivered, and may be at the next try.
            RefusedError: it never will be, as the sink is.
        """
        if sink.cloud_events:
            await _post(sink.name, sink.cloud_events.url, cloud_event(notification))
        elif sink.apprise:
            await _send_by_apprise(sink.name, await self._urls(namespace, sink.apprise), notification)

    async def _urls(self, namespace: str, stated: Apprise) -> list[str]:
        """The URLs of a Secret that its owner has meant for this: any other one is none of ours to read out."""
        try:
            secret = await self._secrets.get(namespace, stated.secret_name)
        except NotFoundError as error:
            raise SinkError(f"there is no Secret {stated.secret_name}") from error
        if (secret["metadata"].get("labels") or {}).get(LABEL_NOTIFY) != "true":
            raise RefusedError(
                Refusal.SINK_UNUSABLE, f'Secret {stated.secret_name} is not labelled {LABEL_NOTIFY}: "true"'
            )
        return urls_in(secret, stated.key)


def urls_in(secret: Mapping[str, Any], key: str) -> list[str]:
    """The lines of a Secret's key that are neither empty nor comments.

    Raises:
        SinkError: there are none.
    """
    try:
        text = base64.b64decode((secret.get("data") or {}).get(key, "")).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    urls = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise SinkError(f"Secret {secret['metadata']['name']} has no URL in key {key}")
    return urls


def cloud_event(notification: Notification) -> dict[str, Any]:
    """A CloudEvents 1.0 event in structured mode (cloudevents/spec, json-format.md)."""
    return {
        "specversion": _SPEC_VERSION,
        "id": notification.id,
        "source": "https://wfreport.dev/operator",
        "type": _TYPES[notification.stage],
        "subject": notification.subject,
        "time": rfc3339(notification.at),
        "datacontenttype": "application/json",
        "data": {"title": notification.title, "text": notification.body, **notification.facts},
    }


async def _post(name: str, url: str, event: dict[str, Any]) -> None:
    timeout = aiohttp.ClientTimeout(total=SEND_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                url, data=json.dumps(event), headers={"Content-Type": _CONTENT_TYPE}, allow_redirects=False
            ) as response,
        ):
            if response.status >= _REFUSED:
                raise SinkError(f"sink {name} answered {response.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise SinkError(f"sink {name}: {type(error).__name__}") from None


async def _send_by_apprise(name: str, urls: list[str], notification: Notification) -> None:
    import apprise  # noqa: PLC0415 - a second of CPU, for those who notify only

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs URLs
    target = apprise.Apprise()
    unknown = sum(1 for url in urls if not target.add(url))
    if unknown:
        raise SinkError(f"sink {name}: {unknown} of {len(urls)} URLs are none that Apprise knows")
    kind = apprise.NotifyType.SUCCESS if notification.is_good else apprise.NotifyType.FAILURE
    try:
        async with asyncio.timeout(SEND_SECONDS):
            sent = await target.async_notify(
                title=notification.title,
                body=notification.body,
                notify_type=kind,
                body_format=apprise.NotifyFormat.MARKDOWN,
            )
    except TimeoutError:
        raise SinkError(f"sink {name}: TimeoutError") from None
    except Exception as error:  # noqa: BLE001 - a hundred plugins; their errors may have the URL in them
        raise SinkError(f"sink {name}: {type(error).__name__}") from None
    if not sent:
        raise SinkError(f"sink {name}: Apprise could not deliver")
