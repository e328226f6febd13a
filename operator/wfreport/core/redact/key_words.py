"""The words of keys: those that make a key a secret's, and those that say it is about one."""

import re
from typing import Final

from wfreport.core.redact.words import sorted_words, words
from wfreport.imports import lazy_pattern

BEFORE_KEY: Final = sorted_words(
    """
    api access private account auth shared signing encryption decryption encrypt master service storage ssh client db
    session app application jwt hmac fernet crypto cipher license licence webhook vault admin root consumer
    subscription function functions host write ingest ingestion deploy bot sas wallet aes rsa tls ssl gpg pgp preshared
    psk hec integration recovery unlock backup pepper kaggle cosmos cosmosdb openai anthropic cohere sendgrid mailgun
    stripe sentry instrumentation fastly wireguard confluent
    algolia datadog newrelic opsgenie pagerduty bugsnag amplitude wandb iothub eventhub servicebus
    """
)

DESCRIPTIVE_WORDS: Final = words(
    """
    name names file files path paths ref refs reference dir url uri id ids type version expiry expires expired
    expiration ttl length len count size arn provider mode policy manager store class kind error errors limit
    limits usage endpoint namespace field hint required enabled present set status rotation selector mount
    volume service server source template accessor duration renewable policies meta algorithm alg format
    encryption hashing hasher encoder
    created updated age strength prompt regex pattern min max is not env var variable helper cache location
    bucket review request limiter algorithms checking validator backend strategy placement style handler factory
    protocol issuer engine interval storage issues method placeholder tooltip spec message use alias exception
    header headers prefix suffix issuer audience scope scopes owner label title description
    txt yaml yml json toml ini conf go py java js ts rs rb php sh c h cc log md pem crt pub properties html xml sql
    """
)
"""Last words of keys whose value describes a secret: ``secretName``, ``token_url``, ``password-file``."""

NAMING_WORDS: Final = words("header headers prefix suffix owner label")
"""Descriptive words after which the secret itself can be."""

MEASURING_WORDS: Final = words(
    """
    at on change changes time date timestamp attempts retries score since until hits misses validity lifetime days
    hours minutes seconds rate ratio percent total
    """
)

MOMENT: Final = lazy_pattern(
    r"[+-]?\d[\d.,:_]{0,32}"
    r"|(?:\d{1,12}(?:\.\d{1,12})?(?:[nmuµ]s|[smhdwy%]|min|sec)){1,6}"
    r"|\d{1,12} (?:days?|hours?|minutes?|min|seconds?|sec|weeks?|months?|years?)(?: ago)?"
    r"|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[T ]\d\d:[\d:.,]{1,24}(?: ?[A-Z]{1,5}| ?[+-]\d\d:?\d\d)?)?"
    r"|P(?:T?\d{1,8}[YMWDHS]){1,8}"
    r"|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?(?:,? [\w:+ -]{0,40})?"
    r"|(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|(?:nov|dec)(?:ember)?)(?: \d[\w:+, -]{0,40})?"
    r"|true|false|yes|no|on|off|never|always|now|null|nil|none|n/a|unknown|-",
    re.IGNORECASE,
)
"""The value of a key such as ``password_changed_at``: a time, a number, a duration or a boolean."""

BEFORE_OTHER_TOKEN: Final = words(
    """
    next page continue continuation pagination sync resume pad eos bos unk mask sep cls first last per max min stop
    start end special fencing cancel cancellation unexpected image new output input prompt completion
    """
)
"""Tokens of parsers, of language models and of lists in pages."""

BEFORE_SECRET_NAME: Final = words("existing pull image from use basicauth tls hashed")
BEFORE_CREDENTIAL_NAME: Final = words("load import condition assert")
"""Settings of systemd that name a credential and its file."""
