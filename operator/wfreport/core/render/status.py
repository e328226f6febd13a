"""Renders the status of a report from the Workflow, the evidence of its pods, and the stored status.

    snapshot ─┐
    evidence ─┼─► failures, times, waits, warnings, steps ─► summary, conditions ─► fit to size ─► status
    stored ───┘

This is the only place that writes a status. The stored status is an input because pods may have been deleted since, and
earlier runs are recorded nowhere else (docs/decisions/0002-the-stored-report-is-an-input.md). No value depends on the
current time, except the choice of the waits of a running Workflow that are reported.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct, structs

from wfreport.api import names
from wfreport.api.argo import Parameter, Phase, Workflow
from wfreport.api.classes import CAUSES, FailureClass, Role
from wfreport.api.counts import Counts, StepCounts
from wfreport.api.reasons import ConditionType
from wfreport.api.report import (
    Failure,
    ObservedWorkflow,
    PreviousAttempt,
    ReportSpec,
    ReportStatus,
    RunRemediation,
    Stalled,
    Step,
    StepWarning,
    Waiting,
)
from wfreport.api.run import EarlierRun
from wfreport.api.wire import LABEL_KEY, SHORT, is_same_time
from wfreport.core.classify.roles import assign_roles
from wfreport.core.compare.comparison import NO_RUNS, KnownRuns
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.columns import StepLabels, leading_reason, leading_step
from wfreport.core.render.compared import with_comparison, with_lateness
from wfreport.core.render.conditions import conditions_of_run, leading_class
from wfreport.core.render.counts import count_nodes, count_steps, nothing_ran
from wfreport.core.render.definition import define_run
from wfreport.core.render.equal_failures import LeadingGroup, leading_group
from wfreport.core.render.failures import (
    MAX_FAILURES,
    MAX_SUPERSEDED,
    FailureContext,
    describe_failure,
    stored_attempts,
    superseded_attempts,
)
from wfreport.core.render.size import fit
from wfreport.core.render.source import find_links, find_source
from wfreport.core.render.stall import past_hang, render_stalled, stalled_condition
from wfreport.core.render.steps import list_outputs, list_parameters, list_steps, resources_used
from wfreport.core.render.summary import summarize
from wfreport.core.render.warnings import find_warnings
from wfreport.core.snapshot.identity import status_of_run
from wfreport.core.snapshot.model import NodesState, PodEvidence, RenderOptions, Snapshot, Source
from wfreport.core.snapshot.pod_names import with_observed_pod_names
from wfreport.core.stall.model import UNKNOWN_VERDICT, StallVerdict
from wfreport.core.timing.lock_waits import LockHolds
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
"""Phases as numbers, for dashboards; any other phase is -1."""


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
    known: KnownRuns = NO_RUNS,
    stall: StallVerdict = UNKNOWN_VERDICT,
) -> ReportStatus:
    """Render the status of the report of a Workflow.

    Args:
        snapshot: the Workflow.
        stored: stored status of the report, if any.
        spec: spec of the report.
        generation: generation of the spec.
        evidence: evidence of the Workflow's pods, by pod name.
        options: options from the settings.
        redactor: redactor of secrets in free text.
        now: current time; it only decides whether a wait has exceeded its grace time, and a run its usual duration.
        known: what is known of earlier runs.
        stall: whether the run hangs.
    """
    sanitizer, workflow = TextSanitizer(redactor), snapshot.workflow
    stored_run = status_of_run(stored, workflow)
    if stored_run and snapshot.nodes_state is NodesState.OFFLOADED and _has_this_end(stored_run, workflow):
        # the nodes of a completed run never change, so the stored status is complete
        return stored_run.changed(
            observed_workflow=_observed(snapshot, sanitizer),
            observed_generation=generation,
            reporter=options.reporter or None,
        )
    runs = _earlier_runs(stored, is_same_run=stored_run is not None)
    context = _failure_context(snapshot, sanitizer, stored_run, spec, evidence, options)
    found = _findings(context, stored_run, stall, now=now, is_first_run=not runs)
    stalled = render_stalled(stall, stored_run, sanitizer, found.labels)
    hang = past_hang(stored_run, stalled, is_completed=workflow.status.is_completed, labels=found.labels)
    findings = structs.replace(found, stalled=stalled, warnings=[*found.warnings, *hang])
    status = _status_of_run(findings, context, stored, runs, generation)
    status = with_comparison(status, workflow.metadata.name, known, stored_run)
    status = with_lateness(status, workflow.metadata.name, known, stored_run, now)
    return fit(status, options.max_bytes, _left_out(findings, snapshot), _changed_at(workflow), generation)


def _status_of_run(
    findings: "_Findings",
    context: FailureContext,
    stored: ReportStatus | None,
    runs: list[EarlierRun],
    generation: int | None,
) -> ReportStatus:
    snapshot, sanitizer, workflow = context.snapshot, context.sanitizer, context.snapshot.workflow
    summary = _summary(findings, workflow)
    arguments = _arguments(workflow)
    parameters = list_parameters(arguments, sanitizer)
    return ReportStatus(
        observed_generation=generation,
        observed_workflow=_observed(snapshot, sanitizer),
        conditions=[
            *conditions_of_run(snapshot, findings.failures, summary, generation),
            *stalled_condition(findings.stalled, _changed_at(workflow), generation),
        ],
        summary=summary,
        failure_class=_failure_class(findings.failures),
        reason=leading_reason(findings.failures, findings.waiting, findings.stalled),
        step=leading_step(findings.failures, findings.waiting, findings.stalled, findings.labels),
        counts=findings.counts,
        step_counts=findings.step_counts,
        timing=findings.times.timing,
        critical_path=list(findings.times.path) or None,
        failures=findings.failures or None,
        waiting=findings.waiting or None,
        stalled=findings.stalled,
        warnings=findings.warnings or None,
        superseded_attempts=findings.superseded[-MAX_SUPERSEDED:] or None,
        steps=findings.steps or None,
        parameters=parameters or None,
        outputs=list_outputs(snapshot, sanitizer),
        workflow_source=find_source(workflow),
        resources=resources_used(workflow) or None,
        definition=define_run(
            snapshot, context.evidence, arguments, parameters, sanitizer, stored.definition if stored else None
        ),
        remediation=(stored.remediation if stored else None) or RunRemediation(),
        runs=runs or None,
        links=find_links(workflow, sanitizer, context.options.ui_url_template),
        reporter=context.options.reporter or None,
    )


class _Findings(Struct, frozen=True):
    """Findings from nodes, evidence and the stored status. ``roles`` has all failures, even those not listed."""

    failures: list[Failure]
    roles: list[Role]
    leading: LeadingGroup
    superseded: list[PreviousAttempt]
    counts: Counts | None
    step_counts: StepCounts | None
    nothing_ran: str | None
    times: RunTimes
    waiting: list[Waiting]
    warnings: list[StepWarning]
    steps: list[Step]
    labels: StepLabels
    stalled: Stalled | None = None


def _findings(
    context: FailureContext, stored_run: ReportStatus | None, stall: StallVerdict, *, now: datetime, is_first_run: bool
) -> _Findings:
    snapshot, sanitizer, evidence, options = context.snapshot, context.sanitizer, context.evidence, context.options
    offloaded = stored_run if snapshot.nodes_state is NodesState.OFFLOADED else None
    failures, roles, leading = _failures(context, offloaded)
    times = time_run(snapshot, sanitizer, evidence=evidence, stored=stored_run, is_first_run=is_first_run)
    step_counts = count_steps(snapshot)
    steps = list_steps(snapshot, sanitizer, _steps_limit(snapshot.workflow, options), times)
    return _Findings(
        failures=failures,
        roles=roles,
        leading=leading,
        superseded=superseded_attempts(context),
        counts=count_nodes(snapshot),
        step_counts=step_counts,
        nothing_ran=sanitizer.line(nothing_ran(snapshot, step_counts)),
        times=times,
        waiting=find_waiting(
            snapshot,
            sanitizer,
            evidence=evidence,
            lock_holds=LockHolds(stall.lock_holds, (stored_run.waiting if stored_run else None) or ()),
            now=now,
            graces=options.graces,
        ),
        warnings=find_warnings(snapshot, evidence, sanitizer, (stored_run.warnings if stored_run else None) or ()),
        steps=steps or (offloaded.steps if offloaded else None) or [],
        labels=StepLabels(snapshot.tree, sanitizer, stored_run),
    )


def _summary(findings: _Findings, workflow: Workflow) -> str:
    stalled = findings.stalled
    return summarize(
        workflow,
        failures=findings.failures,
        roles=findings.roles,
        leading=findings.leading,
        stalled=stalled,
        waiting=[wait for wait in findings.waiting if stalled is None or wait.node_id != stalled.node_id],
        warnings=findings.warnings,
        counts=findings.counts,
        steps=findings.step_counts,
        timing=findings.times.timing,
        labels=findings.labels,
        nothing_ran=findings.nothing_ran,
    )


def _failure_context(
    snapshot: Snapshot,
    sanitizer: TextSanitizer,
    stored_run: ReportStatus | None,
    spec: ReportSpec,
    evidence: Mapping[str, PodEvidence],
    options: RenderOptions,
) -> FailureContext:
    return FailureContext(
        snapshot=with_observed_pod_names(snapshot, evidence),
        evidence=evidence,
        stored=_by_node(stored_run) if stored_run else {},
        stored_attempts=stored_attempts(stored_run),
        stored_waits=stored_waiting_texts(stored_run),
        sanitizer=sanitizer,
        options=options,
        log_tail_lines=options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines,
    )


def _failures(
    context: FailureContext, offloaded: ReportStatus | None
) -> tuple[list[Failure], list[Role], LeadingGroup]:
    """Return the failures to list, the roles of all failures, and the failures that equal the first one.

    ``offloaded`` is the stored status of a run whose nodes are unavailable: the only record of its failures.
    """
    if offloaded and offloaded.failures:
        roles = [failure.role for failure in offloaded.failures]
        causes = sum(1 for role in roles if role in CAUSES)
        return offloaded.failures, roles, LeadingGroup(min(1, causes), max(0, causes - 1))
    leaves = assign_roles(context.snapshot)
    failures = [describe_failure(leaf, context) for leaf in leaves[:MAX_FAILURES]]
    return failures, [leaf.role for leaf in leaves], leading_group(failures, leaves, context.snapshot.tree)


def _steps_limit(workflow: Workflow, options: RenderOptions) -> int:
    return options.steps if workflow.status.is_completed else min(options.steps, options.running_steps)


def _arguments(workflow: Workflow) -> Collection[Parameter]:
    """Return the arguments of the run. Those of a WorkflowTemplate have its defaults, which only its copy has."""
    copied = workflow.status.stored_workflow_template_spec
    specs = (copied, workflow.spec) if copied else (workflow.spec,)
    found = [each for spec in specs if spec.arguments for each in spec.arguments.parameters]
    return {each.name: each for each in found}.values()


def _left_out(findings: _Findings, snapshot: Snapshot) -> list[str]:
    notes, times = [], findings.times
    failures, steps, superseded = len(findings.roles), len(findings.steps), len(findings.superseded)
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
    return {failure.node_id or "": failure for failure in stored.failures or ()}


def _failure_class(failures: list[Failure]) -> FailureClass | None:
    return failures[0].failure_class if leading_class(failures) else None


def _changed_at(workflow: Workflow) -> datetime | None:
    ended = workflow.status.finished_at if workflow.status.is_completed else None
    return ended or workflow.status.started_at or workflow.metadata.creation_timestamp


def _observed(snapshot: Snapshot, sanitizer: TextSanitizer) -> ObservedWorkflow:
    workflow = snapshot.workflow
    status, completed = workflow.status, workflow.status.is_completed
    return ObservedWorkflow(
        source="Archive" if snapshot.source is Source.ARCHIVE else None,
        uid=clip(workflow.metadata.uid, SHORT),
        resource_version=clip(workflow.metadata.resource_version, SHORT) if completed else None,
        phase=clip(status.phase, SHORT),
        code=CODES.get(status.phase, -1),
        message=sanitizer.text(status.message),
        started_at=status.started_at,
        finished_at=status.finished_at if completed else None,
        progress=clip(status.progress, SHORT),
        labels=_labels(workflow) or None,
        no_remediation=workflow.metadata.annotations.get(names.ANNOTATION_NO_REMEDIATION) == "true" or None,
        shutdown=clip(workflow.spec.shutdown, SHORT),
    )


def _labels(workflow: Workflow) -> dict[str, str]:
    """Return the labels, unmodified because policies select by them."""
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
    """Return whether the run is in progress and the stored status has earlier nodes of it."""
    stored_run = status_of_run(stored, workflow)
    return stored_run is not None and not workflow.status.is_completed and _has_nodes(stored_run)


def _has_this_end(stored: ReportStatus, workflow: Workflow) -> bool:
    """Return whether the stored status of this run has its final nodes, and nobody else has written the summary."""
    observed, status = stored.observed_workflow, workflow.status
    if (
        stored.summary is None
        or observed is None
        or observed.finished_at is None
        or not status.is_completed
        or status.finished_at is None
    ):
        return False
    same_end = observed.uid == workflow.metadata.uid and is_same_time(observed.finished_at, status.finished_at)
    return same_end and _has_nodes(stored)


def _has_nodes(stored: ReportStatus) -> bool:
    return any(c.type == ConditionType.NODES_AVAILABLE and c.status == "True" for c in stored.conditions or ())
