"""Where secrets that are known by their name stand in a text: ``password=…``, ``"token": "…"``, ``--api-key …``.

The names of secrets stand in ordinary messages, too (``secret "db-password" not found``, ``failed to fetch token:
forbidden``). So a name alone never counts: an equals sign or a flag makes what follows a secret, a colon only with
quotes, on a line of its own, or before what no one would write as a word. detect-secrets' keyword detector is made
for source code and takes time quadratic in a text.
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
"""Unlike ``str.lower`` it leaves every character at its place."""

_CANDIDATE: Final = re.compile(r"pass|pwd|secret|token|key")
"""Looked for first: ten times faster than ``_NAMED`` at every place."""

_NAMED: Final = re.compile(
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

_NOT_THE_SECRET: Final = _words(
    """
    name names file files path paths ref refs reference dir url uri id ids type version expiry expires expired
    expiration ttl length len count size arn provider mode policy manager store class kind error errors limit
    limits usage endpoint namespace field hint required enabled present set status rotation selector mount
    volume service server source template
    """
)
"""Last words of a name that is about a secret, without being one: ``secretName``, ``token_url``, ``password-file``."""

_PASSWORDS: Final = frozenset({"password", "passwd", "passphrase", "passcode", "pass", "pwd"})
_GLUED: Final = ("key", "hash", "value", "base64", "str")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_VALUE: Final = re.compile(
    r"(?P<open>[\"'`])(?P<quoted>(?:\\.|(?!(?P=open))[^\\\n])*+)"
    r"|\\{1,3}[\"'](?P<escaped>[^\"'\\\n]*+(?:\\+[^\"'\\\n]+)*+)"
    r"|(?P<bare>(?:(?![,;&](?:\s|[\w.-]{1,64}=)|[,;&.)\]}>]{1,8}(?:[\s\"'`]|$))[^\s\"'`])++)"
)
"""What follows the separator. A bare value ends where the next pair or the enclosing bracket does."""

_PIN_DIGITS: Final = 4
_SEEN: Final = 256
"""How much of a value is looked at to decide; so that a text of nothing but names takes linear time."""

_PLACEHOLDER: Final = re.compile(
    r"\{\{|%\(|\$\{|\$\(|(?-i:\$[A-Z_][A-Z0-9_]*$)|<[^>]*>?$|[*•x.…]+$"
    r"|(?:\[?redacted\]?|null|nil|none|true|false|undefined|\[|\{|\|)$",
    re.IGNORECASE,
)
_ENGLISH: Final = re.compile(
    r"[\"'`\\]*[ \t]+(?:not|is|does|has|was|could|cannot|can|must|should|already|exists|missing|of|for|from|in)\b"
)
_STATES: Final = _words(
    """
    expired invalid missing required denied forbidden unauthorized failed failure error ok valid revoked
    unknown present set unset empty timeout rejected mismatch incorrect wrong changed updated created deleted
    refreshed found
    """
)
_NAME: Final = re.compile(r"[a-z0-9]+(?:[-./:_@][a-z0-9]+)+|[A-Za-z]+(?:[-./:_][A-Za-z]+)*")
"""Names of objects, hosts, uids, paths and words: what an error says after a colon."""


def _named(text: str) -> Iterator[Span]:
    lower = text.translate(_ASCII_LOWER)
    position = 0
    while (candidate := _CANDIDATE.search(lower, position)) is not None:
        position = candidate.end()
        name = _NAMED.match(text, candidate.start())
        if name is not None and not _is_about(text, name) and _is_secret(text, name):
            span = _value_span(text, name.end())
            position = span[1]
            yield span


def _value_span(text: str, start: int) -> Span:
    match = _VALUE.match(text, start)
    return (start, start) if match is None else match.span(match.lastgroup or 0)


def _is_about(text: str, name: re.Match[str]) -> bool:
    """Whether the value is about a secret, or the name is none of a secret at all (``tokens``, ``key``)."""
    word, suffix = name["word"], name["suffix"]
    if word.lower() == "key" and not _BEFORE_KEY.search(text[max(0, name.start() - 12) : name.start()]):
        return True
    glued = suffix[:1].isalpha() and suffix[:1].islower() == word[-1:].islower()
    if glued and not suffix.lower().startswith(_GLUED):
        return True
    words = _WORDS.findall(suffix)
    return bool(words) and words[-1].lower() in _NOT_THE_SECRET


def _is_secret(text: str, name: re.Match[str]) -> bool:
    value = _VALUE.match(text, name.end(), name.end() + _SEEN)
    written = "" if value is None else value[value.lastgroup or 0]
    if value is None or not written or _PLACEHOLDER.match(written):
        return False
    word = name["word"].lower()
    if "=" in name["separator"]:
        return not (word == "pass" and written.isdigit()) and not (word == "pwd" and written.startswith("/"))
    if value.lastgroup == "bare":
        return _is_bare_secret(text, name, written, value.end())
    return bool(name["close"]) or _ENGLISH.match(text, value.end()) is None


def _is_bare_secret(text: str, name: re.Match[str], written: str, end: int) -> bool:
    """Whether what follows a colon without quotes is a secret rather than the rest of a sentence."""
    before = text[max(0, name.start() - 100) : name.start()]
    password = name["word"].lower() in _PASSWORDS
    if name["close"]:
        return written.isdigit() and len(written) >= _PIN_DIGITS and not name["separator"].startswith(" ")
    if not name["separator"].endswith((" ", "\t")) and not (password and _WORD_BEFORE.search(before)):
        return False
    if (password or _LINE_BEFORE.search(before)) and _REST_OF_LINE.match(text, end):
        return written.lower().rstrip(".!") not in _STATES
    compound = before[-1:].isalnum() or before[-1:] == "_"
    return _is_random(written, 6 if password or compound else 12)


def _is_random(written: str, at_least: int) -> bool:
    word = written.rstrip(":.,;!?")
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


def _flags(text: str) -> Iterator[Span]:
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
_HEADER_WORDS: Final = _STATES | _FLAG_WORDS | {"token", "auth", "authentication", "header", "credentials"}
_BEARER: Final = re.compile(r"(?<![\w-])(?:bearer|basic)[ \t]{1,3}([\w.~+/-]{16,}={0,2})", re.IGNORECASE)
_HEADER_KEY: Final = re.compile(
    r"(?<![\w-])x-[a-z0-9-]{0,30}?(?:key|token|secret)\\{0,3}[\"']?[ \t]{0,3}[:=][ \t]{0,3}"
    r"\\{0,3}[\"']?([^\s\"'`\\,;\[]{4,})",
    re.IGNORECASE,
)


def _headers(text: str) -> Iterator[Span]:
    for match in _HEADER.finditer(text):
        group = match.lastgroup or "bare"
        if _is_random(match["bare"], 12) if group == "bare" else match[group].lower() not in _HEADER_WORDS:
            yield match.span(group)


def _bearers(text: str) -> Iterator[Span]:
    for match in _BEARER.finditer(text):
        if _is_random(match[1], 16):
            yield match.span(1)


_DOCKER_AUTH: Final = re.compile(r"\"auth\\?\"\s{0,8}:\s{0,8}\\?\"([^\"\s\\]{8,})")
_CURL_USER: Final = re.compile(r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,100}:([^\s\"'\[]+)")

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(("pass", "pwd", "secret", "token", "key"), _named),
    Detector(("pass", "token", "secret", "key"), _flags),
    Detector(("authorization",), _headers),
    Detector(("bearer", "basic"), _bearers),
    by_pattern(_HEADER_KEY, "x-", group=1),
    by_pattern(_DOCKER_AUTH, '"auth', group=1),
    by_pattern(_CURL_USER, "curl", group=1),
)
