"""Chooses the Events of a report: what `kubectl describe` ends with. A run that succeeded has none.

A failed run has one with its cause and the next step, once its evidence is complete, and one if a policy would act
but is held. What a policy has done is an Event of its own (``remediation/writer.py``). Events of the API server expire
after an hour, so runs that ended earlier get none: a new installation does not create thousands.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from wfreport.api.argo import Phase
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ReportStatus, Stalled
from wfreport.api.wire import rfc3339
from wfreport.core.next_steps.lines import first_lines
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.render.compared import slow_warnings

MAX_AGE: Final = timedelta(hours=1)
_FAILED: Final = (Phase.FAILED, Phase.ERROR)


class ReportEvent(Struct, frozen=True):
    """An Event about a report.

    Attributes:
        reason: reason of the Event.
        message: its text.
        discriminator: distinguishes the Events of several runs of a Workflow.
    """

    reason: Reason
    message: str
    discriminator: str


def events_of_write(
    stored: ReportStatus | None, status: ReportStatus, *, namespace: str, workflow: str, now: datetime
) -> list[ReportEvent]:
    """Return the Events that a write of a report's status deserves.

    Args:
        stored: status before the write, if any.
        status: status to be written.
        namespace: namespace of the report.
        workflow: name of its Workflow.
        now: current time.
    """
    run = _concluded_run(status, now)
    if run is None:
        return list(_lateness(stored, status))
    steps = " ".join(first_lines(ReportedRun(workflow, namespace, status)))
    return [*_failure(stored, status, run, steps, now), *_hold(stored, status, run)]


def stall_message(stalled: Stalled, *, namespace: str, workflow: str) -> str:
    """Return the text of the Event about a run that begins to hang, with the command that shows what to do."""
    sentences = [f"{stalled.message or stalled.reason}.", stalled.advice or ""]
    return " ".join([*filter(None, sentences), f"Next: kubectl wfreport show {workflow} -n {namespace}"])


def _failure(
    stored: ReportStatus | None, status: ReportStatus, run: str, steps: str, now: datetime
) -> Iterator[ReportEvent]:
    if stored is None or _concluded_run(stored, now) != run:
        yield ReportEvent(Reason.RUN_FAILED, f"{status.summary or 'the run failed'}. Next: {steps}", run)


def _lateness(stored: ReportStatus | None, status: ReportStatus) -> Iterator[ReportEvent]:
    late = slow_warnings(status)
    if late and not (stored and slow_warnings(stored)):
        started_at = status.observed_workflow and status.observed_workflow.started_at
        steps = ", ".join(warning.display_name or "" for warning in late[1:])
        message = f"the run {late[0].message}{f'. Slow steps: {steps}' if steps else ''}"
        yield ReportEvent(Reason.RUN_SLOW, message, f"{started_at}/{Reason.RUN_SLOW}")


def _hold(stored: ReportStatus | None, status: ReportStatus, run: str) -> Iterator[ReportEvent]:
    held = status.remediation.held if status.remediation else None
    before = stored.remediation.held if stored and stored.remediation else None
    if held and (before is None or before.reason != held.reason):
        message = f"policy {held.policy_name} does not act: {held.reason}{f': {held.message}' if held.message else ''}"
        yield ReportEvent(Reason.REMEDIATION_HELD, message, f"{run}/{held.reason}")


def _concluded_run(status: ReportStatus, now: datetime) -> str | None:
    """Return the start of a run that failed and whose evidence is complete; None for any other run."""
    observed = status.observed_workflow
    if observed is None or observed.phase not in _FAILED or observed.finished_at is None:
        return None
    evidence = {c.status for c in status.conditions or () if c.type == ConditionType.EVIDENCE_COMPLETE}
    if "Unknown" in evidence or now - observed.finished_at > MAX_AGE:
        return None
    return rfc3339(observed.started_at or observed.finished_at)
