"""The definition of a run as its report stores it, and the differences from the last run that succeeded."""

from collections.abc import Iterable
from enum import StrEnum

from wfreport.api.wire import LINE, SHORT, TEXT, Field, Model, Name, Time

MAX_TEMPLATES = 64
MAX_CHANGES = 20
MAX_PARTS = 64
MAX_STEPS = 512
MAX_CONTAINERS = 16
DEFINITION_FORMAT = 4
"""Digests of different formats cannot be compared."""
_DIGEST = 16
_PART, _AND = ": ", ", "
"""Signs in the name of a difference: ``load, save: db.limits.memory``."""


class ChangedThing(StrEnum):
    """Kinds of differences between two runs. The set may grow."""

    IMAGE = "Image"
    RESOURCES = "Resources"
    PARAMETER = "Parameter"
    TEMPLATE = "Template"
    STEP = "Step"
    SPEC = "Spec"
    CREATOR = "Creator"
    ARGO_VERSION = "ArgoVersion"
    MACHINE = "Machine"


class ChangeKind(StrEnum):
    """What became of a part of a definition that has not just another value."""

    ADDED = "Added"
    REMOVED = "Removed"
    RENAMED = "Renamed"


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
    """A template's digests, for the comparison with a later run."""

    name: str = Field("Name of the template; with its scope if it is a referenced one.", max_length=LINE)
    digest: str = Field("Digest of the whole template.", max_length=_DIGEST)
    parts: dict[str, str] | None = Field(
        "Its parts, such as args and env, by field: a digest, or `=` and a short value.",
        default=None,
        max_length=MAX_PARTS,
    )
    steps: dict[str, str] | None = Field(
        "Digests of the steps or tasks that it calls, by name: what is called, arguments, `when`, loop, the rest, and, "
        "after `@`, the parameters that it refers to and that are named after their values.",
        default=None,
        max_length=MAX_STEPS,
    )
    step_names: str | None = Field(
        "Digests of the names of its steps, if `steps` would take too much room: base64 of three bytes each, sorted.",
        default=None,
        max_length=MAX_STEPS * 4,
    )
    images: dict[str, str] | None = Field("Images by container.", default=None, max_length=MAX_CONTAINERS)
    resources: dict[str, str] | None = Field(
        "Requests and limits, such as `main.limits.memory`.", default=None, max_length=MAX_PARTS
    )


class RunDefinition(Model):
    """The definition that was run. At most 4 KiB: if needed, parts are left out, then steps, images, and templates."""

    format: int | None = Field("Version of the digests. Those of another version are not compared.", default=None)
    digest: str = Field(
        "Digest of all templates and the spec, without parameters. Equal digests are the same definition.",
        max_length=_DIGEST,
    )
    parameters_digest: str = Field(
        "Digest of the arguments, without times, ids and the run's own name.", max_length=_DIGEST
    )
    parameters: dict[str, str] | None = Field(
        "Digests of arguments that the report does not list whole, by name.", default=None, max_length=MAX_PARTS
    )
    spec: dict[str, str] | None = Field(
        "The spec's other fields, by field: a digest, or `=` and a short value.", default=None, max_length=MAX_PARTS
    )
    templates_total: int | None = Field("Number of templates, if not all are listed.", default=None, ge=1)
    templates: list[TemplateDefinition] | None = Field("The templates.", default=None, max_length=MAX_TEMPLATES)
    machines: list[Name] | None = Field(
        "Machines (Kubernetes Nodes) that ran steps, at most 10.", default=None, max_length=10
    )
    argo_version: str | None = Field(
        "Version of Argo's executor, if a pod was observed.", default=None, max_length=SHORT
    )
    truncated: bool | None = Field("Whether something was left out.", default=None)


class Difference(Model):
    """A difference from the run that is compared with."""

    what: ChangedThing = Field("The kind of part that differs.")
    name: str | None = Field("Name of the parameter, template, step or field.", default=None, max_length=LINE)
    change: ChangeKind | None = Field(
        "Added, Removed or Renamed; absent if it is there under the same name in both runs.", default=None
    )
    fields: list[str] | None = Field(
        "Fields of the template or step that differ, with short values.", default=None, max_length=MAX_PARTS
    )
    before: str | None = Field(
        "Value in the earlier run; absent if it had none, or if values are not recorded.", default=None, max_length=LINE
    )
    after: str | None = Field(
        "Value in this run; absent if it has none, or if values are not recorded.", default=None, max_length=LINE
    )

    @property
    def templates(self) -> list[str]:
        """The templates that an image or an amount belongs to; the name of anything else."""
        return (self.name or "").partition(_PART)[0].split(_AND)

    @property
    def part(self) -> str:
        """The container or the amount within them; empty for the image of the main container."""
        return (self.name or "").partition(_PART)[2]


def name_of_part(templates: Iterable[str], part: str) -> str:
    """Return the name of a difference in a part of templates."""
    return f"{_AND.join(templates)}{_PART}{part}" if part else _AND.join(templates)


class SlowerStep(Model):
    """A step that took longer than in the runs that it is compared with."""

    display_name: str = Field("The step, or the item of a loop. All attempts are one.", max_length=LINE)
    seconds: int = Field("Its duration; the median of a loop's items.", ge=0)
    baseline_seconds: int = Field(
        "Its median duration before; if the item was not there before, that of the loop's items.", ge=0
    )
    runs: int = Field("Number of runs behind that median.", ge=1)
    why: SlowReason = Field("The part that grew most: Ran, Queued or Retried.")


class LastSuccess(Model):
    """The last run of the same origin that succeeded."""

    workflow_name: str = Field("Name of its Workflow.", max_length=LINE)
    finished_at: Time | None = Field("Its end.", default=None)
    runs_since: int = Field("Number of runs that ended after it, without this one.", ge=0)
    successes: int = Field("Number of successes in a row up to it, as far as reports are known.", ge=1)


class FailureHistory(Model):
    """Earlier occurrences of the same failure, by its fingerprint."""

    novelty: FailureNovelty = Field(
        "New: not seen before. Recurring: the run before failed the same way. Known: seen before that."
    )
    first_seen_at: Time | None = Field("End of the first run that failed so.", default=None)
    occurrences: int = Field("Number of known runs that failed so, with this one.", ge=1)
    consecutive: int = Field("Number of runs in a row that failed so, up to this one.", ge=1)


class Baseline(Model):
    """Durations of the latest successful runs of the same origin."""

    runs: int = Field("Number of runs, at most 20.", ge=1)
    p50_seconds: int = Field("Median duration.", ge=0)
    p95_seconds: int = Field("95th percentile of the durations.", ge=0)


class Comparison(Model):
    """How this run differs from earlier runs of the same cron, template or generateName. Written once, at its end."""

    baseline: Baseline | None = Field("Durations of the latest successful runs.", default=None)
    slow: bool | None = Field(
        "Whether the run took longer than p95, than median + 3 MAD, and 30 seconds longer than p50.", default=None
    )
    last_success: LastSuccess | None = Field("The last run that succeeded.", default=None)
    failure: FailureHistory | None = Field("Earlier occurrences of the leading failure.", default=None)
    changes: list[Difference] | None = Field(
        "Differences from the last success, most telling first.", default=None, max_length=MAX_CHANGES
    )
    more_changes: int | None = Field("Number of differences that are not listed.", default=None, ge=1)
    steps: list[SlowerStep] | None = Field(
        "Steps that explain at least 10 % of the longer duration, slowest first.", default=None, max_length=10
    )
    unknown: str | None = Field("Parts that could not be compared, and why.", default=None, max_length=TEXT)
