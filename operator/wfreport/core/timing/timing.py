"""Where the time of a run went: told when it has ended, since until then it would depend on who looks when."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from wfreport.api.argo import NodeType
from wfreport.api.report import ReportStatus
from wfreport.api.timing import CriticalStep, RetryCost, StepTime, Timing
from wfreport.api.wire import LINE
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.timing.critical_path import PathSegment, RunOrder
from wfreport.core.timing.durations import seconds_between, short_duration
from wfreport.core.timing.pod_times import PodTimes, times_of_pods

PATH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class RunTimes:
    """All that is known about the time of a run.

    Attributes:
        pods: of the steps that have ended, by node id.
        order: what the steps waited for; None while the run goes on.
        path: the critical path; empty while the run goes on.
        path_length: how many steps it has; ``path`` may hold fewer.
        timing: the sums; None while the run goes on.
    """

    pods: Mapping[str, PodTimes]
    order: RunOrder | None = None
    path: tuple[CriticalStep, ...] = ()
    path_length: int = 0
    timing: Timing | None = None


def time_run(
    snapshot: Snapshot,
    prose: TextSanitizer,
    *,
    evidence: Mapping[str, PodEvidence],
    stored: ReportStatus | None,
    is_first_run: bool,
) -> RunTimes:
    """Where the time of a run went.

    Args:
        snapshot: the run.
        prose: makes names fit.
        evidence: what is seen of its pods now, by pod name.
        stored: what the report kept of the same run.
        is_first_run: whether the Workflow's creation is what the run's start waited from.
    """
    pods = times_of_pods(snapshot, evidence, stored)
    if not snapshot.workflow.status.is_completed:
        return RunTimes(pods)
    order = RunOrder(snapshot)
    chain = order.chain()
    path = tuple(_critical_step(link, pods.get(link.node.id), prose) for link in chain[-PATH_LENGTH:])
    return RunTimes(pods, order, path, len(chain), _sums(snapshot, prose, order, chain, is_first_run=is_first_run))


def _sums(
    snapshot: Snapshot,
    prose: TextSanitizer,
    order: RunOrder,
    chain: list[PathSegment],
    *,
    is_first_run: bool,
) -> Timing:
    workflow = snapshot.workflow
    created_at = workflow.metadata.creation_timestamp if is_first_run else None
    seconds = seconds_between(workflow.status.started_at, workflow.status.finished_at)
    return Timing(
        duration_seconds=seconds,
        duration=short_duration(seconds) if seconds is not None else None,
        queued_seconds=seconds_between(created_at, workflow.status.started_at),
        gap_seconds=_gap_seconds(snapshot, chain),
        slowest_step=_slowest_step(order, prose),
        retries=_retry_cost(snapshot),
    )


def _gap_seconds(snapshot: Snapshot, chain: list[PathSegment]) -> int | None:
    if not chain:
        return None
    after_the_last = seconds_between(chain[-1].node.finished_at, snapshot.workflow.status.finished_at) or 0
    return sum(link.wait_seconds for link in chain) + after_the_last


def _slowest_step(order: RunOrder, prose: TextSanitizer) -> StepTime | None:
    steps = [
        (n, seconds_between(n.started_at, n.finished_at) or 0) for n in order.ran.values() if n.type != NodeType.SUSPEND
    ]
    node, seconds = max(steps, key=lambda pair: (pair[1], pair[0].id), default=(None, 0))
    if node is None or not seconds:
        return None
    return StepTime(display_name=prose.line(node.display_name), node_id=node.id[:LINE], seconds=seconds)


def _retry_cost(snapshot: Snapshot) -> RetryCost | None:
    tree = snapshot.tree
    if not tree.superseded_attempts:
        return None
    nodes = snapshot.nodes
    pods = (n for n in nodes.values() if n.type == NodeType.POD and n.host_node_name and tree.is_superseded(n))
    rows = tree.attempts_by_retry.values()
    return RetryCost(
        attempts=len(tree.superseded_attempts),
        pods=sum(1 for _ in pods),
        seconds=sum(seconds_between(nodes[i].started_at, nodes[i].finished_at) or 0 for i in tree.superseded_attempts),
        backoff_seconds=sum(
            seconds_between(earlier.finished_at, later.started_at) or 0
            for row in rows
            for earlier, later in pairwise(row)
        ),
    )


def _critical_step(link: PathSegment, times: PodTimes | None, prose: TextSanitizer) -> CriticalStep:
    return CriticalStep(
        display_name=prose.line(link.node.display_name),
        node_id=link.node.id[:LINE],
        seconds=link.seconds,
        wait_seconds=link.wait_seconds,
        wait_reason=link.wait_reason,
        queued_seconds=times.queued_seconds if times else None,
        queued_reason=times.queued_reason if times else None,
    )
