"""Computes the timing of a run. It is written when the run has ended; before that it would depend on the time."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from msgspec import Struct

from wfreport.api.argo import NodeType
from wfreport.api.report import ReportStatus
from wfreport.api.timing import CriticalStep, RetryCost, StepTime, Timing
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import ran_in_pod
from wfreport.core.timing.critical_path import PathSegment, RunOrder
from wfreport.core.timing.durations import seconds_between, short_duration
from wfreport.core.timing.pod_times import PodTimes, step_times

PATH_LENGTH = 200


class RunTimes(Struct, frozen=True):
    """Everything that is known about the timing of a run.

    Attributes:
        pods: queued and running times of the steps that have ended, by node id.
        order: the predecessors of the steps; None while the run goes on.
        path: the critical path; empty while the run goes on.
        path_length: number of steps of the critical path; ``path`` may contain fewer.
        timing: the totals; None while the run goes on.
    """

    pods: Mapping[str, PodTimes]
    order: RunOrder | None = None
    path: tuple[CriticalStep, ...] = ()
    path_length: int = 0
    timing: Timing | None = None


def time_run(
    snapshot: Snapshot,
    sanitizer: TextSanitizer,
    *,
    evidence: Mapping[str, PodEvidence],
    stored: ReportStatus | None,
    is_first_run: bool,
) -> RunTimes:
    """Compute the timing of a run.

    Args:
        snapshot: the run.
        sanitizer: redacts and cuts names.
        evidence: the evidence of its pods that exist now, by pod name.
        stored: the stored status of the same run.
        is_first_run: whether this is the Workflow's first run, which was queued since the Workflow's creation.
    """
    pods = step_times(snapshot, evidence, stored)
    if not snapshot.workflow.status.is_completed:
        return RunTimes(pods)
    order = RunOrder(snapshot)
    chain = order.chain()
    path = tuple(
        _critical_step(segment, unlisted, pods.get(segment.node.id), sanitizer) for segment, unlisted in _listed(chain)
    )
    return RunTimes(pods, order, path, len(chain), _sums(snapshot, sanitizer, order, chain, is_first_run=is_first_run))


def _listed(chain: list[PathSegment]) -> Iterator[tuple[PathSegment, int]]:
    """Yield the longest segments of the path in their order, each with the seconds of the shorter ones before it."""
    slowest = max(chain, key=lambda segment: segment.seconds, default=None)
    ranked = sorted(chain, key=lambda one: (one is not slowest, -(one.seconds + one.wait_seconds)))
    listed = {segment.node.id for segment in ranked[:PATH_LENGTH]}
    unlisted_seconds = 0
    for segment in chain:
        if segment.node.id in listed:
            yield segment, unlisted_seconds
            unlisted_seconds = 0
        else:
            unlisted_seconds += segment.seconds + segment.wait_seconds


def _sums(
    snapshot: Snapshot,
    sanitizer: TextSanitizer,
    order: RunOrder,
    chain: list[PathSegment],
    *,
    is_first_run: bool,
) -> Timing:
    workflow = snapshot.workflow
    created_at = workflow.metadata.creation_timestamp if is_first_run else None
    seconds = seconds_between(workflow.status.started_at, workflow.status.finished_at)
    is_cut = len(chain) > PATH_LENGTH
    return Timing(
        duration_seconds=seconds,
        duration=short_duration(seconds) if seconds is not None else None,
        queued_seconds=seconds_between(created_at, workflow.status.started_at),
        gap_seconds=_gap_seconds(snapshot, chain),
        critical_path_steps=len(chain) if is_cut else None,
        critical_path_seconds=sum(segment.seconds for segment in chain) if is_cut else None,
        slowest_step=_slowest_step(order, sanitizer),
        retries=_retry_cost(snapshot),
    )


def _gap_seconds(snapshot: Snapshot, chain: list[PathSegment]) -> int | None:
    if not chain:
        return None
    after_the_last = seconds_between(chain[-1].node.finished_at, snapshot.workflow.status.finished_at) or 0
    return sum(segment.wait_seconds for segment in chain) + after_the_last


def _slowest_step(order: RunOrder, sanitizer: TextSanitizer) -> StepTime | None:
    steps = (
        (seconds_between(n.started_at, n.finished_at) or 0, n.id)
        for n in order.executed.values()
        if n.type != NodeType.SUSPEND
    )
    seconds, node_id = max(steps, default=(0, ""))
    if not seconds:
        return None
    node = order.executed[node_id]
    return StepTime(display_name=sanitizer.line(node.display_name), node_id=clip(node.id) or "", seconds=seconds)


def _retry_cost(snapshot: Snapshot) -> RetryCost | None:
    tree = snapshot.tree
    if not tree.superseded_attempts:
        return None
    # In the order of the nodes, which is that of memory: in the order of a set of ids this takes twice as long.
    superseded = [node for node in snapshot.nodes.values() if node.id in tree.superseded_nodes]
    attempts = [node for node in superseded if node.id in tree.superseded_attempts]
    pairs = [pair for row in tree.attempts_by_retry.values() for pair in pairwise(row)]
    return RetryCost(
        attempts=len(attempts),
        pods=sum(map(ran_in_pod, superseded)),
        seconds=sum([seconds_between(node.started_at, node.finished_at) or 0 for node in attempts]),
        backoff_seconds=sum([seconds_between(earlier.finished_at, later.started_at) or 0 for earlier, later in pairs]),
    )


def _critical_step(
    segment: PathSegment, unlisted_seconds: int, times: PodTimes | None, sanitizer: TextSanitizer
) -> CriticalStep:
    return CriticalStep(
        display_name=sanitizer.line(segment.node.display_name),
        node_id=clip(segment.node.id) or "",
        seconds=segment.seconds,
        wait_seconds=segment.wait_seconds,
        unlisted_seconds=unlisted_seconds or None,
        wait_reason=segment.wait_reason,
        queued_seconds=times.queued_seconds if times else None,
        queued_reason=times.queued_reason if times else None,
    )
