"""Kubernetes Events about our own kinds: bad input, and what was done about a run. Best effort."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from wfreport.api.names import API_VERSION, FIELD_MANAGER, KIND_REPORT
from wfreport.kube.client import Client
from wfreport.kube.errors import AlreadyExistsError, ApiError
from wfreport.kube.kinds import EVENT
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.resource import Resource
from wfreport.logs import kv, throttled

log = logging.getLogger(__name__)

MESSAGE_MAX = 1024
"""events.k8s.io refuses longer ones, and what writes core/v1 today may be validated by it tomorrow."""

_NAME_MAX = 200

NORMAL, WARNING = "Normal", "Warning"


@dataclass(frozen=True, slots=True)
class Involved:
    """The object that an Event is about.

    Attributes:
        kind: one of ours.
        namespace: of the object, and of the Event.
        name: of the object.
        uid: of the object.
        generation: of its spec, where an Event is to be said again for another one.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int = 0


class Events:
    """Writes Events. One that cannot be written is logged, and never keeps anybody from anything."""

    def __init__(self, client: Client, *, clock: Callable[[], datetime]) -> None:
        self._resource = Resource(client, EVENT, msgspec.Raw)
        self._clock = clock

    async def warn(self, report: ObjectMeta, reason: str, message: str) -> None:
        """Say of a report that its input is bad, once for each of its specs."""
        involved = Involved(KIND_REPORT, report.namespace, report.name, report.uid, report.generation)
        await self.tell(involved, reason, message, event_type=WARNING)

    async def tell(
        self, involved: Involved, reason: str, message: str, *, event_type: str = NORMAL, about: str = ""
    ) -> None:
        """Say it once: the same Event has the same name, and AlreadyExists is done.

        Args:
            involved: the object.
            reason: stable.
            message: for people.
            event_type: Normal or Warning.
            about: what else tells this Event from another one of the same reason.
        """
        event = self._event(involved, reason, message, event_type, about)
        try:
            await self._resource.create(involved.namespace, event)
        except AlreadyExistsError:
            return
        except ApiError as error:
            pairs = kv(namespace=involved.namespace, error=type(error).__name__, reason=error.message)
            throttle = throttled("event", type(error), involved.namespace)
            log.warning("Events cannot be written", extra=pairs | throttle)

    def _event(self, involved: Involved, reason: str, message: str, event_type: str, about: str) -> dict[str, Any]:
        at = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name(involved, reason, about), "namespace": involved.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": involved.kind,
                "namespace": involved.namespace,
                "name": involved.name,
                "uid": involved.uid,
            },
            "type": event_type,
            "reason": reason,
            "message": message[:MESSAGE_MAX],
            "source": {"component": FIELD_MANAGER},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }


def event_name(involved: Involved, reason: str, about: str = "") -> str:
    """The same for the same uid, reason and generation, so that neither a restart nor a second writer repeats it."""
    said = f"{involved.uid}/{reason}/{involved.generation}{f'/{about}' if about else ''}"
    return f"{involved.name[:_NAME_MAX].rstrip('-.')}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"
