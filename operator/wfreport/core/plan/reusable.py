"""Whether a run would come out right without doing again what succeeded: where Argo would not see it, we refuse.

To Argo, a pod that is taken over is Skipped, and there is none. That is wrong without a word where a later step needs
more of it than its outputs, so each of these is a reason not to.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from wfreport.api.argo import NodeType
from wfreport.api.reasons import Refusal
from wfreport.core.plan.memoized import EndedRun, ended_run
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.unfinished import is_hook

_REFERENCE: Final = re.compile(
    r"""\b(?:steps|tasks)(?:\.[\w-]+|\[\s*['"][^'"]+['"]\s*\])(?:\.|\[\s*['"])(?P<what>status|id|ip)\b"""
)
"""A later step that asks what became of an earlier one, or for its pod: it would be Skipped, or be gone."""

_LOOPS: Final = ("withItems", "withParam", "withSequence")
_EXPLICIT: Final = re.compile(r"\.(?:Succeeded|AnySucceeded|Skipped)\b")


def reusable_run(workflow: Json) -> EndedRun:
    """The run, whose steps that succeeded need not run again.

    Raises:
        RefusedError: it has not failed, its nodes cannot be read, or a new run would need one of these steps.
    """
    run = ended_run(workflow)
    if any(run.taken_over):
        for stands_in_the_way in _CHECKS:
            why = stands_in_the_way(workflow, run)
            if why:
                raise RefusedError(Refusal.STEPS_NOT_REUSABLE, f"{why}: use retry, or memoized: false")
    return run


def _container_set(_: Json, run: EndedRun) -> str | None:
    """What came after it is linked to its containers, and a pod that is Skipped has none."""
    found = next((node for node in run.done if node.get("type") == NodeType.CONTAINER), None)
    return f"{found['name']} is a container of a containerSet that succeeded" if found else None


def _hooks(_: Json, run: EndedRun) -> str | None:
    """A hook of what is Skipped is not run."""
    for node in run.done:
        for hook in (run.nodes[key] for key in node.get("children") or () if key in run.nodes):
            if is_hook(hook) and hook["id"] not in run.kept.done:
                return f"{hook['name']}, a hook of a step that succeeded, did not succeed, and would not be run again"
    return None


def _daemon(workflow: Json, _: EndedRun) -> str | None:
    """Its pod is gone, and would not be started again."""
    found = next((template for template in _templates(workflow) if template.get("daemon")), None)
    return f"template {found.get('name')} is a daemon, which would not be started again" if found else None


def _volumes(workflow: Json, _: EndedRun) -> str | None:
    """The new run has new, empty ones."""
    claimed = any(spec.get("volumeClaimTemplates") for spec in _specs(workflow))
    return (
        "the run has volumes of its own (volumeClaimTemplates), and the new run's would be empty" if claimed else None
    )


def _global_outputs(_: Json, run: EndedRun) -> str | None:
    """They become the Workflow's when a pod ends, which it does not again."""
    for node, output in _outputs(run):
        if output.get("globalName"):
            return f"{node['name']} has the global output {output['globalName']}, which would be missing"
    return None


def _deleted_artifacts(workflow: Json, run: EndedRun) -> str | None:
    """Artifact GC deletes at the run's end what a later step reads."""
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
            found = _REFERENCE.search(text)
            if found:
                return f"template {template.get('name')} asks for the {found['what']} of a step: {found[0]}"
    return None


def _explicit_depends(workflow: Json, _: EndedRun) -> str | None:
    for template in _templates(workflow):
        for task in (template.get("dag") or {}).get("tasks") or ():
            depends = str(task.get("depends") or "")
            if _EXPLICIT.search(depends):
                return f"task {task.get('name')} depends on {depends!r}, and what succeeded would count as skipped"
    return None


def _aggregates(workflow: Json, _: EndedRun) -> str | None:
    """What a loop's items put out together is only what those do that succeed in this run."""
    for template in _templates(workflow):
        for loop in (call for call in _calls(template) if any(call.get(field) is not None for field in _LOOPS)):
            outputs = _outputs_of(str(loop.get("name")))
            if any(outputs.search(text) for text in _texts(template)):
                return f"template {template.get('name')} asks for the outputs of all items of {loop.get('name')}"
    return None


def _outputs_of(name: str) -> re.Pattern[str]:
    return re.compile(rf"""\b(?:steps|tasks)(?:\.|\[\s*['"]){re.escape(name)}(?:['"]\s*\])?(?:\.|\[\s*['"])outputs\b""")


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
    for node in run.done:
        outputs = node.get("outputs") or {}
        for output in (*(outputs.get("parameters") or ()), *(outputs.get("artifacts") or ())):
            yield node, output


def _specs(workflow: Json) -> Iterator[Json]:
    yield workflow["spec"]
    yield (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or {}


def _templates(workflow: Json) -> Iterator[Json]:
    """Every template that the run may have used, inline ones as well."""
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
    """Its steps, or tasks."""
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
