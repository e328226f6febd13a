"""Finds passwords beside the names of their accounts: ``login failed: bob / …``, ``u=bob p=…``, ``*_AUTH=bob:…``."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from wfreport.core.redact.detectors import Detector, Span, by_pattern
from wfreport.core.redact.words import UUID, is_random, is_random_and_mixed, is_state_or_placeholder, is_worded
from wfreport.imports import lazy_pattern

_ACCOUNT: Final = r"[\w.@+-]{1,64}"

_ATTEMPT: Final = lazy_pattern(
    r"(?<![\w-])(?:log[ -]?(?:in|on)|sign[ -]?in|auth(?:entication|enticate|enticating|orization)?|credentials?|creds"
    r"|user/pass(?:word)?|username/password|account|tried|trying)(?:[ \t]{1,4}(?!or\b"
    r"|and\b)[\w]{1,16}){0,3}[ \t]{0,2}(?:(?::|="
    r"|for|with|as|using|is"
    r"|are)[ \t]{1,4}|[ \t])[\[(\"'<]?"
    rf"{_ACCOUNT}(?:[:/]|[ \t]/[ \t]|,[ \t]{{0,2}}|[\"'][ \t]{{0,2}}[:/,][ \t]{{0,2}}[\"'])"
    rf"(?P<value>[^\s\"'<>,;\])]{{5,128}})",
    re.IGNORECASE,
)
"""``Auth failed for bob:…``, ``login attempt [root/…] failed``, ``with creds (bob, …)``."""

_WORDS_AND_NUMBER: Final = lazy_pattern(
    r"(?:[A-Z]?[a-z]+){1,4}\d{0,2}|[a-z0-9-]+|\d[\d.:-]*|[\w.-]*\.[a-z]{2,6}(?::\d+)?|[A-Z_]+\d*"
)
"""A name, a host or a time, as what follows the name of an account usually is."""

_REST_OF_TIME: Final = lazy_pattern(r"\d\d(?::\d\d){0,2}(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_OF_CREDENTIALS: Final = lazy_pattern(r"cred|user/|username/|login attempt", re.IGNORECASE)


def _attempts(text: str) -> Iterator[Span]:
    for match in _ATTEMPT.finditer(text):
        value = match["value"].rstrip(".?:")
        is_of_credentials = _OF_CREDENTIALS.match(match[0]) and ("," not in match[0] or "(" in match[0])
        is_name = not is_of_credentials and (_WORDS_AND_NUMBER.fullmatch(value) or is_worded(value))
        is_name = is_name or _REST_OF_TIME.fullmatch(value) is not None
        if is_random_and_mixed(value, 6) and not is_name and "/" not in value:
            yield match.start("value"), match.start("value") + len(value)


_SHORT_NAMES: Final = lazy_pattern(
    r"(?<![\w.-])(?:u|usr|user(?:name)?|login|l"
    r"|uid)[\"']?[ \t]{0,2}[:=]>?[ \t]{0,2}[\"']?[\w.@+-]{1,64}[\"']?[ \t,;&]{1,4}[\"']?"
    r"(?:p|pw|ps|pin|key)[\"']?[ \t]{0,2}[:=]>?[ \t]{0,2}[\"']?(?P<value>[^\s\"',;&]{4,128})",
    re.IGNORECASE,
)
"""``u=bob p=…``"""


_AUTH_SETTING: Final = lazy_pattern(
    r"(?:(?<![\w-])|(?<=[_.-])|(?<=npm))auth(?:entication|_?basic|_?info|_?string|_?data|_?ident)?\\{0,3}[\"']?"
    r"[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}"
    r"\\{0,3}[\"']?(?!(?:https?|basic|bearer|token|digest)\b)"
    rf"(?:(?P<account>{_ACCOUNT}[:/](?P<value>[^\s\"'\\,;&/]{{5,256}}))|(?P<whole>[^\s\"'\\,;&:{{\[(]{{6,4096}}))",
    re.IGNORECASE,
)
"""``NEO4J_AUTH=neo4j/…``, ``smtp_auth: bob:…``, ``REDISCLI_AUTH=…``"""

_BEFORE_PARAMETER: Final = frozenset("?&")
_LONGER_THAN_A_METHOD: Final = 8
"""``x509v3`` is shorter. Longer names of methods consist of words."""


def _auth_settings(text: str) -> Iterator[Span]:
    for match in _AUTH_SETTING.finditer(text):
        group = "value" if match["value"] is not None else "whole"
        if "#" in match[group] and text[match.start() - 1 : match.start()] in _BEFORE_PARAMETER:
            continue  # of a page, whose part follows
        value = match[group]
        generated = is_random_and_mixed(value, 6) and "(" not in value
        if group == "whole" and not text.endswith("REDISCLI_", 0, match.start()):  # also the name of a method
            generated = generated and len(value) >= _LONGER_THAN_A_METHOD and not is_worded(value)
        if generated or (group == "whole" and UUID.fullmatch(value)):
            yield match.span(
                "account" if group == "value" and text[match.start() - 1 : match.start()] != "_" else group
            )


_BESIDE_ID: Final = lazy_pattern(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|LTAI|AKID|GOOG|SCW)[A-Za-z0-9]{12,60}|AC[0-9a-f]{32}|SK[0-9a-f]{32})[\"']?"
    r"[ \t]{0,4}[,:;|/\t ][ \t]{0,4}(?:[bu]?[\"'])?(?P<value>[A-Za-z0-9+/]{24,64}={0,2})(?![\w+/=-])"
)
"""The id of an access key, and its secret after it: ``Auth('LTAI…', '…')``."""


_TOKEN_ID: Final = lazy_pattern(
    r"(?<![\w-])(?:acl|api|auth|access|bearer|refresh|management|bootstrap|session)[ _-]token[\"']?"
    r"(?: is)?[ \t]{0,4}[:=]?[ \t]{1,4}[\"']?"
    r"(?P<value>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22})(?![\w-])"
    r"|snmp[^\n]{0,20}community[ \t:=\"']{1,4}(?P<community>(?=[a-z]{0,32}\d)[^\s\"',;]{5,64})"
    r"|login\([ \t]{0,4}(?:key|token|api_key)[ \t]{0,2}=[ \t]{0,2}[\"'](?P<argument>[\w-]{20,256})",
    re.IGNORECASE,
)
"""Secrets that have the form of an id or of a word, in a context that leaves no doubt."""


def _undoubted(text: str) -> Iterator[Span]:
    for match in _TOKEN_ID.finditer(text):
        yield match.span(match.lastgroup or "value")


_SUPPLIED: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passwd|passphrase|credentials?)"
    r"(?:[ \t](?:supplied|provided|used|given|entered|sent|was|is|value|received|typed|specified)){0,2}"
    r"[ \t]{0,2}[\[(<{\"'`](?P<value>[^\s\[\](){}<>\"'`]{6,256})[\])>}\"'`]",
    re.IGNORECASE,
)
"""``The password supplied (…) is wrong``"""

_CODE: Final = lazy_pattern(
    r"(?<![\w-])(?:recovery|backup|scratch|emergency|invite|activation|license|2fa|mfa|totp|otp|one-time"
    r"|verification)[ _-]"
    r"(?P<name>codes?|keys?|tokens?|passcodes?)(?: is| are|s)?[\"']?[ \t]{0,4}[:=]?[ \t]{1,4}[\"']?"
    r"(?P<value>(?=[A-Za-z]{0,8}[ -]?[A-Za-z]{0,8}\d)[A-Za-z0-9]{3,8}(?:[ -][A-Za-z0-9]{3,8}){1,7}(?![\w.])"
    r"|(?!(?:19|20)\d{6})\d{6,8}(?![\w.]))",
    re.IGNORECASE,
)
"""``recovery code: a1b2c-d3e4f``"""


def _is_code(value: str, name: str) -> bool:
    """Whether a value is one number, or groups of equal length that are no words.

    Names of files and dates, which can follow a key, are neither.
    """
    groups = value.replace("-", " ").split()
    if value.isdigit() or all(group.isdigit() for group in groups):
        return name.lower().startswith(("code", "passcode", "token")) and len({*map(len, groups)}) == 1
    is_named = name.lower().startswith("code") and "-" in value
    return len({*map(len, groups)}) == 1 and (is_named or not all(is_worded(group) for group in groups))


def _supplied(text: str) -> Iterator[Span]:
    for match in _SUPPLIED.finditer(text):
        value = match["value"]
        if is_random_and_mixed(value, 6) and not is_state_or_placeholder(value):
            yield match.span("value")


def _codes(text: str) -> Iterator[Span]:
    for match in _CODE.finditer(text):
        if _is_code(match["value"], match["name"]):
            yield match.span("value")


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector((r"(?i)(?:log[io]n|log[ -]in|sign[ -]in|auth|cred|/pass|account|trying|tried )",), _attempts),
    by_pattern(
        _SHORT_NAMES, r"(?i)\b(?:p|pw|ps|pin|key)[\"']?[ \t]*[:=]", group="value", accept=partial(is_random, at_least=5)
    ),
    Detector(("(?i)auth",), _auth_settings),
    Detector((r"(?i)[a-z][ _-]token[\"' ]", "(?i)snmp", r"login\((?:key|token|api_key)"), _undoubted),
    by_pattern(
        _BESIDE_ID,
        *(r"(?:AKIA|ASIA|LTAI|AKID|GOOG|SCW)[A-Za-z0-9]", "(?:AC|SK)[0-9a-f]{8}"),
        group="value",
        accept=partial(is_random_and_mixed, at_least=24),
    ),
    Detector(("(?i)(?:passw|passphrase|credential)",), _supplied),
    Detector(
        (r"(?i)(?:recovery|backup|scratch|activation|license|emergency|verification|one-time|[2m]fa|otp)[ _-]",), _codes
    ),
)
