"""A server that has one WorkflowReport, for tests of commands as processes of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import yaml
from tests.recorded import recording
from tests.served import served

from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.snapshot.decode import decode_workflow


@contextmanager
def report_server(folder: Path) -> Iterator[tuple[Path, str]]:
    """Serve the report of a recorded run; yield a kubeconfig and the name of the Workflow."""
    report = compute_report(decode_workflow(recording("retry-exhausted-varied").final["workflow"]), {})
    report["metadata"] |= {"uid": "r-1", "resourceVersion": "1", "creationTimestamp": "2026-05-01T12:00:00Z"}
    with _serving(folder, [report]) as config:
        yield config, report["spec"]["workflowRef"]["name"]


@contextmanager
def reports_server(folder: Path, reports: Sequence[bytes]) -> Iterator[Path]:
    """Serve these reports; yield a kubeconfig."""
    with _serving(folder, [json.loads(report) for report in reports]) as config:
        yield config


@contextmanager
def _serving(folder: Path, reports: Sequence[dict[str, Any]]) -> Iterator[Path]:
    with served(_handler(reports)) as url:
        yield kubeconfig_of(url, folder)


def kubeconfig_of(server: str, folder: Path) -> Path:
    """Write a kubeconfig of this server into the folder; return its path."""
    config = folder / "kubeconfig"
    config.write_text(yaml.safe_dump(_kubeconfig(server)))
    return config


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }


def _handler(reports: Sequence[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = {
                "/workflowreports": {"metadata": {}, "items": reports},
                **{f"/{report['metadata']['name']}": report for report in reports},
            }
            body = next((found[end] for end in found if path.endswith(end)), None)
            content = json.dumps(body or {"kind": "Status", "code": 404, "reason": "NotFound"}).encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    return Handler
