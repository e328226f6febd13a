"""The kind ``RemediationPolicy``: maps failures to actions, within limits.

The API server validates bounds and CEL rules; ``core/decide/validity.py`` validates the rest.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from wfreport.api.actions import RULE_NAME, Action, LabelPods, Notify
from wfreport.api.condition import Condition
from wfreport.api.match import Match, Selector
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_POLICY
from wfreport.api.validated import EMBEDDED, Factor, Name, Time, ValidatedModel, rules
from wfreport.api.wire import LINE, SHORT

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


class Mode(StrEnum):
    """How a policy's decisions are enforced. The decision itself is the same in every mode."""

    OBSERVE = "Observe"
    DRY_RUN = "DryRun"
    APPROVE = "Approve"
    ENFORCE = "Enforce"


MODE_MEANINGS: dict[Mode, str] = {
    Mode.OBSERVE: "Counts the decisions in its status and does nothing else.",
    Mode.DRY_RUN: "Records each action as a Remediation named `dry-…`, which neither locks nor counts.",
    Mode.APPROVE: "Performs each action once a person has approved its Remediation.",
    Mode.ENFORCE: "Performs each action at once.",
}


_STATES_A_FAILURE: Final = " || ".join(
    f"has(self.match.{to_camel(name)})" for name in Match.model_fields if name not in {"labels", "stalled"}
)


class Rule(ValidatedModel):
    """A rule: failures that it matches, and the response to them. Only the first matching rule applies."""

    model_config = rules(
        (
            "has(self.action) || has(self.labelPods) || has(self.notify)",
            "a rule needs action, labelPods or notify; to take no action, set action: {none: {}}",
        ),
        (
            (
                "!has(self.action) || !has(self.action.raiseMemory)"
                " || (has(self.match.classes) && self.match.classes == ['OOMKilled'])"
            ),
            "raiseMemory is for OOM-killed containers: its match must set classes: [OOMKilled]",
        ),
        (
            f"!has(self.action) || !has(self.action.stop) || !({_STATES_A_FAILURE} || has(self.labelPods))",
            (
                "stop is for running Workflows, which have not failed: match may only set labels and stalled, and "
                "labelPods is invalid"
            ),
        ),
        (
            (
                "!has(self.action) || !has(self.action.stop) || has(self.match.stalled)"
                " != (has(self.action.stop.afterSeconds) || has(self.action.stop.pendingAfterSeconds))"
            ),
            (
                "stop needs afterSeconds, pendingAfterSeconds, or both: the time after which a Workflow is stopped; "
                "with match.stalled it has neither, because match.stalled.forSeconds is that time"
            ),
        ),
        (
            f"!has(self.match.stalled) || !({_STATES_A_FAILURE} || has(self.labelPods))",
            (
                "match.stalled is for runs that hang, which have not failed: besides it, match may only set labels, "
                "and labelPods is invalid"
            ),
        ),
        (
            (
                "!has(self.match.stalled) || !has(self.action) || has(self.action.stop) || has(self.action.none)"
                " || (has(self.action.resubmit) && !self.action.resubmit.memoized)"
            ),
            "a run that hangs can be stopped or resubmitted: use stop, resubmit (not memoized), none, or only notify",
        ),
    )

    name: str = Field(
        description="Name of the rule, unique in the policy.",
        min_length=1,
        max_length=SHORT,
        pattern=RULE_NAME,
    )
    match: Match = Field(description="Failures or hung runs that the rule matches; `{}` matches every failure.")
    action: Action | None = Field(None, description="Action on the run. Unset: no action, only the other responses.")
    label_pods: LabelPods | None = Field(None, description="Labels for the failed pods.")
    notify: Notify | None = Field(None, description="Notification to send.")
    counts_toward_limit: bool | None = Field(
        None,
        description=(
            "Whether the action counts toward `limits.maxAttempts` instead of `limits.infraMaxAttempts`. "
            "Unset: it does, unless the failure's owner is Infrastructure."
        ),
    )
    delay_seconds: int | None = Field(
        None, description="Minimum delay in seconds from the run's end to the action.", ge=0, le=_DAY
    )


class Limits(ValidatedModel):
    """Limits per run and its resubmissions."""

    max_attempts: int = Field(
        2, description="Maximum number of actions per chain, which is a run and its resubmissions.", ge=0, le=20
    )
    infra_max_attempts: int = Field(
        5,
        description="Maximum number of actions per chain for failures of the infrastructure, counted separately.",
        ge=0,
        le=50,
    )
    max_age_seconds: int = Field(
        6 * _HOUR,
        description=(
            "Runs that ended more than this many seconds ago are ignored. A hung run that was stopped is not "
            "resubmitted if it takes longer than this to end."
        ),
        ge=60,
        le=7 * _DAY,
    )


class Backoff(ValidatedModel):
    """Delay from a run's end to the action: initialSeconds x factor^(attempt - 1), at most maxSeconds."""

    initial_seconds: int = Field(60, description="Delay in seconds before the first action.", ge=0, le=_DAY)
    factor: Factor = Field("2", description="Factor by which the delay grows with each attempt; at least 1.")
    max_seconds: int = Field(_HOUR, description="Maximum delay in seconds, before jitter.", ge=0, le=7 * _DAY)
    jitter: Factor = Field(
        "0.2",
        description="Each delay is extended by up to this fraction of it, constant for a given run; at most 1.",
    )


class Budget(ValidatedModel):
    """Maximum number of actions of a policy. Actions on runs and notifications are counted separately."""

    max_concurrent: int = Field(5, description="Maximum number of actions without a known outcome.", ge=1, le=1000)
    max_per_window: int = Field(30, description="Maximum number of actions in the window.", ge=1, le=10_000)
    window_seconds: int = Field(_HOUR, description="Length of the window in seconds.", ge=60, le=_DAY)


class CircuitBreaker(ValidatedModel):
    """Suspends actions while too many runs fail, or if actions do not help."""

    failure_percent_at_most: int = Field(
        40, description="The breaker opens if more than this percentage of the window's runs failed.", ge=1, le=100
    )
    min_runs: int = Field(
        10, description="Minimum number of runs completed in the window for the breaker to open.", ge=1, le=10_000
    )
    window_seconds: int = Field(1800, description="Length of the window in seconds.", ge=60, le=_DAY)
    same_fingerprint_at_most: int = Field(
        5,
        description="A failure is held if it came back after the same action more often than this within the window.",
        ge=1,
        le=1000,
    )
    cooldown_seconds: int = Field(
        600,
        description=(
            "Seconds that the breaker stays open after the failure rate has fallen. Then one action is tried; "
            "the breaker closes if it helps."
        ),
        ge=0,
        le=_DAY,
    )


class Approval(ValidatedModel):
    """Actions that need approval by a person. An action that is not approved in time is denied."""

    timeout_seconds: int = Field(
        _DAY, description="Seconds to wait for approval before the action is denied.", ge=60, le=7 * _DAY
    )
    required_for: list[Literal["Resubmit", "RaiseMemory", "Retry", "SuspendCron", "Stop"]] | None = Field(
        None, description="Actions that need approval even in mode Enforce.", max_length=5
    )


class PolicySpec(ValidatedModel):
    """Rules that map failures to actions, and their limits."""

    model_config = rules(
        (
            "self.rules.all(one, self.rules.exists_one(other, other.name == one.name))",
            "names of rules must be unique: Remediations refer to their rule by name",
        )
    )

    mode: Mode = Field(Mode.DRY_RUN, description="How decisions are enforced.")
    suspended: bool = Field(default=False, description="Whether the policy is suspended and takes no action.")
    pause_requests: list[Name] | None = Field(
        None,
        description="Reasons to pause the policy, such as `cluster upgrade by @ana`. It is paused while any are set.",
        max_length=16,
    )
    selector: Selector = Field(description="Labels of the Workflows that the policy applies to, in its namespace.")
    priority: int = Field(
        0,
        description=(
            "If several policies select a run, only the one with the highest priority applies. "
            "If two have the same priority, neither acts."
        ),
        ge=-1_000_000,
        le=1_000_000,
    )
    rules: list[Rule] = Field(description="Rules; only the first matching one applies.", min_length=1, max_length=32)
    limits: Limits = Field(Limits(), description="Limits per run and its resubmissions.")
    backoff: Backoff = Field(Backoff(), description="Delay from a run's end to the action.")
    budget: Budget = Field(Budget(), description="Maximum number of actions of the policy.")
    circuit_breaker: CircuitBreaker = Field(
        CircuitBreaker(), description="Suspends actions while too many runs fail, or if actions do not help."
    )
    approval: Approval = Field(Approval(), description="Actions that need approval by a person.")


class PolicyCounts(ValidatedModel):
    """Results of the policy, counted over the reports and Remediations in the cluster."""

    matched: int = Field(0, description="Number of runs that the policy selects and one of its rules matches.", ge=0)
    executed: int = Field(0, description="Number of actions performed.", ge=0)
    helped: int = Field(0, description="Number of actions after which the run succeeded.", ge=0)
    not_helped: int = Field(0, description="Number of actions after which the run failed again.", ge=0)
    blocked: int = Field(0, description="Number of runs for which a guard prevented an action.", ge=0)
    proposed: int = Field(0, description="Number of actions in dry run (mode DryRun) or awaiting approval.", ge=0)


class PolicyStatus(ValidatedModel):
    """The observed state of the policy. Written by the operator only."""

    observed_generation: int | None = Field(None, description="Generation of the spec that this status reflects.", ge=0)
    conditions: list[Annotated[Condition, EMBEDDED]] | None = Field(
        None,
        description=(
            "Ready: the policy is valid. RemediationAllowed: it may perform actions. BreakerOpen: the circuit breaker "
            "holds actions. Conflicted: another policy of the same priority selects the same runs."
        ),
        max_length=16,
    )
    enforced_since: Time | None = Field(
        None,
        description=(
            "Time since which the policy performs actions (modes Approve and Enforce). Runs that ended before this "
            "time, or in the same second, are ignored."
        ),
    )
    counts: PolicyCounts | None = Field(None, description="Results of the policy.")
    breaker: str | None = Field(
        None, description="State of the circuit breaker: Closed, Open or HalfOpen.", max_length=SHORT
    )
    reporter: str | None = Field(None, description="Lease of the installation that writes this.", max_length=LINE)

    def dump(self) -> dict[str, Any]:
        """Return the status as the API stores it: camelCase, without nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class RemediationPolicy(ValidatedModel):
    """Maps failures of selected Workflows to actions, within limits."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["RemediationPolicy"] = KIND_POLICY
    metadata: Annotated[ObjectMetadata, EMBEDDED]
    spec: PolicySpec
    status: PolicyStatus | None = None
