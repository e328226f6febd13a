"""The one writer of a report's status.

From the Workflow as it was read, what was seen of its pods, and the report that is stored.

The stored report is an input, since the pods are gone by now and earlier runs are nowhere else (docs/decisions/0002).
Nothing here depends on the time of the look, but for which waits of a running Workflow are worth a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from wfreport.api import names
from wfreport.api.argo import Parameter, Phase, Workflow
from wfreport.api.classes import FailureClass, Role
from wfreport.api.reasons import ConditionType
from wfreport.api.report import (
    Counts,
    EarlierRun,
    Failure,
    ObservedWorkflow,
    PreviousAttempt,
    ReportSpec,
    ReportStatus,
    RunRemediation,
    Step,
    StepWarning,
    Waiting,
)
from wfreport.api.wire import LABEL_KEY, SHORT, is_same_time
from wfreport.core.classify.roles import assign_roles
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.conditions import judge, leading_class
from wfreport.core.render.counts import count_nodes
from wfreport.core.render.failures import (
    MAX_FAILURES,
    MAX_SUPERSEDED,
    FailureContext,
    describe_failure,
    remembered_attempts,
    superseded_attempts,
)
from wfreport.core.render.size import fit
from wfreport.core.render.source import find_links, find_source
from wfreport.core.render.steps import list_outputs, list_parameters, list_steps, resources_used
from wfreport.core.render.summary import summarize
from wfreport.core.render.warnings import find_warnings
from wfreport.core.snapshot.identity import status_of_run
from wfreport.core.snapshot.model import NodesState, PodEvidence, RenderOptions, Snapshot, Source
from wfreport.core.timing.timing import RunTimes, time_run
from wfreport.core.timing.waiting import find_waiting, stored_waiting_texts

MAX_RUNS = 10
MAX_LABELS = 64

CODES: Mapping[str, int] = {
    Phase.SUCCEEDED: 1,
    Phase.FAILED: 0,
    Phase.RUNNING: 2,
    Phase.ERROR: 3,
    Phase.PENDING: 4,
}
"""Phases as numbers, for dashboards; anything else is -1."""


def render_status(
    snapshot: Snapshot,
    *,
    stored: ReportStatus | None,
    spec: ReportSpec,
    generation: int | None,
    evidence: Mapping[str, PodEvidence],
    options: RenderOptions,
    redactor: Redactor,
    now: datetime,
) -> ReportStatus:
    """The status of the report of a Workflow that was read.

    Args:
        snapshot: the Workflow.
        stored: the status that the report has, if any.
        spec: what the user asks of this report.
        generation: of that spec.
        evidence: what was seen of its pods, by pod name.
        options: what the settings say.
        redactor: takes secrets out of free text.
        now: when it is looked at; it decides whether a wait is past its grace time, and nothing else.
    """
    prose, workflow = TextSanitizer(redactor), snapshot.workflow
    before = status_of_run(stored, workflow)
    if before and snapshot.nodes_state is NodesState.OFFLOADED and _has_this_end(before, workflow):
        # the nodes of a run that has ended are always the same: what the report has of them is all there is
        return before.changed(observed_workflow=_observed(snapshot, prose), observed_generation=generation)
    runs = _earlier_runs(stored, is_same_run=before is not None)
    context = _failure_context(snapshot, prose, before, spec, evidence, options)
    found = _findings(context, before, now=now, is_first_run=not runs)
    summary = _summary(found, workflow)
    status = ReportStatus(
        observed_generation=generation,
        observed_workflow=_observed(snapshot, prose),
        conditions=judge(snapshot, found.failures, summary, generation),
        summary=summary,
        failure_class=_failure_class(found.failures),
        counts=found.counts,
        timing=found.times.timing,
        critical_path=list(found.times.path) or None,
        failures=found.failures or None,
        waiting=found.waiting or None,
        warnings=found.warnings or None,
        superseded_attempts=found.superseded[-MAX_SUPERSEDED:] or None,
        steps=found.steps or None,
        parameters=list_parameters(_arguments(workflow), prose) or None,
        outputs=list_outputs(snapshot, prose),
        workflow_source=find_source(workflow),
        resources=resources_used(workflow) or None,
        remediation=(stored.remediation if stored else None) or RunRemediation(),
        runs=runs or None,
        links=find_links(workflow, prose, options.ui_url_template),
    )
    return fit(status, options.max_bytes, _left_out(found, snapshot), _changed_at(workflow), generation)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the nodes, the pods and the stored report say together; ``roles`` are of all failures, listed or not."""

    failures: list[Failure]
    roles: list[Role]
    superseded: list[PreviousAttempt]
    counts: Counts | None
    times: RunTimes
    waiting: list[Waiting]
    warnings: list[StepWarning]
    steps: list[Step]


def _findings(context: FailureContext, before: ReportStatus | None, *, now: datetime, is_first_run: bool) -> _Findings:
    snapshot, prose, evidence, options = context.snapshot, context.prose, context.evidence, context.options
    known = before if snapshot.nodes_state is NodesState.OFFLOADED else None
    failures, roles = _failures(context, known)
    times = time_run(snapshot, prose, evidence=evidence, stored=before, is_first_run=is_first_run)
    steps = list_steps(snapshot, prose, _steps_limit(snapshot.workflow, options), times)
    return _Findings(
        failures=failures,
        roles=roles,
        superseded=superseded_attempts(context),
        counts=count_nodes(snapshot),
        times=times,
        waiting=find_waiting(snapshot, prose, evidence=evidence, now=now, graces=options.graces),
        warnings=find_warnings(snapshot, evidence, prose, (before.warnings if before else None) or ()),
        steps=steps or (known.steps if known else None) or [],
    )


def _summary(found: _Findings, workflow: Workflow) -> str:
    return summarize(
        workflow,
        failures=found.failures,
        roles=found.roles,
        waiting=found.waiting,
        warnings=found.warnings,
        counts=found.counts,
        timing=found.times.timing,
    )


def _failure_context(
    snapshot: Snapshot,
    prose: TextSanitizer,
    before: ReportStatus | None,
    spec: ReportSpec,
    evidence: Mapping[str, PodEvidence],
    options: RenderOptions,
) -> FailureContext:
    return FailureContext(
        snapshot=snapshot,
        evidence=evidence,
        stored=_by_node(before) if before else {},
        remembered=remembered_attempts(before),
        waited_for=stored_waiting_texts(before),
        prose=prose,
        options=options,
        log_tail_lines=options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines,
    )


def _failures(context: FailureContext, known: ReportStatus | None) -> tuple[list[Failure], list[Role]]:
    """The failures that are listed, and the roles of all of them.

    ``known`` is what the report says of a run whose nodes are not here: what was seen of its pods is nowhere else.
    """
    if known and known.failures:
        return known.failures, [failure.role for failure in known.failures]
    leaves = assign_roles(context.snapshot)
    return [describe_failure(leaf, context) for leaf in leaves[:MAX_FAILURES]], [leaf.role for leaf in leaves]


def _steps_limit(workflow: Workflow, options: RenderOptions) -> int:
    return options.steps if workflow.status.is_completed else min(options.steps, options.running_steps)


def _arguments(workflow: Workflow) -> list[Parameter]:
    return workflow.spec.arguments.parameters if workflow.spec.arguments else []


def _left_out(found: _Findings, snapshot: Snapshot) -> list[str]:
    notes, times = [], found.times
    failures, steps, superseded = len(found.roles), len(found.steps), len(found.superseded)
    if steps < len(snapshot.nodes):
        notes.append(f"{len(snapshot.nodes) - steps} of {len(snapshot.nodes)} steps")
    if failures > MAX_FAILURES:
        notes.append(f"{failures - MAX_FAILURES} of {failures} failures")
    if superseded > MAX_SUPERSEDED:
        notes.append(f"{superseded - MAX_SUPERSEDED} of {superseded} superseded attempts")
    if times.path_length > len(times.path):
        notes.append(f"{times.path_length - len(times.path)} of {times.path_length} steps of the critical path")
    return notes


def _by_node(stored: ReportStatus) -> dict[str, Failure]:
    return {failure.node_id: failure for failure in stored.failures or () if failure.node_id}


def _failure_class(failures: list[Failure]) -> FailureClass | None:
    return failures[0].failure_class if leading_class(failures) else None


def _changed_at(workflow: Workflow) -> datetime | None:
    ended = workflow.status.finished_at if workflow.status.is_completed else None
    return ended or workflow.status.started_at or workflow.metadata.creation_timestamp


def _observed(snapshot: Snapshot, prose: TextSanitizer) -> ObservedWorkflow:
    workflow = snapshot.workflow
    status, completed = workflow.status, workflow.status.is_completed
    return ObservedWorkflow(
        source="Archive" if snapshot.source is Source.ARCHIVE else None,
        uid=clip(workflow.metadata.uid, SHORT),
        resource_version=clip(workflow.metadata.resource_version, SHORT) if completed else None,
        phase=clip(status.phase, SHORT),
        code=CODES.get(status.phase, -1),
        message=prose.text(status.message),
        started_at=status.started_at,
        finished_at=status.finished_at if completed else None,
        progress=clip(status.progress, SHORT),
        labels=_labels(workflow) or None,
        no_remediation=workflow.metadata.annotations.get(names.ANNOTATION_NO_REMEDIATION) == "true" or None,
        shutdown=clip(workflow.spec.shutdown, SHORT),
    )


def _labels(workflow: Workflow) -> dict[str, str]:
    """The labels, each as it is: a policy selects by them."""
    fitting = [
        (key, value)
        for key, value in sorted(workflow.metadata.labels.items())
        if len(key) <= LABEL_KEY and len(value) <= SHORT
    ]
    return dict(fitting[:MAX_LABELS])


def _earlier_runs(stored: ReportStatus | None, *, is_same_run: bool) -> list[EarlierRun]:
    if stored is None:
        return []
    runs = list(stored.runs or ())
    if not is_same_run:
        runs.append(_as_earlier(stored))
    return runs[-MAX_RUNS:]


def _as_earlier(stored: ReportStatus) -> EarlierRun:
    observed = stored.observed_workflow
    first = stored.failures[0] if stored.failures else None
    return EarlierRun(
        started_at=observed.started_at if observed else None,
        finished_at=observed.finished_at if observed else None,
        phase=observed.phase if observed else None,
        failure_class=stored.failure_class,
        fingerprint=first.fingerprint if first else None,
        summary=stored.summary,
        first_failure=first.display_name if first else None,
    )


def has_nodes_of_run(stored: ReportStatus | None, workflow: Workflow) -> bool:
    """Whether the report has nodes of the run, as it was a while ago, and the run still goes on."""
    of_run = status_of_run(stored, workflow)
    return of_run is not None and not workflow.status.is_completed and _has_nodes(of_run)


def _has_this_end(stored: ReportStatus, workflow: Workflow) -> bool:
    """Whether the report, which is of this run, has its nodes as it ended."""
    observed, status = stored.observed_workflow, workflow.status
    if observed is None or observed.finished_at is None or not status.is_completed or status.finished_at is None:
        return False
    same_end = observed.uid == workflow.metadata.uid and is_same_time(observed.finished_at, status.finished_at)
    return same_end and _has_nodes(stored)


def _has_nodes(stored: ReportStatus) -> bool:
    return any(c.type == ConditionType.NODES_AVAILABLE and c.status == "True" for c in stored.conditions or ())
