"""Finds out whether a run hangs, with a bounded look at its pods and at the holders of its locks.

Nothing is read for a run whose steps are young. If a step has run for half a grace time, the pods of the Workflow are
listed, and again after intervals that double. If something is suspicious, they are listed at each poll until the grace
time is over, so that a finding is as early as the polls allow.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field, structs

from wfreport.api.argo import Phase
from wfreport.api.reasons import StallReason
from wfreport.api.report import ReportStatus, Stalled
from wfreport.cache.running import RunningWorkflow, RunningWorkflows
from wfreport.cache.stalls import ControllerActivity, StallMemory
from wfreport.core.snapshot.identity import is_labelled_completed
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.stall.deletion import is_collector
from wfreport.core.stall.findings import SEEN_SHARE, choose_finding, find_suspicions, is_due
from wfreport.core.stall.locks import holder_workflow
from wfreport.core.stall.model import (
    UNKNOWN_VERDICT,
    HolderState,
    PodsSeen,
    StallFacts,
    StallGraces,
    StallVerdict,
    Suspicion,
)
from wfreport.core.stall.pod_rules import pods_seen
from wfreport.core.stall.scan import RunScan, scan_run
from wfreport.core.timing.hung_pods import EXECUTOR_FAILED, hung_pod
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.objects import version_of
from wfreport.kube.pods import Pods
from wfreport.kube.workflows import Workflows
from wfreport.large_work import is_large, run_by_size
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

PODS_LIMIT: Final = 500
"""Pods of one look. If a Workflow has more that are not completed, none of them counts as gone."""

HOLDERS_LIMIT: Final = 5
"""Holders of locks that one look reads."""

INTERVAL_MAX_SECONDS: Final = 900
"""The longest interval between two looks at a run that is well."""


class StallInspection(Struct, frozen=True):
    """Result of an inspection: whether the run hangs, and when to inspect it again.

    Attributes:
        verdict: whether it hangs.
        requeue_after_seconds: when to try again, if nothing else will; None for never.
        pods: evidence of pods, by name, that tell about steps which do not hang.
    """

    verdict: StallVerdict = UNKNOWN_VERDICT
    requeue_after_seconds: float | None = None
    pods: Mapping[str, PodEvidence] = field(default_factory=dict)


class StallInspector:
    """Inspects the runs of Workflows. An error means less knowledge and is not raised."""

    def __init__(
        self,
        *,
        pods: Pods,
        workflows: Workflows,
        running: RunningWorkflows,
        activity: ControllerActivity,
        graces: StallGraces,
        metrics: Metrics,
    ) -> None:
        self._pods = pods
        self._workflows = workflows
        self._running = running
        self._activity = activity
        self._graces = graces
        self._metrics = metrics

    async def inspect(
        self,
        snapshot: Snapshot,
        stored: Sequence[ReportStatus],
        running: RunningWorkflow | None,
        evidence: Mapping[str, PodEvidence],
        *,
        now: datetime,
    ) -> StallInspection:
        """Return whether a run hangs.

        Args:
            snapshot: the Workflow.
            stored: the statuses of its reports, of the present run.
            running: its entry among the running Workflows; what was seen is remembered in it.
            evidence: evidence of its pods, by pod name.
            now: the present time.
        """
        large, after_seconds = is_large(snapshot), self._graces.seconds * SEEN_SHARE
        scan = await run_by_size(large, scan_run, snapshot, now=now, after_seconds=after_seconds)
        self._record_movement(snapshot, running, scan.newest_at, now)
        stalled = next((status.stalled for status in stored if status.stalled), None)
        if is_labelled_completed(snapshot.workflow):
            return await self._inspect_completed(snapshot, stalled, now)
        if running is None:  # the first reconcile, or the first one after a restart
            return StallInspection()
        memory, namespace = running.stall, snapshot.workflow.metadata.namespace
        self._running.record_locks(running, scan.locks_held, scan.locks_awaited)
        memory.lock_holds = scan.lock_holds
        if not await self._read_pods(snapshot, memory, stalled, now, are_needed=scan.needs_pods):
            return StallInspection(structs.replace(UNKNOWN_VERDICT, lock_holds=self._lock_holds(namespace, scan)))
        await self._read_holders(namespace, memory, scan)
        facts = self._facts(snapshot, memory, evidence, scan, now)
        suspicions = await run_by_size(large, find_suspicions, snapshot, facts, self._graces)
        memory.see(suspicions, now, self._running.now())
        silent_since_at = self._silent_since_at(snapshot, memory, suspicions, now)
        resumed_at = self._activity.resumed_at
        facts = structs.replace(facts, controller_silent_since_at=silent_since_at, controller_resumed_at=resumed_at)
        finding = choose_finding(suspicions, facts, first_seen=memory.first_seen, stored=stalled, now=now)
        verdict = StallVerdict(finding, lock_holds=self._lock_holds(namespace, scan))
        return StallInspection(verdict, pods=_telling_pods(snapshot, memory.pods) if memory.pods else {})

    def _record_movement(
        self, snapshot: Snapshot, running: RunningWorkflow | None, newest_at: datetime | None, now: datetime
    ) -> None:
        """Record that Argo's controller has written the Workflow. Those who create one, or edit it, do not count."""
        version = version_of(snapshot.workflow.metadata.resource_version)
        if running is not None and version <= running.version:
            return
        moved_at = newest_at or (now if snapshot.workflow.status.phase else None)
        if moved_at is not None:
            self._activity.record_moved(min(moved_at, now))

    def _silent_since_at(
        self, snapshot: Snapshot, memory: StallMemory, suspicions: Sequence[Suspicion], now: datetime
    ) -> datetime | None:
        due = [one for one in suspicions if is_due(one, first_seen=memory.first_seen, now=now)]
        meta = snapshot.workflow.metadata
        since = [(one, one.since_at or memory.first_seen[one.key]) for one in due]
        self._activity.record_owed((meta.namespace, meta.name), since)
        return self._activity.silent_since_at(now) if due else None

    def _facts(
        self, snapshot: Snapshot, memory: StallMemory, evidence: Mapping[str, PodEvidence], scan: RunScan, now: datetime
    ) -> StallFacts:
        captured = [one.pod for one in evidence.values() if one.pod is not None]
        pods = memory.pods
        if captured:
            known = pods_seen(snapshot, captured, is_complete=False).by_node
            pods = structs.replace(pods, by_node={**known, **pods.by_node}) if pods else PodsSeen(known)
        moved = self._running.seconds_since_locks_moved(scan.locks_awaited)
        return StallFacts(
            pods,
            memory.holders,
            self._running.locks_held(scan.locks_awaited),
            {lock: now - timedelta(seconds=seconds) for lock, seconds in moved.items()},
        )

    async def _read_pods(
        self, snapshot: Snapshot, memory: StallMemory, stalled: Stalled | None, now: datetime, *, are_needed: bool
    ) -> bool:
        """If a step has run for long and the last list of pods is old, list them again.

        Return False if that failed, or if those of the last list were dropped to save memory.
        """
        first_seconds, meta = self._graces.seconds * SEEN_SHARE, snapshot.workflow.metadata
        name = (meta.namespace, meta.name)
        if not are_needed:
            self._running.remember_pods(name, memory, None)
            memory.interval_seconds = 0
            return True
        is_new = stalled is None and bool(memory.first_seen)
        if memory.read_at is not None and not is_new and self._running.now() < memory.read_at + memory.interval_seconds:
            return memory.pods is not None
        pods = await self._list_pods(snapshot, now)
        if pods is None:
            return False
        self._running.remember_pods(name, memory, pods)
        memory.read_at = self._running.now()
        memory.interval_seconds = min(INTERVAL_MAX_SECONDS, max(first_seconds, 2 * memory.interval_seconds))
        return True

    async def _list_pods(self, snapshot: Snapshot, now: datetime) -> PodsSeen | None:
        """List the pods of the Workflow; None if that failed."""
        meta = snapshot.workflow.metadata
        try:
            pods, is_complete = await self._pods.list_unfinished(meta.namespace, meta.name, limit=PODS_LIMIT)
        except ApiError as error:
            self._log_failure("pod list failed", meta.namespace, error)
            return None
        own = [
            pod
            for pod in pods
            if is_collector(pod) or any(owner.uid == meta.uid for owner in pod.metadata.owner_references)
        ]
        return pods_seen(snapshot, own, is_complete=is_complete, seen_at=now)

    async def _inspect_completed(self, snapshot: Snapshot, stalled: Stalled | None, now: datetime) -> StallInspection:
        """Return whether the deletion of a completed run hangs. Such a run is not polled, so it is inspected in time.

        Its pods are read only if its deletion takes long, to see whether artifacts are still being deleted.
        """
        facts = StallFacts()
        suspicions = find_suspicions(snapshot, facts, self._graces)
        if any(_blocks_deletion(one) and is_due(one, first_seen=None, now=now) for one in suspicions):
            pods = await self._list_pods(snapshot, now)
            if pods is None:
                return StallInspection(requeue_after_seconds=self._graces.seconds)
            suspicions = find_suspicions(snapshot, StallFacts(pods), self._graces)
            is_at_work = not any(map(_blocks_deletion, suspicions))
        else:
            is_at_work = False
        finding = choose_finding(suspicions, facts, first_seen=None, stored=stalled, now=now)
        remaining = [one.grace_seconds - (now - one.since_at).total_seconds() for one in suspicions if one.since_at]
        remaining += [self._graces.deletion_seconds] if is_at_work else []
        return StallInspection(StallVerdict(finding), min((left for left in remaining if left > 0), default=None))

    async def _read_holders(self, namespace: str, memory: StallMemory, scan: RunScan) -> None:
        """Read the holders of awaited locks, in the Workflow's own namespace only."""
        names = {holder_workflow(holder) for holder in scan.holders}
        own = sorted(name for name in names if name.startswith(f"{namespace}/"))[:HOLDERS_LIMIT]
        memory.holders = {name: await self._state_of(namespace, name.partition("/")[2]) for name in own}

    def _lock_holds(self, namespace: str, scan: RunScan) -> dict[str, datetime]:
        """Return since when runs of the Workflow's own namespace have held the locks that it waits for."""
        since: dict[str, datetime] = {}
        for holder in scan.holders:
            of_namespace, _, name = holder_workflow(holder).partition("/")
            running = self._running.get((namespace, name)) if of_namespace == namespace else None
            if running and holder in running.stall.lock_holds:
                since[holder] = running.stall.lock_holds[holder]
        return since

    async def _state_of(self, namespace: str, name: str) -> HolderState:
        if self._running.get((namespace, name)):
            return HolderState.RUNNING
        try:
            head = await self._workflows.get_head(namespace, name)
        except NotFoundError:
            return HolderState.GONE
        except ApiError as error:
            self._log_failure("lock holder read failed", namespace, error)
            return HolderState.UNKNOWN
        return HolderState.ENDED if is_labelled_completed(head) else HolderState.RUNNING

    def _log_failure(self, message: str, namespace: str, error: ApiError) -> None:
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        pairs = kv(namespace=namespace, error=type(error).__name__, reason=error.message)
        log.warning(message, extra=pairs | throttled(message, namespace))


def _telling_pods(snapshot: Snapshot, pods: PodsSeen) -> dict[str, PodEvidence]:
    """Return Argo's agent if it runs, and pods in which Argo's own container has failed while the step goes on."""
    agent = pods.agent
    telling = {agent.metadata.name: PodEvidence(agent)} if agent and agent.status.phase == "Running" else {}
    for node_id, pod in pods.by_node.items():
        node, evidence = snapshot.nodes.get(node_id), PodEvidence(pod)
        found = hung_pod(node, evidence) if node and node.phase == Phase.RUNNING else None
        if found and found.reason == EXECUTOR_FAILED:
            telling[pod.metadata.name] = evidence
    return telling


def _blocks_deletion(suspicion: Suspicion) -> bool:
    return suspicion.reason == StallReason.DELETION_BLOCKED
