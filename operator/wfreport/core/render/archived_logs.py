"""Selects the archived logs that a report lacks, and turns them into evidence.

With ``archiveLogs``, Argo's executor saves each container's log as the output artifact ``<container>-logs`` of the Pod
node (``SaveLogs``, executor.go). It outlives the pod.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct, structs

from wfreport.api.argo import MAIN_CONTAINER, Node, NodeType
from wfreport.api.reasons import Reason
from wfreport.core.classify.roles import assign_roles
from wfreport.core.render.evidence import LOG_GAPS
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name

MAX_LOGS_PER_RUN: Final = 20
"""Maximum number of archived logs per run. A report has little room for more, and each is read from its beginning."""

_SUFFIX: Final = "-logs"

_LONGEST_NAME: Final = 300
"""Ids of nodes have at most 264 characters, names of containers 63. What is longer names no log, and is not kept."""


class LogRef(Struct, frozen=True):
    """A reference to an archived log.

    Attributes:
        node_id: id of the Pod node with the artifact.
        pod_name: name of the pod.
        container: name of the container.
    """

    node_id: str
    pod_name: str
    container: str

    @property
    def artifact(self) -> str:
        """Name of the artifact."""
        return f"{self.container}{_SUFFIX}"


class ArchivedText(Struct, frozen=True):
    """The fetched part of an archived log.

    Attributes:
        text: end of the log, not redacted.
        has_more: whether the log is longer.
    """

    text: str
    has_more: bool


def missing_logs(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], reported: Collection[str | None]
) -> list[LogRef]:
    """Return the archived logs of failures whose log is neither in the evidence nor in the report.

    ``reported`` has the node ids of failures whose log is in the report.
    """
    if not snapshot.workflow.status.is_completed:
        return []
    leaves = (leaf.node for leaf in assign_roles(snapshot) if leaf.node and leaf.node.id not in reported)
    refs = (_archived(node, snapshot.tree.pod_node(node), snapshot, evidence) for node in leaves)
    return [ref for ref in refs if ref][:MAX_LOGS_PER_RUN]


def _archived(
    node: Node, pod_node: Node | None, snapshot: Snapshot, evidence: Mapping[str, PodEvidence]
) -> LogRef | None:
    name = pod_name(snapshot.workflow, pod_node) if pod_node else None
    if pod_node is None or name is None or not _lacks_log(evidence.get(name)):
        return None
    artifacts = pod_node.outputs.artifacts if pod_node.outputs else []
    archived = [a.name.removesuffix(_SUFFIX) for a in artifacts if a.name.endswith(_SUFFIX) and a.name != _SUFFIX]
    container = next((name for name in (*_preferred_containers(node), *archived) if name in archived), None)
    if container is None or max(len(pod_node.id), len(container)) > _LONGEST_NAME:
        return None
    return LogRef(pod_node.id, name, container)


def _lacks_log(evidence: PodEvidence | None) -> bool:
    if evidence is None:
        return True
    is_expected = not evidence.is_pending and Reason.LOG_DISABLED not in evidence.missing
    # if the pod was captured without gaps, its log was empty
    has_gap = evidence.pod is None or bool(LOG_GAPS & set(evidence.missing))
    return not evidence.logs and is_expected and has_gap


def _preferred_containers(node: Node) -> tuple[str, ...]:
    """Return the containers whose log is most relevant, according to the node."""
    ended = parse_exit(node.message)
    named = node.display_name if node.type == NodeType.CONTAINER else ended.container if ended else None
    return (named, MAIN_CONTAINER) if named else (MAIN_CONTAINER,)


def with_archived_logs(
    evidence: Mapping[str, PodEvidence], logs: Mapping[LogRef, ArchivedText | None]
) -> dict[str, PodEvidence]:
    """Add archived logs to the evidence; None stands for a log that is still being fetched."""
    added = {ref.pod_name: _with_log(evidence.get(ref.pod_name), ref, log) for ref, log in logs.items()}
    return {**evidence, **added}


def _with_log(evidence: PodEvidence | None, ref: LogRef, log: ArchivedText | None) -> PodEvidence:
    evidence = evidence or PodEvidence(missing=(Reason.POD_NOT_CAPTURED,))
    missing = tuple(reason for reason in evidence.missing if reason not in LOG_GAPS)
    if log is None:
        return structs.replace(evidence, missing=(*missing, Reason.LOG_IN_ARCHIVE))
    more = frozenset({ref.container}) if log.has_more else frozenset()
    return structs.replace(
        evidence, logs={ref.container: log.text}, containers_with_more_log=more, missing=missing, is_archived=True
    )
