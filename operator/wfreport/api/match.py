"""The selector of a policy's Workflows, and the criteria of a rule's failures."""

from typing import Annotated, Final, Literal

from pydantic import Field

from wfreport.api.classes import FailureClass, Owner
from wfreport.api.reasons import StallReason
from wfreport.api.validated import LabelKey, LabelValue, Name, ValidatedModel, rules
from wfreport.api.wire import LINE

_WEEK: Final = 7 * 24 * 3600

ClassName = Annotated[str, Field(json_schema_extra={"enum": [str(name) for name in FailureClass]})]
"""Name of a failure class in a policy.

``FailureClass`` would decode an unsupported class as ``Unknown``, and a policy for a class of a newer operator must
not match unknown failures.
"""


class LabelRequirement(ValidatedModel):
    """A requirement on a label, like Kubernetes' LabelSelectorRequirement."""

    model_config = rules(
        (
            "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values)",
            "In and NotIn need values; Exists and DoesNotExist take none",
        )
    )

    key: LabelKey = Field(description="Key of the label.", min_length=1)
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="Relation of the label's value to `values`."
    )
    values: list[LabelValue] | None = Field(None, description="Values to compare with.", max_length=64)


class LabelSelector(ValidatedModel):
    """A label selector, like Kubernetes' LabelSelector: all requirements must be met."""

    match_labels: dict[LabelKey, LabelValue] | None = Field(
        None, description="Labels that must have exactly these values.", max_length=32
    )
    match_expressions: list[LabelRequirement] | None = Field(
        None, description="Further requirements on labels.", max_length=32
    )


class Selector(LabelSelector):
    """Labels of the Workflows that a policy applies to, in its namespace. It must not be empty."""

    model_config = rules(
        (
            (
                "(has(self.matchLabels) && size(self.matchLabels) > 0)"
                " || (has(self.matchExpressions) && size(self.matchExpressions) > 0)"
            ),
            "selector must not be empty: set a label, so that the policy does not select every Workflow by accident",
        )
    )


ExitCode = Annotated[int, Field(ge=1, le=255)]


class ExitCodes(ValidatedModel):
    """A criterion on the exit code. A failure without an exit code never matches."""

    operator: Literal["In", "NotIn"] = Field(description="Whether the exit code must be in `values` or not in them.")
    values: list[ExitCode] = Field(description="Exit codes.", min_length=1, max_length=255)


class ConsecutiveFailures(ValidatedModel):
    """A criterion on the number of consecutive failed runs. A succeeded run resets the count."""

    at_least: int = Field(description="Minimum number of consecutive failed runs, including this one.", ge=2, le=100)
    of: Literal["CronWorkflow", "Template"] = Field(
        description="Whether to count runs of the same CronWorkflow or of the same (Cluster)WorkflowTemplate."
    )


StallReasonName = Annotated[
    str,
    Field(json_schema_extra={"enum": [str(name) for name in StallReason if name != StallReason.CONTROLLER_SILENT]}),
]
"""Name of a reason why a run hangs. A controller that is silent stalls every run, and is not answered by policies."""


class StalledMatch(ValidatedModel):
    """A criterion for runs that hang."""

    reasons: list[StallReasonName] | None = Field(
        None, description="Reasons why the run hangs; unset: any.", min_length=1, max_length=len(StallReason)
    )
    for_seconds: int = Field(
        600, description="Minimum number of seconds for which the run has been reported to hang.", ge=0, le=_WEEK
    )


class Match(ValidatedModel):
    """Criteria for failures. All criteria that are set must match; without any, every failure matches."""

    classes: list[ClassName] | None = Field(None, description="Failure classes.", min_length=1, max_length=32)
    owners: list[Owner] | None = Field(
        None, description="Owners: the parties that can fix the failure.", min_length=1, max_length=len(Owner)
    )
    exit_codes: ExitCodes | None = Field(None, description="Exit codes.")
    containers: list[Name] | None = Field(None, description="Names of failed containers.", min_length=1, max_length=64)
    templates: list[Name] | None = Field(None, description="Names of failed templates.", min_length=1, max_length=64)
    steps: list[Name] | None = Field(
        None,
        description="Display names of failed steps; `name` also matches its loop items `name(0:…)`.",
        min_length=1,
        max_length=64,
    )
    message_regex: str | None = Field(
        None,
        description="Regular expression (RE2) to search in the failure's message.",
        min_length=1,
        max_length=LINE,
    )
    log_regex: str | None = Field(
        None,
        description="Regular expression (RE2) to search in the end of the failed container's log.",
        min_length=1,
        max_length=LINE,
    )
    phases: list[Literal["Failed", "Error"]] | None = Field(
        None, description="Phases of the Workflow.", min_length=1, max_length=2
    )
    labels: LabelSelector | None = Field(
        None, description="Labels of the Workflow, in addition to the policy's selector."
    )
    consecutive_failures: ConsecutiveFailures | None = Field(None, description="Number of consecutive failed runs.")
    stalled: StalledMatch | None = Field(
        None, description="Runs that hang (`status.stalled` of their report), instead of failures."
    )
