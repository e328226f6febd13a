"""Finds secrets that error messages quote: ``invalid value "…" for flag -password``, ``input_value='…'``."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.expressions import is_regular_expression
from wfreport.core.redact.words import is_random_and_mixed
from wfreport.imports import lazy_pattern

_NAME: Final = lazy_pattern(
    r"(?<![A-Za-z])(?:[\w.-]{0,40}?[_.-])?(?:password|passwd|passphrase|pwd|client[_-]?secret|secret[_-]?"
    r"(?:access[_-]?)?key"
    r"|secret(?=[\"'\]])|(?:api|access|auth|private|signing|encryption)[_-]?(?:key|token)|(?<=[_-])token"
    r"|credentials?)(?![\w-]|\.\w)"
    r"|\w{1,40}(?:Password|Passwd|Passphrase|Secret|ApiKey|AccessKey|AuthToken|AccessToken)(?![\w-])",
    re.IGNORECASE,
)
_COMPLAINT: Final = lazy_pattern(
    r"(?:(?:invalid|bad|illegal|wrong|malformed|unexpected|unrecognized|unsupported)[ \t]{1,4}"
    r"(?:\w{1,16}[ \t]{1,4}){0,2}(?:value|argument"
    r"|character|format|input)"
    r"|parsing|converting|convert|unmarshal|input(?:_value|_data)?=|coerce|cannot parse|could not parse|too (?:short"
    r"|long)|not of type"
    r"|does not match|not match|validation error|not a valid|is not valid|Failed validating|On instance|shorter than"
    r"|longer than"
    r"|non-regex|unsupported value|badly formed|expected type"
    r"|(?:found|got|has|actual|current|literal|plain-?text) value)",
    re.IGNORECASE,
)
_QUOTED: Final = lazy_pattern(r"\"(?P<double>[^\"\n]{5,256})\"|'(?P<single>[^'\n]{5,256})'|`(?P<back>[^`\n]{5,256})`")
_PAIR_REVERSED: Final = lazy_pattern(r"[ \t]{0,4}:[ \t]{0,2}[\"']")
"""The key of a pair before the value, backwards. The names of such values are judged by others."""

_NEAR: Final = 300
_LONGEST_NAME: Final = 64
_MIN_LENGTH: Final = 6


def _complaints(text: str) -> Iterator[Span]:
    """Yield the quoted values near a complaint that also has the name of a secret nearby."""
    done = 0
    complaints = list(_COMPLAINT.finditer(text))
    ends_of_names = _ends_of_names(text, complaints)
    for complaint in complaints:
        low, high = max(done, complaint.start() - _NEAR), complaint.end() + _NEAR
        name = bisect_left(ends_of_names, complaint.start() - _NEAR + 1)
        if name < len(ends_of_names) and ends_of_names[name] <= high:
            for quoted in _QUOTED.finditer(text, low, high):
                group = quoted.lastgroup or "double"
                value = quoted[group].rstrip(".")
                in_a_pair = _PAIR_REVERSED.match(text[max(0, quoted.start() - 8) : quoted.start()][::-1])
                is_text = in_a_pair or " " in value or is_regular_expression(value)
                if not is_text and is_random_and_mixed(value, _MIN_LENGTH):
                    yield quoted.span(group)
        done = max(done, complaint.end())


def _ends_of_names(text: str, complaints: list[re.Match[str]]) -> list[int]:
    """Return where the names near the complaints end. Each place is read once, however close they are."""
    ends: list[int] = []
    done = 0
    for complaint in complaints:
        low, high = max(done - _LONGEST_NAME, complaint.start() - _NEAR, 0), complaint.end() + _NEAR
        ends += [name.end() for name in _NAME.finditer(text, low, high)]
        done = high
    return sorted(ends)


_HINT: Final = (
    r"(?i)(?:parsing|converting|unmarshal|input_|input=|too short|too long|d value|d int value|d float value|d choice"
    r"|d argument|not a valid|not valid|(?:t|has|actual|literal) value|not match|not of type|could not convert|coerce"
    r"|validation|On instance)"
)

DETECTORS: Final[tuple[Detector, ...]] = (Detector((_HINT,), _complaints),)
