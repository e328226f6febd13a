"""Sends notifications to Apprise URLs and CloudEvents endpoints. No log line and no error contains their URLs."""

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
"""Timeout of one delivery."""

_SPEC_VERSION: Final = "1.0"
_TYPES: Final = {Stage.FAILED: "dev.wfreport.run.failed.v1", Stage.ENDED: "dev.wfreport.remediation.ended.v1"}
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_FIRST_FAILURE_STATUS: Final = 300


class SinkError(Exception):
    """A notification was not delivered. The message names the sink, never its URL."""


class Sender(Protocol):
    """Sends notifications to sinks."""

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send a notification to a sink of a policy in this namespace.

        Raises:
            SinkError: the delivery failed; try again.
            RefusedError: the sink is unusable as it is configured.
        """
        ...


class Sinks:
    """Sends notifications by Apprise or as CloudEvents."""

    def __init__(self, secrets: ResourceReader[Document]) -> None:
        self._secrets = secrets

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send a notification to a sink of a policy in this namespace.

        Raises:
            SinkError: the delivery failed; try again.
            RefusedError: the sink is unusable as it is configured.
        """
        if sink.cloud_events:
            await _post(sink.name, sink.cloud_events.url, cloud_event(notification))
        elif sink.apprise:
            await _send_by_apprise(sink.name, await self._urls(namespace, sink.apprise), notification)

    async def _urls(self, namespace: str, source: Apprise) -> list[str]:
        """Return the URLs in a Secret. Only a Secret that its owner has labelled for this is used."""
        try:
            secret = await self._secrets.get(namespace, source.secret_name)
        except NotFoundError as error:
            raise SinkError(f"Secret {source.secret_name} does not exist") from error
        if (secret["metadata"].get("labels") or {}).get(LABEL_NOTIFY) != "true":
            raise RefusedError(
                Refusal.SINK_UNUSABLE, f'Secret {source.secret_name} is not labelled {LABEL_NOTIFY}: "true"'
            )
        return urls_in(secret, source.key)


def urls_in(secret: Mapping[str, Any], key: str) -> list[str]:
    """Return the lines of a Secret's key, except empty lines and comments.

    Raises:
        SinkError: the key is missing, undecodable or has no URL.
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
    """Return a notification as a CloudEvents 1.0 event in structured mode (json-format.md of cloudevents/spec)."""
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
            if response.status >= _FIRST_FAILURE_STATUS:
                raise SinkError(f"sink {name} answered {response.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise SinkError(f"sink {name}: {type(error).__name__}") from None


async def _send_by_apprise(name: str, urls: list[str], notification: Notification) -> None:
    import apprise  # noqa: PLC0415 - costs a second of CPU, so only for policies that use it

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs URLs, which contain credentials
    target = apprise.Apprise()
    unknown = sum(1 for url in urls if not target.add(url))
    if unknown:
        raise SinkError(f"sink {name}: {unknown} of {len(urls)} URLs are not supported by Apprise")
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
    except Exception as error:  # noqa: BLE001 - a hundred plugins, whose errors may contain the URL
        raise SinkError(f"sink {name}: {type(error).__name__}") from None
    if not sent:
        raise SinkError(f"sink {name}: Apprise could not deliver")
