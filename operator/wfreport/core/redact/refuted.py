"""Tells what is no secret although the key before it names one: code, numbers of settings, labels of metrics."""

import re
from functools import lru_cache
from typing import Final

from wfreport.core.redact.expressions import is_class, is_member, is_regular_expression, is_variable
from wfreport.core.redact.key_words import MOMENT
from wfreport.core.redact.no_literals import is_no_literal
from wfreport.core.redact.words import (
    PASSWORD_WORDS,
    TYPES,
    is_generated,
    is_in_store,
    is_path,
    is_random_and_mixed,
    is_sealed,
    is_worded,
    words,
)
from wfreport.imports import lazy_pattern

SECRET_SUFFIXES: Final = ("key", "hash", "value", "base64", "str", "data", "b64", "enc", "text", "string")
_STAGES: Final = words(
    """
    prod production dev development stage staging test qa live main old new current previous primary secondary default
    num number no
    """
)
_CACHED_WORDS: Final = 64
"""The words of keys are few: ``password``, ``Password``, ``pass_word``."""

_NUMBER: Final = lazy_pattern(
    r"[+-]?\d[\d.,:_]{0,32}(?:[nmuµ]?s|[mhdwy%]|min|sec|[kmg]i?b|\.[a-z]{3,6}s)?", re.IGNORECASE
)
_LETTERS: Final = lazy_pattern(r"[A-Za-z]+")
_WORD: Final = lazy_pattern(r"[A-Za-z]?[a-z]{1,64}|[A-Z]{1,64}")
_SENTENCE: Final = lazy_pattern(r"(?:[A-Za-z$][A-Za-z_'-]{1,24}[,:]?[ ]){1,24}[A-Za-z_'-]{2,24}[.!?]?")
_TEMPLATE: Final = lazy_pattern(r"\{[a-z_][a-z_.]{0,64}(?:![rsa])?\}|%[sdv](?![A-Za-z0-9])")
_FILE: Final = lazy_pattern(r"[a-z][\w-]{0,64}\.(?:pem|key|crt|cer|json|ya?ml|txt|jks|p12|pfx|env)")
_NEXT_WORD: Final = lazy_pattern(r"[ ][a-z]{2}")
_NEXT_PAIR: Final = lazy_pattern(r"[A-Za-z_][\w.]{1,64}=(?P<value>[^=]|$)")
_ERROR_CODE: Final = lazy_pattern(r"[A-Z]{2,8}-?\d{3,6}")
_CONSTANT: Final = lazy_pattern(r"-?0x[0-9A-Fa-f]{1,8}")
_END_OF_ITEM: Final = lazy_pattern(r",[ \t]*(?:\r?\n|$)")
_MNEMONIC: Final = lazy_pattern(r"(?:[a-z]{3,8} ){11,23}[a-z]{3,8}")
_PAGE: Final = lazy_pattern(r"https?://[^\s?@#]{1,1000}(?:#[\w-]{1,100})?")
_PARTS: Final = lazy_pattern(r"[/#]")
_FINGERPRINT: Final = lazy_pattern(r"(?:0x)?[0-9A-F]{16}(?:[0-9A-F]{24})?")
"""What names a key of GnuPG, as the images of Python have it."""

_QUOTES: Final = ('"', "'")
_KEY_REVERSED: Final = lazy_pattern(r"[\w.-]{0,64}")
_LABELS_REVERSED: Final = lazy_pattern(r"\w{0,32}(?:[ ]?,\"[^\"\n]{0,80}\"=[\w.]{1,64}){0,8}\{[\w:]")
"""The labels of a metric before a label, backwards: ``up{job="x",secret=``."""

_OBJECT: Final = lazy_pattern(
    r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?(?:@v\d{1,4})?"
)
"""Namespace and name of an object of Kubernetes."""

_KEY_OF_A_SECRET: Final = lazy_pattern(r"(?:[a-z]{1,32}-){0,4}(?:password|token|key|secret)\d{0,2}")
_NAME_OF_WORDS: Final = lazy_pattern(r"[a-z]{2,32}(?:-[a-z]{2,32}){1,8}")
"""The name of an entry of a Secret: ``adminPasswordKey=postgres-password``."""

_BEFORE: Final = 300
_LONGEST_UNIT: Final = 7


@lru_cache(maxsize=_CACHED_WORDS)
def is_password(word: str) -> bool:
    """Return whether the word of a key names a password, and no token or key."""
    return word.lower().replace(" ", "").replace("-", "").replace("_", "") in PASSWORD_WORDS


def is_compound(suffix: str) -> bool:
    """Return whether more than ``_key``, ``_prod`` or a number follows the word: a short word is no secret then."""
    rest = suffix.lower().strip("_-.0123456789")
    return bool(rest) and not rest.endswith(SECRET_SUFFIXES) and rest not in _STAGES


def is_refuted(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Return whether a value is no secret, as its form and what is around it say.

    Args:
        text: the text in which both are.
        key: the key, with its ``word``, ``suffix`` and ``separator``.
        match: the value with its quotes.
        value: the value without them.
    """
    separator = key["separator"].strip()
    if separator in {"->", "==", "==="}:
        literal = separator != "->" and match.lastgroup != "bare" and is_password(key["word"])
        return not literal and not is_random_and_mixed(value, 6)
    return (
        is_path(value)
        or is_in_store(value)
        or text.endswith("checksum/", 0, key.start())
        or _is_reference_to_key(text, key)
        or is_no_literal(text, key, match, value)
        or value[0] in _MARKS_OF_WORDS
        or _CONSTANT.fullmatch(value) is not None
        or _is_member_of_literal(text, key, match, value)
        or ("(" in value and value.partition("(")[0].lower() in TYPES)
        or (match.lastgroup == "quoted" and separator == ":" and value.lower() in TYPES)
        or _is_member_of_its_name(key, value)
        or _is_after_prompt(text, key, match)
        or is_sealed(text, key.start(), value)
        or (is_compound(key["suffix"]) and _is_plain(value))
        or _goes_on(text, key, match, value)
        or (match.lastgroup == "bare" and "=" in separator and _is_name_in_code(key, value))
        or (key["suffix"].lower().endswith("key") and _KEY_OF_A_SECRET.fullmatch(value) is not None)
        or (not is_password(key["word"]) and _is_no_token(text, key, match, value))
    )


def _is_member_of_literal(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a value is a name in a literal of a program: ``Password: o.password,`` on a line of its own."""
    is_item = match.lastgroup == "bare" and key["separator"][:1] == ":" and is_member(value)
    return is_item and _END_OF_ITEM.match(text, match.end()) is not None


def _is_reference_to_key(text: str, key: re.Match[str]) -> bool:
    """Whether a setting names the entry of a Secret: ``spark.kubernetes.driver.secretKeyRef.DB_PASSWORD=db:pw``."""
    return "KeyRef." in key["suffix"] or "KeyRef." in _before_in_word(text, key)


def _before_in_word(text: str, key: re.Match[str]) -> str:
    before = _KEY_REVERSED.match(text[max(0, key.start() - _BEFORE) : key.start()][::-1])
    return before[0][::-1] if before else ""


def _is_plain(value: str) -> bool:
    """Whether a value of a setting about a secret is a number or a short word: ``PASSWORD_RESET_TIMEOUT=259200``."""
    is_word = len(value) < _LONG_WORD and _LETTERS.fullmatch(value) is not None and is_worded(value)
    is_name = len(value) < _LONG_NAME and value.isalnum() and value[:1].isalpha()
    return is_word or is_name or _NUMBER.fullmatch(value) is not None or MOMENT.fullmatch(value) is not None


_LONG_NAME: Final = 6


_LONG_WORD: Final = 8


def _goes_on(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a sentence or the next pair follows the sign: ``?token= overrides the token``, ``KEY= ENV=prod``."""
    if key["separator"] != "= " or match.lastgroup != "bare":
        return False
    is_word = _LETTERS.fullmatch(value) is not None and _NEXT_WORD.match(text, match.end()) is not None
    pair = _NEXT_PAIR.match(value)
    return is_word or (pair is not None and (pair["value"] != "" or text.startswith(_QUOTES, match.end())))


def _is_name_in_code(key: re.Match[str], value: str) -> bool:
    """Whether a value without quotes is a name. In files of settings a word can be a password, and rarely a token."""
    in_code = key["separator"].startswith(" ") or key["separator"].startswith(":")
    if is_password(key["word"]):
        return in_code and is_member(value) and "." not in value
    if not in_code:
        return value.isupper() and is_variable(value)
    return _is_word_of_a_parser(key, value) or is_member(value) or is_variable(value)


def _is_word_of_a_parser(key: re.Match[str], value: str) -> bool:
    """Whether a value is a word where a program that reads code calls it a token: ``token.tag = "strong"``."""
    is_word = _WORD.fullmatch(value) is not None and is_worded(value)
    return is_word and key["word"].lower() in {"token", "key"}


def _is_unit(key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a token is measured in a unit, or has a place: ``access_token = "hours"``."""
    return match.lastgroup == "quoted" and len(value) <= _LONGEST_UNIT and _is_word_of_a_parser(key, value)


def _is_after_prompt(text: str, key: re.Match[str], match: re.Match[str]) -> bool:
    """Whether the quote after the key ends a prompt: ``read -p "Password: " x``."""
    return (
        match.lastgroup == "quoted"
        and not key["close"]
        and key["separator"].startswith(":")
        and text.startswith(match["open"], max(0, key.start() - 1))
    )


def _is_no_token(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    """Whether a value of a token or key is a sentence, a type, a pattern, its own name, or names an object."""
    return (
        _is_sentence(value)
        or (match.lastgroup == "bare" and len(value) == 1)
        or (
            _PAGE.fullmatch(value) is not None
            and not any(is_random_and_mixed(part, 12) for part in _PARTS.split(value))
        )
        or (text.startswith(":", match.end()) and _ERROR_CODE.fullmatch(value) is not None)
        or value.rstrip("?!").lower() in TYPES
        or _is_unit(key, match, value)
        or _TEMPLATE.match(value) is not None
        or (match.lastgroup == "bare" and is_class(value) and is_worded(value) and not _is_in_environment(key))
        or ("." in key.string[key.start() : key.end("suffix")] and _is_word_of_a_parser(key, value))
        or is_regular_expression(value)
        or _FILE.fullmatch(value) is not None
        or (_is_about_a_secret(key["suffix"]) and _NAME_OF_WORDS.fullmatch(value) is not None)
        or (
            _FINGERPRINT.fullmatch(value) is not None
            and text[max(0, key.start() - 4) : key.start() - 1].lower() in _GPG
        )
        or _is_its_name(text, key, value)
        or _is_label(text, key, match, value)
        or _names_object(text, key, value)
    )


def _is_in_environment(key: re.Match[str]) -> bool:
    """Whether a variable of the environment is set, where no code is: ``VAULT_TOKEN=RootTokenForDev``."""
    return key["word"].isupper() and key["separator"] == "="


def _names_object(text: str, key: re.Match[str], value: str) -> bool:
    before = text[max(0, key.start() - 1) : key.start()]
    is_whole = before in _PAIR_STARTS or text.endswith(_KINDS_OF_SECRETS, 0, key.start())
    if key["suffix"] == "Secret":
        return _NAME.fullmatch(value) is not None
    if key["word"].lower() != "secret" or key["suffix"]:
        return False
    if text[max(0, key.start() - 16) : key.start()].lower().endswith(_OBJECTS):
        return _NAME.fullmatch(value) is not None and ("-" in value or len(value) < _SHORT)
    return is_whole and _OBJECT.fullmatch(value) is not None


_OBJECTS: Final = ("ca", "cert", "certs", "docker", "registry", "ssh", "git", "credentials", "creds", "password")
"""What a Secret can be for, before the word."""

_NAME: Final = lazy_pattern(r"[a-z][a-z0-9-]{0,62}")
_SHORT: Final = 10
_KINDS_OF_SECRETS: Final = ("External", "Sealed", "Push")
_GPG: Final = frozenset({"gpg", "pgp"})
_MARKS_OF_WORDS: Final = frozenset("Ġ▁")
"""What precedes a word in the vocabulary of a language model."""

_PAIR_STARTS: Final = frozenset(("", *" \t\n\"'{,[("))


def _is_about_a_secret(suffix: str) -> bool:
    return is_compound(suffix) or (suffix[:1].isupper() and len(suffix) >= _LONG_SUFFIX)


_LONG_SUFFIX: Final = 6


def _is_sentence(value: str) -> bool:
    """Whether a value is a description. The words from which a key is made are no sentence."""
    if _MNEMONIC.fullmatch(value):
        return False
    return _SENTENCE.fullmatch(value) is not None or (
        value.count(" ") >= _SPACES_OF_A_SENTENCE and not any(is_generated(word) for word in value.split())
    )


_SPACES_OF_A_SENTENCE: Final = 5


def _is_its_name(text: str, key: re.Match[str], value: str) -> bool:
    """Whether a value stands for itself in an example: ``apiKey: apiKey``."""
    name = _before_in_word(text, key) + key["word"] + key["suffix"]
    return _letters(value) == _letters(name) or _letters(value) == _letters(key["word"] + key["suffix"])


def _is_member_of_its_name(key: re.Match[str], value: str) -> bool:
    """Whether a value is a member that has the name of the key: ``auth_secret=entry.auth_secret``."""
    member = value.rpartition(".")[2]
    return member != value and is_member(value) and _letters(member).endswith(_letters(key["word"] + key["suffix"]))


def _letters(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(".", "").replace(" ", "")


def _is_label(text: str, key: re.Match[str], match: re.Match[str], value: str) -> bool:
    return (
        key["separator"] == "="
        and match.lastgroup == "quoted"
        and not is_random_and_mixed(value, 16)
        and _LABELS_REVERSED.match(text[max(0, key.start() - _BEFORE) : key.start()][::-1]) is not None
    )
