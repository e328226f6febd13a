"""Types of settings: parse the text of an environment variable into a value."""

import json
import re
import shlex
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from wfreport.core.render.retention import RetentionRule


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
Patterns = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, "\n")), AfterValidator(_compilable)
]
Retention = Annotated[tuple[RetentionRule, ...], NoDecode, BeforeValidator(_json)]
UrlTemplate = Annotated[str, AfterValidator(_fillable)]
Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_command)]


def url_problem(text: str) -> str | None:
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
