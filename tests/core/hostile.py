"""Texts of repeated units, and the CPU time that a function takes for them."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfreport.core.snapshot.compressed_nodes import pack_nodes

UNITS: Final = (
    *"aA0/.-_:@='([{}])<>,;|~+%$#&?!*",
    '"',
    "\\",
    " ",
    "\n",
    "\t",
    "\x1b[",
    "é",
    "word ",
    "a-",
    "a--",
    "a.",
    "a/",
    "a\\",
    "a:",
    "a_",
    "1.",
    "1m",
    "1.1m",
    "0f",
    "0x0",
    "12:34:56.1",
    "2026-11-22T12:00:00",
    "a1-",
    "a1b2",
    "Ab1/",
    "com.example.Some.Class:",
    "/opt/lib/a.jar:",
    "10.0.0.1:",
    "http://",
    "http://a/",
    "at x\n",
    "\tat a.B.c(D.java:1)\n",
    "... 1 more\n",
    "goroutine 1 [running]:\n",
    "task '' errored: ",
    "task '",
    "step group deemed errored due to child x error: ",
    "step group deemed errored due to child ",
    "error in entry template execution: ",
    'agent pod failed with reason:"',
    "(exit code 1",
    "main: Error (exit code 1): ",
    "lock ",
    "mutex not found",
    "admission webhook ",
    "depends",
    "template ",
    "artifact ",
    'secret "',
    'a "x ',
    "failed to ",
    "exceeded quota: ",
    "Container a was using ",
    "child 'a",
    "panic: ",
    '{"message":"',
    '\\"message\\":\\"',
    "[{",
    "password=",
    "token: ",
    "--token ",
    "://a:",
)
"""Units that are long when repeated: characters, words, separators, and beginnings of patterns that do not end."""


def repeated(unit: str, length: int, end: str = "") -> str:
    """Return a text of this length that consists of the unit, and ends differently."""
    whole, rest = divmod(length - len(end), len(unit))
    return unit * whole + (unit[:rest] + end)  # one copy: some texts have millions of characters


def cpu_seconds(function: Callable[[], object], *, tries: int = 3) -> float:
    """Return the least CPU time that the function takes in this thread."""
    spent = []
    for _ in range(tries):
        began = time.thread_time()
        function()
        spent.append(time.thread_time() - began)
    return min(spent)


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the most memory that the function needs at a time."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def packed_workflow(nodes: Mapping[str, Any], *, phase: str = "Failed", **parts: Any) -> bytes:
    """Return the JSON of a Workflow with compressed nodes; ``parts`` are of its ``spec``, or else of its status."""
    packed = pack_nodes(json.dumps(nodes, separators=(",", ":")).encode())
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf", "namespace": "ns", "uid": "u-1", "creationTimestamp": "2026-11-22T03:00:00Z"},
        "spec": {"entrypoint": "main", **parts.pop("spec", {})},
        "status": {"phase": phase, "compressedNodes": packed, **parts},
    }
    return json.dumps(document).encode()
