"""The steps of a run and their pods: of every attempt and loop item, also where the pods are gone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from wfreport.api.argo import NodeType
from wfreport.api.report import Step, WorkflowReport
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.render.step_outline import OutlineEntry, outline_steps
from wfreport.cli.sources.runs import FoundRun
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.steps import list_steps
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.snapshot.pod_names import agent_pod_name, pod_name, pod_name_of_id
from wfreport.core.timing.timing import RunTimes

_IN_THE_AGENT: Final = frozenset({NodeType.HTTP, NodeType.PLUGIN})
_MOST_NAMED: Final = 30
_ATTEMPT: Final = re.compile(r"\((\d+)\)$")


@dataclass(frozen=True, slots=True)
class StepPod:
    """A step that runs in a pod.

    Attributes:
        step: the step.
        full_name: its place in the run, as Argo names the node.
        attempt: which attempt of its retryStrategy it is, from 1; None without one.
        pod_name: the pod's name: the one it has, had or would have.
        container: the step's own container, where it has one of several; None: the main one.
        host: the machine; empty where it never ran on one, or nobody knows.
    """

    step: Step
    full_name: str
    attempt: int | None
    pod_name: str
    container: str | None = None
    host: str = ""

    @property
    def has_run(self) -> bool:
        """Whether the pod is known to have been on a machine; of the agent's Argo notes none."""
        in_agent = self.step.type in _IN_THE_AGENT and self.step.finished_at is not None
        return bool(self.host or self.step.pod_name) or in_agent


@dataclass(frozen=True, slots=True)
class RunSteps:
    """All steps of a run, arranged, and what is known of their pods."""

    tops: Sequence[OutlineEntry]
    pods: dict[str, str]
    hosts: dict[str, str]
    complete: bool

    def all_pods(self) -> list[StepPod]:
        """Every pod, once, in execution order; a containerSet's containers share theirs."""
        return [found for top in self.tops for found in self._within(top) if found.step.type != NodeType.CONTAINER]

    def pods_of(self, wanted: str, run: FoundRun) -> list[StepPod]:
        """The pods of a step, given by its display name, id, full name or pod; of a group all that lie in it.

        Raises:
            NotFound: there is no such step.
            UnusableInput: several steps are called so.
        """
        entries = [entry for top in self.tops for entry in top.walk() if self._is_called(entry, wanted)]
        if not entries:
            names = list(dict.fromkeys(entry.step.display_name for top in self.tops for entry in top.walk()))
            raise NotFound(f"{run.name} has no step {wanted!r}{_instead(wanted, names)}")
        if len(entries) > 1:
            candidates = ", ".join(f"{entry.full_name} ({entry.step.phase})" for entry in entries)
            raise UnusableInput(wanted, f"{len(entries)} steps are called so; give one of {candidates}")
        return [found for top in self.tops for found in self._within(top) if _lies_in(found, entries[0])]

    def _is_called(self, entry: OutlineEntry, wanted: str) -> bool:
        step = entry.step
        return wanted in (step.display_name, step.node_id, entry.full_name, self.pods.get(step.node_id))

    def _within(
        self, entry: OutlineEntry, holder: OutlineEntry | None = None, attempt: int | None = None
    ) -> Iterator[StepPod]:
        step = entry.step
        if name := self.pods.get(step.node_id):
            yield StepPod(step, entry.full_name, attempt, name, host=self.hosts.get(step.node_id, ""))
        elif step.type == NodeType.CONTAINER and holder and (name := self.pods.get(holder.step.node_id)):
            host = self.hosts.get(holder.step.node_id, "")
            yield StepPod(step, entry.full_name, attempt, name, step.display_name, host)
        for inner in entry.inside:
            yield from self._within(inner, entry, _attempt(inner) if step.type == NodeType.RETRY else attempt)


def _instead(wanted: str, names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return f"; it has {', '.join(names) or 'none yet'}"
    similar = get_close_matches(wanted, names)
    return f"; it has {len(names)}" + (f", such as {', '.join(similar)}" if similar else "; show --all lists them")


def _attempt(entry: OutlineEntry) -> int | None:
    """A Retry's children are named after it and numbered from 0, but for hooks."""
    numbered = _ATTEMPT.search(entry.step.display_name)
    return int(numbered[1]) + 1 if numbered else None


def _lies_in(found: StepPod, entry: OutlineEntry) -> bool:
    inside = {inner.step.node_id for inner in entry.walk()}
    if entry.step.type != NodeType.CONTAINER and found.step.type == NodeType.CONTAINER:
        return False
    return found.step.node_id in inside


def steps_of(run: FoundRun) -> RunSteps:
    """The steps from the Workflow, where it is there and its nodes can be read, else from the report."""
    if run.snapshot and run.snapshot.nodes_state in (NodesState.READ, NodesState.NONE_YET):
        return _steps_of_workflow(run.snapshot)
    report = run.read_report()
    return _steps_of_report(report, complete=run.lists_every_step) if report else RunSteps((), {}, {}, complete=False)


def _steps_of_workflow(snapshot: Snapshot) -> RunSteps:
    name = snapshot.workflow.metadata.name
    steps = list_steps(snapshot, TextSanitizer(Redactor()), len(snapshot.nodes), RunTimes(pods={}))
    pods = {
        node.id: agent_pod_name(name) if node.type in _IN_THE_AGENT else pod_name(snapshot.workflow, node)
        for node in snapshot.nodes.values()
    }
    return RunSteps(
        tops=_tops(steps, name),
        pods={node_id: pod for node_id, pod in pods.items() if pod},
        hosts={node.id: node.host_node_name for node in snapshot.nodes.values() if node.host_node_name},
        complete=True,
    )


def _steps_of_report(report: WorkflowReport, *, complete: bool) -> RunSteps:
    status, name = report.status, report.spec.workflow_ref.name
    steps, failures = (status and status.steps) or [], (status and status.failures) or []
    is_v1 = any(step.pod_name == step.node_id != name for step in steps)
    return RunSteps(
        tops=_tops(steps, name),
        pods={step.node_id: pod for step in steps if (pod := _pod_of_step(step, name, is_v1=is_v1))},
        hosts={f.node_id: f.host_node_name for f in failures if f.node_id and f.host_node_name},
        complete=complete,
    )


def _pod_of_step(step: Step, workflow_name: str, *, is_v1: bool) -> str | None:
    if step.type in _IN_THE_AGENT:
        return agent_pod_name(workflow_name)
    if step.pod_name or step.type != NodeType.POD:
        return step.pod_name
    return step.node_id if is_v1 else pod_name_of_id(workflow_name, step.node_id, step.template_name or "")


def _tops(steps: Sequence[Step], workflow_name: str) -> list[OutlineEntry]:
    outline = outline_steps(steps, workflow_name)
    return [*outline.main, *outline.exit_handlers]
