"""Fingerprints of failures: the same failure has the same fingerprint in every run.

The parts of a text that differ between runs are replaced by placeholders before it is hashed.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

from wfreport.core.classify.telling_line import last_informative_line
from wfreport.imports import lazy_pattern

_DIGITS = 12
_CACHED_LINES = 1024

# The alphabet of Kubernetes' random names (apimachinery, util/rand). It has no vowels, so that no words result.
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"

_CHANGING: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (lazy_pattern(r"\x1b\[[0-9;]*[A-Za-z]"), ""),
    (lazy_pattern(r"\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*"), "<time>"),
    (lazy_pattern(r"\b(?:[A-Z][a-z]{2} [ \d]\d )?\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (lazy_pattern(r"\b\d{4}[-/]\d\d[-/]\d\d\b"), "<time>"),
    (lazy_pattern(r"\b([a-z][a-z0-9+.-]{0,30}://[^\s/?\"'<>]+)[^\s\"'<>]*"), r"\1<path>"),
    (lazy_pattern(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uid>"),
    (lazy_pattern(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b"), "<ip>"),
    (lazy_pattern(r"\[?\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}\b(?:\]:\d{1,5}|\])?", re.IGNORECASE), "<ip>"),
    (lazy_pattern(r"(?<![\w.@+~-])[\w.@+~-]*(?:[/\\][\w.@+~=-]+){2,}[/\\]?"), "<path>"),
    # Names of pods and nodes end with FNV hashes, those of cron children with minutes, generated names with letters.
    (
        lazy_pattern(rf"\b[a-z][a-z0-9]*(?:[-.][a-z0-9]+){{0,15}}-(?:\d{{6,}}|{_RANDOM}{{5}}|{_RANDOM}{{8,10}})\b"),
        "<name>",
    ),
    (lazy_pattern(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (lazy_pattern(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b", re.IGNORECASE), "<hex>"),
    (lazy_pattern(r"\b(?<![A-Za-z0-9_]-)(?=[\w-]{0,63}\d)(?=[\w-]{0,63}[A-Za-z])[A-Za-z0-9_-]{20,}\b"), "<token>"),
    (lazy_pattern(r"\b(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d)){1,8}\b"), "<duration>"),
    (lazy_pattern(r"\d+(?:[.,]\d+)*"), "<n>"),
    (lazy_pattern(r"\s+"), " "),
)
"""Applied in order: patterns that contain others (times, addresses, paths) come before those that they contain.

The time must be linear in the length of the line, which a program writes. So a pattern does not begin in the middle of
what it matches, and it repeats only a limited number of times before a part that may be missing.
"""


@lru_cache(maxsize=_CACHED_LINES)
def normalise(text: str) -> str:
    """Replace ids, addresses, times, paths and numbers by placeholders."""
    for pattern, placeholder in _CHANGING:
        text = pattern.sub(placeholder, text)
    return text.strip()


def fingerprint(template: str, failure_class: str, exit_code: int | None, text: str) -> str:
    """Return a hash of a failure's template, class, exit code and last informative line of text."""
    parts = "\x00".join((template, failure_class, str(exit_code), normalise(last_informative_line(text))))
    return hashlib.sha256(parts.encode()).hexdigest()[:_DIGITS]
