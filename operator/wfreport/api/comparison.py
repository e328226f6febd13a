"""What a report stores of a run's definition, and how the run differs from the last one that succeeded."""

from enum import StrEnum

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, TEXT, Model, Name, Time

MAX_TEMPLATES = 64
MAX_CHANGES = 20
_DIGEST = 16


class ChangedThing(StrEnum):
    """What differs between two runs. The set may grow."""

    IMAGE = "Image"
    RESOURCES = "Resources"
    PARAMETER = "Parameter"
    TEMPLATE = "Template"
    STEP = "Step"
    SPEC = "Spec"
    CREATOR = "Creator"
    ARGO_VERSION = "ArgoVersion"
    MACHINE = "Machine"


class FailureNovelty(StrEnum):
    """Whether a failure was seen before, in other runs of the same origin."""

    NEW = "New"
    RECURRING = "Recurring"
    KNOWN = "Known"


class SlowReason(StrEnum):
    """The part of a step's time that grew most."""

    RAN = "Ran"
    QUEUED = "Queued"
    RETRIED = "Retried"


class TemplateDefinition(Model):
    """What a later run's template is compared with."""

    name: str = Field(description="Name of the template; with its scope if it is a referenced one.", max_length=LINE)
    digest: str = Field(description="Digest of the whole template.", max_length=_DIGEST)
    parts: dict[str, str] | None = Field(
        None, description="Digests of its parts, such as args and env, by field.", max_length=32
    )
    steps: dict[str, str] | None = Field(
        None, description="Digests of the steps or tasks that it calls, by name.", max_length=128
    )
    images: dict[str, str] | None = Field(None, description="Images by container.", max_length=16)
    resources: dict[str, str] | None = Field(
        None, description="Requests and limits, such as `main.limits.memory`.", max_length=32
    )


class RunDefinition(Model):
    """What was run. At most 4 KiB: parts are left out first, then steps, then templates."""

    digest: str = Field(
        description="Digest of all templates and the spec, without arguments. Equal digests are the same definition.",
        max_length=_DIGEST,
    )
    parameters_digest: str = Field(
        description="Digest of the arguments, without times, ids and the run's own name.", max_length=_DIGEST
    )
    spec: dict[str, str] | None = Field(
        None, description="Digests of the spec's other fields, by field.", max_length=32
    )
    templates: list[TemplateDefinition] | None = Field(None, description="The templates.", max_length=MAX_TEMPLATES)
    machines: list[Name] | None = Field(
        None, description="Machines (Kubernetes Nodes) that ran steps, at most 10.", max_length=10
    )
    argo_version: str | None = Field(
        None, description="Version of Argo's executor, if a pod was observed.", max_length=SHORT
    )
    truncated: bool | None = Field(None, description="Whether something was left out.")


class Change(Model):
    """A difference from the run that is compared with."""

    what: ChangedThing = Field(description="What differs.")
    name: str | None = Field(
        None, description="Name of the parameter, template, step or field.", max_length=LINE
    )
    before: str | None = Field(None, description="Value in the earlier run; absent if it had none.", max_length=LINE)
    after: str | None = Field(None, description="Value in this run; absent if it has none.", max_length=LINE)


class SlowerStep(Model):
    """A step that took longer than in the runs that it is compared with."""

    display_name: str = Field(description="The step; all items of a loop and all attempts are one.", max_length=LINE)
    seconds: int = Field(description="Its duration; the median of a loop's items.", ge=0)
    baseline_seconds: int = Field(description="Its median duration before.", ge=0)
    runs: int = Field(description="Number of runs of which that is the median.", ge=1)
    why: SlowReason = Field(description="The part that grew most: Ran, Queued or Retried.")


class LastSuccess(Model):
    """The last run of the same origin that succeeded."""

    workflow_name: str = Field(description="Name of its Workflow.", max_length=LINE)
    finished_at: Time | None = Field(None, description="Its end.")
    runs_since: int = Field(description="Number of runs that ended after it, without this one.", ge=0)
    successes: int = Field(description="Number of successes in a row up to it, as far as reports are known.", ge=1)


class FailureHistory(Model):
    """Earlier occurrences of the same failure, by its fingerprint."""

    novelty: FailureNovelty = Field(
        description="New: not seen before. Recurring: the run before failed the same way. Known: seen before that."
    )
    first_seen_at: Time | None = Field(None, description="End of the first run that failed so.")
    occurrences: int = Field(description="Number of known runs that failed so, with this one.", ge=1)
    consecutive: int = Field(description="Number of runs in a row that failed so, up to this one.", ge=1)


class Baseline(Model):
    """Durations of the latest successful runs of the same origin."""

    runs: int = Field(description="Number of runs, at most 20.", ge=1)
    p50_seconds: int = Field(description="Median duration.", ge=0)
    p95_seconds: int = Field(description="95th percentile of the durations.", ge=0)


class Comparison(Model):
    """How this run differs from earlier runs of the same cron, template or generateName. Written once, at its end."""

    baseline: Baseline | None = Field(None, description="Durations of the latest successful runs.")
    slow: bool | None = Field(
        None, description="Whether the run took longer than p95, than median + 3 MAD, and 30 seconds longer than p50."
    )
    last_success: LastSuccess | None = Field(None, description="The last run that succeeded.")
    failure: FailureHistory | None = Field(None, description="Earlier occurrences of the leading failure.")
    changes: list[Change] | None = Field(
        None, description="Differences from the last success, most telling first.", max_length=MAX_CHANGES
    )
    more_changes: int | None = Field(None, description="Number of differences that are not listed.", ge=1)
    steps: list[SlowerStep] | None = Field(
        None, description="Steps that explain at least 10 % of the longer duration, slowest first.", max_length=10
    )
    unknown: str | None = Field(
        None, description="What could not be compared, and why, in words.", max_length=TEXT
    )
