"""Objects on stdout, as JSON or YAML."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import yaml


def as_list(items: Sequence[Any]) -> dict[str, Any]:
    """Objects as the one that kubectl makes of several."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def print_object(value: Any, output: str) -> None:
    """Print as ``json`` or ``yaml``."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n" if output == "json" else _as_yaml(value)
    # Bytes: JSON and YAML are UTF-8 whatever the terminal's encoding.
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


class _Dumper(yaml.SafeDumper):
    """YAML for people: log tails as blocks, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _as_yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text
