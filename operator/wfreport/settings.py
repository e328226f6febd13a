"""Every setting of the operator, from ``WFREPORT_…`` variables; the only reader of the environment.

The reference page is made from the descriptions here. No setting is called ``port`` or ``service_…``: a Service named
``wfreport`` puts variables of those names into every pod of its namespace.
"""

import os
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from wfreport.core.render.retention import RetentionRule
from wfreport.core.snapshot.model import WaitingGraces
from wfreport.setting_types import Command, HttpTransport, Names, Patterns, Retention, UrlTemplate

PREFIX = "WFREPORT_"
DEFAULT_RETENTION = '[{"phases": ["Succeeded"], "keep": "7d"}, {"keep": "30d"}]'


class InvalidSettingsError(ValueError):
    """A setting cannot be used; the message is one line that names the variable, its value and what is expected."""


SECRET_FIELDS = frozenset({"argo_server_url", "argo_server_token_command"})
"""Settings whose values may have a secret in them by mistake: no error shows them."""


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
    poll_interval_min_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description="A running Workflow is looked at so often at the most; the interval grows with its age, and with"
        " the number of those that run: more than six take turns. Looks at several are made together, so that an"
        " interval is up to a second shorter or four longer.",
    )
    poll_interval_max_seconds: float = Field(
        60, gt=0, le=3600, description="A running Workflow is looked at so often at the least."
    )
    coalesce_seconds: float = Field(
        10,
        ge=0,
        le=600,
        description="Failures of a Workflow's pods cause at most one extra look in this time.",
    )
    debounce_seconds: float = Field(
        2,
        ge=0,
        le=60,
        description="A new Workflow is looked at after this time, so that its creation and its start are one look.",
    )
    resync_interval_seconds: float = Field(
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
    log_tail_bytes: int = Field(
        8 * 1024,
        ge=0,
        le=16_384,
        description="Bytes of log kept per failed container, in whole lines. 0: no log is read.",
    )
    no_logs_namespaces: Names = Field(
        (),
        description=(
            "Namespaces whose logs are never read, as glob patterns separated by commas: `payments-*,hr`. Their "
            "reports say so."
        ),
    )
    capture_workers: int = Field(
        4, ge=1, le=32, description="How many failed pods are read at the same time: each its status, logs and Events."
    )
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
    http_transport: HttpTransport = Field(
        "direct",
        description=(
            "HTTP client for requests to the API server. direct: our own, which costs less CPU. aiohttp: the library; "
            "also used for watches and logs, and for everything if the kubeconfig names a proxy."
        ),
    )
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
    failed_pods_list_limit: int = Field(
        50, ge=0, le=1000, description="How many failed pods are read in one look, at the most. 0: none."
    )
    argo_server_url: str = Field(
        "",
        description=(
            "Argo Server, as `https://argo-server.argo:2746`, with its base path if it has one. For nodes that Argo "
            "offloaded, runs that only the archive has, and archived logs. Empty: none of these."
        ),
    )
    argo_server_ca_file: str = Field(
        "",
        description="Certificates (PEM) of the authority that Argo Server's certificate is from. Empty: the system's.",
    )
    argo_server_insecure_skip_verify: bool = Field(
        default=False,
        description="Do not check Argo Server's certificate. Whoever is in between can then read the token.",
    )
    argo_server_client_certificate_file: str = Field(
        "", description="A client certificate (PEM, its chain included) for Argo Server or a proxy before it."
    )
    argo_server_client_key_file: str = Field(
        "", description="The key of that certificate. Empty: it is in the same file."
    )
    argo_server_token_file: str = Field(
        "",
        description=(
            "A file with the bearer token for Argo Server, with or without the word Bearer; read for each request, so "
            "it may rotate. In a cluster: a projected ServiceAccount token, or a mounted Secret."
        ),
    )
    argo_server_token_command: Command = Field(
        (),
        description=(
            "A command that prints a token for Argo Server: an ExecCredential, an OAuth2 answer (`access_token`, "
            "`expires_in`), or the bare token. It is taken apart as a shell does, and run without one; again when the "
            "token expires or is refused."
        ),
    )
    argo_server_timeout_seconds: float = Field(
        30, gt=0, le=600, description="A request to Argo Server that takes longer has failed."
    )
    argo_server_workers: int = Field(
        2, ge=1, le=16, description="How many runs are read through Argo Server at the same time."
    )
    leader_election: bool = Field(
        default=False,
        description=(
            "Work only while holding a Lease, so that there may be several replicas: the others stand by. Without it "
            "the operator reports, and no policy acts."
        ),
    )
    remediation_max_concurrent: int = Field(
        50, ge=1, le=10_000, description="How many acts of all policies together may await their outcome."
    )
    remediation_max_per_hour: int = Field(
        300, ge=1, le=100_000, description="How many acts of all policies together are done in an hour."
    )
    remediation_keep_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="How long a Remediation is kept of which nothing more will come: the record of what was done.",
    )
    argo_references_only: bool = Field(
        default=False,
        description=(
            "Whether Argo's `workflowRestrictions.templateReferencing` is Strict or Secure: then no run can be given "
            "more memory than its WorkflowTemplate says, and RaiseMemory says so."
        ),
    )
    lease_name: str = Field("wfreport", min_length=1, max_length=253, description="Name of that Lease.")
    lease_namespace: str = Field("", max_length=63, description="Namespace of that Lease: the operator's own.")
    lease_seconds: int = Field(
        30,
        ge=3,
        le=600,
        description=(
            "How long a replica that is gone keeps the Lease, which is renewed three times in it. A replica that ends "
            "gives it up."
        ),
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
        if self.poll_interval_min_seconds > self.poll_interval_max_seconds:
            raise ValueError(
                f"{PREFIX}POLL_INTERVAL_MIN_SECONDS={self.poll_interval_min_seconds:g} must not be greater than "
                f"{PREFIX}POLL_INTERVAL_MAX_SECONDS={self.poll_interval_max_seconds:g}"
            )
        return self

    @model_validator(mode="after")
    def _lease_has_a_place(self) -> Self:
        if self.leader_election and not self.lease_namespace:
            raise ValueError(f"{PREFIX}LEASE_NAMESPACE is missing, but {PREFIX}LEADER_ELECTION is true")
        return self

    @model_validator(mode="after")
    def _argo_server_is_usable(self) -> Self:
        problem = _argo_server_problem(self)
        if problem:
            raise ValueError(f"{PREFIX}ARGO_SERVER_{problem}")
        return self

    @property
    def waiting_graces(self) -> WaitingGraces:
        """How long a wait is not worth a word."""
        return WaitingGraces(
            unschedulable_seconds=self.waiting_grace_unschedulable_seconds,
            image_pull_seconds=self.waiting_grace_image_pull_seconds,
            config_seconds=self.waiting_grace_config_seconds,
            starting_seconds=self.waiting_grace_starting_seconds,
        )

    @property
    def logs_json(self) -> bool:
        """Whether logs are JSON."""
        return self.log_format == "json" or (self.log_format == "auto" and "KUBERNETES_SERVICE_HOST" in os.environ)


_ARGO_SERVER_NEEDS_URL = (
    "argo_server_ca_file",
    "argo_server_insecure_skip_verify",
    "argo_server_client_certificate_file",
    "argo_server_client_key_file",
    "argo_server_token_file",
    "argo_server_token_command",
)


def _argo_server_problem(settings: Settings) -> str | None:
    """What is wrong with the settings of Argo Server, beginning with the rest of the variable's name."""
    if not settings.argo_server_url:
        given = next((name for name in _ARGO_SERVER_NEEDS_URL if getattr(settings, name)), None)
        return f"URL is missing, but {PREFIX}{given.upper()} is set" if given else None
    return _url_problem(settings.argo_server_url) or _trust_problem(settings)


def _url_problem(text: str) -> str | None:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return "URL: not a URL; expected one like https://argo-server.argo:2746"
    if url.username or url.password:
        return "URL: a name or password is in it; use a token file or command"
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or port == 0:
        return "URL: expected one like https://argo-server.argo:2746, without a query"
    return None


def _trust_problem(settings: Settings) -> str | None:
    if settings.argo_server_token_file and settings.argo_server_token_command:
        return f"TOKEN_FILE and {PREFIX}ARGO_SERVER_TOKEN_COMMAND are both set; only one token can be sent"
    if settings.argo_server_client_key_file and not settings.argo_server_client_certificate_file:
        return f"CLIENT_KEY_FILE is set without {PREFIX}ARGO_SERVER_CLIENT_CERTIFICATE_FILE"
    if settings.argo_server_insecure_skip_verify and settings.argo_server_ca_file:
        return f"INSECURE_SKIP_VERIFY is set beside {PREFIX}ARGO_SERVER_CA_FILE, which would not be used"
    return None


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
    value = "…" if variable in SECRET_FIELDS else repr(problem["input"])
    return f"{PREFIX}{str(variable).upper()}{where}={value}: {message[:1].lower()}{message[1:]}"
