"""The numbers of nodes and of steps in a report's status."""

from pydantic import Field

from wfreport.api.wire import Model


class Counts(Model):
    """Number of nodes by phase. Absent if the nodes cannot be read: unknown is not zero."""

    total: int = Field(description="All nodes, including groups and hooks.", ge=0)
    succeeded: int = Field(description="Nodes in phase Succeeded.", ge=0)
    failed: int = Field(description="Nodes in phase Failed.", ge=0)
    errored: int = Field(description="Nodes in phase Error.", ge=0)
    running: int = Field(description="Nodes in phase Running.", ge=0)
    pending: int = Field(description="Nodes in phase Pending.", ge=0)
    skipped: int = Field(description="Nodes in phase Skipped.", ge=0)
    omitted: int = Field(description="Nodes in phase Omitted.", ge=0)
    retried_attempts: int = Field(description="Failed attempts that were followed by another attempt.", ge=0)
    memoized: int = Field(description="Nodes whose outputs came from a cache.", ge=0)


class StepCounts(Model):
    """Number of steps that do work: pods, HTTP requests, plugins, suspensions. Retries of a step are one step."""

    total: int = Field(description="All steps, without groups, containers of a set, and superseded attempts.", ge=0)
    succeeded: int = Field(description="Steps that succeeded.", ge=0)
    failed: int = Field(
        description="Steps that failed by themselves, in phase Failed or Error, with no attempt left.", ge=0
    )
    running: int = Field(description="Steps that run, or whose next attempt is due.", ge=0)
    pending: int = Field(description="Steps that have not started.", ge=0)
    skipped: int = Field(description="Steps whose `when` was false, or whose outputs were not needed.", ge=0)
    omitted: int = Field(description="Steps that were left out because of the result of another step.", ge=0)
