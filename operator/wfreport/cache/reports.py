"""What reports there are and which Workflow each is about: derived, loaded at start, repaired by the sweep.

It answers two questions without a request: which reports does a look at this Workflow concern, and is there anything
left to do for it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from wfreport.api.argo import COMPLETED_PHASES
from wfreport.api.reasons import AWAITING_SERVER, ConditionType, Reason
from wfreport.core.snapshot.identity import binds
from wfreport.core.snapshot.model import Source
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of
from wfreport.kube.reports import ReportHead, StoredReport

REPORT_OVERHEAD_BYTES = 500
"""What a cached report counts besides its status."""

_ENDED_REASONS = frozenset({Reason.WORKFLOW_DELETED})
_MISSING_REASONS = AWAITING_SERVER | {Reason.WORKFLOW_NOT_FOUND, Reason.WORKFLOW_NOT_ARCHIVED}


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A report.

    Attributes:
        namespace: of the report and of its Workflow.
        name: of the report.
        uid: of the report.
        resource_version: of the report as it is known.
        generation: of its spec.
        automatic: whether the operator made it.
        workflow_name: the Workflow it is about.
        ref_uid: the uid that its spec gives; empty for none.
        bound_uid: the uid that its status is bound to; empty for none yet.
        observed_version: resourceVersion of the completed Workflow that it reports; empty while that runs.
        observed_generation: the generation that its status answers.
        ended: whether nothing more is to come: the run has ended, or was deleted.
        missing: whether it says that there is no such Workflow.
        source: where the run is to be looked for: Auto, Cluster or Archive.
        deleted: whether it says that the Workflow was deleted while it ran.
        awaits_server: whether it lacks what Argo Server may have.
        phase: of the run, as it was last seen.
        finished_at: when the run ended; None where it has not, or is not known.
        pinned: whether it is to be kept for ever.
        ttl_seconds: how long after the run's end it is to be kept, if its spec says so.
        evidence: the reason of its condition EvidenceComplete; empty for none.
        log_tail_lines: what its spec says of them; None for nothing.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    automatic: bool
    workflow_name: str
    ref_uid: str
    bound_uid: str
    observed_version: str
    observed_generation: int
    ended: bool
    missing: bool
    source: str = "Auto"
    deleted: bool = False
    awaits_server: bool = False
    phase: str = ""
    finished_at: datetime | None = None
    pinned: bool = False
    ttl_seconds: int | None = None
    evidence: str = ""
    log_tail_lines: int | None = None

    @property
    def evidence_pending(self) -> bool:
        """Whether it says that pods are still being read."""
        return self.evidence == Reason.CAPTURE_PENDING

    @property
    def key(self) -> NamespacedName:
        """Its own key."""
        return (self.namespace, self.name)

    @property
    def workflow_key(self) -> NamespacedName:
        """The key of its Workflow."""
        return (self.namespace, self.workflow_name)

    def is_for(self, workflow_uid: str) -> bool:
        """Whether it is, or may become, the report of this Workflow of the cluster."""
        return self.source != Source.ARCHIVE and binds(self.ref_uid or None, self.bound_uid or None, workflow_uid)

    @property
    def answered(self) -> bool:
        """Whether its status answers its spec as it is now."""
        return self.observed_generation == self.generation


def entry_of(head: ReportHead) -> ReportEntry:
    """The row of a report as the API server has it."""
    meta, observed = head.metadata, head.status.observed_workflow
    reasons = {c.reason for c in head.status.conditions if c.type != ConditionType.EVIDENCE_COMPLETE}
    return ReportEntry(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        generation=meta.generation,
        automatic=bool(meta.labels.workflow_uid),
        workflow_name=head.spec.workflow_ref.name,
        ref_uid=head.spec.workflow_ref.uid,
        bound_uid=observed.uid,
        observed_version=observed.resource_version,
        observed_generation=head.status.observed_generation,
        ended=observed.phase in COMPLETED_PHASES or bool(reasons & _ENDED_REASONS),
        missing=bool(reasons & _MISSING_REASONS),
        source=head.spec.source,
        deleted=bool(reasons & _ENDED_REASONS),
        awaits_server=_awaits_server(head, reasons),
        phase=observed.phase,
        finished_at=observed.finished_at,
        pinned=head.spec.pinned,
        ttl_seconds=head.spec.ttl_seconds_after_finished,
        evidence=next((c.reason for c in head.status.conditions if c.type == ConditionType.EVIDENCE_COMPLETE), ""),
        log_tail_lines=head.spec.log_tail_lines,
    )


def _awaits_server(head: ReportHead, reasons: set[str]) -> bool:
    if reasons & AWAITING_SERVER or any(c.reason == Reason.LOG_IN_ARCHIVE for c in head.status.conditions):
        return True
    return Reason.WORKFLOW_NOT_ARCHIVED in reasons and not head.status.observed_workflow.uid


class ReportCache:
    """All rows, by report and by Workflow."""

    def __init__(self) -> None:
        self._rows: dict[NamespacedName, ReportEntry] = {}
        self._by_workflow: dict[NamespacedName, tuple[str, ...]] = {}
        self._writing: dict[NamespacedName, int] = {}

    def __len__(self) -> int:
        """How many reports there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[ReportEntry]:
        """All rows, as they are now."""
        return iter(tuple(self._rows.values()))

    def get(self, key: NamespacedName) -> ReportEntry | None:
        """The row of a report."""
        return self._rows.get(key)

    def knows(self, meta: ObjectMeta) -> bool:
        """Whether the report is known as it is here, or newer: events and pages of a list may be older than a write."""
        row = self._rows.get((meta.namespace, meta.name))
        if row is None or row.uid != meta.uid:
            return False
        return row.resource_version == meta.resource_version or version_of(row.resource_version) > meta.version > 0

    def of_workflow(self, key: NamespacedName) -> list[ReportEntry]:
        """The reports about Workflows of this name, whatever their uid."""
        return [self._rows[key[0], name] for name in self._by_workflow.get(key, ())]

    def has_any(self, key: NamespacedName) -> bool:
        """Return whether there is a report about a Workflow of this name."""
        return key in self._by_workflow

    def log_tail_lines(self, key: NamespacedName, *, default: int) -> int:
        """The most lines of log that a report about a Workflow of this name asks for; ``default`` where none says."""
        asked = [default if row.log_tail_lines is None else row.log_tail_lines for row in self.of_workflow(key)]
        return max(asked, default=default)

    def is_done(self, key: NamespacedName, *, uid: str, resource_version: str) -> bool:
        """Whether every report of this completed Workflow, and there is one, says what it says now."""
        mine = [row for row in self.of_workflow(key) if row.is_for(uid)]
        return bool(mine) and all(
            row.bound_uid == uid
            and row.observed_version == resource_version
            and row.answered
            and not row.evidence_pending
            for row in mine
        )

    def expect_write(self, key: NamespacedName) -> None:
        """A write of ours begins: its event may be here before its answer, and is no news."""
        self._writing[key] = 0

    def observe(self, meta: ObjectMeta) -> bool:
        """Whether an event came while we write that report; ``end_write`` tells what became of it."""
        key = (meta.namespace, meta.name)
        if key not in self._writing:
            return False
        self._writing[key] = max(self._writing[key], meta.version)
        return True

    def write_done(self, key: NamespacedName) -> bool:
        """Our write has ended; whether something newer came meanwhile, which then is somebody else's."""
        newest, row = self._writing.pop(key, 0), self._rows.get(key)
        return newest > (version_of(row.resource_version) if row else 0)

    def put(self, row: ReportEntry) -> None:
        """Add or replace a report, unless a newer state of it is known: answers overtake each other.

        Where etcd was restored from a backup, versions go back and the operator is to be restarted, as whatever has
        a cache of the API server (https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/).
        """
        before = self._rows.get(row.key)
        if before and before.uid == row.uid and version_of(before.resource_version) > version_of(row.resource_version):
            return
        if before and before.workflow_key != row.workflow_key:
            self._unlist(before)
        self._rows[row.key] = row
        names = self._by_workflow.get(row.workflow_key, ())
        if row.name not in names:
            self._by_workflow[row.workflow_key] = (*names, row.name)

    def remove(self, key: NamespacedName) -> ReportEntry | None:
        """Forget a report; returns what was known of it."""
        row = self._rows.pop(key, None)
        if row:
            self._unlist(row)
        return row

    def _unlist(self, row: ReportEntry) -> None:
        names = tuple(name for name in self._by_workflow.get(row.workflow_key, ()) if name != row.name)
        if names:
            self._by_workflow[row.workflow_key] = names
        else:
            self._by_workflow.pop(row.workflow_key, None)


class StatusCache:
    """The last known content of the reports of running Workflows.

    With it a look is one GET and, where something changed, one write. It is bounded by the size of the reports' JSON,
    of which the objects made from it are about nine times as large.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._bytes = 0
        self._stored: OrderedDict[NamespacedName, StoredReport] = OrderedDict()

    def get(self, row: ReportEntry) -> StoredReport | None:
        """The report, if it is known as it is."""
        stored = self._stored.get(row.key)
        if stored is None or stored.head.metadata.resource_version != row.resource_version:
            return None
        self._stored.move_to_end(row.key)
        return stored

    def put(self, key: NamespacedName, stored: StoredReport) -> None:
        """Keep a report; those used least recently go."""
        self.drop(key)
        self._stored[key] = stored
        self._bytes += _size_bytes(stored)
        while self._bytes > self._capacity_bytes:
            self.drop(next(iter(self._stored)))

    def drop(self, key: NamespacedName) -> None:
        """Forget a report."""
        stored = self._stored.pop(key, None)
        if stored:
            self._bytes -= _size_bytes(stored)


def _size_bytes(stored: StoredReport) -> int:
    return len(stored.status_json or b"") + REPORT_OVERHEAD_BYTES
