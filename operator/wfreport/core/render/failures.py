"""Describes the failures of a run with their evidence.

Evidence that is available now takes precedence; the stored report supplies that of pods that no longer exist.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from wfreport.api import argo
from wfreport.api.argo import MAIN_CONTAINER, Node, NodeType
from wfreport.api.classes import Confidence, FailureClass
from wfreport.api.evidence import LogTail
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.report import Failure, PreviousAttempt, ReportStatus, Resources
from wfreport.api.wire import SHORT, is_same_time
from wfreport.core.classify.deadlines import outlived_deadline, outlived_max_duration
from wfreport.core.classify.failed_pod import failed_agent_name, failed_pod_name
from wfreport.core.classify.fingerprint import fingerprint
from wfreport.core.classify.kubeflow_programs import is_of_kubeflow
from wfreport.core.classify.last_words import changes_by_last_words
from wfreport.core.classify.pod_rules import STORED_WAITING
from wfreport.core.classify.retries import enclosing_attempt, why_no_more_retries
from wfreport.core.classify.roles import FailedLeaf, is_stopped
from wfreport.core.classify.rules import classify_failure
from wfreport.core.classify.service_accounts import reporting_account, step_of_lost_result
from wfreport.core.classify.stops import stop_reason
from wfreport.core.classify.symptom import Symptom
from wfreport.core.classify.telling_line import last_informative_line
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.evidence import LogLimits, conclusive, evidence_fields
from wfreport.core.snapshot.messages import exit_code, parse_exit, unwrap
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot, Verdict
from wfreport.core.snapshot.pod_names import pod_name, ran_in_pod

MAX_FAILURES = 500
MAX_SUPERSEDED = 100
_MAX_ATTEMPTS, _MAX_RESOURCES = 32, 32
_KILLED_CODES = (137, 143)


class FailureContext(Struct, frozen=True, dict=True):
    """The common inputs of all failures of a rendering.

    Attributes:
        snapshot: the Workflow.
        evidence: evidence of the Workflow's pods, by pod name.
        stored: stored failures of this run, by node id; that of the Workflow itself by an empty one.
        stored_attempts: stored attempts whose pods were observed, by pod name.
        stored_waits: stored reasons of waiting, by node id.
        sanitizer: sanitizer of free text.
        options: options from the settings.
        log_tail_lines: maximum number of log lines.
    """

    snapshot: Snapshot
    evidence: Mapping[str, PodEvidence]
    stored: Mapping[str, Failure]
    stored_attempts: Mapping[str, PreviousAttempt]
    stored_waits: Mapping[str, str]
    sanitizer: TextSanitizer
    options: RenderOptions
    log_tail_lines: int
    _previous: dict[str, PreviousAttempt] = field(default_factory=dict)

    @cached_property
    def templates(self) -> Mapping[str, argo.Template]:
        """The templates by name; the run's own ones take precedence."""
        return {name: templates[0] for name, templates in self.templates_by_name.items()}

    @cached_property
    def templates_by_name(self) -> Mapping[str, list[argo.Template]]:
        """All templates of each name: a WorkflowTemplate may have one with the name of the run's own."""
        found = defaultdict[str, list[argo.Template]](list)
        own = (template for spec in self._specs for template in spec.templates)
        stored = self.snapshot.workflow.status.stored_templates.values()
        for name, template in ((each.name, each) for each in (*own, *stored) if each.name):
            found[name].append(template)
        return dict(found)

    @cached_property
    def called_templates(self) -> Mapping[tuple[str, str], str]:
        """The name of the template that a step calls, by the step's boundary and display name."""
        nodes = self.snapshot.nodes.values()
        return {(node.boundary_id, node.display_name): node.called_template_name for node in nodes}

    @cached_property
    def is_patched(self) -> bool:
        """Whether a podSpecPatch applies to every pod."""
        defaults = (spec.template_defaults for spec in self._specs)
        return any(spec.pod_spec_patch for spec in self._specs) or any(d and d.pod_spec_patch for d in defaults)

    def own_containers(self, template: argo.Template | None) -> frozenset[str]:
        """Return the names of the init containers and sidecars that a template has, also by the run's defaults."""
        defaults = (spec.template_defaults for spec in self._specs)
        return frozenset(
            container.name
            for each in (template, *defaults)
            if each is not None
            for container in (*each.init_containers, *each.sidecars)
        )

    @property
    def _specs(self) -> list[argo.WorkflowSpec]:
        workflow = self.snapshot.workflow
        return [spec for spec in (workflow.spec, workflow.status.stored_workflow_template_spec) if spec]

    def previous(self, node: Node) -> PreviousAttempt:
        """Describe a superseded attempt, once for all failures within the same Retry node."""
        if node.id not in self._previous:
            self._previous[node.id] = _previous(node, self)
        return self._previous[node.id]


def describe_failure(leaf: FailedLeaf, context: FailureContext) -> Failure:
    """Describe a failed leaf for the report."""
    node = leaf.node
    if node is None:
        return _of_the_workflow(leaf, context)
    pod_node = context.snapshot.tree.pod_node(node)
    expected_pod = failed_pod_name(context.snapshot, node)
    evidence = context.evidence.get(expected_pod) if expected_pod else None
    stored = _stored(node, context)
    symptom = _symptom(node, conclusive(evidence), context)
    verdict = _verdict(symptom, stored)
    captured = evidence if evidence and evidence.pod else None
    message = context.sanitizer.text(node.message)
    limits = LogLimits(context.log_tail_lines, context.options.log_tail_bytes)
    from_pod = evidence_fields(evidence, stored, verdict.container, context.sanitizer, limits)
    is_kubeflows = is_of_kubeflow(
        node.called_template_name, context.templates.get(node.called_template_name), captured.pod if captured else None
    )
    words = changes_by_last_words(verdict.failure_class, message, from_pod["log_line"], is_of_kubeflow=is_kubeflows)
    verdict = replace(verdict, **words)
    if verdict.evidence == STORED_WAITING:
        from_pod["pod_message"] = from_pod["pod_message"] or context.sanitizer.text(symptom.stored_waiting_text)
    host = node.host_node_name or (pod_node.host_node_name if pod_node else "")
    has_run = bool(host) or (ran_in_pod(pod_node) if pod_node else expected_pod is not None)
    return Failure(
        node_id=clip(node.id),
        display_name=context.sanitizer.line(node.display_name or node.name or node.id),
        template_name=clip(node.called_template_name),
        pod_name=clip(expected_pod) if has_run or captured or (stored and stored.pod_uid) else None,
        container=clip(verdict.container),
        host_node_name=clip(host or (captured.pod.spec.node_name if captured and captured.pod else "")),
        role=leaf.role,
        failure_class=verdict.failure_class,
        owner=verdict.owner,
        retryable=verdict.retryable,
        confidence=verdict.confidence,
        evidence=verdict.evidence,
        exit_code=symptom.exit_code,
        signal=verdict.signal,
        reason=clip(verdict.reason),
        message=message,
        fingerprint=_fingerprint(node, verdict, symptom, from_pod, context),
        started_at=node.started_at,
        finished_at=node.finished_at,
        resources=_pod_resources(verdict, captured)
        or (stored.resources if stored else None)
        or _template_resources(verdict, node, context),
        labelled=stored.labelled if stored else None,
        service_account_name=_reporting_account(verdict, node, context),
        **from_pod,
        **_attempts(node, context),
    )


def _reporting_account(verdict: Verdict, node: Node, context: FailureContext) -> str | None:
    """Return the ServiceAccount whose rights are in question, if a result was lost."""
    if verdict.reason != FailureReason.TASK_RESULT_LOST:
        return None
    # An expression names steps of its own boundary.
    called = context.called_templates.get((node.boundary_id, step_of_lost_result(node.message) or ""), "")
    return clip(reporting_account(context.snapshot.workflow, context.templates_by_name.get(called, ())))


def _of_the_workflow(leaf: FailedLeaf, context: FailureContext) -> Failure:
    """Describe a run that failed without a failed leaf: invalid spec, lock error, too large."""
    status = context.snapshot.workflow.status
    root = context.snapshot.nodes.get(context.snapshot.workflow.metadata.name)
    spec_error = next((c.message for c in status.conditions if c.type == "SpecError"), "")
    text = status.message or spec_error or (root.message if root else "")
    workflow = context.snapshot.workflow
    was_stopped = bool(workflow.spec.shutdown) and not text
    agent_pod = failed_agent_name(workflow)
    evidence = context.evidence.get(agent_pod) if agent_pod else None
    stored = context.stored.get("") if agent_pod else None
    symptom = Symptom(
        None, text, evidence=conclusive(evidence), was_stopped=was_stopped, stop_reason=stop_reason(workflow)
    )
    verdict = _verdict(symptom, stored)
    limits = LogLimits(context.log_tail_lines, context.options.log_tail_bytes)
    captured = evidence.pod if evidence else None
    host = captured.spec.node_name if captured else stored.host_node_name if stored else None
    from_pod = evidence_fields(evidence, stored, verdict.container, context.sanitizer, limits) if agent_pod else {}
    return Failure(
        pod_name=agent_pod,
        host_node_name=clip(host) if agent_pod else None,
        role=leaf.role,
        failure_class=verdict.failure_class,
        owner=verdict.owner,
        retryable=verdict.retryable,
        confidence=verdict.confidence,
        evidence="workflow.message" if verdict.evidence == "node.message" else verdict.evidence,
        reason=verdict.reason,
        message=context.sanitizer.text(text),
        fingerprint=fingerprint(context.snapshot.workflow.spec.entrypoint, verdict.failure_class, None, text),
        finished_at=status.finished_at,
        **from_pod,
    )


def _symptom(node: Node, evidence: PodEvidence | None, context: FailureContext) -> Symptom:
    workflow = context.snapshot.workflow
    code = exit_code(node.message, node.outputs.exit_code if node.outputs else None)
    template = context.templates.get(node.called_template_name)
    return Symptom(
        node=node,
        text=_text(node, context.snapshot),
        exit_code=code,
        evidence=evidence,
        was_stopped=is_stopped(node, workflow),
        stop_reason=stop_reason(workflow),
        workflow_deadline_exceeded=code in _KILLED_CODES and outlived_deadline(node, workflow),
        max_duration_exceeded=code in _KILLED_CODES and outlived_max_duration(node, context.snapshot.tree),
        stored_waiting_text=context.stored_waits.get(node.id, ""),
        may_be_daemon=template is None or bool(template.daemon),
        is_resource=template is not None and template.resource is not None,
        own_containers=context.own_containers(template),
    )


def _text(node: Node, snapshot: Snapshot) -> str:
    """Return the node's message, or the pod's message for a Container whose whole pod was terminated."""
    pod_node = snapshot.tree.pod_node(node) if node.type == NodeType.CONTAINER else None
    pod_message = pod_node.message if pod_node else ""
    return pod_message if pod_message and parse_exit(unwrap(pod_message)) is None else node.message


def _stored(node: Node, context: FailureContext) -> Failure | None:
    """Return the stored failure of the same execution of this node."""
    stored = context.stored.get(node.id)
    return stored if stored is not None and is_same_time(stored.started_at, node.started_at) else None


def _verdict(symptom: Symptom, stored: Failure | None) -> Verdict:
    """Return the current verdict, or the stored one if it was based on the pod and the current one is not."""
    verdict = classify_failure(symptom)
    is_certain = verdict.confidence == Confidence.HIGH or verdict.failure_class == FailureClass.CANCELLED
    is_stored_better = stored is not None and (
        stored.confidence == Confidence.HIGH or stored.evidence == STORED_WAITING
    )
    if stored is None or is_certain or not is_stored_better or symptom.evidence is not None:
        return verdict
    return Verdict(
        failure_class=stored.failure_class,
        owner=stored.owner,
        retryable=stored.retryable,
        confidence=stored.confidence,
        evidence=stored.evidence or verdict.evidence,
        reason=stored.reason,
        container=stored.container,
        signal=stored.signal,
    )


def _attempts(node: Node, context: FailureContext) -> dict[str, Any]:
    """Return ``attempt`` and ``previous_attempts`` if the leaf is, or is within, an attempt of a Retry node."""
    tree = context.snapshot.tree
    attempt = enclosing_attempt(node, tree)
    if attempt is None:
        return {}
    attempts = tree.attempts(tree.retry_of[attempt.id])
    number = tree.attempt_numbers[attempt.id]
    earlier = [context.previous(other) for other in attempts[max(0, number - 1 - _MAX_ATTEMPTS) : number - 1]]
    return {
        "attempt": number,
        "previous_attempts": earlier or None,
        "retries_ended": why_no_more_retries(attempt, tree),
    }


def stored_attempts(stored: ReportStatus | None) -> dict[str, PreviousAttempt]:
    """Return the attempts in the stored status of this run whose pods were observed, by pod name.

    A failure becomes a previous attempt when the next attempt starts; by then its pod may have been deleted.
    """
    if stored is None:
        return {}
    failed = (failure for failure in reversed(stored.failures or ()) if failure.pod_uid and failure.pod_name)
    attempts = [*(stored.superseded_attempts or ()), *map(_as_attempt, failed)]
    return {attempt.pod_name: attempt for attempt in attempts if attempt.pod_name}


def _as_attempt(failure: Failure) -> PreviousAttempt:
    return PreviousAttempt(
        pod_name=failure.pod_name,
        failure_class=failure.failure_class,
        exit_code=failure.exit_code,
        memory_limit=_memory_limit(failure.resources),
    )


def superseded_attempts(context: FailureContext) -> list[PreviousAttempt]:
    """Return the superseded failed attempts whose pods were observed; they are recorded nowhere else."""
    attempts: list[tuple[float, PreviousAttempt]] = []
    observed = bool(context.evidence or context.stored_attempts)
    for node_id in context.snapshot.tree.superseded_attempts if observed else ():
        node = context.snapshot.nodes[node_id]
        name = pod_name(context.snapshot.workflow, node)
        evidence = context.evidence.get(name) if name else None
        if node.has_failed and name and ((evidence and evidence.pod) or name in context.stored_attempts):
            attempts.append((node.finished_at.timestamp() if node.finished_at else 0.0, context.previous(node)))
    attempts.sort(key=lambda pair: (pair[0], pair[1].pod_name or ""))
    return [attempt for _, attempt in attempts]


def _previous(node: Node, context: FailureContext) -> PreviousAttempt:
    name = pod_name(context.snapshot.workflow, node)
    evidence = context.evidence.get(name) if name else None
    if name and name in context.stored_attempts and conclusive(evidence) is None:
        return context.stored_attempts[name]
    symptom = _symptom(node, conclusive(evidence), context)
    verdict = classify_failure(symptom) if node.has_failed else None
    resources = None
    if verdict is not None:
        resources = _pod_resources(verdict, evidence) or _template_resources(verdict, node, context)
    return PreviousAttempt(
        pod_name=clip(name) if ran_in_pod(node) or (evidence and evidence.pod) else None,
        failure_class=verdict.failure_class if verdict else None,
        exit_code=symptom.exit_code,
        memory_limit=_memory_limit(resources),
    )


def _memory_limit(resources: Resources | None) -> str | None:
    return (resources.limits or {}).get("memory") if resources else None


def _pod_resources(verdict: Verdict, evidence: PodEvidence | None) -> Resources | None:
    """Return requests and limits of the failed container from its pod."""
    return _resources_of(verdict, _pod_containers(evidence))


def _template_resources(verdict: Verdict, node: Node, context: FailureContext) -> Resources | None:
    """Return requests and limits of the failed container from its template; None if a podSpecPatch may change them."""
    template = context.templates.get(node.called_template_name)
    if context.is_patched or (template is not None and template.pod_spec_patch):
        return None
    return _resources_of(verdict, _containers_of(template) if template else [])


def _resources_of(verdict: Verdict, containers: list[argo.Container]) -> Resources | None:
    name = verdict.container or MAIN_CONTAINER
    container = next((c for c in containers if (c.name or MAIN_CONTAINER) == name), None)
    if container is None or container.resources is None:
        return None
    requests, limits = _quantities(container.resources.requests), _quantities(container.resources.limits)
    return Resources(requests=requests or None, limits=limits or None) if requests or limits else None


def _quantities(raw: Mapping[str, str | int | float]) -> dict[str, str]:
    return {clip(key) or "": clip(str(value), SHORT) or "" for key, value in list(raw.items())[:_MAX_RESOURCES]}


def _pod_containers(evidence: PodEvidence | None) -> list[argo.Container]:
    if evidence is None or evidence.pod is None:
        return []
    return [*evidence.pod.spec.containers, *evidence.pod.spec.init_containers]


def _containers_of(template: argo.Template) -> list[argo.Container]:
    single = [c for c in (template.container, template.script) if c is not None]
    return single or (template.container_set.containers if template.container_set else [])


def _fingerprint(
    node: Node, verdict: Verdict, symptom: Symptom, from_pod: Mapping[str, Any], context: FailureContext
) -> str:
    """Return the fingerprint. The telling line is stored longer than the log, which may be cut to save space."""
    ending = parse_exit(unwrap(node.message))
    log_tail: LogTail | None = from_pod["log_tail"]
    text = log_tail.text if log_tail else (ending.detail if ending else node.message)
    template = node.called_template_name or node.display_name.split("(", 1)[0]
    line = from_pod["log_line"] or context.sanitizer.log(last_informative_line(text))[0]
    return fingerprint(template, verdict.failure_class, symptom.exit_code, line)
