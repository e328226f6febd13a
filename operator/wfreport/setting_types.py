"""Types of settings: parse the text of an environment variable into a value, and check values that belong together."""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from wfreport.core.render.retention import RetentionRule

PREFIX: Final = "WFREPORT_"
"""The beginning of each variable's name."""

_SERVICE_VARIABLE: Final = re.compile(r"(.+?)_(?:SERVICE_(?:HOST|PORT(?:_.+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP).*)?)")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def _split(value: object, separator: str) -> object:
    """Split a string; pydantic validates values of other types."""
    return tuple(part.strip() for part in value.split(separator) if part.strip()) if isinstance(value, str) else value


def _compilable(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return patterns


def _namespace_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a namespace: use lower-case letters, digits and hyphens")
    return names


def _fillable(template: str) -> str:
    try:
        template.format(namespace="n", name="n", uid="u")
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError("only {namespace}, {name} and {uid} are allowed in braces") from error
    return template


def _json(value: object) -> object:
    """Parse JSON; pydantic validates values of other types."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error


def _command(value: object) -> object:
    """Split a command line as a shell does. Errors do not show it, because it may contain a secret."""
    try:
        return tuple(shlex.split(value)) if isinstance(value, str) else value
    except ValueError as error:
        raise PydanticCustomError("command", "a quotation mark is not closed: {why}", {"why": str(error)}) from None


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, ","))]
Scope = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, ",")), AfterValidator(_namespace_names)
]
Patterns = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, "\n")), AfterValidator(_compilable)
]
Retention = Annotated[tuple[RetentionRule, ...], NoDecode, BeforeValidator(_json)]
UrlTemplate = Annotated[str, AfterValidator(_fillable)]
Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_command)]


def _url_problem(text: str) -> str | None:
    """Return what is wrong with the URL of Argo Server, beginning with the rest of the variable's name; or None."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return "URL: not a URL; expected one like https://argo-server.argo:2746"
    if url.username or url.password:
        return "URL: it must not contain a name or password; use a token file or command"
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or port == 0:
        return "URL: expected one like https://argo-server.argo:2746, without a query"
    return None


_ARGO_SERVER_NEEDS_URL = (
    "argo_server_ca_file",
    "argo_server_insecure_skip_verify",
    "argo_server_client_certificate_file",
    "argo_server_client_key_file",
    "argo_server_token_file",
    "argo_server_token_command",
)


def argo_server_problem(values: Mapping[str, Any]) -> str | None:
    """Return the problem with the settings of Argo Server, beginning with the rest of the variable's name; or None."""
    if not values["argo_server_url"]:
        dependent = next((name for name in _ARGO_SERVER_NEEDS_URL if values[name]), None)
        return f"URL is missing, but {PREFIX}{dependent.upper()} is set" if dependent else None
    return _url_problem(values["argo_server_url"]) or _trust_problem(values)


def _trust_problem(values: Mapping[str, Any]) -> str | None:
    if values["argo_server_token_file"] and values["argo_server_token_command"]:
        return f"TOKEN_FILE and {PREFIX}ARGO_SERVER_TOKEN_COMMAND are both set; only one token can be sent"
    if values["argo_server_client_key_file"] and not values["argo_server_client_certificate_file"]:
        return f"CLIENT_KEY_FILE is set without {PREFIX}ARGO_SERVER_CLIENT_CERTIFICATE_FILE"
    if values["argo_server_insecure_skip_verify"] and values["argo_server_ca_file"]:
        return f"INSECURE_SKIP_VERIFY is set together with {PREFIX}ARGO_SERVER_CA_FILE, which would not be used"
    return None


def setting_variables(fields: Iterable[str]) -> list[str]:
    """Return the names of the variables of these settings."""
    return [f"{PREFIX}{name.upper()}" for name in fields]


def unknown_variables(environment: Iterable[str], settings: Iterable[str]) -> dict[str, str]:
    """Return the variables that begin like a setting and are none, each with the most similar setting or nothing.

    Args:
        environment: the names of all variables.
        settings: the names of the settings' variables.
    """
    present, known = set(environment), sorted(settings)
    return {
        name: next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")
        for name in sorted(present)
        if name.startswith(PREFIX) and name not in known and not _is_of_service(name, present)
    }


def _is_of_service(name: str, present: Collection[str]) -> bool:
    """Return whether Kubernetes set the variable for a Service whose name begins with ``wfreport``."""
    match = _SERVICE_VARIABLE.fullmatch(name)
    return match is not None and f"{match[1]}_SERVICE_HOST" in present
