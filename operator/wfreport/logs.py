"""Structured logs: a constant message and key/value pairs, as JSON in a cluster and as text on a terminal."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_PAIRS = "pairs"


def kv(**pairs: object) -> dict[str, Any]:
    """The ``extra`` of a log call: ``log.info("report written", extra=kv(namespace=…, workflow=…))``."""
    return {_PAIRS: pairs}


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _PAIRS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For people: time, level, message, pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        pairs = "".join(f" {key}={_quoted(value)}" for key, value in getattr(record, _PAIRS, {}).items())
        line = f"{_time(record)} {record.levelname:<7} {record.getMessage()}{pairs}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Once:
    """Says whether something may be said again: once in a period per subject, so that a lasting fault is no flood."""

    def __init__(self, period_seconds: float, *, clock: Callable[[], float], subjects: int = 1000) -> None:
        self._period_seconds = period_seconds
        self._clock = clock
        self._subjects = subjects
        self._said_at: dict[object, float] = {}

    def may_say(self, subject: object) -> bool:
        """Whether the period of this subject has passed; if so, a new one begins."""
        now = self._clock()
        if now - self._said_at.get(subject, float("-inf")) < self._period_seconds:
            return False
        if len(self._said_at) >= self._subjects:
            self._said_at.clear()
        self._said_at[subject] = now
        return True


def configure_logs(*, level: str, as_json: bool) -> None:
    """Send all logs to stderr.

    The framework speaks only when something is wrong: it logs a line per event otherwise.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("wfreport").setLevel(level)
    for noisy in ("kopf", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n') else text
