"""`wfreport explain`: computes the report of any Workflow, or reports unusable input on one line."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.cli.cases import COMMAND, on_terminal, split, workflow_of
from tests.core.compare.runs import a_template, a_workflow
from tests.examples import is_fast
from tests.recorded import LARGEST

from wfreport.api.report import WorkflowReport
from wfreport.cli.main import cli
from wfreport.cli.sources import documents

pytestmark = pytest.mark.long


def explain(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["explain", *arguments], input=stdin)


def as_json(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def complaint(result: Result) -> str:
    """Return the one line on stderr of a command that could not use its input."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0].removeprefix("Error: ")


def compared_files(folder: Path, **status: Any) -> tuple[str, str]:
    """Write a run that failed, and an earlier one with another image that succeeded; return the paths."""
    seconds = {"extract": 60, "load": 10}
    good = a_workflow(a_template(), name="etl-1", seconds=seconds)
    bad = a_workflow(a_template(image="etl:1.9"), name="etl-2", phase="Failed", seconds=seconds | {"extract": 300})
    node = bad["status"]["nodes"]["etl-2-load"]
    node |= {"phase": "Failed", "message": "Error (exit code 3)"}
    bad["status"] |= status
    for name, workflow in (("bad", bad), ("good", good)):
        (folder / f"{name}.json").write_text(json.dumps(workflow))
    return str(folder / "bad.json"), str(folder / "good.json")


def test_a_run_is_compared_with_an_earlier_one_from_a_file(tmp_path: Path) -> None:
    bad, good = compared_files(tmp_path)
    status = as_json(explain(bad, "--before", good, "-o", "json"))["status"]
    assert status["summary"].endswith("; image etl:1.8 → 1.9")
    comparison = status["comparison"]
    assert [change["what"] for change in comparison["changes"]] == ["Image"]
    assert [step["displayName"] for step in comparison["steps"]] == ["extract"]
    assert comparison["lastSuccess"]["workflowName"] == "etl-1"
    for output in ("html", "markdown", "tree"):
        shown = explain(bad, "--before", good, "-o", output)
        assert shown.exit_code == 0, shown.output
        assert ("1.8 → 1.9" if output == "tree" else "etl:1.9") in shown.stdout.replace("\\", "")
        assert shown.stdout == explain(bad, "--before", good, "-o", output).stdout
    assert "comparison" not in as_json(explain(bad, "-o", "json"))["status"]


def test_an_earlier_run_that_cannot_be_compared_is_named(tmp_path: Path) -> None:
    bad, good = compared_files(tmp_path)
    assert "etl-2 has not succeeded; to compare any two runs, use the command diff" in complaint(
        explain(good, "--before", bad)
    )
    assert "read only once" in complaint(explain("-", "--before", "-", stdin=WORKFLOW))
    assert "no such file" in complaint(explain(bad, "--before", str(tmp_path / "none.json")))
    both = tmp_path / "both.json"
    both.write_text(f"[{Path(bad).read_text()},{Path(good).read_text()}]")
    assert "these are 2; give one" in complaint(explain(str(both), "--before", good))
    assert "it has 2 objects" in complaint(explain(bad, "--before", str(both)))
    running, _ = compared_files(tmp_path, phase="Running", finishedAt=None)
    shown = explain(running, "--before", good)
    assert (shown.exit_code, "etl-2 has not ended; only then is it compared" in shown.stderr) == (2, True)
    assert "etl-2" in shown.stdout


def without_kind(item: dict[str, Any]) -> dict[str, Any]:
    """Return a document without kind, as the items of the API server's own lists."""
    return {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}


WORKFLOW = json.dumps(workflow_of("oom-main"))


def test_one_workflow_gives_the_one_report_that_the_operator_would_write() -> None:
    report = as_json(explain("-", "-o", "json", stdin=WORKFLOW))
    assert (report["apiVersion"], report["kind"]) == ("wfreport.dev/v1alpha1", "WorkflowReport")
    assert report["status"]["failureClass"] == "OOMKilled"
    assert report["status"]["observedGeneration"] == 1
    WorkflowReport.model_validate(report)


def test_pods_and_events_are_evidence(tmp_path: Path) -> None:
    """Two of the deadlines were caused by a missing image and a missing ConfigMap; only pods and Events show it."""
    files = split("real-node-mixed", tmp_path)
    alone = classes(as_json(explain(str(files.workflow), "-o", "json")))
    proven = classes(as_json(explain(*files.arguments, "-o", "json")))
    assert "ImagePull" not in alone
    assert "ImagePull" in proven


def classes(report: dict[str, Any]) -> list[str]:
    return [failure["class"] for failure in report["status"]["failures"]]


def test_evidence_may_be_a_list_or_a_single_object(tmp_path: Path) -> None:
    files = split("oom-main", tmp_path)
    pods = json.loads(files.pods.read_text())
    expected = explain(*files.arguments, "-o", "json").stdout
    shapes = {
        "list": {"apiVersion": "v1", "kind": "List", "items": pods},
        "podlist": {"kind": "PodList", "items": pods},
    }
    for value in (*shapes.values(), pods[0]):
        files.pods.write_text(json.dumps(value))
        assert explain(*files.arguments, "-o", "json").stdout == expected


def test_pods_of_other_workflows_are_no_evidence(tmp_path: Path) -> None:
    workflow, other = split("oom-main", tmp_path), split("evicted", tmp_path)
    foreign = explain(str(workflow.workflow), "--pods", str(other.pods), "-o", "json")
    assert foreign.stdout == explain(str(workflow.workflow), "-o", "json").stdout


def test_events_of_a_deleted_pod_explain_what_it_waited_for(tmp_path: Path) -> None:
    files = split("timeout-pending", tmp_path)
    without = json.loads(explain(str(files.workflow), "-o", "json").stdout)
    result = explain(str(files.workflow), "--events", str(files.events), "-o", "json")
    assert without["status"]["failureClass"] == "Timeout"
    assert json.loads(result.stdout)["status"]["failureClass"] == "ImagePull"


def test_yaml_in_gives_what_json_gives() -> None:
    text = yaml.safe_dump(workflow_of("oom-main"))
    assert explain("-", "-o", "json", stdin=text).stdout == explain("-", "-o", "json", stdin=WORKFLOW).stdout


def test_yaml_out_is_the_same_report() -> None:
    shown = explain("-", "-o", "yaml", stdin=WORKFLOW)
    assert (
        yaml.safe_load(shown.stdout)["status"]["summary"]
        == as_json(explain("-", "-o", "json", stdin=WORKFLOW))["status"]["summary"]
    )


def test_unquoted_times_in_yaml_stay_times() -> None:
    status = "{phase: Running, startedAt: 2026-01-02T03:04:05Z}"
    text = f"kind: Workflow\nmetadata: {{name: a, namespace: n, uid: u}}\nstatus: {status}"
    report = as_json(explain("-", "-o", "json", stdin=text))
    assert report["status"]["observedWorkflow"]["startedAt"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(
            {"kind": "List", "apiVersion": "v1", "items": [workflow_of("oom-main"), workflow_of("dag-success")]}
        ),
        json.dumps(
            {"kind": "WorkflowList", "items": [without_kind(workflow_of("oom-main")), workflow_of("dag-success")]}
        ),
        json.dumps([workflow_of("oom-main"), workflow_of("dag-success")]),
        json.dumps(workflow_of("oom-main")) + "\n" + json.dumps(workflow_of("dag-success")),
        yaml.safe_dump_all([workflow_of("oom-main"), None, workflow_of("dag-success")]),
    ],
    ids=["List", "WorkflowList", "array", "two JSON values", "two YAML documents"],
)
def test_many_workflows_give_a_list(text: str) -> None:
    result = as_json(explain("-", "-o", "json", stdin=text))
    assert result["kind"] == "List"
    assert [item["spec"]["workflowRef"]["name"] for item in result["items"]] == ["oom-main", "dag-success"]


@pytest.mark.parametrize(
    "wrapped",
    [
        without_kind(workflow_of("oom-main")),
        [without_kind(workflow_of("oom-main"))],
        {"metadata": {"resourceVersion": "7"}, "items": [without_kind(workflow_of("oom-main"))]},
        {"result": {"type": "ADDED", "object": without_kind(workflow_of("oom-main"))}},
        {"pipeline_runtime": {"workflow_manifest": json.dumps(without_kind(workflow_of("oom-main")))}},
    ],
    ids=["argo get", "argo list", "Argo Server's list", "Argo Server's stream", "Kubeflow Pipelines"],
)
def test_a_workflow_without_a_kind_is_a_workflow(wrapped: Any) -> None:
    explained = explain("-", "-o", "json", stdin=json.dumps(wrapped))
    assert explained.stdout == explain("-", "-o", "json", stdin=WORKFLOW).stdout


def test_a_list_of_one_gives_one_object() -> None:
    text = json.dumps({"kind": "List", "items": [workflow_of("oom-main")]})
    assert as_json(explain("-", "-o", "json", stdin=text))["kind"] == "WorkflowReport"


@pytest.mark.parametrize(
    "encoded", [gzip.compress(WORKFLOW.encode(), mtime=0), WORKFLOW.encode("utf-16"), WORKFLOW.encode("utf-8-sig")]
)
def test_gzip_and_the_byte_order_marks_of_windows_are_read(encoded: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wf.json.gz"
    path.write_bytes(encoded)
    assert as_json(explain(str(path), "-o", "json"))["kind"] == "WorkflowReport"


def test_one_bad_workflow_does_not_cost_the_others() -> None:
    bad = {"kind": "Pod", "metadata": {"name": "p"}}
    result = explain("-", "-o", "json", stdin=json.dumps([bad, workflow_of("oom-main")]))
    assert [item["kind"] for item in json.loads(result.stdout)["items"]] == ["WorkflowReport"]
    assert (
        complaint(result)
        == "stdin: object 1 (p): it is a Pod, not a Workflow; give pods with --pods, and the Workflow as FILE"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["it is empty", "expected"]),
        (b" \n", ["it is empty"]),
        (b"\xff\xfa", ["not UTF-8", "byte 0"]),
        (b'{"kind": "Workflow", ', ["not valid JSON", "line 1", "complete?"]),
        (b"a: [1\nb: }", ["neither JSON nor YAML", "line 2"]),
        (b"hello", ["expected a Workflow", "not a string"]),
        (b"42", ["expected a Workflow", "not a number"]),
        (b"[" * 100_000, ["nested too deeply"]),
        (b"a: &a [x]\nb: [*a, *a]", ["aliases such as *a are not allowed at line 2"]),
        (b'{"kind":"List","items":[]}', ["empty", "no Workflow"]),
        (b'{"kind":"Pod"}', ["it is a Pod", "--pods"]),
        (b'{"kind":"CronWorkflow"}', ["it is a CronWorkflow", "cron-workflow=NAME"]),
        (b'{"a":1}', ["it has no kind"]),
        (b'{"metadata":{},"spec":{"templates":[]}}', ["it has no kind"]),
        (b'{"workflow_manifest":"{"}', ["it has no kind"]),
        (b'{"metadata":{},"items":[]}', ["empty", "no Workflow"]),
        (b'{"kind":"Workflow","apiVersion":"x.io/v1","metadata":{"name":"a"}}', ["Workflow of x.io/v1", "argoproj"]),
        (b'{"kind":"Workflow","metadata":{}}', ["metadata.name is missing"]),
        (b'{"workflow":{},"pods":[],"events":[]}', ["this is a recording", "split it", "--pods"]),
        (b'{"t":1,"kind":"Workflow","type":"ADDED","object":{}}', ["a watch event", ".object"]),
        (gzip.compress(b"{}", mtime=0)[:-9], ["gzip data is damaged"]),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else "",
)  # fmt: skip
def test_unusable_input_is_one_line_with_the_file_the_problem_and_the_fix(
    content: bytes, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    message = complaint(explain(str(path)))
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == [], message


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert "no such file" in complaint(explain(str(tmp_path / "none.json")))
    assert "it is a directory" in complaint(explain(str(tmp_path)))
    assert "no such file" in complaint(explain("-", "--pods", str(tmp_path / "none.json"), stdin=WORKFLOW))


def test_stdin_is_read_once_only() -> None:
    assert "read only once" in complaint(explain("-", "--pods", "-", stdin=WORKFLOW))


def test_a_wrong_kind_of_evidence_is_named(tmp_path: Path) -> None:
    files = split("oom-main", tmp_path)
    message = complaint(explain(str(files.workflow), "--pods", str(files.workflow)))
    assert "it is a Workflow, not a Pod" in message


def test_a_workflow_that_was_never_submitted_is_pending() -> None:
    report = as_json(explain("-", "-o", "json", stdin="kind: Workflow\nmetadata: {name: a}"))
    assert report["metadata"]["name"] == "a"
    WorkflowReport.model_validate(report)


def test_in_a_pipe_nothing_is_cut_and_nothing_is_coloured(tmp_path: Path) -> None:
    files = split("ex-loops-sequence" if is_fast() else LARGEST, tmp_path)
    shown = explain(*files.arguments).stdout
    steps = as_json(explain(*files.arguments, "-o", "json"))["status"]["steps"]
    assert "\x1b" not in shown
    assert "more succeeded" not in shown
    assert [step["displayName"] for step in steps if step["displayName"] not in shown] == []


def test_a_terminal_gets_colours_and_its_own_width(tmp_path: Path) -> None:
    command = [*COMMAND, "explain", str(split("large-3000", tmp_path).workflow)]
    shown = on_terminal(command, columns=72)
    assert "\x1b[1;31m" in shown
    assert "more succeeded" in shown
    plain = on_terminal([*command, "--color", "never"], columns=72)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 72


def test_no_color_is_respected_and_always_beats_it(tmp_path: Path) -> None:
    command = [*COMMAND, "explain", str(split("oom-main", tmp_path).workflow)]
    assert "\x1b[1;31m" not in on_terminal(command, columns=80, env={"NO_COLOR": "1"})
    assert "\x1b[1;31m" in on_terminal([*command, "--color", "always"], columns=80, env={"NO_COLOR": "1"})
    piped = subprocess.run([*command, "--color", "always"], capture_output=True, text=True, check=True)
    assert "\x1b[1;31m" in piped.stdout


def test_an_output_that_cannot_show_the_glyphs_gets_ascii(tmp_path: Path) -> None:
    command = [*COMMAND, "explain", str(split("unicode-b", tmp_path).workflow)]
    env = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin", "PYTHONPATH": "operator"}
    done = subprocess.run(command, capture_output=True, check=True, env=env)
    assert done.stdout.isascii()
    assert b"x unicode-b  Failed" in done.stdout


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    files = split("large-3000", tmp_path)
    piped = f"{sys.executable} -m wfreport explain {files.workflow} | head -1"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


def test_explain_imports_neither_kopf_nor_kubernetes_nor_aiohttp() -> None:
    script = (
        "import sys\nfrom wfreport.cli.main import cli\n"
        "cli(['explain', '-', '-o', 'json'], standalone_mode=False)\n"
        "print(sorted({'kopf', 'kubernetes', 'aiohttp', 'rich.console'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=WORKFLOW, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", [[], ["explain"], ["wait"], ["run"], ["version"]])
def test_every_help_has_examples(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_HTTP_PORT", "many")
    message = complaint(CliRunner().invoke(cli, ["run"]))
    assert "WFREPORT_HTTP_PORT='many'" in message


def test_for_yaml_beyond_its_limit_json_is_suggested(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(documents, "MAX_YAML_CHARACTERS", 10)
    path = tmp_path / "input"
    path.write_text("kind: Workflow")
    assert "use JSON, as printed by `kubectl get … -o json`" in complaint(explain(str(path)))


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(documents, "MAX_UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "input"
    path.write_bytes(gzip.compress(b" " * (8 << 20), mtime=0))
    assert "larger than 1 MiB when unpacked" in complaint(explain(str(path)))


def test_without_pods_the_page_names_the_missing_option(tmp_path: Path) -> None:
    files = split("oom-main", tmp_path)
    bare = subprocess.run([*COMMAND, "explain", str(files.workflow)], capture_output=True, text=True, check=True).stdout
    assert "no pods were given; add --pods" in bare
    assert "deleted before evidence" not in bare
    given = subprocess.run([*COMMAND, "explain", *files.arguments], capture_output=True, text=True, check=True).stdout
    assert "add --pods" not in given


@pytest.mark.parametrize(("output", "begins"), [("html", "<!doctype html>"), ("markdown", "## oom")])
def test_a_page_to_share_is_the_same_each_time_and_has_every_step(output: str, begins: str) -> None:
    shown = explain("-", "-o", output, stdin=WORKFLOW)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith(begins)
    assert "OOMKilled" in shown.stdout
    assert explain("-", "-o", output, stdin=WORKFLOW).stdout == shown.stdout


@pytest.mark.parametrize("output", ["tree", "html", "markdown"])
def test_what_to_do_next_is_on_every_page_with_commands_for_the_namespace(output: str) -> None:
    shown = explain("-", "-o", output, stdin=WORKFLOW).stdout
    assert "Raise the memory limit of container main" in shown
    assert "NEXT" in shown or "What to do next" in shown
    assert "logs oom-main big -n c-oom-main" in shown


def test_each_of_several_runs_has_its_own_next_steps() -> None:
    items = [workflow_of("oom-main"), workflow_of("image-pull-backoff")]
    shown = explain("-", stdin=json.dumps({"kind": "List", "items": items})).stdout
    first, second = shown.split("NEXT")[1:]
    assert "Raise the memory limit" in first
    assert "Correct name and tag of the image" in second


def test_html_is_a_page_of_one_run_and_markdown_may_be_of_several() -> None:
    several = json.dumps({"kind": "List", "items": [workflow_of("oom-main"), workflow_of("oom-main")]})
    assert complaint(explain("-", "-o", "html", stdin=several)).startswith("-o html: it makes a page of one run")
    assert explain("-", "-o", "markdown", stdin=several).stdout.count("\n---\n") == 1


@pytest.mark.parametrize("case", ["running-with-failed-branch", "loop-items-one-fails"])
def test_the_page_of_the_same_input_has_the_same_bytes_in_every_process(case: str, tmp_path: Path) -> None:
    files = split(case, tmp_path)
    pages = [
        subprocess.run(
            [*COMMAND, "explain", *files.arguments, "-o", "html"],
            capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert pages[0] == pages[1] != b""
