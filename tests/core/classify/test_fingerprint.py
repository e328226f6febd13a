"""The same failure has the same fingerprint in every run, and different failures have different ones."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import final_of
from tests.recorded import recording

from wfreport.core.classify.fingerprint import fingerprint, normalise
from wfreport.core.classify.telling_line import last_informative_line

RANDOM_LETTERS = "bcdfghjklmnpqrstvwxz2456789"

CHANGING = {
    "time": st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - the zone is irrelevant
        lambda t: t.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ),
    "log time": st.times().map(lambda t: t.strftime("%H:%M:%S,123")),
    "syslog time": st.times().map(lambda t: t.strftime("Nov 22 %H:%M:%S")),
    "date": st.dates().map(lambda d: f"{d.year:04}-{d.month:02}-{d.day:02}"),
    "uuid": st.uuids().map(str),
    "ip": st.ip_addresses(v=4).map(str),
    "ip and port": st.ip_addresses(v=4).map(lambda ip: f"{ip}:8080"),
    "pod": st.integers(10**8, 2**32 - 1).map(lambda n: f"etl-daily-transform-{n}"),
    "generated name": st.text(RANDOM_LETTERS, min_size=5, max_size=5).map(lambda s: f"etl-daily-{s}"),
    "cron child": st.integers(1_600_000_000, 1_900_000_000).map(lambda n: f"nightly-{n}"),
    "path": st.lists(st.from_regex(r"[a-z0-9_.]{1,8}", fullmatch=True), min_size=2, max_size=5).map(
        lambda parts: "/" + "/".join(parts)
    ),
    "url": st.integers(0, 10**6).map(lambda n: f"https://store.example/bucket/key-{n}?sig={n:x}"),
    "number": st.integers(0, 10**12).map(str),
    "decimal": st.decimals(0, 10**6, places=3).map(str),
    "size": st.integers(1, 4096).map(lambda n: f"{n}Mi"),
    "hex": st.integers(2**40, 2**64).map(hex),
    "digest": st.binary(min_size=20, max_size=20).map(bytes.hex).filter(
        lambda s: any(c.isdigit() for c in s) and not s.isdigit()
    ),
    "duration": st.tuples(st.integers(0, 99), st.integers(0, 59)).map(lambda t: f"{t[0]}m{t[1]}s"),
    "milliseconds": st.integers(0, 10**5).map(lambda n: f"{n}ms"),
    "colour": st.sampled_from(["\x1b[31mred\x1b[0m", "red", "\x1b[1;31mred"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGING)
@given(data=st.data())
def test_values_that_differ_between_runs_do_not_change_the_fingerprint(kind: str, data: st.DataObject) -> None:
    one, other = data.draw(CHANGING[kind]), data.draw(CHANGING[kind])
    lines = [f"worker failed at {value} while reading '{value}' again" for value in (one, other)]
    assert normalise(lines[0]) == normalise(lines[1])


@given(text=st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


EXITED = 'level=INFO msg="sub-process exited" error="exit status 3" argo=true'

LAST_LINES = [
    ("ValueError: bad row 17\n", "ValueError: bad row 17"),
    ("first\nlast  \n\n \n", "last"),
    ("boom\n-----\n", "boom"),
    (
        f"bad input row 17\ntime=2026-11-22T13:07:00.678Z level=INFO {EXITED}\nError: exit status 3\n",
        "bad input row 17",
    ),
    ('boom\ntime="2023-01-01T00:00:00.000Z" level=info msg="sub-process exited" argo=true error="<nil>"', "boom"),
    ('boom\n{"time":"2026-11-22T13:07:00Z","level":"INFO","msg":"sub-process exited","argo":true}', "boom"),
    (
        "Caused by: java.io.IOException: full\n\tat a.B.c(D.java:1)\n\t... 12 more\n",
        "Caused by: java.io.IOException: full",
    ),
    ("TypeError: x is not a function\n    at main (/app/index.js:3:1)\n", "TypeError: x is not a function"),
    ("panic: oh no\n\ngoroutine 1 [running]:\n\tmain.go:12 +0x1d\nexit status 2\n", "panic: oh no"),
    ("time=now level=error msg=mine", "time=now level=error msg=mine"),
    ("Error: exit status 1", "Error: exit status 1"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), LAST_LINES, ids=lambda value: repr(value)[:60])
def test_the_last_informative_line_is_the_programs_own(text: str, expected: str) -> None:
    assert last_informative_line(text) == expected


def test_the_last_informative_lines_of_real_logs_are_the_programs_errors() -> None:
    last_lines = {
        pod.rsplit("-", 2)[-2]: last_informative_line(evidence.logs["main"])
        for pod, evidence in final_of(recording("real-node-mixed"))[1].items()
        if "main" in evidence.logs
    }
    assert last_lines["dns"] == "wget: bad address 'nope.svc'"
    assert last_lines["segv"] == "sh: invalid number '$'"
    assert last_lines["childoom"] == "Killed"
    assert last_lines["badcmd"].startswith("Error: failed to find name in PATH")


@pytest.mark.parametrize(
    "other",
    [
        ("b", "ExitCode", 1, "boom"),
        ("a", "OOMKilled", 1, "boom"),
        ("a", "ExitCode", 2, "boom"),
        ("a", "ExitCode", None, "boom"),
        ("a", "ExitCode", 1, "bang"),
    ],
    ids=["template", "class", "exit code", "no exit code", "text"],
)
def test_another_failure_has_another_fingerprint(other: tuple[str, str, int | None, str]) -> None:
    assert fingerprint("a", "ExitCode", 1, "boom") != fingerprint(*other)


def test_a_fingerprint_is_short_and_the_same_in_every_release() -> None:
    """It is stored in reports and labels, so a change would separate equal failures."""
    assert fingerprint("transform", "ExitCode", 1, "worker 17 failed on /data/in/17.csv") == "80d9a6a62268"


def test_only_the_end_of_a_long_log_is_read() -> None:
    assert last_informative_line("x" * 10_000_000 + "\nboom\n") == "boom"
    assert len(last_informative_line("y" * 5_000)) == 1024
