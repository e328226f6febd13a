"""Tells what stands for a secret from the secret itself: masks of other programs, variables, templates, blanks."""

import re
from typing import Final

from wfreport.imports import lazy_pattern

_PLACEHOLDER: Final = lazy_pattern(
    r"\{\{|\}\}|\.{3}(?!\w)|(?:%2A){3}|base64:[{<$]|hmac-sha\d{1,3}:[0-9a-f]{40,128}$|[\w-]{1,64}=\.{3}|%\(|\$\{|\$\(|\$__[a-z]{2,8}\{|<[^>]*>?$|[*•x.…#-]+$"
    r"|[\[(<][a-z][a-z _-]*[\])>]?$|\[?(?:redacted|filtered|masked|hidden)\]?$"
    r"|!{1,2}(?:vault|reference|secrets?|encrypted(?:/[\w-]{1,32})?|include|env|env_var|sub|ref|getatt"
    r"|importvalue|join|null)$"
    r"|(?-i:ENC\[(?:AES256_GCM|PKCS7|GPG|KMS),[\w+/=:,.-]+\]?$|ENC\([A-Za-z0-9+/]{22,}={0,2}\)?$)"
    r"|(?:null|nil|none|true|false|undefined|\[|\{|[|>][-+]?\d?|\?{1,8})$|your[-_ ]?[a-z_-]*$"
    r"|(?-i:\$[A-Z_][A-Z0-9_]*$|\$[a-z_]{2,64}(?:[.:-][A-Za-z]{2,32}\d{0,2}){0,4}$"
    r"|\$[a-z]{2,32}(?:[A-Z][a-z]{1,32}){1,4}$|\$[A-Z]{2,16}_\w{1,64}$|\$\d{1,3}$|[:@][a-z_]{3,64}$)"
    r"|(?:cat|head|aws|vault|op|pass|kubectl|openssl|gcloud|az|sops|jq|pwgen) [\w./-]|#\{[^}\n]{1,128}\}?"
    r"|\[[A-Z_]{3,64}\](?:&|\\u0026)|[&*][a-z]{1,32}(?:_[a-z]{1,32}){1,8}$|\$env:\w+$|\$encrypted_[0-9a-f]{12}_(?:key|iv)$|%[sdvq]$|%\w{1,64}%$"
    r"|\{(?:\d{1,2}|[a-z_][a-z_.]{0,62}\d{0,2})?(?:![rsa])?(?::\w{0,8})?\}?$",
    re.IGNORECASE,
)

_MASK_CHARACTERS: Final = "*•●█▪■"
_MASKED: Final = lazy_pattern(
    rf"[\w.=:/+-]{{0,8}}[{_MASK_CHARACTERS}]{{3,256}}[^\s{_MASK_CHARACTERS}]{{0,4}}"
    rf"|[^\s{_MASK_CHARACTERS}]{{0,6}}[{_MASK_CHARACTERS}]{{8,256}}[^\s{_MASK_CHARACTERS}]{{0,8}}"
    rf"|[{_MASK_CHARACTERS}x=<\[(-]{{0,64}}[ ]?[\[(]\d{{1,6}}(?:[ ](?:chars|characters|bytes))?[\])]?"
    r"|[\[(<]?(?:\d{1,6}[ ](?:chars|characters|bytes)|len(?:gth)?=\d{1,6})[\])>]?"
    r"|%!\w?\([^)\s]{0,16}\)?",
)
"""A value of which at most a few characters are visible, or only its length: ``****1234``, ``ghp_****``."""

_HIDING: Final = (
    r"redacted|filtered|masked|hidden|censored|omitted|scrubbed|concealed|obfuscated|suppressed|sanitized|protected"
    r"|sensitive|truncated|removed|stripped|withheld|elided|no_log|securestring|encrypted"
)
_NOT: Final = (
    r"not[ _-](?:set|shown|provided|available|configured|found|present|specified|given|defined|logged|displayed)"
)
_DECORATION: Final = rf"[{_MASK_CHARACTERS}\[\](){{}}<>%_#@~=|. -]{{0,40}}"
_HIDDEN: Final = lazy_pattern(
    rf"{_DECORATION}(?:[a-z]{{1,16}}[ _.:-]{{1,2}}){{0,5}}(?:{_HIDING}|{_NOT})"
    rf"(?:[ _:-]{{1,2}}[a-z:]{{1,24}}){{0,4}}{_DECORATION}",
    re.IGNORECASE,
)
"""Words in place of a value: ``[REDACTED:api_key]``, ``*** sensitive ***``, ``VALUE_SPECIFIED_IN_NO_LOG_PARAMETER``."""

_TO_BE_REPLACED: Final = lazy_pattern(
    r"(?:insert|replace|put|enter|paste|add|fill)[-_ ](?:[a-z]{1,16}[-_ ]){0,4}[a-z]{1,16}"
    r"|<?your[-_ ][a-z _-]{1,40}>?|(?:__|@@|##|%%)[a-z][a-z0-9_.-]{0,64}(?:__|@@|##|%%)",
    re.IGNORECASE,
)
"""A mark of a template: ``REPLACE_ME``, ``__DB_PASSWORD__``."""

_WRAPPED: Final = lazy_pattern(r"[A-Za-z_]\w{0,32}\([\"']?(?P<inner>[^()\"'\n]{1,64})[\"']?\)?")
"""A value in its type: ``Some([REDACTED])``, ``SecretStr('****')``."""

_LONGEST: Final = 400


def is_placeholder(value: str) -> bool:
    """Whether the value stands for one that was left out or is filled in later: ``${TOKEN}``, ``<none>``, ``***``."""
    if _PLACEHOLDER.match(value) is not None:
        return True
    if len(value) > _LONGEST:
        return False
    wrapped = _WRAPPED.fullmatch(value)
    return _is_mask(value) or (
        wrapped is not None and (_PLACEHOLDER.match(wrapped["inner"]) is not None or _is_mask(wrapped["inner"]))
    )


def _is_mask(value: str) -> bool:
    return any(pattern.fullmatch(value) for pattern in (_MASKED, _HIDDEN, _TO_BE_REPLACED))


_EXAMPLE: Final = lazy_pattern(
    r"(?:[^\s]{0,64}/?services/|/api/webhooks/|/bot|[A-Za-z]{2,8}[_-]|AKIA|ASIA)?(?=[TB0X/:-]{0,64}X{8})[TB0X/:-]+"
)


_BASES: Final = frozenset("BDEFHIJKLMOPQRSUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz")
"""What a sequence of DNA does not have, which can begin like a key of AWS."""


def is_example(token: str) -> bool:
    """Whether a token is an example from documentation (``AKIAXXXXXXXXXXXXXXXX``), or a sequence of DNA."""
    return _EXAMPLE.fullmatch(token) is not None or _BASES.isdisjoint(token)
