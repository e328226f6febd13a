"""``Remediation``, kind and CRD: one action on one run: the lock, the record and the outcome in one object."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from wfreport.api.actions import ActionType
from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, KIND_REMEDIATION
from wfreport.api.wire import LINE, LOG, SHORT, TEXT, Model, Name, Time, rules


class LockClass(StrEnum):
    """What a Remediation locks: a run gets one of each at the most, whatever the policies."""

    MUTATE = "mutate"
    NOTIFY = "notify"


class PolicyRef(Model):
    """The policy as it was when it decided."""

    name: str = Field(description="Its name, in the same namespace.", min_length=1, max_length=LINE)
    uid: str = Field(description="Its uid.", max_length=SHORT)
    generation: int = Field(description="The generation of its spec.", ge=0)


class ReportRef(Model):
    """The report from which it was decided."""

    name: str = Field(description="Its name, in the same namespace.", min_length=1, max_length=LINE)
    uid: str | None = Field(None, description="Its uid.", max_length=SHORT)


class Target(Model):
    """The run, as it was when it was decided on."""

    api_version: str = Field("argoproj.io/v1alpha1", description="Its API version.", max_length=SHORT)
    kind: str = Field("Workflow", description="Its kind.", max_length=SHORT)
    name: str = Field(description="The Workflow's name, in the same namespace.", min_length=1, max_length=LINE)
    uid: str = Field(description="Its uid.", min_length=1, max_length=SHORT)
    resource_version: str | None = Field(
        None, description="Its resourceVersion: an act on another one is refused.", max_length=SHORT
    )
    started_at: Time | None = Field(None, description="When the run started; a manual retry starts a new run.")


class Plan(Model):
    """What the act changes."""

    new_name: str | None = Field(None, description="Name of the Workflow that is made.", max_length=SHORT)
    template_name: str | None = Field(None, description="The template whose memory is raised.", max_length=LINE)
    container: str | None = Field(None, description="The container whose memory is raised.", max_length=LINE)
    cron_workflow: str | None = Field(None, description="The CronWorkflow that is suspended.", max_length=LINE)
    before: dict[Name, str] | None = Field(None, description="What is changed, as it was.", max_length=64)
    after: dict[Name, str] | None = Field(None, description="The same, as it will be.", max_length=64)
    patch: str | None = Field(None, description="The patch, as JSON.", max_length=LOG)
    sinks: list[Name] | None = Field(None, description="Names of the sinks that are told.", max_length=8)


class RemediationSpec(Model):
    """What is to be done, and why. It cannot be changed: another act is another Remediation."""

    model_config = rules(
        ("self == oldSelf", "spec cannot be changed: a Remediation is the record of one act; delete it instead")
    )

    policy_ref: PolicyRef = Field(description="The policy that asks for it.")
    report_ref: ReportRef = Field(description="The report from which it was decided.")
    target: Target = Field(description="The run it is about.")
    root_name: str = Field(description="Name of the chain's first Workflow.", min_length=1, max_length=LINE)
    root_uid: str = Field(description="uid of the chain's first Workflow.", min_length=1, max_length=SHORT)
    rule: str = Field(description="The rule that matched.", min_length=1, max_length=SHORT)
    action: ActionType = Field(description="What is done.")
    lock_class: LockClass = Field(description="What it locks.")
    attempt: int = Field(
        description="Which act on this chain it is, from 1; a resubmission is named after it.", ge=1, le=1000
    )
    counts_toward_limit: bool = Field(
        default=True, description="Whether it counts toward maxAttempts, rather than infraMaxAttempts."
    )
    reason: str = Field(description="The class of the failure it answers.", min_length=1, max_length=SHORT)
    fingerprint: str | None = Field(None, description="The fingerprint of that failure.", max_length=SHORT)
    message: str | None = Field(None, description="Why, for people.", max_length=TEXT)
    plan: Plan = Field(Plan(), description="What it changes.")
    approval_required: bool = Field(default=False, description="Whether a person has to approve it.")
    dry_run: bool = Field(default=False, description="Whether it only says what would be done.")


class ObjectRef(Model):
    """What the act made or changed."""

    api_version: str = Field(description="Its API version.", max_length=SHORT)
    kind: str = Field(description="Its kind.", max_length=SHORT)
    name: str = Field(description="Its name, in the same namespace.", max_length=LINE)
    uid: str | None = Field(None, description="Its uid.", max_length=SHORT)


class RemediationStatus(Model):
    """How it went. Written by the operator; Approved may be written by whoever may approve."""

    observed_generation: int | None = Field(None, description="The generation that this answers.", ge=0)
    conditions: list[Condition] | None = Field(
        None,
        description=(
            "Approved: it may be done. Executed: it was done. Succeeded: it helped, which is how the new run ended."
        ),
        max_length=16,
    )
    approved_by: str | None = Field(None, description="Who approved or denied it.", max_length=LINE)
    executed_at: Time | None = Field(None, description="When it was done.")
    result_ref: ObjectRef | None = Field(None, description="What it made or changed.")
    finished_at: Time | None = Field(None, description="When its outcome was known: the end of the new run.")
    message: str | None = Field(None, description="How it went, for people.", max_length=TEXT)

    def dump(self) -> dict[str, Any]:
        """The status as it stands in the API: camelCase, absent rather than null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Remediation(Model):
    """One act on one run: its lock, its record, and whether it helped."""

    api_version: Literal["wfreport.dev/v1alpha1"] = API_VERSION
    kind: Literal["Remediation"] = KIND_REMEDIATION
    metadata: ObjectMetadata
    spec: RemediationSpec
    status: RemediationStatus | None = None
