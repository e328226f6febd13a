"""The operator's logs: one handler, whose filter throttles lines that a lasting fault would repeat."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from wfreport.logs import JsonFormatter, LogThrottle, TextFormatter, configure_logs, kv, throttled

log = logging.getLogger("wfreport.tests.logs")


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Configure the logs as the operator does, and put pytest's handlers back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("wfreport")
    before = list(root.handlers), root.level, ours.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs(level="INFO", as_json=True)
    yield stream
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    ours.setLevel(own_level)


def test_a_key_passes_once_in_a_period_and_keys_do_not_share_it() -> None:
    time = Time()
    throttle = LogThrottle(60, clock=time)
    assert [throttle.allow("a"), throttle.allow("a"), throttle.allow("b")] == [True, False, True]
    time.now = 60
    assert throttle.allow("a")


def test_the_memory_of_the_throttle_is_bounded() -> None:
    throttle = LogThrottle(60, clock=Time(), max_keys=2)
    assert [throttle.allow(key) for key in ("a", "b", "c", "a")] == [True, True, True, True]


def test_throttled_lines_are_written_once_and_others_always(written: io.StringIO) -> None:
    for number in range(3):
        log.warning("list failed", extra=kv(number=number) | throttled("list", "ns"))
        log.info("report written", extra=kv(number=number))
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["message"], line["number"]) for line in lines] == [
        ("list failed", 0),
        ("report written", 0),
        ("report written", 1),
        ("report written", 2),
    ]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
@pytest.mark.parametrize(
    "unsafe", ["\x1b[31m", "\x1b]0;t\x07", "\x9b2J", "\u202e", "\u2066", "\u200b", "\x7f", "\r"], ids=ascii
)
def test_no_line_contains_what_a_terminal_would_obey(formatter: logging.Formatter, unsafe: str) -> None:
    error = (ValueError, ValueError(f"a{unsafe}b"), None)
    record = logging.LogRecord("wfreport", logging.INFO, "x.py", 1, f"odd{unsafe}line", None, error)
    record.__dict__ |= kv(name=f"etl{unsafe}x", words=f"two words{unsafe}")
    line = formatter.format(record)
    assert "".join(line.split("\n")).isprintable()
    assert "etl" in line


def test_text_that_is_printable_is_written_as_it_is() -> None:
    record = logging.LogRecord("wfreport", logging.INFO, "x.py", 1, "report written", None, None)
    record.__dict__ |= kv(name="etl-größe-🚀", words="two words")
    assert TextFormatter().format(record).endswith('report written name=etl-größe-🚀 words="two words"')
