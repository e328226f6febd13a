"""Decodes the few fields of a report that trends need. What the reports of many runs need in memory is bounded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from wfreport.api.argo import COMPLETED_PHASES, Instant, NodeType, Phase, Struct
from wfreport.api.nesting import json_decoder
from wfreport.api.run import WorkflowSource
from wfreport.core.compare.origin import origin_of

MAX_STEPS: Final = 1000
"""Steps of a run that are remembered to find those that another run did again."""

_WORK: Final = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN})


class _TrendRef(Struct, frozen=True):
    name: str = ""


class _TrendSpec(Struct, frozen=True):
    workflow_ref: _TrendRef = _TrendRef()


class _TrendMetadata(Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _TrendObserved(Struct, frozen=True):
    uid: str = ""
    phase: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None


class _TrendRetries(Struct, frozen=True):
    seconds: int = 0


class _TrendTiming(Struct, frozen=True):
    duration_seconds: int | None = None
    queued_seconds: int | None = None
    retries: _TrendRetries | None = None


class _TrendCriticalStep(Struct, frozen=True):
    queued_seconds: int | None = None


class _TrendFailure(Struct, frozen=True):
    display_name: str = ""
    template_name: str = ""
    owner: str = ""
    fingerprint: str = ""


class _TrendStep(Struct, frozen=True):
    display_name: str = ""
    template_name: str = ""
    type: str = ""
    phase: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None


class _TrendDefinition(Struct, frozen=True):
    digest: str = ""
    parameters_digest: str = ""


class _TrendRemediation(Struct, frozen=True):
    last: dict[str, str] | None = None


class _TrendStatus(Struct, frozen=True):
    observed_workflow: _TrendObserved | None = None
    summary: str = ""
    failure_class: str = ""
    failures: tuple[_TrendFailure, ...] = ()
    timing: _TrendTiming | None = None
    critical_path: tuple[_TrendCriticalStep, ...] = ()
    steps: msgspec.Raw = msgspec.Raw()
    workflow_source: WorkflowSource | None = None
    definition: _TrendDefinition | None = None
    remediation: _TrendRemediation | None = None


class _TrendReport(Struct, frozen=True):
    metadata: _TrendMetadata = _TrendMetadata()
    spec: _TrendSpec = _TrendSpec()
    status: _TrendStatus | None = None


_decode_report = json_decoder(_TrendReport)
_decode_steps = json_decoder(tuple[_TrendStep, ...])

StepKey = tuple[str, str]
"""Display name and template."""


class Failed(msgspec.Struct, frozen=True):
    """Why a run failed: its leading failure.

    Attributes:
        failure_class: its class.
        owner: the party that can fix it.
        fingerprint: equal failures share it; empty if unknown.
        step: display name of the step; empty if the Workflow itself failed.
        template: name of the step's template.
        summary: the run in one line.
    """

    failure_class: str
    owner: str = ""
    fingerprint: str = ""
    step: str = ""
    template: str = ""
    summary: str = ""


class RemediationFact(msgspec.Struct, frozen=True):
    """The last remediation of a run.

    Attributes:
        name: name of the Remediation; reports of one chain share it.
        action: what was done.
        outcome: what came of it.
    """

    name: str
    action: str
    outcome: str


class RunFacts(msgspec.Struct, frozen=True):
    """A run, as far as trends need it.

    Attributes:
        namespace: its namespace.
        workflow: name of its Workflow.
        uid: uid of its Workflow: several reports may be about one run.
        origin: what it has in common with comparable runs, such as ``CronWorkflow/etl``.
        started_at: its start.
        finished_at: its end; None while it runs.
        has_succeeded: whether it succeeded.
        seconds: its duration; None if unknown.
        queued_seconds: time before it started, and in which steps of its critical path were queued; None if unknown.
        retried_seconds: time that failed attempts took; None if unknown.
        definition: digests of the definition and the parameters; None if unknown.
        failed: why it failed; None if it did not, or if that is unknown.
        remediation: its last remediation.
        resubmitted_from: Workflow that it repeats; empty for none.
        steps: seconds of the steps that succeeded, if the run failed or repeats another one.
    """

    namespace: str
    workflow: str
    uid: str
    origin: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    has_succeeded: bool = False
    seconds: int | None = None
    queued_seconds: int | None = None
    retried_seconds: int | None = None
    definition: tuple[str, str] | None = None
    failed: Failed | None = None
    remediation: RemediationFact | None = None
    resubmitted_from: str = ""
    steps: Mapping[StepKey, int] = msgspec.field(default_factory=dict)


def decode_facts(report: bytes | msgspec.Raw) -> RunFacts | None:
    """Return the facts of a report; None if it has not seen a run yet.

    Raises:
        msgspec.MsgspecError: it is no report that this version can read.
    """
    decoded = _decode_report(report)
    status = decoded.status
    observed = status.observed_workflow if status else None
    if status is None or observed is None:
        return None
    ended = observed.finished_at if observed.phase in COMPLETED_PHASES else None
    source, name = status.workflow_source, decoded.spec.workflow_ref.name
    succeeded = ended is not None and observed.phase == Phase.SUCCEEDED
    repeats = (source.resubmitted_from if source else None) or ""
    needs_steps = ended is not None and (bool(repeats) or not succeeded)
    timing, definition = status.timing or _TrendTiming(), status.definition
    return RunFacts(
        namespace=decoded.metadata.namespace,
        workflow=name,
        uid=observed.uid or decoded.metadata.name,
        origin=origin_of(source, name),
        started_at=observed.started_at,
        finished_at=ended,
        has_succeeded=succeeded,
        seconds=timing.duration_seconds,
        queued_seconds=_queued_seconds(status),
        retried_seconds=_retried_seconds(status),
        definition=(definition.digest, definition.parameters_digest) if definition else None,
        failed=_failed(status) if ended and not succeeded else None,
        remediation=_remediation(status),
        resubmitted_from=repeats,
        steps=_work_done(status.steps, name) if needs_steps else {},
    )


def _queued_seconds(status: _TrendStatus) -> int | None:
    """Return the queued time as far as it is known: a run whose pods nobody saw has only the time before its start."""
    known = [step.queued_seconds for step in status.critical_path if step.queued_seconds is not None]
    before = status.timing.queued_seconds if status.timing else None
    return None if before is None and not known else (before or 0) + sum(known)


def _retried_seconds(status: _TrendStatus) -> int | None:
    if status.timing is None:
        return None
    return status.timing.retries.seconds if status.timing.retries else 0


def _failed(status: _TrendStatus) -> Failed:
    first = status.failures[0] if status.failures and status.failure_class else _TrendFailure()
    return Failed(
        status.failure_class or "Unknown",
        owner=first.owner,
        fingerprint=first.fingerprint,
        step=first.display_name,
        template=first.template_name,
        summary=status.summary,
    )


def _remediation(status: _TrendStatus) -> RemediationFact | None:
    last = status.remediation.last if status.remediation else None
    if not last or not last.get("action"):
        return None
    return RemediationFact(last.get("remediationRef", ""), last["action"], last.get("outcome", ""))


def _work_done(raw: msgspec.Raw, workflow: str) -> Mapping[StepKey, int]:
    done: dict[StepKey, int] = {}
    for step in (_decode_steps(raw) if bytes(raw) not in {b"", b"null"} else ())[:MAX_STEPS]:
        if step.type in _WORK and step.phase == Phase.SUCCEEDED and step.started_at and step.finished_at:
            seconds = max(0, round((step.finished_at - step.started_at).total_seconds()))
            # the step of a Workflow of one pod has the Workflow's name
            display_name = "" if step.display_name == workflow else step.display_name
            done[display_name, step.template_name] = seconds
    return done
