"""The settings of the operator, read from ``WFREPORT_…`` variables: only here and in ``…_settings``.

The descriptions are also the reference page. No setting is called ``port`` or ``service_…``, because Kubernetes sets
variables of these names in every pod beside a Service named ``wfreport``.
"""

import os
from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from wfreport.core.render.retention import RetentionRule
from wfreport.core.snapshot.model import WaitingGraces
from wfreport.metric_settings import MetricSettings
from wfreport.notification_settings import NotificationSettings
from wfreport.remediation_settings import RemediationSettings
from wfreport.setting_types import PREFIX, Command, Names, Patterns, Retention, Scope, UrlTemplate, argo_server_problem
from wfreport.stall_settings import StallSettings
from wfreport.tracing_settings import TracingSettings

DEFAULT_RETENTION = '[{"phases": ["Succeeded"], "keep": "7d"}, {"keep": "30d"}]'


class InvalidSettingsError(ValueError):
    """A setting is invalid. The message is one line with the variable, its value, and the expected value."""


SECRET_FIELDS = frozenset({"argo_server_url", "argo_server_token_command", "otlp_headers"})
"""Settings whose values may contain a secret by mistake. No error message shows them."""


class Settings(StallSettings, NotificationSettings, RemediationSettings, MetricSettings, TracingSettings):
    """The settings. Each field is read from the variable ``WFREPORT_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    namespaces: Scope = Field(
        (),
        description="Namespaces to watch, separated by commas. Empty: all namespaces, which requires a ClusterRole.",
    )
    instance_id: str = Field(
        "",
        max_length=63,
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$",
        description="Report only Workflows of the Argo controller with this instanceID. Empty: of every controller.",
    )
    label_selector: str = Field(
        "", description="Report only Workflows that match this label selector, as in `kubectl get -l`."
    )
    workers: int = Field(8, ge=1, le=64, description="Number of Workflows that are reconciled concurrently.")
    polls_per_second: float = Field(
        3,
        gt=0,
        le=1000,
        description=(
            "Maximum number of running Workflows that are read per second: with 3, thirty are read every ten "
            "seconds, three hundred every hundred seconds. Namespaces have equal shares. The gauge "
            "`wfreport_poll_interval_seconds` shows the longest interval that results, by which grace times may be "
            "exceeded. The end of a run and a failed pod do not wait for a poll."
        ),
    )
    poll_interval_min_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description=(
            "Interval between polls of a running Workflow while `WFREPORT_POLLS_PER_SECOND` suffices for all. Polls "
            "are made in batches, so an interval may be up to nine seconds shorter and one longer."
        ),
    )
    poll_interval_max_seconds: float = Field(
        60,
        gt=0,
        le=3600,
        description=(
            "If the rate does not suffice for all, a Workflow is polled after a fifth of its age, at most after this "
            "time. The rate takes precedence: if very many Workflows run, the interval is longer."
        ),
    )
    progress_interval_seconds: float = Field(
        30,
        ge=0,
        le=3600,
        description=(
            "Time between two writes of a running Workflow's report if only its progress has changed; a tenth less "
            "if a poll comes early. A changed phase, failure, wait or condition is written at once."
        ),
    )
    coalesce_seconds: float = Field(
        10,
        ge=0,
        le=600,
        description="Minimum time between a reconcile of a running Workflow and an extra one because pods failed.",
    )
    debounce_seconds: float = Field(
        2,
        ge=0,
        le=60,
        description="Delay of the first reconcile of a new Workflow, so that it covers both creation and start.",
    )
    resync_interval_seconds: float = Field(
        300,
        ge=1,
        le=86400,
        description=(
            "Interval of the resync, which finds changes without an event by comparing the metadata of all Workflows "
            "and reports."
        ),
    )
    chunk_size: int = Field(
        100,
        ge=1,
        le=5000,
        description=(
            "Objects per page of a list. With the full Argo CRDs, the metadata of a large Workflow can take 400 kB, so "
            "larger pages need more memory."
        ),
    )
    report_max_bytes: int = Field(
        256 * 1024,
        ge=8 * 1024,
        le=1024 * 1024,
        description="Maximum size of a report's status. A larger one is truncated in a fixed order and marked.",
    )
    log_tail_lines: int = Field(40, ge=0, le=1000, description="Log lines stored per failed container. 0: none.")
    log_tail_bytes: int = Field(
        8 * 1024,
        ge=0,
        le=16_384,
        description="Log bytes stored per failed container, in whole lines. 0: no log is read.",
    )
    no_logs_namespaces: Names = Field(
        (),
        description=(
            "Namespaces whose logs are never read, as glob patterns separated by commas: `payments-*,hr`. The "
            "reports show LogDisabled."
        ),
    )
    capture_workers: int = Field(
        4, ge=1, le=32, description="Number of failed pods whose status, logs and Events are read concurrently."
    )
    redact_patterns: Patterns = Field(
        (),
        description=(
            "Regular expressions, one per line. Matches in logs, messages and other free text are redacted, besides "
            "the secrets that wfreport detects."
        ),
    )
    waiting_grace_unschedulable_seconds: float = Field(
        60, ge=0, le=86400, description="Time until a pod that no node or quota admits is listed as waiting."
    )
    waiting_grace_image_pull_seconds: float = Field(
        60, ge=0, le=86400, description="Time until an image that cannot be pulled is listed as waiting."
    )
    waiting_grace_config_seconds: float = Field(
        30,
        ge=0,
        le=86400,
        description="Time until a container that cannot be created (Secret, ConfigMap, command) is listed as waiting.",
    )
    waiting_grace_starting_seconds: float = Field(
        300,
        ge=0,
        le=86400,
        description=(
            "Time until a pod, agent or Workflow that is starting, for no other known reason, is listed as waiting. "
            "Locks, suspensions and backoffs are listed immediately."
        ),
    )
    retention: Retention = Field(
        TypeAdapter(tuple[RetentionRule, ...]).validate_json(DEFAULT_RETENTION),
        json_schema_extra={"default": DEFAULT_RETENTION},
        description=(
            "How long a report is kept after its Workflow was deleted: a JSON list of rules; the first match applies "
            "(docs/howto/retention.md). Reports that match no rule are kept forever."
        ),
    )
    reports_per_namespace_max: int = Field(
        2000,
        ge=0,
        description=(
            "Maximum number of reports in a namespace. Above it, the oldest reports without a Workflow are deleted, "
            "except pinned ones. 0: no maximum."
        ),
    )
    user_reports_per_namespace_max: int = Field(
        1000,
        ge=1,
        le=100_000,
        description=(
            "Maximum number of reports that users created in a namespace and that the operator follows. Further ones "
            "stay without a status until others are deleted or their runs have ended."
        ),
    )
    ui_url_template: UrlTemplate = Field(
        "",
        description="Template of the link to a run in Argo's UI, with {namespace}, {name} and {uid}. Empty: no link.",
    )
    http_host: str = Field("0.0.0.0", description="Address of /metrics, /healthz and /readyz.")  # noqa: S104  (probes come from the host)
    http_port: int = Field(8080, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz. 0: no server.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="json, text, or auto: json if the operator runs in a cluster."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Minimum severity of log lines."
    )
    request_timeout_seconds: float = Field(30, gt=0, le=600, description="Timeout of a request to the API server.")
    http_transport: Literal["direct", "aiohttp"] = Field(
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
        description="Duration of a watch. The API server then ends it, and the operator continues where it stopped.",
    )
    pods_at_completion_max_nodes: int = Field(
        500,
        ge=0,
        description=(
            "When a Workflow with at most this many nodes completes, its pods are listed once, to warn of containers "
            "that were killed in steps that succeeded. 0: never."
        ),
    )
    failed_pods_list_limit: int = Field(
        50, ge=0, le=1000, description="Maximum number of failed pods that one reconcile reads. 0: none."
    )
    argo_server_url: str = Field(
        "",
        description=(
            "URL of Argo Server, with its base path if it has one: `https://argo-server.argo:2746`. It provides "
            "offloaded nodes, archived runs and archived logs. Empty: reports go without them."
        ),
    )
    argo_server_ca_file: str = Field(
        "",
        description="CA certificates (PEM) that verify Argo Server's certificate. Empty: those of the system.",
    )
    argo_server_insecure_skip_verify: bool = Field(
        default=False,
        description="Do not verify Argo Server's certificate. Anyone on the network path can then read the token.",
    )
    argo_server_client_certificate_file: str = Field(
        "", description="Client certificate (PEM, including its chain) for Argo Server or a proxy in front of it."
    )
    argo_server_client_key_file: str = Field(
        "", description="Private key of the client certificate. Empty: it is in the certificate's file."
    )
    argo_server_token_file: str = Field(
        "",
        description=(
            "File with the bearer token for Argo Server, with or without the word Bearer. It is read for each request, "
            "so it may rotate. In a cluster: a projected ServiceAccount token, or a mounted Secret."
        ),
    )
    argo_server_token_command: Command = Field(
        (),
        description=(
            "Command that prints a token for Argo Server: an ExecCredential, an OAuth2 response (`access_token`, "
            "`expires_in`), or the bare token. It is split into words as by a shell, and run without a shell. It runs "
            "again when the token expires or is refused."
        ),
    )
    argo_server_timeout_seconds: float = Field(30, gt=0, le=600, description="Timeout of a request to Argo Server.")
    argo_server_workers: int = Field(
        2, ge=1, le=16, description="Number of runs, and of archived logs, that are read from Argo Server concurrently."
    )
    leader_election: bool = Field(
        default=False,
        description=(
            "Work only while holding a Lease, so that several replicas can run; the others stand by. Without leader "
            "election, the operator reports, but performs no remediation."
        ),
    )
    argo_references_only: bool = Field(
        default=False,
        description=(
            "Whether Argo's `workflowRestrictions.templateReferencing` is Strict or Secure. Then a run cannot get more "
            "memory than its WorkflowTemplate sets, and RaiseMemory is refused."
        ),
    )
    lease_name: str = Field("wfreport", min_length=1, max_length=253, description="Name of the Lease.")
    lease_namespace: str = Field("", max_length=63, description="Namespace of the Lease: the operator's own.")
    lease_seconds: int = Field(
        30,
        ge=3,
        le=600,
        description=(
            "Duration of the Lease, within which it is renewed three times. After a crash of the leader, no replica "
            "works for up to this time. A leader that stops releases the Lease."
        ),
    )
    ignore_events: bool = Field(
        default=False,
        description=(
            "Ignore all watch events, so that only the resync finds changes. For tests of the resync, and for API "
            "servers whose watches fail."
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
        problem = argo_server_problem(self.model_dump())
        if problem:
            raise ValueError(f"{PREFIX}ARGO_SERVER_{problem}")
        return self

    @property
    def waiting_graces(self) -> WaitingGraces:
        """Return the times until waits of each kind are listed."""
        return WaitingGraces(
            unschedulable_seconds=self.waiting_grace_unschedulable_seconds,
            image_pull_seconds=self.waiting_grace_image_pull_seconds,
            config_seconds=self.waiting_grace_config_seconds,
            starting_seconds=self.waiting_grace_starting_seconds,
        )

    @property
    def installation(self) -> str:
        """Return the name of this installation, which all of its replicas share; empty without leader election."""
        return f"{self.lease_namespace}/{self.lease_name}" if self.leader_election else ""

    @property
    def logs_json(self) -> bool:
        """Return whether logs are written as JSON."""
        return self.log_format == "json" or (self.log_format == "auto" and "KUBERNETES_SERVICE_HOST" in os.environ)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment. Overrides take precedence.

    Raises:
        InvalidSettingsError: a value is invalid.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise InvalidSettingsError("; ".join(_message(problem) for problem in error.errors())) from None


def _message(problem: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return str(message)
    variable, *parts = problem["loc"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    value = "…" if variable in SECRET_FIELDS else repr(problem["input"])
    return f"{PREFIX}{str(variable).upper()}{path}={value}: {message[:1].lower()}{message[1:]}"
