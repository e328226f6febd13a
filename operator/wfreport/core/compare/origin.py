"""Finds out which runs are comparable: those of the same cron, template, generateName or name, in this order."""

from datetime import datetime

from msgspec import Struct

from wfreport.api.run import WorkflowSource


class RunOutcome(Struct, frozen=True):
    """How a run ended.

    Attributes:
        origin: what it has in common with comparable runs, such as ``CronWorkflow/etl``.
        finished_at: its end.
        seconds: its duration; None if unknown.
        has_succeeded: whether it succeeded.
        fingerprint: fingerprint of the failure that made it fail; empty for none.
    """

    origin: str
    finished_at: datetime
    seconds: int | None
    has_succeeded: bool
    fingerprint: str = ""


def origin_of(source: WorkflowSource | None, workflow_name: str) -> str:
    """Return what a run has in common with the runs that it is compared with, as ``kind/name``."""
    kind, name = (source and source.origin) or ("Workflow", workflow_name)
    return f"{kind}/{name}"
