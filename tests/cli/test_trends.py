"""`wfreport trends`: trends over the reports of a server."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.cli.report_server import reports_server
from tests.cli.workspace import Workspace
from tests.core.trends.runs import a_raw_report

from wfreport.cli.main import cli
from wfreport.core.trends.facts import decode_facts
from wfreport.core.trends.trends import compute_trends

REPORTS = [
    *[a_raw_report(number) for number in range(3)],
    a_raw_report(3, failed="ExitCode"),
    a_raw_report(4, failed="OOMKilled", cron="ml", fingerprint="f2"),
]


def trends(folder: Path, *arguments: str, reports: Sequence[bytes] = REPORTS) -> Result:
    with reports_server(folder, reports) as config:
        return CliRunner().invoke(cli, ["trends", "--kubeconfig", str(config), "-n", "data", *arguments])


def test_each_template_has_a_line_with_its_number_of_runs(tmp_path: Path) -> None:
    shown = trends(tmp_path)
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0] == "5 runs ended from 2026-11-01 00:00:00Z to 2026-11-01 04:00:00Z"
    assert any(line.startswith("etl CronWorkflow 3/4 75% 1m00s (3) 1m00s (3) failing now") for line in lines), lines
    assert any(line.startswith("ml CronWorkflow 0/1 0% failing now") for line in lines), lines
    assert "etl CronWorkflow 1/4 1 0 work 2026-11-01 03:00:00Z" in lines


def test_the_same_as_json(tmp_path: Path) -> None:
    found: dict[str, Any] = json.loads(trends(tmp_path, "-o", "json").stdout)
    assert found["success"] == {"runs": 5, "succeeded": 3, "rate": 0.6}
    assert [(each["origin"], each["duration"]["p95Seconds"]) for each in found["origins"]] == [
        ("CronWorkflow/etl", 60),
        ("CronWorkflow/ml", None),
    ]
    assert [(each["origin"], each["failed"], each["runs"]) for each in found["flaky"]] == [("CronWorkflow/etl", 1, 4)]
    assert {each["fingerprint"] for each in found["fingerprints"]} == {"f1", "f2"}


def fields_of(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {path} | {name for key, each in value.items() for name in fields_of(each, f"{path}.{key}")}
    return {name for each in value for name in fields_of(each, f"{path}[]")} if isinstance(value, list) else {path}


def test_the_fields_of_the_json_are_those_of_the_page(tmp_path: Path) -> None:
    last = {"remediationRef": "r", "action": "Retry", "outcome": "RunFailed"}
    reports = [*[a_raw_report(number) for number in range(10)], a_raw_report(11, failed="ExitCode")]
    reports.append(a_raw_report(12, remediation={"last": last}))
    found = json.loads(trends(tmp_path, "-o", "json", reports=reports).stdout)
    page = (Path(__file__).parents[2] / "docs/howto/what-changed.md").read_text()
    names = {field.rpartition(".")[2].removesuffix("[]") for field in fields_of(found)} - {""}
    assert not [name for name in sorted(names) if f"`{name}`" not in page]


@pytest.mark.parametrize("template", ["ml", "CronWorkflow/ml"])
def test_a_template_is_named_with_or_without_its_kind(tmp_path: Path, template: str) -> None:
    found = json.loads(trends(tmp_path, "--template", template, "-o", "json").stdout)
    assert [each["origin"] for each in found["origins"]] == ["CronWorkflow/ml"]


def test_an_unknown_template_gets_a_suggestion(tmp_path: Path) -> None:
    shown = trends(tmp_path, "--template", "etll")
    assert shown.exit_code == 5
    assert shown.stderr == "Error: no report is of a run of etll; did you mean etl?\n"
    assert trends(tmp_path, "--template", "zzz").stderr == "Error: no report is of a run of zzz\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--since", "yesterday"), "'yesterday' is not a duration; write 90s, 30m, 1h30m, 7d or 1w"),
        (("--limit", "0"), "0 is not in the range x>=1"),
        (("-o", "html"), "'html' is not one of"),
    ],
)
def test_unusable_arguments_are_refused(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    shown = trends(tmp_path, *arguments)
    assert shown.exit_code == 2
    assert problem in shown.stderr


def test_since_leaves_out_what_ended_before(tmp_path: Path) -> None:
    assert "No runs found in namespace data" in trends(tmp_path, "--since", "1s").stderr


def test_reports_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    broken = b'{"metadata": {"name": "b"}, "status": {"observedWorkflow": {"finishedAt": 5}}}'
    shown = trends(tmp_path, reports=[*REPORTS, broken])
    assert shown.exit_code == 0
    assert "left out: 1 report that this version cannot read" in shown.stderr


def test_a_table_has_no_more_lines_than_the_limit(tmp_path: Path) -> None:
    shown = trends(tmp_path, "--limit", "1").stdout
    assert shown.count("The first 1 of 2; --limit shows more.") == 2
    assert "ml " not in shown.partition("FAILURES")[0]


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\u202egnp"])
def test_names_cannot_steer_the_terminal(tmp_path: Path, text: str) -> None:
    report = a_raw_report(1, cron=text, failed="ExitCode", summary=text, name="evil")
    for arguments in ((), ("-o", "json"), ("--template", "x" + text)):
        shown = trends(tmp_path, *arguments, reports=[report]).output
        assert text not in shown


def test_two_thousand_reports_take_less_than_two_seconds_of_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    """Measured beside the decoding of the same JSON into dicts, so that a slow machine does not fail it."""
    steps = [{"displayName": f"s{n}", "type": "Pod", "phase": "Succeeded", "message": "m" * 60} for n in range(50)]
    kinds: list[dict[str, Any]] = [{}, {"failed": "ExitCode"}, {"cron": "ml"}]
    reports = [a_raw_report(number, steps=steps, **kinds[number % 3]) for number in range(2000)]
    begin = time.process_time()
    for report in reports:
        msgspec.json.decode(report)
    decoded = time.process_time()
    computed = compute_trends(facts for report in reports if (facts := decode_facts(report)))
    took, usual = time.process_time() - decoded, decoded - begin
    with capsys.disabled():
        print(f"\ntrends of 2,000 reports: {took:.2f} CPU s, {took / usual:.2f} of decoding them to dicts")
    assert computed.runs == 2000
    assert took < 10 * usual


@pytest.mark.cluster
def test_trends_of_a_cluster(workspace: Workspace) -> None:
    for case in ("oom-main", "retry-exhausted-varied", "cron-child-fails", "dag-success", "running-with-failed-branch"):
        workspace.put(case, workflow=False)
    done = workspace.run("trends", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["runs"], found["running"], found["success"]["succeeded"]) == (4, 1, 1)
    assert "CronWorkflow/nightly-report" in {each["origin"] for each in found["origins"]}
    assert workspace.run("trends", "--template", "nightly-report").returncode == 0
