"""Finds passwords and signatures in URLs and in the addresses of databases."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from wfreport.core.redact.detectors import Detector, Span, by_pattern
from wfreport.core.redact.placeholders import is_example, is_placeholder
from wfreport.core.redact.words import is_mixed, is_random, is_random_and_mixed
from wfreport.imports import lazy_pattern

_URL_PASSWORD: Final = lazy_pattern(r"://[^\s/:;@\"'<>]*[:;]([^\s/@\"'<>]+)@(?!sha\d{3}:)")
"""A password in a URL.

Unlike the pattern of detect-secrets it allows special characters and an empty user name, and it excludes images with a
tag and a digest.
"""

_URL_TOKEN: Final = lazy_pattern(r"://(?=[A-Za-z_-]{0,200}\d)([\w-]{20,200})@(?!sha\d{3}:)", re.ASCII)
"""A token instead of user and password, as Git hosts and Sentry accept it."""

_TOKEN_AS_USER: Final = lazy_pattern(
    r"://(?=[A-Za-z_.-]{0,200}\d)([\w.-]{16,256}):(?:x-oauth-basic|x-token-auth|api_token|x)?@"
)
"""A token as the name of the user, with an empty or a fixed password."""

_DSN_PASSWORD: Final = lazy_pattern(r":([^\s/:@\"']{1,256})@(?=(?:tcp|unix)\()")
"""``user:password@tcp(host)``, the format of Go's MySQL driver."""

_ORACLE_PASSWORD: Final = lazy_pattern(
    r"jdbc:oracle:[a-z0-9]{1,20}:[^/\s\"'@]{1,128}/(\"[^\"\n]{1,128}\"|[^@\s\"']{1,128})@", re.IGNORECASE
)
_ORACLE_CLIENT: Final = lazy_pattern(
    r"(?:^|[\s\"'=])(?:sqlplus|sqlldr|expdp|impdp|exp|imp|rman|tnsping|dbca|connect|conn)\s[^\n]{0,100}?(?<![\w/.])"
    r"[A-Za-z][\w$#]{0,60}/([^\s/@\"'.][^\s/@\"']{0,128})@",
    re.IGNORECASE,
)
_EASY_CONNECT: Final = lazy_pattern(
    r"(?<![\w/.-])[A-Za-z][\w$#]{0,60}/([^\s/@\"']{1,128})@(?:/{0,2}[\w.-]{1,200}:152\d\b"
    r"|\(description)",
    re.IGNORECASE,
)

_SIGNATURE: Final = lazy_pattern(
    r"(?<![\w-])(?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=([\w%+/=~.-]{16,})",
    re.IGNORECASE,
)
"""The signature in a shared access signature (Azure) or a presigned URL (S3, GCS). It grants access to the file."""

_CODE: Final = lazy_pattern(
    r"[?&](?:(?P<word>code|key)|ticket|appid|app_?key|hapikey|wskey|license_?key|subscription-key|auth|jwt|sid"
    r"|session|reset|invite|magic|confirm(?:ation)?|verify|otp)="
    r"(?P<value>[\w.~%+/-]{16,4096})",
    re.IGNORECASE,
)
"""A value in a query that proves an identity, and that can also be a word or a name."""

_PATH_OR_WORDS: Final = lazy_pattern(
    r"(?:[\w.-]{1,128}/){1,32}[\w.-]{1,128}\.[A-Za-z]{2,8}|[A-Za-z]{2,64}[-_]"
    r"(?:[A-Za-z]{1,64}\d{0,3}[-_]){1,32}\S{0,64}"
)
"""The path of a file, or words that are joined: a ``key`` or ``code`` that is a name."""


def _codes(text: str) -> Iterator[Span]:
    for match in _CODE.finditer(text):
        value = match["value"]
        is_name = match["word"] is not None and _PATH_OR_WORDS.fullmatch(value) is not None
        if not is_name and is_random(value, 16) and any(char.isdigit() for char in value):
            yield match.span("value")


_ROUTING_KEY: Final = lazy_pattern(
    r"routing_?key\\{0,3}[\"']?\s{0,4}[:=]>?\s{0,4}\\{0,3}[\"']?((?=[a-z]{0,32}\d)[0-9a-z]{32})"
    r"(?![\w.-])",
    re.IGNORECASE,
)
"""The key of an integration of PagerDuty. Those of message queues are names."""

_WEBHOOK: Final = lazy_pattern(
    r"(?:discord(?:app)?\.com/api/webhooks/\d{1,24}/|webhook\.office\.com/webhookb2/|outlook\.office\.com/webhook/"
    r"|hooks\.zapier\.com/hooks/catch/\d{1,12}/|maker\.ifttt\.com/trigger/[\w-]{1,64}/with/key/"
    r"|api\.telegram\.org/bot|events\.pagerduty\.com/integration/|hooks\.slack\.com/(?:workflows|triggers)/"
    r"|[\w-]{1,64}\.tines\.com/webhook/|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/"
    r"|(?:(?:hc-ping|cronitor\.link/p|nosnch\.in|packagecloud\.io|dl\.cloudsmith\.io|webhook\.site"
    r"|[\w-]{1,64}\.m\.pipedream\.net|ping\.ohdear\.app|push\.statuscake\.com)(?:\.com)?/"
    r"|uptimerobot\.com/|alchemy(?:api)?\.(?:com|io)/v2/|(?:anaconda\.(?:org|cloud|com)|/conda)/t/)"
    r"(?=[\w./-]{0,200}?(?<![\w-])(?=[\w-]{0,64}\d)[\w-]{10,128})"  # other pages of these hosts are no secrets
    r"|sumologic\.(?:com|net)/receiver/v1/http/|loggly\.com/(?:inputs|bulk)/|api/v1/heartbeat/|build_hooks/"
    r"|/integrations/deploy/prj_\w{1,64}/|infura\.io/(?:ws/)?v3/|quiknode\.pro/"
    r"|splunkcloud\.com/services/collector/|logz\.io/\?token="
    r"|victorops\.com/integrations/generic/\d{1,12}/alert/"
    r"|/webhook/send\?key=|/deploy/srv-\w{1,64}\?key="
    r"|api\.opsgenie\.com/v1/json/\w{1,32}\?apiKey=)"
    r"([\w@:.-][\w@:./=-]{7,400})",
    re.IGNORECASE,
)
"""The secret part of an address that accepts messages from anyone who has it."""

_WEBHOOK_PATH: Final = lazy_pattern(
    r"(?<![\w.])/?services/(T[A-Z0-9]{2,12}/B[A-Z0-9]{2,12}/\w{16,48})|/api/webhooks/\d{15,24}/([\w-]{40,100})"
    r"|/bot(\d{6,12}:[\w-]{30,50})|/(?:hooks|webhook|webhooks)/((?:[0-9a-f]{24}/)?"
    r"(?=[A-Za-z]{0,64}\d)[A-Za-z0-9]{24,64})(?![\w.-])"
)
"""The same without the host, as clients print it: ``url: /services/T…/B…/…``."""


def _webhook_paths(text: str) -> Iterator[Span]:
    for match in _WEBHOOK_PATH.finditer(text):
        if not is_example(match[0]):
            yield match.span(match.lastindex or 0)


_USER_AT_HOST: Final = lazy_pattern(
    r"(?:(?<=[^:]//)|(?<![\w./:@+-]))(?!(?i:mailto|sips?|acct|b?cc|to|from|by|author|owner|e?mail|contact|maintainer"
    r"|reviewer|assignee|reporter|group|serviceaccount):|user:[a-z._-]{2,32}\d{0,2}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,12}"
    r"(?![\w:/-]|\.\w))[A-Za-z][\w.+-]{0,64}:(?P<value>[^\s:/@\"'<>(){}\[\],;=]{5,128})@"
    r"(?=(?:[a-z0-9-]{1,63}\.){0,6}[a-z][a-z0-9-]{0,62}(?::\d{2,5}\b|/|\.[a-z]{2,12}(?![\w.@-]))|\d{1,3}"
    r"(?:\.\d{1,3}){3})"
)
"""``user:password@host:port`` without a scheme.

A version of a package (``name:1.2@host``) is no password, nor is a member of a policy of Google (``user:bob1@…``).
"""


_WORD: Final = lazy_pattern(r"(?!redacted$|x+$|\$[a-z]+_)[$@(<\[]?[\w.-]{0,64}[a-z][\w.-]{0,64}")
"""What can be a password where a password always stands: ``none``, ``$ecret`` and ``your-pass`` as well."""


def _is_left_out(value: str) -> bool:
    """Whether a mask or a variable stands for the password of a URL. A word is a password there."""
    return is_placeholder(value) and _WORD.fullmatch(value) is None


_URL_WITH_ANY_PASSWORD: Final = lazy_pattern(
    r"[a-z][a-z0-9+.-]{1,20}://[\w.%+-]{0,64}:(?P<value>[^\s@\"'<>`]{3,128}(?:@[^\s@/\"'<>`:]{1,64})?)@"
    r"(?=[\w.-]{1,253}(?::\d{2,5}|[/?,\"'\s]|$))"
)
"""A password with characters that a URL should escape: a slash, a question mark, a hash or an at sign."""

_PORT_AND_PATH: Final = lazy_pattern(r"\d{1,5}(?:[/?#]|$)")


_EXAMPLE_USER: Final = lazy_pattern(r"[:;](?:resu(?:bd|ym|ruoy|_bd)?|emanresu|nigol|rsu)(?![\w.-])", re.IGNORECASE)
"""The name of the user before the password, backwards."""

_EXAMPLE_PASSWORD: Final = lazy_pattern(r"(?:(?:db|my|your)[_-]?)?(?:pass(?:word|wd)?|pwd?|secret)", re.IGNORECASE)


def _is_example(text: str, start: int, end: int) -> bool:
    """Whether a URL shows its form only: ``postgres://user:password@host``."""
    return (
        _EXAMPLE_PASSWORD.fullmatch(text, start, end) is not None
        and _EXAMPLE_USER.match(text[max(0, start - 16) : start][::-1]) is not None
    )


def _any_passwords(text: str) -> Iterator[Span]:
    for match in _URL_WITH_ANY_PASSWORD.finditer(text):
        is_shown = _is_left_out(match["value"]) or _is_example(text, *match.span("value"))
        if not is_shown and not _PORT_AND_PATH.match(match["value"]):
            yield match.span("value")


def _passwords(pattern: re.Pattern[str], *hints: str) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if not _is_left_out(match[1]) and not _is_example(text, *match.span(1)):
                yield match.span(1)

    return Detector(hints, spans)


_CODE_HINT: Final = (
    r"(?i)[?&](?:code|key|ticket|app_?|hapi|ws|license_?|subscription-|auth|jwt|sid|session|reset|invite"
    r"|magic|confirm|confirmation|verify|otp)(?:id|key)?="
)

_ACCOUNT_KEY: Final = lazy_pattern(r"core\.windows\.net[\"']?[ \t]{0,4}[=:,]?[ \t]{1,4}[\"']?([A-Za-z0-9+/]{86}==)")
"""The key of a storage account of Azure beside its address, as the settings of Hadoop have it."""

DETECTORS: Final[tuple[Detector, ...]] = (
    by_pattern(_ACCOUNT_KEY, r"core\.windows\.net", group=1),
    Detector(
        (_CODE_HINT,),
        _codes,
    ),
    _passwords(_URL_PASSWORD, "://"),
    by_pattern(_TOKEN_AS_USER, r"://[\w.-]+:(?:x-oauth-basic|x-token-auth|api_token|x)?@", group=1),
    by_pattern(_URL_TOKEN, r"://[\w-]+@", group=1),
    _passwords(_DSN_PASSWORD, r"@tcp\(", r"@unix\("),
    _passwords(_ORACLE_PASSWORD, "(?i)jdbc:oracle:"),
    _passwords(
        _ORACLE_CLIENT, r"(?i)(?:sqlplus|sqlldr|expdp|impdp|exp|imp|rman|tnsping|dbca|connect|conn)\s[^\n]*/[^\n]+@"
    ),
    _passwords(_EASY_CONNECT, r"/[^\s/@]+@/{0,2}[\w.-]+:152", r"(?i)/[^\s/@]+@\(description"),
    by_pattern(_ROUTING_KEY, "(?i)routing_?key", group=1),
    by_pattern(_SIGNATURE, "(?i)sig", "(?i)x-amz-security-token", group=1, accept=is_mixed),
    Detector((r"/services/T", "/api/webhooks/", "/bot[0-9]", "/(?:hooks|webhooks?)/"), _webhook_paths),
    by_pattern(_USER_AT_HOST, r":[^\s:/@]+@\w", group="value", accept=partial(is_random_and_mixed, at_least=5)),
    Detector((r"://[^\s/]*:[^\s@]*@",), _any_passwords),
    by_pattern(
        _WEBHOOK,
        "(?i)webhook",
        r"hooks\.zapier\.com",
        r"maker\.ifttt\.com",
        r"api\.telegram\.org",
        r"events\.pagerduty\.com",
        r"hooks\.slack\.com",
        r"/v2/hook/",
        r"(?:hc-ping|cronitor|nosnch|packagecloud|cloudsmith|pipedream|ohdear|statuscake|sumologic|loggly|infura"
        r"|alchemy"
        r"|quiknode|uptimerobot|splunkcloud|logz|victorops|opsgenie)",
        r"(?:/heartbeat/|/send\?key=|/deploy/srv-|build_hooks/|/deploy/prj_|/t/)",
        group=1,
    ),
)
