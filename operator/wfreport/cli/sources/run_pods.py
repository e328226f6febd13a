"""The steps of a run and their pods, of every attempt and loop item, even if the pods were deleted."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from msgspec import Struct

from wfreport.api.argo import MAIN_CONTAINER, NodeType
from wfreport.api.kubernetes import Pod
from wfreport.api.report import Step, WorkflowReport
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.sources.runs import FoundRun
from wfreport.core.classify.failed_pod import AGENT_TYPES
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.steps import list_steps
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.snapshot.pod_names import agent_pod_name, pod_name, pod_name_of_id
from wfreport.core.snapshot.step_labels import SEPARATOR, Path
from wfreport.core.step_outline import Outline, OutlineEntry, outline_steps, step_paths
from wfreport.core.timing.timing import RunTimes
from wfreport.imports import lazy_pattern

_MAX_NAMED_STEPS: Final = 30
_ATTEMPT: Final = lazy_pattern(r"\((\d+)\)$")
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


def default_container(pod: Pod) -> str:
    """Return the container that Argo marks as the default: ``main``, or the first one of a containerSet."""
    return pod.metadata.annotations.get(_DEFAULT_CONTAINER, MAIN_CONTAINER)


class StepPod(Struct, frozen=True):
    """A step that runs in a pod.

    Attributes:
        step: the step.
        full_name: the name of its node, which is its path in the run.
        attempt: number of the attempt, from 1; None without a retryStrategy.
        pod_name: the name that the pod has, had or will have.
        container: the step's container of a containerSet; None: the main container.
        host: name of the machine; empty if the pod never ran or the machine is unknown.
    """

    step: Step
    full_name: str
    attempt: int | None
    pod_name: str
    container: str | None = None
    host: str = ""

    @property
    def has_run(self) -> bool:
        """Whether the pod is known to have been scheduled. Argo records no machine for the agent's pod."""
        ended_in_agent = self.step.type in AGENT_TYPES and self.step.finished_at is not None
        return bool(self.host or self.step.pod_name) or ended_in_agent


class RunSteps(Struct, frozen=True):
    """The steps of a run and what is known of their pods.

    Attributes:
        outline: the outline.
        pods: pod name by node id.
        hosts: name of the machine by node id.
        complete: whether no step is missing.
    """

    outline: Outline
    pods: dict[str, str]
    hosts: dict[str, str]
    complete: bool

    def all_pods(self) -> list[StepPod]:
        """Return every pod once, in execution order; the containers of a containerSet share one."""
        return [pod for pod in self._pods() if pod.step.type != NodeType.CONTAINER]

    def pods_of(self, name: str, run: FoundRun) -> list[StepPod]:
        """Return the pods of a step, or all pods in a group.

        Args:
            name: display name, node id, full name or pod name of the step; or its display name after that of the task
                around it, such as ``train.executor``.
            run: the run, for error messages.

        Raises:
            NotFound: the run has no such step.
            UnusableInput: several steps have this name.
        """
        paths = list(step_paths(self.outline, run.name))
        found = [(entry, path) for entry, path in paths if self._matches(entry, name)]
        found = found or [(entry, path) for entry, path in paths if _ends_with(path, name)]
        entries = [entry for entry, _ in found]
        if not entries:
            names = list(dict.fromkeys(entry.step.display_name for entry, _ in paths))
            raise NotFound(f"{run.name} has no step {name!r}{_alternatives(name, names)}")
        if len({path for _, path in found}) > 1:
            candidates = ", ".join(f"{entry.full_name} ({entry.step.phase})" for entry in entries)
            raise UnusableInput(name, f"{len(entries)} steps have this name; give one of {candidates}")
        return [pod for pod in self._pods() if any(_is_inside(pod, entry) for entry in entries)]

    def _matches(self, entry: OutlineEntry, name: str) -> bool:
        step = entry.step
        return name in (step.display_name, step.node_id, entry.full_name, self.pods.get(step.node_id))

    def _pods(self) -> Iterator[StepPod]:
        for top in (*self.outline.main, *self.outline.exit_handlers):
            yield from self._pods_in(top)

    def _pods_in(
        self, entry: OutlineEntry, parent: OutlineEntry | None = None, attempt: int | None = None
    ) -> Iterator[StepPod]:
        step = entry.step
        if name := self.pods.get(step.node_id):
            yield StepPod(step, entry.full_name, attempt, name, host=self.hosts.get(step.node_id, ""))
        elif step.type == NodeType.CONTAINER and parent and (name := self.pods.get(parent.step.node_id)):
            host = self.hosts.get(parent.step.node_id, "")
            yield StepPod(step, entry.full_name, attempt, name, step.display_name, host)
        for inner in entry.inside:
            yield from self._pods_in(inner, entry, _attempt(inner) if step.type == NodeType.RETRY else attempt)


def _alternatives(name: str, names: Sequence[str]) -> str:
    if len(names) <= _MAX_NAMED_STEPS:
        return f"; it has {', '.join(names) or 'none yet'}"
    similar = get_close_matches(name, names)
    return f"; it has {len(names)}" + (f", such as {', '.join(similar)}" if similar else "; show --all lists them")


def _ends_with(path: Path, name: str) -> bool:
    """Whether the name is that of a step after those of the tasks around it."""
    return any(name == SEPARATOR.join(reversed(path[:levels])) for levels in range(1, len(path) + 1))


def _attempt(entry: OutlineEntry) -> int | None:
    """Return the attempt of a Retry's child: its name ends with a number from 0, unless it is a hook."""
    number = _ATTEMPT.search(entry.step.display_name)
    return int(number[1]) + 1 if number else None


def _is_inside(pod: StepPod, entry: OutlineEntry) -> bool:
    node_ids = {inner.step.node_id for inner in entry.walk()}
    if entry.step.type != NodeType.CONTAINER and pod.step.type == NodeType.CONTAINER:
        return False
    return pod.step.node_id in node_ids


def steps_of(run: FoundRun) -> RunSteps:
    """Return the steps from the Workflow if its nodes can be read, otherwise from the report."""
    if run.snapshot and run.snapshot.nodes_state in (NodesState.READ, NodesState.NONE_YET):
        return _steps_of_workflow(run.snapshot)
    report = run.read_report()
    return (
        _steps_of_report(report, complete=run.lists_every_step)
        if report
        else RunSteps(Outline((), ()), {}, {}, complete=False)
    )


def _steps_of_workflow(snapshot: Snapshot) -> RunSteps:
    name = snapshot.workflow.metadata.name
    steps = list_steps(snapshot, TextSanitizer(Redactor()), len(snapshot.nodes), RunTimes(pods={}))
    pods = {
        node.id: agent_pod_name(name) if node.type in AGENT_TYPES else pod_name(snapshot.workflow, node)
        for node in snapshot.nodes.values()
    }
    return RunSteps(
        outline=outline_steps(steps, name),
        pods={node_id: pod for node_id, pod in pods.items() if pod},
        hosts={node.id: node.host_node_name for node in snapshot.nodes.values() if node.host_node_name},
        complete=True,
    )


def _steps_of_report(report: WorkflowReport, *, complete: bool) -> RunSteps:
    status, name = report.status, report.spec.workflow_ref.name
    steps, failures = (status and status.steps) or [], (status and status.failures) or []
    uses_v1_names = any(step.pod_name == step.node_id != name for step in steps)
    return RunSteps(
        outline=outline_steps(steps, name),
        pods={step.node_id: pod for step in steps if (pod := _pod_name_of_step(step, name, is_v1=uses_v1_names))},
        hosts={f.node_id: f.host_node_name for f in failures if f.node_id and f.host_node_name},
        complete=complete,
    )


def _pod_name_of_step(step: Step, workflow_name: str, *, is_v1: bool) -> str | None:
    if step.type in AGENT_TYPES:
        return agent_pod_name(workflow_name)
    if step.pod_name or step.type != NodeType.POD:
        return step.pod_name
    return step.node_id if is_v1 else pod_name_of_id(workflow_name, step.node_id, step.template_name or "")
