"""WorkflowReports: list, read, create, and server-side apply of ``/status``.

The spec is written once, at creation, by whoever creates.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from pydantic import ValidationError

from wfreport.api.argo import Instant, Struct
from wfreport.api.names import API_VERSION, FIELD_MANAGER, KIND_REPORT, PLURAL_REPORTS
from wfreport.api.report import ReportSpec, ReportStatus
from wfreport.kube.client import ACCEPT_PARTIAL, ACCEPT_PARTIAL_LIST, APPLY_PATCH, Client, decoded_item, join_path
from wfreport.kube.errors import BadAnswerError
from wfreport.kube.objects import ItemList, ListMeta, ObjectMeta
from wfreport.logs import kv

log = logging.getLogger(__name__)
_BASE = f"/apis/{API_VERSION}"


class HeadRef(Struct, frozen=True):
    """``spec.workflowRef``."""

    name: str = ""
    uid: str = ""


class HeadSpec(Struct, frozen=True):
    """``spec``, as far as the index needs it."""

    workflow_ref: HeadRef = HeadRef()
    source: str = "Auto"
    pinned: bool = False
    ttl_seconds_after_finished: int | None = None
    log_tail_lines: int | None = None


class HeadObserved(Struct, frozen=True):
    """``status.observedWorkflow``, as far as the index needs it."""

    uid: str = ""
    resource_version: str = ""
    phase: str = ""
    finished_at: Instant | None = None


class HeadCondition(Struct, frozen=True):
    """A condition, as far as the index needs it."""

    type: str = ""
    reason: str = ""


class HeadStatus(Struct, frozen=True):
    """``status``, as far as the index needs it."""

    observed_generation: int = 0
    observed_workflow: HeadObserved = HeadObserved()
    conditions: tuple[HeadCondition, ...] = ()


class ReportHead(Struct, frozen=True):
    """A report without its contents."""

    metadata: ObjectMeta = ObjectMeta()
    spec: HeadSpec = HeadSpec()
    status: HeadStatus = HeadStatus()


class _HeadList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[ReportHead, ...] = ()


class _RawReportList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] = ()


class _StoredMeta(Struct, frozen=True):
    creation_timestamp: datetime | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class _Parts(Struct, frozen=True):
    metadata: msgspec.Raw
    spec: msgspec.Raw
    status: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as the API server has it.

    Attributes:
        head: what the index knows of it.
        spec: what is asked for.
        status: what was written last; None for nothing yet, or for something that cannot be read.
        status_json: ``status`` as it would be written: what a new rendering is compared with.
        created_at: when it was created.
        labels: all that it has.
    """

    head: ReportHead
    spec: ReportSpec
    status: ReportStatus | None
    status_json: bytes | None
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)


_decode_heads = msgspec.json.Decoder(_HeadList).decode
_decode_raw = msgspec.json.Decoder(_RawReportList).decode
_decode_metadata = msgspec.json.Decoder(ItemList).decode
_decode_head = msgspec.json.Decoder(ReportHead).decode
_decode_parts = msgspec.json.Decoder(_Parts).decode
_decode_stored_meta = msgspec.json.Decoder(_StoredMeta).decode
_encode = msgspec.json.Encoder().encode


class Reports:
    """The reports of the namespaces that are watched."""

    def __init__(self, client: Client, *, namespaces: Sequence[str | None], chunk_size: int) -> None:
        self._client = client
        self._namespaces = namespaces
        self._chunk_size = chunk_size

    async def list_heads(self) -> AsyncIterator[ReportHead]:
        """All reports, read whole and decoded to what the index needs.

        Raises:
            ApiError: a page failed.
        """
        for namespace in self._namespaces:
            path = join_path(_BASE, namespace, PLURAL_REPORTS)
            async for page in self._client.pages(PLURAL_REPORTS, path, _decode_heads, limit=self._chunk_size):
                for head in page.items:
                    yield head

    async def list_stored(self, namespace: str) -> AsyncIterator[StoredReport]:
        """All reports of a namespace, whole; what cannot be read is left out and logged.

        Raises:
            ApiError: a page failed.
        """
        path = join_path(_BASE, namespace, PLURAL_REPORTS)
        async for page in self._client.pages(PLURAL_REPORTS, path, _decode_raw, limit=self._chunk_size):
            for item in page.items:
                try:
                    yield stored_report(bytes(item))
                except BadAnswerError as error:
                    log.warning("a report cannot be read", extra=kv(namespace=namespace, reason=error.message))

    async def list_metadata(self) -> AsyncIterator[ObjectMeta]:
        """The metadata of all reports.

        Raises:
            ApiError: a page failed.
        """
        for namespace in self._namespaces:
            path = join_path(_BASE, namespace, PLURAL_REPORTS)
            async for page in self._client.pages(
                PLURAL_REPORTS, path, _decode_metadata, limit=self._chunk_size, accept=ACCEPT_PARTIAL_LIST
            ):
                for item in page.items or ():
                    yield item.metadata

    async def fetch(self, namespace: str, name: str) -> StoredReport:
        """GET one.

        Raises:
            NotFoundError: it is gone.
            BadAnswerError: its spec cannot be read.
            ApiError: the request failed.
        """
        return stored_report(
            await self._client.request("get", PLURAL_REPORTS, join_path(_BASE, namespace, PLURAL_REPORTS, name))
        )

    async def create(self, report: Mapping[str, Any]) -> StoredReport:
        """POST one of our own.

        Raises:
            AlreadyExistsError: there is one of that name.
            ApiError: the request failed.
        """
        path = join_path(_BASE, report["metadata"]["namespace"], PLURAL_REPORTS)
        answer = await self._client.request(
            "create", PLURAL_REPORTS, path, params={"fieldManager": FIELD_MANAGER}, body=_encode(report)
        )
        return stored_report(answer)

    async def apply_status(self, head: ReportHead, status: bytes) -> ObjectMeta:
        """Write the whole status of the report that ``head`` says we know; returns its new metadata.

        Raises:
            ConflictError: it has changed since.
            NotFoundError: it is gone.
            InvalidError: the status breaks the schema.
            ApiError: the request failed.
        """
        meta = head.metadata
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND_REPORT,
            # the uid as well: a report of the same name that was made anew is another one
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
            "status": msgspec.Raw(status),
        }
        answer = await self._client.request(
            "apply",
            PLURAL_REPORTS,
            join_path(_BASE, meta.namespace, PLURAL_REPORTS, meta.name, "status"),
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=_encode(body),
            accept=ACCEPT_PARTIAL,
            content_type=APPLY_PATCH,
        )
        return decoded_item(answer).metadata

    async def delete(self, meta: ObjectMeta) -> None:
        """Delete the report that ``meta`` says we know.

        Raises:
            ConflictError: it has changed since, or is another one of that name.
            NotFoundError: it is gone.
            ApiError: the request failed.
        """
        body = {"preconditions": {"uid": meta.uid, "resourceVersion": meta.resource_version}}
        path = join_path(_BASE, meta.namespace, PLURAL_REPORTS, meta.name)
        await self._client.request("delete", PLURAL_REPORTS, path, body=_encode(body))


def head_after_write(head: ReportHead, meta: ObjectMeta, status: ReportStatus) -> ReportHead:
    """The head of a report of which ``status`` was written and ``meta`` came back."""
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
        ),
    )


def stored_report(answer: bytes) -> StoredReport:
    """A report from its JSON.

    A status that cannot be read (a newer operator's, another's) counts as none: it is rendered anew.

    Raises:
        BadAnswerError: metadata or spec cannot be read.
    """
    try:
        head, parts = _decode_head(answer), _decode_parts(answer)
        stored_meta = _decode_stored_meta(parts.metadata)
        spec = ReportSpec.model_validate_json(bytes(parts.spec))
    except (msgspec.MsgspecError, ValidationError) as error:
        raise BadAnswerError(f"cannot read the report: {error}"[:300]) from error
    if stored_meta.creation_timestamp is None:
        raise BadAnswerError("cannot read the report: it has no creationTimestamp")
    status = _status(head, bytes(parts.status))
    return StoredReport(
        head=head,
        spec=spec,
        status=status,
        status_json=status.dump_json() if status else None,
        created_at=stored_meta.creation_timestamp,
        labels=stored_meta.labels,
    )


def _status(head: ReportHead, raw: bytes) -> ReportStatus | None:
    if raw in {b"", b"null", b"{}"}:
        return None
    try:
        return ReportStatus.model_validate_json(raw)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        log.warning(
            "stored status cannot be read and is rendered anew",
            extra=kv(namespace=head.metadata.namespace, report=head.metadata.name, field=".".join(map(str, where))),
        )
        return None
