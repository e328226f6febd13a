"""Where secrets that are known by their own shape stand in a text: tokens, key blocks, passwords in URLs, signatures.

The shapes of tokens are detect-secrets', which keeps them up to date. Its detectors are used as tables of
expressions: called as they are, they look into settings and know only lines. Left out are those that take time
quadratic in a text of spaces or slashes (Cloudant, IBM, SoftLayer, npm) or spoil words in capitals (Artifactory's
AP…): ``keyed`` finds what they would.
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

_ALONE: Final = r"(?:(?<![\w.-])|(?<=\\[nrt]))"
"""Not within a word: for shapes that a long name may have, too. In escaped text a word may follow ``\\n``."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one kind of secret.

    Attributes:
        hints: a text without any of these holds no such secret, and most texts hold none. One in lower case is
            looked for in any case.
        spans: where secrets begin and end.
    """

    hints: tuple[str, ...]
    spans: Callable[[str], Iterator[Span]]


def by_pattern(pattern: re.Pattern[str], *hints: str, group: int = 0) -> Detector:
    """Finds what the pattern, or a group of it, matches."""

    def spans(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            yield match.span(group)

    return Detector(hints, spans)


def _whole(pattern: re.Pattern[str], *hints: str, alone: bool = False) -> Detector:
    # What follows a token in the same word is more of it: kinds of tokens grow.
    begin = _ALONE if alone else ""
    return by_pattern(re.compile(rf"{begin}(?:{pattern.pattern})[\w-]*", pattern.flags), *hints)


_ACCESS_KEY, _NAMED_SECRET_KEY = aws.AWSKeyDetector.denylist

_KNOWN: Final[tuple[tuple[Iterable[re.Pattern[str]], tuple[str, ...]], ...]] = (
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
"""Tokens that begin like nothing else."""

_KNOWN_ALONE: Final[tuple[tuple[Iterable[re.Pattern[str]], tuple[str, ...]], ...]] = (
    (openai.OpenAIDetector.denylist, ("T3BlbkFJ",)),
    (discord.DiscordBotTokenDetector.denylist, (".",)),
    (telegram_token.TelegramBotTokenDetector.denylist, (":",)),
    (mailchimp.MailchimpDetector.denylist, ("-us",)),
)
"""Tokens that could be the end of a longer name."""

_NEWER_TOKENS: Final = (
    (r"github_pat_[A-Za-z0-9_]{22,}", "github_pat_"),
    (r"(?:glpat|gldt|glft|glffct|glsoat|glrt|glcbt|glptt|glagent|gloas|glimt)-[\w.-]{20,}", "gl"),
    (r"npm_[A-Za-z0-9]{36,}", "npm_"),
    (_ALONE + r"sk-(?:ant|proj|svcacct|admin)-[\w-]{32,}", "sk-"),
    (r"AIza[\w-]{35,}", "AIza"),
    (r"ya29\.[\w-]{20,}", "ya29."),
    (r"hf_[A-Za-z0-9]{30,}", "hf_"),
    (_ALONE + r"hv[sbr]\.[\w-]{24,}", "hv"),
    (r"dckr_pat_[\w-]{20,}", "dckr_pat_"),
    (r"xapp-\d-[\w-]{20,}", "xapp-"),
    (r"xoxe[.-][\w.-]{20,}", "xoxe"),
    (r"[sr]k_test_[0-9a-zA-Z]{24,}", "k_test_"),
    (r"whsec_[A-Za-z0-9+/=]{24,}", "whsec_"),
    (_ALONE + r"AKC[A-Za-z0-9]{10,}", "AKC"),
    (r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "AGE-SECRET-KEY-"),
    # detect-secrets' JWT leaves the signature, and takes time quadratic in eyJeyJ…
    (_ALONE + r"eyJ[\w-]{8,}={0,2}\.[\w-]{4,}={0,2}(?:\.[\w-]*)*", "eyJ"),
)
"""Kinds that detect-secrets does not know yet, or finds only a part of."""

_URL_PASSWORD: Final = re.compile(r"://[^\s/:@\"'<>]*:([^\s/@\"'<>]+)@(?!sha\d{3}:)")
"""Unlike detect-secrets', with special characters and without a user name; an image by tag and digest is no URL."""

_DSN_PASSWORD: Final = re.compile(r":([^\s/:@\"']{1,256})@(?=(?:tcp|unix)\()")
"""``user:password@tcp(host)``, as Go's MySQL driver has it."""

_SIGNATURE: Final = re.compile(
    r"(?<![\w-])(?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=([\w%+/=~.-]{16,})",
    re.IGNORECASE,
)
"""Of a shared access signature (Azure) or a presigned URL (S3, GCS): who has it, has the file."""

_KEY_BLOCK: Final = re.compile(
    r"(?P<begin>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d)"
    r"|-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]+"
)
_KEY_BODY: Final = re.compile(r"[\s\S]{0,300}?[A-Za-z0-9+/=]{40}")
_KEY_LINE: Final = re.compile(r"[A-Za-z0-9+/=]+")
_KEY_LINE_LENGTH: Final = 40
_KEY_LENGTH: Final = 16 * 1024


def _key_blocks(text: str) -> Iterator[Span]:
    """Private keys from BEGIN to END, also where a log was cut so that the one or the other is missing."""
    begin, done = -1, 0
    for marker in _KEY_BLOCK.finditer(text):
        if marker["begin"] is not None:
            begin = marker.start() if begin < 0 else begin
            continue
        yield (begin if begin >= 0 else _body_start(text, done, marker.start())), marker.end()
        begin, done = -1, marker.end()
    if begin >= 0 and _KEY_BODY.match(text, text.index("-", begin + 5)):
        yield begin, len(text)


def _body_start(text: str, low: int, end: int) -> int:
    """Where the lines begin that end in base64, up to ``end``; not before ``low``.

    A logger may have put a time before each.
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
    *(_whole(pattern, *hints) for patterns, hints in _KNOWN for pattern in patterns),
    *(_whole(pattern, *hints, alone=True) for patterns, hints in _KNOWN_ALONE for pattern in patterns),
    by_pattern(_NAMED_SECRET_KEY, "aws", group=1),
    *(by_pattern(re.compile(pattern), hint) for pattern, hint in _NEWER_TOKENS),
    by_pattern(_URL_PASSWORD, "://", group=1),
    by_pattern(_DSN_PASSWORD, "@tcp(", "@unix(", group=1),
    by_pattern(_SIGNATURE, "sig", "x-amz-security-token", group=1),
    Detector(("private key", "putty-user-key-file", "private-mac"), _key_blocks),
)
