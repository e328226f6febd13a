"""Structured logs: a constant message with key/value pairs, as JSON in a cluster and as text on a terminal.

A fault that lasts would log the same line at every retry. A log call marked with `throttled` is therefore written at
most once a minute for each key:

    log.warning("pod label patch failed", extra=kv(namespace=…, pod=…) | throttled("labels", namespace))
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

THROTTLE_SECONDS: Final = 60
_PAIRS: Final = "pairs"
_THROTTLE_KEY: Final = "throttle_key"


def kv(**pairs: object) -> dict[str, Any]:
    """Return the ``extra`` of a log call: ``log.info("report written", extra=kv(namespace=…))``."""
    return {_PAIRS: pairs}


def throttled(*key: object) -> dict[str, Any]:
    """Return the ``extra`` that throttles a log call: calls with equal keys are written once in a period."""
    return {_THROTTLE_KEY: key}


class JsonFormatter(logging.Formatter):
    """Renders a record as one JSON object on a line."""

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
        return _json(line)


class TextFormatter(logging.Formatter):
    """Renders a record for people: time, level, message, pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        pairs = "".join(f" {key}={_quoted(value)}" for key, value in getattr(record, _PAIRS, {}).items())
        line = f"{_time(record)} {record.levelname:<7} {record.getMessage()}{pairs}"
        return _visible(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class LogThrottle(logging.Filter):
    """Drops throttled records whose key was logged less than a period ago. Other records pass."""

    def __init__(self, period_seconds: float, *, clock: Callable[[], float], max_keys: int = 1000) -> None:
        super().__init__()
        self._period_seconds = period_seconds
        self._clock = clock
        self._max_keys = max_keys
        self._logged_at: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        key = getattr(record, _THROTTLE_KEY, None)
        return key is None or self.allow(key)

    def allow(self, key: object) -> bool:
        """Return whether the period of this key has passed; if so, begin the next one."""
        now = self._clock()
        if now - self._logged_at.get(key, float("-inf")) < self._period_seconds:
            return False
        if len(self._logged_at) >= self._max_keys:
            self._logged_at.clear()
        self._logged_at[key] = now
        return True


def configure_logs(*, level: str, as_json: bool) -> None:
    """Send all logs to stderr, throttled. The level of other libraries is WARNING: kopf logs a line per event."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    handler.addFilter(LogThrottle(THROTTLE_SECONDS, clock=time.monotonic))
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
    return text if text and text.isprintable() and not any(c in text for c in ' "=') else _json(text)


def _json(value: object) -> str:
    """Render JSON. Characters that a terminal would not print as they are become escapes."""
    rendered = json.dumps(value, default=str, ensure_ascii=False)
    return rendered if rendered.isprintable() else json.dumps(value, default=str)


def _visible(text: str) -> str:
    """Escape what a terminal would obey instead of print; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)
