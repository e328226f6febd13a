"""Every setting of the operator, from ``WFREPORT_…`` variables; the only reader of the environment.

The reference page is made from the descriptions here. No setting is called ``port`` or ``service_…``: a Service named
``wfreport`` puts variables of those names into every pod of its namespace.
"""

import json
import os
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from wfreport.core.retention import RetentionRule

PREFIX = "WFREPORT_"
DEFAULT_RETENTION = '[{"phases": ["Succeeded"], "keep": "7d"}, {"keep": "30d"}]'


class InvalidSettingsError(ValueError):
    """A setting cannot be used; the message is one line that names the variable, its value and what is expected."""


def _split(value: object, separator: str) -> object:
    """Take a string apart; anything else is left to pydantic."""
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
        raise ValueError("only {namespace}, {name} and {uid} may stand in braces") from error
    return template


def _json(value: object) -> object:
    """Take JSON apart; anything else is left to pydantic."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, ","))]
Patterns = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda value: _split(value, "\n")), AfterValidator(_compilable)
]
Retention = Annotated[tuple[RetentionRule, ...], NoDecode, BeforeValidator(_json)]
UrlTemplate = Annotated[str, AfterValidator(_fillable)]


class Settings(BaseSettings):
    """What can be set. Each field is the variable ``WFREPORT_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    namespaces: Names = Field(
        (),
        description="Namespaces to watch, separated by commas. Empty: all of them, which needs a ClusterRole.",
    )
    instance_id: str = Field(
        "",
        max_length=63,
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$",
        description="Only Workflows of the Argo controller with this instanceID. Empty: of every controller.",
    )
    label_selector: str = Field(
        "", description="Only Workflows that match this label selector, as in `kubectl get -l`."
    )
    workers: int = Field(8, ge=1, le=64, description="How many Workflows are looked at at the same time.")
    look_interval_min_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description="A running Workflow is looked at so often at the most; the interval grows with its age.",
    )
    look_interval_max_seconds: float = Field(
        60, gt=0, le=3600, description="A running Workflow is looked at so often at the least."
    )
    coalesce_seconds: float = Field(
        10,
        ge=0,
        le=600,
        description="Failures of a Workflow's pods cause at most one extra look in this time.",
    )
    settle_seconds: float = Field(
        2,
        ge=0,
        le=60,
        description="A new Workflow is looked at after this time, so that its creation and its start are one look.",
    )
    sweep_interval_seconds: float = Field(
        300,
        ge=1,
        le=86400,
        description=(
            "All Workflows and reports are compared so often, by metadata alone; it repairs what events missed."
        ),
    )
    chunk_size: int = Field(
        100,
        ge=1,
        le=5000,
        description=(
            "Objects per page of a list. The full Argo CRDs make 400 kB of metadata of a large Workflow: more is "
            "more memory."
        ),
    )
    report_max_bytes: int = Field(
        256 * 1024,
        ge=8 * 1024,
        le=1024 * 1024,
        description="Hard cap of a report's status; it is cut in a fixed order and says so.",
    )
    log_tail_lines: int = Field(40, ge=0, le=1000, description="Lines of log kept per failed container; 0 keeps none.")
    redact_patterns: Patterns = Field(
        (),
        description=(
            "Regular expressions, one per line, of what is blanked in every free text, besides what the secret "
            "detector finds."
        ),
    )
    waiting_grace_unschedulable_seconds: float = Field(
        60, ge=0, le=86400, description="A pod that no machine or quota admits is listed as waiting after this time."
    )
    waiting_grace_image_pull_seconds: float = Field(
        60, ge=0, le=86400, description="An image that cannot be pulled is listed as waiting after this time."
    )
    waiting_grace_config_seconds: float = Field(
        30,
        ge=0,
        le=86400,
        description=(
            "A container that cannot be created (Secret, ConfigMap, command) is listed as waiting after this time."
        ),
    )
    waiting_grace_starting_seconds: float = Field(
        300,
        ge=0,
        le=86400,
        description=(
            "A pod, agent or Workflow that only says that it is starting is listed as waiting after this time. "
            "Locks, suspensions and backoffs are listed at once."
        ),
    )
    retention: Retention = Field(
        TypeAdapter(tuple[RetentionRule, ...]).validate_json(DEFAULT_RETENTION),
        json_schema_extra={"default": DEFAULT_RETENTION},
        description=(
            "How long reports are kept whose Workflow is gone: rules as JSON, the first that matches decides, see "
            "docs/howto/retention.md. No rule: for ever."
        ),
    )
    reports_per_namespace_max: int = Field(
        2000,
        ge=0,
        description=(
            "In a namespace with more reports the oldest go whose Workflow is gone and that are not pinned. 0: no cap."
        ),
    )
    ui_url_template: UrlTemplate = Field(
        "", description="Link to a run in Argo's UI, with {namespace}, {name} and {uid}. Empty: no link."
    )
    http_host: str = Field("0.0.0.0", description="Address of /metrics, /healthz and /readyz.")  # noqa: S104  (probes come from the host)
    http_port: int = Field(8080, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0 serves none.")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="json, text, or auto: json in a cluster.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severity that is logged."
    )
    request_timeout_seconds: float = Field(30, gt=0, le=600, description="An API request that takes longer has failed.")
    watch_timeout_seconds: int = Field(
        300,
        ge=5,
        le=3600,
        description="The API server is asked to end a watch after this time; it is taken up again where it stood.",
    )
    pods_at_completion_max_nodes: int = Field(
        500,
        ge=0,
        description=(
            "When a Workflow of up to so many nodes ends, its pods are listed once, to warn of containers killed in"
            " steps that succeeded. 0: never."
        ),
    )
    failed_pods_per_look: int = Field(
        50, ge=0, le=1000, description="How many failed pods are read in one look, at the most. 0: none."
    )
    ignore_events: bool = Field(
        default=False,
        description=(
            "Drop every watch event and live by the sweep alone. For tests of the sweep, and for API servers whose "
            "watches fail."
        ),
    )

    @model_validator(mode="after")
    def _interval_is_a_range(self) -> Self:
        if self.look_interval_min_seconds > self.look_interval_max_seconds:
            raise ValueError(
                f"{PREFIX}LOOK_INTERVAL_MIN_SECONDS={self.look_interval_min_seconds:g} must not be greater than "
                f"{PREFIX}LOOK_INTERVAL_MAX_SECONDS={self.look_interval_max_seconds:g}"
            )
        return self

    @property
    def logs_json(self) -> bool:
        """Whether logs are JSON."""
        return self.log_format == "json" or (self.log_format == "auto" and "KUBERNETES_SERVICE_HOST" in os.environ)


def load_settings(**given: Any) -> Settings:
    """Read the settings; what is given goes before the environment.

    Raises:
        InvalidSettingsError: a value cannot be used.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise InvalidSettingsError("; ".join(_complaint(problem) for problem in error.errors())) from None


def _complaint(problem: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return str(message)
    variable, *within = problem["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in within)
    return f"{PREFIX}{str(variable).upper()}{where}={problem['input']!r}: {message[:1].lower()}{message[1:]}"
