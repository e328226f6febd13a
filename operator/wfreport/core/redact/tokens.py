"""Finds secrets by their own shape: tokens, private keys, passwords in URLs, signatures.

Most shapes of tokens come from detect-secrets, which keeps them up to date. Only its regular expressions are used,
because its detectors depend on global settings and work on single lines.

Some of its detectors are left out: Cloudant, IBM, SoftLayer and npm take quadratic time on a text of spaces or slashes,
and Artifactory's ``AP…`` matches ordinary words in capitals. ``keyed`` finds those secrets by their keys.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from detect_secrets.plugins import (
    aws,
    discord,
    github_token,
    gitlab_token,
    mailchimp,
    openai,
    pypi_token,
    sendgrid,
    slack,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)

Span = tuple[int, int]

_WORD_START: Final = r"(?:(?<![\w.-])|(?<=\\[nrt]))"
"""Matches at the start of a word, for shapes that also occur inside long names. In escaped text ``\\n`` precedes it."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one kind of secret.

    Attributes:
        hints: substrings of which every such secret contains at least one; a cheap filter, because most texts contain
            no secret. A hint in lower case matches any case.
        spans: yields the start and the end of each secret in a text.
    """

    hints: tuple[str, ...]
    spans: Callable[[str], Iterator[Span]]


def by_pattern(pattern: re.Pattern[str], *hints: str, group: int = 0) -> Detector:
    """Return a detector for the matches of a pattern, or of one of its groups."""

    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            yield match.span(group)

    return Detector(hints, spans)


def _whole_word(pattern: re.Pattern[str], *hints: str, at_word_start: bool = False) -> Detector:
    # The rest of the word belongs to the token: providers make their tokens longer over time.
    begin = _WORD_START if at_word_start else ""
    return by_pattern(re.compile(rf"{begin}(?:{pattern.pattern})[\w-]*", pattern.flags), *hints)


_ACCESS_KEY, _NAMED_SECRET_KEY = aws.AWSKeyDetector.denylist

_PREFIXED_TOKENS: Final[tuple[tuple[Iterable[re.Pattern[str]], tuple[str, ...]], ...]] = (
    ([_ACCESS_KEY], ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    (github_token.GitHubTokenDetector.denylist, ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    (gitlab_token.GitLabTokenDetector.denylist, ("gl", "GR1348941")),
    (slack.SlackDetector.denylist, ("xox", "hooks.slack.com")),
    (stripe.StripeDetector.denylist, ("k_live_",)),
    (twilio.TwilioKeyDetector.denylist, ("AC", "SK")),
    (sendgrid.SendGridDetector.denylist, ("SG.",)),
    (pypi_token.PypiTokenDetector.denylist, ("pypi-",)),
    (square_oauth.SquareOAuthDetector.denylist, ("sq0csp-",)),
)
"""Tokens with a distinctive prefix."""

_WORD_TOKENS: Final[tuple[tuple[Iterable[re.Pattern[str]], tuple[str, ...]], ...]] = (
    (openai.OpenAIDetector.denylist, ("T3BlbkFJ",)),
    (discord.DiscordBotTokenDetector.denylist, (".",)),
    (telegram_token.TelegramBotTokenDetector.denylist, (":",)),
    (mailchimp.MailchimpDetector.denylist, ("-us",)),
)
"""Tokens whose shape also occurs at the end of longer names, so they must begin a word."""

_NEWER_TOKENS: Final = (
    (r"github_pat_[A-Za-z0-9_]{22,}", "github_pat_"),
    (r"(?:glpat|gldt|glft|glffct|glsoat|glrt|glcbt|glptt|glagent|gloas|glimt)-[\w.-]{20,}", "gl"),
    (r"npm_[A-Za-z0-9]{36,}", "npm_"),
    (_WORD_START + r"sk-(?:ant|proj|svcacct|admin)-[\w-]{32,}", "sk-"),
    (r"AIza[\w-]{35,}", "AIza"),
    (r"ya29\.[\w-]{20,}", "ya29."),
    (r"hf_[A-Za-z0-9]{30,}", "hf_"),
    (_WORD_START + r"hv[sbr]\.[\w-]{24,}", "hv"),
    (r"dckr_pat_[\w-]{20,}", "dckr_pat_"),
    (r"xapp-\d-[\w-]{20,}", "xapp-"),
    (r"xoxe[.-][\w.-]{20,}", "xoxe"),
    (r"[sr]k_test_[0-9a-zA-Z]{24,}", "k_test_"),
    (r"whsec_[A-Za-z0-9+/=]{24,}", "whsec_"),
    (_WORD_START + r"AKC[A-Za-z0-9]{10,}", "AKC"),
    (r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "AGE-SECRET-KEY-"),
    # detect-secrets' pattern for a JWT misses the signature, and takes quadratic time on eyJeyJ…
    (_WORD_START + r"eyJ[\w-]{8,}={0,2}\.[\w-]{4,}={0,2}(?:\.[\w-]*)*", "eyJ"),
)
"""Tokens that detect-secrets does not support yet, or matches only in part."""

_URL_PASSWORD: Final = re.compile(r"://[^\s/:@\"'<>]*:([^\s/@\"'<>]+)@(?!sha\d{3}:)")
"""A password in a URL.

Unlike the pattern of detect-secrets it allows special characters and an empty user name, and it excludes images with a
tag and a digest.
"""

_DSN_PASSWORD: Final = re.compile(r":([^\s/:@\"']{1,256})@(?=(?:tcp|unix)\()")
"""``user:password@tcp(host)``, the format of Go's MySQL driver."""

_SIGNATURE: Final = re.compile(
    r"(?<![\w-])(?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=([\w%+/=~.-]{16,})",
    re.IGNORECASE,
)
"""The signature in a shared access signature (Azure) or a presigned URL (S3, GCS). It grants access to the file."""

_KEY_BLOCK: Final = re.compile(
    r"(?P<begin>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d)"
    r"|-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]+"
)
_KEY_BODY: Final = re.compile(r"[\s\S]{0,300}?[A-Za-z0-9+/=]{40}")
_KEY_LINE: Final = re.compile(r"[A-Za-z0-9+/=]+")
_KEY_LINE_LENGTH: Final = 40
_KEY_LENGTH: Final = 16 * 1024


def _key_blocks(text: str) -> Iterator[Span]:
    """Yield private keys from BEGIN to END, also if a cut log lacks one of the two markers."""
    begin, done = -1, 0
    for marker in _KEY_BLOCK.finditer(text):
        if marker["begin"] is not None:
            begin = marker.start() if begin < 0 else begin
            continue
        yield (begin if begin >= 0 else _key_body_start(text, done, marker.start())), marker.end()
        begin, done = -1, marker.end()
    if begin >= 0 and _KEY_BODY.match(text, text.index("-", begin + 5)):
        yield begin, len(text)


def _key_body_start(text: str, low: int, end: int) -> int:
    """Return the start of the lines of base64 before ``end``, but not less than ``low``.

    A logger may have written a time at the start of each line.
    """
    body = text[max(low, end - _KEY_LENGTH) : end].replace("\\r", "  ").replace("\\n", " \n")
    *lines, beside = body.split("\n")
    start = end - len(beside)
    at_least = 0  # the last line of a key is shorter than the others
    for line in reversed(lines):
        word = line.strip().rpartition(" ")[2]
        if word and (len(word) < at_least or not _KEY_LINE.fullmatch(word)):
            break
        start -= len(line) + 1
        at_least = _KEY_LINE_LENGTH if word else at_least
    return start


DETECTORS: Final[tuple[Detector, ...]] = (
    *(_whole_word(pattern, *hints) for patterns, hints in _PREFIXED_TOKENS for pattern in patterns),
    *(_whole_word(pattern, *hints, at_word_start=True) for patterns, hints in _WORD_TOKENS for pattern in patterns),
    by_pattern(_NAMED_SECRET_KEY, "aws", group=1),
    *(by_pattern(re.compile(pattern), hint) for pattern, hint in _NEWER_TOKENS),
    by_pattern(_URL_PASSWORD, "://", group=1),
    by_pattern(_DSN_PASSWORD, "@tcp(", "@unix(", group=1),
    by_pattern(_SIGNATURE, "sig", "x-amz-security-token", group=1),
    Detector(("private key", "putty-user-key-file", "private-mac"), _key_blocks),
)
