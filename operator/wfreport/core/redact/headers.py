"""Finds secrets in HTTP headers: Authorization, cookies, ``X-…-Token``."""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.redact.detectors import Detector, Span, by_pattern
from wfreport.core.redact.expressions import is_class
from wfreport.core.redact.no_literals import is_scope
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.words import STATE_WORDS, TYPES, UUID, is_random, is_reference, is_worded, words
from wfreport.imports import lazy_pattern

_HEADER: Final = lazy_pattern(
    r"authorization\\{0,3}[\"']?[ \t]{0,32}[:=]>?[ \t]{0,32}\\{0,3}[\"'\[]?\\{0,3}[\"']?"
    r"(?:(?P<scheme>bearer|basic|negotiate|ntlm|apikey|token|ssws|bot|splunk|geniekey|jwt|key)[ \t]{1,3}"
    r"(?P<value>[^\s\"'`\\,;\[]+)"
    r"|(?:aws4-hmac-sha256|digest|oauth)[ \t]{1,3}(?P<all>[^\"'`\\\n\[][^`\\\n]*)"
    r"|[a-z][\w-]{1,30}[ \t]{1,3}(?P<other>[^\s\"'`\\,;\[]{8,})"
    r"|(?:key|token|[a-z]{2,12})=(?P<pair>[^\s\"'`\\,;\[]{8,})"
    r"|(?P<bare>(?!aws4-hmac-sha256)[^\s\"'`\\,;\[]{12,}))",
    re.IGNORECASE,
)
_HEADER_WORDS: Final = STATE_WORDS | words(
    """
    is must not or and was flag option required to for cannot with in requires should needs has needed missing
    are can may will argument of as if instead token auth authentication header credentials realm
    fetch
    """
)


def _authorization_headers(text: str) -> Iterator[Span]:
    for match in _HEADER.finditer(text):
        group = match.lastgroup or "bare"
        value = match[group]
        if group in {"value", "all"}:
            is_word = value.lower() in _HEADER_WORDS or value.lower().startswith("realm=")
            is_secret = not is_word and not is_placeholder(value)
        else:
            is_secret = is_random(value, 8 if group != "bare" else 12) or UUID.fullmatch(value) is not None
        if is_secret:
            yield match.span(group)


_SIGNED: Final = lazy_pattern(
    r"(?<![\w-])(?:stripe-signature|x-hub-signature(?:-256)?|x-signature|webhook-signature"
    r"|svix-signature)[\"']?[ \t]{0,4}[:=]>?[ \t]{0,4}"
    r"[\"']?(?:[^\s\"']{0,40}?(?:=|,))?(?P<value>[0-9a-f]{32,128}|[A-Za-z0-9+/]{40,90}={0,2})"
    r"|base64url\.bearer\.authorization\.k8s\.io\.(?P<kubernetes>[\w.-]{16,4096})"
    r"|(?<![\w-])(?:c?nonce|response)=\"?(?P<digest>[0-9a-f]{32})\"?(?=[\s,]|$)",
    re.IGNORECASE,
)
"""Signatures of webhooks, the token of a WebSocket of Kubernetes, and the response of Digest authentication."""


def _signed(text: str) -> Iterator[Span]:
    for match in _SIGNED.finditer(text):
        yield match.span(match.lastgroup or 0)


_BEARER: Final = lazy_pattern(
    r"(?<![\w-])(?:bearer|basic|geniekey|ssws)[ \t]{1,3}([\w.~+/-]{16,}={0,2})", re.IGNORECASE
)


def _bearer_tokens(text: str) -> Iterator[Span]:
    for match in _BEARER.finditer(text):
        if is_random(match[1], 16) or UUID.fullmatch(match[1]):
            yield match.span(1)


_HEADER_KEY: Final = lazy_pattern(
    r"(?<![\w-])(?<!//)(?:x-(?!kubernetes|cache|idempotency|request|routing|surrogate|partition|message)[a-z0-9-]{0,30}?"
    r"(?:key|token|secret|auth|password|signature|credential)"
    r"|x-jfrog-art-api|ocp-apim-subscription-key|private-token|job-token|deploy-token|circle-token|apikey|dd-api"
    r"(?:plication)?-key"
    r"|proxy-authorization|x-amz-security-token|sec-token|xsrf-token|csrf-token|x-honeycomb-team)"
    r"\\{0,3}[\"']?[ \t]{0,32}[:=]>?[ \t]{0,32}\\{0,3}[\"'\[]{0,2}([^\s\"'`\\,;\[\]]{4,})",
    re.IGNORECASE,
)


def _header_keys(text: str) -> Iterator[Span]:
    for match in _HEADER_KEY.finditer(text):
        value = match[1]
        if (
            value.lower().rstrip(".") not in _HEADER_WORDS | TYPES
            and value.lower() not in {"basic", "bearer"}
            and not is_placeholder(value)
            and not is_reference(value.rstrip(")}"))
            and not (is_class(value) and is_worded(value))
            and not is_scope(value.partition("&")[0])
        ):
            yield match.span(1)


_COOKIES: Final = lazy_pattern(
    r"(?<![\w-])(?:set-)?cookies?2?\\{0,3}[\"']?[ \t]{0,32}(?::|=|=>)[ \t]{0,32}\\{0,3}[\"'\[({]{0,3}\\{0,3}[\"']?"
    r"(?P<pairs>[\w.!#$%&*+^`|~-]{1,128}(?:=|\\{0,3}[\"'][ \t]{0,3}[:=]>?[ \t]{0,3}\\{0,3}[\"'])[^\n]*)",
    re.IGNORECASE,
)
_COOKIE_PAIR: Final = lazy_pattern(
    r"(?<![^\s;,\"'{(])(?P<name>[\w.!#$%&*+^`|~-]{1,128})(?:=|\\{0,3}[\"'][ \t]{0,3}[:=]>?[ \t]{0,3}\\{0,3}[\"'])"
    r"(?P<value>[^\s;,\"'\\{}\])]+)"
)
_COOKIE_ATTRIBUTES: Final = words(
    "path domain expires max-age samesite secure httponly priority version comment lang locale theme"
)
_SESSION_COOKIE: Final = lazy_pattern(
    r"(?<![\w-])(?:[A-Z]{0,10}SESSIONID|PHPSESSID|ASPSESSIONID\w{0,12}|ASP\.NET_SessionId"
    r"|\.AspNetCore\.[\w.]{1,40}|connect\.sid"
    r"|(?:__host-|__secure-)[\w.-]{1,40}|[\w-]{0,20}_session|laravel_session|sessionid|session_token"
    r"|session-token|csrftoken"
    r"|_csrf|_xsrf|xsrf-token|remember_(?:user_)?token|_oauth2_proxy|authservice_session|argo-?cd\.token"
    r"|grafana_session"
    r"|cf_clearance|d_cookie|sid|auth_cookie|li_at|datr)"
    r"(?:=|\\{0,3}[\"'][ \t]{0,3}[:=]>?[ \t]{0,3}\\{0,3}[\"'])(?P<value>[^\s;,\"'\\&)\]}]{6,})",
    re.IGNORECASE,
)
_COOKIE_FILE: Final = lazy_pattern(
    r"(?:^|\n)(?:#HttpOnly_)?[\w.-]{1,253}\t(?:TRUE|FALSE)\t/[^\t\n]{0,200}\t(?:TRUE"
    r"|FALSE)\t\d{1,12}\t[^\t\n]{1,128}\t(?P<value>\S{4,})"
)
"""A line of a cookie file of curl or wget: domain, subdomains, path, secure, expiry, name, value."""

_DOCKER_AUTH: Final = lazy_pattern(r"\"auth\\?\"\s{0,8}:\s{0,8}\\?\"([^\"\s\\]{8,})")


def _cookies(text: str) -> Iterator[Span]:
    for header in _COOKIES.finditer(text):
        for pair in _COOKIE_PAIR.finditer(text, *header.span("pairs")):
            in_json = ":" in text[pair.end("name") : pair.start("value")]
            if pair["name"].lower() not in _COOKIE_ATTRIBUTES and _is_cookie_value(pair["value"], in_json=in_json):
                yield pair.span("value")


def _is_cookie_value(value: str, *, in_json: bool) -> bool:
    """Whether the value of a cookie may identify a session. Settings are short words and numbers."""
    return not is_placeholder(value) and ((len(value) >= 8 and not in_json) or is_random(value, 5))  # noqa: PLR2004


def _session_cookies(text: str) -> Iterator[Span]:
    """Yield the values of session cookies. A ``Sid`` of words is a statement of a policy of AWS."""
    for match in _SESSION_COOKIE.finditer(text):
        is_statement = match[0].startswith("Sid") and is_worded(match["value"])
        if not is_statement and (is_random(match["value"], 6) or UUID.fullmatch(match["value"])):
            yield match.span("value")


_SESSION_HINT: Final = (
    r"(?i)(?:sess|csrf|xsrf|sid|_oauth2_proxy|token|clearance|_cookie|li_at|datr|__host-|__secure-|aspnet)[\w.-]*"
    r"[\\\"' \t]*[:=]"
)

DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(("(?i)authorization",), _authorization_headers),
    Detector(("(?i)-signature", r"authorization\.k8s\.io", '(?i)response="?[0-9a-f]{8}'), _signed),
    Detector(("(?i)(?:bearer|basic|geniekey|ssws)[ \t]",), _bearer_tokens),
    Detector(
        (
            r"(?i)x-[a-z0-9-]*(?:key|token|secret|auth|password|signature|credential)",
            "(?i)(?:subscription-key|-token|apikey|-api-key|-application-key|honeycomb-team)",
        ),
        _header_keys,
    ),
    Detector(("(?i)cookies?2?[\\\\\"']*[ \t]*[:=]",), _cookies),
    Detector((_SESSION_HINT,), _session_cookies),
    by_pattern(_DOCKER_AUTH, r'"auth\\?"', group=1),
    by_pattern(_COOKIE_FILE, r"\t(?:TRUE|FALSE)\t", group="value"),
)
