"""Writes values as YAML for people."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """YAML for people: multi-line text in blocks, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def as_yaml(value: Any, *, is_ascii: bool) -> str:
    """Return a value as YAML; ``is_ascii`` escapes all other characters."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=not is_ascii, width=10_000)
    return text
