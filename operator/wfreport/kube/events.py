"""Kubernetes Events about objects of our own kinds: invalid input, and actions that were taken. Best effort."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from wfreport.api.names import API_VERSION, FIELD_MANAGER, KIND_REPORT
from wfreport.core.redact.printable import strip_invisible
from wfreport.kube.client import Client
from wfreport.kube.errors import AlreadyExistsError, ApiError
from wfreport.kube.kinds import EVENT
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.resource import Resource
from wfreport.logs import kv, throttled

log = logging.getLogger(__name__)

MESSAGE_MAX = 1024
"""The limit of events.k8s.io; core/v1 does not enforce it, but may one day."""

_NAME_MAX = 200

NORMAL, WARNING = "Normal", "Warning"


class InvolvedObject(Struct, frozen=True):
    """The object that an Event is about.

    Attributes:
        kind: the object's kind, one of ours.
        namespace: the object's namespace, and the Event's.
        name: the object's name.
        uid: the object's uid.
        generation: the generation of its spec, if the Event is to be recorded again for each; 0 otherwise.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int = 0


class Events:
    """Records Events. A failure is logged and never raised."""

    def __init__(self, client: Client, *, clock: Callable[[], datetime]) -> None:
        self._resource = Resource(client, EVENT, msgspec.Raw)
        self._clock = clock

    async def warn(self, report: ObjectMeta, reason: str, message: str) -> None:
        """Record that a report's spec is invalid, once per generation."""
        involved = InvolvedObject(KIND_REPORT, report.namespace, report.name, report.uid, report.generation)
        await self.record(involved, reason, message, event_type=WARNING)

    async def record(
        self, involved: InvolvedObject, reason: str, message: str, *, event_type: str = NORMAL, discriminator: str = ""
    ) -> None:
        """Record an Event once: equal Events have the same name, so AlreadyExists is a success.

        Args:
            involved: the object that the Event is about.
            reason: a stable CamelCase word.
            message: text for people.
            event_type: Normal or Warning.
            discriminator: distinguishes this Event from others of the same object and reason.
        """
        event = self._event(involved, reason, message, event_type, discriminator)
        try:
            await self._resource.create(involved.namespace, event)
        except AlreadyExistsError:
            return
        except ApiError as error:
            pairs = kv(namespace=involved.namespace, error=type(error).__name__, reason=error.message)
            throttle = throttled("event", type(error), involved.namespace)
            log.warning("Event creation failed", extra=pairs | throttle)

    def _event(
        self, involved: InvolvedObject, reason: str, message: str, event_type: str, discriminator: str
    ) -> dict[str, Any]:
        at = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name(involved, reason, discriminator), "namespace": involved.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": involved.kind,
                "namespace": involved.namespace,
                "name": involved.name,
                "uid": involved.uid,
            },
            "type": event_type,
            "reason": reason,
            "message": strip_invisible(message)[:MESSAGE_MAX],
            "source": {"component": FIELD_MANAGER},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }


def event_name(involved: InvolvedObject, reason: str, discriminator: str = "") -> str:
    """Derive a name from uid, reason and generation, so that neither a restart nor another replica repeats an Event."""
    identity = f"{involved.uid}/{reason}/{involved.generation}{f'/{discriminator}' if discriminator else ''}"
    return f"{involved.name[:_NAME_MAX].rstrip('-.')}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
