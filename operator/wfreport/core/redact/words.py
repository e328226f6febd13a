"""Tells values that look like secrets from words, names, placeholders and references."""

import re
from typing import Final

from wfreport.core.redact.expressions import is_expression
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.imports import lazy_pattern

_TIME: Final = lazy_pattern(r"\d{4}-\d\d-\d\d[T_]\d\d:?\d\d")


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def sorted_words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, as ``str.endswith`` takes them."""
    return tuple(sorted(words(text)))


STATE_WORDS: Final = words(
    """
    expired invalid missing required denied forbidden unauthorized failed failure error ok valid revoked
    unknown present set unset empty timeout rejected mismatch incorrect wrong changed updated created deleted
    refreshed found unexpected expected malformed disabled enabled optional default hidden masked encrypted
    unchanged write read fetch stored provided supplied accepted anonymous yes no on off eof generated rotated loaded
    n/a redacted omitted always never on_create added modified removed deprecated
    md5 bcrypt scram-sha-256
    """
)
"""Words after a colon that describe a secret's state."""

UUID: Final = lazy_pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", re.IGNORECASE)

TYPES: Final = words(
    """
    str string bytes int integer bool boolean float text object array varchar uuid bytea jsonb
    secretstr secretstring secretbox secretvec securestring
    """
)
"""Names of types after a colon: ``password: string``."""

PASSWORD_WORDS: Final = frozenset(
    {"password", "passwd", "passphrase", "passcode", "passkey", "pass", "pwd", "pswd", "psw", "pword", "mdp"}
)

_NAME_PART: Final = r"(?:[A-Za-z_]|(?:16|32|64|128|256|512)|\d(?=[.,()\[\]_]|$))"
"""A part of a name in code. It has digits at its end, or those of an encoding, and a password has them anywhere."""

_REFERENCE: Final = lazy_pattern(
    r"(?:[a-z]+_)*(?:password|passwd|passphrase|pwd|secret|token|key|credentials?)|pw|(?:access|secret|api)-?key"
    r"|(?:[A-Z]+_)*(?:PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|KEY|CREDENTIALS?)"
    r"|(?:[a-z]{1,16}_[a-z_]{1,32}|data|module)(?:\.[a-z][a-z_0-9]{0,32}){2,4}"
    r"|(?:self|this|args|config|cfg|settings|options|opts|os|env|process|request|req|ctx|context|kwargs|params|conf"
    r"|app|event|user|client|session|secrets|values|steps|inputs|vars|local|var|module|data)\.[A-Za-z_][\w.]*"
    r"|[a-z]{1,32}(?:_[a-z]{1,32}){1,6}(?:\.[a-z_]{1,64}){0,3}\.(?:[a-z]{1,32}_){0,4}"
    r"(?:password|passwd|passphrase|pass|pwd|secret|token|key|credentials?|value)"
    rf"|&?[A-Za-z_]{_NAME_PART}{{0,64}}\.(?:{_NAME_PART}|\.){{1,64}}[(\[](?:{_NAME_PART}|[.,]){{0,64}}[)\]]{{0,2}}"
    rf"|&?[A-Za-z]{{1,64}}_[a-z_]{{1,64}}[(\[](?:{_NAME_PART}|[.,]){{0,64}}[)\]]{{0,2}}"
    r"|&?[A-Za-z_]{2,64}(?:\(\)?|\[)|(?:Optional|Annotated|Union|Literal)\[[\w., \[\]]{0,64}"
)
"""Code that a stack trace shows: ``token=token``, ``password=self.password``, ``key=os.environ["KEY"]``."""

_STORES: Final = (
    r"vault|aws-?ssm|aws-?secrets|ssm|gcpsm|gcpsecrets?|gsm|azkv|akv|azurekeyvaults?|sops|secretsmanager|keyvault"
)
_SEGMENT: Final = r"[A-Za-z_][a-z0-9_.-]{0,64}"
_IN_A_STORE: Final = lazy_pattern(
    rf"(?:ref\+)?(?:{_STORES}|op|1password|bws|doppler|k8s)://[\w.-]{{1,128}}(?:/[\w.+-]{{0,128}}){{1,8}}"
    rf"(?:[#?][\w./=&#+-]{{1,128}})?"
    rf"|(?:ref\+)?(?:{_STORES}):/?{_SEGMENT}(?:/{_SEGMENT}){{1,8}}(?:-[A-Za-z0-9]{{6}})?(?:[#?:][\w.=&-]{{1,128}})?"
    rf"|(?:ref\+)?file:(?://)?[.~]{{0,2}}(?:/{_SEGMENT}){{1,8}}(?:#[\w./-]{{1,128}})?"
    r"|env:[A-Z]{1,32}(?:_[A-Z]{1,32}){1,4}"
    r"|arn:aws(?:-[a-z-]{1,16})?:[a-z0-9-]{1,32}:[a-z0-9-]{0,32}:(?:\d{12})?:[\w+=,.@/:*-]{1,512}"
    r"|projects/(?:[a-z0-9-]{1,64}|\*)/secrets/(?:[\w-]{1,255}|\*)(?:/versions/(?:\w{1,16}|\*))?"
)
"""The whole address of a secret in a store: ``vault:secret/data/db#password``, ``op://…``. It always has a path."""

_CALLS: Final = lazy_pattern(
    r"&?[A-Za-z_](?:[A-Za-z_]|64|256|512){0,64}"
    r"(?:\.[A-Za-z_](?:[A-Za-z_]|64|256|512){0,64}|\([A-Za-z_.,]{0,64}\)){1,8}\(?"
)
"""A chain of calls: ``f.read().strip()``. Its names have no digits, except those of encodings and digests."""

_PATH: Final = lazy_pattern(
    r"@?(?:file://)?(?:~|\.{1,2}|[A-Za-z]:|\$HOME)(?:[/\\](?>[A-Za-z]?[a-z0-9._-]{0,40})){1,16}"
    r"|@?(?:file://)?(?:[/\\](?>[A-Za-z]?[a-z0-9._-]{0,40})){2,16}"
)
_OBJECT: Final = lazy_pattern(
    r"(?:(?:[a-z_][a-z0-9_]{0,32}\.){2,12}[A-Z][\w$]{0,128}|\[{1,4}(?:[BCDFIJSZ]|L[\w.$]{1,256};))"
    r"@(?=[0-9]{0,7}[a-f])[0-9a-f]{6,8}"
)
"""An object of Java, as ``Object.toString`` prints it. It needs its package, because ``Admin@123`` is a password."""

_MEASURE: Final = lazy_pattern(r"\d+(?:\.\d+)?(?:ms|us|s|m|h|d|%|k|kb|mb)?", re.IGNORECASE)
_NAME: Final = lazy_pattern(r"[a-z0-9]+(?:[-./:_@][a-z0-9]+)+|[^\W\d_]+(?:[-./:_'][^\W\d_]+)*")
"""Names of objects, hosts, uids, paths and words: the usual text after the colon of an error."""

_TECHNICAL_NAME: Final = lazy_pattern(
    r"(?:sha-?\d+|md5|bcrypt|scrypt|argon2\w{0,2}|base64|base32|[rhep]s\d{3}|(?:rsa|dsa|ecdsa|ecdh|dh)-?\d+"
    r"|aes-?\d*\w*|utf-?8|oauth2?\.?\d?"
    r"|x\.?509|ed25519|pbkdf2\w*"
    r"|v?\d+(?:\.\d+)+(?:[-+][\w.]{1,16})?|v\d+|\d{4}-\d\d-\d\d(?:[T ].*)?|0x[0-9a-f]{1,8}|http[12.]*|ipv[46]"
    r"|k8s|i18n|e2e|s3)",
    re.IGNORECASE,
)


def is_reference(value: str) -> bool:
    """Whether the value is code that yields the secret, or the path of a file that contains it."""
    return (
        _REFERENCE.fullmatch(value) is not None
        or _PATH.fullmatch(value) is not None
        or is_in_store(value)
        or _OBJECT.fullmatch(value) is not None
        or ("(" in value and _CALLS.fullmatch(value) is not None)
        or is_expression(value)
    )


def is_in_store(value: str) -> bool:
    """Whether the value is the address of a secret in a store."""
    return _IN_A_STORE.fullmatch(value) is not None


def is_path(value: str) -> bool:
    """Whether the value is the path of a file."""
    return _PATH.fullmatch(value) is not None


def is_mail_address(value: str) -> bool:
    """Whether the value is an address of mail, in small letters as usual."""
    return _MAIL_ADDRESS.fullmatch(value) is not None


_MAIL_ADDRESS: Final = lazy_pattern(r"[a-z0-9._+-]{2,64}@(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,16}")


def is_measure(value: str) -> bool:
    """Whether the value is a count or a duration."""
    return _MEASURE.fullmatch(value) is not None


def is_mixed(value: str) -> bool:
    """Whether the value has letters and digits, as generated passwords have and words do not."""
    return any(char.isdigit() for char in value) and any(char.isalpha() for char in value)


def is_random_and_mixed(value: str, at_least: int) -> bool:
    """Whether the value is at least this long, no word or name, and has letters and digits."""
    return is_random(value, at_least) and is_mixed(value)


_PIECE: Final = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[^A-Za-z\d]")
_NO_NAME: Final = frozenset("!#$%^&*?~+=@")
_CHARACTERS_OF_A_PIECE: Final = 2.2
_COMMON_PAIRS: Final = words(
    """
    ab ac ad ag ai al am an ap ar as at au av ay ba be bi bl bo bu ca cc ce ch ci ck cl co cr ct cu da dd de di do ds
    du ea eb ec ed ee ef eg el em en ep er es et ev ex fa fe ff fi fl fo fu ga ge gi go gr ha he hi ho ht ia ib ic id
    ie if ig il im in io ip ir is it iv iz ke ki la ld le li ll lo ls lt lu ly ma me mi mo mp na nc nd ne nf ng ni nn
    no ns nt nv ob oc od og ol om on oo op or os ot ou ov ow pa pe pi pl po pp pr ps pt pu qu ra rc rd re ri rm rn ro
    rr rs rt ru rv ry sa sc se sh si so sp ss st su sy ta tc te th ti tl to tr ts tt tu ty ua ub uc ue ui ul um un up
    ur us ut va ve vi wa wo xp ze
    """
)
"""Nine of ten pairs of letters in English words. Of random pairs it is three of ten."""


def is_worded(value: str) -> bool:
    """Whether the value consists of words, abbreviations and numbers, as names do: ``Port8080x``, ``OAuth2WithPKCE``.

    A generated value changes between capitals, small letters and digits after fewer than two characters on average,
    and its letters form no words.
    """
    pieces = _PIECE.findall(value)
    if not _NO_NAME.isdisjoint(value) or len(value) < _CHARACTERS_OF_A_PIECE * len(pieces):
        return False
    pairs = [pair for piece in pieces if not piece.isupper() for pair in _pairs_of_letters(piece.lower())]
    return sum(pair in _COMMON_PAIRS for pair in pairs) * 2 >= len(pairs)


def _pairs_of_letters(word: str) -> list[str]:
    return [word[start : start + 2] for start in range(len(word) - 1) if word[start].isalpha()]


_GENERATED: Final = lazy_pattern(r"(?=[^A-Z]{0,64}[A-Z])(?=[^a-z]{0,64}[a-z])[^\d]{0,64}\d[^A-Za-z]{0,64}[A-Za-z]")


def is_generated(value: str) -> bool:
    """Whether the value has letters of both cases and a digit among them, as no name has: ``Kd8vvTq2``."""
    return _GENERATED.match(value) is not None


_COMPLAINT: Final = lazy_pattern(
    r"(?:is|are|was|has|does|must|should|may|can|cannot|can't|please|invalid|incorrect|missing|not|too|at least|field"
    r"|this field|ensure (?:this|that|the|it|your)|enter (?:a|an|your|the)"
    r"|(?:this|the|your)(?: two| new| old)? (?:password|passphrase|token|secret|key|value|username)s?)\s",
    re.IGNORECASE,
)


def is_complaint(value: str) -> bool:
    """Whether the value is a message about a field, as APIs return it: ``{"password": "must have 8 characters"}``."""
    return _COMPLAINT.match(value) is not None and not any(is_mixed(word) for word in value.split())


def is_state_or_placeholder(value: str) -> bool:
    """Return whether a value is a word that describes a secret's state, or stands for one that was left out."""
    return value.lower() in STATE_WORDS or is_placeholder(value)


def is_sealed(text: str, start: int, value: str) -> bool:
    """Return whether a value is of a SealedSecret, which only its controller can decrypt.

    Args:
        text: the text in which the value is.
        start: where it or its key begins.
        value: the value.
    """
    is_long = value.startswith("Ag") and len(value) >= _SHORTEST_SEALED
    return is_long and "encryptedData" in text[max(0, start - _LONG_BEFORE) : start]


_LONG_BEFORE: Final = 4_000
_SHORTEST_SEALED: Final = 32
"""A sealed value has hundreds of characters; examples show a part of it."""


def has_time(value: str) -> bool:
    """Return whether a value contains a time, as the ids of scheduled runs do."""
    return _TIME.search(value) is not None


def is_random(value: str, at_least: int) -> bool:
    """Whether the value is at least this long, and neither a number nor a word, a name or a version."""
    word = value.rstrip(":.,;!?)]}")
    return (
        len(word) >= at_least
        and not word.isdigit()
        and _NAME.fullmatch(word) is None
        and _TECHNICAL_NAME.fullmatch(word) is None
        and not is_placeholder(word)
        and not is_reference(word)
    )
