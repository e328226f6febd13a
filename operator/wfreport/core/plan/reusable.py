"""Checks whether a memoized run gives a correct result, and refuses it otherwise.

To Argo, a reused pod is Skipped and does not exist. If a later step needs more of it than its outputs, the new run
would silently give a wrong result, so each such need is a reason to refuse.

This depends on how Argo evaluates references (scope.go), ``depends`` (``evaluateDependsLogic``, dag.go) and loops
(steps.go). When a new Argo version changes that, or adds a way to refer to a step, add a check to
``_CHECKS`` and a shape to tests/live/remediation/test_memoized_live.py.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from wfreport.api.argo import NodeType
from wfreport.api.reasons import Refusal
from wfreport.core.plan.memoized import EndedRun, ended_run
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.unfinished import is_hook
from wfreport.imports import lazy_pattern

_REFERENCE: Final = lazy_pattern(
    r"""\b(?:steps|tasks)(?:\.[\w-]+|\[\s*['"][^'"]+['"]\s*\])(?:\.|\[\s*['"])(?P<field>status|id|ip)\b"""
)
"""A reference to the status or the pod of an earlier step, which would be Skipped or missing."""

_OUTPUTS: Final = lazy_pattern(
    r"""\b(?:steps|tasks)(?:\.(?P<dotted>[^\s.'"\[\]{}]+)|\[\s*['"](?P<quoted>[^'"]+)['"]\s*\])(?:\.|\[\s*['"])outputs\b"""
)
"""A reference to the outputs of a step or task."""

_LOOPS: Final = ("withItems", "withParam", "withSequence")
_EXPLICIT: Final = lazy_pattern(r"\.(?:Succeeded|AnySucceeded|Skipped)\b")


def reusable_run(workflow: Json) -> EndedRun:
    """Return the run if its succeeded steps can be reused.

    Raises:
        RefusedError: the run did not fail, its nodes cannot be read, or the new run would need to run succeeded steps.
    """
    run = ended_run(workflow)
    if any(run.reused_steps):
        for check in _CHECKS:
            obstacle = check(workflow, run)
            if obstacle:
                raise RefusedError(Refusal.STEPS_NOT_REUSABLE, f"{obstacle}: use retry, or memoized: false")
    return run


def _container_set(_: Json, run: EndedRun) -> str | None:
    """Check for a containerSet: later nodes are linked to its containers, and a Skipped pod has none."""
    container = next((node for node in run.reused if node.get("type") == NodeType.CONTAINER), None)
    return f"{container['name']} is a container of a succeeded containerSet" if container else None


def _hooks(_: Json, run: EndedRun) -> str | None:
    """Check for failed hooks of succeeded steps: the hooks of a Skipped node do not run."""
    for node in run.reused:
        for hook in (run.nodes[key] for key in node.get("children") or () if key in run.nodes):
            if is_hook(hook) and hook["id"] not in run.reusable.done:
                return f"{hook['name']}, a hook of a succeeded step, did not succeed, and would not run again"
    return None


def _daemon(workflow: Json, _: EndedRun) -> str | None:
    """Check for daemons: the pod of a reused daemon no longer exists and would not start again."""
    daemon = next((template for template in _templates(workflow) if template.get("daemon")), None)
    return f"template {daemon.get('name')} is a daemon, which would not start again" if daemon else None


def _volumes(workflow: Json, _: EndedRun) -> str | None:
    """Check for volumes: those of the new run are new and empty."""
    claimed = any(spec.get("volumeClaimTemplates") for spec in _specs(workflow))
    return "the run has its own volumes (volumeClaimTemplates), and the new run's would be empty" if claimed else None


def _global_outputs(_: Json, run: EndedRun) -> str | None:
    """Check for global outputs: they are set at the end of a pod, and the pod of a reused step does not run."""
    for node, output in _outputs(run):
        if output.get("globalName"):
            return f"{node['name']} has the global output {output['globalName']}, which would be missing"
    return None


def _deleted_artifacts(workflow: Json, run: EndedRun) -> str | None:
    """Check for artifacts that artifact GC deletes at the end of the run."""
    of_all = any(_is_collected(spec) for spec in _specs(workflow))
    for node, output in _outputs(run):
        if output.get("deleted") or _is_collected(output):
            return f"artifact {output.get('name')} of {node['name']} is deleted by its artifactGC"
        if of_all and node["outputs"].get("artifacts"):
            return f"the artifacts of {node['name']} are deleted by the run's artifactGC"
    return None


def _references(workflow: Json, _: EndedRun) -> str | None:
    for template in _templates(workflow):
        for text in _texts(template):
            reference = _REFERENCE.search(text)
            if reference:
                return f"template {template.get('name')} refers to the {reference['field']} of a step: {reference[0]}"
    return None


def _explicit_depends(workflow: Json, _: EndedRun) -> str | None:
    for template in _templates(workflow):
        for task in (template.get("dag") or {}).get("tasks") or ():
            depends = str(task.get("depends") or "")
            if _EXPLICIT.search(depends):
                return f"task {task.get('name')} depends on {depends!r}, and a reused task counts as skipped"
    return None


def _aggregates(workflow: Json, _: EndedRun) -> str | None:
    """Check for aggregated outputs of a loop: they only contain items that succeed in the same run.

    The names whose outputs a template refers to are collected in one pass, because it can have thousands of loops.
    """
    for template in _templates(workflow):
        loops = [str(call.get("name")) for call in _calls(template) if any(call.get(f) is not None for f in _LOOPS)]
        referred = {name for text in _texts(template) for name in _names_with_outputs(text)} if loops else ()
        loop = next((name for name in loops if name in referred), None)
        if loop is not None:
            return f"template {template.get('name')} refers to the outputs of all items of {loop}"
    return None


def _names_with_outputs(text: str) -> Iterator[str]:
    """Yield the names of the steps and tasks of whose outputs a text has references."""
    if "outputs" in text:
        yield from (match["dotted"] or match["quoted"] for match in _OUTPUTS.finditer(text))


_CHECKS: Final[tuple[Callable[[Json, EndedRun], str | None], ...]] = (
    _container_set,
    _hooks,
    _daemon,
    _volumes,
    _global_outputs,
    _deleted_artifacts,
    _explicit_depends,
    _references,
    _aggregates,
)


def _is_collected(owner: Json) -> bool:
    return (owner.get("artifactGC") or {}).get("strategy") == "OnWorkflowCompletion"


def _outputs(run: EndedRun) -> Iterator[tuple[Json, Json]]:
    for node in run.reused:
        outputs = node.get("outputs") or {}
        for output in (*(outputs.get("parameters") or ()), *(outputs.get("artifacts") or ())):
            yield node, output


def _specs(workflow: Json) -> Iterator[Json]:
    yield workflow["spec"]
    yield (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or {}


def _templates(workflow: Json) -> Iterator[Json]:
    """Yield every template that the run may have used, including inline ones."""
    stored = (workflow.get("status") or {}).get("storedTemplates") or {}
    named = [template for spec in _specs(workflow) for template in spec.get("templates") or ()]
    for template in (*named, *stored.values()):
        yield from _with_inline(template)


def _with_inline(template: Json) -> Iterator[Json]:
    yield template
    for call in _calls(template):
        if call.get("inline"):
            yield from _with_inline(call["inline"])


def _calls(template: Json) -> Iterator[Json]:
    """Yield the steps or tasks of a template."""
    for group in (*(template.get("steps") or ()), (template.get("dag") or {}).get("tasks") or ()):
        yield from group


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
