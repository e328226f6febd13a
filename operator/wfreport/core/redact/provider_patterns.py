"""The shapes of tokens that detect-secrets keeps up to date.

Only its regular expressions are used, because its detectors depend on global settings and work on single lines.

Some of its detectors are left out: Cloudant, IBM, SoftLayer and npm take quadratic time on a text of spaces or slashes,
and Artifactory's ``AP…`` matches ordinary words in capitals. ``keyed`` finds those secrets by their keys.

The package takes a tenth of a command's CPU time to import. So ``tokens`` imports this module with the first text that
has a hint of such a token, and the operator, to whom that happens sooner or later, at its start.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from wfreport.core.redact.detectors import WORD_START
from wfreport.imports import lazy_pattern, submodules_of, without

with without("requests"), submodules_of("detect_secrets"):
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

_Patterns = tuple[re.Pattern[str], ...]


def _whole_words(patterns: Iterable[re.Pattern[str]], begin: str = "") -> _Patterns:
    # The rest of the word belongs to the token: providers make their tokens longer over time.
    return tuple(lazy_pattern(rf"{begin}(?:{pattern.pattern})[\w-]*", pattern.flags) for pattern in patterns)


def _words(patterns: Iterable[re.Pattern[str]]) -> _Patterns:
    # Such a shape also occurs at the end of longer names.
    return _whole_words(patterns, WORD_START)


_ACCESS_KEY, _NAMED_SECRET_KEY = aws.AWSKeyDetector.denylist

PATTERNS: Final[Mapping[str, _Patterns]] = {
    "aws": _whole_words([_ACCESS_KEY]),
    "aws-secret-key": (_NAMED_SECRET_KEY,),
    "discord": _words(discord.DiscordBotTokenDetector.denylist),
    "github": _whole_words(github_token.GitHubTokenDetector.denylist),
    "gitlab": _whole_words(gitlab_token.GitLabTokenDetector.denylist),
    "mailchimp": _words(mailchimp.MailchimpDetector.denylist),
    "openai": _words(openai.OpenAIDetector.denylist),
    "pypi": _whole_words(pypi_token.PypiTokenDetector.denylist),
    "sendgrid": _whole_words(sendgrid.SendGridDetector.denylist),
    "slack": _whole_words(slack.SlackDetector.denylist),
    "square": _whole_words(square_oauth.SquareOAuthDetector.denylist),
    "stripe": _whole_words(stripe.StripeDetector.denylist),
    "telegram": _whole_words(
        telegram_token.TelegramBotTokenDetector.denylist,
        WORD_START + "(?=[0-9]{6,12}:[^a-z]{0,40}[a-z])(?=[0-9]{6,12}:[^A-Z]{0,40}[A-Z])",  # no identifier of a device
    ),
    "twilio": _whole_words(twilio.TwilioKeyDetector.denylist),
}
"""The patterns of each provider; in that of AWS' secret keys, the first group is the secret."""
