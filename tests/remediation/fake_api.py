"""An API server in memory, as far as remediation needs one: uids, resourceVersions, preconditions, and faults.

It stands in for ``wfreport.kube.client.Client``. `test_fake_api.py` compares its answers with those of a real server.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wfreport.kube.errors import AlreadyExistsError, ApiError, ConflictError, InvalidError, NotFoundError

Json = dict[str, Any]
_PATH = re.compile(
    r"^/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>status))?$"
)
WRITES = frozenset({"create", "patch", "apply", "delete"})


class KilledError(BaseException):
    """The process was killed at this point."""


@dataclass
class Clock:
    """A clock that stands still until a test advances it."""

    now: datetime = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeApi:
    """The server. `fault` is called before and after each request, and may raise."""

    clock: Clock
    fault: Callable[[str, str, str], None] = lambda when, verb, plural: None  # noqa: ARG005
    allowed: bool = True
    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    version: int = 100
    made: int = 0

    # Answers share the stored objects: they are serialized before anything changes them.
    async def request(
        self,
        verb: str,
        resource: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: str = "",
        content_type: str = "",
    ) -> bytes:
        """Answer a request, as `Client.request`."""
        del params, accept, content_type
        self.fault("before", verb, resource)
        answer = self._answer(verb, path, json.loads(body) if body else {})
        self.fault("after", verb, resource)
        return json.dumps(answer).encode()

    async def pages(self, resource: str, path: str, decode: Callable[[bytes], Any], **_: object) -> AsyncIterator[Any]:
        """Yield a list as one page, as `Client.pages`."""
        yield decode(await self.request("list", resource, path))

    def _answer(self, verb: str, path: str, body: Json) -> Json:
        if path.endswith("selfsubjectaccessreviews"):
            return {"status": {"allowed": self.allowed}}
        match = _PATH.match(path)
        assert match, path
        plural, namespace, name = match["plural"], match["namespace"] or "", match["name"] or ""
        if plural == "events" and verb == "create":
            self.events.append(body)
        if plural == "namespaces" or (plural == "events" and verb == "create"):
            return {"metadata": {"name": name, "annotations": {}}}
        if verb == "list":
            items = [o for (p, n, _), o in self.objects.items() if p == plural and namespace in {"", n}]
            return {"metadata": {"resourceVersion": str(self.version)}, "items": items}
        if verb in WRITES:
            self.log.append((verb, plural, name or body.get("metadata", {}).get("name", "")))
        if verb == "create":
            return self.create(plural, namespace, body)
        return getattr(self, f"_{verb}")((plural, namespace, name), body)  # type: ignore[no-any-return]

    def create(self, plural: str, namespace: str, body: Json) -> Json:
        """Create an object, and return the stored one."""
        key = (plural, namespace, body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExistsError(f"{key} already exists", status=409)
        self.made += 1
        made = copy.deepcopy(body)
        made["metadata"] |= {
            "namespace": namespace,
            "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.made))),
            "creationTimestamp": self.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "generation": 1,
        }
        self.objects[key] = made
        return self._stored(key)

    def _get(self, key: tuple[str, str, str], _: Json) -> Json:
        return self._existing(key)

    def _patch(self, key: tuple[str, str, str], body: Json) -> Json:
        self._check(key, body["metadata"])
        _merge(self._existing(key), {**body, "metadata": _without_preconditions(body["metadata"])})
        return self._stored(key)

    def _apply(self, key: tuple[str, str, str], body: Json) -> Json:
        self._check(key, body["metadata"])
        existing = self._existing(key)
        if existing.get("status") == body["status"]:
            return existing  # a real server does not write an unchanged object either
        existing["status"] = body["status"]
        return self._stored(key)

    def _delete(self, key: tuple[str, str, str], body: Json) -> Json:
        self._check(key, body.get("preconditions", {}))
        return self.objects.pop(key)

    def put(self, plural: str, namespace: str, name: str, **changed: Any) -> Json:
        """Change fields of an object, as another client does."""
        self.objects[plural, namespace, name] |= changed
        return self._stored((plural, namespace, name))

    def _existing(self, key: tuple[str, str, str]) -> Json:
        if key not in self.objects:
            raise NotFoundError(f"{key} not found", status=404)
        return self.objects[key]

    def _check(self, key: tuple[str, str, str], preconditions: Json) -> None:
        metadata = self._existing(key)["metadata"]
        for field_name in ("uid", "resourceVersion"):
            if preconditions.get(field_name) not in {None, metadata[field_name]}:
                raise ConflictError(f"{key} has another {field_name}", status=409)

    def _stored(self, key: tuple[str, str, str]) -> Json:
        self.version += 1
        self.objects[key]["metadata"]["resourceVersion"] = str(self.version)
        return self.objects[key]

    def all(self, plural: str) -> list[Json]:
        """Return all objects of a kind, by key."""
        return [document for (kind, _, _), document in sorted(self.objects.items()) if kind == plural]


def _without_preconditions(metadata: Json) -> Json:
    return {key: value for key, value in metadata.items() if key not in {"uid", "resourceVersion"}}


def _merge(target: Json, patch: Json) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


__all__ = ["ApiError", "Clock", "FakeApi", "InvalidError", "KilledError"]
