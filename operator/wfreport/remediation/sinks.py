"""Sends notifications to Apprise URLs and CloudEvents endpoints. No log line and no error contains their URLs."""

import asyncio
import base64
import binascii
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import aiohttp
from msgspec import Struct

from wfreport.api.actions import Apprise, Sink
from wfreport.api.names import LABEL_NOTIFY
from wfreport.api.reasons import Refusal
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.cloud_events import CONTENT_TYPE, cloud_event
from wfreport.core.record.notification import Notification
from wfreport.kube.aiohttp_transport import system_authorities
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import Document, ResourceReader
from wfreport.remediation.apprise_client import AppriseClient
from wfreport.remediation.apprise_server import BLOCKED, REFUSED, SEND_SECONDS, SENT
from wfreport.remediation.destinations import DestinationRules, RefusedAddressError

STOP_SECONDS: Final = 2
"""Time that deliveries get to finish when the operator stops. The next process sends their messages again."""

_FIRST_FAILURE_STATUS: Final = 300
_MAX_REFUSALS: Final = 1000
_MAX_URLS: Final = 50
_MAX_URLS_BYTES: Final = 64 * 1024
"""Each delivery hands all URLs to another process, which tries one after the other."""


class SinkError(Exception):
    """A notification was not delivered. The message names neither the sink nor its URL."""


class OperatorStopsError(SinkError):
    """A notification was not delivered because the operator stops, which is no fault of the sink."""

    def __init__(self) -> None:
        super().__init__("the operator stops")


class Sender(Protocol):
    """Sends notifications to sinks."""

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send a notification to a sink of a policy in this namespace.

        Raises:
            SinkError: the delivery failed; try again.
            RefusedError: the sink is unusable as it is configured.
        """
        ...

    def close(self) -> None:
        """End the deliveries that are in progress."""
        ...


class SinkRules(Struct, frozen=True):
    """The sinks that policies may use.

    Attributes:
        apprise_schemas: allowed schemas of Apprise URLs.
        allow_loopback: whether loopback addresses may be reached, for development.
        api_server: returns the addresses and the port of the API server, which must not be reached.
    """

    apprise_schemas: Collection[str]
    allow_loopback: bool
    api_server: Callable[[], Awaitable[Collection[tuple[str, int]]]]

    async def destinations(self) -> DestinationRules:
        """Return the rules for addresses."""
        return DestinationRules(self.allow_loopback, await self.api_server())


class Sinks:
    """Sends notifications by Apprise or as CloudEvents. Deliveries never wait for each other."""

    def __init__(self, secrets: ResourceReader[Document], rules: SinkRules, apprise: AppriseClient) -> None:
        self._secrets = secrets
        self._rules = rules
        self._apprise = apprise
        self._refusals: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._deliveries: set[asyncio.Timeout] = set()
        self._closed = False

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        """Send a notification to a sink of a policy in this namespace.

        Raises:
            SinkError: the delivery failed; try again.
            RefusedError: the sink is unusable as it is configured.
        """
        if sink.cloud_events:
            async with self._delivery():
                event = cloud_event(notification, sink.cloud_events.format)
                await _post(sink.name, sink.cloud_events.url, event, self._rules)
        elif sink.apprise:
            secret = await self._secret(namespace, sink.apprise)
            urls = urls_in(secret, sink.apprise.key)
            async with self._delivery():
                await self._send_by_apprise(namespace, sink, secret, urls, notification)

    def close(self) -> None:
        """End the deliveries within ``STOP_SECONDS``, and the process that sends by Apprise."""
        self._closed = True
        latest = asyncio.get_running_loop().time() + STOP_SECONDS
        for delivery in self._deliveries:
            delivery.reschedule(min(delivery.when() or latest, latest))
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closed and not self._deliveries:
            self._apprise.close()

    @asynccontextmanager
    async def _delivery(self) -> AsyncIterator[None]:
        """Run a delivery within its time."""
        if self._closed:
            raise OperatorStopsError
        try:
            async with asyncio.timeout(SEND_SECONDS) as timeout:
                self._deliveries.add(timeout)
                yield
        except TimeoutError:
            if self._closed:
                raise OperatorStopsError from None
            raise SinkError(f"no answer within {SEND_SECONDS} s") from None
        finally:
            self._deliveries.discard(timeout)
            self._close_if_idle()

    async def _secret(self, namespace: str, source: Apprise) -> Document:
        """Read a Secret of Apprise URLs. Only a Secret that its owner has labelled for this is used."""
        try:
            secret = await self._secrets.get(namespace, source.secret_name)
        except NotFoundError as error:
            raise SinkError(f"Secret {source.secret_name} does not exist") from error
        if (secret["metadata"].get("labels") or {}).get(LABEL_NOTIFY) != "true":
            raise RefusedError(
                Refusal.SINK_UNUSABLE, f'Secret {source.secret_name} is not labelled {LABEL_NOTIFY}: "true"'
            )
        return secret

    async def _send_by_apprise(
        self, namespace: str, sink: Sink, secret: Document, urls: list[str], notification: Notification
    ) -> None:
        """Send a notification to all URLs. URLs that were refused are not tried again until the Secret changes."""
        key = sink.apprise.key if sink.apprise else ""
        name, version = secret["metadata"]["name"], secret["metadata"].get("resourceVersion", "")
        refused_version, refusal = self._refusals.get((namespace, name, key), (None, ""))
        is_refused = refused_version == version
        problem = refusal if is_refused else await self._deliver_by_apprise(sink.name, urls, notification)
        if not problem:
            return
        if len(self._refusals) >= _MAX_REFUSALS:
            self._refusals.clear()
        self._refusals[namespace, name, key] = (version, problem)
        raise RefusedError(Refusal.SINK_UNUSABLE, f"sink {sink.name}: Secret {name}, key {key}: {problem}")

    async def _deliver_by_apprise(self, name: str, urls: list[str], notification: Notification) -> str | None:
        """Send a notification; return why its URLs are refused, or None."""
        destinations = await self._rules.destinations()
        result, message = await self._apprise.deliver(
            {
                "urls": urls,
                "title": notification.title,
                "body": notification.body,
                "is_good": notification.is_good,
                "schemas": list(self._rules.apprise_schemas),
                "allow_loopback": destinations.allow_loopback,
                "api_server": list(destinations.api_server),
            }
        )
        if result == REFUSED:
            return message
        if result == BLOCKED:
            raise RefusedError(Refusal.SINK_UNUSABLE, f"sink {name}: {message}")
        if result != SENT:
            raise SinkError(message)
        return None


def urls_in(secret: Mapping[str, Any], key: str) -> list[str]:
    """Return the lines of a Secret's key, except empty lines and comments.

    Raises:
        SinkError: the key is missing, undecodable or has no URL.
        RefusedError: the key is larger than a list of URLs can be.
    """
    name, encoded = secret["metadata"]["name"], (secret.get("data") or {}).get(key, "")
    if len(encoded) > _MAX_URLS_BYTES:
        message = f"Secret {name}, key {key}: {len(encoded)} bytes of base64, at most {_MAX_URLS_BYTES} are allowed"
        raise RefusedError(Refusal.SINK_UNUSABLE, message)
    try:
        text = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    urls = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise SinkError(f"Secret {name} has no URL in key {key}")
    if len(urls) > _MAX_URLS:
        message = f"Secret {name}, key {key}: {len(urls)} URLs, at most {_MAX_URLS} are allowed"
        raise RefusedError(Refusal.SINK_UNUSABLE, message)
    return urls


async def _post(name: str, url: str, event: dict[str, Any], rules: SinkRules) -> None:
    guard = _SocketGuard(await rules.destinations())
    tls = await asyncio.to_thread(system_authorities) if url.lower().startswith("https:") else True
    connector = aiohttp.TCPConnector(socket_factory=guard.open, ssl=tls)
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(
                url, data=json.dumps(event), headers={"Content-Type": CONTENT_TYPE}, allow_redirects=False
            ) as response,
        ):
            if response.status >= _FIRST_FAILURE_STATUS:
                raise SinkError(f"answered {response.status}")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if guard.refused:
            raise RefusedError(Refusal.SINK_UNUSABLE, f"sink {name}: {guard.refused}") from None
        raise SinkError(_problem_of(error)) from None


def _problem_of(error: Exception) -> str:
    """Return the kind of an error, and that of the system's error in it. Its text may contain the URL."""
    number = (error.errno or 0) if isinstance(error, OSError) else 0
    # getaddrinfo's numbers are negative
    return f"{type(error).__name__}: {os.strerror(number)}" if number > 0 else type(error).__name__


class _SocketGuard:
    """Opens the sockets of one delivery, after their addresses are resolved, unless an address is refused."""

    def __init__(self, rules: DestinationRules) -> None:
        self._rules = rules
        self.refused: RefusedAddressError | None = None

    def open(self, address: tuple[Any, ...]) -> socket.socket:
        """Open a socket for an entry of ``getaddrinfo``."""
        family, kind, protocol, _, (host, port, *_) = address
        try:
            self._rules.check(host, port)
        except RefusedAddressError as error:
            self.refused = error
            raise
        return socket.socket(family=family, type=kind, proto=protocol)
