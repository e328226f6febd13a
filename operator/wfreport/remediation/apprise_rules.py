"""Decides which Apprise URLs are allowed, by their schema (a setting) and the arguments behind the question mark.

Apprise does much more than post a message. Some arguments read files of the operator or fetch a URL and send the
content out (``template``), set the timeouts (``rto``), or send headers and methods of choice to any address
(``+header``, ``method``). Only arguments that say who gets the message and how it looks are allowed.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

_COMMON: Final = frozenset({"format", "overflow", "emojis", "tz", "image", "footer"})
"""Arguments of every schema: the layout of the message."""

_JSON: Final[frozenset[str]] = frozenset()
_MAIL: Final = frozenset({"to", "cc", "bcc", "from", "name", "reply", "smtp", "mode", "user", "pass", "password"})
_SLACK: Final = frozenset({"to", "token", "mode", "blocks", "timestamp"})
_TEAMS: Final = frozenset(
    {"id", "workflow", "sig", "signature", "ver", "version", "wrap", "powerautomate", "pa", "route", "routeid"}
    | {"api-version", "sp", "sv"}  # of a URL as Microsoft shows it
)
_OPSGENIE: Final = frozenset({"to", "apikey", "region", "priority", "tags", "alias", "entity", "action"})
_DISCORD: Final = frozenset(
    {"avatar", "avatar_url", "botname", "fields", "flags", "footer_logo", "href", "ping", "thread", "tts", "url"}
)
_TELEGRAM: Final = frozenset({"to", "content", "detect", "mdv", "preview", "silent", "thread", "topic"})
_PAGERDUTY: Final = frozenset(
    {"apikey", "integrationkey", "region", "severity", "class", "component", "group", "source", "click", "dedup"}
    | {"action"}
)
_MATTERMOST: Final = frozenset({"to", "team", "channel", "channels", "botname", "icon_url", "mode"})
_ROCKET: Final = frozenset({"to", "avatar", "mode", "webhook"})
_GOOGLE: Final = frozenset({"workspace", "key", "token", "thread", "threadkey"})
_WEBEX: Final = frozenset({"to", "token", "mode"})
_NTFY: Final = frozenset({"to", "priority", "tags", "token", "auth", "mode", "click", "delay", "email"})
_ZULIP: Final = frozenset({"to", "token"})
_PUSHOVER: Final = frozenset({"to", "key", "priority", "sound", "url", "url_title", "expire", "interval"})
_SPLUNK: Final = frozenset({"apikey", "routing_key", "route", "entity_id", "action"})
_JIRA: Final = _OPSGENIE
_GOTIFY: Final = frozenset({"priority"})

_OWN: Final[Mapping[str, frozenset[str]]] = {
    "slack": _SLACK,
    "workflow": _TEAMS,
    "workflows": _TEAMS,
    "mailto": _MAIL,
    "mailtos": _MAIL,
    "pagerduty": _PAGERDUTY,
    "opsgenie": _OPSGENIE,
    "jira": _JIRA,
    "discord": _DISCORD,
    "tgram": _TELEGRAM,
    "json": _JSON,
    "jsons": _JSON,
    "mmost": _MATTERMOST,
    "mmosts": _MATTERMOST,
    "rocket": _ROCKET,
    "rockets": _ROCKET,
    "gchat": _GOOGLE,
    "wxteams": _WEBEX,
    "webex": _WEBEX,
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "zulip": _ZULIP,
    "pover": _PUSHOVER,
    "splunk": _SPLUNK,
    "victorops": _SPLUNK,
    "gotify": _GOTIFY,
    "gotifys": _GOTIFY,
}
"""Further arguments by schema. Another schema that an administrator allows has the common ones only."""

_PREFIXED: Final = ("qsd+", "qsd-", "qsd:")
"""Apprise's names of arguments that begin with ``+``, ``-`` or ``:``: headers, parameters, fields of templates."""

_DANGEROUS: Final = frozenset(
    {"template", "keyfile", "subfile", "attach", "rto", "cto", "retry", "wait", "verify", "redirect", "method", "store"}
)
"""Refused arguments whose names may be shown. Any other text before an equals sign may be part of a secret."""


def schema_problem(schema: str, *, is_known: bool, allowed: Collection[str]) -> str | None:
    """Return why a schema is refused, or None.

    Args:
        schema: the schema, in lower case.
        is_known: whether Apprise has it. The name of an unknown one is not shown: it may be part of a secret.
        allowed: the schemas of the setting.
    """
    if schema in allowed:
        return None if is_known else f"the schema {schema} is unknown to Apprise"
    shown = f"the schema {schema}" if is_known else "its schema, which is unknown to Apprise,"
    return f"{shown} is not allowed (WFREPORT_APPRISE_SCHEMAS)"


def argument_problem(schema: str, parsed: Mapping[str, Any], known: Collection[str]) -> str | None:
    """Return why an argument of a URL is refused, or None.

    Args:
        schema: the schema, in lower case.
        parsed: the URL as Apprise's own parser reads it.
        known: names that are arguments of the schema according to Apprise, so that they may be shown.
    """
    for prefixed in _PREFIXED:
        if parsed.get(prefixed):
            return f"arguments that begin with {prefixed[-1]} are not allowed"
    allowed = _COMMON | _OWN.get(schema, frozenset())
    names = list(parsed.get("qsd") or {})
    for number, name in enumerate(names, 1):
        if name not in allowed:
            shown = f"the argument {name}" if name in _DANGEROUS or name in known else f"argument number {number}"
            return f"{shown} is not allowed for the schema {schema}"
    return None
