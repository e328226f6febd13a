"""Kubernetes Events about reports: what ``kubectl describe`` shows when the input of one was bad. Best effort."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from wfreport.api.names import API_VERSION, FIELD_MANAGER, KIND_REPORT
from wfreport.kube.client import Client, join_path
from wfreport.kube.errors import AlreadyExistsError, ApiError
from wfreport.kube.objects import Meta
from wfreport.kube.pods import EVENTS
from wfreport.logs import Once, kv

log = logging.getLogger(__name__)

MESSAGE_MAX = 1024
"""events.k8s.io refuses longer ones, and what writes core/v1 today may be validated by it tomorrow."""

_NAME_MAX = 200
_encode = msgspec.json.Encoder().encode


class Events:
    """Writes Warnings about reports. An Event that cannot be written is logged, and never keeps a report from it."""

    def __init__(self, client: Client, *, clock: Callable[[], datetime], once: Once) -> None:
        self._client = client
        self._clock = clock
        self._once = once

    async def warn(self, report: Meta, reason: str, message: str) -> None:
        """Say it once for each spec of a report: the same Event has the same name, and AlreadyExists is done."""
        path = join_path("/api/v1", report.namespace, EVENTS)
        try:
            await self._client.request("create", EVENTS, path, body=_encode(self._event(report, reason, message)))
        except AlreadyExistsError:
            return
        except ApiError as error:
            if self._once.may_say(("event", type(error), report.namespace)):
                log.warning(
                    "Events cannot be written",
                    extra=kv(namespace=report.namespace, error=type(error).__name__, reason=error.message),
                )

    def _event(self, report: Meta, reason: str, message: str) -> dict[str, Any]:
        at = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name(report, reason), "namespace": report.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND_REPORT,
                "namespace": report.namespace,
                "name": report.name,
                "uid": report.uid,
            },
            "type": "Warning",
            "reason": reason,
            "message": message[:MESSAGE_MAX],
            "source": {"component": FIELD_MANAGER},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }


def event_name(report: Meta, reason: str) -> str:
    """The same for the same uid, reason and generation, so that neither a restart nor a second writer repeats it."""
    said = f"{report.uid}/{reason}/{report.generation}"
    return f"{report.name[:_NAME_MAX].rstrip('-.')}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"
