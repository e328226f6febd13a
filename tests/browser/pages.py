"""Pages of runs of every size and kind, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from wfreport.cli.render.html_page import html_of
from wfreport.cli.render.shared_page import page_of
from wfreport.cli.sources.computed_reports import EVERY_STEP, compute_report
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.pod_names import node_id

PAGES: Final = ("1", "25", "1000", "10000", "failed", "running", "hostile")
_HOSTILE: Final = '"><img src=http://192.0.2.1/x onerror=alert(1)></script><script>alert(1)</script>{{7*7}}'
_NAME: Final = "load-x7k2p"
_SIZES: Final = {"failed": 12, "running": 12, "hostile": 12}


def write_page(name: str, folder: Path) -> Path:
    """Write the page of this name into the folder."""
    report = compute_report(decode_workflow(_workflow(name)), {}, EVERY_STEP)
    if name in ("failed", "hostile"):
        report["status"] |= _history(_HOSTILE if name == "hostile" else None)
    path = folder / f"{name}.html"
    path.write_text(html_of(page_of(report)))
    return path


def _workflow(name: str) -> dict[str, Any]:
    count = int(_SIZES.get(name, 0) or name)
    text = _HOSTILE if name == "hostile" else "item"
    message = _HOSTILE if name == "hostile" else "KeyError: 'day'"
    running = name == "running"
    phase = "Running" if running else "Failed"
    nodes = {_NAME: _node(_NAME, _NAME, "DAG", phase, 0, None if running else 7000)}
    for number in range(1, count):
        short = f"{text}-{number}"
        failed = not running and number == 3
        open_end = running and number > count - 3
        end = None if open_end else number % 600 * 10 + 60
        node = _node(f"{_NAME}.{short}", short, "Pod", "Failed" if failed else "Running" if open_end else "Succeeded",
                     number % 600 * 10, end)  # fmt: skip
        nodes[node["id"]] = node | ({"message": f"Error (exit code 1): {message}"} if failed else {})
    nodes[_NAME]["children"] = [key for key in nodes if key != _NAME]
    status = {"phase": phase, "startedAt": _at(0), "nodes": nodes} | ({} if running else {"finishedAt": _at(7000)})
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": _NAME, "namespace": "team-a", "uid": "u-1", "creationTimestamp": _at(0)},
        "spec": {},
        "status": status,
    }


def _node(name: str, short: str, kind: str, phase: str, start: int, end: int | None) -> dict[str, Any]:
    return {
        "id": name if name == _NAME else node_id(_NAME, name), "name": name, "displayName": short, "type": kind,
        "phase": phase, "startedAt": _at(start), "templateName": "load", "children": [],
    } | ({"finishedAt": _at(end)} if end is not None else {})  # fmt: skip


def _at(seconds: int) -> str:
    return f"2026-05-01T{12 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def _history(hostile: str | None) -> dict[str, Any]:
    """Return what a report knows of earlier runs and remediations; with this text everywhere, if there is one."""

    def text(usual: str) -> str:
        return hostile or usual

    status: dict[str, Any] = {
        "comparison": {
            "lastSuccess": {"workflowName": text("load-w2m9c"), "finishedAt": "2026-04-30T13:00:00Z",
                            "runsSince": 0, "successes": 41},
            "baseline": {"runs": 20, "p50Seconds": 3600, "p95Seconds": 5400},
            "failure": {"novelty": "New", "occurrences": 1, "consecutive": 1},
            "changes": [{"what": "Image", "name": text("load"), "before": "etl:1.8", "after": text("etl:1.9")}],
        },
        "remediation": {
            "attempts": 1,
            "held": {
                "policyName": text("retry-infrastructure"), "reason": "BudgetExhausted",
                "message": text("3 of 3 actions were taken today"),
            },
        },
        "links": {"ui": f"https://argo.example/{text('workflows/team-a/load-x7k2p')}"},
        "parameters": [{"name": text("day"), "value": text("2026-05-01")}],
    }  # fmt: skip
    stalled = {"reason": "PodGone", "message": text(""), "advice": text("")}
    return status | ({"stalled": stalled} if hostile else {})
