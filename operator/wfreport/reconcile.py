"""One look at one Workflow name: read it, find its reports, write what changed.

Everything is read afresh and derived; the look before, the event that asked for it and the order of both are without
meaning. Identity is the uid: a Workflow that was deleted and made anew under its name is another one.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wfreport.active import ActiveSet
from wfreport.api.argo import LABEL_COMPLETED, LABEL_CONTROLLER_INSTANCE_ID, Workflow
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Condition, ReportStatus
from wfreport.core.identity import is_skipped, new_report
from wfreport.core.model import PodEvidence, RenderOptions, Snapshot
from wfreport.core.redact import Redactor
from wfreport.core.render import render_deleted, render_missing, render_status
from wfreport.core.wire import NotAWorkflow, decode_workflow
from wfreport.evidence import EvidenceLimits, EvidenceReader, wanted_pods
from wfreport.kube.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from wfreport.kube.events import Events
from wfreport.kube.objects import version_of
from wfreport.kube.reports import Reports, StoredReport, head_after_write
from wfreport.kube.workflows import Workflows
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reports_index import ReportsIndex, Row, StatusCache, row_of
from wfreport.workqueue import Key, Ticket

log = logging.getLogger(__name__)

JUST_ENDED = timedelta(minutes=2)
"""Pods of runs that ended longer before our start are not listed: a cold start would list those of every run."""

CONFLICT_TRIES = 2
"""How often a look is begun again because somebody wrote or deleted the report meanwhile, before it is put off."""


class Outcome(StrEnum):
    """What a look found."""

    COMPLETED = "completed"
    RUNNING = "running"
    GONE = "gone"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look.

    Attributes:
        outcome: what was found.
        again_in_seconds: when to look again; None for not before something happens.
        version: the Workflow's resourceVersion that was seen; the next look does not go back behind it.
    """

    outcome: Outcome
    again_in_seconds: float | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say to a look.

    Attributes:
        options: of rendering.
        evidence: bounds of what is read of pods.
        instance_id: of Argo's controller; empty for all of them.
    """

    options: RenderOptions
    evidence: EvidenceLimits
    instance_id: str = ""


class Reconciler:
    """Looks. Different keys may be looked at concurrently, one key never (the queue's rule 1)."""

    def __init__(
        self,
        *,
        workflows: Workflows,
        reports: Reports,
        evidence: EvidenceReader,
        events: Events,
        index: ReportsIndex,
        active: ActiveSet,
        cache: StatusCache,
        rules: Rules,
        redactor: Redactor,
        metrics: Metrics,
        clock: Callable[[], datetime],
        overtaken: Callable[[Key], None],
    ) -> None:
        """``overtaken`` is told of reports that somebody else wrote while we did."""
        self._overtaken = overtaken
        self._workflows = workflows
        self._reports = reports
        self._evidence = evidence
        self._events = events
        self._index = index
        self._active = active
        self._cache = cache
        self._rules = rules
        self._redactor = redactor
        self._metrics = metrics
        self._clock = clock
        self._started_at = clock()

    async def look(self, ticket: Ticket) -> Look:
        """Look at a Workflow, and bring its reports up to date.

        Raises:
            ApiError: a request failed; the look is to be made again if the error is transient.
            NotAWorkflow: what was read is none.
        """
        namespace, name = ticket.key
        known = self._active.get(ticket.key)
        floor = max(ticket.not_older_than, known.version if known else 0)
        try:
            snapshot = _identified(
                decode_workflow(await self._workflows.fetch(namespace, name, not_older_than=floor)), ticket.key
            )
        except NotFoundError:
            snapshot = None
        for _ in range(CONFLICT_TRIES):
            with suppress(ConflictError):
                return await self._settle(ticket.key, snapshot)
        return await self._settle(ticket.key, snapshot)

    async def _settle(self, key: Key, snapshot: Snapshot | None) -> Look:
        rows, errors = self._index.of_workflow(key), _Errors()
        if snapshot is None:
            self._active.discard(key)
            await self._close(rows, errors)
            errors.raise_any()
            return Look(Outcome.GONE)
        workflow = snapshot.workflow
        instance_id, uid = self._rules.instance_id, workflow.metadata.uid
        if instance_id and workflow.metadata.labels.get(LABEL_CONTROLLER_INSTANCE_ID, "") != instance_id:
            self._active.discard(key)
            return Look(Outcome.NOT_OURS)
        if not self._active.has(key, uid) and not any(row.bound_uid == uid for row in rows):
            self._metrics.workflows_seen.inc()
        mine = [row for row in rows if row.is_for(uid)]
        await self._close([row for row in rows if row not in mine], errors)
        with errors.kept():
            if not mine and not is_skipped(workflow):
                mine.append(await self._created(workflow))
            await self._write(key, snapshot, mine, errors)
        errors.raise_any()
        if not mine:
            self._active.discard(key)
            return Look(Outcome.NOT_OURS)
        return self._noted(key, workflow)

    async def _close(self, rows: list[Row], errors: "_Errors") -> None:
        """These reports are about a Workflow that is not there, though one of its name may be."""
        for row in rows:
            with errors.kept():
                await self._without_workflow(row)

    async def _created(self, workflow: Workflow) -> Row:
        report = new_report(workflow)
        key = (report["metadata"]["namespace"], report["metadata"]["name"])
        try:
            with self._writing(key):
                stored = await self._reports.create(report)
                row = self._remember(stored)
            self._metrics.reports_created.inc()
        except AlreadyExistsError:
            row = self._remember(await self._reports.fetch(*key))
        if not row.is_for(workflow.metadata.uid) or row.workflow_name != workflow.metadata.name:
            # made by hand under our name, about something else; it is not ours to change
            raise AlreadyExistsError(
                f"report {row.name} is about Workflow {row.workflow_name}", status=409, field="metadata.name"
            )
        return row

    async def _write(self, key: Key, snapshot: Snapshot, rows: list[Row], errors: "_Errors") -> None:
        reports = []
        for row in rows:
            with errors.kept():
                reports.append(await self._stored(row))
        if not reports:
            return
        evidence = await self._read_evidence(key, snapshot, [report.status for report in reports])
        for report in reports:
            status = render_status(
                snapshot,
                stored=report.status,
                spec=report.spec,
                generation=report.head.metadata.generation,
                evidence=evidence,
                options=self._rules.options,
                redactor=self._redactor,
            )
            with errors.kept():
                await self._apply(report, status, is_final=_is_completed(snapshot.workflow))

    async def _read_evidence(
        self, key: Key, snapshot: Snapshot, stored: list[ReportStatus | None]
    ) -> Mapping[str, PodEvidence]:
        workflow, running = snapshot.workflow, self._active.get(key)
        finished_at = workflow.status.finished_at
        just_ended = (
            _is_completed(workflow) and finished_at is not None and finished_at >= self._started_at - JUST_ENDED
        )
        if running and running.uid != workflow.metadata.uid:
            running = None
        wanted = wanted_pods(
            snapshot,
            stored,
            sought=running.sought if running else set(),
            has_just_ended=just_ended,
            limits=self._rules.evidence,
        )
        return await self._evidence.read(snapshot, wanted, running)

    async def _without_workflow(self, row: Row) -> None:
        """The Workflow of this report is not there: it was deleted, or never was."""
        if row.bound_uid and row.ended and row.answered:
            return
        if not row.bound_uid and row.missing and row.answered:
            return
        report = await self._stored(row)
        generation = report.head.metadata.generation
        if row.bound_uid:
            if report.status is None:
                return  # a newer operator's: nobody could write it again
            # the spec of a report whose run has ended may change too, and nothing else in it then does
            status = render_deleted(report.status, generation).changed(observed_generation=generation)
        else:
            status = render_missing(
                stored=report.status, ref=report.spec.workflow_ref, generation=generation, created_at=report.created_at
            )
        await self._apply(report, status, is_final=True)

    async def _stored(self, row: Row) -> StoredReport:
        known = self._cache.get(row)
        if known:
            return known
        try:
            stored = await self._reports.fetch(row.namespace, row.name)
        except NotFoundError as error:
            raise self._lost(row.key) from error
        self._remember(stored)
        return stored

    async def _apply(self, report: StoredReport, status: ReportStatus, *, is_final: bool) -> None:
        """Write a status if its content is new; afterwards index and cache say what the API server has."""
        meta = report.head.metadata
        key = (meta.namespace, meta.name)
        if status.dump_json() == report.status_json:
            self._metrics.reports_skipped.inc()
        else:
            await self._warn(report, status)
            await self._write_status(key, report, status)
            if is_final and not _was_final(report.status):
                self._note_final(report, status)
        if is_final:
            self._cache.drop(key)

    async def _warn(self, report: StoredReport, status: ReportStatus) -> None:
        """An Event where the report begins to say that its input is bad.

        Before the write: killed in between, the next look says it again, under the same name.
        """
        complaint = _complaint(status)
        said = {(c.reason, c.observed_generation) for c in (report.status and report.status.conditions) or ()}
        if complaint and (complaint.reason, complaint.observed_generation) not in said:
            await self._events.warn(report.head.metadata, complaint.reason, complaint.message)

    async def _write_status(self, key: Key, report: StoredReport, status: ReportStatus) -> None:
        try:
            with self._writing(key):
                changed = await self._reports.apply_status(report.head, status.dump_json())
                head = head_after_write(report.head, changed, status)
                self._remember(replace(report, head=head, status=status, status_json=status.dump_json()))
        except NotFoundError as error:
            raise self._lost(key) from error
        except ConflictError as error:
            raise await self._refreshed(key, error) from error
        self._metrics.reports_written.inc()

    @contextmanager
    def _writing(self, key: Key) -> Iterator[None]:
        self._index.begin_write(key)
        try:
            yield
        finally:
            if self._index.end_write(key):
                self._overtaken(key)

    async def _refreshed(self, key: Key, error: ConflictError) -> ConflictError:
        """Somebody wrote the report: read it again, so that the next try renders upon what is there now."""
        self._cache.drop(key)
        try:
            self._remember(await self._reports.fetch(*key))
        except NotFoundError:
            return self._lost(key)
        return error

    def _lost(self, key: Key) -> ConflictError:
        """Somebody deleted the report: what is known of it is wrong, and the look begins anew."""
        self._index.remove(key)
        self._cache.drop(key)
        return ConflictError("the report was deleted", status=404)

    def _remember(self, stored: StoredReport) -> Row:
        row = row_of(stored.head)
        self._index.put(row)
        self._cache.put(row.key, stored)
        return row

    def _noted(self, key: Key, workflow: Workflow) -> Look:
        meta = workflow.metadata
        version = version_of(meta.resource_version)
        if _is_completed(workflow):
            self._active.discard(key)
            # even where the phase is none of Argo's and the report therefore does not say so
            for row in self._index.of_workflow(key):
                if row.bound_uid == meta.uid and row.observed_version != meta.resource_version:
                    self._index.put(replace(row, observed_version=meta.resource_version))
            return Look(Outcome.COMPLETED, version=version)
        self._active.looked(key, uid=meta.uid, version=version)
        again = self._active.next_look_seconds(started_at=workflow.status.started_at, now=self._clock())
        return Look(Outcome.RUNNING, again, version)

    def _note_final(self, report: StoredReport, status: ReportStatus) -> None:
        observed, meta = status.observed_workflow, report.head.metadata
        finished_at = observed.finished_at if observed else None
        if finished_at and finished_at >= self._started_at:
            self._metrics.report_lag.observe(max(0.0, (self._clock() - finished_at).total_seconds()))
        log.info(
            "report final",
            extra=kv(
                namespace=meta.namespace,
                report=meta.name,
                workflow=report.spec.workflow_ref.name,
                phase=observed.phase if observed else None,
                failure_class=status.failure_class,
            ),
        )


class _Errors:
    """What failed in a look: a report that cannot be read or written keeps no other from it."""

    def __init__(self) -> None:
        self._found: list[ApiError] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Go on after an error in this block."""
        try:
            yield
        except ApiError as error:
            self._found.append(error)

    def raise_any(self) -> None:
        """Raise the error whose remedy comes soonest, if there was one: begin anew, try again, give up."""
        if self._found:
            raise max(self._found, key=lambda error: (isinstance(error, ConflictError), error.transient))


def _identified(snapshot: Snapshot, key: Key) -> Snapshot:
    """The snapshot, if it is of the Workflow that was asked for: all that we write hangs on its name and uid.

    Raises:
        NotAWorkflow: it is not, or has no uid.
    """
    meta = snapshot.workflow.metadata
    if (meta.namespace, meta.name) != key or not meta.uid:
        raise NotAWorkflow(f"metadata is of {meta.namespace}/{meta.name}, uid {meta.uid or 'missing'}")
    return snapshot


def _complaint(status: ReportStatus) -> Condition | None:
    """The condition that says that the input is bad, if one does."""
    for condition in status.conditions or ():
        if condition.type == ConditionType.READY and (
            condition.status == "False" or condition.reason == Reason.WORKFLOW_MALFORMED
        ):
            return condition
    return None


def _is_completed(workflow: Workflow) -> bool:
    return workflow.metadata.labels.get(LABEL_COMPLETED) == "true"


def _was_final(status: ReportStatus | None) -> bool:
    return bool(status and status.observed_workflow and status.observed_workflow.resource_version)
