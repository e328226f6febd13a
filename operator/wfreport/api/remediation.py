"""The kind ``Remediation``: one action on one run, with its lock, its record and its outcome."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from wfreport.api.actions import ActionType
from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REMEDIATION
from wfreport.api.validated import EMBEDDED, Name, Time, ValidatedModel, rules
from wfreport.api.wire import DNS_SUBDOMAIN, LINE, LOG, SHORT, TEXT, UID


class LockClass(StrEnum):
    """The lock that a Remediation holds. A run has at most one Remediation per lock class, across all policies.

    That a run hangs is notified under a lock of its own: if it goes on and fails later, that is another message.
    """

    MUTATE = "mutate"
    NOTIFY = "notify"
    NOTIFY_STALL = "notify-stall"


NOTIFY_LOCKS: Final = frozenset({LockClass.NOTIFY, LockClass.NOTIFY_STALL})
"""Locks of notifications."""


class PolicyRef(ValidatedModel):
    """The policy at the time of the decision."""

    name: str = Field(
        description="Name of the policy, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str = Field(description="uid of the policy.", max_length=SHORT)
    generation: int = Field(description="Generation of the policy's spec.", ge=0)


class ReportRef(ValidatedModel):
    """The report that the decision is based on."""

    name: str = Field(
        description="Name of the report, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str | None = Field(None, description="uid of the report.", max_length=SHORT)


class Target(ValidatedModel):
    """The run at the time of the decision."""

    api_version: str = Field("argoproj.io/v1alpha1", description="API version of the Workflow.", max_length=SHORT)
    kind: str = Field("Workflow", description="Kind of the Workflow.", max_length=SHORT)
    name: str = Field(
        description="Name of the Workflow, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str = Field(description="uid of the Workflow.", min_length=1, max_length=SHORT, pattern=UID)
    resource_version: str | None = Field(
        None,
        description="resourceVersion of the Workflow. The action is refused if it has changed.",
        max_length=SHORT,
    )
    started_at: Time | None = Field(None, description="Start of the run; a manual retry starts a new run.")


class Plan(ValidatedModel):
    """The changes that the action makes."""

    new_name: str | None = Field(None, description="Name of the new Workflow.", max_length=SHORT, pattern=DNS_SUBDOMAIN)
    template_name: str | None = Field(None, description="Template whose memory limit is raised.", max_length=LINE)
    container: str | None = Field(None, description="Container whose memory limit is raised.", max_length=LINE)
    cron_workflow: str | None = Field(
        None, description="Name of the CronWorkflow to suspend.", max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    before: dict[Name, str] | None = Field(None, description="The changed values before the action.", max_length=64)
    after: dict[Name, str] | None = Field(None, description="The changed values after the action.", max_length=64)
    patch: str | None = Field(None, description="The patch, as JSON.", max_length=LOG)
    sinks: list[Name] | None = Field(None, description="Names of the sinks to notify.", max_length=8)


class RemediationSpec(ValidatedModel):
    """The action and its cause. It is immutable: each action has its own Remediation."""

    model_config = rules(
        ("self == oldSelf", "spec is immutable: a Remediation is the record of one action; delete it instead")
    )

    policy_ref: PolicyRef = Field(description="The policy that decided the action.")
    report_ref: ReportRef = Field(description="The report that the decision is based on.")
    target: Target = Field(description="The run that the action applies to.")
    root_name: str = Field(description="Name of the chain's first Workflow.", min_length=1, max_length=LINE)
    root_uid: str = Field(description="uid of the chain's first Workflow.", min_length=1, max_length=SHORT)
    rule: str = Field(description="Name of the matching rule.", min_length=1, max_length=SHORT)
    action: ActionType = Field(description="The action to perform.")
    lock_class: LockClass = Field(description="The lock that this Remediation holds on the run.")
    attempt: int = Field(
        description="Number of this action in its chain, from 1. It is part of the name of a resubmission.",
        ge=1,
        le=1000,
    )
    counts_toward_limit: bool = Field(
        default=True, description="Whether the action counts toward maxAttempts instead of infraMaxAttempts."
    )
    reason: str = Field(
        description="The class of the failure, or the reason of the stall, that the action responds to.",
        min_length=1,
        max_length=SHORT,
    )
    fingerprint: str | None = Field(None, description="The fingerprint of this failure.", max_length=SHORT)
    message: str | None = Field(None, description="The cause of the action, in words.", max_length=TEXT)
    plan: Plan = Field(Plan(), description="The changes that the action makes.")
    approval_required: bool = Field(default=False, description="Whether a person has to approve the action.")
    dry_run: bool = Field(default=False, description="Whether the action is only recorded, never performed.")


class ObjectRef(ValidatedModel):
    """The object that the action created or changed."""

    api_version: str = Field(description="API version of the object.", max_length=SHORT)
    kind: str = Field(description="Kind of the object.", max_length=SHORT)
    name: str = Field(description="Name of the object, in the same namespace.", max_length=LINE)
    uid: str | None = Field(None, description="uid of the object.", max_length=SHORT)


class RemediationStatus(ValidatedModel):
    """Progress and outcome of the action. Written by the operator; people with the right to approve set Approved."""

    observed_generation: int | None = Field(None, description="Generation of the spec that this status reflects.", ge=0)
    conditions: list[Annotated[Condition, EMBEDDED]] | None = Field(
        None,
        description=(
            "Approved: the action is approved. Executed: it was performed. Succeeded: it helped, that is, the new run "
            "succeeded."
        ),
        max_length=16,
    )
    approved_by: str | None = Field(
        None, description="Name of the person who approved or denied the action.", max_length=LINE
    )
    stopped_at: Time | None = Field(
        None, description="Time at which a run that hung was stopped, in order to resubmit it once it has ended."
    )
    executed_at: Time | None = Field(None, description="Time at which the action was performed.")
    result_ref: ObjectRef | None = Field(None, description="The object that the action created or changed.")
    finished_at: Time | None = Field(
        None, description="Time at which the outcome became known: the end of the new run."
    )
    message: str | None = Field(None, description="The result in words.", max_length=TEXT)

    def dump(self) -> dict[str, Any]:
        """Return the status as the API stores it: camelCase, without nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Remediation(ValidatedModel):
    """One action on one run: its lock, its record, and whether it helped."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["Remediation"] = KIND_REMEDIATION
    metadata: Annotated[ObjectMetadata, EMBEDDED]
    spec: RemediationSpec
    status: RemediationStatus | None = None
