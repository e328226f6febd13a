"""The known reports, by name and by Workflow.

The cache answers two questions without a request: which reports does a reconcile of this Workflow concern, and is there
anything left to do for them? It is filled at the start, updated by every read and write, and repaired by the resync.

Expectations: the event of our own write needs no reconcile, but an event of another client's write does. The event may
arrive before the response to our write, whose resourceVersion alone distinguishes the two. For a report at version 5:

    our write         watch event      cache entry  expected write    result
    ----------------  ---------------  -----------  ----------------  ----------------------------------------------
    expect_write                       5            newest event: 0   further events are only recorded
                      observe(6)       5            newest event: 6   True: not enqueued, maybe our own
    response: put(6)                   6            newest event: 6
    write_done                         6            none              False: event 6 was our own
                      has_version(6)   6            none              True: not enqueued

    If another client wrote version 7 after our write, or our write failed:

                      observe(7)       5 or 6       newest event: 7   True: not enqueued yet
    write_done                         5 or 6       none              True: newer than the entry, read the report

So no event is lost between ``expect_write`` and ``write_done``: either the entry is at least as new as the newest
event, or ``write_done`` makes the writer enqueue the report.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from wfreport.api.argo import COMPLETED_PHASES, Phase
from wfreport.api.reasons import AWAITING_SERVER, ConditionType, Reason
from wfreport.cache.ended_runs import EndedRuns
from wfreport.cache.followed_reports import FollowedReports
from wfreport.cache.stalls import Stall, StalledReports
from wfreport.core.compare.origin import RunOutcome, origin_of
from wfreport.core.snapshot.identity import binds
from wfreport.core.snapshot.model import Source
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of
from wfreport.kube.reports import ReportHead

_ENDED_REASONS = frozenset({Reason.WORKFLOW_DELETED})
_MISSING_REASONS = AWAITING_SERVER | {Reason.WORKFLOW_NOT_FOUND, Reason.WORKFLOW_NOT_ARCHIVED}


class ReportEntry(Struct, frozen=True):
    """A report, without the content of its status.

    Attributes:
        namespace: namespace of the report and of its Workflow.
        name: name of the report.
        uid: uid of the report.
        resource_version: newest known resourceVersion of the report.
        generation: generation of the report's spec.
        automatic: whether the operator created the report.
        workflow_name: name of the Workflow.
        ref_uid: the Workflow's uid in the spec; empty for none.
        bound_uid: the Workflow's uid in the status; empty if the report is not bound yet.
        observed_version: resourceVersion of the completed Workflow in the status; empty while the Workflow runs.
        observed_generation: generation of the spec for which the status was written.
        ended: whether the run has completed or its Workflow was deleted.
        missing: whether the status reports that the Workflow does not exist.
        source: where the run is read from: Auto, Cluster or Archive.
        deleted: whether the status reports that the Workflow was deleted while it ran.
        abandoned: whether the status reports that the Workflow is not reconciled any more.
        awaits_server: whether the report lacks something that Argo Server may provide.
        phase: last known phase of the run.
        finished_at: when the run ended; None if it runs, or if that is unknown.
        pinned: whether retention never deletes the report.
        ttl_seconds: time from the run's end until retention deletes the report; None if the spec does not set it.
        evidence: reason of the condition EvidenceComplete; empty for none.
        log_tail_lines: log lines that the spec requests; None if it does not set them.
        reporter: the installation that wrote the status; empty for none.
        outcome: how the run ended; None if it runs, or if that is unknown.
        stalled: why the run hangs; empty if it does not.
        stalled_template: template of a run that hangs; empty if it does not, or has none.
        forged: whether somebody else has written fields of the status.
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
    abandoned: bool = False
    awaits_server: bool = False
    phase: str = ""
    finished_at: datetime | None = None
    pinned: bool = False
    ttl_seconds: int | None = None
    evidence: str = ""
    log_tail_lines: int | None = None
    reporter: str = ""
    outcome: RunOutcome | None = None
    stalled: str = ""
    stalled_template: str = ""
    forged: bool = False

    @property
    def is_made_by_us(self) -> bool:
        """Return whether the operator created the report. Users can set its labels, but not its status."""
        return self.automatic and bool(self.bound_uid)

    @property
    def evidence_pending(self) -> bool:
        """Return whether pods of the run are still being captured."""
        return self.evidence == Reason.CAPTURE_PENDING

    @property
    def key(self) -> NamespacedName:
        """Namespace and name of the report."""
        return (self.namespace, self.name)

    @property
    def workflow_key(self) -> NamespacedName:
        """Namespace and name of the Workflow."""
        return (self.namespace, self.workflow_name)

    @property
    def stall(self) -> Stall | None:
        """Return reason, namespace and template of a run that hangs; None if it does not."""
        return (self.stalled, self.namespace, self.stalled_template) if self.stalled else None

    def is_for(self, workflow_uid: str) -> bool:
        """Return whether this is, or can become, the report of the Workflow with this uid in the cluster."""
        return self.source != Source.ARCHIVE and binds(self.ref_uid or None, self.bound_uid or None, workflow_uid)

    @property
    def is_spec_observed(self) -> bool:
        """Return whether the status was written for the current spec."""
        return self.observed_generation == self.generation

    @property
    def is_closed(self) -> bool:
        """Return whether the report states what has become of a Workflow that is gone.

        A forged report may be bound to a run that nobody knows any more. It keeps what is left of the record.
        """
        return self.ended if self.bound_uid else self.missing or (self.forged and self.ended)


def entry_of(head: ReportHead) -> ReportEntry:
    """Return the entry of a report as the API server sent it."""
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
        bound_uid=_bound_uid(head),
        observed_version=observed.resource_version,
        observed_generation=head.status.observed_generation,
        ended=observed.phase in COMPLETED_PHASES or bool(reasons & _ENDED_REASONS),
        missing=bool(reasons & _MISSING_REASONS),
        source=head.spec.source,
        deleted=bool(reasons & _ENDED_REASONS),
        abandoned=Reason.RECONCILE_ABANDONED in reasons and not head.forged,
        awaits_server=_awaits_server(head, reasons),
        phase=observed.phase,
        finished_at=observed.finished_at,
        pinned=head.spec.pinned,
        ttl_seconds=head.spec.ttl_seconds_after_finished,
        evidence=next((c.reason for c in head.status.conditions if c.type == ConditionType.EVIDENCE_COMPLETE), ""),
        log_tail_lines=head.spec.log_tail_lines,
        reporter="" if "reporter" in head.forged else head.status.reporter,
        outcome=_outcome(head),
        stalled=head.status.stalled.reason,
        stalled_template=_stalled_template(head),
        forged=bool(head.forged),
    )


def _bound_uid(head: ReportHead) -> str:
    """Return the uid of the Workflow that a report is bound to; empty if it is not bound.

    What a report was created for, by its immutable spec, no status changes. A forged uid binds a report to nothing.
    """
    uid, ref_uid = head.status.observed_workflow.uid, head.spec.workflow_ref.uid
    if ref_uid:
        return ref_uid if uid else ""
    return "" if "observedWorkflow" in head.forged else uid


def _stalled_template(head: ReportHead) -> str:
    source = head.status.workflow_source
    return source.template if source and head.status.stalled.reason else ""


def _outcome(head: ReportHead) -> RunOutcome | None:
    status, observed = head.status, head.status.observed_workflow
    if observed.finished_at is None or observed.phase not in COMPLETED_PHASES:
        return None
    return RunOutcome(
        origin=sys.intern(origin_of(status.workflow_source, head.spec.workflow_ref.name)),
        finished_at=observed.finished_at,
        seconds=status.timing.duration_seconds,
        has_succeeded=observed.phase == Phase.SUCCEEDED,
        fingerprint=status.failures[0].fingerprint if status.failures and status.failure_class else "",
    )


def _awaits_server(head: ReportHead, reasons: set[str]) -> bool:
    if reasons & AWAITING_SERVER or any(c.reason == Reason.LOG_IN_ARCHIVE for c in head.status.conditions):
        return True
    return Reason.WORKFLOW_NOT_ARCHIVED in reasons and not head.status.observed_workflow.uid


class ReportCache:
    """The entries of all reports, by report and by Workflow.

    Attributes:
        on_removed: called with each report that was deleted.
    """

    def __init__(self, *, user_reports_max: int = 1000) -> None:
        """Create an empty cache for at most so many reports of users in each namespace."""
        self.followed = FollowedReports(user_reports_max)
        self._entries: dict[NamespacedName, ReportEntry] = {}
        self._ended_runs = EndedRuns()
        self._by_workflow: dict[NamespacedName, tuple[str, ...]] = {}
        self.stalled = StalledReports()
        self._expected_writes: dict[NamespacedName, int] = {}
        self.on_removed: Callable[[NamespacedName], None] = _do_nothing

    def __len__(self) -> int:
        """Return the number of reports."""
        return len(self._entries)

    def __iter__(self) -> Iterator[ReportEntry]:
        """Iterate over a copy of the entries."""
        return iter(tuple(self._entries.values()))

    def get(self, report: NamespacedName) -> ReportEntry | None:
        """Return the entry of a report, or None."""
        return self._entries.get(report)

    def has_version(self, meta: ObjectMeta) -> bool:
        """Return whether the entry is at least as new as this metadata: events and lists can be older than a write."""
        entry = self._entries.get((meta.namespace, meta.name))
        if entry is None or entry.uid != meta.uid:
            return False
        return entry.resource_version == meta.resource_version or version_of(entry.resource_version) > meta.version > 0

    def of_workflow(self, workflow: NamespacedName) -> list[ReportEntry]:
        """Return the reports about Workflows of this name, of any uid."""
        return [self._entries[workflow[0], name] for name in self._by_workflow.get(workflow, ())]

    def has_any(self, workflow: NamespacedName) -> bool:
        """Return whether there is a report about a Workflow of this name."""
        return workflow in self._by_workflow

    def is_abandoned(self, report: NamespacedName) -> bool:
        """Return whether the Workflow of a report is not reconciled any more."""
        entry = self._entries.get(report)
        return entry is not None and entry.abandoned

    def has_abandoned(self, workflow: NamespacedName) -> bool:
        """Return whether a Workflow of this name is not reconciled any more."""
        return any(self._entries[workflow[0], name].abandoned for name in self._by_workflow.get(workflow, ()))

    def log_tail_lines(self, workflow: NamespacedName, *, default: int) -> int:
        """Return the maximum of the log lines that the reports about a Workflow of this name request."""
        lines = (entry.log_tail_lines for entry in self.of_workflow(workflow))
        return max((default if requested is None else requested for requested in lines), default=default)

    def is_reported(self, workflow: NamespacedName, *, uid: str, resource_version: str) -> bool:
        """Return whether a completed Workflow has reports, and all of them describe this version of it."""
        entries = [entry for entry in self.of_workflow(workflow) if entry.is_for(uid)]
        return bool(entries) and all(
            entry.bound_uid == uid
            and not entry.forged
            and entry.observed_version == resource_version
            and entry.is_spec_observed
            and not entry.evidence_pending
            for entry in entries
        )

    def earlier_runs(
        self, namespace: str, origin: str, *, ended_before: datetime, except_uid: str
    ) -> list[tuple[str, RunOutcome]]:
        """Return reports of earlier runs of an origin, with how the runs ended, oldest first: one report of each run.

        Args:
            namespace: namespace of the runs.
            origin: what they have in common.
            ended_before: end of the run that is compared with them.
            except_uid: uid of its Workflow.
        """
        found = {
            self._entries[namespace, name].bound_uid: (name, outcome)
            for name, outcome in self._ended_runs.before(namespace, origin, ended_before)
        }
        found.pop(except_uid, None)
        return list(found.values())

    def expect_write(self, report: NamespacedName) -> None:
        """Begin a write: until ``write_done``, events of this report are recorded instead of enqueued."""
        self._expected_writes[report] = 0

    def is_being_written(self, workflow: NamespacedName) -> bool:
        """Return whether a write of a report about a Workflow of this name has no answer yet."""
        names = self._by_workflow.get(workflow, ())
        return any((workflow[0], name) in self._expected_writes for name in names)

    def observe(self, meta: ObjectMeta) -> bool:
        """Record the event of a report that is being written. Return False if it is not being written."""
        report = (meta.namespace, meta.name)
        if report not in self._expected_writes:
            return False
        self._expected_writes[report] = max(self._expected_writes[report], meta.version)
        return True

    def write_done(self, report: NamespacedName) -> bool:
        """End a write. Return whether an event was newer than the entry: then it is another client's write."""
        newest, entry = self._expected_writes.pop(report, 0), self._entries.get(report)
        return newest > (version_of(entry.resource_version) if entry else 0)

    def put(self, entry: ReportEntry, *, own: bool = False) -> bool:
        """Add or replace an entry, unless the cache has a newer one: responses can arrive out of order.

        Return False if it is a report of a user that is not followed. The operator's ``own`` new reports always are.

        After etcd is restored from a backup, versions decrease, and the operator has to be restarted, as every client
        with a cache (https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/).
        """
        cached = self._entries.get(entry.key)
        if (
            cached
            and cached.uid == entry.uid
            and version_of(cached.resource_version) > version_of(entry.resource_version)
        ):
            return True
        if cached is None and not own and not self._admit(entry):
            return False
        if cached and cached.workflow_key != entry.workflow_key:
            self._remove_from_index(cached)
        self.stalled.replace(cached.stall if cached else None, entry.stall)
        self._entries[entry.key] = entry
        self._ended_runs.put(entry.key, entry.outcome)
        names = self._by_workflow.get(entry.workflow_key, ())
        if entry.name not in names:
            self._by_workflow[entry.workflow_key] = (*names, entry.name)
        if own or entry.is_made_by_us:
            self.followed.remove(entry.key)
        else:
            self.followed.put(entry.key, entry.workflow_key, ended=entry.ended)
        return True

    def remove(self, report: NamespacedName) -> ReportEntry | None:
        """Forget a report, and return its entry."""
        entry = self._entries.pop(report, None)
        if entry:
            self.stalled.replace(entry.stall, None)
            self._remove_from_index(entry)
            self._ended_runs.remove(report)
            self.followed.remove(report)
        self.on_removed(report)
        return entry

    def _admit(self, entry: ReportEntry) -> bool:
        """Return whether a new report is to be followed, and make room for it if it is a user's."""
        if entry.is_made_by_us:
            return True
        is_admitted, evicted = self.followed.admit(entry.key, entry.workflow_key, ended=entry.ended)
        if evicted:
            self.remove(evicted)
        return is_admitted

    def _remove_from_index(self, entry: ReportEntry) -> None:
        names = tuple(name for name in self._by_workflow.get(entry.workflow_key, ()) if name != entry.name)
        if names:
            self._by_workflow[entry.workflow_key] = names
        else:
            self._by_workflow.pop(entry.workflow_key, None)


def _do_nothing(_: NamespacedName) -> None: ...
