"""Gathers the live state that a decision is checked against before it is carried out."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import ANNOTATION_NO_REMEDIATION
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.model import LiveState
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.kube.client import decoded
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.reports import StoredReport
from wfreport.kube.resource import Document, ResourceReader
from wfreport.large_work import is_large_json, run_by_size

_decode_document = msgspec.json.Decoder(Document).decode

OPT_OUT_SECONDS: Final = 30
"""How long the opt-out annotation of a Namespace is cached."""


class LiveWorkflow(Struct, frozen=True):
    """A Workflow as just read from the API server.

    Attributes:
        document: the whole object.
        snapshot: the same, decoded.
        state: the part that a decision depends on.
        is_consistent: whether phase and completed label agree. They differ until Argo's controller has finished with a
            run that ended, or has taken up one that was retried.
    """

    document: dict[str, Any]
    snapshot: Snapshot
    state: LiveState
    is_consistent: bool


def report_of(stored: StoredReport) -> WorkflowReport:
    """Convert a stored report to the input type of decisions."""
    meta = stored.head.metadata
    return WorkflowReport(
        metadata=ObjectMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid, generation=meta.generation),
        spec=stored.spec,
        status=stored.status,
    )


def live_state_as_reported(report: WorkflowReport) -> LiveState | None:
    """Return the state of the Workflow according to its report: enough to find out that no action is due."""
    observed = report.status.observed_workflow if report.status else None
    if observed is None or not observed.uid:
        return None
    return LiveState(
        uid=observed.uid,
        resource_version=observed.resource_version,
        started_at=observed.started_at,
        is_opted_out=bool(observed.no_remediation),
    )


class Gatherer:
    """Reads Workflows and the opt-out annotation of their Namespaces."""

    def __init__(
        self, workflows: ResourceReader[Document], namespaces: ResourceReader[Document], *, clock: Callable[[], float]
    ) -> None:
        self._workflows = workflows
        self._namespaces = namespaces
        self._clock = clock
        self._opted_out: dict[str, tuple[float, bool]] = {}

    async def fetch(self, namespace: str, name: str) -> LiveWorkflow | None:
        """Return the Workflow of that name, or None if it does not exist.

        Raises:
            ApiError: the request failed.
            NotAWorkflow: the object cannot be decoded.
        """
        try:
            document, snapshot = await read_workflow(self._workflows, namespace, name)
        except NotFoundError:
            return None
        workflow = snapshot.workflow
        metadata, is_completed = workflow.metadata, workflow.status.is_completed
        state = LiveState(
            uid=metadata.uid,
            resource_version=metadata.resource_version if is_completed else None,
            started_at=workflow.status.started_at,
            is_deleting=metadata.deletion_timestamp is not None,
            is_opted_out=_opts_out(metadata.annotations) or await self._is_opted_out(namespace),
        )
        is_labelled = metadata.labels.get(LABEL_COMPLETED) == "true"
        return LiveWorkflow(document, snapshot, state, is_labelled == is_completed)

    async def _is_opted_out(self, namespace: str) -> bool:
        """Whether the Namespace opts out. If it cannot be read, it does not: no policy acts there without rights."""
        read_at, opted_out = self._opted_out.get(namespace, (float("-inf"), False))
        if self._clock() - read_at < OPT_OUT_SECONDS:
            return opted_out
        try:
            document = await self._namespaces.get(None, namespace)
        except (ForbiddenError, NotFoundError):
            return False
        annotations = msgspec.convert(document["metadata"].get("annotations") or {}, dict[str, str])
        self._opted_out[namespace] = (self._clock(), _opts_out(annotations))
        return _opts_out(annotations)


async def read_workflow(
    workflows: ResourceReader[Document], namespace: str, name: str
) -> tuple[dict[str, Any], Snapshot]:
    """Return a Workflow as the API server has it, and decoded. A small one never waits for another one that is large.

    Raises:
        ApiError: the request failed.
        NotAWorkflow: the object cannot be decoded.
    """
    body = await workflows.get_json(namespace, name)
    return await run_by_size(is_large_json(body), _decoded, body)


def _decoded(body: bytes) -> tuple[dict[str, Any], Snapshot]:
    return decoded(_decode_document, body), decode_workflow(body)


def _opts_out(annotations: dict[str, str]) -> bool:
    return annotations.get(ANNOTATION_NO_REMEDIATION) == "true"
