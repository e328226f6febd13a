"""Warns that a namespace has more reports of users than are followed: one Event an hour, and no write to any report."""

import logging
from collections.abc import Callable
from datetime import datetime

from wfreport.api.names import KIND_REPORT
from wfreport.api.reasons import Reason
from wfreport.kube.events import WARNING, Events, InvolvedObject
from wfreport.kube.objects import ObjectMeta
from wfreport.logs import kv
from wfreport.runtime.hourly import OnceAnHour

log = logging.getLogger(__name__)

_MESSAGE = (
    "this report is not followed: its namespace has more reports that users created than the operator follows "
    "(WFREPORT_USER_REPORTS_PER_NAMESPACE_MAX), or its Workflow has. Delete reports that nobody needs"
)


class UserReportLimit:
    """Warns of reports that are not followed."""

    def __init__(self, events: Events, *, clock: Callable[[], datetime]) -> None:
        self._events = events
        self._hourly = OnceAnHour(clock)

    async def warn(self, report: ObjectMeta) -> None:
        """Log, and emit an Event about a report that is not followed, unless its namespace had one in this hour."""
        hour = self._hourly.begin(report.namespace)
        if hour is None:
            return
        log.warning("reports are not followed: too many in the namespace", extra=kv(namespace=report.namespace))
        involved = InvolvedObject(KIND_REPORT, report.namespace, report.name, report.uid)
        await self._events.record(involved, Reason.TOO_MANY_REPORTS, _MESSAGE, event_type=WARNING, discriminator=hour)
