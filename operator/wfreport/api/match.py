"""Which Workflows a policy selects, and which failures a rule matches."""

from typing import Annotated, Literal

from pydantic import Field

from wfreport.api.classes import FailureClass, Owner
from wfreport.api.wire import LINE, LabelKey, LabelValue, Model, Name, rules

ClassName = Annotated[str, Field(json_schema_extra={"enum": [str(found) for found in FailureClass]})]
"""A failure class as a policy names it.

Not ``FailureClass``, which reads a class that it does not know as ``Unknown``: a policy for a class of a newer
operator must not act on what is unknown.
"""


class LabelRequirement(Model):
    """``LabelSelectorRequirement``."""

    model_config = rules(
        (
            "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values)",
            "In and NotIn need values; Exists and DoesNotExist take none",
        )
    )

    key: LabelKey = Field(description="The label.", min_length=1)
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How it is compared.")
    values: list[LabelValue] | None = Field(None, description="With what it is compared.", max_length=64)


class LabelSelector(Model):
    """``LabelSelector``: all of it has to fit."""

    match_labels: dict[LabelKey, LabelValue] | None = Field(
        None, description="Labels with exactly these values.", max_length=32
    )
    match_expressions: list[LabelRequirement] | None = Field(None, description="Other requirements.", max_length=32)


class Selector(LabelSelector):
    """Which Workflows of the namespace a policy is for, by their labels. It must not be empty."""

    model_config = rules(
        (
            (
                "(has(self.matchLabels) && size(self.matchLabels) > 0)"
                " || (has(self.matchExpressions) && size(self.matchExpressions) > 0)"
            ),
            "selector must not be empty: state a label, lest the policy mean every Workflow by accident",
        )
    )


ExitCode = Annotated[int, Field(ge=1, le=255)]


class ExitCodes(Model):
    """Which exit codes fit. A failure without one never does."""

    operator: Literal["In", "NotIn"] = Field(description="Whether it has to be one of them, or none of them.")
    values: list[ExitCode] = Field(description="Exit codes.", min_length=1, max_length=255)


class ConsecutiveFailures(Model):
    """How often in a row it failed. A run that succeeds in between starts the count anew."""

    at_least: int = Field(description="So many failed runs in a row, this one included.", ge=2, le=100)
    of: Literal["CronWorkflow", "Template"] = Field(
        description="Runs of the same CronWorkflow, or of the same WorkflowTemplate or ClusterWorkflowTemplate."
    )


class Match(Model):
    """Which failures a rule is for: all that is stated has to fit. Nothing stated: every failure."""

    classes: list[ClassName] | None = Field(None, description="Failure classes.", min_length=1, max_length=32)
    owners: list[Owner] | None = Field(
        None, description="Who can do something about it.", min_length=1, max_length=len(Owner)
    )
    exit_codes: ExitCodes | None = Field(None, description="Exit codes.")
    containers: list[Name] | None = Field(
        None, description="Names of the container that failed.", min_length=1, max_length=64
    )
    templates: list[Name] | None = Field(
        None, description="Names of the template that failed.", min_length=1, max_length=64
    )
    steps: list[Name] | None = Field(
        None,
        description="Display names of the step that failed; `name` also fits its loop items `name(0:…)`.",
        min_length=1,
        max_length=64,
    )
    message_regex: str | None = Field(
        None,
        description="Regular expression (RE2) that is found in the failure's message.",
        min_length=1,
        max_length=LINE,
    )
    log_regex: str | None = Field(
        None,
        description="Regular expression (RE2) that is found in the end of the failed container's log.",
        min_length=1,
        max_length=LINE,
    )
    phases: list[Literal["Failed", "Error"]] | None = Field(
        None, description="How the Workflow ended.", min_length=1, max_length=2
    )
    labels: LabelSelector | None = Field(None, description="Labels of the Workflow, within the policy's selector.")
    consecutive_failures: ConsecutiveFailures | None = Field(None, description="Failed runs in a row.")
