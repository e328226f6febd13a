"""The actions of a policy's rules, and their settings."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from wfreport.api.action_types import ActionType
from wfreport.api.validated import Factor, LabelKey, LabelValue, Quantity, ValidatedModel, rules
from wfreport.api.wire import DNS_SUBDOMAIN, LINE, SHORT, TEXT

_YEAR: Final = 365 * 24 * 3600

RULE_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""Pattern of the names of rules and sinks: a DNS label, as for names in Kubernetes."""


class Override(ValidatedModel):
    """A new value for an argument of the Workflow."""

    name: str = Field(description="Name of the parameter.", min_length=1, max_length=LINE)
    value: str = Field(description="New value of the parameter.", max_length=TEXT)


class Resubmit(ValidatedModel):
    """Create a copy of the Workflow, as `argo resubmit` does. A run that hangs is stopped first."""

    parameters: list[Override] | None = Field(None, description="Arguments to change.", max_length=64)
    memoized: bool = Field(
        default=False,
        description=(
            "Whether to reuse the outputs of succeeded steps that do not follow a failed one, much like "
            "`argo resubmit --memoized`, instead of running these steps again. The new run does not find files that "
            "they stored elsewhere under the old run's name or uid."
        ),
    )


class RaiseMemory(ValidatedModel):
    """Resubmit with a higher memory limit for the container that was OOM-killed."""

    factor: Factor = Field("1.5", description="Factor by which the last attempt's limit is raised; above 1.")
    min_increase: Quantity = Field("0", description="Minimum increase of the limit.")
    max: Quantity = Field(
        description="Maximum limit. If the last attempt already had it, no action is taken.", min_length=1
    )
    parameters: list[Override] | None = Field(None, description="Arguments to change.", max_length=64)


class Retry(ValidatedModel):
    """Retry the Workflow through Argo Server, as `argo retry` does: succeeded steps are not run again."""

    model_config = rules(
        (
            "!has(self.nodeFieldSelector) || (has(self.restartSuccessful) && self.restartSuccessful)",
            "nodeFieldSelector selects succeeded steps to run again: it needs restartSuccessful: true",
        )
    )

    restart_successful: bool = Field(
        default=False, description="Whether to run the succeeded steps that nodeFieldSelector selects again."
    )
    node_field_selector: str | None = Field(
        None,
        description="Argo's node field selector for these steps, such as `displayName=transform`.",
        min_length=1,
        max_length=LINE,
    )
    parameters: list[Override] | None = Field(None, description="Arguments to change.", max_length=64)


class SuspendCron(ValidatedModel):
    """Suspend the CronWorkflow that created the run."""

    allow_drift: bool = Field(
        default=False,
        description="Whether to suspend a CronWorkflow managed by Argo CD or Flux too, which makes it differ from Git.",
    )


class Stop(ValidatedModel):
    """Stop a Workflow that runs, waits or hangs for too long. Its exit handlers still run.

    Without `match.stalled`, at least one of the times must be set; with it, neither.
    """

    after_seconds: int | None = Field(
        None, description="Seconds after the run's start at which it is stopped.", ge=60, le=_YEAR
    )
    pending_after_seconds: int | None = Field(
        None, description="Seconds that one of its steps may wait before the run is stopped.", ge=60, le=_YEAR
    )


class NoAction(ValidatedModel):
    """Take no action, and ignore the following rules."""


class Action(ValidatedModel):
    """The action on a run: exactly one of the fields."""

    model_config = rules(
        (
            (
                "[has(self.resubmit), has(self.raiseMemory), has(self.retry), has(self.suspendCron), has(self.stop),"
                " has(self.none)].filter(set, set).size() == 1"
            ),
            "set exactly one of resubmit, raiseMemory, retry, suspendCron, stop, none",
        )
    )

    resubmit: Resubmit | None = Field(None, description="Create a copy of the Workflow.")
    raise_memory: RaiseMemory | None = Field(None, description="Resubmit with more memory after an OOM kill.")
    retry: Retry | None = Field(None, description="Retry the Workflow through Argo Server.")
    suspend_cron: SuspendCron | None = Field(None, description="Suspend the CronWorkflow that created the run.")
    stop: Stop | None = Field(None, description="Stop a Workflow that runs or waits for too long.")
    none: NoAction | None = Field(None, description="Take no action, and ignore the following rules.")

    @property
    def type(self) -> ActionType:
        """The action that is set; ``ActionType.NONE`` if none is."""
        options = (
            (self.resubmit, ActionType.RESUBMIT),
            (self.raise_memory, ActionType.RAISE_MEMORY),
            (self.retry, ActionType.RETRY),
            (self.suspend_cron, ActionType.SUSPEND_CRON),
            (self.stop, ActionType.STOP),
        )
        return next((kind for settings, kind in options if settings is not None), ActionType.NONE)


class LabelPods(ValidatedModel):
    """Label pods as soon as they fail, even while the run is still in progress."""

    labels: dict[LabelKey, LabelValue] | None = Field(
        None,
        description=(
            "Labels for the pod, in addition to `wfreport.dev/failure-class`, `wfreport.dev/fingerprint` and "
            "`wfreport.dev/report-name`."
        ),
        max_length=16,
    )


class Apprise(ValidatedModel):
    """Apprise URLs in a Secret of the same namespace that has the label `wfreport.dev/notify: "true"`."""

    secret_name: str = Field(description="Name of the Secret.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN)
    key: str = Field(
        "urls", description="Key in the Secret; its value has one URL per line.", min_length=1, max_length=LINE
    )


class EventFormat(StrEnum):
    """The data of an event."""

    CLOUD_EVENTS = "CloudEvents"
    CD_EVENTS = "CDEvents"


class CloudEvents(ValidatedModel):
    """A CloudEvents 1.0 endpoint over HTTP."""

    url: str = Field(
        description="URL to which events are posted.", min_length=1, max_length=TEXT, pattern=r"^https?://[^\s]+$"
    )
    format: EventFormat = Field(
        EventFormat.CLOUD_EVENTS,
        description=(
            "Data of the events. CloudEvents: the facts of the notification. CDEvents: an event of CDEvents 0.5, "
            "`dev.cdevents.pipelinerun.finished` for a run that failed, with the facts as customData."
        ),
    )


class Sink(ValidatedModel):
    """The destination of a notification: exactly one of apprise and cloudEvents."""

    model_config = rules(
        ("has(self.apprise) != has(self.cloudEvents)", "set exactly one of apprise, cloudEvents"),
    )

    name: str = Field(
        description="Name of the sink, unique in the rule.",
        min_length=1,
        max_length=SHORT,
        pattern=RULE_NAME,
    )
    apprise: Apprise | None = Field(None, description="Services that Apprise supports: Slack, Teams, e-mail and more.")
    cloud_events: CloudEvents | None = Field(None, description="A CloudEvents endpoint.")


class Notify(ValidatedModel):
    """Send a notification of the failure: summary, root cause, the end of the log, and the action taken."""

    model_config = rules(
        ("self.sinks.all(one, self.sinks.exists_one(other, other.name == one.name))", "names of sinks must be unique")
    )

    sinks: list[Sink] = Field(description="Destinations of the notification.", min_length=1, max_length=8)
    follow_up: bool = Field(
        default=True, description="Whether to send a second message with the outcome of the remediation."
    )
