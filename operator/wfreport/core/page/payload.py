"""Packs the steps of a page for its script: columns of numbers and texts, compressed, as base64."""

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from wfreport.core.page.model import StepRow


def pack_steps(rows: Sequence[StepRow], workflow_name: str) -> str:
    """Return the rows, compressed with deflate. base64 has no character that could end the element it is in."""
    words: dict[str, int] = {}
    table = [_packed(row, words, workflow_name) for row in rows]
    document = json.dumps({"words": list(words), "rows": table}, separators=(",", ":"), ensure_ascii=False)
    return b64encode(zlib.compress(document.encode("utf-8", "replace"), 9)).decode("ascii")


def _packed(row: StepRow, words: dict[str, int], workflow_name: str) -> list[Any]:
    def word(text: str) -> int:
        return words.setdefault(text, len(words))

    return [
        row.depth,
        row.name,
        word(row.phase),
        word(row.kind),
        word(row.template),
        row.anchor.removeprefix("step-"),
        row.offset,
        row.seconds,
        row.waited,
        row.exit_code,
        word(row.message),
        0 if row.pod == derived_pod(row, workflow_name) else row.pod,
        1 if row.is_critical else 0,
    ]


def derived_pod(row: StepRow, workflow_name: str) -> str:
    """Return the pod's name as Argo makes it of Workflow, template and hash; a page need not repeat it."""
    return f"{workflow_name}-{row.template}-{row.anchor.removeprefix('step-')}"
