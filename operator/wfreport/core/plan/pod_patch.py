"""``podSpecPatch``: a strategic merge patch of a pod spec, as YAML or JSON in a string. Containers merge by name.

Argo applies the Workflow's patch first and the template's patch second, so the template's takes precedence
(workflowpod.go:306). docs/explanation/argo-behaviour.md explains what to do when a new version changes it.
"""

import json
from typing import Any

import yaml

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError


def read_patch(text: str | None, field_name: str) -> dict[str, Any]:
    """Parse a patch; an absent one is empty.

    Raises:
        RefusedError: it is invalid before Argo substitutes its variables.
    """
    try:
        patch = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise _unreadable(field_name) from error
    containers = patch.get("containers", []) if isinstance(patch, dict) else None
    if not isinstance(containers, list) or not all(isinstance(container, dict) for container in containers):
        raise _unreadable(field_name)
    return dict(patch)


def _unreadable(field_name: str) -> RefusedError:
    return RefusedError(
        Refusal.POD_SPEC_PATCH_UNREADABLE,
        f"{field_name} is not YAML with a list of containers, so memory cannot be merged into it: "
        "quote the strings that contain variables",
    )


def memory_in_patch(patch: Json, container: str) -> dict[str, Any]:
    """Return the memory that a patch sets for a container: ``limits`` and ``requests``, as far as they are set."""
    for entry in patch.get("containers") or ():
        if entry.get("name") == container:
            return memory_of(entry)
    return {}


def memory_of(container: Json) -> dict[str, Any]:
    """Return the memory of a container: ``limits`` and ``requests``, as far as they are set."""
    resources = container.get("resources") or {}
    memory = {kind: (resources.get(kind) or {}).get("memory") for kind in ("limits", "requests")}
    return {kind: quantity for kind, quantity in memory.items() if quantity is not None}


def patched_memory(patch: Json, container: str, memory: Json) -> str:
    """Return the patch with this memory for the container, otherwise unchanged, as JSON."""
    containers = [dict(entry) for entry in patch.get("containers") or ()]
    entry = next((entry for entry in containers if entry.get("name") == container), None)
    if entry is None:
        entry = {"name": container}
        containers.append(entry)
    entry["resources"] = with_memory(entry.get("resources") or {}, memory)
    return json.dumps({**patch, "containers": containers}, sort_keys=True, default=str)


def with_memory(resources: Json, memory: Json) -> dict[str, Any]:
    """Return ``resources`` with this memory: ``limits`` and ``requests``, as far as they are given."""
    changed = {kind: {**(resources.get(kind) or {}), "memory": quantity} for kind, quantity in memory.items()}
    return {**resources, **changed}
