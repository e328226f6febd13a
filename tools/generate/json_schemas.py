"""JSON schemas of our kinds, from their CRDs: for editors and for ``kubeconform``."""

import json
from typing import Any, Final

import yaml

from generate.kinds import ROOT

FOLDER: Final = ROOT / "schemas"
_OF_EVERY_OBJECT: Final = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def json_schema(crd_text: str) -> tuple[str, str]:
    """Return the file name that kubeconform looks for, and the schema of the CRD's only version."""
    (crd,) = (document for document in yaml.safe_load_all(crd_text) if document)
    (version,) = crd["spec"]["versions"]
    kind = crd["spec"]["names"]["kind"]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    schema["properties"] = _OF_EVERY_OBJECT | {
        **schema["properties"],
        "apiVersion": {"const": f"{crd['spec']['group']}/{version['name']}"},
        "kind": {"const": kind},
    }
    required = sorted({"apiVersion", "kind", "metadata", *schema.get("required", ())})
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    text = json.dumps({**head, **schema, "required": required}, indent=2, ensure_ascii=False)
    return f"{kind.lower()}_{version['name']}.json", f"{text}\n"


def _closed(schema: Any) -> Any:
    """Refuse unknown fields, as the API server does under strict validation; leave out what only it understands."""
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _closed(field) for name, field in value.items()} if key == "properties" else _closed(value)
        for key, value in schema.items()
        if not key.startswith("x-kubernetes-") and key != "default"
    }
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept
