"""Measures how long the operator takes for one namespace: label, report, resubmission, message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bench.kinds import OWN, PODS, WORKFLOWS, ended, pod_document, policy_document, running
from controlplane import ApiError, AsyncApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GOODS: Final = ("label", "report", "resubmission", "notification")
_CHECK_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 60
_NOTICE_SECONDS: Final = 2.0
"""Time that the operator gets to notice a new Workflow before its pod fails."""


@dataclass(slots=True)
class Inbox:
    """An endpoint of notifications.

    Attributes:
        url: its address.
        received_at: when the first message about each Workflow came, by the Workflow's name.
    """

    url: str = ""
    received_at: dict[str, float] = field(default_factory=dict)

    async def receive(self, request: web.Request) -> web.Response:
        """Note a message, and answer it."""
        subject = str((await request.json())["subject"])  # namespace and name of the Workflow
        self.received_at.setdefault(subject.rpartition("/")[2], time.monotonic())
        return web.Response()


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Serve every request on a free port of this machine; yield the URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Neighbour:
    """A namespace whose Workflows fail one after the other, and whose policy labels, resubmits and notifies."""

    def __init__(self, api: AsyncApi, namespace: str, inbox: Inbox) -> None:
        self._api = api
        self._namespace = namespace
        self._inbox = inbox

    async def apply_policy(self) -> None:
        """Create the policy, and wait until it acts."""
        rule = {"name": "all", "match": {}, "action": {"resubmit": {}}, "labelPods": {}}
        notify = {"sinks": [{"name": "hook", "cloudEvents": {"url": self._inbox.url}}]}
        policies = OWN.format(self._namespace, "remediationpolicies")
        await self._api.post(policies, policy_document(self._namespace, {**rule, "notify": notify}))
        while True:
            status = (await self._api.get(f"{policies}/p")).get("status", {})
            if status.get("enforcedSince"):
                await asyncio.sleep(1.1)  # enforcedSince has whole seconds
                return
            await asyncio.sleep(_CHECK_SECONDS)

    async def probe(self, name: str) -> dict[str, float]:
        """Let one Workflow fail; return how many seconds each reaction took."""
        workflow = await self._api.post(WORKFLOWS.format(self._namespace), running(name, self._namespace))
        pods = PODS.format(self._namespace)
        await self._api.post(pods, pod_document(f"{name}-pod", workflow))
        await asyncio.sleep(_NOTICE_SECONDS)
        killed = {"terminated": {"exitCode": 1, "reason": "Error"}}
        status = {"name": "main", "image": "etl", "imageID": "", "ready": False, "restartCount": 0, "state": killed}
        failed = {"status": {"phase": "Failed", "containerStatuses": [status]}}
        await self._api.patch(f"{pods}/{name}-pod/status", failed)
        label = await self._until(lambda: self._is_labelled(f"{pods}/{name}-pod"))
        workflow = await self._api.get(f"{WORKFLOWS.format(self._namespace)}/{name}")
        await self._api.put(f"{WORKFLOWS.format(self._namespace)}/{name}", ended(workflow, "Failed"))
        report, resubmission, notification = await asyncio.gather(
            self._until(lambda: self._is_reported(workflow)),
            self._until(lambda: self._is_resubmitted(workflow)),
            self._until(lambda: self._is_announced(name)),
        )
        return dict(zip(GOODS, (label, report, resubmission, notification), strict=True))

    async def _until(self, is_done: Callable[[], Awaitable[bool]]) -> float:
        """Return the seconds until something is done; infinity if it is not within the patience."""
        began = time.monotonic()
        while not await is_done():
            if time.monotonic() - began > _PATIENCE_SECONDS:
                return float("inf")
            await asyncio.sleep(_CHECK_SECONDS)
        return time.monotonic() - began

    async def _is_labelled(self, path: str) -> bool:
        return "wfreport.dev/failure-class" in (await self._api.get(path))["metadata"]["labels"]

    async def _is_reported(self, workflow: dict[str, Any]) -> bool:
        metadata = workflow["metadata"]
        name = f"{metadata['name']}-{metadata['uid'].replace('-', '')[:10]}"
        try:
            report = await self._api.get(f"{OWN.format(self._namespace, 'workflowreports')}/{name}")
        except ApiError:
            return False
        return bool(report.get("status", {}).get("observedWorkflow", {}).get("phase") == "Failed")

    async def _is_resubmitted(self, workflow: dict[str, Any]) -> bool:
        selector = f"wfreport.dev/root-uid={workflow['metadata']['uid']}"
        new = (await self._api.get(WORKFLOWS.format(self._namespace), labelSelector=selector))["items"]
        for each in new:
            await self._api.put(
                f"{WORKFLOWS.format(self._namespace)}/{each['metadata']['name']}", ended(each, "Succeeded")
            )
        return bool(new)

    async def _is_announced(self, name: str) -> bool:
        return name in self._inbox.received_at
