"""Finds secrets among the arguments of calls, as stack traces and code show them: ``connect('db', 'app', '…')``."""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.words import (
    is_generated,
    is_mail_address,
    is_mixed,
    is_random,
    is_reference,
    is_state_or_placeholder,
    is_worded,
)
from wfreport.imports import lazy_pattern

_ARGUMENTS: Final = (
    r"\((?P<arguments>(?:[^()\"'`\n]|\"[^\"\n]{0,400}\"|'[^'\n]{0,400}'|`[^`\n]{0,400}`|\([^()\n]{0,60}\)){1,200})"
)
_ARGUMENT: Final = lazy_pattern(
    r"(?P<keyword>[=:]>?[ \t]{0,4}[bfru]{0,2})?"
    r"(?:\"(?P<double>[^\"\n]{0,400})\"|'(?P<single>[^'\n]{0,400})'|`(?P<back>[^`\n]{0,400})`)"
    r"(?=(?P<pair>[ \t]{0,4}[=:](?!=))?)"
)

_CONNECTING: Final = lazy_pattern(
    r"(?:(?<![A-Za-z])(?:(?:re)?connect|logon|Cluster|Connection|Database|bind|simple_bind(?:_s)?|MongoClient|Redis"
    r"|StrictRedis|remote|remoteSecure|mysql|postgresql|mongodb|s3|gcs|deltaLake|iceberg|hudi)"
    r"|(?:real|mysqli?|pg|oci|odbc|ftp|ssh2|imap|ldap|ssh2_auth)_(?:p?connect|bind|login|open|password|logon)"
    r"|(?:get|create|open)_?[cC]onnection|PDO(?:->|::)__construct|new PDO|mysqli?->__construct|DBI->connect"
    r"|InfluxDBClient|PlainTextAuthProvider|NetworkCredential)[ \t]{0,2}" + _ARGUMENTS
)
"""A call that opens a connection: any of its arguments but the first can be a password."""

_LOGIN: Final = lazy_pattern(
    r"(?:[lL]ogin|[aA]uthenticate|[bB]asic_?[aA]uth|(?:Basic|Digest)Auth(?:entication)?|[cC]redentials?"
    r"|PasswordAuthentication(?:Token)?|(?<![A-Za-z])(?P<client>Auth|Client|Session|OAuth\w{0,16}|Api|API|Account)|"
    r"(?<![\w.])db\.auth|(?<![\w-])auth[ \t]{0,4}=?[ \t]{0,4}"
    r"|(?:auth|credentials?|creds)[\"']?[ \t]{0,4}[:=][ \t]{0,4})" + _ARGUMENTS
)
"""A call or a pair whose second argument is a password, if it does not look like a word."""

_OF_A_PASSWORD: Final = lazy_pattern(r"auth[ \t]{0,4}=|(?:Basic|Digest)Auth")
"""What takes a password for certain."""

_SETTING: Final = lazy_pattern(
    r"(?:set|with|check|verify|use|validate|change|update|compare|add|is|hash|encode|decode|put|define|environ"
    r"|setattr|getattr)?_?"
    r"(?:[pP]assword|[pP]asswd|[pP]assphrase|[sS]ecret(?:Key|_key)?|(?:[aA]pi|[aA]ccess|[aA]uth|[bB]earer|[rR]efresh)"
    r"_?(?:[tT]oken|[kK]ey|[sS]ecret)|Token|Credentials?)(?:String|Hash|_hash)?" + _ARGUMENTS
)
"""A call that names the secret: ``user.set_password('…')``, ``.withApiKey("…")``."""

_CRYPTO: Final = lazy_pattern(
    r"(?:(?<![A-Za-z])(?:hmac\.new|HMAC|hash_hmac|createHmac|createCipheriv|createSecretKey|Fernet|MultiFernet|AES\.new"
    r"|jwt\.(?:encode|decode|sign|verify)|JWT(?:::|\.)(?:encode|decode)|pgp_sym_(?:en|de)crypt|AES_(?:EN|DE)CRYPT"
    r"|aes_(?:en|de)crypt|crypt|encrypt|decrypt|openssl_(?:en|de)crypt|pbkdf2_hmac|pbkdf2Sync|scryptSync"
    r"|password_(?:hash|verify)|hashpw|checkpw|bcrypt\.\w{1,20}|SecretKeySpec|PBEKeySpec|SigningKey|hmac|digest"
    r"|URLSafe(?:Timed)?Serializer|TimestampSigner|Signer|login_user_with_password))[ \t]{0,2}" + _ARGUMENTS
)
"""A call of a library of cryptography: one of its arguments is the key or the password."""

_OF_DATA: Final = lazy_pattern(r"(?:crypt|encrypt|decrypt|digest)[ \t]{0,2}\((?!.{0,400}gen_salt)")
"""A call whose argument can also be the name of a file."""

_CLIENT: Final = lazy_pattern(
    r"(?<![A-Za-z])[A-Za-z_]{0,32}(?:Client|Api|API|ClientV\d|SDK)\([ \t]{0,4}[\"']"
    r"(?P<value>[A-Za-z0-9_-]{24,256})[\"'][ \t]{0,4}\)"
)
"""``cohere.Client("…")``: the only argument of a client is its key, if it is a long generated value."""

_NAMED: Final = lazy_pattern(
    r"(?:set_?[pP]roperty|setattr|(?:set|put)_?(?:[eE]nv|[iI]tem|[hH]eader|[pP]arameter|[oO]ption)?|define|setdefault"
    r"|putenv|conf|config|header|add_?[hH]eader|option|ini_set|addParam|append|replace)\([ \t]{0,4}"
    r"(?:[\w.]{1,64},[ \t]{0,4})?[\"'](?P<name>[^\"'\n]{1,128})[\"'][ \t]{0,4},[ \t]{0,4}"
    r"[bfru]?[\"'](?P<value>[^\"'\n]{3,4096})[\"']"
)
_SECRET_NAME: Final = lazy_pattern(
    r"[\w.:/ -]{0,100}?(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|secret|private|auth"
    r"|account|signing|encryption|shared|client|master|fernet)[-_. ]?(?:key|salt)|credentials?|_salt)s?",
    re.IGNORECASE,
)
_OF_AN_ACCOUNT: Final = frozenset("=@\\")
"""What is in the name of an account of a directory, and in no address of a socket."""

_COMMON: Final = lazy_pattern(
    r"(?:re)?connect\(|logon|Cluster|Connection|Database|remote|MongoClient|mysql\(|postgresql|mongodb|s3|gcs"
)
"""Functions of this name do not always take a password."""

_ARGUMENTS_OF_CONNECT: Final = 3
_MIN_LENGTH: Final = 6
_LONG: Final = 12
_ADDRESS: Final = lazy_pattern(
    r"[\w+.-]{0,40}://|[\w.-]{1,200}:\d{2,5}$|[\w-]{1,64}=|[\w.-]{1,200}/[\w.-]|/|.{0,200}\.{3}$"
)
"""An argument that is an address , a path, a pair or cut: no password."""

_NAME_OF_ALGORITHM: Final = lazy_pattern(
    r"(?:[A-Za-z]{2,8}-?){1,3}\d{1,4}(?:-\d{1,3})?(?:-[A-Za-z0-9]{2,8}){0,3}|[A-Z]{1,4}\d{1,4}", re.IGNORECASE
)


def _arguments(match: re.Match[str]) -> Iterator[tuple[str, Span]]:
    """Yield the quoted arguments without a keyword, whose secrets other detectors find."""
    for argument in _ARGUMENT.finditer(match.string, *match.span(match.lastgroup or "arguments")):
        is_index = match.string.startswith("[", argument.start() - 1)
        if argument["keyword"] is None and argument["pair"] is None and not is_index:
            group = argument.lastgroup or "double"
            yield argument[group], argument.span(group)


def _is_secret_argument(value: str, at_least: int = _MIN_LENGTH) -> bool:
    is_text = ", " in value or (" " in value and not is_mixed(value)) or is_mail_address(value)  # or a list of columns
    return is_random(value, at_least) and not is_text and not _ADDRESS.match(value) and not is_reference(value)


def _connecting(text: str) -> Iterator[Span]:
    for match in _CONNECTING.finditer(text):
        arguments = list(_arguments(match))
        if (len(arguments) >= _ARGUMENTS_OF_CONNECT or not _COMMON.match(match[0])) and not _binds_a_socket(
            match[0], arguments
        ):
            yield from (span for value, span in arguments[1:] if _is_secret_argument(value))


def _binds_a_socket(call: str, arguments: list[tuple[str, Span]]) -> bool:
    """Whether a call binds a socket to an address, or a function to an event, and no account of a directory."""
    return call.startswith("bind") and bool(arguments) and _OF_AN_ACCOUNT.isdisjoint(arguments[0][0])


def _clients(text: str) -> Iterator[Span]:
    for match in _CLIENT.finditer(text):
        value = match["value"]
        if is_generated(value) and not is_worded(value):
            yield match.span("value")


def _logins(text: str) -> Iterator[Span]:
    for match in _LOGIN.finditer(text):
        arguments = list(_arguments(match))
        if len(arguments) > 1:
            value, span = arguments[1]
            at_least = 5 if match["client"] is None else _LONG
            if _is_password(value) and (_OF_A_PASSWORD.match(match[0]) or is_random(value, at_least)):
                yield span


def _is_password(value: str) -> bool:
    return (
        len(value) > 2  # noqa: PLR2004
        and not is_state_or_placeholder(value)
        and not is_reference(value)
    )


def _settings(text: str) -> Iterator[Span]:
    for match in _SETTING.finditer(text):
        for value, span in _arguments(match):
            if _is_secret_argument(value):
                yield span


def _keys_of_cryptography(text: str) -> Iterator[Span]:
    for match in _CRYPTO.finditer(text):
        for value, span in _arguments(match):
            is_data = _OF_DATA.match(match[0]) and is_worded(value)
            if _is_secret_argument(value, 8) and not is_data and not _NAME_OF_ALGORITHM.fullmatch(value):
                yield span


def _named(text: str) -> Iterator[Span]:
    for match in _NAMED.finditer(text):
        if _SECRET_NAME.fullmatch(match["name"]) and _is_password(match["value"]):
            yield match.span("value")


_CONNECTING_HINT: Final = (
    r"(?:onnect|onnection|logon|Cluster|Database|bind|bind_s|Client|Redis|remote|mysql|postgresql|mongodb|s3|gcs"
    r"|_login|_open|_password|__construct|PDO|Provider|NetworkCredential)\("
)
_CRYPTO_HINT: Final = (
    r"(?i)(?:hmac|fernet|crypt|jwt|hashpw|checkpw|createciph|keyspec|signer|serializer|signingkey|pbkdf2|scrypt"
    r"|password_)[\w.:]*\("
)

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        (_CONNECTING_HINT, "sp_(?:addlogin|password) "),
        _connecting,
    ),
    Detector(
        (r"(?:ogin|uthenticate|[aA]uth|uthentication|redentials?|reds|ation(?:Token)?)[\"']?\s*(?:[:=]\s*)?\(",),
        _logins,
    ),
    Detector((r"(?:Client(?:V[0-9])?|Api|API|SDK)\([ \t]*[\"']",), _clients),
    Detector((r"(?i)(?:passw\w*|passphrase|secret|token|key|credentials?)\([\w(]*[\"'`]",), _settings),
    Detector(
        (_CRYPTO_HINT,),
        _keys_of_cryptography,
    ),
    Detector(
        (r"(?:set\w*|put\w*|define|attr|default|conf|config|eader|option|append)\([\"']", r"attr\([\w.]+, ?[\"']"),
        _named,
    ),
)
