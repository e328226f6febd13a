"""What is read before a decision is acted on: the report, the Workflow and its Namespace as they are now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import ANNOTATION_NO_REMEDIATION
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.model import LiveState
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.reports import StoredReport
from wfreport.kube.resource import Document, ResourceReader

OPT_OUT_SECONDS: Final = 30
"""A Namespace is read again so long after it was read."""


@dataclass(frozen=True, slots=True)
class LiveWorkflow:
    """A Workflow as it is now.

    Attributes:
        document: whole.
        snapshot: the same, decoded.
        look: what a decision needs of it.
        is_done: whether Argo's controller is done with it too, or has begun with it again.
    """

    document: dict[str, Any]
    snapshot: Snapshot
    state: LiveState
    is_done: bool


def report_of(stored: StoredReport) -> WorkflowReport:
    """A report as decisions read it."""
    meta = stored.head.metadata
    return WorkflowReport(
        metadata=ObjectMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid, generation=meta.generation),
        spec=stored.spec,
        status=stored.status,
    )


def live_state_as_reported(report: WorkflowReport) -> LiveState | None:
    """The Workflow, taken to be as its report says: enough to see that there is nothing to do."""
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
    """Reads afresh."""

    def __init__(
        self, workflows: ResourceReader[Document], namespaces: ResourceReader[Document], *, clock: Callable[[], float]
    ) -> None:
        self._workflows = workflows
        self._namespaces = namespaces
        self._clock = clock
        self._opted_out: dict[str, tuple[float, bool]] = {}

    async def fetch(self, namespace: str, name: str) -> LiveWorkflow | None:
        """The Workflow of that name; None where there is none.

        Raises:
            ApiError: it could not be read.
            NotAWorkflow: what was read is none.
        """
        try:
            document = await self._workflows.get(namespace, name)
        except NotFoundError:
            return None
        snapshot = decode_workflow(document)
        workflow = snapshot.workflow
        metadata, ended = workflow.metadata, workflow.status.is_completed
        look = LiveState(
            uid=metadata.uid,
            resource_version=metadata.resource_version if ended else None,
            started_at=workflow.status.started_at,
            is_deleting=metadata.deletion_timestamp is not None,
            is_opted_out=_says_no(metadata.annotations) or await self._is_opted_out(namespace),
        )
        return LiveWorkflow(document, snapshot, look, (metadata.labels.get(LABEL_COMPLETED) == "true") == ended)

    async def _is_opted_out(self, namespace: str) -> bool:
        """Whether the Namespace wants no remediation; where it may not be read, no policy acts anyway."""
        read_at, opted_out = self._opted_out.get(namespace, (float("-inf"), False))
        if self._clock() - read_at < OPT_OUT_SECONDS:
            return opted_out
        try:
            found = await self._namespaces.get(None, namespace)
        except (ForbiddenError, NotFoundError):
            return False
        annotations = msgspec.convert(found["metadata"].get("annotations") or {}, dict[str, str])
        self._opted_out[namespace] = (self._clock(), _says_no(annotations))
        return _says_no(annotations)


def _says_no(annotations: dict[str, str]) -> bool:
    return annotations.get(ANNOTATION_NO_REMEDIATION) == "true"
