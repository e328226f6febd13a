"""A container's memory in a spec: the fields that may set it, which of them applies, and where to raise it."""

from typing import Any, Final

from msgspec import Struct

from wfreport.api.argo import MAIN_CONTAINER
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.pod_patch import memory_in_patch, memory_of, patched_memory, read_patch, with_memory
from wfreport.core.plan.refusal import RefusedError

_CONTAINER_SET: Final = "containerSet"


class ContainerMemory(Struct, frozen=True):
    """A container of a template, in a spec that may be modified.

    Attributes:
        template: template of the container.
        name: name of the container.
        entry: the container in its template.
        defaults: the container in ``templateDefaults``, which apply to every template of that kind (operator.go:4649).
        workflow_patch: podSpecPatch of the Workflow.
        template_patch: podSpecPatch of the template, or its default; Argo applies it last.
    """

    template: dict[str, Any]
    name: str
    entry: dict[str, Any]
    defaults: Json
    workflow_patch: Json
    template_patch: Json

    def effective(self, kind: str) -> Any:
        """Return the effective memory of ``limits`` or ``requests``; None if it is not set."""
        patches = (memory_in_patch(patch, self.name) for patch in (self.template_patch, self.workflow_patch))
        for memory in (*patches, memory_of(self.entry), memory_of(self.defaults)):
            if kind in memory:
                return memory[kind]
        return None

    @property
    def is_patched(self) -> bool:
        """Whether a patch sets the memory, which overrides the container's own resources."""
        return any(memory_in_patch(patch, self.name) for patch in (self.template_patch, self.workflow_patch))

    def write(self, memory: Json) -> None:
        """Set the container's memory: ``limits``, and ``requests`` if given."""
        if self.is_patched:
            self.template["podSpecPatch"] = patched_memory(self.template_patch, self.name, memory)
        else:
            self.entry["resources"] = with_memory(self.entry.get("resources") or {}, memory)


def container_memory(spec: Json, template: dict[str, Any], container: str) -> ContainerMemory:
    """Find a container of a template.

    Raises:
        RefusedError: the template has no such container, or a patch cannot be parsed.
    """
    kind = next((kind for kind in ("container", "script", _CONTAINER_SET) if template.get(kind)), "")
    defaults = spec.get("templateDefaults") or {}
    return ContainerMemory(
        template=template,
        name=container,
        entry=_entry(template, kind, container),
        defaults=(defaults.get(kind) or {}) if kind != _CONTAINER_SET else {},
        workflow_patch=read_patch(spec.get("podSpecPatch"), "the Workflow's podSpecPatch"),
        template_patch=read_patch(
            template.get("podSpecPatch") or defaults.get("podSpecPatch"), "the template's podSpecPatch"
        ),
    )


def _entry(template: dict[str, Any], kind: str, container: str) -> dict[str, Any]:
    if kind == _CONTAINER_SET:
        entries = [entry for entry in template[kind].get("containers") or () if entry.get("name") == container]
    else:
        entries = [template[kind]] if kind and container == MAIN_CONTAINER else []
    if not entries:
        raise RefusedError(
            Refusal.CONTAINER_NOT_RAISABLE,
            f"template {template.get('name') or '(inline)'} does not define container {container}: memory can only be "
            "raised for containers of container, script and containerSet templates",
        )
    entry: dict[str, Any] = entries[0]
    return entry
