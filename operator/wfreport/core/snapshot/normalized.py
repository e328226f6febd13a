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
_EMPTY_IF_ABSENT: Final = frozenset(
    {
        *("annotations", "arguments", "artifactGC", "continueOn", "dnsConfig", "executor", "hooks", "inputs"),
        *("labels", "lifecycle", "metadata", "metrics", "nodeSelector", "outputs", "podAffinity", "podAntiAffinity"),
        *("podGC", "podMetadata", "resources", "status", "synchronization", "ttlStrategy", "volumeClaimGC"),
        "workflowMetadata",
    }
)
"""Objects that mean the same if they are empty. Others do not, such as `emptyDir`, `retryStrategy` and `suspend`.

An empty `securityContext`, `affinity` or `archiveLocation` of a template replaces that of the spec (workflowpod.go).
"""
_FALSE_IF_ABSENT: Final = frozenset(
    {"clusterScope", "daemon", "hostNetwork", "optional", "readOnly", "stdin", "stdinOnce", "tty"}
)
"""Booleans whose default is false."""
_EMPTY_HAS_MEANING: Final = frozenset({"value", "default", "storageClassName", "withItems", "values"})
"""Texts and lists that are not absent if they are empty."""
_ANY_STRING: Final = frozenset({"value", "default"})
"""Fields in which Argo makes a text of a number or a boolean."""
_DOCKER_HUB: Final = frozenset({"", "docker.io", "index.docker.io"})
_AMOUNTS: Final = frozenset({"resources", "podResources"})
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
_MAIN: Final = frozenset({"container", "script"})
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
    if isinstance(value, str):
        return _TEXTS[field](value) if field in _TEXTS else value
    if isinstance(value, bool):
        return str(value).lower() if field in _ANY_STRING else value
    return str(value) if isinstance(value, int | float) else value


def _without_spaces(text: str) -> str:
    return "".join(text.split())


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


_TEXTS: Final = {"image": normalized_image, "depends": _without_spaces}
"""Fields whose texts have several spellings."""


def _normalized_object(value: dict[str, Any], field: str) -> dict[str, Any]:
    if field in _AS_WRITTEN:
        return value
    if field in _AMOUNTS:
        return {key: _amounts(part) for key, part in value.items() if part}
    parts = {key: normalized(part, key) for key, part in value.items() if part is not None}
    return {key: part for key, part in parts.items() if not _has_no_meaning(field, key, part)}


def _has_no_meaning(field: str, key: str, part: Any) -> bool:
    # Argo calls the container of a template main, whatever its name is
    if key == "name" and field in _MAIN:
        return True
    if part == {}:
        return key in _EMPTY_IF_ABSENT
    return (part in ("", []) and key not in _EMPTY_HAS_MEANING) or (part is False and key in _FALSE_IF_ABSENT)


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
    """Return the parts by their names, so that another value does not change the order, then by all they have."""
    return sorted(parts, key=lambda part: (_name(part), msgspec.json.encode(part, order="sorted")))


def _name(part: Any) -> str:
    return str(part.get("name", "")) if isinstance(part, dict) else ""
