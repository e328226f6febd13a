"""A virtual clock, and the API server as far as the inspection of hung runs needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from wfreport.api.argo import LABEL_COMPLETED, LABEL_WORKFLOW, Workflow
from wfreport.api.kubernetes import Pod
from wfreport.api.report import ReportStatus, Stalled
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.cache.stalls import ControllerActivity
from wfreport.core.snapshot.decode import decode_pod, decode_workflow
from wfreport.core.snapshot.identity import is_labelled_completed
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.stall.model import StallFinding, StallGraces
from wfreport.evidence.stalls import StallInspection, StallInspector
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.objects import version_of
from wfreport.kube.pods import Pods
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics

_TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z"')

_BACKOFF = re.compile(rb"Backoff for (\d+) seconds?")


def stretch(json_text: bytes, base: datetime, factor: int) -> bytes:
    """Return an object whose times are that many times farther from the base."""

    def later(match: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(match[1].decode()).replace(tzinfo=UTC)
        moved = base + (at - base) * factor if abs(at - base) < timedelta(days=1) else at
        return f'"{moved:%Y-%m-%dT%H:%M:%SZ}"'.encode()

    def longer(match: re.Match[bytes]) -> bytes:
        return b"Backoff for %d seconds" % (int(match[1]) * factor)

    return json_text if factor == 1 else _BACKOFF.sub(longer, _TIME.sub(later, json_text))


class StallWorld:
    """The objects of one namespace at a virtual time, and the inspector that reads them."""

    def __init__(self, start: datetime, graces: StallGraces | None = None) -> None:
        self.now = self.start = start
        self.pods: dict[str, Pod] = {}
        self.workflows: dict[tuple[str, str], Snapshot] = {}
        self.stored: dict[tuple[str, str], Stalled] = {}
        self.evidence: dict[str, PodEvidence] = {}
        self.jump = timedelta()
        self.lists = 0
        self.error: ApiError | None = None
        self.metrics = Metrics()
        self.running = RunningWorkflows(PollPolicy(), clock=self.seconds)
        graces = graces or StallGraces()
        self.activity = ControllerActivity(
            grace_seconds=graces.seconds, is_running=lambda name: self.running.get(name) is not None
        )
        self.inspector = StallInspector(
            pods=cast("Pods", self),
            workflows=cast("Workflows", self),
            running=self.running,
            activity=self.activity,
            graces=graces,
            metrics=self.metrics,
        )

    def seconds(self) -> float:
        """Return the time since the start, by a clock that is not set."""
        return (self.now - self.start - self.jump).total_seconds()

    async def list_unfinished(self, namespace: str, workflow: str, *, limit: int) -> tuple[Sequence[Pod], bool]:
        """As ``Pods.list_unfinished``."""
        self.lists += 1
        if self.error:
            raise self.error
        found = [
            pod
            for pod in self.pods.values()
            if pod.metadata.namespace == namespace
            and pod.metadata.labels.get(LABEL_WORKFLOW) == workflow
            and pod.metadata.labels.get(LABEL_COMPLETED) != "true"
        ]
        return found[:limit], len(found) <= limit

    async def get_head(self, namespace: str, name: str) -> Workflow:
        """As ``Workflows.get_head``."""
        if self.error:
            raise self.error
        if (namespace, name) not in self.workflows:
            raise NotFoundError("not found", status=404)
        return self.workflows[namespace, name].workflow

    def put(self, document: Mapping[str, Any] | bytes) -> Snapshot:
        """Store a Workflow."""
        snapshot = decode_workflow(document)
        meta = snapshot.workflow.metadata
        self.workflows[meta.namespace, meta.name] = snapshot
        return snapshot

    def put_pod(self, document: Mapping[str, Any]) -> None:
        """Store a pod."""
        pod = decode_pod(document)
        self.pods[pod.metadata.name] = pod

    async def poll(self, snapshot: Snapshot) -> StallFinding | None:
        """Reconcile a Workflow once, and store the finding as its report would."""
        return (await self.inspect(snapshot)).verdict.finding

    async def inspect(self, snapshot: Snapshot) -> StallInspection:
        """As ``poll``, with the time of the next attempt."""
        meta = snapshot.workflow.metadata
        name = (meta.namespace, meta.name)
        stalled = self.stored.get(name)
        stored = [ReportStatus(stalled=stalled)] if stalled else []
        inspection = await self.inspector.inspect(snapshot, stored, self.running.get(name), self.evidence, now=self.now)
        if is_labelled_completed(snapshot.workflow):
            self.running.discard(name)
        else:
            self.running.record_poll(name, uid=meta.uid, version=version_of(meta.resource_version))
        finding = inspection.verdict.finding
        if finding:
            self.stored[name] = Stalled(
                reason=finding.suspicion.reason, since_at=finding.since_at, message=finding.suspicion.message
            )
        elif inspection.verdict.is_known:
            self.stored.pop(name, None)
        return inspection

    async def poll_for(self, seconds: float, *snapshots: Snapshot, every_seconds: float = 60) -> StallFinding | None:
        """Poll Workflows for so long, or until the first of them hangs; return why."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            findings = [await self.poll(snapshot) for snapshot in snapshots]
            if findings[0]:
                return findings[0]
            self.now += timedelta(seconds=every_seconds)
        return None
