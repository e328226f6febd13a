"""The settings of notifications, and the environment of the process that sends them by Apprise."""

import os
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from wfreport.setting_types import Names

APPRISE_SCHEMAS: Final = (
    *("discord", "gchat", "json", "jsons", "mailto", "mailtos", "mmost", "mmosts", "ntfys", "opsgenie", "pagerduty"),
    *("pover", "rocket", "rockets", "slack", "splunk", "tgram", "victorops", "webex", "workflow", "workflows"),
    *("wxteams", "zulip"),
)
"""Schemas of Apprise URLs that are allowed by default: services that many teams use."""

_SCHEMA: Final = re.compile(r"[a-z][a-z0-9]*")
_SENDER_VARIABLES: Final = frozenset(
    {"PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
)


def _schemas(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _SCHEMA.fullmatch(name):
            raise ValueError(f"{name!r} is not a schema; write only the part of the URL before ://, in lower case")
    return names


class NotificationSettings(BaseSettings):
    """The settings of notifications, a part of ``Settings``."""

    apprise_schemas: Annotated[Names, AfterValidator(_schemas)] = Field(
        APPRISE_SCHEMAS,
        description=(
            "Schemas of Apprise URLs that policies may use, separated by commas. Arguments of URLs that name files, "
            "headers, methods or timeouts are refused in any case."
        ),
    )
    notify_loopback: bool = Field(
        default=False,
        description=(
            "Whether notifications may be sent to loopback addresses (127.0.0.1, ::1), for development. Link-local "
            "addresses and the API server are refused in any case."
        ),
    )

    @property
    def sender_environment(self) -> dict[str, str]:
        """Return the environment of the process that sends by Apprise.

        It has the operator's proxies and CA certificates, without which it may reach nothing, and none of its tokens.
        """
        passed = {name: value for name, value in os.environ.items() if name.upper() in _SENDER_VARIABLES}
        return {**passed, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
