"""Normalizes a definition, so that two spellings of the same definition have the same digest.

The order of keys, and of lists whose order has no meaning, the units of quantities, numbers written as text, empty
objects that Go writes for absent ones, and the default registry and tag of an image make no difference.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from wfreport.core.snapshot.quantity import plain_quantity

_AS_WRITTEN: Final = frozenset({"withItems", "plugin", "labels", "annotations", "matchLabels", "nodeSelector"})
"""Fields whose keys are chosen by users."""
_EMPTY_IF_ABSENT: Final = frozenset({"arguments", "inputs", "outputs", "metadata", "resources", "status"})
_ANY_STRING: Final = frozenset({"value", "default"})
"""Fields in which Argo makes a text of a number or a boolean."""
_DOCKER_HUB: Final = frozenset({"", "docker.io", "index.docker.io"})
_QUANTITIES: Final = frozenset({"sizeLimit", "divisor"})
_UNORDERED: Final = frozenset(
    {
        *("templates", "tasks", "dependencies", "parameters", "artifacts", "volumes", "volumeMounts", "volumeDevices"),
        *("volumeClaimTemplates", "sidecars", "containers", "ports", "tolerations", "imagePullSecrets", "hostAliases"),
        *("hostnames", "mutexes", "semaphores", "prometheus", "enum", "accessModes", "add", "drop", "values", "items"),
        *("matchExpressions", "matchFields", "nodeSelectorTerms", "namespaces", "supplementalGroups", "sysctls"),
        *("preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"),
        *("topologySpreadConstraints", "matchLabelKeys", "mismatchLabelKeys", "finalizers", "options"),
    }
)
"""Lists whose order has no meaning to Argo or Kubernetes."""
_REFERENCE: Final = "$("
"""A variable may refer to those before it."""


def normalized(value: Any, field: str = "") -> Any:
    """Return a JSON value in its normal spelling.

    Args:
        value: the value.
        field: the field that has it.
    """
    if isinstance(value, dict):
        return _normalized_object(value, field)
    if isinstance(value, list):
        return _normalized_list(value, field)
    if field in _QUANTITIES:
        return plain_quantity(value)
    if field == "image" and isinstance(value, str):
        return normalized_image(value)
    if isinstance(value, bool):
        return str(value).lower() if field in _ANY_STRING else value
    return str(value) if isinstance(value, int | float) else value


def normalized_image(image: str) -> str:
    """Return an image with the default registry and tag; the tag beside a digest has no meaning."""
    if "{{" in image or not image:
        return image
    path, _, last = image.rpartition("/")
    if path in _DOCKER_HUB:
        path = "docker.io/library"
    elif "/" not in path and not {".", ":"} & set(path) and path != "localhost":
        path = f"docker.io/{path}"
    name, _, checksum = last.partition("@")
    if checksum:
        return f"{path}/{name.partition(':')[0]}@{checksum}"
    return f"{path}/{name}" if ":" in name else f"{path}/{name}:latest"


def _normalized_object(value: dict[str, Any], field: str) -> dict[str, Any]:
    if field in _AS_WRITTEN:
        return value
    if field == "resources":
        return {key: _amounts(part) for key, part in value.items() if part}
    parts = {key: normalized(part, key) for key, part in value.items() if part is not None}
    return {key: part for key, part in parts.items() if part != {} or key not in _EMPTY_IF_ABSENT}


def _amounts(part: Any) -> Any:
    return {name: plain_quantity(each) for name, each in part.items()} if isinstance(part, dict) else part


def _normalized_list(value: list[Any], field: str) -> list[Any]:
    if field in _AS_WRITTEN:
        return value
    if field == "steps":  # the steps of a group run at the same time
        return [
            _sorted([normalized(step) for step in group] if isinstance(group, list) else [group]) for group in value
        ]
    parts = [normalized(part) for part in value]
    return _sorted(parts) if field in _UNORDERED or (field == "env" and _is_unordered(parts)) else parts


def _is_unordered(variables: Sequence[Any]) -> bool:
    """Return whether the order of environment variables has no meaning."""
    names = [each.get("name") if isinstance(each, dict) else None for each in variables]
    return len(set(map(str, names))) == len(names) and not any(
        isinstance(each, dict) and _REFERENCE in str(each.get("value", "")) for each in variables
    )


def _sorted(parts: list[Any]) -> list[Any]:
    return sorted(parts, key=lambda part: msgspec.json.encode(part, order="sorted"))
