"""The line of a log that tells most, and the lines of argoexec that no tail has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import final_of
from tests.core.hostile import UNITS, cpu_seconds
from tests.examples import batches
from tests.recorded import recording

from wfreport.core.classify.argoexec_lines import without_argoexec
from wfreport.core.classify.telling_line import last_informative_line, message_of, telling_line

CASES = yaml.load((Path(__file__).parent / "log_tails.yaml").read_bytes(), yaml.CSafeLoader)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_telling_line_of_a_log_is_the_error(case: dict[str, Any]) -> None:
    assert telling_line(case["log"]) == case["line"]
    assert telling_line(without_argoexec(case["log"])) == case["line"]


@given(lines=st.lists(st.one_of(st.text(), st.sampled_from([line for c in CASES for line in c["log"].split("\n")]))))
def test_the_telling_line_is_a_line_of_the_log(lines: list[str]) -> None:
    text = "\n".join(lines)
    line = telling_line(text)
    assert line == "" or any(each.strip().startswith(line) for each in text.splitlines())
    assert line in ("", last_informative_line(text))


@pytest.mark.parametrize("units", batches([*UNITS, "[x]", "E ", "time=", 'a="', '{"argo":'], name=repr))
def test_any_log_takes_milliseconds(units: list[str]) -> None:
    for unit in units:
        text = "\n".join([(unit * 4_096)[:4_096] + end for end in ("", "!", " argo=true")] * 10)
        read = partial(_read_log, text)
        assert cpu_seconds(read, tries=1) < 2, unit


def _read_log(text: str) -> None:
    without_argoexec(text)
    telling_line(text)
    message_of(text[:1024])


# --- argoexec's lines

ARGOEXEC = [
    'time=2026-11-25T04:31:06.770Z level=INFO msg="waiting for signals" argo=true signalPath=/var/run/argo/signal',
    'time=2026-11-25T04:31:07.771Z level=INFO msg="sub-process exited" error="exit status 3" argo=true',
    'time=2026-11-22T13:06:51.916Z level=INFO msg="sub-process exited" argo=true error=<nil>',
    'time="2023-01-01T00:00:00.000Z" level=info msg="capturing logs" argo=true',
    'time="2023-01-01T00:00:00.000Z" level=info msg="sub-process exited" argo=true error="a \\"quoted\\" text"',
    '{"time":"2026-11-22T13:07:00Z","level":"INFO","msg":"sub-process exited","argo":true,"error":"exit status 1"}',
    '{"argo":true,"error":null,"level":"info","msg":"sub-process exited","time":"2023-01-01T00:00:00.000Z"}',
]
OWN = [
    'time="2026-11-22T03:00:00Z" level=info msg="starting"',
    'time="2026-11-22T03:00:00Z" level=info msg="deployed with argo=true"',
    'time="2026-11-22T03:00:00Z" level=info msg=x argo=false',
    "deploying argo=true",
    '{"level":"info","msg":"x","config":{"argo":true}}',
    '{"argo":true}',
    '{"argo":true',
    '{"level":"info","msg":"the argo way"}',
    'time=2026-11-22T03:00:00Z argo "unbalanced',
    "time=2026-11-22T03:00:00Z argo=true",
    "argo",
]


@pytest.mark.parametrize("line", ARGOEXEC)
def test_lines_of_argoexec_are_removed(line: str) -> None:
    assert without_argoexec(f"before\n{line}\nafter\n") == "before\nafter\n"


@pytest.mark.parametrize("line", OWN)
def test_the_programs_own_lines_stay(line: str) -> None:
    assert without_argoexec(f"before\n{line}\n") == f"before\n{line}\n"


def test_a_program_that_ends_without_a_newline_keeps_its_last_line() -> None:
    assert without_argoexec(f"no newline{ARGOEXEC[1]}\n") == "no newline\n"


def test_only_the_exit_status_that_argoexec_reports_is_removed() -> None:
    own = "Error: exit status 3\n"
    assert without_argoexec(own) == own
    assert without_argoexec(f"{own}{ARGOEXEC[1]}\n{own}") == own
    assert without_argoexec(f"{ARGOEXEC[1]}\n{own}{own}") == own


@given(lines=st.lists(st.one_of(st.text(), st.sampled_from([*ARGOEXEC, *OWN, "Error: exit status 3"]))))
def test_removing_twice_changes_nothing(lines: list[str]) -> None:
    once = without_argoexec("\n".join(lines))
    assert without_argoexec(once) == once


def test_no_recorded_log_of_a_step_has_a_line_of_argoexec() -> None:
    logs = [
        without_argoexec(evidence.logs["main"])
        for name in ("real-node-dag", "real-node-mixed")
        for evidence in final_of(recording(name))[1].values()
        if "main" in evidence.logs
    ]
    assert len(logs) > 10
    assert not [log for log in logs if "argo=true" in log or "exit status" in log]


# --- the message of a line

MESSAGES = [
    ("ValueError: x", "ValueError: x"),
    ("Caused by: java.io.IOException: full", "java.io.IOException: full"),
    ('Exception in thread "main" java.lang.Error: x', "java.lang.Error: x"),
    (": org.apache.spark.SparkException: x", "org.apache.spark.SparkException: x"),
    ("E       assert 2 == 3", "assert 2 == 3"),
    ("│ Error: Invalid provider", "Invalid provider"),
    ("2026-11-22 03:00:02,311 ERROR com.acme.Export - quota used up", "com.acme.Export - quota used up"),
    ("[2026-11-22 03:00:02] [ERROR] no rows", "no rows"),
    ("ERROR: no rows", "no rows"),
    ("2026-11-22T03:00:02.311Z no rows", "no rows"),
    ("F1122 03:00:01.123456       1 main.go:33] no leader lease", "no leader lease"),
    ('time="x" level=fatal msg="cannot \\"open\\"" error="dial: refused"', 'cannot "open": dial: refused'),
    ("time=x level=error msg=boom", "boom"),
    ('{"level":"error","msg":"sync failed","error":"deadline"}', "sync failed: deadline"),
    ('{"level":"error","msg":"same","error":"same"}', "same"),
    ('{"level":"error","error":{"code":1}}', '{"level":"error","error":{"code":1}}'),
    ('{"level"', '{"level"'),
    ("> Could not resolve all files for configuration", "Could not resolve all files for configuration"),
    ("---> System.IO.IOException: disk", "System.IO.IOException: disk"),
    ("W: Failed to fetch http://deb", "Failed to fetch http://deb"),
    ("E: Unable to locate package x", "Unable to locate package x"),
    ("ERROR", "ERROR"),
    (">", ">"),
    ("", ""),
]


@pytest.mark.parametrize(("line", "message"), MESSAGES)
def test_the_message_of_a_line_is_without_time_and_level(line: str, message: str) -> None:
    assert message_of(line) == message
