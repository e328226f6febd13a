"""The numbers of nodes and of steps in a report's status."""

from wfreport.api.wire import Field, Model


class Counts(Model):
    """Number of nodes by phase. Absent if the nodes cannot be read: unknown is not zero."""

    total: int = Field("All nodes, including groups and hooks.", ge=0)
    succeeded: int = Field("Nodes in phase Succeeded.", ge=0)
    failed: int = Field("Nodes in phase Failed.", ge=0)
    errored: int = Field("Nodes in phase Error.", ge=0)
    running: int = Field("Nodes in phase Running.", ge=0)
    pending: int = Field("Nodes in phase Pending.", ge=0)
    skipped: int = Field("Nodes in phase Skipped.", ge=0)
    omitted: int = Field("Nodes in phase Omitted.", ge=0)
    retried_attempts: int = Field("Failed attempts that were followed by another attempt.", ge=0)
    memoized: int = Field("Nodes whose outputs came from a cache.", ge=0)


class StepCounts(Model):
    """Number of steps that do work: pods, HTTP requests, plugins, suspensions. Retries of a step are one step."""

    total: int = Field("All steps, without groups, containers of a set, and superseded attempts.", ge=0)
    succeeded: int = Field("Steps that succeeded.", ge=0)
    failed: int = Field("Steps that failed by themselves, in phase Failed or Error, with no attempt left.", ge=0)
    running: int = Field("Steps that run, or whose next attempt is due.", ge=0)
    pending: int = Field("Steps that have not started.", ge=0)
    skipped: int = Field("Steps whose `when` was false, or whose outputs were not needed.", ge=0)
    omitted: int = Field("Steps that were left out because of the result of another step.", ge=0)
