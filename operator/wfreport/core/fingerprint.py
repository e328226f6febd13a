"""The same failure has the same fingerprint in every run.

What changes between runs is taken out of its text first.
"""

import hashlib
import re

_DIGITS = 12

_CHANGING: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uid>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b[a-z][a-z0-9-]*-\d{6,}\b"), "<pod>"),  # ids of pods and nodes end in fnv hashes
    (re.compile(r"(?:/[\w.@+-]+){2,}"), "<path>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def normalise(text: str) -> str:
    """The text without ids, times, paths and numbers."""
    for pattern, placeholder in _CHANGING:
        text = pattern.sub(placeholder, text)
    return text.strip()


def fingerprint(template: str, failure_class: str, exit_code: int | None, text: str) -> str:
    """Hash of what makes a failure the same.

    The template, the class, the exit code and the last line of what it said.
    """
    last_line = text.strip().rsplit("\n", 1)[-1][:1024]
    parts = "\x00".join((template, failure_class, str(exit_code), normalise(last_line)))
    return hashlib.sha256(parts.encode()).hexdigest()[:_DIGITS]
