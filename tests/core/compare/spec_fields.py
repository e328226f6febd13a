"""The fields of ``WorkflowSpec`` in Argo v4.0.5, and values for each of them.

``workflow_spec.json`` has the types that can be reached from ``WorkflowSpec`` in Argo's
``api/openapi-spec/swagger.json``, each with the type of its fields; ``[]`` and ``{}`` mark lists and maps. Written by
``python -m tests.core.compare.spec_fields SWAGGER``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("workflow_spec.json")
_ROOT = "WorkflowSpec"
_EMPTY = "empty"

Field = tuple[str, ...]
"""The path of a field, such as ``("templates", "[]", "container", "image")``, and its type."""


def leaves() -> list[tuple[Field, str]]:
    """Return the paths and types of all fields that have values. A type within itself is not entered again."""
    types = json.loads(FILE.read_text())
    return list(_leaves(types, _ROOT, (), frozenset()))


def _leaves(types: dict[str, Any], name: str, path: Field, outer: frozenset[str]) -> Iterator[tuple[Field, str]]:
    fields = types.get(name)
    if fields is None or isinstance(fields, str):
        yield path, fields or name
    elif name not in outer:
        for field, kind in fields.items():
            plain = kind
            steps: list[str] = [field]
            while plain.endswith(("[]", "{}")):
                steps.append(plain[-2:])
                plain = plain[:-2]
            yield from _leaves(types, plain, (*path, *steps), outer | {name})


def spec_with(path: Field, value: Any, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a spec in which only the field at the path has a value; members of lists have names."""
    spec: dict[str, Any] = {} if others is None else others
    place: Any = spec
    for position, step in enumerate(path):
        is_last = position + 1 == len(path)
        following = path[position + 1] if not is_last else ""
        inner: Any = value if is_last else [] if following == "[]" else {}
        if step == "[]":
            place.append(inner if is_last or following == "[]" else {"name": "it"})
            place = place[-1]
        elif step == "{}":
            place["key"] = inner
            place = inner
        else:
            place[step] = inner
            place = inner
    return spec


def values_of(kind: str) -> tuple[Any, Any]:
    """Return two values of a type."""
    return {
        "integer": (3, 5), "number": (1.5, 2.5), "boolean": (True, False), "Quantity": ("1Gi", "2Gi"),
        "object": ({"x": 1}, {"x": 2}), "any": ("one", "two"), _EMPTY: ({}, None),
        "Time": ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), "IntOrString": ("3", "5"),
    }.get(kind, ("alpha", "beta"))  # fmt: skip


def _types(definitions: dict[str, Any]) -> dict[str, Any]:
    root = next(name for name in definitions if name.endswith(f"v1alpha1.{_ROOT}"))
    found: dict[str, Any] = {}
    pending = [root]
    while pending:
        name = pending.pop()
        short = name.rpartition(".")[2]
        if short in found:
            continue
        definition = definitions[name]
        found[short] = {}
        for field, schema in definition.get("properties", {}).items():
            found[short][field], references = _type(schema)
            pending += references
        if not found[short]:
            found[short], references = _plain(short, definition)
            pending += references
    lists = {short: fields[""] for short, fields in found.items() if isinstance(fields, dict) and "" in fields}
    for fields in (each for each in found.values() if isinstance(each, dict)):
        for field, kind in fields.items():
            base = kind.rstrip("[]{}")
            fields[field] = kind.replace(base, lists.get(base, base))
    return {short: fields for short, fields in sorted(found.items()) if short not in lists}


def _plain(short: str, definition: dict[str, Any]) -> tuple[Any, list[str]]:
    if definition.get("type") == "array":
        kind, references = _type(definition)
        return {"": kind}, references
    named = {"Item": "any", "Plugin": "object", "FieldsV1": "object", "Amount": "number"}
    return named.get(short, _EMPTY if definition.get("type") == "object" else short), []


def _type(schema: dict[str, Any]) -> tuple[str, list[str]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name.rpartition(".")[2], [name]
    if schema.get("type") == "array":
        kind, references = _type(schema["items"])
        return f"{kind}[]", references
    if isinstance(schema.get("additionalProperties"), dict):
        kind, references = _type(schema["additionalProperties"])
        return f"{kind}{{}}", references
    return schema.get("type", "any"), []


if __name__ == "__main__":
    FILE.write_text(json.dumps(_types(json.loads(Path(sys.argv[1]).read_text())["definitions"]), indent=0) + "\n")
