"""Finds secrets in sentences, tables and SQL: ``the password is …``, ``login … password …``, ``IDENTIFIED BY '…'``."""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span, by_pattern
from wfreport.core.redact.expressions import is_member
from wfreport.core.redact.words import (
    PASSWORD_WORDS,
    UUID,
    has_time,
    is_generated,
    is_mail_address,
    is_mixed,
    is_random,
    is_random_and_mixed,
    is_reference,
    is_state_or_placeholder,
    is_worded,
)
from wfreport.imports import lazy_pattern

_NAME: Final = (
    r"(?P<name>password|passwd|passphrase|passcode|passkey|pwd|(?:bind|root)_?pw|requirepass|masterauth"
    r"|secret[_ -]?id|(?:client[_ -]?)?secret|(?:(?:api|auth|access|session|refresh|bot)[_-]?)?token"
    r"|credentials?|pin|otp"
    r"|secret[ ._-]access[ ._-]key|(?:api|access|secret|private|encryption|license|master|auth|signing)[ ._-]?key"
    r"|connection string)"
)
_IS: Final = lazy_pattern(
    rf"(?<![a-z-]){_NAME}(?:[ \t]{{1,4}}(?:for|of|to)(?:[ \t]{{1,4}}[^\s,;]{{1,60}}){{1,6}}?)?[ \t]{{1,8}}"
    r"(?:is|was|are|were|will be|has been|equals|becomes?|changed|reset|set|updated)"
    r"(?:[ \t]{1,4}(?:now|set|reset|changed|updated|to|as|equal|literally|still)){0,3}[ \t]{0,4}:?[ \t]{1,4}"
    r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`]{4,256})",
    re.IGNORECASE,
)
_BESIDE: Final = lazy_pattern(
    rf"(?:(?<![\w-])|(?<=[_./:])|(?<=[A-Za-z])(?=[Pp]assw)){_NAME}(?:\(s\))?[ \t]{{1,8}}(?:b(?=[\"']))?"
    rf"(?P<quote>[\"'`]?)"
    r"(?P<value>[^\s\"'`(<\[{$%:=][^\s\"'`(]{5,256}(?!\())",
    re.IGNORECASE,
)
_TABLE: Final = lazy_pattern(
    r"(?:^|\n)[ \t|│]{0,32}[\w.-]{0,64}?(?P<name>password|passwd|passphrase|(?<=[_.-])(?:pass|pwd|pw)"
    r"|secret|token|secret[_ -]?id|(?:api"
    r"|access|secret|private|auth)[_ -]?key"
    r"|credentials?)[ \t]{0,8}(?:\t|[ \t]{2}|[ \t]\||│|[,;])[ \t|│]{0,64}(?P<value>[^\s|│]{4,4096})[ \t|│]{0,64}"
    r"(?:\r?\n|$)",
    re.IGNORECASE,
)
_NETRC: Final = lazy_pattern(
    r"\b(?:login|user)[ \t\r\n]{1,8}(?!(?:and|or|with|has|the|is|a|as|to|for|by)[ \t\r\n])\S{1,100}[ \t\r\n]{1,8}"
    r"(?:account[ \t]{1,8}\S{1,100}[ \t\r\n]{1,8})?"
    r"(?:password|passwd)[ \t\r\n]{1,8}(?!(?:is|was|are|has|will|for|of)[ \t\r\n])(?P<value>[^\s|│┃]\S{0,255})"
)
_PGPASS: Final = lazy_pattern(
    r"(?:^|\n)[ \t]{0,16}[\w.*-]{1,253}:(?:\d{4,5}"
    r"|\*):[\w.*-]{1,64}:[\w.*-]{1,64}:(?P<value>\S{3,256})[ \t]{0,8}(?:\r?\n|$)"
)
_SQL: Final = lazy_pattern(
    r"(?:(?:encrypted[ \t]{1,8})?password"
    r"(?:[ \t]{1,8}for[ \t]{1,8}(?!(?:user|role|account|database|login|host|connection|the|this)[ \t])\S{1,100})?"
    r"(?:[ \t]{0,8}=[ \t]{0,8}"
    r"|[ \t]{1,8})(?:password[ \t]{0,4})?|password[ \t]{0,4}\("
    r"|masterpassword|credentials(?=[ \t(=]{0,8}[\"'][^\"'\n]{0,400}=))[ \t(=]{0,8}[\"']"
    r"(?P<value>[^\"'\n.,;:) ][^\"'\n]{2,4096}|[.,;)][^\W_][^\"'\n]{1,4096}(?<=[\w!@#$*]))[\"']"
    r"(?![ \t]+(?:not|is|does|has"
    r"|was|could|cannot|can|must|should|already|exists|missing|of|for|from|in)\b)",
    re.IGNORECASE,
)
_IDENTIFIED: Final = lazy_pattern(
    r"identified(?:[ \t]{1,8}with[ \t]{1,8}\S{1,64})?[ \t]{1,8}by(?:[ \t]{1,8}(?:password|values))?"
    r"[ \t(=]{0,8}[\"'](?P<value>[^\"'\n]{3,4096})[\"']",
    re.IGNORECASE,
)
_IDENTIFIED_BARE: Final = lazy_pattern(
    r"(?:user|role)[ \t]{1,8}\S{1,128}[ \t]{1,8}identified[ \t]{1,8}by[ \t]{1,8}(?!values\b|password\b)"
    r"(?P<value>[^\s\"'();,]{4,128})",
    re.IGNORECASE,
)
_REPLACED: Final = lazy_pattern(
    r"identified[ \t]{1,8}by[ \t]{1,8}[^\n]{1,256}?[ \t]replace[ \t]{1,8}[\"']?(?P<value>[^\s\"';]{4,128})",
    re.IGNORECASE,
)
"""Oracle's ``ALTER USER etl IDENTIFIED BY … REPLACE …``. It needs no quotes."""

_PRAGMA: Final = lazy_pattern(
    r"pragma[ \t]{1,8}(?:re)?key[ \t]{0,8}=[ \t]{0,8}[\"'](?P<value>[^\"'\n]{4,256})", re.IGNORECASE
)
_OTHER_LANGUAGES: Final = lazy_pattern(
    r"(?:passwort|kennwort|contrase(?:ñ|n)a|clave secreta|senha|mot de passe|пароль|парола|hasło|haslo"
    r"|wachtwoord|lösenord|şifre"
    r"|密码|密碼|口令|密钥|パスワード|비밀번호|암호)[\"']?"
    r"(?:[ \t]{1,4}(?:für|fuer|von|pour|para|per|de|di|do|для|voor|för)"
    r"[ \t]{1,4}[^\s:=]{1,60})?[ \t]{0,32}(?P<by>[:=]|is|ist|lautet|war|est|es|é|è|是"
    r"|为)[ \t]{0,4}:?[ \t]{0,32}[\"']?(?P<value>[^\s\"',;]{4,256})",
    re.IGNORECASE,
)
_CONNECTION: Final = lazy_pattern(
    r"(?:(?<![\w-])|(?<=-D)|(?<=[_.-]))(?:session_?id|sessid|bw_session|mnemonic|seed[_ ]phrase|recovery[_ ]phrase"
    r"|_auth|sonar_?[tT]oken|sas"
    r"|auth[_-]?cookie|app_key|sonar[._]login|machine_?key|(?:wpa_|tls_)?psk)"
    r"\\{0,3}[\"']?[ \t]{0,8}(?::=|[:=]>?)[ \t]{0,8}\\{0,3}[\"']?(?P<value>(?:[a-z]{3,8} ){11,23}[a-z]{3,8}"
    r"|(?!0x|[A-Z]\w{1,32}=[^=\s])[^\s\"',;&\\)}\]]{6,4096})",
    re.IGNORECASE,
)
_SESSION: Final = lazy_pattern(
    r"(?<![\w-])session\\{0,3}[\"']?[ \t]{0,4}[:=]>?[ \t]{0,4}\\{0,3}[\"']?"
    r"(?P<value>[A-Za-z0-9_-]{24,256})(?![\w./:-])",
    re.IGNORECASE,
)
"""``session: …`` with a long generated value. Ids of sessions in logs are short, or have one case of letters."""

_VENDOR: Final = lazy_pattern(
    r"(?<![\w.-])(?:DATADOG|NEWRELIC|ROLLBAR|BUGSNAG|HONEYBADGER|OPSGENIE|PAGERDUTY|WANDB|MAILGUN|ALGOLIA|FASTLY"
    r"|CLOUDFLARE|DEEPGRAM|ELEVENLABS|ASSEMBLYAI|COHERE|MISTRAL|LOGDNA|SONAR(?:QUBE|CLOUD)?|COVERALLS|HEROKU)"
    r"[\"']?[ ]?[:=][ ]?[\"']?(?P<value>[A-Za-z0-9]{32,40})(?![\w.-])"
)
"""``DATADOG=…``: a variable in capitals that is only the name of a service whose keys have this length."""

_HEXADECIMAL: Final = lazy_pattern(r"[0-9a-f]{32}(?:[0-9a-f]{8})?")

_AUTH_COMMAND: Final = lazy_pattern(
    r"(?<![\w.-])AUTH[ \t]{1,8}(?:(?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5)[ \t]{1,8}(?P<value>[A-Za-z0-9+/]{8,4096}={0,2})"
    r"|(?:[\w-]{1,64}[ \t]{1,8})??(?P<redis>[^\s\"'(\[{<]{6,256})"
    r"(?=[ \t]{0,8}(?:\r?\n|$|[\"':(]|failed|rejected|denied|error|returned|->)))"
)
"""AUTH of SMTP and of Redis."""

_FROM_A_TOOL: Final = lazy_pattern(
    r"password is generated for \S{1,200}: (?P<mysql>\S{6,256})"  # mysqld --initialize
    r"|log(?:ged)?[ -]?in (?:with|using) (?:the |api |an )?(?:api )?(?:key|token) (?P<key>[\w.-]{20,256})"
    r"|BUNDLE_[A-Z_]{3,64}[\"']?[:=][ \t]{0,4}[\"']?(?P<bundler>[0-9a-f]{8}:[0-9a-f]{8})(?![\w-])",
    re.IGNORECASE,
)
"""What tools write: ``A temporary password is generated for root@localhost: …``."""

_CREDENTIAL: Final = lazy_pattern(
    r"(?<![\w-])(?:bearer|jwt|id_jwt|client_assertion|code_verifier|auth(?:orization)?_code|saml_?response)"
    r"\\{0,3}[\"']?[ \t]{0,8}[:=]>?[ \t]{0,8}\\{0,3}[\"']?(?P<value>[\w+/=.~%-]{20,4096})",
    re.IGNORECASE,
)
"""Names of OAuth and SAML for what proves an identity."""

_RAW_KEY: Final = lazy_pattern(
    r"(?<![\w-])(?:priv(?:ate)?[ _-]?key|seed|secret[ _-]key|signing[ _-]key|encryption[ _-]key|master[ _-]key"
    r"|aes[ _-]key)"
    r"[\"']?[ \t]{0,4}(?:[:=]|is)?[ \t]{1,4}[\"']?(?P<value>(?:0x)?[0-9a-f]{64}(?:[0-9a-f]{64})?)(?![\w])",
    re.IGNORECASE,
)
_ARROW: Final = lazy_pattern(
    rf"(?<![\w-]){_NAME}[ \t]{{0,4}}(?:→|⇒|➜|-{{1,2}}|\.{{3,64}}|~)[ \t]{{1,4}}[\"'`]?"
    rf"(?P<value>[^\s\"'`]{{6,4096}})",
    re.IGNORECASE,
)
"""``Password → …``, ``password ...... …``"""

_WORKFLOW_COMMAND: Final = lazy_pattern(
    r"::add-mask::(?P<value>[^\s]{4,4096})|::(?:set-output|save-state)[ ]name=[\w.-]{0,64}?(?:password|passwd|secret"
    r"|token|[_-]key)"
    r"[\w.-]{0,16}::(?P<output>[^\s]{4,4096})|\((?:[\w.-]{0,64}_)?(?:password|passwd|secret|token|api_?key)\)=\("
    r"(?P<key>[^\s()]{6,4096})\)",
    re.IGNORECASE,
)
"""A command in a log of GitHub Actions, and ``Key (token)=(…) already exists`` of PostgreSQL."""

_ONE_TIME_CODE: Final = lazy_pattern(
    r"(?<!\w)(?<!\w-)(?:otp|totp|pin(?=[\"']?[ \t]{0,8}(?:[:=]|is[ \t]))|pin[_ -]?code"
    r"|(?:otp|2fa|mfa|verification|one-time|security|login)[_ -](?:code|password))(?: is)?"
    r"[\"']?[ \t]{0,8}(?:[:=][ \t]{0,8}|[ \t]{1,8})[\"']?(?P<value>\d{6,8})(?!\w|\.\d)",
    re.IGNORECASE,
)


_SETTING: Final = lazy_pattern(
    r"(?:^|\n|(?<=: )(?=(?:ENV|ARG)[ \t])|(?<=\] )(?=(?:ENV|ARG)[ \t]))[ \t]{0,16}(?:--conf[ \t]{1,4})?(?:"
    r"(?:[\w-]{1,64}\.){1,12}(?:[\w-]{0,64}[_-])?"
    r"|(?:(?:ENV|ARG|SET|export|setenv)[ \t]{1,4})?(?-i:[A-Z][A-Z0-9]{0,32}_(?:[A-Z0-9]{1,32}_){0,8}))"
    r"(?P<name>password|passwd|passphrase|secret|token|(?:api|access|secret|private|account)[._-]?key)"
    r"[ \t]{1,32}(?P<value>[^\s=:]\S{3,4096})[ \t]{0,8}(?:\r?\n|$)",
    re.IGNORECASE,
)
"""``spark.jdbc.password …``: a line of a file of properties with blanks instead of ``=``."""


def _in_other_languages(text: str) -> Iterator[Span]:
    for match in _OTHER_LANGUAGES.finditer(text):
        value = match["value"]
        assigned = match["by"] == "=" and not is_state_or_placeholder(value)
        if not is_reference(value) and (assigned or is_random(value, 5)):
            yield match.span("value")


_VARIABLE: Final = lazy_pattern(r"[A-Z_]{4,64}=[^=]")
"""A variable that the next sentence is about."""


def _is_secrets(text: str) -> Iterator[Span]:
    for match in _IS.finditer(text):
        value = match["value"].partition("|")[0].partition("</")[0].rstrip(".,;!?)*_")
        if _VARIABLE.match(value):
            continue
        is_password = match["name"].lower() in PASSWORD_WORDS
        is_quoted = bool(match["quote"]) and is_password and not is_state_or_placeholder(value)
        if is_quoted or is_random(value, 5 if is_password else 8) or (is_password and _is_generated(value)):
            yield match.start("value"), match.start("value") + len(value)


_ID_OF_DOCKER: Final = lazy_pattern(r"[a-z0-9]{25}")
_NEXT_PAIR: Final = lazy_pattern(r"[A-Za-z_][\w.-]{0,64}=[^=]")


def _beside_secrets(text: str) -> Iterator[Span]:
    for match in _BESIDE.finditer(text):
        value = match["value"].rstrip(".,;!?)")
        if text[max(0, match.start() - 11) : match.start()].lower().endswith(("expected ", "unknown ")):  # a parser's
            continue
        if value.endswith(":"):
            value = value.rstrip(":")
            if not (is_random_and_mixed(value, 10) and value != value.lower()):  # a key
                continue
        is_password = match["name"].lower() in PASSWORD_WORDS or match["name"].lower().endswith(_SERVER_SETTINGS)
        at_least = 6 if is_password else 8 if is_generated(value) and not _MISSING.match(text, match.end()) else 16
        is_code = is_reference(value) or is_member(value) or _NEXT_PAIR.match(value) or _ID_OF_DOCKER.fullmatch(value)
        if is_random_and_mixed(value, at_least) and not is_code and not has_time(value):
            yield match.start("value"), match.start("value") + len(value)


def _workflow_commands(text: str) -> Iterator[Span]:
    for match in _WORKFLOW_COMMAND.finditer(text):
        group = match.lastgroup or "value"
        if is_random(match[group], 5):
            yield match.span(group)


def _arrow_secrets(text: str) -> Iterator[Span]:
    for match in _ARROW.finditer(text):
        at_least = 6 if match["name"].lower() in PASSWORD_WORDS else 16
        if is_random_and_mixed(match["value"], at_least):
            yield match.span("value")


_MISSING: Final = lazy_pattern(
    r"[\"'`]?[ \t]{1,4}(?:not|is|in|does|was|already|of|for|from|at|could|cannot|can|must)\b"
)
"""After the name of a Secret: ``secret Db2Creds not found``."""


def _is_generated(value: str) -> bool:
    """Whether a password resembles a name, such as ``correct-horse-42``. A name of an algorithm begins with it."""
    return len(value) >= 8 and value[-1:].isdigit() and is_mixed(value) and not _ALGORITHM.match(value)  # noqa: PLR2004


_ALGORITHM: Final = lazy_pattern(r"sha|md\d|argon|bcrypt|scrypt|pbkdf|base|aes|utf|v?\d", re.IGNORECASE)


_ALSO_RESULTS: Final = frozenset({"pass", "pwd", "pw"})
"""Names of columns that can also be about passed tests, and of directives such as ``proxy_pass``."""


def _table_cells(text: str) -> Iterator[Span]:
    for match in _TABLE.finditer(text):
        name = match["name"].lower()
        is_result = name in _ALSO_RESULTS and (not is_mixed(match["value"]) or match["value"].endswith(";"))
        is_page = match["value"].startswith("http") and "@" not in match["value"]
        if is_page or '["' in match["value"] or "['" in match["value"]:  # or code
            continue
        if (is_random(match["value"], 6) and not is_result) or (
            name.startswith("secret") and UUID.fullmatch(match["value"])
        ):
            yield match.span("value")


def _is_generated_id(value: str) -> bool:
    return is_generated(value) and not is_worded(value)


def _is_key_of_a_service(value: str) -> bool:
    return _HEXADECIMAL.fullmatch(value) is not None or _is_generated_id(value)


def _auth_commands(text: str) -> Iterator[Span]:
    for match in _AUTH_COMMAND.finditer(text):
        group = "value" if match["value"] is not None else "redis"
        if is_random_and_mixed(match[group], 6):
            yield match.span(group)


def _from_tools(text: str) -> Iterator[Span]:
    for match in _FROM_A_TOOL.finditer(text):
        group = match.lastgroup or 0
        if group != "key" or is_random(match["key"], 20):
            yield match.span(group)


_OF_SQL: Final = lazy_pattern(r"user|role|account|grant|alter|create|@|IDENTIFIED")


def _identified(text: str) -> Iterator[Span]:
    for match in _IDENTIFIED.finditer(text):
        value = match["value"]
        # also in prose: a library identified by 'name'
        in_sql = not value.isalpha() or _OF_SQL.search(text, max(0, match.start() - _STATEMENT), match.end())
        if in_sql and not is_state_or_placeholder(value) and not is_reference(value):
            yield match.span("value")


_STATEMENT: Final = 100


def _values(pattern: re.Pattern[str], at_least: int, *hints: str) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            value = match["value"]
            random_enough = at_least == 0 or is_random(value, at_least) or " " in value
            if (
                random_enough
                and not is_mail_address(value)
                and not is_state_or_placeholder(value)
                and not is_reference(value)
            ):
                yield match.span("value")

    return Detector(hints, spans)


_SERVER_SETTINGS: Final = ("pw", "requirepass", "masterauth")
_HINT: Final = (
    r"(?i)(?:password|(?:bind|root)_?pw|requirepass|masterauth|secret[_ -]?id|passwd|passphrase"
    r"|passcode|passkey|pwd|secret|token|credentials?|pin|otp|key|connection string)"
)

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        (_HINT + r"[ \t]+(?:is|was|are|were|will|has|equals|become|changed|reset|set|updated|for|of|to)[ \t:]",),
        _is_secrets,
    ),
    Detector((_HINT + r"(?:\(s\))?[ \t]+[^\s(<\[{$%:=]{6}",), _beside_secrets),
    Detector(
        (_HINT + r"[ \t]*(?:\t|[ \t]{2}|\||[,;])", _HINT + r" \?", r"(?i)[_.-](?:pass|pwd|pw)(?:\t|[ \t]{2}| [|?])"),
        _table_cells,
    ),
    _values(_NETRC, 0, r"(?:login|user)\s+\S+\s+(?:account\s+\S+\s+)?passw"),
    _values(_PGPASS, 6, r"(?:^|\n)[ \t]*[\w.*-]+:(?:[0-9]{4,5}|\*):[\w.*-]+:[\w.*-]+:\S"),
    _values(_SQL, 0, r"(?i)(?:password|credentials)(?:[ \t(=]+[\"']|[ \t]+for[ \t])"),
    _values(_IDENTIFIED_BARE, 5, r"(?i)identified[ \t]+by[ \t]"),
    _values(_REPLACED, 5, r"(?i)identified[ \t]+by[ \t]"),
    _values(_PRAGMA, 0, r"(?i)pragma[ \t]+(?:re)?key"),
    Detector((r"(?i)identified[ \t]+(?:by|with)[ \t]",), _identified),
    Detector(
        (
            r"(?i)(?:passwort|kennwort|contrase..?a|clave secreta|senha|mot de passe|has.?o|wachtwoord|l.senord)",
            r"\?[\"' \t]*[:=]",
            r"\?{3}[!-~]{4}",
        ),
        _in_other_languages,
    ),
    Detector((r"\bAUTH[ \t]",), _auth_commands),
    _values(_SETTING, 5, r"(?i)[._-](?:password|passwd|passphrase|secret|token|key)[ \t]+[^\s=:]"),
    Detector(
        (
            "(?i)password is generated for ",
            r"(?i)in (?:with|using) (?:the |api |an )?(?:api )?(?:key|token) ",
            "(?i)BUNDLE_[A-Z_]+",
        ),
        _from_tools,
    ),
    by_pattern(_SESSION, r"(?i)session[\\\"' \t]*[:=]", group="value", accept=_is_generated_id),
    by_pattern(_VENDOR, r"[A-Z][\"']? ?[:=] ?[\"']?[A-Za-z0-9]{8}", group="value", accept=_is_key_of_a_service),
    by_pattern(_RAW_KEY, r"(?i)(?:key|seed)[\"':= ]+(?:is )?(?:0x)?[0-9a-f]{8}", group="value"),
    Detector(("::(?:add-mask|set-output|save-state)", r"\)=\("), _workflow_commands),
    Detector((_HINT + r"[ \t]*(?:\?|--?|\.\.\.+|~)[ \t]",), _arrow_secrets),
    by_pattern(
        _ONE_TIME_CODE,
        r"(?i)(?:otp|pin|code|password)(?: is)?[\"']?[ \t:=]+[\"']?[0-9]{4}",
        group="value",
    ),
    _values(_CREDENTIAL, 20, r"(?i)(?:bearer|jwt|assertion|verifier|_code|response)[\\\"']*[ \t]*[:=]"),
    _values(
        _CONNECTION,
        6,
        r"(?i)(?:sess|mnemonic|phrase|_auth|cookie|app_key|sonar[._]login|machine_?key|psk)[\w-]*[\\\"']*[ \t]*[:=]",
    ),
)
