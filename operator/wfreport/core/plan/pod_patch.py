"""``podSpecPatch``: a strategic merge patch of a pod spec, as YAML or JSON in a string; containers merge by name.

Argo applies the Workflow's first and the template's after it (workflow/controller/workflowpod.go:306), so the
template's wins.
"""

import json
from typing import Any

import yaml

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError


def read_patch(text: str | None, where: str) -> dict[str, Any]:
    """A patch's content; empty where there is none.

    Raises:
        RefusedError: it cannot be read before Argo has filled its variables in.
    """
    try:
        patch = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise _unreadable(where) from error
    containers = patch.get("containers", []) if isinstance(patch, dict) else None
    if not isinstance(containers, list) or not all(isinstance(container, dict) for container in containers):
        raise _unreadable(where)
    return dict(patch)


def _unreadable(where: str) -> RefusedError:
    return RefusedError(
        Refusal.POD_SPEC_PATCH_UNREADABLE,
        f"{where} cannot be read as YAML with a list of containers, so memory cannot be merged into it: "
        "write it so that variables stand inside quoted strings",
    )


def memory_in_patch(patch: Json, container: str) -> dict[str, Any]:
    """Memory that a patch gives a container: ``limits`` and ``requests``, where it gives them."""
    for entry in patch.get("containers") or ():
        if entry.get("name") == container:
            return memory_of(entry)
    return {}


def memory_of(container: Json) -> dict[str, Any]:
    """Memory of a container: ``limits`` and ``requests``, where they are given."""
    resources = container.get("resources") or {}
    given = {kind: (resources.get(kind) or {}).get("memory") for kind in ("limits", "requests")}
    return {kind: quantity for kind, quantity in given.items() if quantity is not None}


def patched_memory(patch: Json, container: str, memory: Json) -> str:
    """The patch with this memory for the container, and all else that it says, as JSON."""
    containers = [dict(entry) for entry in patch.get("containers") or ()]
    entry = next((entry for entry in containers if entry.get("name") == container), None)
    if entry is None:
        entry = {"name": container}
        containers.append(entry)
    entry["resources"] = with_memory(entry.get("resources") or {}, memory)
    return json.dumps({**patch, "containers": containers}, sort_keys=True, default=str)


def with_memory(resources: Json, memory: Json) -> dict[str, Any]:
    """``resources`` with this memory: ``limits`` and ``requests``, where they are given."""
    changed = {kind: {**(resources.get(kind) or {}), "memory": quantity} for kind, quantity in memory.items()}
    return {**resources, **changed}
