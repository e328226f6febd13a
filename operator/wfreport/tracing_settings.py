"""The settings of the export of traces."""

from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode

TRACES_PATH: Final = "/v1/traces"


def _headers(value: object) -> object:
    """Parse ``name=value,…`` with percent-encoded values, as ``OTEL_EXPORTER_OTLP_HEADERS``. Errors show no value."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    for position, (name, equals, _) in enumerate(pairs, start=1):
        if not equals or not name.strip().isascii() or not name.strip():
            raise PydanticCustomError("headers", "pair {n} is not name=value", {"n": position})
    return tuple((name.strip(), unquote(text.strip())) for name, _, text in pairs)


def _endpoint(text: str) -> str:
    """Return the URL to which traces are posted: the path of OTLP is added to that of the endpoint."""
    if not text:
        return text
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError("expected a URL like http://otel-collector.monitoring:4318, without a password or query")
    base = text.rstrip("/")
    return base if base.endswith(TRACES_PATH) else base + TRACES_PATH


class TracingSettings(BaseSettings):
    """The settings of the export of traces, a part of ``Settings``."""

    otlp_endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        "",
        description=(
            "URL of an OpenTelemetry collector that accepts OTLP over HTTP, e.g. "
            "`http://otel-collector.monitoring:4318`. Each run that ends is sent to it as a trace. Empty: none is."
        ),
    )
    otlp_headers: Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_headers)] = Field(
        (),
        description=(
            "Headers of these requests, e.g. `authorization=Bearer%20…`, separated by commas, with percent-encoded "
            "values. Take them from a Secret."
        ),
    )
