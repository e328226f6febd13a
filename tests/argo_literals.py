"""Finds the texts in Argo's source that can become the message of a node or of a Workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = (
    "cmd/argoexec",
    "pkg/apis/workflow/v1alpha1",
    "util/expr",
    "util/intstr",
    "util/template",
    "workflow/artifacts",
    "workflow/common",
    "workflow/controller",
    "workflow/data",
    "workflow/executor",
    "workflow/hydrator",
    "workflow/packer",
    "workflow/sync",
    "workflow/templateresolution",
    "workflow/validate",
)
"""Folders whose errors the controller or argoexec writes to a node, or can."""

_LEFT_OUT: Final = re.compile(
    r"_test\.go$|generated|/(?:fake|mocks|estimation|informer|indexes|metrics|osspecific)/|/(?:healthz|ns_watcher)\.go$"
)
"""Tests, generated code, and parts that write logs, metrics and Kubernetes' indexes only."""

_CALL: Final = re.compile(
    r"\b(?:errors\.(?:New|Errorf|InternalError|InternalErrorf|Wrap|Wrapf|InternalWrapErrorf)|fmt\.(?:Errorf|Sprintf)|"
    r"mark(?:Node|Workflow)\w+|initializeNode\w*|requeue\w*)\("
)
_TOKEN: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|//[^\n]*|[()]')
_VERB: Final = re.compile(r"%[-+#0-9.]*[a-zA-Z]|\W")
_LEAST_LETTERS: Final = 6


def literals_of(module: Path) -> dict[str, str]:
    """Return each text with the first file that has it, relative to the module."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted((module / folder).rglob("*.go")):
            name = path.relative_to(module).as_posix()
            if not _LEFT_OUT.search(name):
                for text in _texts(path.read_text()):
                    found.setdefault(text, name)
    return found


def _texts(source: str) -> Iterator[str]:
    """Yield the texts in the arguments of calls that make an error or a message, except for mere names."""
    for call in _CALL.finditer(source):
        depth = 1
        for token in _TOKEN.finditer(source, call.end()):
            part = token.group()
            depth += (part == "(") - (part == ")")
            if not depth:
                break
            text = part[1:-1] if part[0] in '"`' else ""
            if " " in text.strip() and len(_VERB.sub("", text)) >= _LEAST_LETTERS:
                yield text
