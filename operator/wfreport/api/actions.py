"""The actions that a policy's rule may name, and their settings."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, TEXT, Factor, LabelKey, LabelValue, Model, Quantity, rules

_YEAR: Final = 365 * 24 * 3600

RULE_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""Pattern of names of rules and sinks: as Kubernetes names its own."""


class ActionType(StrEnum):
    """What can be done about a run."""

    LABEL_PODS = "LabelPods"
    RESUBMIT = "Resubmit"
    RAISE_MEMORY = "RaiseMemory"
    RETRY = "Retry"
    SUSPEND_CRON = "SuspendCron"
    STOP = "Stop"
    NOTIFY = "Notify"
    NONE = "None"


class Override(Model):
    """An argument of the Workflow, given another value."""

    name: str = Field(description="The parameter's name.", min_length=1, max_length=LINE)
    value: str = Field(description="Its new value.", max_length=TEXT)


class Resubmit(Model):
    """Create the same Workflow again, as `argo resubmit` does."""

    parameters: list[Override] | None = Field(None, description="Arguments that are changed.", max_length=64)
    memoized: bool = Field(
        default=False,
        description=(
            "Whether steps that succeeded, and came after none that failed, are not done again: their outputs are "
            "taken over, nearly as `argo resubmit --memoized` does it. Files that they left elsewhere under the old "
            "run's name or uid are not found by the new run."
        ),
    )


class RaiseMemory(Model):
    """Resubmit with more memory for the container that was OOM-killed, from its last attempt's limit."""

    factor: Factor = Field("1.5", description="The new limit is the last one times this; more than 1.")
    min_increase: Quantity = Field("0", description="But it grows by at least so much.")
    max: Quantity = Field(description="And never over this; at it, nothing is done.", min_length=1)
    parameters: list[Override] | None = Field(None, description="Arguments that are changed.", max_length=64)


class Retry(Model):
    """Retry the same Workflow through Argo Server: what succeeded is kept."""

    model_config = rules(
        (
            "!has(self.nodeFieldSelector) || (has(self.restartSuccessful) && self.restartSuccessful)",
            "nodeFieldSelector names steps that succeeded and run again: it needs restartSuccessful: true",
        )
    )

    restart_successful: bool = Field(
        default=False, description="Whether steps that succeeded and are named by nodeFieldSelector run again too."
    )
    node_field_selector: str | None = Field(
        None, description="Argo's selector of those steps: `displayName=transform`.", min_length=1, max_length=LINE
    )
    parameters: list[Override] | None = Field(None, description="Arguments that are changed.", max_length=64)


class SuspendCron(Model):
    """Suspend the CronWorkflow that made the run."""

    allow_drift: bool = Field(
        default=False, description="Whether also one that Argo CD or Flux manages, which would differ from Git then."
    )


class Stop(Model):
    """Stop a Workflow that runs for too long. Exit handlers still run."""

    model_config = rules(
        (
            "has(self.afterSeconds) || has(self.pendingAfterSeconds)",
            "state afterSeconds, pendingAfterSeconds, or both: after how long a Workflow is stopped",
        )
    )

    after_seconds: int | None = Field(None, description="Stop it so long after the run's start.", ge=60, le=_YEAR)
    pending_after_seconds: int | None = Field(
        None, description="Stop it where a step of it has been waiting for so long.", ge=60, le=_YEAR
    )


class NoAction(Model):
    """Do nothing, and do not look at the rules below."""


class Action(Model):
    """What is done about the run: exactly one."""

    model_config = rules(
        (
            (
                "[has(self.resubmit), has(self.raiseMemory), has(self.retry), has(self.suspendCron), has(self.stop),"
                " has(self.none)].filter(set, set).size() == 1"
            ),
            "state exactly one of resubmit, raiseMemory, retry, suspendCron, stop, none",
        )
    )

    resubmit: Resubmit | None = Field(None, description="Create the same Workflow again.")
    raise_memory: RaiseMemory | None = Field(None, description="Resubmit with more memory after an OOM kill.")
    retry: Retry | None = Field(None, description="Retry the same Workflow through Argo Server.")
    suspend_cron: SuspendCron | None = Field(None, description="Suspend the CronWorkflow that made the run.")
    stop: Stop | None = Field(None, description="Stop a Workflow that runs for too long.")
    none: NoAction | None = Field(None, description="Do nothing: an explicit stop.")

    @property
    def type(self) -> ActionType:
        """Which one it is; None, the action, where none is stated."""
        stated = (
            (self.resubmit, ActionType.RESUBMIT),
            (self.raise_memory, ActionType.RAISE_MEMORY),
            (self.retry, ActionType.RETRY),
            (self.suspend_cron, ActionType.SUSPEND_CRON),
            (self.stop, ActionType.STOP),
        )
        return next((kind for settings, kind in stated if settings is not None), ActionType.NONE)


class LabelPods(Model):
    """Label failed pods the moment they fail, also while the run goes on."""

    labels: dict[LabelKey, LabelValue] | None = Field(
        None,
        description="Labels put on the pod, beside `wfreport.dev/failure-class`, `fingerprint` and `report-name`.",
        max_length=16,
    )


class Apprise(Model):
    """Apprise URLs from a Secret of the namespace that is labelled `wfreport.dev/notify: "true"`."""

    secret_name: str = Field(description="The Secret's name.", min_length=1, max_length=LINE)
    key: str = Field("urls", description="Its key; the value holds one URL a line.", min_length=1, max_length=LINE)


class CloudEvents(Model):
    """CloudEvents 1.0 over HTTP."""

    url: str = Field(
        description="Where they are posted to.", min_length=1, max_length=TEXT, pattern=r"^https?://[^\s]+$"
    )


class Sink(Model):
    """Where a notification goes: exactly one."""

    model_config = rules(
        ("has(self.apprise) != has(self.cloudEvents)", "state exactly one of apprise, cloudEvents"),
    )

    name: str = Field(
        description="Its name, unique in the rule.",
        min_length=1,
        max_length=SHORT,
        pattern=RULE_NAME,
    )
    apprise: Apprise | None = Field(None, description="Slack, Teams, e-mail, PagerDuty, webhooks and so on.")
    cloud_events: CloudEvents | None = Field(None, description="A CloudEvents endpoint.")


class Notify(Model):
    """Tell people of the failure: summary, root cause, the end of the log, and what is done about it."""

    model_config = rules(
        ("self.sinks.all(one, self.sinks.exists_one(other, other.name == one.name))", "names of sinks must be unique")
    )

    sinks: list[Sink] = Field(description="Where it is sent to.", min_length=1, max_length=8)
    follow_up: bool = Field(default=True, description="Whether a second message says how the remedy ended.")
