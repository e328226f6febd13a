"""Logs that Argo archived: which of them a report lacks, and what evidence they make.

With ``archiveLogs`` Argo's executor saves each container's log as the output artifact ``<container>-logs`` of the Pod
node (workflow/executor/executor.go, SaveLogs). It outlives the pod.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wfreport.api.argo import MAIN_CONTAINER, Node, NodeType
from wfreport.api.reasons import Reason
from wfreport.core.classify.roles import assign_roles
from wfreport.core.render.evidence import LOG_GAPS
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name

MAX_LOGS: Final = 20
"""Of one run: a report hardly has room for more, and each is read from its beginning."""

_SUFFIX: Final = "-logs"


@dataclass(frozen=True, slots=True)
class LogRef:
    """An archived log.

    Attributes:
        node_id: the Pod node that has it.
        pod_name: its pod.
        container: whose log it is.
    """

    node_id: str
    pod_name: str
    container: str

    @property
    def artifact(self) -> str:
        """The artifact's name."""
        return f"{self.container}{_SUFFIX}"


@dataclass(frozen=True, slots=True)
class ArchivedText:
    """What of an archived log is here.

    Attributes:
        text: its end, not redacted.
        has_more: whether there was more.
    """

    text: str
    has_more: bool


def logs_wanted(snapshot: Snapshot, evidence: Mapping[str, PodEvidence], kept: Collection[str | None]) -> list[LogRef]:
    """The archived logs of failures of which neither ``evidence`` nor the report (``kept``, by node id) has the log."""
    if not snapshot.workflow.status.is_completed:
        return []
    leaves = (leaf.node for leaf in assign_roles(snapshot) if leaf.node and leaf.node.id not in kept)
    found = (_archived(node, snapshot.tree.pod_node(node), snapshot, evidence) for node in leaves)
    return [ref for ref in found if ref][:MAX_LOGS]


def _archived(
    node: Node, pod_node: Node | None, snapshot: Snapshot, evidence: Mapping[str, PodEvidence]
) -> LogRef | None:
    name = pod_name(snapshot.workflow, pod_node) if pod_node else None
    if pod_node is None or name is None or not _lacks_log(evidence.get(name)):
        return None
    artifacts = pod_node.outputs.artifacts if pod_node.outputs else []
    there = [a.name.removesuffix(_SUFFIX) for a in artifacts if a.name.endswith(_SUFFIX) and a.name != _SUFFIX]
    container = next((wanted for wanted in (*_said(node), *there) if wanted in there), None)
    return LogRef(pod_node.id, name, container) if container else None


def _lacks_log(seen: PodEvidence | None) -> bool:
    if seen is None:
        return True
    may_come = seen.is_pending or Reason.LOG_DISABLED in seen.missing
    # a pod that was seen and lacks nothing had nothing to say
    return not seen.logs and not may_come and (seen.pod is None or bool(LOG_GAPS & set(seen.missing)))


def _said(node: Node) -> tuple[str, ...]:
    """Containers whose log is wanted, by what the node says."""
    ended = parse_exit(node.message)
    named = node.display_name if node.type == NodeType.CONTAINER else ended.container if ended else None
    return (named, MAIN_CONTAINER) if named else (MAIN_CONTAINER,)


def with_archived_logs(
    evidence: Mapping[str, PodEvidence], found: Mapping[LogRef, ArchivedText | None]
) -> dict[str, PodEvidence]:
    """The evidence with these logs; None is one that is still being fetched."""
    added = {ref.pod_name: _with_log(evidence.get(ref.pod_name), ref, log) for ref, log in found.items()}
    return {**evidence, **added}


def _with_log(seen: PodEvidence | None, ref: LogRef, log: ArchivedText | None) -> PodEvidence:
    seen = seen or PodEvidence(missing=(Reason.POD_NOT_CAPTURED,))
    missing = tuple(reason for reason in seen.missing if reason not in LOG_GAPS)
    if log is None:
        return replace(seen, missing=(*missing, Reason.LOG_IN_ARCHIVE))
    more = frozenset({ref.container}) if log.has_more else frozenset()
    return replace(
        seen, logs={ref.container: log.text}, containers_with_more_log=more, missing=missing, is_archived=True
    )
