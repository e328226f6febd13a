"""`wfreport simulate`: replays recorded runs through a policy, from a file and from a cluster."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli import warm
from tests.cli.cases import COMMAND
from tests.cli.workspace import Workspace
from tests.manifests.test_samples import SAMPLES, report_of
from tests.objects import a_policy, a_rule

CENTURY = ("--since", "36500d")
OOM = {"classes": ["OOMKilled"]}


def write(path: Path, *documents: Any) -> str:
    path.write_text("---\n".join(yaml.safe_dump(document) for document in documents))
    return str(path)


def reports(path: Path, *cases: str) -> str:
    """Write the reports of recorded runs into a file, as kubectl prints them."""
    items = [report_of(case).dump() for case in cases]
    for item in items:
        item["metadata"].pop("creationTimestamp", None)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return str(path)


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(["simulate", *arguments], os.environ)


def test_a_file_of_reports_is_simulated_without_a_cluster(tmp_path: Path) -> None:
    policy = str(SAMPLES / "oom-ladder.yaml")
    file = reports(tmp_path / "r.json", "oom-main", "evicted", "dag-success", "stop-b")
    command = [*COMMAND, "simulate", "-f", policy, "--reports", file, *CENTURY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "oom-ladder: selector matches 4 of 4 finished runs (36500d): 1 succeeded, 3 failed"
    )
    assert "1 action would have been taken:" in done.stdout
    (row,) = [line.split() for line in done.stdout.splitlines() if "RaiseMemory" in line]
    assert row == ["oom", "RaiseMemory", "1", "0", "0", "1"]
    assert "NoRuleMatches  2" in done.stdout
    assert "CoolingDown" in done.stdout


def test_wide_lists_every_run(tmp_path: Path) -> None:
    file = reports(tmp_path / "r.json", "oom-main", "evicted")
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", file, *CENTURY, "-o", "wide")
    assert "rule oom: RaiseMemory after OOMKilled" in done.stdout
    assert "NoRuleMatches: no rule of policy oom-ladder matches" in done.stdout


def test_programs_get_the_same_as_json_and_yaml(tmp_path: Path) -> None:
    arguments = ("-f", str(SAMPLES / "infrastructure-failures.yaml"), *CENTURY)
    file = reports(tmp_path / "r.json", "oom-main", "evicted", "preempted")
    simulated = json.loads(simulate(*arguments, "--reports", file, "-o", "json").stdout)
    assert simulated["policies"] == ["infrastructure-failures"]
    assert (simulated["runs"], simulated["selected"], simulated["succeeded"]) == (3, 3, 0)
    assert simulated["actions"] == [
        {"rule": "infrastructure", "action": "Resubmit", "times": 2, "helped": 0, "notHelped": 0}
    ]
    assert simulated["held"] == [{"reason": "NoRuleMatches", "runs": 1}]
    decided = {one["workflow"]: (one["action"], one["reason"]) for one in simulated["decisions"]}
    assert decided == {
        "oom-main": (None, "NoRuleMatches"),
        "evicted": ("Resubmit", "Evicted"),
        "preempted": ("Resubmit", "Preempted"),
    }
    as_yaml = yaml.safe_load(simulate(*arguments, "--reports", file, "-o", "yaml").stdout)
    assert as_yaml["actions"] == simulated["actions"]


def test_a_policy_without_actions_reports_it(tmp_path: Path) -> None:
    file = reports(tmp_path / "r.json", "evicted")
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", file, *CENTURY)
    assert "No action would have been taken." in done.stdout
    labels = simulate("-f", str(SAMPLES / "label-only.yaml"), "--reports", file, *CENTURY)
    assert "1 failed pod would have been labelled." in labels.stdout


def test_old_runs_are_not_counted(tmp_path: Path) -> None:
    file = reports(tmp_path / "r.json", "oom-main")
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", file, "--since", "1s", "-o", "json")
    assert json.loads(done.stdout)["runs"] == 0


def test_an_open_breaker_is_reported(tmp_path: Path) -> None:
    breaker = {"minRuns": 2, "failurePercentAtMost": 1, "windowSeconds": 86400, "cooldownSeconds": 86400}
    policy = write(tmp_path / "p.yaml", a_policy("all", circuitBreaker=breaker))
    file = reports(tmp_path / "r.json", "oom-main", "evicted", "preempted", "cron-child-fails")
    done = simulate("-f", policy, "--reports", file, *CENTURY)
    assert "The circuit breaker would have been open:" in done.stdout
    assert "BreakerOpen" in done.stdout
    simulated = json.loads(simulate("-f", policy, "--reports", file, *CENTURY, "-o", "json").stdout)
    assert sum(time["runs"] for time in simulated["breakerOpen"]) >= 2


def test_a_policy_of_another_namespace_selects_nothing(tmp_path: Path) -> None:
    document = a_policy("all")
    document["metadata"]["namespace"] = "elsewhere"
    file = reports(tmp_path / "r.json", "oom-main")
    done = simulate("-f", write(tmp_path / "p.yaml", document), "--reports", file, *CENTURY, "-o", "json")
    assert json.loads(done.stdout)["selected"] == 0


def test_runs_without_labels_are_reported(tmp_path: Path) -> None:
    report = report_of("oom-main").dump()
    report["status"]["observedWorkflow"].pop("labels")
    (tmp_path / "r.json").write_text(json.dumps(report))
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", str(tmp_path / "r.json"), *CENTURY)
    assert done.returncode == 0
    assert done.stderr == "no label, so that no selector can match: 1 of 1 run\n"


def test_an_undecodable_report_is_named_and_left_out(tmp_path: Path) -> None:
    good = report_of("oom-main").dump()
    bad = {"kind": "WorkflowReport", "metadata": {"name": "odd"}, "spec": {"workflowRef": {}}}
    (tmp_path / "r.json").write_text(json.dumps([good, bad]))
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", str(tmp_path / "r.json"), *CENTURY)
    assert done.returncode == 0
    assert "left out: report odd: this version of wfreport cannot read spec.workflowRef" in done.stderr


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([{"kind": "Workflow"}], "it has no RemediationPolicy"),
        (
            [a_policy("bad", rules=[a_rule("a", {"messageRegex": "("}, none={})])],
            "spec.rules[0].match.messageRegex: '(': use a valid RE2 expression",
        ),
        ([a_policy("bad", mode="Force")], "spec.mode: 'Force': input should be"),
        (
            [a_policy("good"), a_policy("bad", selector={})],
            "object 2 (bad): spec.selector: '{}': set a label",
        ),
    ],
    ids=["no policy", "a bad expression", "a bad mode", "the second of two"],
)
def test_a_bad_policy_is_one_line_and_exit_code_2(tmp_path: Path, documents: list[Any], message: str) -> None:
    done = simulate("-f", write(tmp_path / "p.yaml", *documents), "--reports", "-")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_without_reports_is_an_error(tmp_path: Path) -> None:
    empty = write(tmp_path / "r.yaml", {"kind": "Workflow", "metadata": {"name": "a"}})
    done = simulate("-f", str(SAMPLES / "oom-ladder.yaml"), "--reports", empty)
    assert done.returncode == 2
    assert "it has no WorkflowReport" in done.stderr
    assert simulate("--reports", empty).returncode == 2


@pytest.mark.cluster
def test_the_reports_of_the_cluster_are_simulated(workspace: Workspace, tmp_path: Path) -> None:
    policy = write(
        tmp_path / "p.yaml",
        a_policy(
            "all",
            selector={"matchExpressions": [{"key": "no-such-label", "operator": "DoesNotExist"}]},
            rules=[a_rule("oom", OOM, raiseMemory={"max": "16Gi"})],
        ),
    )
    workspace.put("oom-main")
    workspace.put("dag-success")
    simulated = json.loads(workspace.run("simulate", "-f", policy, *CENTURY, "-o", "json").stdout)
    assert (simulated["runs"], simulated["selected"], simulated["succeeded"]) == (2, 2, 1)
    assert [entry["action"] for entry in simulated["actions"]] == ["RaiseMemory"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"team": "nobody"}}, "No run has the label team=nobody."),
        ({"matchLabels": {"team": "x", "tier": "y"}}, "No run has the labels team=x,tier=y."),
        (
            {
                "matchLabels": {"team": "x"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "zone", "operator": "NotIn", "values": ["c"]},
                    {"key": "canary", "operator": "DoesNotExist"},
                    {"key": "owner", "operator": "Exists"},
                ],
            },
            "No run matches the selector team=x,tier in (a,b),zone notin (c),!canary,owner.",
        ),
    ],
)
def test_a_selector_that_matches_nothing_is_shown(tmp_path: Path, selector: dict[str, Any], expected: str) -> None:
    policy = a_policy("all")
    policy["spec"]["selector"] = selector
    file = reports(tmp_path / "r.json", "oom-main")
    done = simulate("-f", write(tmp_path / "p.yaml", policy), "--reports", file, *CENTURY)
    assert expected in done.stdout


def test_a_class_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    policy = a_policy("all")
    policy["spec"]["rules"][0]["match"] = {"classes": ["OOM"]}
    done = simulate("-f", write(tmp_path / "p.yaml", policy), "--reports", reports(tmp_path / "r.json", "oom-main"))
    assert done.returncode == 2
    assert "spec.rules[0].match.classes: 'OOM' is not one of OOMKilled, " in done.stderr
