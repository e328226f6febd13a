"""The one writer of a report's status.

From the Workflow as it was read, what was seen of its pods, and the report that is stored.

The stored report is an input, since the pods are gone by now and earlier runs are nowhere else (docs/decisions/0002).
Nothing here depends on the time of the look, but for which waits of a running Workflow are worth a word.
"""

from collections.abc import Mapping
from datetime import datetime

from wfreport.api import names
from wfreport.api.argo import COMPLETED_PHASES, Parameter, Phase, Workflow
from wfreport.api.classes import FailureClass
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import (
    EarlierRun,
    Failure,
    ObservedWorkflow,
    ReportSpec,
    ReportStatus,
    RunRemediation,
    WorkflowRef,
)
from wfreport.api.wire import LABEL_KEY, SHORT, TEXT, is_same_time
from wfreport.core.bounds import cut
from wfreport.core.conditions import EPOCH, condition, evidence_complete, judge, leading_class
from wfreport.core.counts import count_nodes
from wfreport.core.evidence import LogLimits, amended_failure
from wfreport.core.failures import (
    MAX_FAILURES,
    MAX_SUPERSEDED,
    FailureContext,
    describe_failure,
    remembered_attempts,
    superseded_attempts,
)
from wfreport.core.model import NodesState, PodEvidence, RenderOptions, Snapshot, Source, Unavailable
from wfreport.core.prose import Prose, clip
from wfreport.core.redact import Redactor
from wfreport.core.roles import assign_roles
from wfreport.core.size import fit
from wfreport.core.source import find_links, find_source
from wfreport.core.steps import list_outputs, list_parameters, list_steps, resources_used
from wfreport.core.summary import summarize
from wfreport.core.timing import RunTimes, time_run
from wfreport.core.tree import Tree
from wfreport.core.waiting import find_waiting, waited_for
from wfreport.core.warnings import find_warnings

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
    if stored and snapshot.nodes_state is NodesState.OFFLOADED and _has_this_end(stored, snapshot.workflow):
        # the nodes of a run that has ended are always the same: what the report has of them is all there is
        observed = _observed(snapshot, Prose(redactor))
        return stored.changed(observed_workflow=observed, observed_generation=generation)
    tree, prose, workflow = Tree(snapshot), Prose(redactor), snapshot.workflow
    lines = options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines
    runs = _earlier_runs(stored, workflow)
    before = stored if stored and not is_new_run(stored, workflow) else None
    context = FailureContext(
        snapshot=snapshot,
        tree=tree,
        evidence=evidence,
        stored=_by_node(before) if before else {},
        remembered=remembered_attempts(before),
        waited_for=waited_for(before),
        prose=prose,
        options=options,
        log_tail_lines=lines,
    )
    leaves = assign_roles(snapshot, tree)
    failures = [describe_failure(leaf, context) for leaf in leaves[:MAX_FAILURES]]
    roles = [leaf.role for leaf in leaves]
    known = before if snapshot.nodes_state is NodesState.OFFLOADED else None
    if known and known.failures:
        # what was seen of them is nowhere else, and the nodes may come yet
        failures, roles = known.failures, [failure.role for failure in known.failures]
    superseded = superseded_attempts(context)
    counts = count_nodes(snapshot, tree)
    times = time_run(snapshot, tree, prose, evidence=evidence, stored=before, is_first_run=not runs)
    waiting = find_waiting(snapshot, tree, prose, evidence=evidence, now=now, graces=options.graces)
    warnings = find_warnings(snapshot, evidence, prose, (before.warnings if before else None) or ())
    summary = summarize(
        workflow,
        failures=failures,
        roles=roles,
        waiting=waiting,
        warnings=warnings,
        counts=counts,
        timing=times.timing,
    )
    steps = list_steps(snapshot, tree, prose, _steps_limit(workflow, options), times) or (known and known.steps) or []
    status = ReportStatus(
        observed_generation=generation,
        observed_workflow=_observed(snapshot, prose),
        conditions=judge(snapshot, failures, summary, generation),
        summary=summary,
        failure_class=_failure_class(failures),
        counts=counts,
        timing=times.timing,
        critical_path=list(times.path) or None,
        failures=failures or None,
        waiting=waiting or None,
        warnings=warnings or None,
        superseded_attempts=superseded[-MAX_SUPERSEDED:] or None,
        steps=steps or None,
        parameters=list_parameters(_arguments(workflow), prose) or None,
        outputs=list_outputs(snapshot, prose),
        workflow_source=find_source(workflow),
        resources=resources_used(workflow) or None,
        remediation=(stored.remediation if stored else None) or RunRemediation(),
        runs=runs or None,
        links=find_links(workflow, prose, options.ui_url_template),
    )
    left_out = _left_out(snapshot, times, len(roles), len(steps), len(superseded))
    return fit(status, options.max_bytes, left_out, _changed_at(workflow), generation)


def _steps_limit(workflow: Workflow, options: RenderOptions) -> int:
    return options.steps if workflow.status.is_completed else min(options.steps, options.running_steps)


def _arguments(workflow: Workflow) -> list[Parameter]:
    return workflow.spec.arguments.parameters if workflow.spec.arguments else []


def _left_out(snapshot: Snapshot, times: RunTimes, failures: int, steps: int, superseded: int) -> list[str]:
    notes = []
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


def _observed(snapshot: Snapshot, prose: Prose) -> ObservedWorkflow:
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


def is_new_run(stored: ReportStatus, workflow: Workflow) -> bool:
    """Whether the Workflow was retried by hand since.

    Same uid, new startedAt. None and the first startedAt are one run.
    """
    before = stored.observed_workflow.started_at if stored.observed_workflow else None
    now = workflow.status.started_at
    return before is not None and now is not None and not is_same_time(before, now)


def _earlier_runs(stored: ReportStatus | None, workflow: Workflow) -> list[EarlierRun]:
    if stored is None:
        return []
    runs = list(stored.runs or ())
    if is_new_run(stored, workflow):
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


def render_late(
    stored: ReportStatus,
    *,
    evidence: Mapping[str, PodEvidence],
    spec: ReportSpec,
    generation: int | None,
    options: RenderOptions,
    redactor: Redactor,
) -> ReportStatus:
    """The status of a report whose Workflow went before all evidence had come: with what came, settled.

    Unchanged where nothing was to come.
    """
    if not any(Reason.CAPTURE_PENDING in (failure.evidence_missing or ()) for failure in stored.failures or ()):
        return stored
    lines = options.log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines
    limits, prose = LogLimits(lines, options.log_tail_bytes), Prose(redactor)
    amended = [amended_failure(failure, evidence, prose, limits) for failure in stored.failures or ()]
    settled = [amended_failure(failure, {}, prose, limits) for failure in stored.failures or ()]
    with_evidence = _with_failures(stored, amended, generation)
    fits = len(with_evidence.dump_json()) <= options.max_bytes
    return with_evidence if fits else _with_failures(stored, settled, generation)


def _with_failures(stored: ReportStatus, failures: list[Failure], generation: int | None) -> ReportStatus:
    observed = stored.observed_workflow
    at = (observed.finished_at or observed.started_at) if observed else None
    complete = evidence_complete(failures, at, generation)
    conditions = [complete if c.type == ConditionType.EVIDENCE_COMPLETE else c for c in stored.conditions or ()]
    return stored.changed(failures=failures, conditions=conditions)


def has_nodes_of_run(stored: ReportStatus | None, workflow: Workflow) -> bool:
    """Whether the report has nodes of the run, as it was a while ago, and the run still goes on."""
    return (
        stored is not None
        and not workflow.status.is_completed
        and not is_new_run(stored, workflow)
        and _has_nodes(stored)
    )


def _has_this_end(stored: ReportStatus, workflow: Workflow) -> bool:
    """Whether the report has the nodes of the run as it ended."""
    observed, status = stored.observed_workflow, workflow.status
    if observed is None or observed.finished_at is None or not status.is_completed or status.finished_at is None:
        return False
    same_end = observed.uid == workflow.metadata.uid and is_same_time(observed.finished_at, status.finished_at)
    return same_end and not is_new_run(stored, workflow) and _has_nodes(stored)


def _has_nodes(stored: ReportStatus) -> bool:
    return any(c.type == ConditionType.NODES_AVAILABLE and c.status == "True" for c in stored.conditions or ())


def render_deleted(stored: ReportStatus, generation: int | None, why: Unavailable | None = None) -> ReportStatus:
    """The status of a report whose Workflow is gone.

    Unchanged if the run had ended, else what was known, marked as such. Where the nodes are still lacking, ``why`` says
    what the archive has to do with it.
    """
    if why:
        stored = _with_reason_for_nodes(stored, why, generation)
    observed = stored.observed_workflow
    if observed is None or observed.phase in COMPLETED_PHASES or _is_marked_deleted(stored):
        return stored
    at = observed.started_at or _latest_transition(stored)
    message = f"the Workflow was deleted while it was {observed.phase or 'not started'}"
    changed = {
        ConditionType.READY: condition(ConditionType.READY, "True", Reason.WORKFLOW_DELETED, message, at, generation),
        ConditionType.SUCCEEDED: condition(
            ConditionType.SUCCEEDED, "False", Reason.WORKFLOW_DELETED, message, at, generation
        ),
    }
    conditions = [
        changed[ConditionType(c.type)] if c.type in changed else _settled(c, generation)
        for c in stored.conditions or ()
    ]
    before = f"; before that: {stored.summary}" if stored.summary and observed.phase else ""
    summary = cut(f"Deleted before it {'ended' if observed.phase else 'started'}{before}", TEXT)
    update = {
        "observed_generation": generation,
        "conditions": conditions,
        "summary": summary,
        "waiting": None,
    }
    return stored.changed(**update)


def _settled(known: Condition, generation: int | None) -> Condition:
    """The condition, with no evidence to come of a run whose nodes were not had while it was there."""
    if known.type != ConditionType.EVIDENCE_COMPLETE or known.status != "Unknown":
        return known
    return condition(
        ConditionType.EVIDENCE_COMPLETE,
        "False",
        known.reason,
        known.message or "",
        known.last_transition_time,
        generation,
    )


def _with_reason_for_nodes(stored: ReportStatus, why: Unavailable, generation: int | None) -> ReportStatus:
    conditions = [
        condition(
            ConditionType.NODES_AVAILABLE,
            "False",
            Reason.WORKFLOW_NOT_ARCHIVED if why.reason == Reason.WORKFLOW_NOT_FOUND else why.reason,
            f"the Workflow is gone, and counts and steps are unknown: {why.message}",
            c.last_transition_time,
            generation,
        )
        if c.type == ConditionType.NODES_AVAILABLE and c.status == "False"
        else c
        for c in stored.conditions or ()
    ]
    return stored.changed(conditions=conditions)


def _is_marked_deleted(stored: ReportStatus) -> bool:
    return any(
        c.type == ConditionType.SUCCEEDED and c.reason == Reason.WORKFLOW_DELETED for c in stored.conditions or ()
    )


def _latest_transition(stored: ReportStatus) -> datetime:
    return max((c.last_transition_time for c in stored.conditions or ()), default=EPOCH)


def render_missing(
    *,
    stored: ReportStatus | None,
    ref: WorkflowRef,
    generation: int | None,
    created_at: datetime | None,
    why: Unavailable | None = None,
) -> ReportStatus:
    """The status of a user's report whose Workflow is not there (yet); ``why`` is what Argo Server makes of it."""
    of_uid = f" with uid {ref.uid}" if ref.uid else ""
    where = f"Workflow {ref.name}{of_uid}"
    message = f"{where}: {why.message}" if why else f"no {where} in this namespace; it is picked up when it appears"
    reason = why.reason if why else Reason.WORKFLOW_NOT_FOUND
    missing: list[Condition] = [
        condition(ConditionType.READY, "False", reason, message, created_at, generation),
        condition(ConditionType.SUCCEEDED, "Unknown", reason, message, created_at, generation),
    ]
    base = stored or ReportStatus()
    return base.changed(observed_generation=generation, conditions=missing, summary=message)
