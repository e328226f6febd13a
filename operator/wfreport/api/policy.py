"""``RemediationPolicy``, kind and CRD: the actions for failed runs, and the limits on them.

The API server checks bounds and CEL rules. ``core/decide/validity.py`` checks the rest.
"""

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from wfreport.api.actions import RULE_NAME, Action, LabelPods, Notify
from wfreport.api.condition import Condition
from wfreport.api.match import Match, Selector
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_POLICY
from wfreport.api.wire import SHORT, Factor, Model, Name, Time, rules

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


class Mode(StrEnum):
    """What is done with a decision. The decision itself is the same in every mode."""

    OBSERVE = "Observe"
    DRY_RUN = "DryRun"
    APPROVE = "Approve"
    ENFORCE = "Enforce"


MODE_MEANINGS: dict[Mode, str] = {
    Mode.OBSERVE: "Counts in the policy's status, and does nothing else.",
    Mode.DRY_RUN: "Writes down what it would do, as Remediations named `dry-…`, which lock and count nothing.",
    Mode.APPROVE: "Acts once a person has approved the Remediation.",
    Mode.ENFORCE: "Acts.",
}


_STATES_A_FAILURE: Final = " || ".join(
    f"has(self.match.{to_camel(name)})" for name in Match.model_fields if name != "labels"
)


class Rule(Model):
    """One rule. The first one that matches is the only one that counts."""

    model_config = rules(
        (
            "has(self.action) || has(self.labelPods) || has(self.notify)",
            "a rule does something: state action, labelPods or notify; to do nothing, state action: {none: {}}",
        ),
        (
            (
                "!has(self.action) || !has(self.action.raiseMemory)"
                " || (has(self.match.classes) && self.match.classes == ['OOMKilled'])"
            ),
            "raiseMemory is for containers that were OOM-killed: its match must state classes: [OOMKilled]",
        ),
        (
            f"!has(self.action) || !has(self.action.stop) || !({_STATES_A_FAILURE} || has(self.labelPods))",
            "stop is for Workflows that run, and these have not failed: match may state labels only, and no labelPods",
        ),
    )

    name: str = Field(
        description="Its name, unique in the policy.",
        min_length=1,
        max_length=SHORT,
        pattern=RULE_NAME,
    )
    match: Match = Field(description="Which failures it is for; `{}`: every failure.")
    action: Action | None = Field(None, description="What is done about the run. Unset: nothing but what is beside it.")
    label_pods: LabelPods | None = Field(None, description="Labels for the pods that failed like this.")
    notify: Notify | None = Field(None, description="Who is told.")
    counts_toward_limit: bool | None = Field(
        None,
        description=(
            "Whether the act counts toward `limits.maxAttempts`, rather than `limits.infraMaxAttempts`. "
            "Unset: it does, unless the failure's owner is Infrastructure."
        ),
    )
    delay_seconds: int | None = Field(
        None, description="Act no sooner than so long after the run's end.", ge=0, le=_DAY
    )


class Limits(Model):
    """How often, and for how long, a run is remedied."""

    max_attempts: int = Field(2, description="Acts per chain of a run and its resubmissions.", ge=0, le=20)
    infra_max_attempts: int = Field(
        5, description="The same for failures of the infrastructure, counted apart.", ge=0, le=50
    )
    max_age_seconds: int = Field(
        6 * _HOUR, description="Runs that ended longer ago are left alone.", ge=60, le=7 * _DAY
    )


class Backoff(Model):
    """How long to wait after a run's end: initialSeconds x factor^(attempt - 1), at most maxSeconds."""

    initial_seconds: int = Field(60, description="Before the first act.", ge=0, le=_DAY)
    factor: Factor = Field("2", description="By how much each wait is longer than the one before; at least 1.")
    max_seconds: int = Field(_HOUR, description="No wait is longer.", ge=0, le=7 * _DAY)
    jitter: Factor = Field(
        "0.2", description="Each wait is longer by up to this part of it, the same for the same run; at most 1."
    )


class Budget(Model):
    """How many acts a policy may do. Acts of each kind, on runs and notifications, are counted apart."""

    max_concurrent: int = Field(5, description="Acts whose outcome is not known yet.", ge=1, le=1000)
    max_per_window: int = Field(30, description="Acts in the window.", ge=1, le=10_000)
    window_seconds: int = Field(_HOUR, description="Length of the window.", ge=60, le=_DAY)


class CircuitBreaker(Model):
    """When to stop acting because too much fails at once, or because acting does not help."""

    failure_percent_at_most: int = Field(
        40, description="Opens where more than so many percent of the window's runs failed.", ge=1, le=100
    )
    min_runs: int = Field(10, description="But not before so many runs ended in the window.", ge=1, le=10_000)
    window_seconds: int = Field(1800, description="Length of the window.", ge=60, le=_DAY)
    same_fingerprint_at_most: int = Field(
        5,
        description="Opens for a failure that came back more often than this after the same act, within the window.",
        ge=1,
        le=1000,
    )
    cooldown_seconds: int = Field(
        600,
        description="Stays open for so long after the rate has fallen; then one act is tried; if it helps, it closes.",
        ge=0,
        le=_DAY,
    )


class Approval(Model):
    """Who waits for a person. What nobody approves in time is denied."""

    timeout_seconds: int = Field(_DAY, description="How long an approval is waited for.", ge=60, le=7 * _DAY)
    required_for: list[Literal["Resubmit", "RaiseMemory", "Retry", "SuspendCron", "Stop"]] | None = Field(
        None, description="Actions that need approval in mode Enforce too.", max_length=5
    )


class PolicySpec(Model):
    """Which failures are answered by what, and when not."""

    model_config = rules(
        (
            "self.rules.all(one, self.rules.exists_one(other, other.name == one.name))",
            "names of rules must be unique: the Remediations name the rule that they follow",
        )
    )

    mode: Mode = Field(Mode.DRY_RUN, description="What is done with a decision.")
    suspended: bool = Field(default=False, description="Whether this policy does nothing for now.")
    pause_requests: list[Name] | None = Field(
        None, description="Why it does nothing for now, one entry per reason: `cluster upgrade by @ana`.", max_length=16
    )
    selector: Selector = Field(description="The Workflows of the namespace that it is for, by their labels.")
    priority: int = Field(
        0,
        description="Where several policies select a run, the highest is the only one; of equal ones none acts.",
        ge=-1_000_000,
        le=1_000_000,
    )
    rules: list[Rule] = Field(description="Rules; the first that matches counts.", min_length=1, max_length=32)
    limits: Limits = Field(Limits(), description="How often, and for how long, a run is remedied.")
    backoff: Backoff = Field(Backoff(), description="How long to wait before an act.")
    budget: Budget = Field(Budget(), description="How many acts.")
    circuit_breaker: CircuitBreaker = Field(CircuitBreaker(), description="When to stop acting.")
    approval: Approval = Field(Approval(), description="What waits for a person.")


class PolicyCounts(Model):
    """What came of this policy, by the reports and Remediations that are in the cluster."""

    matched: int = Field(0, description="Runs that it selects and one of its rules matches.", ge=0)
    executed: int = Field(0, description="Acts done.", ge=0)
    helped: int = Field(0, description="Acts after which the run succeeded.", ge=0)
    not_helped: int = Field(0, description="Acts after which the run failed again.", ge=0)
    blocked: int = Field(0, description="Runs on which it would have acted, but for a guard.", ge=0)
    proposed: int = Field(0, description="Acts that it would do: in mode DryRun, or awaiting approval.", ge=0)


class PolicyStatus(Model):
    """What the operator makes of the policy. Written by the operator only."""

    observed_generation: int | None = Field(None, description="The generation that this answers.", ge=0)
    conditions: list[Condition] | None = Field(
        None,
        description="Ready: it is valid. RemediationAllowed: it may act. BreakerOpen. Conflicted: with another policy.",
        max_length=16,
    )
    enforced_since: Time | None = Field(
        None,
        description=(
            "Since when it acts (Approve, Enforce); runs that ended before, or in that very second, are never acted on."
        ),
    )
    counts: PolicyCounts | None = Field(None, description="What came of it.")
    breaker: str | None = Field(None, description="The circuit breaker: Closed, Open or HalfOpen.", max_length=SHORT)

    def dump(self) -> dict[str, Any]:
        """The status as it stands in the API: camelCase, absent rather than null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class RemediationPolicy(Model):
    """Which failures of which Workflows are answered by what, and when not."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["RemediationPolicy"] = KIND_POLICY
    metadata: ObjectMetadata
    spec: PolicySpec
    status: PolicyStatus | None = None
