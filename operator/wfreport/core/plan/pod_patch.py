"""``podSpecPatch``: a strategic merge patch of a pod spec, as YAML or JSON in a string. Containers merge by name.

Argo applies the Workflow's patch first and the template's patch second, so the template's takes precedence
(workflowpod.go:306). docs/explanation/argo-behaviour.md explains what to do when a new version changes it.
"""

import json
from typing import Any, Final

import yaml

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.redact.bounds import cut
from wfreport.core.snapshot.plain_yaml import load_yaml

_PROBLEM_CHARACTERS: Final = 100

MAX_CHARACTERS: Final = 64 * 1024
"""Maximum length of a patch that is read. A patch of a pod spec has a few lines."""


def read_patch(text: Any, field_name: str) -> dict[str, Any]:
    """Parse a patch; an absent one is empty.

    Raises:
        RefusedError: it is invalid before Argo substitutes its variables, has aliases, or is too long.
    """
    if not text:
        return {}
    if not isinstance(text, str):
        raise _unreadable(field_name, "is not a string", "write it as YAML in a string")
    if len(text) > MAX_CHARACTERS:
        size = f"has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read"
        raise _unreadable(field_name, size, "shorten it")
    try:
        patch = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _unreadable(field_name, f"is not plain YAML ({_one_line(error)})", _QUOTE) from error
    containers = patch.get("containers", []) if isinstance(patch, dict) else None
    if not isinstance(containers, list) or not all(isinstance(container, dict) for container in containers):
        raise _unreadable(field_name, "is not YAML with a list of containers", _QUOTE)
    return dict(patch)


_QUOTE: Final = "quote the strings that contain variables, and use no anchors and aliases"


def _unreadable(field_name: str, problem: str, remedy: str) -> RefusedError:
    return RefusedError(
        Refusal.POD_SPEC_PATCH_UNREADABLE,
        f"{field_name} {problem}, so memory cannot be merged into it: {remedy}",
    )


def _one_line(error: Exception) -> str:
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) and error.problem else str(error)
    return cut(" ".join(problem.split()), _PROBLEM_CHARACTERS)


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
