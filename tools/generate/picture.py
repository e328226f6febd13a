"""Generates the README's picture: what `wfreport explain` prints of a recorded run, as an SVG."""

from __future__ import annotations

import json
import tempfile
from io import StringIO
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from controlplane.recording import load_recording
from generate.kinds import ROOT
from wfreport.api.report import WorkflowReport
from wfreport.cli.main import cli
from wfreport.cli.render.next_steps import details_without_cluster
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style, glyphs_for

PICTURE: Final = ROOT / "docs" / "images" / "explain.svg"
RECORDING: Final = ROOT / "tools" / "demo" / "recordings" / "oom-retries.jsonl.gz"
_COMMAND: Final = "wfreport explain oom-retries.json --pods pods.json"
_WIDTH: Final = 100
# Readable on the white and on the dark background of a page; no font is requested from anywhere.
_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (240, 246, 252),
    [
        (13, 17, 23), (255, 123, 114), (126, 231, 135), (242, 204, 96),
        (121, 192, 255), (210, 168, 255), (118, 227, 234), (240, 246, 252),
    ],
)  # fmt: skip
_SVG: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" xml:space="preserve">
<title>A report of wfreport</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture() -> str:
    """Return the picture.

    Raises:
        RuntimeError: the command failed.
    """
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True, legacy_windows=False)
    style = Style(glyphs=glyphs_for("utf-8"), width=_WIDTH, everything=False)
    report = WorkflowReport.model_validate(_report())
    for line in report_lines(report, style, details_without_cluster(report, "wfreport")):
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
    svg = console.export_svg(title=_COMMAND, theme=_THEME, code_format=_SVG, unique_id="explain")
    return "\n".join(line.strip() for line in svg.splitlines() if line.strip()) + "\n"


def _report() -> dict[str, Any]:
    workflow, pods = _final_objects()
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / "workflow.json", Path(folder) / "pods.json")
        for file, content in zip(files, (workflow, pods), strict=True):
            file.write_text(json.dumps(content))
        done = CliRunner().invoke(cli, ["explain", str(files[0]), "--pods", str(files[1]), "-o", "json"])
    if done.exit_code:
        raise RuntimeError(f"wfreport explain {RECORDING.name}: {done.output}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _final_objects() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the Workflow and its pods as they were last."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for event in load_recording(RECORDING):
        if event.type != "DELETED":
            last[event.kind, event.object["metadata"]["name"]] = event.object
    (workflow,) = [one for (kind, _), one in last.items() if kind == "Workflow"]
    return workflow, [{"kind": "Pod", **one} for (kind, _), one in last.items() if kind == "Pod"]
