"""Finds secrets by their key: ``password=…``, ``"token": "…"``, ``--api-key …``.

Ordinary messages contain such keys too (``secret "db-password" not found``, ``failed to fetch token: forbidden``), so a
key alone proves nothing. A value after an equals sign or a flag is a secret. A value after a colon is a secret only if
it is quoted, stands on a line of its own, or does not resemble a word.

The keyword detector of detect-secrets is not used: it is made for source code, and its time is quadratic in the length
of the text.
"""

import re
import string
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.tokens import Detector, Span, by_pattern


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_QUOTE: Final = r"\\{0,3}[\"'`]"

_ASCII_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""Lowercases ASCII only. ``str.lower`` can change the number of characters, and so their positions."""

_CANDIDATE: Final = re.compile(r"pass|pwd|secret|token|key")
"""A cheap filter: ten times faster than trying ``_KEY`` at every position."""

_KEY: Final = re.compile(
    r"(?P<word>password|passwd|passphrase|passcode|(?<![A-Za-z])pass|(?<=db)pass|pwd|secret|token|key)"
    r"(?P<suffix>[\w-]{0,40}+)"
    rf"(?P<close>(?:{_QUOTE})?\]?)"
    r"(?P<separator>[ \t]{0,3}+(?:=>|:=|={1,3}|:(?![:/]))[ \t]{0,3}+)",
    re.IGNORECASE,
)
_BEFORE_KEY: Final = re.compile(
    r"(?:api|access|private|account|auth|shared|signing|encryption|master|service|storage|ssh|client|db|session)[_-]?$",
    re.IGNORECASE,
)
_WORD_BEFORE: Final = re.compile(r"(?:^|(?<=[\s{\[(,;?&\"'`\\>-]))[\w.-]{0,64}+$")
_LINE_BEFORE: Final = re.compile(r"(?:^|\n)[ \t>-]{0,32}[\w.-]{0,64}+$")
_REST_OF_LINE: Final = re.compile(r"[ \t\r,;]*(?:\n|\\n|$)")

_DESCRIPTIVE_WORDS: Final = _words(
    """
    name names file files path paths ref refs reference dir url uri id ids type version expiry expires expired
    expiration ttl length len count size arn provider mode policy manager store class kind error errors limit
    limits usage endpoint namespace field hint required enabled present set status rotation selector mount
    volume service server source template
    """
)
"""Last words of keys whose value describes a secret: ``secretName``, ``token_url``, ``password-file``."""

_PASSWORDS: Final = frozenset({"password", "passwd", "passphrase", "passcode", "pass", "pwd"})
_SECRET_SUFFIXES: Final = ("key", "hash", "value", "base64", "str")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_VALUE: Final = re.compile(
    r"(?P<open>[\"'`])(?P<quoted>(?:\\.|(?!(?P=open))[^\\\n])*+)"
    r"|\\{1,3}[\"'](?P<escaped>[^\"'\\\n]*+(?:\\+[^\"'\\\n]+)*+)"
    r"|(?P<bare>(?:(?![,;&](?:\s|[\w.-]{1,64}=)|[,;&.)\]}>]{1,8}(?:[\s\"'`]|$))[^\s\"'`])++)"
)
"""The value after the separator. An unquoted value ends before the next pair or at the closing bracket."""

_PIN_DIGITS: Final = 4
_INSPECTED_CHARACTERS: Final = 256
"""Characters of a value that are inspected. The limit keeps the time linear for a text that consists of keys only."""

_PLACEHOLDER: Final = re.compile(
    r"\{\{|%\(|\$\{|\$\(|(?-i:\$[A-Z_][A-Z0-9_]*$)|<[^>]*>?$|[*•x.…]+$"
    r"|(?:\[?redacted\]?|null|nil|none|true|false|undefined|\[|\{|\|)$",
    re.IGNORECASE,
)
_ENGLISH: Final = re.compile(
    r"[\"'`\\]*[ \t]+(?:not|is|does|has|was|could|cannot|can|must|should|already|exists|missing|of|for|from|in)\b"
)
_STATE_WORDS: Final = _words(
    """
    expired invalid missing required denied forbidden unauthorized failed failure error ok valid revoked
    unknown present set unset empty timeout rejected mismatch incorrect wrong changed updated created deleted
    refreshed found
    """
)
_NAME: Final = re.compile(r"[a-z0-9]+(?:[-./:_@][a-z0-9]+)+|[A-Za-z]+(?:[-./:_][A-Za-z]+)*")
"""Names of objects, hosts, uids, paths and words: the usual text after the colon of an error."""


def _named_secrets(text: str) -> Iterator[Span]:
    lower = text.translate(_ASCII_LOWER)
    position = 0
    while (candidate := _CANDIDATE.search(lower, position)) is not None:
        position = candidate.end()
        key = _KEY.match(text, candidate.start())
        if key is not None and not _names_no_secret(text, key) and _is_secret(text, key):
            span = _value_span(text, key.end())
            position = span[1]
            yield span


def _value_span(text: str, start: int) -> Span:
    match = _VALUE.match(text, start)
    return (start, start) if match is None else match.span(match.lastgroup or 0)


def _names_no_secret(text: str, key: re.Match[str]) -> bool:
    """Whether the key does not name a secret: it describes one (``secretName``) or is an ordinary word (``tokens``)."""
    word, suffix = key["word"], key["suffix"]
    if word.lower() == "key" and not _BEFORE_KEY.search(text[max(0, key.start() - 12) : key.start()]):
        return True
    glued = suffix[:1].isalpha() and suffix[:1].islower() == word[-1:].islower()
    if glued and not suffix.lower().startswith(_SECRET_SUFFIXES):
        return True
    words = _WORDS.findall(suffix)
    return bool(words) and words[-1].lower() in _DESCRIPTIVE_WORDS


def _is_secret(text: str, key: re.Match[str]) -> bool:
    match = _VALUE.match(text, key.end(), key.end() + _INSPECTED_CHARACTERS)
    value = "" if match is None else match[match.lastgroup or 0]
    if match is None or not value or _PLACEHOLDER.match(value):
        return False
    word = key["word"].lower()
    if "=" in key["separator"]:
        return not (word == "pass" and value.isdigit()) and not (word == "pwd" and value.startswith("/"))
    if match.lastgroup == "bare":
        return _is_bare_secret(text, key, value, match.end())
    return bool(key["close"]) or _ENGLISH.match(text, match.end()) is None


def _is_bare_secret(text: str, key: re.Match[str], value: str, end: int) -> bool:
    """Whether an unquoted value after a colon is a secret, and not the rest of a sentence."""
    before = text[max(0, key.start() - 100) : key.start()]
    password = key["word"].lower() in _PASSWORDS
    if key["close"]:
        return value.isdigit() and len(value) >= _PIN_DIGITS and not key["separator"].startswith(" ")
    if not key["separator"].endswith((" ", "\t")) and not (password and _WORD_BEFORE.search(before)):
        return False
    if (password or _LINE_BEFORE.search(before)) and _REST_OF_LINE.match(text, end):
        return value.lower().rstrip(".!") not in _STATE_WORDS
    compound = before[-1:].isalnum() or before[-1:] == "_"
    return _is_random(value, 6 if password or compound else 12)


def _is_random(value: str, at_least: int) -> bool:
    word = value.rstrip(":.,;!?")
    return len(word) >= at_least and not word.isdigit() and _NAME.fullmatch(word) is None


_FLAG: Final = re.compile(
    r"(?<![\w-])--?[\w-]{0,40}?"
    r"(?:password|passwd|passphrase|token|secret|api-?key|access-?key|secret-?key|private-?key)"
    r"(?:[ \t]{1,3}|[\"'][ \t]{0,3},[ \t]{0,3}(?=[\"']))(?P<value>\"[^\"\n]*|'[^'\n]*|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_FLAG_WORDS: Final = _words(
    """
    is must not or and was flag option required to for cannot with in requires should needs has needed missing
    are can may will argument of as if instead
    """
)


def _flag_values(text: str) -> Iterator[Span]:
    for match in _FLAG.finditer(text):
        value = match["value"].lstrip("\"'")
        if value and value.lower().rstrip(".,;:") not in _FLAG_WORDS and not _PLACEHOLDER.match(value):
            yield match.end() - len(value), match.end()


_HEADER: Final = re.compile(
    r"authorization\\{0,3}[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,3}[\"']?"
    r"(?:(?P<scheme>bearer|basic|negotiate|apikey|token)[ \t]{1,3}(?P<value>[^\s\"'`\\,;\[]+)"
    r"|(?:aws4-hmac-sha256|digest)[ \t]{1,3}(?P<all>[^\"'`\\\n\[][^`\\\n]*)"
    r"|(?P<bare>(?!aws4-hmac-sha256)[^\s\"'`\\,;\[]{12,}))",
    re.IGNORECASE,
)
_HEADER_WORDS: Final = _STATE_WORDS | _FLAG_WORDS | {"token", "auth", "authentication", "header", "credentials"}
_BEARER: Final = re.compile(r"(?<![\w-])(?:bearer|basic)[ \t]{1,3}([\w.~+/-]{16,}={0,2})", re.IGNORECASE)
_HEADER_KEY: Final = re.compile(
    r"(?<![\w-])x-[a-z0-9-]{0,30}?(?:key|token|secret)\\{0,3}[\"']?[ \t]{0,3}[:=][ \t]{0,3}"
    r"\\{0,3}[\"']?([^\s\"'`\\,;\[]{4,})",
    re.IGNORECASE,
)


def _authorization_headers(text: str) -> Iterator[Span]:
    for match in _HEADER.finditer(text):
        group = match.lastgroup or "bare"
        if _is_random(match["bare"], 12) if group == "bare" else match[group].lower() not in _HEADER_WORDS:
            yield match.span(group)


def _bearer_tokens(text: str) -> Iterator[Span]:
    for match in _BEARER.finditer(text):
        if _is_random(match[1], 16):
            yield match.span(1)


_DOCKER_AUTH: Final = re.compile(r"\"auth\\?\"\s{0,8}:\s{0,8}\\?\"([^\"\s\\]{8,})")
_CURL_USER: Final = re.compile(r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,100}:([^\s\"'\[]+)")

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(("pass", "pwd", "secret", "token", "key"), _named_secrets),
    Detector(("pass", "token", "secret", "key"), _flag_values),
    Detector(("authorization",), _authorization_headers),
    Detector(("bearer", "basic"), _bearer_tokens),
    by_pattern(_HEADER_KEY, "x-", group=1),
    by_pattern(_DOCKER_AUTH, '"auth', group=1),
    by_pattern(_CURL_USER, "curl", group=1),
)
