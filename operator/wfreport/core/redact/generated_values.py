"""Finds generated values in sentences, if only small words stand between them and the name of a secret."""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.expressions import is_member
from wfreport.core.redact.words import has_time, is_random, is_sealed
from wfreport.imports import lazy_pattern

_NAME: Final = (
    r"(?:password|passwd|passphrase|passcode|pwd|secret(?:[ _-]?key)?|token|credentials?"
    r"|(?:api|access|auth|client|signing|private|encryption|license)[ _-]?(?:key|token|secret))"
)
_SMALL: Final = (
    r"(?:(?:is|was|are|to|the|a|an|with|set|changed|reset|updated|rotated|from|new|old|value|now|still|equals|as|id"
    r"|supplied"
    r"|provided|used|given|entered|mismatch|expected|got|received|but|instead|and|not|sent|string|like)(?![\w-])[:,]?"
    r"|(?:for|of)[ \t]{1,4}(?:(?:the|a|user|account|role|host)[ \t]{1,4}){0,3}[^\s:=]{1,64})"
)
"""What may stand between. A name follows ``for`` and ``of``."""

_VALUE: Final = r"(?P<value>[^\s\"'`()\[\]<>{},;/|]{8,256}+)(?!/)"
_AFTER: Final = lazy_pattern(
    rf"(?<![\w-])(?<!expected )(?<!page )(?<!next ){_NAME}(?![\w-])"
    rf"[:,]?(?:[ \t]{{1,4}}{_SMALL}){{0,6}}"
    rf"(?:[ \t]{{0,2}}[:=][ \t]{{0,4}}|[ \t]{{1,4}})[(\[<\"'`]{{0,2}}{_VALUE}",
    re.IGNORECASE,
)
_ARTICLE: Final = "(?:not|a|an|the|valid|right|correct|your|my|our|wrong|new|old|current)"
_BEFORE: Final = lazy_pattern(
    rf"(?<![^\s\"'`(\[]){_VALUE}[\"'`)\]]?[ \t]{{1,4}}(?:is|as|for|was)"
    rf"(?:[ \t]{{1,4}}{_ARTICLE}){{0,4}}[ \t]{{1,4}}{_NAME}(?![\w-])",
    re.IGNORECASE,
)
_DIGITS: Final = lazy_pattern(r"\d+")
_SPECIAL: Final = frozenset("!@#$%^&*?~+")
_WORDS_WITH_NUMBERS: Final = lazy_pattern(
    r"(?:[A-Z]?[a-z]{2,16}(?:[A-Z][a-z]{1,16}){0,3}[-_.]?\d{1,4}[-_.]?){1,4}[A-Za-z]{0,16}"
)
"""``Web01Host2``"""

_MIN_LENGTH: Final = 8
_ADDRESS: Final = lazy_pattern(r"[a-z]{1,32}:|[\w.-]{1,64}@[\w-]{1,64}\.|\w{1,64}=", re.IGNORECASE)


def _is_generated(value: str) -> bool:
    """Whether a value has letters, and digits at several places or beside a special character. No name has both."""
    has_letters = value.lower() != value.upper()
    is_mixed_case = value.lower() != value and value.upper() != value
    places = len(_DIGITS.findall(value))
    special = not _SPECIAL.isdisjoint(value)
    return (
        has_letters
        and ((places > 1 and is_mixed_case) or (places > 0 and special))
        and is_random(value, _MIN_LENGTH)
        and not _ADDRESS.match(value)
        and not has_time(value)
        and not is_member(value)
        and not _WORDS_WITH_NUMBERS.fullmatch(value)
    )


def _generated(text: str) -> Iterator[Span]:
    for pattern in (_AFTER, _BEFORE):
        for match in pattern.finditer(text):
            value = match["value"].rstrip(".:!?") or match["value"]
            is_secret = _is_generated(match["value"]) or _is_generated(value)
            if is_secret and not is_sealed(text, match.start(), value):
                yield match.start("value"), match.start("value") + len(value)


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        (
            r"(?i)(?:passw\w*|passphrase|passcode|pwd|secret|token|credentials?|[ _-]key)[:,\"'`)]?[ \t]",
            r"(?i)[ \t](?:is|as|for|was)[ \t][a-z ]*(?:passw|secret|token|credential|key)",
        ),
        _generated,
    ),
)
