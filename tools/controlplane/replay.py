"""Replays a recording into a control plane: the writes of the real controller, in the same order.

The plane must not run controllers, because they would react. The server assigns new uids; owner references and the
involved objects of Events are rewritten accordingly. Changes that others make to an object (labels, for example)
survive: after the first write, only the difference between two recorded states is sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.api import AsyncApi, Json
from controlplane.errors import ApiError
from controlplane.recording import RecordedEvent, duration_seconds
from controlplane.timeshift import TimeShift

_COLLECTIONS = {
    "Workflow": "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
}
# Fields that the server sets.
_SERVER_METADATA = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_UID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_NOT_FOUND = 404
_INVALID = 422
_MOST_TOGETHER = 64

Key = tuple[str, str, str]


@dataclass(slots=True)
class Replayed:
    """The result of a replay.

    Attributes:
        shift_seconds: the number of seconds by which times were shifted.
        uids: recorded uid to uid on the server.
        namespaces: recorded namespace to namespace on the server.
        events_played: the number of replayed events.
    """

    shift_seconds: int
    uids: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    events_played: int = 0


async def replay(
    api: AsyncApi,
    events: Sequence[RecordedEvent],
    *,
    speed: float = 0,
    namespace: str | None = None,
    change: Callable[[list[RecordedEvent]], Sequence[RecordedEvent]] | None = None,
    until: int | None = None,
    now_seconds: float | None = None,
    after_event: Callable[[RecordedEvent], Awaitable[None]] | None = None,
    adopts_workflow: bool = False,
) -> Replayed:
    """Replay `events`. Several calls may share one `api` concurrently.

    Args:
        api: an admin's client.
        events: a recording, see `load_recording`.
        speed: 1 keeps the recorded pace, 10 is ten times faster, 0 is as fast as the server allows. At 0, pods and
            Events between two writes of a Workflow are written concurrently.
        namespace: replaces the recorded namespace; created if it does not exist.
        change: drops, duplicates or reorders events before the replay. A duplicate or late state is written again;
            an object that was never created is created.
        until: the number of (changed) events to replay.
        now_seconds: the wall clock, in seconds since 1970. Times are shifted so that the recording starts now. At a
            higher speed it starts earlier, so that no time lies in the future.
        adopts_workflow: the Workflow exists already: its recorded changes are applied to it.
        after_event: awaited after each event is written, so that a test can intervene at that moment.
    """
    changed = list(change(list(events)) if change else events)[:until]
    if not events:
        return Replayed(0)
    shift = shift_of(events, speed, now_seconds if now_seconds is not None else _clock())
    replayed = Replayed(shift.seconds, namespaces=_namespaces(events, namespace))
    player = _Player(api, shift, replayed, adopts_workflow=adopts_workflow)
    await player.create_namespaces()
    began = time.monotonic()
    for batch in _together(changed) if speed == 0 else ([event] for event in changed):
        due = (batch[0].at - events[0].at) / speed if speed else 0
        await asyncio.sleep(max(0.0, due - (time.monotonic() - began)))
        await player.play_together(batch)
        if after_event:
            for event in batch:
                await after_event(event)
    return replayed


def _clock() -> float:
    return time.time()  # noqa: TID251  (recorded times are shifted to the server's clock)


def shift_of(events: Sequence[RecordedEvent], speed: float, now_seconds: float) -> TimeShift:
    """Return the shift for a replay of `events` at `speed` that starts at `now_seconds`."""
    first_at = min(event.at for event in events)
    length = duration_seconds(events)
    saved = length if speed == 0 else max(0.0, length * (1 - 1 / speed))
    return TimeShift(int(now_seconds - saved - first_at), first_at, first_at + length)


def _namespaces(events: Sequence[RecordedEvent], override: str | None) -> dict[str, str]:
    recorded = {event.object["metadata"]["namespace"] for event in events}
    return {name: override or name for name in sorted(recorded)}


@dataclass(slots=True)
class _Live:
    """The last written state of an object, in recorded form. `at` is the time of its newest state."""

    uid: str
    at: float
    state: Json
    deleting: bool


class _Player:
    def __init__(self, api: AsyncApi, shift: TimeShift, replayed: Replayed, *, adopts_workflow: bool = False) -> None:
        self._adopts_workflow = adopts_workflow
        self._api = api
        self._shift = shift
        self._replayed = replayed
        self._live: dict[Key, _Live] = {}

    async def create_namespaces(self) -> None:
        for name in set(self._replayed.namespaces.values()):
            try:
                await self._api.post("/api/v1/namespaces", {"metadata": {"name": name}})
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise

    async def play_together(self, events: Sequence[RecordedEvent]) -> None:
        """Replay events of different objects concurrently."""
        await asyncio.gather(*(self.play(event) for event in events))
        self._replayed.events_played += len(events)

    async def play(self, event: RecordedEvent) -> None:
        recorded = event.object
        key = self._key(event)
        live = self._live.get(key)
        if event.type == "DELETED":
            await self._delete(key)
        elif live is None or live.uid != recorded["metadata"]["uid"]:
            await self._replace(key, event)
        else:
            await self._update(key, live, event)

    def _key(self, event: RecordedEvent) -> Key:
        metadata = event.object["metadata"]
        return event.kind, self._replayed.namespaces[metadata["namespace"]], metadata["name"]

    def _rewritten(self, recorded: Json) -> Json:
        """Return an object or patch with shifted times and with this server's uids and namespaces."""
        uids = self._replayed.uids
        text = json.dumps(self._shift.apply(recorded), separators=(",", ":"))
        text = _UID.sub(lambda found: uids.get(found[0], found[0]), text)
        for old, new in self._replayed.namespaces.items():
            text = text.replace(f'"namespace":"{old}"', f'"namespace":"{new}"')
        return json.loads(text)

    async def _replace(self, key: Key, event: RecordedEvent) -> None:
        """Create an object. Delete one of the same name first (a pod that Argo recreated, an earlier replay)."""
        if key in self._live:
            await self._delete(key)
        kind, namespace, name = key
        if kind == "Workflow" and self._adopts_workflow:
            existing = await self._api.get(f"{_COLLECTIONS[kind].format(namespace)}/{name}")
            await self._record(key, event, existing, _for_the_server(event.object) | {"status": {}})
            return
        wanted = _for_the_server(event.object)
        # The server ignores the status of a new pod, so it follows as an update.
        born = wanted | {"status": {}} if kind == "Pod" else wanted
        body = self._rewritten(born)
        try:
            answer = await self._api.post(_COLLECTIONS[kind].format(namespace), body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            await self._delete(key)
            answer = await self._api.post(_COLLECTIONS[kind].format(namespace), body)
        await self._record(key, event, answer, born)

    async def _record(self, key: Key, event: RecordedEvent, answer: Json, born: Json) -> None:
        uid = event.object["metadata"]["uid"]
        self._replayed.uids[uid] = answer["metadata"]["uid"]
        self._live[key] = live = _Live(uid, event.at, born, deleting=False)
        await self._update(key, live, event)

    async def _update(self, key: Key, live: _Live, event: RecordedEvent) -> None:
        if event.object["metadata"].get("deletionTimestamp") and not live.deleting:
            live.deleting = True
            await self._request(key, "DELETE")
        wanted = _for_the_server(event.object)
        # Compare before rewriting: a patch is a hundredth of the size of a large Workflow.
        difference = merge_patch(live.state, wanted)
        if difference:
            subresource = "/status" if key[0] == "Pod" else ""
            try:
                await self._request(key, "PATCH", self._rewritten(difference), subresource=subresource)
            except ApiError as error:
                # A reordered event: the server refuses to restart a terminated container.
                if error.status == _INVALID and event.at < live.at:
                    return
                raise
        live.state = wanted
        live.at = max(live.at, event.at)

    async def _delete(self, key: Key) -> None:
        live = self._live.pop(key, None)
        if live and live.state["metadata"].get("finalizers"):
            await self._request(key, "PATCH", {"metadata": {"finalizers": None}})
        await self._request(key, "DELETE", {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})

    async def _request(self, key: Key, method: str, body: Json = None, *, subresource: str = "") -> None:
        """Send a request for an object. Ignore that it no longer exists."""
        kind, namespace, name = key
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        path = f"{_COLLECTIONS[kind].format(namespace)}/{name}{subresource}"
        try:
            await self._api.call(method, path, body, content_type=content_type)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise


def _together(events: Sequence[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    """Group consecutive events whose mutual order does not matter: pods and Events, each object once."""
    batch: dict[tuple[str, str, str], RecordedEvent] = {}
    for event in events:
        metadata = event.object["metadata"]
        key = (event.kind, metadata["namespace"], metadata["name"])
        if batch and (event.kind == "Workflow" or key in batch or len(batch) == _MOST_TOGETHER):
            yield list(batch.values())
            batch.clear()
        if event.kind == "Workflow":
            yield [event]
        else:
            batch[key] = event
    if batch:
        yield list(batch.values())


def _for_the_server(wanted: Json) -> Json:
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in _SERVER_METADATA}
    return wanted | {"metadata": metadata}


def merge_patch(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    """Return the JSON merge patch (RFC 7396) from `old` to `new`."""
    patch: dict[str, Json] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            inner = merge_patch(before, value)
            if inner:
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch
