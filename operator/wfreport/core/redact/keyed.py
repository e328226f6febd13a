"""Finds secrets by their key: ``password=…``, ``"token": "…"``, ``api key: …``.

Ordinary messages contain such keys too (``secret "db-password" not found``, ``failed to fetch token: forbidden``), so a
key alone proves nothing. A value after an equals sign is a secret, unless it is code, a path or a placeholder. A value
after a colon is a secret only if it is quoted, stands on a line of its own, or does not resemble a word.

The keyword detector of detect-secrets is not used: it is made for source code, and its time is quadratic in the length
of the text.
"""

import re
import string
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.key_words import (
    BEFORE_CREDENTIAL_NAME,
    BEFORE_KEY,
    BEFORE_OTHER_TOKEN,
    BEFORE_SECRET_NAME,
    DESCRIPTIVE_WORDS,
    MEASURING_WORDS,
    MOMENT,
    NAMING_WORDS,
)
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.refuted import SECRET_SUFFIXES, is_compound, is_password, is_refuted
from wfreport.core.redact.words import (
    STATE_WORDS,
    TYPES,
    is_complaint,
    is_measure,
    is_random,
    is_random_and_mixed,
    is_reference,
)
from wfreport.imports import lazy_pattern

_QUOTE: Final = r"\\{0,3}[\"'`]"

_ASCII_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""Lowercases ASCII only. ``str.lower`` can change the number of characters, and so their positions."""

_CANDIDATE: Final = lazy_pattern(r"pass|pwd|pswd|secret|token|key|cred|pw(?![a-z])|psw|pword|pasw|mdp(?![a-z])")
"""A cheap filter: ten times faster than trying ``_KEY`` at every position."""

_KEY: Final = lazy_pattern(
    r"(?P<word>password|passwd|pass[-_ ]?phrase|passcode|passkey|pass[-_ ]word"
    r"|(?<![A-Za-z])pass|(?<=[a-z])(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!encom)pass(?![a-z])"
    r"|passw(?:rd|d|rod|ort)(?![a-z])|passord|paswd|pas+word|pword|psw|(?<![A-Za-z])mdp(?![A-Za-z])"
    r"|pwd|pswd|(?<![A-Za-z])pw(?![A-Za-z])|(?<=bind)pw|(?<=root)pw"
    r"|secret(?: access)?(?: key)?|token|credentials?|(?<![A-Za-z])creds?(?![A-Za-z])|key)"
    r"(?P<suffix>[\w.-]{0,40}+)"
    rf"(?P<close>(?:{_QUOTE})?\]?)"
    r"(?P<separator>[ \t]{0,32}+(?:=>|:=|={1,3}|:(?![:/])|->)[ \t]{0,32}+)",
    re.IGNORECASE,
)
_WORD_REVERSED: Final = lazy_pattern(r"[\w.-]{0,64}")
_LAST_WORDS_REVERSED: Final = lazy_pattern(r"[^A-Za-z\d]{0,100}([A-Za-z\d]{1,100})")
"""The last words of a text that are not separated, such as ``nextPage``."""

_LINE_REVERSED: Final = lazy_pattern(r"[\w.-]{0,64}[ \t>-]{0,32}(?:\n|\Z)")
_BEFORE_CHARACTERS: Final = 100
_FIELD_STARTS: Final = frozenset(" {,")
_NEXT_FIELD: Final = lazy_pattern(r"(?:, ?[A-Za-z_]\w{0,64}: ?| [A-Z]\w{0,64}:)[^\s:]|\}")
_PAIR_STARTS: Final = frozenset(" \t\n\r\f\v{[(,;?&\"'`\\>")
_REST_OF_LINE: Final = lazy_pattern(r"[ \t\r,;]*(?:\n|\\n|$)")

_NAME_OF_A_SECRET: Final = lazy_pattern(
    r"[a-z0-9-]+-(?:secrets?|creds?|credentials?|tls|tokens?|keys?|certs?|auth|config|passwords?)"
)

_WORDS: Final = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_SECRET_ID: Final = lazy_pattern(r"[0-9a-f][0-9a-f-]{30,}[0-9a-f]", re.IGNORECASE)
"""A secret_id of Vault's AppRole. The SecretId of AWS is a name."""

_VALUE: Final = lazy_pattern(
    r"(?:!{1,2}(?:str|string|binary)[ \t]{1,4}|\((?:string|\[\]uint8)\) (?:\(len=\d{1,6}\) )?(?=[\"'`]))?"
    r"(?:[A-Za-z]{1,2}(?=[\"'])"
    r"|(?:Some|Ok|Just|Secret|SecretStr|SecretString|SecretValue|String|str|bytes"
    r"|new String|\[\](?:uint8|byte))\((?=[\"'`]))?"
    r"(?:(?P<open>\"{3}|'{3}|[\"'`])(?P<quoted>(?:\\.|(?!(?P=open))[^\\\n])*+)"
    r"|\\{1,3}[\"'](?P<escaped>[^\"'\\\n]*+(?:\\+[^\"'\\\n]+)*+)"
    r"|(?P<bare>(?:(?![,;&](?:\s|[\w.-]{1,64}=)|</[A-Za-z]|[,;&.:)\]}>]{1,8}(?:[\s\"'`]|$))[^\s\"'`])++))"
)
"""The value after the separator. An unquoted value ends before the next pair or at the closing bracket or tag."""

_SOME_KEY: Final = lazy_pattern(
    r"(?:^|[\s\"'_])KEY[\"']?=[\"']?(?=[A-Za-z]{0,64}\d)(?=[a-z0-9]{0,64}[A-Z])(?=[A-Z0-9]{0,64}[a-z])"
    r"[A-Za-z0-9]{20,}(?:$|[\s\"',;])"
)
"""``KAGGLE_KEY=…``: a variable of any name whose value is a generated one."""

_LONG_WORD: Final = 8
_LONG_PAIR: Final = 24
_PAIR: Final = lazy_pattern(
    r"(?:[a-z]{1,32}(?:[A-Z][a-z]{1,32}){0,4}|[A-Z][a-z]{1,32}|[A-Z]{1,32})(?:_[A-Za-z]{1,32}){0,8}=[^=]"
)
"""The next pair of a line: ``TokenBucket: tokens=12``."""

_PIN_DIGITS: Final = 4
_LONG_NUMBER_DIGITS: Final = 12
"""A count, a duration or an id of a row has fewer digits."""

_INSPECTED_CHARACTERS: Final = 256
"""Characters of a value that are inspected. The limit keeps the time linear for a text that consists of keys only."""

_ESCAPED_BREAKS: Final = lazy_pattern(r"\A(?:\\r\\n|\\n|\\t)+")
"""Line breaks and tabs that are escaped. A lone ``\\r`` is none: it begins a password such as ``\\roger1``."""

_ENGLISH: Final = lazy_pattern(
    r"[\"'`\\]*[ \t]+(?:not|is|does|has|was|could|cannot|can|must|should|already|exists|missing|of|for|from|in)\b"
)
_FILLED_IN_LATER: Final = lazy_pattern(
    r"(?:bearer|basic|token) {1,3}(?:\$\(|\{\{|\$\{[^}]{0,128}\}?$|\$[A-Za-z_]\w{0,64}$|<[^>]{1,128}>$|[*•x.…]{3,64}$"
    r"|%[sv]$|\{[\w.]{0,64}\}$|\[?(?:redacted|masked|hidden)\]?$)",
    re.IGNORECASE,
)
"""A scheme with a placeholder: ``Bearer ${TOKEN}``."""

_ELLIPSES: Final = ("...", "…")
_START: Final = lazy_pattern(r"(?:[A-Za-z]{1,8}[-_]){1,3}|eyJ\w{0,12}|A[KS]IA|MII\w{0,4}")
"""What tokens of a kind begin with. An ellipsis follows: ``xoxb-...``."""

_CODE: Final = lazy_pattern(
    r"not[ \t](?:set|shown|provided|available|configured|found|defined|given)\b"
    r"|(?:await|async|new|lambda)[ \t]{1,4}[A-Za-z_(*]|lambda:[ \t]|ANY[),\]}]"
)
"""Code after the separator: ``token = await f()``, ``token=ANY)``."""

_CALL: Final = lazy_pattern(r"[A-Za-z_][A-Za-z_.]{0,64}\([A-Za-z_.,=* \[\]]{0,128}\)[ \t]{0,8}(?:\r?\n|$)")
"""A call without literals to the end of the line, as a stack trace shows it: ``token = next(tokens)``."""

_FOLDER: Final = lazy_pattern(r"(?:/[A-Za-z_.][a-z0-9_.-]{0,64}){1,16}/?")

_FETCH_MODES: Final = frozenset({"include", "omit", "same-origin", "same-site"})
"""Values of ``credentials`` in a browser's fetch and in CORS."""


def _named_secrets(text: str) -> Iterator[Span]:
    lower = text.translate(_ASCII_LOWER)
    position = 0
    while (candidate := _CANDIDATE.search(lower, position)) is not None:
        position = candidate.end()
        key = _KEY.match(text, candidate.start())
        if key is not None and (_names_secret(text, key) or _is_secret_id(text, key)) and _is_secret(text, key):
            span = _value_span(text, key.end())
            position = span[1]
            yield span


def _value_span(text: str, start: int) -> Span:
    match = _VALUE.match(text, start)
    return (start, start) if match is None else match.span(match.lastgroup or 0)


_DIGEST: Final = lazy_pattern(r"[-_.]?(?:sha-?\d{0,3}|md5|fingerprint|thumbprint|checksum|digest)", re.IGNORECASE)
_PUBLIC_KEY: Final = ("publickey", "public key ", "public_key_")
"""Before the token of an assembly of .NET."""


def _names_secret(text: str, key: re.Match[str]) -> bool:
    """Whether the key names a secret, and neither describes one (``secretName``) nor is a common word (``tokens``)."""
    word, suffix = key["word"].lower(), key["suffix"]
    before = text[max(0, key.start() - 24) : key.start()].lower()
    if word == "key" and not _ends_with(before, BEFORE_KEY, "_ .-"):
        return _SOME_KEY.match(text, max(0, key.start() - 1)) is not None or (
            key.start() == 0 and _SOME_KEY.match(text) is not None
        )
    if _is_of_another_kind(text, key, before):
        return False
    if not suffix:
        return True
    glued = suffix[:1].isalpha() and suffix[:1].islower() == key["word"][-1:].islower()
    if glued and not suffix.lower().startswith(SECRET_SUFFIXES):
        return False
    last = (_WORDS.findall(suffix) or [""])[-1].lower()
    return not {last, last.removesuffix("s")} & DESCRIPTIVE_WORDS or (
        last in NAMING_WORDS and _has_random_value(text, key)
    )


def _is_of_another_kind(text: str, key: re.Match[str], before: str) -> bool:
    """Whether the key is of a page, an assembly, a digest or the name of an object."""
    word, suffix = key["word"].lower(), key["suffix"]
    if word == "passwd" and before.endswith("no"):  # NOPASSWD: ALL, in sudoers
        return True
    if word == "token":
        return _last_word(text, key.start()) in BEFORE_OTHER_TOKEN or before.endswith(_PUBLIC_KEY)
    if word == "key":
        return _DIGEST.fullmatch(suffix) is not None
    if word.startswith("cred"):
        return _last_word(text, key.start()) in BEFORE_CREDENTIAL_NAME
    return word == "secret" and not suffix and _last_word(text, key.start()) in BEFORE_SECRET_NAME


def _has_random_value(text: str, key: re.Match[str]) -> bool:
    """Whether the value resembles no name, whatever the key says of it: ``AUTH_TOKEN_HEADER=…``."""
    value = _value(_value_match(text, key))
    return is_random_and_mixed(value, 9)


def _value_match(text: str, key: re.Match[str]) -> re.Match[str] | None:
    return _VALUE.match(text, key.end(), key.end() + _INSPECTED_CHARACTERS)


def _value(match: re.Match[str] | None) -> str:
    return "" if match is None else match[match.lastgroup or 0]


def _ends_with(before: str, words_before: tuple[str, ...], separators: str) -> bool:
    """Whether a text ends with one of the words, or with a separator after it. A search for ``…$`` takes far longer."""
    return before.endswith(words_before) or (before[-1:] in separators and before[:-1].endswith(words_before))


def _last_word(text: str, position: int) -> str:
    """Return the word before a position, in lower case: ``page`` of ``nextPageToken`` and of ``next_page_token``."""
    last = _LAST_WORDS_REVERSED.match(_reversed_before(text, position))
    return _WORDS.findall(last[1][::-1])[-1].lower() if last else ""


def _is_secret_id(text: str, key: re.Match[str]) -> bool:
    if key["word"].lower() != "secret" or key["suffix"].lower().strip("_-") != "id":
        return False
    start, end = _value_span(text, key.end())
    return _SECRET_ID.fullmatch(text, start, end) is not None


def _is_secret(text: str, key: re.Match[str]) -> bool:
    match = _value_match(text, key)
    value = _value(match)
    if match is None or not value or _is_no_value(text, key, value):
        return False
    value = _ESCAPED_BREAKS.sub("", value)
    # The likeness first, because it refutes most words.
    return _resembles_secret(text, key, match, value) and not (
        _is_filled_in_later(match, value)
        or _measures(key, value)
        or _is_setting(key, value)
        or is_refuted(text, key, match, value)
    )


def _resembles_secret(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a value has the form of a secret, or stands where only a secret does."""
    if "=" in key["separator"]:
        names_object = key["word"] == "secret" and text.endswith(" --", 0, key.start())
        return not (names_object and _NAME_OF_A_SECRET.fullmatch(value)) and _is_assigned_secret(
            key["word"].lower(), value, is_bare=match.lastgroup == "bare"
        )
    if match.lastgroup == "bare":
        return _is_secret_id(text, key) or _is_bare_secret(text, key, value, match.end())
    if value.lower() in STATE_WORDS or is_complaint(value) or not value.strip(string.punctuation + " "):
        return False
    return bool(key["close"]) or _ENGLISH.match(text, match.end()) is None


def _is_setting(key: re.Match[str], value: str) -> bool:
    """Whether the value is a mode of ``credentials``, or the working directory."""
    word = key["word"].lower()
    return (word.startswith("cred") and value.lower() in _FETCH_MODES) or (word == "pwd" and _is_folder(key, value))


def _is_no_value(text: str, key: re.Match[str], value: str) -> bool:
    """Whether the next line of an escaped text follows, or the class of a property of PHP (``[token:App:private]``)."""
    breaks = _ESCAPED_BREAKS.match(value)
    if breaks is not None:
        rest = value[breaks.end() :]
        return not rest or ("n" in breaks[0] and not (is_random_and_mixed(rest, 5)))
    if not value.endswith((":private", ":protected")):
        return False
    before = _reversed_before(text, key.start())
    return _WORD_REVERSED.sub("", before, count=1).startswith("[")


def _is_folder(key: re.Match[str], value: str) -> bool:
    """Whether a value of ``pwd`` is the working directory."""
    return value.startswith("/") and ("=" in key["separator"] or _FOLDER.fullmatch(value) is not None)


def _is_filled_in_later(match: re.Match[str], value: str) -> bool:
    return (
        is_placeholder(value)
        or _FILLED_IN_LATER.match(value) is not None
        or (_START.fullmatch(value) is not None and match.string.startswith(_ELLIPSES, match.end()))
        or (match.lastgroup == "bare" and _CODE.match(match.string, match.start("bare")) is not None)
        or (match.string.endswith("= ", 0, match.start()) and _CALL.match(match.string, match.start()) is not None)
    )


def _measures(key: re.Match[str], value: str) -> bool:
    """Whether the value is a moment or a count, as its key says: ``password_changed_at: 2026-11-22``."""
    parts = _WORDS.findall(key["suffix"])
    return bool(parts) and parts[-1].lower() in MEASURING_WORDS and MOMENT.fullmatch(value) is not None


_SYMBOL: Final = lazy_pattern(
    r"[A-Z][a-z]{1,32}(?:\.[A-Z]?[a-z]{1,32}){0,4}|(?:bold |italic )?#[0-9A-Fa-f]{3,8}"
    r"|[A-Z]{1,16}|[A-Za-z_$][\w.$]{0,128}@(?=\d{0,7}[a-f])[0-9a-f]{6,8}|[A-Z][A-Za-z]{1,32}\{[0-9a-f]{4,8}.{0,64}"
)
"""A name of a class, a colour or an object: what parsers, highlighters and object dumps call a token."""


def _is_assigned_secret(word: str, value: str, *, is_bare: bool) -> bool:
    if value.lower() in STATE_WORDS or (word == "pass" and not value.strip("0123456789/.,%")):
        return False
    if word in {"token", "key"} and (
        not value.strip(string.punctuation)
        or (is_measure(value) and len(value) < _LONG_NUMBER_DIGITS)
        or _SYMBOL.fullmatch(value)
    ):
        return False
    return not (is_bare and is_reference(value))


_ERROR_CODE: Final = lazy_pattern(r"AADSTS\d{4,8}|(?:ORA|TNS)-\d{5}")
"""``credential: AADSTS70021: …``: the code of an error, which a colon follows. ``Hunter2`` is a password."""


def _is_bare_secret(text: str, key: re.Match[str], value: str, end: int) -> bool:
    """Whether an unquoted value after a colon is a secret, and not the rest of a sentence."""
    if (
        value.lower() in TYPES
        or (key["word"].lower().startswith("cred") and text.startswith(":", end) and _ERROR_CODE.fullmatch(value))
        or (len(value) < _LONG_PAIR and _PAIR.match(value))
    ):
        return False
    password = is_password(key["word"])
    if key["close"]:
        return value.isdigit() and len(value) >= _PIN_DIGITS and not key["separator"].startswith(" ")
    separated = key["separator"].endswith((" ", "\t"))
    if password and _is_field(text, key, end) and not is_reference(value) and not _NAME_OF_A_SECRET.fullmatch(value):
        return value.lower() not in STATE_WORDS
    if not separated and not (password and _starts_pair(text, key.start(), after_dash=True)):
        return is_random(value, 8) and _starts_pair(text, key.start())
    if not _is_likely_secret(text, key, value, end, password=password) or (
        not password and len(value) < _LONG_WORD and is_compound(key["suffix"]) and not is_random(value, 6)
    ):
        return False
    return not (separated and (is_reference(value) or _NAME_OF_A_SECRET.fullmatch(value)))


def _is_field(text: str, key: re.Match[str], end: int) -> bool:
    """Whether a pair is a field among others: ``{Host:db Password:…}``, ``{user: a, pass: …, port: 1}``."""
    before = text[max(0, key.start() - 1) : key.start()]
    if before == "(":
        in_call = text[max(0, key.start() - 2) : key.start() - 1].isalnum()  # pam_unix(passwd:chauthtok)
        return text.startswith(")", end) and not (in_call and text[key.end() : end].isalpha())
    return before in _FIELD_STARTS and _NEXT_FIELD.match(text, end) is not None


def _is_likely_secret(text: str, key: re.Match[str], value: str, end: int, *, password: bool) -> bool:
    """Whether a value is all that follows its key on the line, or looks random."""
    if _REST_OF_LINE.match(text, end) and (password or _LINE_REVERSED.match(_reversed_before(text, key.start()))):
        return value.lower().rstrip(".!") not in STATE_WORDS
    before = text[max(0, key.start() - 1) : key.start()]
    compound = before.isalnum() or before == "_"
    return is_random(value, 6 if password or compound else 8)


def _reversed_before(text: str, position: int) -> str:
    """Return the text before a position backwards. A search for ``…$`` would begin at each of its characters."""
    return text[max(0, position - _BEFORE_CHARACTERS) : position][::-1]


def _starts_pair(text: str, position: int, *, after_dash: bool = False) -> bool:
    """Whether the word that goes on at a position begins after a space, a bracket or a separator, or within it."""
    before = _reversed_before(text, position)
    word = _WORD_REVERSED.match(before)
    length = word.end() if word else 0
    return length == len(before) or before[length] in _PAIR_STARTS or (after_dash and "-" in before[: length + 1])


_ANY_NAME: Final = "pass|pwd|pswd|secret|token|key|cred|pw|psw|pword|mdp|pasw|paswd"

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        (
            rf"(?i)(?:{_ANY_NAME})[\w.-]*[\\\"'`\]]*[ \t]*(?:[:=]|->)",
            r"(?i)(?:pass[-_ ](?:phrase|word)|secret(?: access)?(?: key)?)[\w.-]*[\\\"'`\]]*[ \t]*[:=]",
        ),
        _named_secrets,
    ),
)
