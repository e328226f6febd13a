"""The trace of a finished run, made from its report alone.

                run                     SERVER, from the Workflow's creation to its end
                 ├── queued             before Argo's controller started it
                 ├── step               INTERNAL, one for each step of the report, nested as `wfreport show` nests them
                 │    ├── queued        before its main container started
                 │    └── step …
                 └── waiting for step   from the end of what a step depends on to the step's creation

All ids are hashes of what they identify, so exporting the same run again changes nothing. Names, attributes and results
are those of OpenTelemetry's conventions for CI/CD.

Source: https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from wfreport.api.calendar import duration_of, shifted
from wfreport.api.report import Failure, ReportStatus, Step
from wfreport.core.export.results import UNSUCCESSFUL, PipelineResult, result_of
from wfreport.core.step_outline import outline_steps

AttributeValue = str | int
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


class Span(Struct, frozen=True):
    """A span. Its ids are hexadecimal; ``parent_id`` is empty for the run.

    Attributes:
        is_run: whether it is the span of the run, whose kind is SERVER; all others are INTERNAL.
        error: the description of the status ERROR; None if the status is unset.
    """

    span_id: str
    parent_id: str
    name: str
    started_at: datetime
    ended_at: datetime
    attributes: Mapping[str, AttributeValue]
    is_run: bool = False
    error: str | None = None


class Trace(Struct, frozen=True):
    """The spans of a run, the run first.

    Attributes:
        trace_id: 32 hexadecimal digits.
        resource: attributes of the resource: the run is an entity of its own.
        argo_trace_id: the trace that Argo's controller itself recorded; empty if there is none.
    """

    trace_id: str
    resource: Mapping[str, AttributeValue]
    spans: tuple[Span, ...]
    argo_trace_id: str = ""


def trace_of(namespace: str, workflow_name: str, status: ReportStatus) -> Trace | None:
    """Return the trace of a finished run; None if the report does not know when it started and ended."""
    run = status.observed_workflow
    if run is None or run.started_at is None or run.finished_at is None:
        return None
    trace_id = _hash(run.uid or workflow_name, run.started_at.isoformat())[:32]
    tracer = _Tracer(trace_id, workflow_name, status, run.phase, run.started_at, run.finished_at)
    resource: dict[str, AttributeValue] = {
        "service.name": "argo-workflows",
        "k8s.namespace.name": namespace,
        "cicd.pipeline.run.id": run.uid or "",
        **_known({"cicd.pipeline.run.url.full": _url(status)}),
    }
    argo = (status.links and status.links.trace) or ""
    return Trace(trace_id, resource, tuple(tracer.spans()), argo if _TRACE_ID.fullmatch(argo) else "")


class _Tracer(Struct):
    trace_id: str
    workflow_name: str
    status: ReportStatus
    phase: str | None
    started_at: datetime
    finished_at: datetime
    _failures: dict[str, Failure] = field(default_factory=dict)

    def spans(self) -> Iterator[Span]:
        """Yield the span of the run, and then those of its steps and waits."""
        self._failures = {failure.node_id: failure for failure in self.status.failures or () if failure.node_id}
        queued = duration_of((self.status.timing and self.status.timing.queued_seconds) or 0)
        run = self._run(shifted(self.started_at, -queued))
        yield run
        if queued:
            yield self._wait(run, "queued", shifted(self.started_at, -queued), self.started_at)
        outline = outline_steps(self.status.steps or (), self.workflow_name)
        pending = [(entry, run) for entry in (*outline.exit_handlers, *outline.main)[::-1]]
        while pending:
            entry, parent = pending.pop()
            step = self._step(entry.step, parent)
            yield step
            yield from self._waits(entry.step, step, parent)
            pending += [(inner, step) for inner in reversed(entry.inside)]

    def _run(self, started_at: datetime) -> Span:
        leading = next(iter(self.status.failures or ()), None) if self.status.failure_class else None
        result = result_of(self.phase, leading)
        source = self.status.workflow_source
        pipeline = (source and source.pipeline) or self.workflow_name
        attributes = {
            "cicd.pipeline.name": pipeline,
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.result": result.value,
            "argo.workflow.name": self.workflow_name,
            "error.type": _error_type(result, leading),
        }
        return Span(
            span_id=self._id("run"),
            parent_id="",
            name=f"RUN {pipeline}",
            started_at=started_at,
            ended_at=max(started_at, self.finished_at),
            attributes=_known(attributes),
            is_run=True,
            error=(self.status.summary or result.value) if result in UNSUCCESSFUL else None,
        )

    def _step(self, step: Step, parent: Span) -> Span:
        failure = self._failures.get(step.node_id)
        result = result_of(step.phase, failure)
        started_at = step.started_at or parent.started_at
        ended_at = step.finished_at or (started_at if result == PipelineResult.SKIP else self.finished_at)
        ui = _url(self.status)
        attributes = {
            "cicd.pipeline.task.name": step.template_name or step.display_name,
            "cicd.pipeline.task.run.id": step.node_id,
            "cicd.pipeline.task.run.result": result.value,
            "cicd.pipeline.task.run.url.full": f"{ui}?nodeId={step.node_id}" if ui else None,
            "error.type": _error_type(result, failure),
            "k8s.pod.name": step.pod_name,
            "k8s.node.name": failure.host_node_name if failure else None,
            "k8s.container.name": failure.container if failure else None,
            "process.exit.code": step.exit_code,
        }
        return Span(
            span_id=self._id("step", step.node_id),
            parent_id=parent.span_id,
            name=step.display_name,
            started_at=started_at,
            ended_at=max(started_at, ended_at),
            attributes=_known(attributes),
            error=_description(step, failure) if result in UNSUCCESSFUL else None,
        )

    def _waits(self, step: Step, span: Span, parent: Span) -> Iterator[Span]:
        """Yield what a step waited for: to be created, within its group, and to start, within itself."""
        if step.wait_seconds and step.started_at:
            since = shifted(step.started_at, -duration_of(step.wait_seconds))
            yield self._wait(parent, f"waiting for {step.display_name}", since, step.started_at, step.node_id)
        if step.queued_seconds and step.started_at:
            until = shifted(step.started_at, duration_of(step.queued_seconds))
            yield self._wait(span, "queued", step.started_at, min(until, span.ended_at))

    def _wait(self, parent: Span, name: str, since: datetime, until: datetime, node_id: str = "") -> Span:
        return Span(self._id("wait", parent.span_id, node_id), parent.span_id, name, since, until, {})

    def _id(self, *parts: str) -> str:
        return _hash(self.trace_id, *parts)[:16]


def _url(status: ReportStatus) -> str | None:
    return status.links.ui if status.links else None


def _error_type(result: PipelineResult, failure: Failure | None) -> str | None:
    """Return the class of a failure. Its values are few, as the conventions ask of ``error.type``."""
    if result not in UNSUCCESSFUL:
        return None
    return failure.failure_class.value if failure else "_OTHER"


def _description(step: Step, failure: Failure | None) -> str:
    return (failure and (failure.log_line or failure.message)) or step.message or step.phase


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value not in {None, ""}}


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
