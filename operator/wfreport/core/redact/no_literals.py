"""Tells what stands after the name of a secret in schemas, help texts and settings: numbers of fields, alternatives."""

import re
from typing import Final

from wfreport.imports import lazy_pattern

_FIELD_NUMBER: Final = lazy_pattern(r"\d{1,4}[ \t]{0,4}(?:;|\[[\w(])")
"""``string password = 2;``: a field of a message of protobuf."""

_ALTERNATIVES: Final = lazy_pattern(r"\[?[a-z]{2,16}(?:\|[a-z]{2,16}){1,8}(?:\][^\s]{0,64})?")
"""``true|false``"""

_RANGE: Final = lazy_pattern(r"[~^]\d{1,4}(?:\.\d{1,6}){1,2}(?:-[a-z]{1,8}\.\d{1,4})?")
"""The versions of a package: ``"minipass": "^7.0.3"``."""

_SCOPE: Final = lazy_pattern(r"[\w%.@-]{1,200}/\d{8}/[a-z0-9-]{1,32}/[a-z0-9-]{1,32}/(?:aws4|goog4)_request")
_SCOPE_SEPARATOR: Final = lazy_pattern(r"%2F", re.IGNORECASE)
_ACCOUNT: Final = lazy_pattern(r"[\w%.@-]{1,200}\.gserviceaccount\.com")
"""The account that signed, and the scope of its signature."""

_VARIABLE_AND_PATH: Final = lazy_pattern(r"\$(?:[A-Z][A-Z0-9_]{2,64}|[a-z]{2,32})(?:/[\w.-]{1,64}){1,8}#?")
"""``$dir/private/cakey.pem``"""

_SERVICES: Final = frozenset({"files", "compat", "systemd", "sss", "ldap", "nis", "winbind", "db"})
"""Where the C library looks up accounts: ``passwd: files systemd``."""

_REMOTE: Final = lazy_pattern(r"[\"']?,?\s{1,64}[\"']?remoteRef")
_METAVARIABLES: Final = frozenset({"COMMAND", "FILE", "VALUE", "STRING", "TEXT", "ID:VALUE"})
"""What a manual puts in the place of a value."""

_LOGIC: Final = frozenset({"0", "1"})
_ARTICLES: Final = frozenset({"a", "an", "the"})
_WORD: Final = lazy_pattern(r"[ \t][A-Za-z]{2}")
_TEMPLATE_CALL: Final = lazy_pattern(r" [.$\"(]")
_JOINED: Final = lazy_pattern(r"[ \t]*[+&.,][ \t]+[A-Za-z_$][\w.$]{0,64}[(\[+&, ].{0,64}|[ \t]+[a-z]{2,16}:.{0,256}")
"""Code between two literals: ``'AccountKey=', parameters('key')``. The quote before it ends a literal."""


def is_no_literal(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Return whether a value is a number of a field, a choice, a version, a scope, or a path with a variable.

    Args:
        text: the text in which both are.
        key: the key, with its ``word``, ``suffix`` and ``separator``.
        match: the value with its quotes.
        value: the value without them.
    """
    return (
        value in _LOGIC
        or value in _METAVARIABLES
        or _RANGE.fullmatch(value) is not None
        or _ALTERNATIVES.fullmatch(value) is not None
        or _VARIABLE_AND_PATH.fullmatch(value) is not None
        or is_scope(value)
        or _is_of_syntax(text, key, match, value)
        or _is_of_service(key, value)
        or _is_default(text, key, value)
        or (key["word"] + key["suffix"] == "secretKey" and _REMOTE.match(text, match.end()) is not None)
    )


def is_scope(value: str) -> bool:
    """Return whether a value is the account and the scope of a signature: ``etl@….com/20190201/us/storage/…``."""
    plain = _SCOPE_SEPARATOR.sub("/", value)
    return _SCOPE.fullmatch(plain) is not None or _ACCOUNT.fullmatch(value) is not None


def _is_of_syntax(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a value is the number of a field, the start of a sentence, a function or code between literals."""
    separator = key["separator"].strip()
    if match.lastgroup == "quoted":
        return not key["close"] and _JOINED.fullmatch(value) is not None
    return (
        (separator == "=" and _FIELD_NUMBER.match(text, match.start()) is not None)
        or (separator == "=" and value.lower() in _ARTICLES and _WORD.match(text, match.end()) is not None)
        or (separator == ":=" and value.isalpha() and _TEMPLATE_CALL.match(text, match.end()) is not None)
    )


def _is_of_service(key: re.Match[str], value: str) -> bool:
    return key["word"] == "passwd" and key["separator"].endswith("  ") and value in _SERVICES


def _is_default(text: str, key: re.Match[str], value: str) -> bool:
    """Whether a variable of a shell has a message or a reference: ``${TOKEN:?unset}``, ``${KEY:-$HOME/k}``."""
    before = text[max(0, key.start() - _LONG_VARIABLE) : key.start()].rpartition("${")
    if not before[1] or "}" in before[2]:
        return False
    return value[0] in "?+" or value.startswith(("-$", "-/", "-./", "-~/"))


_LONG_VARIABLE: Final = 40
