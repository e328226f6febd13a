"""WorkflowReports: list, read, create, delete, and server-side apply of ``/status``.

We write a report's spec only when we create it; users may create reports of their own.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from wfreport.api.argo import Instant, Struct
from wfreport.api.nesting import json_decoder
from wfreport.api.reasons import ConditionType
from wfreport.api.report import ReportSpec, ReportStatus
from wfreport.api.run import WorkflowSource
from wfreport.api.wire import field_path
from wfreport.kube.client import Client
from wfreport.kube.errors import BadResponseError
from wfreport.kube.forged_status import ManagedMeta, forged_fields
from wfreport.kube.kinds import REPORT
from wfreport.kube.objects import Item, ObjectMeta
from wfreport.kube.resource import Resource
from wfreport.logs import kv

log = logging.getLogger(__name__)

_NO_STATUS = frozenset({b"", b"null", b"{}"})


class HeadRef(Struct, frozen=True):
    """``spec.workflowRef``."""

    name: str = ""
    uid: str = ""


class HeadSpec(Struct, frozen=True):
    """``spec``: the fields that the cache needs."""

    workflow_ref: HeadRef = HeadRef()
    source: str = "Auto"
    pinned: bool = False
    ttl_seconds_after_finished: int | None = None
    log_tail_lines: int | None = None


class HeadObserved(Struct, frozen=True):
    """``status.observedWorkflow``: the fields that the cache needs."""

    uid: str = ""
    resource_version: str = ""
    phase: str = ""
    finished_at: Instant | None = None


class HeadCondition(Struct, frozen=True):
    """A condition: the fields that the cache needs."""

    type: str = ""
    reason: str = ""


class HeadTiming(Struct, frozen=True):
    """``status.timing``: the fields that the cache needs."""

    duration_seconds: int | None = None


class HeadFailure(Struct, frozen=True):
    """A failure: the fields that the cache needs."""

    fingerprint: str = ""


class HeadStalled(Struct, frozen=True):
    """``status.stalled``: the fields that the cache needs."""

    reason: str = ""


class HeadStatus(Struct, frozen=True):
    """``status``: the fields that the cache needs."""

    observed_generation: int = 0
    observed_workflow: HeadObserved = HeadObserved()
    conditions: tuple[HeadCondition, ...] = ()
    stalled: HeadStalled = HeadStalled()
    reporter: str = ""
    timing: HeadTiming = HeadTiming()
    workflow_source: WorkflowSource | None = None
    failure_class: str = ""
    failures: tuple[HeadFailure, ...] = ()


class ReportHead(msgspec.Struct, frozen=True):
    """The part of a report that is cached.

    Attributes:
        metadata: ``metadata``.
        spec: ``spec``.
        status: ``status``, as it is stored.
        forged: names of the fields of the status that somebody else has written.
    """

    metadata: ObjectMeta = ObjectMeta()
    spec: HeadSpec = HeadSpec()
    status: HeadStatus = HeadStatus()
    forged: frozenset[str] = frozenset()


class _StoredMeta(Struct, frozen=True):
    creation_timestamp: datetime | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class _Parts(Struct, frozen=True):
    metadata: msgspec.Raw
    spec: msgspec.Raw
    status: msgspec.Raw = msgspec.Raw()


class StoredReport(msgspec.Struct, frozen=True):
    """A report as it was read.

    Attributes:
        head: the part that is cached.
        spec: the decoded spec.
        status: the decoded status, without forged fields; None if there is none yet, or if it cannot be decoded.
        status_json: ``status`` in the form in which we write it, to compare a new rendering with.
        created_at: the time of creation.
        labels: all labels.
        written_at: when we wrote the status; None if that is not known.
    """

    head: ReportHead
    spec: ReportSpec
    status: ReportStatus | None
    status_json: bytes | None
    created_at: datetime
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    written_at: datetime | None = None


class _DecodedHead(Struct, frozen=True):
    metadata: ManagedMeta = ManagedMeta()
    spec: HeadSpec = HeadSpec()
    status: HeadStatus = HeadStatus()


class _HeadWithoutStatus(Struct, frozen=True):
    metadata: ManagedMeta = ManagedMeta()
    spec: HeadSpec = HeadSpec()


_decode_head = json_decoder(_DecodedHead)
_decode_head_without_status = json_decoder(_HeadWithoutStatus)
_decode_parts = json_decoder(_Parts)
_decode_fields = json_decoder(dict[str, msgspec.Raw])
_decode_stored_meta = json_decoder(_StoredMeta)


class Reports:
    """The reports of the watched namespaces."""

    def __init__(self, client: Client, *, namespaces: Sequence[str | None], chunk_size: int) -> None:
        scope: dict[str, Any] = {"namespaces": namespaces, "chunk_size": chunk_size}
        self._resource = Resource(client, REPORT, msgspec.Raw, **scope)
        self._heads = Resource(client, REPORT, _DecodedHead, decode_odd=_odd_head, **scope)
        self._metadata = Resource(client, REPORT, Item, metadata_only=True, **scope)

    async def list_heads(self) -> AsyncIterator[ReportHead]:
        """List the heads of all reports. The API server sends whole reports; the decoder skips the rest.

        Raises:
            ApiError: a page failed.
        """
        async for head in self._heads.list():
            yield _report_head(head)

    async def list_stored(self, namespace: str) -> AsyncIterator[StoredReport]:
        """List the reports of a namespace, whole. A report that cannot be decoded is logged and left out.

        Raises:
            ApiError: a page failed.
        """
        async for raw in self._resource.list(namespace):
            try:
                yield stored_report(bytes(raw))
            except BadResponseError as error:
                log.warning("report cannot be decoded", extra=kv(namespace=namespace, reason=error.message))

    async def list_metadata(self) -> AsyncIterator[ObjectMeta]:
        """List the metadata of all reports.

        Raises:
            ApiError: a page failed.
        """
        async for item in self._metadata.list():
            yield item.metadata

    async def get(self, namespace: str, name: str) -> StoredReport:
        """GET one report.

        Raises:
            NotFoundError: it does not exist.
            BadResponseError: its spec cannot be decoded.
            ApiError: the request failed.
        """
        return stored_report(await self._resource.get_json(namespace, name))

    async def create(self, report: Mapping[str, Any]) -> StoredReport:
        """POST a report of our own.

        Raises:
            AlreadyExistsError: the name is taken.
            ApiError: the request failed; it may have taken effect.
        """
        return stored_report(bytes(await self._resource.create(report["metadata"]["namespace"], report)))

    async def apply_status(self, head: ReportHead, status: bytes) -> ObjectMeta:
        """Replace the whole status of a report and return its new metadata. ``head`` is the report as it was last read.

        Forged fields are removed before, because an apply removes only fields of its own. All conditions go with them:
        a status that lacks Ready is written again if the process ends in between.

        Raises:
            ConflictError: the report was changed since, or replaced by another one of its name.
            NotFoundError: it does not exist.
            InvalidError: the status breaks the schema.
            ApiError: the request failed; it may have taken effect.
        """
        removed = head.forged | {"conditions"} if head.forged else head.forged
        written = await self._metadata.apply_status(
            head.metadata, msgspec.Raw(status), make_room=True, remove=sorted(removed)
        )
        return written.metadata

    async def delete(self, meta: ObjectMeta) -> None:
        """DELETE the report that was read as ``meta``.

        Raises:
            ConflictError: the report was changed since, or replaced by another one of its name.
            NotFoundError: it does not exist.
            ApiError: the request failed; it may have taken effect.
        """
        await self._resource.delete(meta)


def head_after_write(head: ReportHead, meta: ObjectMeta, status: ReportStatus) -> ReportHead:
    """Return the head after ``status`` was written; ``meta`` is the metadata in the API server's response."""
    observed = status.observed_workflow
    return ReportHead(
        metadata=meta,
        spec=head.spec,
        status=HeadStatus(
            observed_generation=status.observed_generation or 0,
            observed_workflow=HeadObserved(
                uid=(observed and observed.uid) or "",
                resource_version=(observed and observed.resource_version) or "",
                phase=(observed and observed.phase) or "",
                finished_at=observed.finished_at if observed else None,
            ),
            conditions=tuple(HeadCondition(type=c.type, reason=c.reason) for c in status.conditions or ()),
            stalled=HeadStalled(reason=status.stalled.reason if status.stalled else ""),
            reporter=status.reporter or "",
            timing=HeadTiming(duration_seconds=status.timing.duration_seconds if status.timing else None),
            workflow_source=status.workflow_source,
            failure_class=status.failure_class or "",
            failures=tuple(HeadFailure(fingerprint=f.fingerprint or "") for f in (status.failures or ())[:1]),
        ),
    )


def stored_report(body: bytes) -> StoredReport:
    """Decode a report.

    A status that cannot be decoded, e.g. of a newer operator, counts as absent: it is rendered again.

    Raises:
        BadResponseError: metadata or spec cannot be decoded.
    """
    try:
        head, parts = _report_head(_head(body)), _decode_parts(body)
        stored_meta = _decode_stored_meta(parts.metadata)
        spec = ReportSpec.model_validate_json(bytes(parts.spec))
    except msgspec.MsgspecError as error:
        raise BadResponseError(f"cannot read the report: {error}"[:300]) from error
    if stored_meta.creation_timestamp is None:
        raise BadResponseError("cannot read the report: it has no creationTimestamp")
    status = _status(head, _without(bytes(parts.status), head.forged))
    return StoredReport(
        head=head,
        spec=spec,
        status=status,
        status_json=status.dump_json() if status else None,
        created_at=stored_meta.creation_timestamp,
        labels=stored_meta.labels,
    )


def _report_head(decoded: _DecodedHead) -> ReportHead:
    metadata, status = msgspec.structs.replace(decoded.metadata, managed_fields=None), decoded.status
    forged = forged_fields(decoded.metadata)
    if status.observed_workflow.uid and not any(c.type == ConditionType.READY for c in status.conditions):
        forged |= {"conditions"}  # somebody has removed them; every version of the operator writes Ready
    return ReportHead(metadata, decoded.spec, status, forged)


def _head(body: bytes) -> _DecodedHead:
    """Decode a report's head; without its status, if that does not fit.

    Raises:
        MsgspecError: metadata or spec do not fit.
    """
    try:
        return _decode_head(body)
    except msgspec.ValidationError:
        odd = _decode_head_without_status(body)
        return _DecodedHead(metadata=odd.metadata, spec=odd.spec)


def _odd_head(body: bytes) -> _DecodedHead | None:
    """Decode the head of a report in a page with one that does not fit; None for one that has to be left out."""
    try:
        return _head(body)
    except msgspec.MsgspecError as error:
        log.warning("report cannot be decoded", extra=kv(reason=str(error)[:200]))
        return None


def _without(status: bytes, fields: frozenset[str]) -> bytes:
    if not fields or status in _NO_STATUS:
        return status
    kept = {name: value for name, value in _decode_fields(status).items() if name not in fields}
    return msgspec.json.encode(kept)


def _status(head: ReportHead, raw: bytes) -> ReportStatus | None:
    if raw in _NO_STATUS:
        return None
    try:
        return ReportStatus.model_validate_json(raw)
    except msgspec.MsgspecError as error:
        log.warning(
            "stored status cannot be decoded, building it anew from the Workflow",
            extra=kv(namespace=head.metadata.namespace, report=head.metadata.name, field=field_path(error)),
        )
        return None
