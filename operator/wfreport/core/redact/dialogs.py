"""Finds secrets in dialogs: prompts with their answers, logins, and what a server prints when it is set up."""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.words import is_random, is_random_and_mixed, is_state_or_placeholder, is_worded
from wfreport.imports import lazy_pattern

_PROMPT: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passwd|passphrase|passcode|pwd)[ \t]{1,4}(?:for|of)[ \t]{1,4}"
    r"(?:(?:the[ \t]{1,4})?(?:user|account|role|key|host|database|login)[ \t]{1,4})?[^\s,;(]{1,200}?[ \t]{0,4}"
    r"(?::[ \t]{1,4}|=[ \t]{0,4})"
    r"[\"'`]?(?P<value>[^\s\"'`]{4,256})[\"'`]?(?P<rest>[ \t.]{0,8}(?:\r?\n|$))?",
    re.IGNORECASE,
)
"""``[sudo] password for bob: …``"""

_LOGGED_IN: Final = lazy_pattern(
    r"(?<![\w-])(?:log(?:ged|ging)?[ -]?(?:in|on)|login|sign(?:ed|ing)?[ -]?in|authenticat(?:ed|ing|e)|connect"
    r"(?:ed|ing)?)[ \t]{1,4}"
    r"(?:to[ \t]{1,4}\S{1,100}[ \t]{1,4})?(?:as|with|using)[ \t]{1,4}(?:user[ \t]{1,4}"
    r"|credentials?[ \t]{1,4})?[\"'`(]?"
    r"(?!(?:arn|jdbc|system|sasl|tls|ssl|https?|grpc|tcp|amqps?|rediss?|mongodb)[\w.+]{0,8}:)"
    r"(?:[\w.@+-]{1,64}:|[\w.-]{0,32}(?:admin|administrator|root|sa|postgres|system|sys|scott)/)"
    r"(?P<value>[^\s\"'`)]{5,128})",
    re.IGNORECASE,
)
"""``Logging in as root:…``. A slash can also separate a domain from its user."""


def _prompted_secrets(text: str) -> Iterator[Span]:
    for match in _PROMPT.finditer(text):
        value = match["value"].rstrip(".,;!?)")
        is_whole = match["rest"] is not None and not is_state_or_placeholder(value)
        if is_whole or is_random(value, 5):
            yield match.start("value"), match.start("value") + len(value)


_BELOW: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passphrase|token|secret|(?:api|access|secret|private|unseal|license)[ _-]key)"
    r"(?![^\n:=]{0,60}(?:fail|not found|unexpected|position|error|invalid|exception))(?:[ \t][^\n:=]{1,60})?"
    r"(?:[ \t]{1,4}\([^\n()]{1,120}\))?[ \t]{0,4}:[ \t]{0,8}(?:\r?\n[ \t]{0,8}){1,2}"
    r"(?P<value>[^\s:=]{8,4096})[ \t]{0,8}(?:\r?\n|$)",
    re.IGNORECASE,
)
"""``Password for the user elastic:`` with the password below, as installers print it."""

_BEFORE_NAME: Final = lazy_pattern(
    r"(?<!\S)[\"'`]?(?P<value>[^\s\"'`]{6,256})[\"'`]?[ \t]{1,4}(?:is|as)[ \t]{1,4}(?:not[ \t]{1,4})?(?:the|your|a|an"
    r"|its"
    r"|his|her|my|our)[ \t]{1,4}"
    r"(?:(?:new|valid|right|correct|temporary|initial|generated|default|current|admin|root|secret|one-time"
    r"|api)[ \t]{1,4}){0,3}"
    r"(?:password|passphrase|passcode|passwd|token|key)(?![\w-])",
    re.IGNORECASE,
)
"""``… is the temporary password``"""

_OF_ACCOUNT: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passwd|passphrase)[ \t]{1,4}(?!(?:id|uid|uuid|hash|digest|version|rule|file|path"
    r"|policy|reset|request|salt)[ \t:=])"
    r"(?:[\w.@-]{2,64}|\([^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\])[ \t]{0,4}[:=][ \t]{1,4}[\"'`]?"
    r"(?P<value>[^\s\"'`]{6,256})",
    re.IGNORECASE,
)
"""``PASSWORD elastic = …``: the name of the account is between."""

_NAMED_PAIR: Final = lazy_pattern(
    r"(?<![\w-])(?:credentials?|creds|login|user(?:name)?[ \t]{0,2}/[ \t]{0,2}pass(?:word)?|user:pass"
    r"(?:word)?)[ \t]{0,4}(?::|=|is|are)[ \t]{1,4}"
    r"[\"'`(]?[\w.@+-]{1,64}[ \t]{0,2}[:/][ \t]{0,2}(?P<value>[^\s\"'`)/]{5,128})(?![^\s\"'`).,;!?])",
    re.IGNORECASE,
)
"""``default credentials are admin / …``"""

_AS_PASSWORD: Final = lazy_pattern(
    r"(?<!\S)[\"'`]?(?P<value>[^\s\"'`]{6,256})[\"'`]?[ \t]{1,4}as[ \t]{1,4}(?:password|passphrase|passwd)"
    r"(?![\w-])",
    re.IGNORECASE,
)
_COMPARED: Final = lazy_pattern(
    r"(?<![\w-])passw(?:ord|d)s?(?![\w-])(?P<rest>[^\n]{0,160})|(?<![\w-])passphrases?(?![\w-])(?P<other>[^\n]{0,160})",
    re.IGNORECASE,
)
_COMPARISON: Final = lazy_pattern(
    r"[ \t](?:got|received|expected|tried|instead of|vs\.?|and|or|but got)[ \t:]{1,4}[\"'`]?(?!HTTP/|[A-Z]{2,8}-\d)"
    r"(?P<value>[^\s\"'`,]{6,256})",
    re.IGNORECASE,
)


def _compared(text: str) -> Iterator[Span]:
    for match in _COMPARED.finditer(text):
        for found in _COMPARISON.finditer(text, *match.span(match.lastgroup or "rest")):
            value = found["value"].rstrip(".,;!?)")
            joins = found[0].lstrip().startswith(("and", "or", "AND", "OR"))  # also names of methods
            if is_random_and_mixed(value, 6) and not (joins and is_worded(value)):
                yield found.start("value"), found.start("value") + len(value)


_ALONE: Final = lazy_pattern(
    r"(?:^|\n)[ \t]{0,32}(?:[\w-]{1,32}[ _-])?(?:password|passwd|passphrase|secret|token"
    r"|api[ _-]?key)[ \t]{0,8}\r?\n[ \t]{0,32}"
    r"(?P<value>[^\s:=]{6,4096})[ \t]{0,8}(?:\r?\n|$)",
    re.IGNORECASE,
)
"""The name and the value, each on a line of its own."""

_ROTATED: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passphrase|passwd|secret|token|key)[ \t]{1,4}(?:(?:was[ \t]{1,4})?(?:changed"
    r"|rotated)[ \t]{1,4})?from[ \t]{1,4}[\"'`]?"
    r"(?P<value>[^\s\"'`]{7,256})[\"'`]?[ \t]{1,4}to[ \t]{1,4}[\"'`]?(?P<other>[^\s\"'`]{7,256})",
    re.IGNORECASE,
)
"""``rotated secret from … to …``"""

_SET_TO: Final = lazy_pattern(
    r"(?<!\w)(?:set(?:ting)?|chang(?:e|ed|ing)|reset(?:ting)?|updat(?:e|ed|ing))[ \t]{1,4}(?:the[ \t]{1,4})?"
    r"(?:[\w@.'-]{1,64}[ \t]{1,4})?"
    r"(?:password|passwd|passphrase)[ \t]{1,4}(?:(?:for|of)[ \t]{1,4}[^\s,;]{1,100}[ \t]{1,4})?to[ \t]{1,4}"
    r"(?:[\"'`](?P<quoted>[^\"'`\n]{4,256})[\"'`]|(?P<value>[^\s\"'`]{5,256}))",
    re.IGNORECASE,
)


def _new_passwords(text: str) -> Iterator[Span]:
    for match in _SET_TO.finditer(text):
        group = match.lastgroup or 0
        value = match[group]
        is_new = group == "quoted" and not is_state_or_placeholder(value)
        if is_new or is_random(value, 5):
            yield match.span(group)


_SENT: Final = lazy_pattern(r"(?<!\w)send(?:[ \t]{1,4}--)?[ \t]{1,4}\\{0,3}\"(?P<value>[^\s\"\\]{5,256})\\{1,3}[rn]")
"""What a script of expect types."""

_WITH_KEY: Final = lazy_pattern(
    r"(?<![\w-])(?:using|with|new|created|generated|got|received|invalid|wrong|my)[ \t]{1,4}(?:the[ \t]{1,4}"
    r"|a[ \t]{1,4})?key[ \t]{1,4}[\"'`]?"
    r"(?P<value>(?=[a-z0-9_-]{0,256}[A-Z])(?=[A-Z0-9_-]{0,256}[a-z])[\w-]{24,256})(?![\w./:-])"
)
_NUMBER: Final = lazy_pattern(r"\d+")
_LONG: Final = 16


def _keys_in_sentences(text: str) -> Iterator[Span]:
    for match in _WITH_KEY.finditer(text):
        # a name has one number at most: MaxWorkers2
        if len(_NUMBER.findall(match["value"])) > 1 and is_random(match["value"], _LONG):
            yield match.span("value")


def _rotated_secrets(text: str) -> Iterator[Span]:
    for match in _ROTATED.finditer(text):
        at_least = 7 if match[0][:4].lower() == "pass" else _LONG
        values = (match["value"], match["other"])
        is_path = at_least == _LONG and all("/" in value for value in values)
        if not is_path and all(is_random_and_mixed(value, at_least) for value in values):
            yield from (match.span("value"), match.span("other"))


_PROTOCOL: Final = lazy_pattern(
    r"(?:[>:*][ \t]{0,8}[\"']?PASS|USER[ \t]{1,4}\S{1,100}\s{1,4}PASS|(?:^"
    r"|\s)[A-Za-z]{0,4}\d{1,6}[ \t]LOGIN[ \t]{1,4}\S{1,100}"
    r"|LOGIN[ \t]{1,4}[\"']?[\w.+-]{1,64}@\S{1,100})[ \t]{1,4}[\"']?(?P<value>[^\s\"'\\]{5,256})"
    r"(?:\\[rn]){0,4}[\"']{0,2}"
    r"[ \t]{0,8}(?:\r?\n|$)"
)
"""PASS of FTP and POP3, LOGIN of IMAP."""

_CHALLENGE: Final = lazy_pattern(
    r"334[ \t]UGFzc3dvcmQ6[^\n]{0,16}\r?\n(?:[<>CS:\t -]{0,8})(?P<value>[A-Za-z0-9+/]{4,4096}={0,2})"
)
"""The answer to the question for the password in AUTH LOGIN of SMTP."""

_UNSEAL_KEY: Final = lazy_pattern(
    r"(?<![\w-])(?:unseal|recovery|primary|secondary)[ _]?key(?:[ _]?\d{1,2})?[ \t]{0,8}[:=][ \t]{0,8}[\"']?"
    r"(?P<value>[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{44,86}={0,2}|[0-9a-f]{64,66})(?![\w+/=])",
    re.IGNORECASE,
)
"""The keys of Vault, and of services of Azure."""


_REDIS: Final = lazy_pattern(
    r"\\?\"(?:auth|requirepass|masterauth)\\?\"[ \t]{1,4}(?:\\?\"[^\"\\\n]{0,64}\\?\"[ \t]{1,4}(?=\\?\"[^\"\n]{4}))?"
    r"\\?\"(?P<value>[^\"\\\n]{4,4096})\\?\""
    r"|(?:AUTH|requirepass)(?:\\r\\n|\r?\n)\$\d{1,4}(?:\\r\\n|\r?\n)(?P<raw>[^\s\\]{4,4096})"
    r"|(?:command|name|cmd)[\"']?: ?[\"']auth[\"'],\s{0,16}[\"']?args[\"']?: ?\[\s{0,16}"
    r"(?:[\"'][^\"'\n]{0,64}[\"'],\s{1,16})?[\"'](?P<argument>[^\"'\n]{4,4096})[\"']\s{0,16}\]",
    re.IGNORECASE,
)
"""``"AUTH" "default" "…"``, as MONITOR, SLOWLOG and errors of clients print it, and the protocol itself."""

_PIPED: Final = lazy_pattern(
    r"(?:^|\n)[+ ]{1,8}(?:echo|printf)[ \t]{1,4}(?:-\w{1,4}[ \t]{1,4}|'?%s(?:\\n)?'?[ \t]{1,4}){0,3}[\"']?"
    r"(?:[\w.-]{1,64}:)?"
    r"(?P<value>[^\s\"'`|$<>&;]{4,4096})[\"']?[ \t]{0,4}(?=\r?\n|$)"
)
_READER: Final = lazy_pattern(
    r"\n?[+ ]{1,8}[^\n]{0,400}(?:--password-stdin|--pass(?:phrase)?-(?:stdin|fd)|--with-token|chpasswd"
    r"|sudo[ \t]+-\w{0,8}S"
    r"|--stdin|/dev/stdin|cryptsetup|htpasswd[ \t]+-\w{0,8}i)"
)
"""A pipe, as ``set -x`` of a shell prints it: the command that reads the password is on the line before or after."""


def _piped_secrets(text: str) -> Iterator[Span]:
    for match in _PIPED.finditer(text):
        value = match["value"]
        before = text.rfind("\n", max(0, match.start() - _LINE), match.start())
        is_read = _READER.match(text, match.end()) or _READER.match(text, before + 1, match.start() + 1)
        if is_read and is_random(value, 5):
            yield match.span("value")


_LINE: Final = 400

_ANSWER: Final = lazy_pattern(
    r"(?<![\w-])(?:password|passphrase|passwd|token|secret|(?:api|access|secret)[ _-]key)(?![\w-])[^\n]{0,120}"
    r"(?:reset|changed|set|created"
    r"|generated|rotated|updated|use|following|below)[^\n]{0,60}\r?\n(?:[ \t]{0,8}\r?\n)?[ \t]{0,16}(?:new[ \t]value"
    r"|value|new|it is)?"
    r":?[ \t]{0,8}(?P<value>[^\s:=\"'`]{8,4096})[ \t]{0,8}(?:\r?\n|$)"
    r"|(?:use|with|copy|save|store|paste)[ \t][^\n]{0,60}(?:token|password|secret|key)[ \t:.]{0,4}\r?\n"
    r"(?:[ \t]{0,8}\r?\n)?[ \t]{0,16}"
    r"(?P<below>[^\s:=\"'`]{8,4096})[ \t]{0,8}(?:\r?\n|$)",
    re.IGNORECASE,
)
"""``Password … successfully reset.`` with the password on the line below."""


def _answers(text: str) -> Iterator[Span]:
    for match in _ANSWER.finditer(text):
        group = match.lastgroup or "value"
        if is_random_and_mixed(match[group], 10) and "(" not in match[group]:
            yield match.span(group)


def _redis_commands(text: str) -> Iterator[Span]:
    for match in _REDIS.finditer(text):
        group = match.lastgroup or "value"
        if not is_placeholder(match[group]):
            yield match.span(group)


def _values(pattern: re.Pattern[str], at_least: int, *hints: str) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            value = match["value"].rstrip(".,;!?")
            if is_random_and_mixed(value, at_least):
                yield match.start("value"), match.start("value") + len(value)

    return Detector(hints, spans)


_NAME_HINT: Final = "(?i)(?:pass(?:word|wd|phrase|code)|pwd)"
_ANY_HINT: Final = "(?i)(?:pass(?:word|wd|phrase|code)|secret|token|key)"

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector((_NAME_HINT + r"[ \t]+(?:for|of)[ \t]",), _prompted_secrets),
    _values(
        _LOGGED_IN,
        6,
        r"(?i)(?:log(?:ged|ging)?[ -]?(?:in|on)|sign(?:ed|ing)?[ -]?in|connect(?:ed|ing)?|authenticat(?:e|ed"
        r"|ing))[ \t]",
    ),
    _values(_BELOW, 8, _ANY_HINT + r"(?:[ \t][^\n]*)?:[ \t]*\r?\n"),
    _values(
        _BEFORE_NAME,
        6,
        r"(?i)[ \t](?:is|as)[ \t]+(?:not )?(?:the|your|an?|its|his|her|my|our)[ \t][a-z \t-]*(?:pass|token|key)",
    ),
    _values(_OF_ACCOUNT, 6, _NAME_HINT + r"[ \t]+[\w.@()\[\] -]+[ \t]*[:=][ \t]"),
    _values(_NAMED_PAIR, 5, r"(?i)(?:credentials?|creds|login|pass(?:word)?)[ \t]*(?:[:=]|is|are)[ \t]+[^\n]*[:/]"),
    _values(_AS_PASSWORD, 6, r"(?i)[ \t]as[ \t]+pass(?:word|phrase|wd)"),
    Detector(
        (r"(?i)pass(?:word|wd|phrase)s?[^\n]*[ \t](?:got|received|expected|tried|vs|and|or|of)[ \t:]",), _compared
    ),
    _values(_ALONE, 6, r"(?i)(?:password|passwd|passphrase|secret|token|key)[ \t]*\r?\n"),
    Detector((_ANY_HINT + r"[ \t]+(?:was[ \t]+)?(?:changed[ \t]+|rotated[ \t]+)?from[ \t]",), _rotated_secrets),
    Detector((_NAME_HINT + r"[ \t][^\n]*to[ \t]",), _new_passwords),
    _values(_SENT, 5, r"send[ \t-]+[\\\"]"),
    Detector(
        (r"[ \t]key[ \t]+[\"'`]?[A-Za-z0-9]",),
        _keys_in_sentences,
    ),
    _values(_PROTOCOL, 5, r"PASS[ \t]+\S", r"LOGIN[ \t]+\S+[ \t]+\S"),
    Detector(
        (
            r"(?i)\"(?:auth|requirepass|masterauth)\\?\"[ \t]",
            r"(?:AUTH|requirepass)(?:\\r\\n|\r?\n)\$",
            r"(?i): ?[\"']auth[\"'],",
        ),
        _redis_commands,
    ),
    Detector((r"[+ ](?:echo|printf) ",), _piped_secrets),
    Detector((r"(?i)(?:token|password|secret|key)[ \t:.]*\r?\n", r"(?i)\n[ \t]*new value:"), _answers),
    Detector(("UGFzc3dvcmQ6",), lambda text: (match.span("value") for match in _CHALLENGE.finditer(text))),
    _values(_UNSEAL_KEY, 32, r"(?i)(?:unseal|recovery|primary|secondary)[ _]?key"),
)
