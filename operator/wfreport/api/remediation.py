"""The kind ``Remediation``: one action on one run, with its lock, its record and its outcome."""

from enum import StrEnum
from typing import Final, Literal

from wfreport.api.action_types import ActionType
from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REMEDIATION
from wfreport.api.wire import DNS_SUBDOMAIN, LINE, LOG, SHORT, TEXT, UID, Field, Model, Name, Time, schema_of_rules


class LockClass(StrEnum):
    """The lock that a Remediation holds. A run has at most one Remediation per lock class, across all policies.

    That a run hangs is notified under a lock of its own: if it goes on and fails later, that is another message.
    """

    MUTATE = "mutate"
    NOTIFY = "notify"
    NOTIFY_STALL = "notify-stall"


NOTIFY_LOCKS: Final = frozenset({LockClass.NOTIFY, LockClass.NOTIFY_STALL})
"""Locks of notifications."""


class PolicyRef(Model):
    """The policy at the time of the decision."""

    name: str = Field(
        "Name of the policy, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str = Field("uid of the policy.", max_length=SHORT)
    generation: int = Field("Generation of the policy's spec.", ge=0)


class ReportRef(Model):
    """The report that the decision is based on."""

    name: str = Field(
        "Name of the report, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str | None = Field("uid of the report.", default=None, max_length=SHORT)


class Target(Model):
    """The run at the time of the decision."""

    api_version: str = Field("API version of the Workflow.", default="argoproj.io/v1alpha1", max_length=SHORT)
    kind: str = Field("Kind of the Workflow.", default="Workflow", max_length=SHORT)
    name: str = Field(
        "Name of the Workflow, in the same namespace.", min_length=1, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    uid: str = Field("uid of the Workflow.", min_length=1, max_length=SHORT, pattern=UID)
    resource_version: str | None = Field(
        "resourceVersion of the Workflow. The action is refused if it has changed.", default=None, max_length=SHORT
    )
    started_at: Time | None = Field("Start of the run; a manual retry starts a new run.", default=None)


class Plan(Model):
    """The changes that the action makes."""

    new_name: str | None = Field("Name of the new Workflow.", default=None, max_length=SHORT, pattern=DNS_SUBDOMAIN)
    template_name: str | None = Field("Template whose memory limit is raised.", default=None, max_length=LINE)
    container: str | None = Field("Container whose memory limit is raised.", default=None, max_length=LINE)
    cron_workflow: str | None = Field(
        "Name of the CronWorkflow to suspend.", default=None, max_length=LINE, pattern=DNS_SUBDOMAIN
    )
    before: dict[Name, str] | None = Field("The changed values before the action.", default=None, max_length=64)
    after: dict[Name, str] | None = Field("The changed values after the action.", default=None, max_length=64)
    patch: str | None = Field("The patch, as JSON.", default=None, max_length=LOG)
    sinks: list[Name] | None = Field("Names of the sinks to notify.", default=None, max_length=8)


class RemediationSpec(Model):
    """The action and its cause. It is immutable: each action has its own Remediation."""

    schema_beside = schema_of_rules(
        ("self == oldSelf", "spec is immutable: a Remediation is the record of one action; delete it instead")
    )

    policy_ref: PolicyRef = Field("The policy that decided the action.")
    report_ref: ReportRef = Field("The report that the decision is based on.")
    target: Target = Field("The run that the action applies to.")
    root_name: str = Field("Name of the chain's first Workflow.", min_length=1, max_length=LINE)
    root_uid: str = Field("uid of the chain's first Workflow.", min_length=1, max_length=SHORT)
    rule: str = Field("Name of the matching rule.", min_length=1, max_length=SHORT)
    action: ActionType = Field("The action to perform.")
    lock_class: LockClass = Field("The lock that this Remediation holds on the run.")
    attempt: int = Field(
        "Number of this action in its chain, from 1. It is part of the name of a resubmission.", ge=1, le=1000
    )
    counts_toward_limit: bool = Field(
        "Whether the action counts toward maxAttempts instead of infraMaxAttempts.", default=True
    )
    reason: str = Field(
        "The class of the failure, or the reason of the stall, that the action responds to.",
        min_length=1,
        max_length=SHORT,
    )
    fingerprint: str | None = Field("The fingerprint of this failure.", default=None, max_length=SHORT)
    message: str | None = Field("The cause of the action, in words.", default=None, max_length=TEXT)
    plan: Plan = Field("The changes that the action makes.", default=Plan())
    approval_required: bool = Field("Whether a person has to approve the action.", default=False)
    dry_run: bool = Field("Whether the action is only recorded, never performed.", default=False)


class ObjectRef(Model):
    """The object that the action created or changed."""

    api_version: str = Field("API version of the object.", max_length=SHORT)
    kind: str = Field("Kind of the object.", max_length=SHORT)
    name: str = Field("Name of the object, in the same namespace.", max_length=LINE)
    uid: str | None = Field("uid of the object.", default=None, max_length=SHORT)


class RemediationStatus(Model):
    """Progress and outcome of the action. Written by the operator; people with the right to approve set Approved."""

    observed_generation: int | None = Field("Generation of the spec that this status reflects.", default=None, ge=0)
    conditions: list[Condition] | None = Field(
        (
            "Approved: the action is approved. Executed: it was performed. Succeeded: it helped, that is, the new run "
            "succeeded."
        ),
        default=None,
        max_length=16,
    )
    approved_by: str | None = Field(
        "Name of the person who approved or denied the action.", default=None, max_length=LINE
    )
    stopped_at: Time | None = Field(
        "Time at which a run that hung was stopped, in order to resubmit it once it has ended.", default=None
    )
    executed_at: Time | None = Field("Time at which the action was performed.", default=None)
    result_ref: ObjectRef | None = Field("The object that the action created or changed.", default=None)
    finished_at: Time | None = Field("Time at which the outcome became known: the end of the new run.", default=None)
    message: str | None = Field("The result in words.", default=None, max_length=TEXT)


class Remediation(Model):
    """One action on one run: its lock, its record, and whether it helped."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["Remediation"] = KIND_REMEDIATION
    metadata: ObjectMetadata
    spec: RemediationSpec
    status: RemediationStatus | None = None
