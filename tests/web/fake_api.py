"""An API server that has reports, Remediations and rights by token; tests change them while watches are open."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any

from aiohttp import web

GROUP = "/apis/wfreport.dev/v1alpha1"


class FakeApi:
    """The objects, and who may read them.

    Attributes:
        rights: by token, the namespaces whose objects it may read; None is all of them. Unknown tokens get a 401.
        requests: number of requests by token and path.
        watches: number of open watches by token.
    """

    def __init__(self, rights: dict[str, set[str | None]]) -> None:
        self.rights = rights
        self.requests: Counter[tuple[str, str]] = Counter()
        self.watches: Counter[str] = Counter()
        self.missing_kinds: set[str] = set()
        self.forbidden_kinds: set[str] = set()
        self._objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {"workflowreports": {}, "remediations": {}}
        self._version = 0
        self._log: list[tuple[int, str, str, dict[str, Any]]] = []
        self._grown = asyncio.Condition()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"{GROUP}/{{plural}}", self._collection)
        app.router.add_get(f"{GROUP}/namespaces/{{namespace}}/{{plural}}", self._collection)
        app.router.add_get(f"{GROUP}/namespaces/{{namespace}}/{{plural}}/{{name}}", self._object)
        return app

    async def put(self, document: dict[str, Any], plural: str = "workflowreports") -> None:
        self._version += 1
        metadata = document["metadata"] | {"resourceVersion": str(self._version)}
        key = metadata["namespace"], metadata["name"]
        kind = "MODIFIED" if key in self._objects[plural] else "ADDED"
        self._objects[plural][key] = document = document | {"metadata": metadata}
        await self._append(kind, plural, document)

    async def delete(self, namespace: str, name: str) -> None:
        self._version += 1
        document = self._objects["workflowreports"].pop((namespace, name))
        metadata = document["metadata"] | {"resourceVersion": str(self._version)}
        await self._append("DELETED", "workflowreports", document | {"metadata": metadata})

    async def end_watches(self) -> None:
        """End all watches, as the API server does after some minutes."""
        await self._append("END", "", {})

    async def _append(self, kind: str, plural: str, document: dict[str, Any]) -> None:
        async with self._grown:
            self._log.append((self._version, kind, plural, document))
            self._grown.notify_all()

    def _refusal(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        namespace, plural = request.match_info.get("namespace"), request.match_info["plural"]
        self.requests[token, request.path] += 1
        if token not in self.rights:
            return _status(401, "Unauthorized", "Unauthorized")
        if plural in self.missing_kinds:
            return _status(404, "NotFound", "the server could not find the requested resource")
        allowed = self.rights[token]
        if plural in self.forbidden_kinds or not (None in allowed or namespace in allowed):
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            message = f'{plural}.wfreport.dev is forbidden: User "{token}" cannot list resource "{plural}" {where}'
            return _status(403, "Forbidden", message)
        return None

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        namespace, plural = request.match_info.get("namespace"), request.match_info["plural"]
        if request.query.get("watch"):
            return await self._watch(request, namespace, plural)
        items = [one for key, one in self._objects[plural].items() if namespace in (None, key[0])]
        root = request.query.get("labelSelector", "").partition("=")[2]
        if root:
            items = [one for one in items if one.get("spec", {}).get("rootUid") == root]
        return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": items})

    async def _watch(self, request: web.Request, namespace: str | None, plural: str) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        listed = int(request.query["resourceVersion"])
        opened, seen = len(self._log), sum(version <= listed for version, *_ in self._log)
        response = web.StreamResponse()
        await response.prepare(request)
        self.watches[token] += 1
        try:
            with suppress(ConnectionError):
                while True:
                    async with self._grown:
                        await self._grown.wait_for(lambda: len(self._log) > seen)  # noqa: B023
                    for number, (_, kind, changed, document) in enumerate(self._log[seen:], start=seen):
                        if kind == "END" and number >= opened:
                            return response
                        if changed == plural and namespace in (None, document["metadata"]["namespace"]):
                            await response.write(json.dumps({"type": kind, "object": document}).encode() + b"\n")
                    seen = len(self._log)
        finally:
            self.watches[token] -= 1
        return response

    async def _object(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        match = request.match_info
        found = self._objects[match["plural"]].get((match["namespace"], match["name"]))
        return web.json_response(found) if found else _status(404, "NotFound", "not found")


def _status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": message}, status=code)
