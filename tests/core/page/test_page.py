"""The page of a run: what it says, within which bounds, and that no text of a run becomes markup."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.recorded import Recording, recordings

from wfreport.api.report import WorkflowReport
from wfreport.cli.render.html_page import html_of
from wfreport.cli.sources.computed_reports import EVERY_STEP, compute_report
from wfreport.core.next_steps.lines import NextCommand
from wfreport.core.page.build import MAX_FAILURES, MAX_OTHERS, build_page
from wfreport.core.page.markdown import MAX_CHARACTERS, escaped, fenced, markdown_of
from wfreport.core.page.model import Fact, RunPage
from wfreport.core.page.payload import pack_steps
from wfreport.core.page.texts import block, line
from wfreport.core.page.timeline import WIDTH
from wfreport.core.plurals import plural
from wfreport.core.snapshot.decode import decode_workflow

START = "2026-05-01T12:00:00Z"


def at(seconds: int) -> str:
    return f"2026-05-01T{12 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def a_step(number: int, start: int | None = 0, end: int | None = 60, **fields: Any) -> dict[str, Any]:
    times = {key: at(value) for key, value in (("startedAt", start), ("finishedAt", end)) if value is not None}
    step = {"displayName": f"s{number}", "nodeId": f"run-{number}", "type": "Pod", "phase": "Succeeded"}
    return {**step, **times, **fields}


def a_page(status: dict[str, Any] | None = None, actions: tuple[Fact, ...] = ()) -> RunPage:
    document = {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": "run-1", "namespace": "team-a"},
        "spec": {"workflowRef": {"name": "run"}},
    }
    return build_page(WorkflowReport.model_validate(document | ({"status": status} if status else {})), actions)


def observed(**fields: Any) -> dict[str, Any]:
    return {"observedWorkflow": {"phase": "Failed", "startedAt": START, "finishedAt": at(3600), **fields}}


def a_failure(**fields: Any) -> dict[str, Any]:
    known = {"role": "RootCause", "class": "ExitCode", "owner": "User", "retryable": False, "confidence": "High"}
    return {"displayName": "load", "nodeId": "run-1", "exitCode": 1, **known, **fields}


def values(facts: Any) -> dict[str, str]:
    return {fact.label: fact.value for fact in facts}


def everything(page: RunPage) -> str:
    return markdown_of(page) + html_of(page)


FULL = {
    **observed(message="child failed", progress="1/2"),
    "summary": "load: exit 1",
    "failureClass": "ExitCode",
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "Current", "lastTransitionTime": START},
        {"type": "EvidenceComplete", "status": "False", "reason": "PodGone", "message": "no pod",
         "lastTransitionTime": START},
        {"type": "Truncated", "status": "True", "reason": "Steps", "message": "8 of 10 steps",
         "lastTransitionTime": START},
    ],
    "timing": {"durationSeconds": 3600},
    "counts": dict.fromkeys(
        ("succeeded", "failed", "errored", "running", "pending", "skipped", "omitted", "retriedAttempts", "memoized"), 0
    ) | {"total": 10},
    "stepCounts": dict.fromkeys(("succeeded", "running", "pending", "skipped", "omitted"), 0)
    | {"failed": 1, "total": 1},
    "criticalPath": [{"displayName": "s1", "nodeId": "run-1", "seconds": 60, "waitSeconds": 0}],
    "steps": [
        a_step(1, 0, 60, phase="Failed", exitCode=1, message="exit code 1", waitSeconds=0, queuedSeconds=20),
        a_step(2, 3000, 3600, templateName="t", podName="run-t-2"),
    ],
    "failures": [
        a_failure(
            templateName="t", podName="run-t-1", container="main", hostNodeName="node-1", message="exit code 1",
            resources={"limits": {"memory": "1Gi"}}, podReason="Evicted", podMessage="low memory",
            evidenceMissing=["EventsNotReadable"], logLine="KeyError: 'x'", retryable=True, finishedAt=at(60),
            events=[{"reason": "BackOff", "message": "again", "count": 3, "lastSeenAt": START},
                    {"reason": "Pulled", "message": "here"}],
            logTail={"text": "a\nKeyError: 'x'\n", "lines": 2, "bytes": 16},
            previousAttempts=[{"podName": "p", "class": "OOMKilled", "exitCode": 137, "memoryLimit": "1Gi"},
                              {"podName": "q"}],
        ),
        a_failure(nodeId=None, displayName=None, exitCode=None, role="Victim", owner="Platform", logLine="died"),
    ],
    "stalled": {"reason": "PodGone", "sinceAt": START, "message": "gone", "advice": "stop it"},
    "waiting": [{"displayName": "s3", "reason": "Unschedulable", "sinceAt": START, "message": "0/3 nodes"},
                {"reason": "LockWait"}],
    "warnings": [{"displayName": "s2", "reason": "OOMKilledInside", "message": "killed"}, {"reason": "Odd"}],
    "comparison": {
        "baseline": {"runs": 5, "p50Seconds": 60, "p95Seconds": 90},
        "slow": True,
        "lastSuccess": {"workflowName": "run-0", "finishedAt": START, "runsSince": 2, "successes": 41},
        "failure": {"novelty": "Known", "firstSeenAt": START, "occurrences": 3, "consecutive": 2},
        "changes": [{"what": "Image", "name": "etl", "before": "etl:1.8", "after": "etl:1.9"},
                    {"what": "Parameter", "name": "new", "after": "1"}],
        "moreChanges": 4,
        "steps": [{"displayName": "s2", "seconds": 600, "baselineSeconds": 60, "runs": 5, "why": "Ran"}],
        "unknown": "machines are unknown",
    },
    "parameters": [{"name": "day", "value": "monday"}, {"name": "secret"}],
    "outputs": {"parameters": [{"name": "rows", "value": "3"}]},
    "workflowSource": {"cronWorkflow": "nightly", "creator": "ana"},
    "remediation": {
        "attempts": 2,
        "chain": ["run-0", "run"],
        "last": {"action": "Resubmit", "outcome": "NotHelped"},
        "held": {"policyName": "p", "rule": "oom", "reason": "BudgetSpent", "message": "3 of 3", "recheckAt": START},
    },
    "runs": [{"startedAt": START, "phase": "Failed", "class": "OOMKilled", "summary": "oom"}, {}],
    "links": {"ui": "https://argo/x", "trace": "javascript:alert(1)"},
}  # fmt: skip


def test_everything_that_the_report_knows_is_on_the_page_and_in_the_ticket() -> None:
    page = a_page(FULL)
    for text in (markdown_of(page), html_of(page)):
        for told in (
            "load: exit 1", "KeyError", "BackOff", "node\\-1|node-1", "OOMKilled, exit 137", "PodGone",
            "argo retry run -n team-a", "Unschedulable", "killed", "etl:1.9", "41 successes", "2 in a row",
            "BudgetSpent", "Truncated", "monday",
        ):  # fmt: skip
            assert re.search(told, text), told
    assert page.tone == "bad"
    assert page.outcome == "Failed (ExitCode)"
    assert page.steps_note.startswith("2 of 10 steps are known here")
    assert [link.label for link in page.links] == ["Argo"]
    assert "javascript:" not in html_of(page)
    assert values(page.remediation)["Last action"] == "Resubmit NotHelped"
    assert values(page.facts)["Parameters"] == "day=monday, secret=?"


def test_what_became_of_remediations_replaces_the_last_action() -> None:
    page = a_page(FULL, (Fact("RaiseMemory", "Helped"),))
    assert "Last action" not in values(page.remediation)
    assert values(page.remediation)["RaiseMemory"] == "Helped"


def test_a_report_that_knows_nothing_makes_a_page() -> None:
    unknown: tuple[dict[str, Any] | None, ...] = (
        None,
        {"observedWorkflow": {}},
        {"links": {}, "remediation": {}, "comparison": {}},
    )
    for status in unknown:
        page = a_page(status)
        assert page.outcome == "Pending"
        assert page.timeline is None
        assert everything(page)


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ({"novelty": "New", "occurrences": 1, "consecutive": 1}, "This failure is new"),
        ({"novelty": "Recurring", "occurrences": 2, "consecutive": 1}, "seen before: in 2 runs."),
    ],
)
def test_a_failure_is_new_or_known(history: dict[str, Any], told: str) -> None:
    comparison = {
        "failure": history, "baseline": {"runs": 1, "p50Seconds": 1, "p95Seconds": 1},
        "lastSuccess": {"workflowName": "w", "runsSince": 0, "successes": 1},
    }  # fmt: skip
    card = a_page({"comparison": comparison}).comparison
    assert card
    sentences = " ".join(card.sentences)
    assert told in sentences
    assert "Last success: w, no known run in between." in sentences
    assert "Nothing that the reports know of differs" in sentences
    assert "The one known success took 1s." in sentences


def test_equal_failures_are_one_card_that_names_the_others() -> None:
    def failure(number: int, **fields: Any) -> dict[str, Any]:
        return a_failure(displayName=f"load({number}:x)", nodeId=f"run-{number}", fingerprint="f1", **fields)

    steps = [a_step(number, phase="Failed") for number in range(3)]
    equal = [failure(0), failure(1), failure(2), failure(99)]
    page = a_page(observed() | {"steps": steps, "failures": [*equal, failure(5, logLine="another one")]})
    assert [card.title for card in page.failures] == ["load(0:x)", "load(5:x)"]
    (first, _) = page.failures
    assert [(other.name, bool(other.anchor)) for other in first.others] == [
        ("load(1:x)", True), ("load(2:x)", True), ("load(99:x)", False)
    ]  # fmt: skip
    assert "Failed the same way: load(1:x), load(2:x), load(99:x)" in markdown_of(page)
    html = html_of(page)
    assert html.count('<article class="card') == 2
    assert f'<a href="#{first.others[0].anchor}">load(1:x)</a>' in html
    many = a_page({"failures": [failure(number) for number in range(MAX_OTHERS + 4)]})
    assert (len(many.failures), many.more_failures, many.failures[0].more_others) == (1, 0, 3)
    assert all(" and 3 more" in text for text in (html_of(many), markdown_of(many)))


def test_the_page_has_the_time_of_the_last_recorded_change() -> None:
    running = {"observedWorkflow": {"phase": "Running", "startedAt": START}, "steps": [a_step(1, 60, None)]}
    told = "2026-05-01 12:01:00Z"
    for text in (html_of(a_page(running)), markdown_of(a_page(running)).replace("\\", "")):
        assert f"of {told}, its last recorded change" in text
    assert a_page(running | {"waiting": [{"reason": "LockWait", "sinceAt": at(120)}]}).as_of.endswith("12:02:00Z")
    assert a_page().as_of == ""


def test_the_page_explains_what_it_counts() -> None:
    page = a_page(FULL)
    assert values(page.facts)["Steps"] == "1: 1 failed (without groups of steps and superseded attempts)"
    whole = a_page(observed() | {"steps": [a_step(1)]})
    assert whole.steps_note == "1 row: the steps, the groups around them, and each attempt."
    assert values(a_page({"stepCounts": FULL["stepCounts"] | {"failed": 0, "total": 0}}).facts)["Steps"] == "0"


def test_failures_beyond_the_limit_are_counted() -> None:
    page = a_page({"failures": [a_failure() for _ in range(MAX_FAILURES + 3)]})
    assert page.more_failures == 3
    assert "23 more failures" in markdown_of(page)


def test_long_idle_stretches_are_drawn_short_and_waits_apart_from_work() -> None:
    page = a_page(observed() | {"steps": FULL["steps"], "criticalPath": FULL["criticalPath"]})
    assert page.timeline
    (idle,) = page.timeline.idle
    assert idle.width < WIDTH / 10
    first, second = page.timeline.rows
    assert [bar.kind for bar in first.bars] == ["wait", "work"]
    assert first.is_critical
    assert not second.is_critical
    assert second.bars[0].width > WIDTH / 2
    assert "One stretch of 49m00s is without work and drawn short." in page.timeline.notes[0]


def test_running_pending_and_instant_steps_have_their_place() -> None:
    status = {
        "observedWorkflow": {"phase": "Running", "startedAt": START},
        "steps": [
            a_step(1, 0, 100), a_step(2, 50, None, phase="Running"), a_step(3, 60, None, phase="Pending"),
            a_step(4, 100, 100), a_step(5, None, None, phase="Pending"), a_step(6, 0, 100, type="DAG"),
            a_step(7, 10, 90, type="Suspend", waitSeconds=5),
        ],
    }  # fmt: skip
    page = a_page(status)
    assert page.timeline
    kinds = {lane.name: [bar.kind for bar in lane.bars] for lane in page.timeline.rows}
    assert kinds == {"s1": ["work"], "s2": ["work"], "s3": ["wait"], "s4": ["work"], "s7": ["wait"]}
    for lane in page.timeline.rows:
        assert all(0 <= bar.x <= bar.x + bar.width <= WIDTH + 2 for bar in lane.bars)


def test_an_idle_end_is_drawn_short_and_several_stretches_are_counted() -> None:
    steps = [a_step(1, 0, 60), a_step(2, 1000, 1060), a_step(3, 2000, 2060, type="Suspend", phase="Running")]
    page = a_page(observed() | {"steps": [*steps[:2], {**steps[2], "finishedAt": at(3000)}]})
    assert page.timeline
    assert len(page.timeline.idle) == 2
    assert page.timeline.notes[0].startswith("2 stretches, ")


def test_the_timeline_prefers_the_critical_path_failures_and_the_longest() -> None:
    steps = [a_step(number, number, number + 5) for number in range(200)]
    steps[3] |= {"phase": "Failed"}
    page = a_page(
        observed()
        | {"steps": [*steps, a_step(300, 0, 3600)], "criticalPath": [{"displayName": "s7", "nodeId": "run-7",
           "seconds": 5, "waitSeconds": 0}]}
    )  # fmt: skip
    assert page.timeline
    assert {"s3", "s7", "s300"} <= {lane.name for lane in page.timeline.rows}
    assert page.timeline.notes[0].startswith("60 of 201 steps")


def test_links_to_steps_are_unique_whatever_the_ids() -> None:
    ids = ["run-1", "run-1", 'run-"><script>', "run", ""]
    page = a_page({"steps": [a_step(number, nodeId=node_id) for number, node_id in enumerate(ids)]})
    anchors = [row.anchor for row in page.steps]
    assert len(set(anchors)) == len(ids)
    assert all(re.fullmatch(r"step-[A-Za-z0-9-]+", anchor) for anchor in anchors)


def unpacked(packed: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(zlib.decompress(b64decode(packed)))
    return document


def test_the_script_gets_every_step_and_derives_the_names_of_pods() -> None:
    page = a_page(FULL)
    document = unpacked(pack_steps(page.steps, page.name))
    first, second = document["rows"]
    assert (first[1], document["words"][first[2]], first[9], first[12]) == ("s1", "Failed", 1, 1)
    assert first[11] == ""
    assert second[11] == 0


def large(count: int, **fields: Any) -> RunPage:
    return a_page(observed() | {"steps": [a_step(number, **fields) for number in range(count)]})


def test_ten_thousand_steps_fit_into_a_megabyte() -> None:
    page = large(10_000, message="é" + "x" * 500, displayName="n" * 300)
    assert len(page.steps) == 10_000
    assert len(html_of(page).encode()) < 1_000_000
    assert len(markdown_of(page)) < MAX_CHARACTERS + 100


def test_a_ticket_is_cut_and_says_so() -> None:
    failures = [a_failure(message="*" * 4000, podMessage="x" * 4000) for _ in range(5)]
    changes = [{"what": "Image", "name": "*" * 1000, "before": "*" * 1000, "after": "*" * 1000} for _ in range(20)]
    text = markdown_of(a_page(FULL | {"failures": failures, "comparison": {"changes": changes}}))
    assert len(text) < MAX_CHARACTERS + 100
    assert text.endswith("cut to fit a ticket.*\n")
    steps = [a_step(number, phase="Failed") for number in range(40)]
    assert "10 more are in the report." in markdown_of(a_page({"steps": steps}))


HOSTILE = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "````\n# x",
    "```\n</details>", "[x](javascript:alert(1))", "{{ 7*7 }}", "![i](http://evil/x)", "\u202egpj.exe", "@everyone",
    "a | b\n| --- |", "\x1b[31m", "&lt;script&gt;",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_run_becomes_markup(text: str) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) if key not in {*CLOSED, "nodeId", "ui"} else one for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return text if isinstance(value, str) and not value.startswith("2026-") else value

    page = a_page(filled(FULL))
    html, plain = html_of(page), html_of(a_page(FULL))
    own = re.compile(r"<(script|svg|img|style)\b")
    assert own.findall(html) == own.findall(plain)
    assert markup_of(html) <= markup_of(plain)
    assert "\u202e" not in html
    assert "\x1b" not in html
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", markdown_of(page))
    assert "<" not in outside
    assert "@everyone" not in outside
    assert not re.search(r"(?<!\\)\[", outside)
    assert not re.search(r"(?m)^# ", outside)


def markup_of(html: str) -> set[tuple[str, str]]:
    """The elements with their attributes, as a browser finds them."""
    found: set[tuple[str, str]] = set()

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update((tag, name) for name, _ in [("", None), *attrs])

    Parser().feed(html)
    return found


CLOSED = {"type", "status", "role", "class", "owner", "confidence", "novelty", "why", "what", "failureClass", "phase"}


@given(st.text())
@settings(max_examples=examples(50))
def test_no_line_of_a_log_ends_its_block(text: str) -> None:
    lines = fenced(text).split("\n")
    fence = lines[0].removesuffix("text")
    assert lines[-1] == fence
    assert not any(one.strip().startswith(fence) for one in lines[1:-1])


@given(st.text())
@settings(max_examples=examples(50))
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    plain = escaped(text)
    assert "\n" not in plain
    assert not re.search(r"(?<!\\)[\[*`|]", plain.replace("\\\\", ""))
    assert "<" not in plain
    assert not re.match(r"(\d+[.)]|[-+#=])", plain)


@given(st.text(), st.integers(20, 200))
@settings(max_examples=examples(50))
def test_texts_are_bounded(text: str, limit: int) -> None:
    assert len(line(text, limit)) <= limit
    assert "\n" not in line(text, limit)
    assert len(block(text, limit)) <= limit + 2


def test_a_long_log_keeps_its_end_from_the_start_of_a_line() -> None:
    assert block("first\nsecond\nthird", 9) == "…\nthird"
    assert block("x" * 30, 9) == f"…\n{'x' * 9}"
    assert plural(1, "run") == "1 run"


@pytest.mark.parametrize("recording", recordings()[::25], ids=lambda recording: recording.name)
def test_each_recorded_run_has_a_page_that_is_the_same_each_time(recording: Recording) -> None:
    snapshot = decode_workflow(recording.final["workflow"])
    report = WorkflowReport.model_validate(compute_report(snapshot, {}, EVERY_STEP))
    page = build_page(report)
    assert len(page.steps) == len(snapshot.nodes)
    assert html_of(page) == html_of(build_page(report))
    assert page.summary in str(report.status and report.status.summary)
    assert len({row.anchor for row in page.steps}) == len(page.steps)


def test_the_message_of_a_failure_keeps_its_lines() -> None:
    page = a_page({"failures": [a_failure(message="Traceback\n  File x\nKeyError: 'a'")]})
    assert values(page.failures[0].facts)["Message"] == "Traceback\n  File x\nKeyError: 'a'"


def test_what_to_do_next_stands_after_the_cause_and_what_changed() -> None:
    several = [*FULL["failures"][:1], a_failure(displayName="other", nodeId="run-2", logLine="died")]
    page = a_page({**FULL, "failures": several})
    for text, more in ((markdown_of(page), "### other"), (html_of(page), ">other</a>")):
        order = [
            text.index(part)
            for part in ("KeyError", "It hangs", "What changed", "What to do next", "argo retry run", more)
        ]
        assert order == sorted(order)


def test_a_page_has_the_commands_that_it_is_given_and_none_for_a_run_that_is_well() -> None:
    report = WorkflowReport.model_validate(
        {"metadata": {"name": "r", "namespace": "team"}, "spec": {"workflowRef": {"name": "wf"}}}
    )
    page = build_page(report, (), [NextCommand("argo get wf `x`", ""), NextCommand("", "Ask ana.")])
    assert "1. Run:\n\n```text\nargo get wf `x`\n```\n\n2. Ask ana." in markdown_of(page)
    assert "<li><code>argo get wf `x`</code></li>" in html_of(page)
    assert "What to do next" not in everything(a_page({"observedWorkflow": {"phase": "Succeeded"}}))
