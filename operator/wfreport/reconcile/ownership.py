"""Decides which installation writes a report, if the selections of two installations overlap (docs/decisions/0026).

An installation is all replicas that share a Lease. The one that writes a report's status first puts its name there, as
``status.reporter``. Others leave the report to it: if each wrote what its own settings make of the Workflow, the event
of every write would lead to a write of the other installation, forever.

    stored reporter     run                                                        written by this installation
    ------------------  ---------------------------------------------------------  ----------------------------
    none, or this one   any                                                        yes
    another             goes on                                                    no
    another             has ended, and the report has its end                      no
    another             has ended, less than ``TAKEOVER_AFTER`` ago                no
    another             has ended before that, and the report still lacks its end  yes: the other one is gone
    another             Workflow was deleted, or never existed                     yes: both write the same, once
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.names import KIND_REPORT
from wfreport.api.reasons import Reason
from wfreport.api.report import ReportStatus
from wfreport.kube.events import WARNING, Events, InvolvedObject
from wfreport.kube.objects import ObjectMeta
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

TAKEOVER_AFTER: Final = timedelta(minutes=10)
"""Two intervals of the resync: a living installation has reported the end by then."""


def is_left_to_other(
    stored: ReportStatus | None, rendered: ReportStatus, installation: str, *, is_final: bool, now: datetime
) -> bool:
    """Return whether another installation writes this report.

    Args:
        stored: the stored status, if any.
        rendered: the status that this installation would write.
        installation: the name of this installation; empty: it has none, and writes every report.
        is_final: whether the run has ended, or its Workflow is gone.
        now: the current time.
    """
    if stored is None or not installation or stored.reporter in {None, installation}:
        return False
    if not is_final:
        return True
    run = rendered.observed_workflow
    if run is None or run.finished_at is None:
        return False
    return _has_end(stored, rendered) or now - run.finished_at < TAKEOVER_AFTER


def _has_end(stored: ReportStatus | None, rendered: ReportStatus) -> bool:
    """Return whether the stored report has the end of the run."""
    reported, run = stored.observed_workflow if stored else None, rendered.observed_workflow
    return reported is not None and run is not None and reported.resource_version == run.resource_version


class ReportOwnership:
    """Decides which reports this installation writes, and makes overlapping selections known.

    Args:
        installation: the name of this installation, ``namespace/name`` of its Lease; empty: it has none.
        events: writes the Event, one for each namespace and other installation.
        metrics: counts the statuses that were not written.
        clock: returns the present time.
    """

    def __init__(self, installation: str, *, events: Events, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self.installation = installation
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._started_at = clock()
        self._announced: set[tuple[str, str]] = set()
        self._gone: set[str] = set()

    def is_other(self, reporter: str) -> bool:
        """Return whether this is the name of another installation."""
        return bool(self.installation and reporter) and reporter != self.installation

    def is_gone(self, reporter: str) -> bool:
        """Return whether a report of this installation had to be taken over since it was last seen alive."""
        return reporter in self._gone

    async def is_left_to_other(
        self, meta: ObjectMeta, stored: ReportStatus | None, rendered: ReportStatus, *, is_final: bool
    ) -> bool:
        """Return whether another installation writes this report; if it is alive, log, count and record that."""
        now = self._clock()
        is_left = is_left_to_other(stored, rendered, self.installation, is_final=is_final, now=now)
        reporter = (stored.reporter if stored else None) or ""
        if self.is_other(reporter):
            self._note_life(reporter, rendered, has_end=is_final and _has_end(stored, rendered), is_left=is_left)
        if is_left and self._is_recent(rendered):
            await self._announce(meta, reporter)
        return is_left

    def _note_life(self, reporter: str, rendered: ReportStatus, *, has_end: bool, is_left: bool) -> None:
        """Remember whether another installation has reported the end of a run in time."""
        run = rendered.observed_workflow
        if has_end and self._is_recent(rendered):
            self._gone.discard(reporter)
        elif not is_left and run is not None and run.finished_at is not None:
            self._gone.add(reporter)

    def _is_recent(self, rendered: ReportStatus) -> bool:
        """Return whether the run has ended since the start of this process: older reports may be of a former one."""
        run = rendered.observed_workflow
        return run is None or run.finished_at is None or run.finished_at >= self._started_at

    async def _announce(self, meta: ObjectMeta, reporter: str) -> None:
        self._metrics.reports_left.inc()
        message = (
            f"{reporter} reports this Workflow, which {self.installation} selects as well: "
            "narrow WFREPORT_NAMESPACES, WFREPORT_INSTANCE_ID or WFREPORT_LABEL_SELECTOR of one of them"
        )
        pairs = kv(namespace=meta.namespace, report=meta.name, reporter=reporter)
        throttle = throttled("ownership", meta.namespace, reporter)
        log.warning("another installation reports this Workflow", extra=pairs | throttle)
        if (meta.namespace, reporter) in self._announced:
            return
        self._announced.add((meta.namespace, reporter))
        involved = InvolvedObject(KIND_REPORT, meta.namespace, meta.name, meta.uid)
        await self._events.record(
            involved, Reason.REPORTED_BY_OTHER, message, event_type=WARNING, discriminator=reporter
        )
