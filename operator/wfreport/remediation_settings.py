"""The bounds of policies and their actions, a part of the settings."""

from pydantic import Field
from pydantic_settings import BaseSettings


class RemediationSettings(BaseSettings):
    """The bounds of policies and their actions, a part of ``Settings``."""

    policies_per_namespace_max: int = Field(
        50,
        ge=1,
        le=1000,
        description=(
            "Maximum number of RemediationPolicies of a namespace that are in force: the oldest ones. Further ones "
            "have no effect, with the reason `TooManyPolicies`, until others are deleted."
        ),
    )
    remediation_max_concurrent: int = Field(
        50,
        ge=1,
        le=10_000,
        description=(
            "Maximum number of actions of all policies together whose outcome is pending; a fuse for the whole "
            "operator. An action counts for at most six hours. Notifications count separately, for at most ten minutes."
        ),
    )
    remediation_max_concurrent_per_namespace: int = Field(
        10,
        ge=1,
        le=10_000,
        description="Maximum number of actions of one namespace whose outcome is pending, counted in the same way.",
    )
    remediation_max_per_hour: int = Field(
        300,
        ge=1,
        le=100_000,
        description="Maximum number of actions of all policies together per hour. Notifications count separately.",
    )
    remediation_max_per_hour_per_namespace: int = Field(
        60,
        ge=1,
        le=100_000,
        description="Maximum number of actions of one namespace per hour, counted in the same way.",
    )
    remediation_keep_days: int = Field(
        90,
        ge=1,
        le=3650,
        description=(
            "Days until a Remediation that is final is deleted. It is the record of an action, and takes 5 to 12 kB of "
            "the operator's memory."
        ),
    )
